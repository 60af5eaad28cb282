package diagnose

import (
	"context"
	"slices"

	"github.com/reprocheck/reprocheck/runner/plan"
)

// zoomFor traces lines until just after the runs were seen to part; without such a step, until the events are used up.
func zoomFor(pair *difference) *plan.Zoom {
	zoom := fullZoom()
	if pair.training.First != nil {
		zoom.UntilStep = pair.training.First.Step + 1
	}
	return zoom
}

func fullZoom() *plan.Zoom {
	const events, never = 200_000, 1 << 40
	return &plan.Zoom{UntilStep: never, Events: events}
}

func needsZoom(list []*suspicion) bool {
	return slices.ContainsFunc(list, func(s *suspicion) bool { return s.site == nil || s.site.File == "" })
}

// tracingHides reports whether runs traced by line agree whether anything is pinned or not: tracing allocates memory of its
// own, which can bring the addresses of all runs into one order. One more such run tells that from luck.
func (c *inquiry) tracingHides(ctx context.Context, pinned *observation, zoom *plan.Zoom) (bool, error) {
	free := c.tracedAsShipped()
	if free == nil || !pinned.zoomed {
		return false, nil
	}
	if d, err := c.differ(pinned, free); err != nil || d.any() {
		return false, err
	}
	runs, err := c.observe(ctx, Ask{Experiment: c.base, Runs: 1, Zoom: zoom})
	if err != nil {
		return false, err
	}
	d, err := c.differ(pinned, runs[0])
	if err != nil {
		return false, err
	}
	c.retraced = runs[0]
	return !d.any(), nil
}

// tracedAsShipped is a run of the command as it ships that was traced by line, nil where none was.
func (c *inquiry) tracedAsShipped() *observation {
	if c.retraced != nil {
		return c.retraced
	}
	i := slices.IndexFunc(c.shipped, func(o *observation) bool { return o.zoomed })
	if i < 0 {
		return nil
	}
	return c.shipped[i]
}
