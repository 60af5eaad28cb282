package diagnose

import (
	"context"

	"github.com/reprocheck/reprocheck/runner/plan"
)

// ship runs the command as it ships. When the first two runs differ and their traces name nobody, the third is
// zoomed: it costs no further run, and is what the later experiments are compared with line by line. When they agree, the
// last begins in another tick of a coarse clock than the first: what is seeded with the second is alike within one.
func (c *inquiry) ship(ctx context.Context) error {
	n := c.audit.Settings.Runs
	ahead := min(n, 2)
	switch {
	case c.audit.Settings.Jobs > 1 || n == 1:
		ahead = n
	case n == 2 || !c.audit.Settings.Diagnose:
		ahead = n - 1
	}
	first, err := c.observe(ctx, Ask{Experiment: c.base, Runs: ahead, Apart: tick})
	c.shipped = first
	if err != nil || ahead == n {
		return err
	}
	var zoom *plan.Zoom
	pair, err := c.mostDifferent()
	if err != nil {
		return err
	}
	switch differ := pair != nil && pair.any(); {
	case differ && c.audit.Settings.Diagnose && needsZoom(firstRound(suspects(c.evidence(pair)))):
		zoom = zoomFor(pair)
	case !differ && c.mayReadClock(first[0]):
		if err := sleepUntil(ctx, first[0].run.Started.Add(tick)); err != nil {
			return err
		}
	}
	rest, err := c.observe(ctx, Ask{Experiment: c.base, Runs: n - ahead, Zoom: zoom})
	c.shipped = append(c.shipped, rest...)
	return err
}

// mostDifferent compares every shipped run with the first and returns the pair that differs earliest, or the first
// pair when all agree; nil for a single run.
func (c *inquiry) mostDifferent() (*difference, error) {
	var chosen *difference
	equal, different := 0, 0
	for i, actual := range c.shipped {
		if i == 0 {
			continue
		}
		d, err := c.differ(c.shipped[0], actual)
		if err != nil {
			return nil, err
		}
		if d.any() {
			different++
		} else {
			equal++
		}
		if chosen == nil || !chosen.any() && d.any() {
			chosen = d
		}
	}
	c.lucky = equal > 0 && different > 0
	if !c.lucky && len(c.shipped) > 2 && different > 1 {
		d, err := c.differ(c.shipped[1], c.shipped[2])
		if err != nil {
			return nil, err
		}
		c.lucky = !d.any()
	}
	return chosen, nil
}
