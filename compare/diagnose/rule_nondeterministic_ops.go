package diagnose

import (
	"fmt"
	"slices"
	"strings"

	"github.com/reprocheck/reprocheck/compare/trace"
	"github.com/reprocheck/reprocheck/seed"
	"github.com/reprocheck/reprocheck/seed/probe"
)

// nondeterministicOps is suspected when an operator without a fixed result was used and the training parts at a gradient
// or a step although the loss was the same: kernels sum in no fixed order mostly on the way back.
func nondeterministicOps() rule {
	return rule{source: seed.TorchNondeterministicOps, random: true, suspect: func(e *evidence) *suspicion {
		if !e.parallelKernels() {
			return nil
		}
		s := e.kernel(seed.TorchNondeterministicOps)
		switch {
		case s != nil:
			s.story = fmt.Sprintf("%s uses %s, whose kernel or gradient sums in an order that threads decide%s.", at(s.site), operator(s.site), asDo(s.others))
		case e.expected.usesGPU() && e.parted != nil:
			// Libraries, and kernels of the user's own, call operators by other ways than those that are watched.
			s = &suspicion{source: seed.TorchNondeterministicOps, strength: possibleOnly}
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

func isDraw(c trace.Change) bool { return c.Kind == probe.KindDraw || isSeeding(c.Seen) }

// asDo names a few more operators, for the end of a sentence.
func asDo(others []*trace.Seen) string {
	const named = 3
	var all []string
	for _, op := range others {
		name := fmt.Sprintf("%s (%s)", operator(op), at(op))
		if !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	switch {
	case len(all) == 0:
		return ""
	case len(all) > named:
		return fmt.Sprintf("; so do %s and %d more", strings.Join(all[:named], ", "), len(all)-named)
	case len(all) == 1:
		return "; so does " + all[0]
	}
	return "; so do " + strings.Join(all, ", ")
}
