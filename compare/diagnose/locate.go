package diagnose

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
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
		if c.unseen() {
			cause.placeInStarter(c.evidence(pair))
			continue // no line of anything else can be traced
		}
		if c.hidden {
			if err := cause.placeByContainer(c.audit.Dir, c.retraced); err != nil {
				return err
			}
			if err := c.addresses(ctx, pair, agreed.whole, cause); err != nil {
				return err
			}
			continue
		}
		pinned, free, err := c.traced(cause)
		if err != nil {
			return err
		}
		if pinned == nil {
			if free, err = c.zoomedFree(ctx, cause, agreed.whole); err != nil {
				return err
			}
			if pinned, err = c.zoomedPinned(ctx, pair, agreed.whole); err != nil {
				return err
			}
		}
		if pinned, err = c.asInputsAre(ctx, pinned, free, agreed.whole); err != nil {
			return err
		}
		if err := cause.place(c.audit.Dir, pinned, free); err != nil {
			return err
		}
		if err := c.addresses(ctx, pair, agreed.whole, cause); err != nil {
			return err
		}
	}
	c.mergeAddresses(pair)
	return nil
}

// traced returns runs of the search that were traced by line and serve to place a conviction: at least two in which its
// source was pinned, and one that differs from the first of them in nothing else; nil where there are none such.
func (c *inquiry) traced(v *conviction) (pinned []*observation, free *observation, err error) {
	pinned = slices.DeleteFunc(slices.Clone(v.agreed), func(o *observation) bool { return !o.zoomed })
	if len(pinned) < 2 || pinned[0] != v.agreed[0] {
		return nil, nil, nil
	}
	free = v.released
	if v.alone {
		// Free it is the command as shipped.
		free = c.tracedAsShipped()
	}
	if free == nil || !free.zoomed {
		return nil, nil, nil
	}
	// The source may have had the pinned value by chance.
	if d, err := c.differ(pinned[0], free); err != nil || !d.any() {
		return nil, nil, err
	}
	return pinned, free, nil
}

// place compares the traces and takes over the first line that shows the source.
func (v *conviction) place(dir string, pinned []*observation, free *observation) error {
	origin, found, err := originOf(pinned, free, v.overwritten)
	if err != nil {
		return err
	}
	if !found {
		return v.placeByText(dir, free)
	}
	return v.placeAt(dir, free, origin)
}

// placeAt takes over the line at which a value first differs, or the one before it that uses the source.
func (v *conviction) placeAt(dir string, free *observation, origin trace.LocalDifference) error {
	v.suspicion = &suspicion{source: v.source, strength: v.strength, cover: v.cover, fix: v.fix,
		site: &trace.Seen{Site: siteAt(origin), Step: origin.Step, Order: origin.Order}}
	v.origin = &origin
	for _, calls := range v.calls(origin, sourceLine(dir, origin.File, origin.Line)) {
		call, ran, err := lastCall(dir, free, calls, origin)
		if err != nil {
			return err
		}
		if ran {
			v.site.Site = siteAt(call)
			v.story = fmt.Sprintf("%s:%d is where it enters; it first shows at %s:%d, where %s", call.File, call.Line, origin.File, origin.Line, heldDifferently(origin))
			return nil
		}
	}
	if words := ruleOf(v.source).words; words != nil {
		v.story = words(origin)
	}
	return nil
}

// originOf is the first local value that a run holds differently than pinned runs do, and they do not among themselves; not
// found where they were not traced by line. late leaves out what came before the last state of the training that they share.
func originOf(pinned []*observation, free *observation, late bool) (origin trace.LocalDifference, found bool, err error) {
	pinned = slices.DeleteFunc(slices.Clone(pinned), func(o *observation) bool { return !o.zoomed })
	if len(pinned) == 0 || !free.zoomed {
		return trace.LocalDifference{}, false, nil
	}
	differences, err := trace.Zoom(pinned[0].trace, free.trace)
	if err != nil {
		return trace.LocalDifference{}, false, err
	}
	var ignored []trace.LocalDifference
	for _, o := range pinned[1:] {
		noise, err := trace.Zoom(pinned[0].trace, o.trace)
		if err != nil {
			return trace.LocalDifference{}, false, err
		}
		ignored = append(ignored, noise...)
	}
	if late {
		if differences, err = afterShared(pinned[0].trace, free.trace, differences); err != nil {
			return trace.LocalDifference{}, false, err
		}
	}
	origin, found = trace.Origin(differences, ignored)
	return origin, found, nil
}

// afterShared leaves the differences after the last state of the training that two runs share, in the process in which they part.
func afterShared(expected, actual trace.Source, differences []trace.LocalDifference) ([]trace.LocalDifference, error) {
	training, err := trace.State(expected, actual)
	if err != nil || training.First == nil {
		return differences, err
	}
	return slices.DeleteFunc(differences, func(d trace.LocalDifference) bool {
		return d.Process != training.First.Process || d.Order <= training.First.Shared
	}), nil
}

