package diagnose

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/reprocheck/reprocheck/compare/trace"
	"github.com/reprocheck/reprocheck/runner/record"
	"github.com/reprocheck/reprocheck/seed/probe"
)

// How programs write the day as a number, alone or with the hour and the minute.
var dayLayouts = []string{"20060102", "060102", "02012006", "01022006", "2006002", "2006010215", "200601021504", "0601021504"}

// datedSeed warns of a seed that is the day on which the runs were made, in a program that reads the clock: runs of one day agree.
func datedSeed(o *observation) []record.Warning {
	if !slices.ContainsFunc(o.summary.Sites, func(s *trace.Seen) bool { return s.Kind == probe.KindClock }) {
		return nil
	}
	days := daysOf(o.run.Started)
	for _, s := range o.summary.Sites {
		if s.Kind != probe.KindSeed {
			continue
		}
		i := slices.IndexFunc(s.Values, func(v string) bool { return slices.Contains(days, digitsOf(v)) })
		if i >= 0 {
			return []record.Warning{{ID: "dated-seed", File: s.File, Line: s.Line,
				Text: fmt.Sprintf("%s seeds %s with %s, which is the time of this audit: runs of one day agree, and those of another day do not. Write the seed down.", at(s), s.Stream, s.Values[i])}}
		}
	}
	return nil
}

// daysOf are the numbers by which a moment's day goes, here and at Greenwich: as written with digits, counted from 1970, and counted from
// the year 1 as Python's date.toordinal does.
func daysOf(moment time.Time) []string {
	const perDay, ordinalOf1970 = 24 * 60 * 60, 719_163
	var days []string
	for _, t := range []time.Time{moment.Local(), moment.UTC()} {
		for _, layout := range dayLayouts {
			days = append(days, strings.TrimLeft(t.Format(layout), "0"))
		}
		_, offset := t.Zone()
		day := (t.Unix() + int64(offset)) / perDay
		days = append(days, strconv.FormatInt(day, 10), strconv.FormatInt(day+ordinalOf1970, 10))
	}
	return days
}

// digitsOf reads a number, or a date with its separators.
func digitsOf(value string) string {
	digits := strings.Map(func(r rune) rune {
		switch {
		case '0' <= r && r <= '9':
			return r
		case strings.ContainsRune("-/.:_ '\"T", r):
			return -1
		}
		return 'x'
	}, value)
	return strings.TrimLeft(digits, "0")
}
