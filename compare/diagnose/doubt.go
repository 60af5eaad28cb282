package diagnose

import (
	"context"
	"slices"

	"github.com/reprocheck/reprocheck/seed"
)

// doubt makes more runs as shipped where all agree although something random was seen to enter each of them otherwise. Where
// nothing but a few printed digits tells of a training, they can agree by luck.
func (c *inquiry) doubt(ctx context.Context) error {
	const usual, more = 3, 2
	if !c.audit.Settings.Diagnose || len(c.shipped) < usual {
		return nil
	}
	pair, err := c.mostDifferent()
	if err != nil || pair.any() || pair.training.Events > 0 {
		return err
	}
	entering := slices.DeleteFunc(atLeast(c.unpinned(suspects(c.evidence(pair))), entered), func(s *suspicion) bool {
		return s.source == seed.Concurrency
	})
	if len(entering) == 0 {
		return nil
	}
	c.lab.Note("Runs agree although " + list(sources(entering)) + " entered them otherwise each time. Making more, in case that was luck.")
	runs, err := c.observe(ctx, Ask{Experiment: c.base, Runs: more})
	c.shipped = append(c.shipped, runs...)
	return err
}
