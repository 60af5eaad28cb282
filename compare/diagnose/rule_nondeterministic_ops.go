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
			if operator(s.site) == compiles {
				s.story = fmt.Sprintf("%s compiles for a GPU: which kernel TorchInductor takes depends on how long each took when it was tried, and another one rounds otherwise.", at(s.site))
			}
			s.fix = fixesOf[operator(s.site)]
		case e.expected.usesGPU() && e.parted != nil:
			// Libraries, and kernels of the user's own, call operators by other ways than those that are watched.
			s = &suspicion{source: seed.TorchNondeterministicOps, strength: possibleOnly}
		}
		return s
	}}
}

const compiles = "torch.compile"

// fixesOf has the fix of operators for which the setting alone does not do (documentation of torch.use_deterministic_algorithms, and
// of torch._inductor.config).
var fixesOf = map[string]string{
	compiles: "Set TORCHINDUCTOR_DETERMINISTIC=1 (PyTorch 2.10 and newer), or call torch.use_deterministic_algorithms(True) before anything is compiled; " +
		"or keep one TORCHINDUCTOR_CACHE_DIR for all runs, whose kernels are then those of the first.",
	"scaled_dot_product_attention": "Call torch.use_deterministic_algorithms(True) at the start: with warn_only=True the gradients of attention stay as they are.",
	"grid_sample":                  onCPU("grid_sample"),
	"ctc_loss":                     onCPU("ctc_loss"),
	"avg_pool3d":                   onCPU("avg_pool3d"),
	"adaptive_avg_pool2d":          onCPU("adaptive_avg_pool2d"),
	"fractional_max_pool2d":        onCPU("fractional_max_pool2d"),
	"max_unpool2d":                 onCPU("max_unpool2d"),
}

func onCPU(op string) string {
	return fmt.Sprintf("%s has no deterministic kernel on a GPU, and torch.use_deterministic_algorithms(True) makes it an error: compute it on the CPU (%s(x.cpu(), ...).to(x.device)), or replace it.", op, op)
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
