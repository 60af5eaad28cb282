package diagnose

import (
	"fmt"

	"github.com/reprocheck/reprocheck/compare/trace"
	"github.com/reprocheck/reprocheck/seed"
	"github.com/reprocheck/reprocheck/seed/probe"
)

// nondeterministicOps is suspected when an operator without a fixed result was used and the training parts at a gradient
// or a step although the loss was the same: kernels sum in no fixed order mostly on the way back.
func nondeterministicOps() rule {
	return rule{source: seed.TorchNondeterministicOps, random: true, suspect: func(e *evidence) *suspicion {
		op := e.seen(func(s *trace.Seen) bool { return s.Kind == probe.KindOp })
		if op == nil || !e.parallelKernels() {
			return nil
		}
		s := &suspicion{source: seed.TorchNondeterministicOps, strength: possibleOnly, site: op,
			story: fmt.Sprintf("%s uses %s, whose kernel or gradient sums in an order that threads decide.", at(op), op.First.DetailString("op"))}
		if p := e.parted; p != nil && e.changed(isDraw) == nil {
			switch {
			case p.Kind == probe.KindGrad, p.Kind == probe.KindParams:
				s.strength = entered
			case p.Kind == probe.KindLoss && p.Step >= denseSteps:
				// The steps before were not all looked at: it may have been a gradient that parted first.
				s.strength = present
			}
		}
		return s
	}}
}

// denseSteps is up to where the probe digests every step (docs/probe-protocol.md, Sampling).
const denseSteps = 16

// parallelKernels reports whether torch's kernels can run in parallel: on several threads, or on a GPU.
func (e *evidence) parallelKernels() bool {
	return e.fact("torch.num_threads") != "1" || e.expected.usesGPU()
}

func (o *observation) usesGPU() bool { return siteOf(o, seed.TorchCUDA) != nil }

func isDraw(c trace.Change) bool { return c.Kind == probe.KindDraw || isSeeding(c.Seen) }
