package diagnose

import (
	"context"
	"slices"

	"github.com/reprocheck/reprocheck/compare/trace"
	"github.com/reprocheck/reprocheck/runner/record"
	"github.com/reprocheck/reprocheck/seed"
)

// diagnose finds the sources that made a pair of shipped runs differ.
func (c *inquiry) diagnose(ctx context.Context, pair *difference) error {
	all := c.unpinned(suspects(c.evidence(pair)))
	if c.lucky {
		explained, err := c.explained(all)
		if err != nil {
			return err
		}
		c.lucky = !explained
	}
	for {
		agreed, tried, err := c.agree(ctx, pair, all)
		if err != nil {
			c.suspectOnly(all)
			return err
		}
		if agreed == nil {
			c.unexplained(pair, all, tried)
			return nil
		}
		if c.disturbed() {
			// What did not make runs agree before may have failed for the change alone.
			c.failed = nil
		}
		if stands, err := c.minimiseAndLocate(ctx, pair, agreed); err != nil || stands {
			return err
		}
		c.causes = nil
		if c.gone || c.disturbed() {
			c.unexplained(pair, all, tried)
			return nil
		}
		// It was luck: more has to be pinned.
		c.failed = append(c.failed, trial{sources: sources(agreed.whole.pinned), experiment: agreed.whole.experiment.Name})
	}
}

// minimiseAndLocate finds the causes among the sources that make runs agree, and reports whether the agreement stands.
func (c *inquiry) minimiseAndLocate(ctx context.Context, pair *difference, agreed *agreement) (bool, error) {
	if err := c.minimise(ctx, agreed); err != nil {
		c.unfinished()
		c.suspectOnly(agreed.pinned)
		return false, err
	}
	if err := c.locate(ctx, pair, agreed); err != nil {
		c.unfinished()
		return false, err
	}
	stands, err := c.stands(ctx, pair, agreed)
	if err != nil {
		c.unfinished()
	}
	return stands, err
}

// unfinished takes back what was proven in a search that came to no end: what the traces show stays suspected.
func (c *inquiry) unfinished() {
	c.causes = slices.DeleteFunc(c.causes, func(v conviction) bool { return v.strength == possibleOnly && v.origin == nil })
	for i := range c.causes {
		c.causes[i].proof = record.Suspected
	}
}

// unpinned leaves out what the user has asked to pin in every run.
func (c *inquiry) unpinned(all []*suspicion) []*suspicion {
	return slices.DeleteFunc(all, func(s *suspicion) bool { return slices.Contains(c.audit.Settings.Pin, s.source) })
}

// explained reports whether it was no luck that some of the shipped runs agree: they were seen to complete results in the same
// order, and the others in another, or they were seeded from the clock and began in the same tick of it, or they read the same
// state of a file that another program changes.
func (c *inquiry) explained(all []*suspicion) (bool, error) {
	for _, s := range atLeast(all, entered) {
		if s.source != seed.Concurrency && s.source != seed.WallClock && s.input == "" {
			continue
		}
		fits, err := c.fitsAgreement(func(a, b *observation, same bool) bool {
			switch {
			case s.input != "":
				return same == (inputOf(a, s.input) == inputOf(b, s.input))
			case s.source == seed.Concurrency:
				return same == trace.Alike(a.summary, b.summary, s.site.Site)
			}
			return !same || !outlasted([]*observation{a, b})
		})
		if err != nil || fits {
			return fits, err
		}
	}
	return false, nil
}

// fitsAgreement reports whether a rule explains of every two shipped runs why they are the same or not.
func (c *inquiry) fitsAgreement(rule func(a, b *observation, same bool) bool) (bool, error) {
	for i, a := range c.shipped {
		for _, b := range c.shipped[i+1:] {
			d, err := c.differ(a, b)
			if err != nil || !rule(a, b, !d.any()) {
				return false, err
			}
		}
	}
	return true, nil
}
