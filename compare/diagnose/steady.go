package diagnose

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/reprocheck/reprocheck/runner/record"
	"github.com/reprocheck/reprocheck/seed"
)

// A run's workspace begins with the files that the project has then. Where somebody changes one of them while an audit goes
// on, runs differ for a reason that is no source of randomness, and every experiment made afterwards seems to cure it.

// changed lists the files of the project that changed since the first of the shipped runs began, none where runs work in
// the project itself.
func (c *inquiry) changed() (paths []string, last time.Time) {
	if c.lab == nil || len(c.shipped) == 0 || slices.ContainsFunc(c.shipped, func(o *observation) bool { return o.run.Isolation.Kind == "none" }) {
		return nil, time.Time{}
	}
	return c.lab.Changed(began(c.shipped[0]))
}

// disturbed reports whether files changed since the first of the shipped runs began.
func (c *inquiry) disturbed() bool {
	paths, _ := c.changed()
	return len(paths) > 0
}

// began is when a run's workspace was begun; records of older versions have only when its command was.
func began(o *observation) time.Time {
	if o.run.Began.IsZero() {
		return o.run.Started
	}
	return o.run.Began
}

// onSameFiles sees to it that a difference is one between runs of the same files: where files of the project changed
// meanwhile, the command is run afresh, and what began before the last change is left out. It returns the pair to judge by.
func (c *inquiry) onSameFiles(ctx context.Context, pair *difference) (*difference, error) {
	if pair == nil || !pair.any() {
		return pair, nil
	}
	paths, last := c.changed()
	if len(paths) == 0 {
		return pair, nil
	}
	c.lab.Note(some(paths) + " changed while the runs went on. Running the command afresh on the files as they are now.")
	all := c.shipped
	c.shipped = nil
	err := c.ship(ctx)
	if err == nil {
		err = c.doubt(ctx)
	}
	switch {
	case err != nil && c.outOfRuns(err):
		c.shipped, c.unsettled = all, true
		return pair, nil
	case err != nil:
		return nil, err
	}
	c.stale, c.moving = paths, c.disturbed()
	same := slices.DeleteFunc(slices.Clone(all), func(o *observation) bool { return !began(o).After(last) })
	before := slices.DeleteFunc(slices.Clone(all), func(o *observation) bool { return slices.Contains(same, o) })
	c.shipped = slices.Concat(same, c.shipped)
	c.setAside(before)
	return c.mostDifferent()
}

// setAside takes runs of the command as it ships out of the experiment that the verdict is about.
func (c *inquiry) setAside(runs []*observation) {
	c.moveShipped(runs, "before-change", record.Inconclusive, "began before "+some(c.stale)+" changed")
}

// moveShipped lists runs of the command as it ships under an experiment of their own, so that those the verdict and the
// figures are about are all that bear its name.
func (c *inquiry) moveShipped(runs []*observation, suffix string, verdict record.Verdict, says string) {
	name := c.base.Name + ":" + suffix
	at := -1
	for i := range c.audit.Experiments {
		e := &c.audit.Experiments[i]
		switch e.Name {
		case c.base.Name:
			e.Runs = slices.DeleteFunc(e.Runs, func(id string) bool {
				return slices.ContainsFunc(runs, func(o *observation) bool { return o.run.ID == id })
			})
		case name:
			at = i
		}
	}
	if at < 0 {
		at = len(c.audit.Experiments)
		c.audit.Experiments = append(c.audit.Experiments, record.Experiment{Name: name, Levels: c.base.Levels})
	}
	e := &c.audit.Experiments[at]
	e.Verdict, e.Says = verdict, says
	for _, o := range runs {
		e.Runs = append(e.Runs, o.run.ID)
	}
}

func (c *inquiry) unsettledReason() string {
	paths, last := c.changed()
	return fmt.Sprintf("%s changed while the runs went on (%s), so they are no runs of the same files", some(paths), clock(last))
}

// disturbance tells of files that changed while experiments were made, or ran on changing: as what was observed to be
// different where every run may have found other files.
func (c *inquiry) disturbance() {
	paths, last := c.changed()
	if !c.moving {
		c.limit(fmt.Sprintf("%s changed while the search for causes went on (%s), so nothing is proven by its experiments: run again while nothing changes.", some(paths), clock(last)))
		return
	}
	c.causes = append(c.causes, conviction{proof: record.Observed,
		suspicion: &suspicion{source: seed.ExternalState, strength: entered,
			story: fmt.Sprintf("%s keeps changing while the runs go on, and none of them writes to it: each run finds another state.", some(paths)),
			fix:   "Run on a copy of the inputs that nothing else writes to, or have the training read a snapshot of them."},
		evidence: []string{fmt.Sprintf("%s changed while the first runs went on, and again, last at %s, while the command was run afresh", some(paths), clock(last))}})
}

// undisturbed carries out a part of an audit that compares runs with earlier ones, and takes back what it accuses anything
// of where files changed meanwhile.
func (c *inquiry) undisturbed(part func() error) error {
	causes, verdict, reason, first := c.causes, c.audit.Verdict, c.audit.Reason, c.audit.FirstDivergence
	warnings := c.audit.Warnings
	err := part()
	if len(c.causes) == len(causes) && c.audit.Verdict == verdict && len(c.audit.Warnings) == len(warnings) || !c.disturbed() {
		return err
	}
	c.causes, c.audit.Verdict, c.audit.Reason, c.audit.FirstDivergence, c.audit.Warnings = causes, verdict, reason, first, warnings
	c.audit.Sensitivities = slices.DeleteFunc(c.audit.Sensitivities, func(s record.Sensitivity) bool {
		convicted := slices.ContainsFunc(causes, func(v conviction) bool { return v.source == s.Source })
		return s.Changed && !convicted
	})
	paths, last := c.changed()
	c.limit(fmt.Sprintf("%s changed while sources were varied (%s), so nothing is concluded from the runs that differed: run again while nothing changes.", some(paths), clock(last)))
	return err
}

// warnOfChanges warns of files of the project that changed while runs went on, whatever came of it.
func (c *inquiry) warnOfChanges() {
	paths, last := c.changed()
	text := ""
	switch {
	case len(c.stale) > 0:
		text = fmt.Sprintf("%s changed while the runs went on. Those that had begun before are left out, and the command was run afresh: the verdict is about the files as they are now.", some(c.stale))
		if c.moving {
			text = fmt.Sprintf("%s changed while the runs went on, and again something changed while the command was run afresh: %s.", some(c.stale), some(paths))
		}
	case len(paths) > 0:
		text = fmt.Sprintf("%s changed while the runs went on (%s): not all of them began with the same files.", some(paths), clock(last))
	default:
		return
	}
	c.audit.Warnings = append(c.audit.Warnings, record.Warning{ID: "input-changed", Text: text})
}

// clock is a time of the day for a sentence.
func clock(t time.Time) string { return t.Local().Format("15:04:05") }
