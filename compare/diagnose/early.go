package diagnose

import (
	"fmt"

	"github.com/reprocheck/reprocheck/compare/trace"
	"github.com/reprocheck/reprocheck/runner/plan"
)

// parted lets a run end as soon as its training is seen to part from that of a whole run. It is for runs of which no more is
// asked than whether they differ: one that agrees has to come to its end to show it, and one in whose trace suspects are
// looked for has to be as long as its peer. It returns nil where ending a run half-way could leave a mark on the next.
func (c *inquiry) parted(whole *observation, zoom *plan.Zoom) func(soFar trace.Source) string {
	for _, o := range c.seen {
		if len(o.run.Outside) > 0 {
			return nil
		}
	}
	return func(soFar trace.Source) string {
		d, err := trace.Parting(whole.trace, soFar)
		// Lines are traced in the main process: what shows elsewhere first may not have shown there yet.
		if err != nil || d == nil || zoom != nil && d.Process != "main" {
			return ""
		}
		return fmt.Sprintf("its training parted from that of %s at step %d, and no more was asked of it", whole.run.ID, d.Step)
	}
}
