package diagnose

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/reprocheck/reprocheck/compare/trace"
	"github.com/reprocheck/reprocheck/runner/plan"
	"github.com/reprocheck/reprocheck/runner/record"
	"github.com/reprocheck/reprocheck/seed"
	"github.com/reprocheck/reprocheck/seed/probe"
)

// locate finds the line of every convicted source that the traces did not show, by comparing line-level traces of
// runs in which the source was free and pinned. What differs between two pinned runs too is not this source's doing.
func (c *inquiry) locate(ctx context.Context, pair *difference, agreed *agreement) error {
	for i := range c.causes {
		cause := &c.causes[i]
		if cause.site != nil && cause.site.File != "" {
			continue
		}
		free, err := c.zoomedFree(ctx, cause, agreed.whole)
		if err != nil {
			return err
		}
		pinned, noise, err := c.zoomedPinned(ctx, pair, agreed.whole)
		if err != nil {
			return err
		}
		if err := cause.place(c.audit.Dir, pinned, noise, free); err != nil {
			return err
		}
		if err := c.addresses(ctx, pair, cause); err != nil {
			return err
		}
	}
	return nil
}

// place compares the traces and takes over the first line that shows the source.
func (v *conviction) place(dir string, pinned, noise, free *observation) error {
	if pinned == nil || free == nil {
		return nil
	}
	differences, err := trace.Zoom(pinned.trace, free.trace)
	if err != nil {
		return err
	}
	var ignored []trace.LocalDifference
	if noise != nil {
		if ignored, err = trace.Zoom(pinned.trace, noise.trace); err != nil {
			return err
		}
	}
	origin, found := trace.Origin(differences, ignored)
	if !found {
		return v.placeByText(dir, free)
	}
	v.suspicion = &suspicion{source: v.source, strength: v.strength, cover: v.cover, fix: v.fix,
		site: &trace.Seen{Site: trace.Site{Process: "main", Kind: probe.KindLine, File: origin.File, Line: origin.Line, Func: origin.Func}, Step: origin.Step, Order: origin.Order}}
	v.origin = &origin
	if calls := ruleOf(v.source).calls; calls != nil && !calls.MatchString(sourceLine(dir, origin.File, origin.Line)) {
		call, ran, err := lastCall(dir, free, calls, origin.Order)
		if err != nil {
			return err
		}
		if ran {
			v.site.File, v.site.Line, v.site.Func = call.File, call.Line, call.Func
			v.story = fmt.Sprintf("%s:%d is where it enters; it first shows at %s:%d, where %s", call.File, call.Line, origin.File, origin.Line, heldDifferently(origin))
			return nil
		}
	}
	if words := ruleOf(v.source).words; words != nil {
		v.story = words(origin)
	}
	return nil
}

// lastCall is the last line before a place in a zoomed trace whose text matches.
func lastCall(dir string, o *observation, calls *regexp.Regexp, before int64) (trace.LocalDifference, bool, error) {
	lines, err := trace.Executed(o.trace)
	if err != nil {
		return trace.LocalDifference{}, false, err
	}
	var last trace.LocalDifference
	for _, l := range lines {
		if l.Order < before && calls.MatchString(sourceLine(dir, l.File, l.Line)) {
			last = l
		}
	}
	return last, last.File != "", nil
}

// placeByText looks among the lines that a zoomed run executed for the first whose text uses the source. The source is
// proven in any case; the line is the likeliest, and the story says so.
func (v *conviction) placeByText(dir string, free *observation) error {
	telltales := []*regexp.Regexp{ruleOf(v.source).telltale}
	if v.source == seed.PythonHash {
		telltales = append(telltales, usesAddress)
	}
	lines, err := trace.Executed(free.trace)
	if err != nil {
		return err
	}
	for _, telltale := range telltales {
		if telltale == nil {
			continue
		}
		i := slices.IndexFunc(lines, func(l trace.LocalDifference) bool { return telltale.MatchString(sourceLine(dir, l.File, l.Line)) })
		if i < 0 {
			continue
		}
		l := lines[i]
		s := *v.suspicion
		s.site = &trace.Seen{Site: trace.Site{Process: "main", Kind: probe.KindLine, File: l.File, Line: l.Line, Func: l.Func}, Step: l.Step}
		s.story = fmt.Sprintf("%s:%d is the likeliest line, by its text: no local value was seen to differ there.", l.File, l.Line)
		v.suspicion, v.origin = &s, &l
		return nil
	}
	return nil
}

// sourceLine is the text of one line of the user's code, empty when it cannot be read.
func sourceLine(dir, file string, line int) string {
	for _, l := range excerpt(dir, file, line) {
		if l.Here {
			return l.Text
		}
	}
	return ""
}

// zoomedFree is a zoomed run in which the source was free, and everything else as in the whole agreement.
func (c *inquiry) zoomedFree(ctx context.Context, cause *conviction, w whole) (*observation, error) {
	if cause.released != nil && cause.released.zoomed {
		return cause.released, nil
	}
	if w.suspects == 1 {
		for _, o := range c.shipped {
			if o.zoomed {
				return o, nil
			}
		}
	}
	e := plan.Release(w.experiment, cause.source)
	zoom := fullZoom()
	runs, err := c.observe(ctx, Ask{Experiment: e, Runs: 1, Zoom: zoom, Cover: w.cover, Enough: c.parted(w.runs[0], zoom)})
	c.seen = append(c.seen, runs...)
	if err != nil {
		return nil, err
	}
	if d, err := c.differ(w.runs[0], runs[0]); err == nil && d.any() {
		c.setExperiment(runs[0].run.Experiment, record.Diverged, "differs with "+string(cause.source)+" released; traced for the line")
	}
	return runs[0], nil
}

// zoomedPinned is a zoomed run of the whole agreement, and a second one that shows what differs all the same.
func (c *inquiry) zoomedPinned(ctx context.Context, pair *difference, w whole) (pinned, noise *observation, err error) {
	zoomed := slices.DeleteFunc(slices.Clone(w.runs), func(o *observation) bool { return !o.zoomed })
	if len(zoomed) < 2 {
		runs, err := c.observe(ctx, Ask{Experiment: w.experiment, Runs: 2 - len(zoomed), Zoom: zoomFor(pair), Cover: w.cover})
		c.seen = append(c.seen, runs...)
		if err != nil {
			return nil, nil, err
		}
		zoomed = append(zoomed, runs...)
	}
	return zoomed[0], zoomed[1], nil
}

// excerpt reads the lines around one line of the user's code; nil when the file cannot be read.
func excerpt(dir, file string, line int) []record.SourceLine {
	const around, longest = 2, 200
	if file == "" || line <= 0 {
		return nil
	}
	path := file
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, file)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	var lines []record.SourceLine
	scan := bufio.NewScanner(f)
	for n := 1; scan.Scan() && n <= line+around; n++ {
		if n < line-around {
			continue
		}
		text := []rune(strings.ReplaceAll(scan.Text(), "\t", "    "))
		if len(text) > longest {
			text = append(text[:longest-1], '…')
		}
		lines = append(lines, record.SourceLine{Number: n, Text: string(text), Here: n == line})
	}
	if !slices.ContainsFunc(lines, func(l record.SourceLine) bool { return l.Here }) {
		return nil
	}
	return lines
}
