package metrics

import (
	"bytes"
	"regexp"

	"github.com/reprocheck/reprocheck/runner/metrics/volatile"
)

// field is one number found on a line.
type field struct {
	// label names the number as it was printed, "" where nothing does; index is its place among the numbers after one label.
	label []byte
	index int
	text  []byte
	value float64
	// start and end delimit the number and its unit on the line.
	start, end int
	role       role
	// full says of a progress bar that it has come to its end.
	full bool
	// given says that the user's own pattern read it.
	given bool
	// why says that the unit or the shape of the text makes the value volatile.
	why string
}

// volatile reports why the number, called name, is volatile, or "". An error in milliseconds is an error.
func (f *field) volatile(name string) string {
	switch {
	case f.why == "":
		return volatile.Name(name)
	case (f.why == volatile.Time || f.why == volatile.Size) && f.label != nil && volatile.Measure(name):
		return ""
	}
	return f.why
}

// moment marks a number that stands in a document or a table without a unit, but is a time.
func (f *field) moment() {
	if f.role == measured && volatile.Moment(f.text, string(f.label)) {
		f.why = volatile.Date
	}
}

// format is one way in which programs print metrics.
type format interface {
	// read appends the numbers on the line to fields, and reports whether the line is of this format at all.
	read(fields []field, line []byte) ([]field, bool)
}

// formatList tries formats in order; the first that knows a line reads it.
type formatList []format

// formats lists all formats, the most particular first. A new one is added here.
func formats(patterns []*regexp.Regexp) formatList {
	var list formatList
	if len(patterns) > 0 {
		list = append(list, patternFormat{patterns})
	}
	return append(list, literalFormat{}, pairFormat{})
}

func (l formatList) read(fields []field, line []byte) []field {
	for _, f := range l {
		if out, ok := f.read(fields, line); ok {
			return out
		}
	}
	return fields
}

// lineReader finds the numbers on the lines of a stream.
type lineReader struct {
	formats formatList
	columns columns
	fields  []field
}

// read returns the numbers on a line; they are valid until the next call.
func (r *lineReader) read(line []byte) []field {
	r.fields = r.fields[:0]
	if interesting(line) {
		r.fields = r.formats.read(r.fields, line)
	}
	if len(r.fields) == 0 {
		r.columns.words(line)
		return nil
	}
	fields := r.columns.label(line, r.fields)
	namedTimes(fields)
	return fields
}

// namedTimes marks the numbers of one line or row whose names say that they are times only beside others.
func namedTimes(fields []field) {
	dataTimes(fields)
	remainingTimes(fields)
	episodeTimes(fields)
}

// dataTimes marks the numbers called "Data" behind one called "Time": the meters of PyTorch's ImageNet example, and of the many loops written
// after it, print how long a batch took to load under that name.
func dataTimes(fields []field) {
	behind := false
	for i := range fields {
		f := &fields[i]
		switch {
		case f.role != measured:
		case bytes.EqualFold(f.label, []byte("time")):
			behind = true
		case behind && bytes.EqualFold(f.label, []byte("data")) && f.why == "" && bytes.IndexByte(f.text, '.') >= 0:
			f.why = volatile.Time
		default:
			behind = false
		}
	}
}

// remainingTimes marks the number called "eta" on a line that also tells a time or a throughput: alone it may be a learning rate.
func remainingTimes(fields []field) {
	for i := range fields {
		f := &fields[i]
		if f.role != measured || f.why != "" || !bytes.EqualFold(f.label[bytes.LastIndexByte(f.label, '/')+1:], []byte("eta")) {
			continue
		}
		for j := range fields {
			switch why := fields[j].volatile(string(fields[j].label)); why {
			case volatile.Time, volatile.Throughput:
				f.why = volatile.Time
			}
		}
	}
}

// episodeTimes marks the number called "t" behind "r" and "l": reward, length and seconds of an episode, as gymnasium's
// RecordEpisodeStatistics and the monitor files of Stable-Baselines3 call them.
func episodeTimes(fields []field) {
	for i := 2; i < len(fields); i++ {
		f := &fields[i]
		group, named := bytes.CutSuffix(f.label, []byte("t"))
		if named && f.role == measured && f.why == "" && isMember(fields[i-2].label, group, 'r') && isMember(fields[i-1].label, group, 'l') {
			f.why = volatile.Time
		}
	}
}

// isMember reports whether a label is a group's path and one letter.
func isMember(label, group []byte, letter byte) bool {
	last := len(label) - 1
	return last == len(group) && label[last] == letter && bytes.Equal(label[:last], group) && (last == 0 || label[last-1] == '/')
}

// interesting reports whether a line can hold a number at all, which few lines of a log's bulk may.
func interesting(line []byte) bool {
	for i, c := range line {
		if isDigit(c) {
			return true
		}
		if c|0x20 == 'n' && i+2 < len(line) {
			if line[i+1]|0x20 == 'a' && line[i+2]|0x20 == 'n' || line[i+1]|0x20 == 'f' && i > 0 && line[i-1]|0x20 == 'i' {
				return true
			}
		} else if c|0x20 == 'f' && i > 1 && line[i-1]|0x20 == 'n' && line[i-2]|0x20 == 'i' {
			return true
		}
	}
	return false
}
