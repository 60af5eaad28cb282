package probe_test

import (
	"path/filepath"
	"testing"
)

// On-device reduction is integer arithmetic like any other, and is tried on the CPU.
func TestTensorDigests(t *testing.T) {
	s := newSession(t, map[string]string{"run.py": `
import torch
from reprocheck_probe import devices, tensors, values

ways = {"memory": tensors.of_tensor, "device": lambda t: devices.digests(torch, [t])[0]}
x = torch.arange(24, dtype=torch.float32).reshape(6, 4)
for name, of in ways.items():
    assert of(x) == of(x.clone()), name
    assert of(x) != of(x[torch.tensor([1, 0, 2, 3, 4, 5])]), name + ": rows swapped"
    assert of(x) != of(x.flip(1)), name + ": columns swapped"
    assert of(torch.tensor([0.0])) != of(torch.tensor([-0.0])), name + ": sign of zero"
    assert of(torch.tensor([float("nan")])) == of(torch.tensor([float("nan")])), name + ": a NaN is equal to itself"
    assert of(x.t().contiguous()) == of(x.t()), name + ": a view with strides"
    y = x.clone(); y[5, 3] = torch.nextafter(y[5, 3], torch.tensor(100.0))
    assert of(x) != of(y), name + ": one unit in the last place"
    for dtype in (torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8,
                  torch.uint8, torch.bool, torch.complex64):
        a, b = torch.tensor([0, 1, 1]).to(dtype), torch.tensor([1, 0, 1]).to(dtype)
        assert of(a) == of(a.clone()) and of(a) != of(b), (name, dtype)

z = torch.tensor([1 + 2j, 3 - 4j])
assert tensors.of_tensor(z.conj()) == tensors.of_tensor(z.conj().resolve_conj())
sparse = torch.eye(3).to_sparse()
assert tensors.of_tensor(sparse) == tensors.of_tensor(torch.eye(3).to_sparse())
assert tensors.of_tensor(sparse) != tensors.of_tensor((2 * torch.eye(3)).to_sparse())
assert tensors.of_tensor(torch.zeros(0, 3)) != tensors.of_tensor(torch.zeros(3, 0))
assert tensors.of_tensor(torch.zeros(2, device="meta")).endswith("?")

# A wrapper without memory is known by its parts, as FSDP's parameters are, or by its shape alone.
class Bare(torch.Tensor):
    @staticmethod
    def __new__(cls, inner):
        return torch.Tensor._make_wrapper_subclass(cls, inner.shape, dtype=inner.dtype)
    def __init__(self, inner): self.inner = inner
    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None): raise AssertionError("dispatched " + str(func))
class Wrapper(Bare):
    def __tensor_flatten__(self): return ["inner"], None
assert tensors.of_tensor(Bare(x)).endswith("?")
assert tensors.of_list([Wrapper(x), Bare(x)]) == tensors.of_list([Wrapper(x.clone()), Bare(x)])
assert tensors.of_list([Wrapper(x)]) != tensors.of_list([Wrapper(x + 1)])

# Many tensors are reduced together, in pieces, and each is told from the others.
many = [x, x.flip(0), torch.zeros(0), x.to(torch.float64), torch.arange(3, dtype=torch.uint8), x.t()]
of = lambda *tensors: devices.digests(torch, tensors)
for devices._PIECE in (1 << 20, 10):
    assert of(*many) == of(*[t.clone() for t in many])
    for changed in range(len(many)):
        other = [t.clone() + (i == changed) for i, t in enumerate(many)]
        assert [i for i in range(len(many)) if of(*many)[i] != of(*other)[i]] == [changed] * (changed != 2), changed
    turned = [torch.arange(30), torch.arange(30).roll(10), torch.arange(30).roll(1)]
    assert len({of(t)[0] for t in turned}) == 3
assert devices.digests(torch, [x], 5) == devices.digests(torch, [x.reshape(-1)[::5]])

# Neither gradients nor random numbers are touched, in any mode.
w = torch.ones(3, requires_grad=True)
before = torch.get_rng_state()
with torch.inference_mode():
    tensors.of_tensor(torch.ones(2))
with torch.autocast("cpu"):
    tensors.of_list([w, None, w * 2])
assert (w * 2).requires_grad and torch.equal(before, torch.get_rng_state())
assert tensors.of_list([w, None], 1)[1] == "-"

seen = values.of_batch
assert seen([x, {"a": x, "b": ["s", 1, None]}]) == seen([x.clone(), {"a": x.clone(), "b": ["s", 1, None]}])
assert seen([x, 1]) != seen([x, 2]) and seen({"a": 1, "b": 2}) != seen({"b": 2, "a": 1})
assert seen({1, 2, 3}) == seen({3, 2, 1})

class Loud:
    def __init__(self): self.n = 1
    def __repr__(self): raise AssertionError("the user's code was run")
    __eq__ = __hash__ = __len__ = __iter__ = __bool__ = __str__ = __repr__
assert seen([Loud()]) == seen([Loud()])
loop = []; loop.append(loop)
seen(loop)
print("ok")
`})
	s.needs("torch")
	onlyDigests(t, s)
}

func TestArraysOfOtherFrameworks(t *testing.T) {
	tests := map[string]string{
		"jax": `
import jax, jax.numpy as jnp
from reprocheck_probe import values
seen = values.of_batch
key = jax.random.key(0)
assert seen(jnp.arange(3)) == seen(jnp.arange(3)) and seen(jnp.arange(3)) != seen(jnp.arange(3) + 1)
assert seen({"k": key}) == seen({"k": jax.random.key(0)}) and seen({"k": key}) != seen({"k": jax.random.key(1)})
assert seen(jnp.ones(2, jnp.bfloat16)) != seen(jnp.zeros(2, jnp.bfloat16))
gone = jnp.ones(2); gone.delete()
assert seen(gone) == seen(gone)
traced = []
jax.jit(lambda x: traced.append(seen(x)) or x + 1)(jnp.ones(2))
print("ok")
`,
		"tensorflow": `
import tensorflow as tf
from reprocheck_probe import values
seen = values.of_batch
assert seen(tf.range(3)) == seen(tf.range(3)) and seen(tf.range(3)) != seen(tf.range(3) + 1)
assert seen(tf.constant(["a"])) != seen(tf.constant(["b"]))
traced = []
tf.function(lambda x: traced.append(seen(x)) or x + 1)(tf.ones(2))
print("ok")
`,
	}
	for name, script := range tests {
		t.Run(name, func(t *testing.T) {
			s := newSession(t, map[string]string{"run.py": script})
			s.needs(name)
			onlyDigests(t, s)
		})
	}
}

// onlyDigests runs a script with the probe's package on the path but without its hooks.
func onlyDigests(t *testing.T, s *session) {
	t.Helper()
	source, err := filepath.Abs("py")
	if err != nil {
		t.Fatal(err)
	}
	s.env = []string{"PYTHONPATH=" + source, "PYTHONDONTWRITEBYTECODE=1"}
	if got := s.bare("run.py").ok(t); got.stdout != "ok\n" {
		t.Errorf("got %q", got.stdout)
	}
}