// calls are what to look for on the lines before one at which a value first differs, in this order: where that line does
// not use the source itself, another has.
func (v *conviction) calls(origin trace.LocalDifference, line string) []pattern {
	var wanted []pattern
	rule := ruleOf(v.source)
	if rule.passes != nil {
		if origin.Walked() || matchesAny(line, rule.telltale, takesOne, takesAll) {
			return nil
		}
		wanted = append(wanted, rule.passes)
	}
	for _, calls := range rule.calls {
		if calls().MatchString(line) {
			return nil
		}
		wanted = append(wanted, calls)
	}
	if takesOne().MatchString(line) && len(wanted) > 1 {
		return wanted[:1] // the order of a container is enough
	}
	return wanted
}

// lastCall is the last line before a difference whose text matches, in the run that was traced as the actual one.
func lastCall(dir string, o *observation, calls pattern, before trace.LocalDifference) (trace.LocalDifference, bool, error) {
	lines, err := trace.Executed(o.trace)
	if err != nil {
		return trace.LocalDifference{}, false, err
	}
	var last trace.LocalDifference
	for _, l := range lines {
		if text := sourceLine(dir, l.File, l.Line); l.Before(before) && calls().MatchString(text) && (!sorts().MatchString(text) || sortsByAddress().MatchString(text)) {
			last = l
		}
	}
	return last, last.File != "", nil
}

// placeByText looks among the lines that a zoomed run executed for the first whose text uses the source. The source is
// proven in any case; the line is the likeliest, and the story says so.
func (v *conviction) placeByText(dir string, free *observation) error {
	telltales := []pattern{ruleOf(v.source).telltale}
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
		i := slices.IndexFunc(lines, func(l trace.LocalDifference) bool { return telltale().MatchString(sourceLine(dir, l.File, l.Line)) })
		if i < 0 {
			continue
		}
		l := lines[i]
		s := *v.suspicion
		s.site = &trace.Seen{Site: siteAt(l), Step: l.Step}
		s.story = fmt.Sprintf("%s:%d is the likeliest line, by its text: no local value was seen to differ there.", l.File, l.Line)
		v.suspicion, v.origin, v.byText = &s, &l, true
		return nil
	}
	return nil
}

// placeByContainer looks among the lines that a traced run executed for the first that takes out of a container objects that
// are hashed by their address, and failing that, by text.
func (v *conviction) placeByContainer(dir string, traced *observation) error {
	l, found, err := trace.FirstValue(traced.trace, func(l trace.LocalDifference) bool {
		line := sourceLine(dir, l.File, l.Line)
		return takesOne().MatchString(line) && byAddress().MatchString(l.Values[0]) || takesAll().MatchString(line) && allByAddress().MatchString(l.Values[0])
	})
	if err != nil || !found {
		return cmp.Or(err, v.placeByText(dir, traced))
	}
	s := *v.suspicion
	s.site = &trace.Seen{Site: siteAt(l), Step: l.Step}
	s.story = fmt.Sprintf("%s:%d is the likeliest line: it takes objects out of a container that orders them by their address.", l.File, l.Line)
	v.suspicion, v.origin = &s, &l
	return nil
}

func siteAt(l trace.LocalDifference) trace.Site {
	return trace.Site{Process: l.Process, Kind: probe.KindLine, File: l.File, Line: l.Line, Func: l.Func}
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

// zoomedFree makes a zoomed run in which the source is free, and everything else as in the whole agreement.
func (c *inquiry) zoomedFree(ctx context.Context, cause *conviction, w whole) (*observation, error) {
	e := plan.Release(w.experiment, cause.source)
	zoom := fullZoom()
	runs, err := c.observe(ctx, Ask{Experiment: e, Runs: 1, Zoom: zoom, Cover: w.cover, Enough: c.parted(w.runs[0], zoom)})
	if err != nil {
		return nil, err
	}
	if d, err := c.differ(w.runs[0], runs[0]); err == nil && d.any() {
		c.setExperiment(runs[0].run.Experiment, record.Diverged, "differs with "+string(cause.source)+" released; traced for the line")
	}
	return runs[0], nil
}

// zoomedPinned returns zoomed runs of the whole agreement: two, of which the second shows what differs all the same.
func (c *inquiry) zoomedPinned(ctx context.Context, pair *difference, w whole) ([]*observation, error) {
	zoomed := slices.DeleteFunc(slices.Clone(w.runs), func(o *observation) bool { return !o.zoomed })
	if len(zoomed) < 2 {
		runs, err := c.observe(ctx, Ask{Experiment: w.experiment, Runs: 2 - len(zoomed), Zoom: zoomFor(pair), Cover: w.cover})
		if err != nil {
			return nil, err
		}
		zoomed = append(zoomed, runs...)
	}
	return zoomed, nil
}

// excerpt reads the lines around one line of the user's code; nil when the file cannot be read.
func excerpt(dir, file string, line int) []record.SourceLine {
	const around, longest = 2, 200
	if file == "" || line <= 0 {
		return nil
	}
	f, err := openSource(dir, file)
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
