package diagnose

import (
	"fmt"

	"github.com/reprocheck/reprocheck/compare/trace"
	"github.com/reprocheck/reprocheck/seed"
	"github.com/reprocheck/reprocheck/seed/probe"
)

// nondeterministicOps is suspected when the training parts at a loss, a gradient or a step although it saw the same
// batches, and an operator without a fixed result was used before.
func nondeterministicOps() rule {
	return rule{source: seed.TorchNondeterministicOps, random: true, suspect: func(e *evidence) *suspicion {
		op := e.seen(func(s *trace.Seen) bool { return s.Kind == probe.KindOp })
		if op == nil {
			return nil
		}
		s := &suspicion{source: seed.TorchNondeterministicOps, strength: possibleOnly, site: op,
			story: fmt.Sprintf("%s uses %s, whose kernel or gradient sums in an order that threads decide.", at(op), op.First.DetailString("op"))}
		if p := e.parted; p != nil && (p.Kind == probe.KindLoss || p.Kind == probe.KindGrad || p.Kind == probe.KindParams) && e.changed(isDraw) == nil {
			s.strength = entered
		}
		return s
	}}
}

func isDraw(c trace.Change) bool { return c.Kind == probe.KindDraw || isSeeding(c.Seen) }
