package diagnose

import (
	"context"
	"slices"

	"github.com/reprocheck/reprocheck/compare/trace"
	"github.com/reprocheck/reprocheck/runner/record"
	"github.com/reprocheck/reprocheck/seed"
)

// seesOrder finds out whether results follow the order of a container that the hash seed decides: then it is no luck that a pinned run
// comes to what a run as shipped came to. Of the runs as shipped that are traced by line, those that come to the pinned result have
// the pinned order, and those that do not have another. A few more runs are made to see both kinds. Where all of them come to other
// results, the pinned one is too rare for runs to agree on it by luck.
func (c *inquiry) seesOrder(ctx context.Context, pair *difference, pinned []*suspicion, o *observation) error {
	const most = 5
	if c.followsOrder || !o.zoomed || !slices.Contains(sources(pinned), seed.PythonHash) || !c.evidence(pair).code.mentions(ordersByHash) {
		return nil
	}
	traced := slices.DeleteFunc(slices.Clone(c.shipped), func(o *observation) bool { return !o.zoomed })
	var same, other *observation
	for n := 0; n < most && (same == nil || other == nil); n++ {
		if n == len(traced) {
			runs, err := c.observe(ctx, Ask{Experiment: c.base, Runs: 1, Zoom: zoomFor(pair)})
			if err != nil {
				return err
			}
			c.moveShipped(runs, "traced", record.Inconclusive, "traced by line, to see whether the result follows an order")
			traced = append(traced, runs...)
		}
		d, err := c.differ(o, traced[n])
		if err != nil {
			return err
		}
		origin, found, err := originOf([]*observation{o}, traced[n], false)
		if err != nil || d.any() != (found && c.mayTakeByHash(origin)) {
			return err
		}
		if d.any() {
			other = traced[n]
		} else {
			same = traced[n]
		}
	}
	if other != nil {
		c.followsOrder, c.retraced = true, other
	}
	return nil
}

// mayTakeByHash is takesByHash for every line that may depend on the order of a container, or on a hash.
func (c *inquiry) mayTakeByHash(origin trace.LocalDifference) bool {
	e := &evidence{dir: c.audit.Dir}
	line := sourceLine(e.dir, origin.File, origin.Line)
	return (origin.Walked() || matchesAny(line, takesOne, takesAll, comprehends, ordersByHash)) && !e.followsAddresses(origin)
}

// comprehends matches a comprehension.
var comprehends = newPattern(`\bfor\b.*\bin\b`)
