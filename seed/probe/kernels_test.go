package probe_test

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestKernels answers for operators on the CPU as the pin does on a GPU, in eager and in traced code: they are reached, results keep
// their types, and gradients their values. That this settles a GPU is what the cases gpu-attention and gpu-grid-sample show.
func TestKernels(t *testing.T) {
	s := newSession(t, map[string]string{"run.py": `
import sys, torch
import torch.nn.functional as F
from reprocheck_probe import kernels

torch.set_num_threads(1)
answered, nested, to_cpu = set(), [], kernels._Answers.on_cpu
def on_cpu(self, original, kernel, args, kwargs):
    answered.add(original._schema.name)
    nested.append(True)  # the CPU's own kernel, which the answer calls, is not to be answered again
    try:
        return to_cpu(self, original, kernel, args, kwargs)
    finally:
        nested.pop()
kernels._Answers.on_cpu = on_cpu

def gradient(function, shape, dtype=torch.float32):
    x = torch.linspace(-1, 1, torch.Size(shape).numel()).sin().reshape(shape).to(dtype).requires_grad_()
    y = function(x)
    y.float().pow(2).sum().backward()
    return y.detach(), x.grad

grid = torch.linspace(-1, 1, 2 * 8 * 8 * 2).cos().reshape(2, 8, 8, 2)
index = (torch.arange(96) % 3).reshape(2, 3, 4, 4)
targets = torch.tensor([[1, 2, 2, 3], [3, 1, 1, 2]])
functions = {
    "grid_sampler_2d_backward": (lambda x: F.grid_sample(x, grid, align_corners=False), (2, 3, 8, 8)),
    "upsample_trilinear3d_backward": (lambda x: F.interpolate(x, scale_factor=2, mode="trilinear"), (1, 2, 4, 4, 4)),
    "avg_pool3d_backward": (lambda x: F.avg_pool3d(x, 2), (1, 2, 4, 4, 4)),
    "_adaptive_avg_pool2d_backward": (lambda x: F.adaptive_avg_pool2d(x, 3), (2, 3, 8, 8)),
    "reflection_pad2d_backward": (lambda x: F.pad(x, (1, 1, 1, 1), mode="reflect"), (2, 3, 8, 8)),
    "median": (lambda x: x.median(1).values, (2, 3, 8, 8)),
    "_ctc_loss_backward": (lambda x: F.ctc_loss(x.log_softmax(-1), targets, torch.tensor([12, 12]), torch.tensor([4, 4])), (12, 2, 5)),
    "nll_loss2d_forward": (lambda x: F.cross_entropy(x, index[:, 0]), (2, 5, 4, 4)),
    "scatter_reduce": (lambda x: torch.zeros(2, 3, 4, 4).scatter_reduce(1, index, x, "sum"), (2, 3, 4, 4)),
    "scatter_reduce_": (lambda x: torch.zeros(2, 3, 4, 4).scatter_reduce_(1, index, x, "mean"), (2, 3, 4, 4)),
}
weights = torch.tensor([1, 2, 2]), torch.tensor([0.1, 0.2, 0.3])
half = lambda x: F.adaptive_avg_pool2d(x, 3)
plain = {name: gradient(*case) for name, case in functions.items()}
counted, halved = torch.bincount(*weights), gradient(half, (2, 3, 8, 8), dtype=torch.bfloat16)

kept = kernels.settle(torch, torch._C._set_deterministic_algorithms, concerned=lambda tensor: not nested)
if kept is None:
    print("no kernel can be called by this release of torch")
    sys.exit()

for name, (function, shape) in functions.items():
    for way in (function, torch.compile(function, backend="aot_eager")):
        answered.clear()
        for want, have in zip(plain[name], gradient(way, shape)):
            assert torch.allclose(want, have, rtol=1e-6) and want.dtype == have.dtype, name
        # Tracing takes some operators apart.
        traced = way is not function and name not in ("grid_sampler_2d_backward", "_adaptive_avg_pool2d_backward")
        assert traced or "aten::" + name in answered, (name, answered)
assert torch.equal(torch.bincount(*weights), counted) and torch.bincount(*weights).dtype == counted.dtype
for want, have in zip(halved, gradient(half, (2, 3, 8, 8), dtype=torch.bfloat16)):
    assert torch.allclose(want.float(), have.float(), rtol=1e-2) and want.dtype == have.dtype
`})
	s.needs("torch")
	source, err := filepath.Abs("py")
	if err != nil {
		t.Fatal(err)
	}
	s.env = []string{"PYTHONPATH=" + source, "PYTHONDONTWRITEBYTECODE=1"}
	if out := s.bare("run.py").ok(t).stdout; out != "" {
		t.Skip(strings.TrimSpace(out))
	}
}
