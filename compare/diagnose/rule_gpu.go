package diagnose

import (
	"fmt"
	"slices"
	"strings"

	"github.com/reprocheck/reprocheck/compare/trace"
	"github.com/reprocheck/reprocheck/seed"
	"github.com/reprocheck/reprocheck/seed/probe"
)

func cudnnBenchmark() rule {
	return rule{source: seed.CudnnBenchmark, random: true, suspect: func(e *evidence) *suspicion {
		s := e.kernel(seed.CudnnBenchmark)
		if s != nil {
			s.story = fmt.Sprintf("%s turns cuDNN's autotuning on: which algorithm a convolution gets depends on how long each took when it was tried.", at(s.site))
			if !strings.Contains(e.line(s.site), "benchmark") {
				s.story = fmt.Sprintf("%s runs %s while cuDNN's autotuning is on: which algorithm it gets depends on how long each took when it was tried.", at(s.site), operator(s.site))
			}
			// Another algorithm rounds otherwise in the forward pass as well.
			if p := e.parted; p != nil && p.Kind == probe.KindLoss && e.changed(isDraw) == nil {
				s.strength = entered
			}
		}
		return s
	}}
}

func cudnnDeterministic() rule {
	return rule{source: seed.CudnnDeterministic, random: true, suspect: func(e *evidence) *suspicion {
		s := e.kernel(seed.CudnnDeterministic)
		if s != nil {
			s.story = fmt.Sprintf("%s runs %s, for whose gradient cuDNN may take an algorithm that adds in no fixed order.", at(s.site), operator(s.site))
		}
		return s
	}}
}

// cublasWorkspace is suspected only for want of anything better: PyTorch's releases since late 2025 do not depend on it.
func cublasWorkspace() rule {
	return rule{source: seed.CublasWorkspace, random: true, suspect: func(e *evidence) *suspicion {
		if e.parted == nil || !e.expected.usesGPU() || slices.Contains(documentedWorkspaces, e.fact("cublas.workspace")) {
			return nil
		}
		return &suspicion{source: seed.CublasWorkspace, strength: possibleOnly}
	}}
}

// documentedWorkspaces are the values for which cuBLAS documents that results repeat.
var documentedWorkspaces = []string{":4096:8", ":16:8"}

// kernel suspects a source of kernels without a fixed result that the trace shows in use: it shows in the gradients, or in
// the parameters, of a training whose loss was the same; on a GPU some show in the loss.
func (e *evidence) kernel(source seed.ID) *suspicion {
	var ops, forward []*trace.Seen
	e.seen(func(s *trace.Seen) bool {
		if s.Kind == probe.KindOp && s.Stream == source {
			ops = append(ops, s)
			if s.First.DetailBool("forward") {
				forward = append(forward, s)
			}
		}
		return false
	})
	if len(ops) == 0 {
		return nil
	}
	strength := possibleOnly
	if p := e.parted; p != nil && e.changed(isDraw) == nil {
		switch {
		case p.Kind == probe.KindGrad, p.Kind == probe.KindParams:
			strength = entered
		case p.Kind == probe.KindLoss && e.expected.usesGPU() && len(forward) > 0:
			strength, ops = entered, forward
		case p.Kind == probe.KindLoss && p.Step >= denseSteps:
			// The steps before were not all looked at: it may have been a gradient that parted first.
			strength = present
		}
	}
	return &suspicion{source: source, strength: strength, site: ops[0], others: ops[1:]}
}

func operator(op *trace.Seen) string { return op.First.DetailString("op") }

// usesGPU reports whether CUDA was in use when the first optimizer stepped.
func (o *observation) usesGPU() bool { return o.summary.Facts["main"]["torch.device"] != "" }

// onGPU judges a source of the GPU that no line was seen to use, by the settings that were in force.
func (c *inquiry) onGPU(s seed.Source) (status, why string) {
	facts := c.shipped[0].summary.Facts["main"]
	switch s.ID {
	case seed.CudnnBenchmark:
		if facts["cudnn.benchmark"] == "False" {
			return "controlled", "torch.backends.cudnn.benchmark is False"
		}
	case seed.CudnnDeterministic:
		if facts["cudnn.deterministic"] == "True" || facts["torch.deterministic"] == "True" {
			return "controlled", "cuDNN is held to deterministic algorithms"
		}
	case seed.CublasWorkspace:
		if value := facts["cublas.workspace"]; value != "" {
			return "controlled", "CUBLAS_WORKSPACE_CONFIG is " + value
		}
		return "unknown", "CUBLAS_WORKSPACE_CONFIG is not set; " + knownBy(s)
	case seed.MatmulPrecision:
		return "unknown", fmt.Sprintf("the precision of float32 products is %q in every run; another GPU or release may compute them otherwise", facts["matmul.precision"])
	}
	return "unused", "not seen on the GPU"
}
