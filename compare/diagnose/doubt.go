package diagnose

import (
	"context"
	"slices"

	"github.com/reprocheck/reprocheck/seed"
)

// doubt makes more runs as shipped where all agree although something random was seen to enter each of them otherwise. Where
// nothing but a few printed digits tells of a training, they can agree by luck; so they can where the code asks for hashes or addresses, of
// which often only a remainder is used, or for the order of a set, which may have two members.
func (c *inquiry) doubt(ctx context.Context) error {
	const usual, more = 3, 2
	if !c.audit.Settings.Diagnose || len(c.shipped) < usual {
		return nil
	}
	pair, err := c.mostDifferent()
	if err != nil || pair.any() {
		return err
	}
	e := c.evidence(pair)
	entering := slices.DeleteFunc(c.unpinned(suspects(e)), func(s *suspicion) bool {
		switch s.source {
		case seed.Concurrency:
			return true
		case seed.PythonHash:
			return !e.code.mentions(callsHash) && !e.code.walksSets()
		case seed.ObjectIdentity:
			return !e.code.mentions(callsID)
		}
		return s.strength < entered || pair.training.Events > 0
	})
	if len(entering) == 0 {
		return nil
	}
	c.lab.Note("Runs agree although " + list(sources(entering)) + " may enter them otherwise each time. Making more, in case that was luck.")
	runs, err := c.observe(ctx, Ask{Experiment: c.base, Runs: more})
	c.shipped = append(c.shipped, runs...)
	return err
}
