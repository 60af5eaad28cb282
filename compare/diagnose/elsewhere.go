package diagnose

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/reprocheck/reprocheck/compare/trace"
	"github.com/reprocheck/reprocheck/runner/record"
	"github.com/reprocheck/reprocheck/seed"
	"github.com/reprocheck/reprocheck/seed/probe"
)

// What a run reads from another program, through a connection or a file outside the project that grows meanwhile, no experiment
// can hold still. It is told as observed, and only where runs differ although everything else is pinned.

// inputElsewhere suspects a file outside the project that both runs read, that was another file in each, and that was changed
// outside of them: what a run writes there goes to layers of its own.
func (e *evidence) inputElsewhere() *suspicion {
	site := e.seen(func(s *trace.Seen) bool {
		if s.Kind != probe.KindOpen || s.First.DetailInt("modified") == 0 {
			return false
		}
		path := s.First.DetailString("path")
		before, after := inputOf(e.expected, path), inputOf(e.actual, path)
		return before != after && after.known() && changedSince(path, began(e.expected))
	})
	if site == nil {
		return nil
	}
	path := site.First.DetailString("path")
	return &suspicion{source: seed.ExternalState, strength: entered, site: site, elsewhere: true, input: path,
		story: fmt.Sprintf("%s reads %s, outside the project, which another program changes while the runs go on: %s when one run read it, %s when the other did.",
			at(site), path, inputOf(e.expected, path), inputOf(e.actual, path)),
		fix: "Train on a copy of the input that nothing else writes to, and record its SHA-256 with the results."}
}

// connected suspects a connection that a user's line made to a program that is not the run's.
func (e *evidence) connected() *suspicion {
	site := e.seen(func(s *trace.Seen) bool { return s.Kind == probe.KindConnect })
	if site == nil {
		return nil
	}
	return &suspicion{source: seed.ExternalState, strength: present, site: site, elsewhere: true,
		story: fmt.Sprintf("%s connects to %s%s, a program that no run starts: what it answers may be something else every time.", at(site), site.Values[0], through(site)),
		fix:   "Download what the training reads from there once, keep it with its SHA-256 in the project, and train on that file."}
}

// input is the state in which a run found a file.
type input struct {
	size     int64
	modified int64 // nanoseconds since 1970
}

func (i input) known() bool { return i.modified != 0 }

func (i input) String() string {
	return fmt.Sprintf("%d bytes of %s", i.size, time.Unix(0, i.modified).Local().Format("15:04:05.000"))
}

// inputOf is the state in which a run first found a file.
func inputOf(o *observation, path string) input {
	for _, s := range o.summary.Sites {
		if s.Kind == probe.KindOpen && s.First.DetailString("path") == path {
			return input{size: s.First.DetailInt("size"), modified: s.First.DetailInt("modified")}
		}
	}
	return input{}
}

// changedSince reports whether a file was changed since a time, as those see it that are none of the runs.
func changedSince(path string, t time.Time) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.ModTime().After(t)
}

// unordered matches words of code whose results may depend on the hash seed or on addresses.
var unordered = newPattern(addressOrder + `|\brepr\(|\{[^{}:]*\bfor\b`)

// fromElsewhere is the suspicion of what another program changed, nil where there is none.
func fromElsewhere(all []*suspicion) *suspicion {
	if i := slices.IndexFunc(all, func(s *suspicion) bool { return s.elsewhere }); i >= 0 {
		return all[i]
	}
	return nil
}

// elsewhereFirst orders suspicions of equal strength for which no experiment speaks: what the program's own threads do at the same
// time, which nothing pins, is likelier than what another program answers; what a pool does was pinned.
func (e *evidence) elsewhereFirst(a, b *suspicion) int {
	first := -1
	if e.raw() {
		first = 1
	}
	switch {
	case a.elsewhere == b.elsewhere:
		return 0
	case a.elsewhere:
		return first
	}
	return -first
}

// held leaves out what no experiment can pin.
func held(all []*suspicion) []*suspicion {
	return slices.DeleteFunc(slices.Clone(all), func(s *suspicion) bool { return s.elsewhere })
}

// byInput reports whether pinned runs agree for no better reason than that an input, which another program changes, happened to
// be the same for them. It waits a while for the next change and makes one more run.
func (c *inquiry) byInput(ctx context.Context, s *suspicion, found *agreement) (bool, error) {
	const most = 5 * time.Second
	if s == nil || s.input == "" {
		return false, nil
	}
	last := inputOf(found.runs[len(found.runs)-1], s.input)
	if slices.ContainsFunc(found.runs, func(o *observation) bool { return inputOf(o, s.input) != last }) {
		return false, nil // it changed between them, and they agree all the same
	}
	c.lab.Note("The pinned runs agree, and found " + s.input + " alike. Waiting for its next change.")
	for end := time.Now().Add(most); !changedSince(s.input, time.Unix(0, last.modified)); {
		if time.Now().After(end) {
			return false, nil
		}
		if err := sleepUntil(ctx, time.Now().Add(most/100)); err != nil {
			return false, err
		}
	}
	runs, err := c.observe(ctx, Ask{Experiment: found.experiment, Runs: 1, Zoom: found.whole.zoom, Cover: found.cover})
	if err != nil {
		return false, err
	}
	d, err := c.differ(found.runs[0], runs[0])
	if err != nil || !d.any() {
		return false, err
	}
	c.setExperiment(runs[0].run.Experiment, record.Diverged, "agrees while "+s.input+" stays the same, and differs when it has changed")
	return true, nil
}

// asInputsAre returns runs in which a source was pinned, and one more of them, traced by line, where the run in which it was free
// found other inputs than they did: what differs for that is not the source's doing.
func (c *inquiry) asInputsAre(ctx context.Context, pinned []*observation, free *observation, w whole) ([]*observation, error) {
	if len(pinned) == 0 {
		return pinned, nil
	}
	changed := slices.ContainsFunc(pinned[0].summary.Sites, func(s *trace.Seen) bool {
		path := s.First.DetailString("path")
		first := inputOf(pinned[0], path)
		alike := !slices.ContainsFunc(pinned, func(o *observation) bool { return inputOf(o, path) != first })
		return s.Kind == probe.KindOpen && alike && inputOf(free, path) != first && changedSince(path, began(pinned[0]))
	})
	if !changed {
		return pinned, nil
	}
	runs, err := c.observe(ctx, Ask{Experiment: w.experiment, Runs: 1, Zoom: fullZoom(), Cover: w.cover})
	return append(slices.Clone(pinned), runs...), err
}
