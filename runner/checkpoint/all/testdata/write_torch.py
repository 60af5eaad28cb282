"""Writes checkpoints with the installed PyTorch and, for each, the digests that Python computes of its tensors.

usage: write_torch.py DIR
"""
import collections
import os
import pickle
import random
import sys

import numpy as np
import torch

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from rc1 import Expect

OUT = sys.argv[1]
torch.manual_seed(0)
random.seed(0)
np.random.seed(0)


def raw(t):
    """The C-order little-endian bytes of a dense tensor of any dtype."""
    t = t.detach()
    if t.is_quantized:
        t = t.int_repr()
    # A file stores the bytes before a lazy operation.
    if t.is_conj():
        t = t.conj()
    if t.is_neg():
        t = torch._neg_view(t)
    t = t.contiguous()
    if t.numel() == 0:
        return b""
    return bytes(t.reshape(-1).view(torch.uint8).numpy())


def dtype(t):
    return str(t.dtype).replace("torch.", "")


def tensors(value, name=""):
    """Yields (name, tensor or array) of nested dictionaries and lists, named as the readers name them."""
    if isinstance(value, (torch.Tensor, np.ndarray)):
        yield name, value
    elif isinstance(value, dict):
        for k, v in value.items():
            if isinstance(k, str):
                yield from tensors(v, name + "." + k if name else k)
            else:
                yield from tensors(v, f"{name}[{k!r}]")
    elif isinstance(value, (list, tuple)):
        for i, v in enumerate(value):
            yield from tensors(v, f"{name}[{i}]")


def save(filename, value, **kw):
    path = os.path.join(OUT, filename)
    torch.save(value, path, **kw)
    # What counts is what the file holds: PyTorch 1.13 saves a lazily conjugated tensor without saying so.
    value = torch.load(path, **({"weights_only": False} if torch.__version__ >= "2" else {}))
    expect = Expect()
    for name, t in tensors(value):
        if isinstance(t, np.ndarray):
            expect.tensor(name, t.dtype.name, list(t.shape), t.tobytes())
        elif t.layout == torch.strided and not t.is_meta:
            attrs = "conj" if t.is_conj() else "neg" if t.is_neg() else ""
            if t.is_quantized:
                attrs = str(t.qscheme()).replace("torch.", "")
            expect.tensor(name, dtype(t), list(t.shape), raw(t), attrs)
    expect.write(path + ".expect")


model = torch.nn.Sequential(collections.OrderedDict(
    conv=torch.nn.Conv2d(3, 8, 3), bn=torch.nn.BatchNorm2d(8), flat=torch.nn.Flatten(), fc=torch.nn.Linear(8 * 36, 5)))
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 2)
for _ in range(2):
    optimizer.zero_grad()
    model(torch.randn(4, 3, 8, 8)).sum().backward()
    optimizer.step()
    scheduler.step()

save("state.pt", model.state_dict())
save("state_legacy.pt", model.state_dict(), _use_new_zipfile_serialization=False)
training = {
    "model": model.state_dict(), "optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict(),
    "epoch": 3, "best": 0.1 + 0.2, "big": 1 << 80, "nan": float("nan"), "losses": [1.5, float("inf"), -0.0],
    "rng": {"torch": torch.get_rng_state(), "python": random.getstate(), "numpy": np.random.get_state()},
    "config": {"lr": 1e-3, "name": "tiny", "flags": (True, None), "tags": {"b", "a"}},
}
save("training.pt", training)
save("training_legacy.pt", training, _use_new_zipfile_serialization=False)
save("training_proto4.pt", training, pickle_protocol=4)
save("training_legacy_proto1.pt", training, pickle_protocol=1, _use_new_zipfile_serialization=False)
save("training_legacy_proto4.pt", training, pickle_protocol=4, _use_new_zipfile_serialization=False)

base = torch.arange(1000, dtype=torch.float32).reshape(10, 100)
save("views.pt", {
    "transposed": base.t(), "slice": base[2:5, 10:90:7], "expanded": torch.ones(1).expand(7, 3), "scalar": torch.tensor(3.5),
    "empty": torch.zeros(0, 4), "permuted": torch.arange(120).reshape(2, 3, 4, 5).permute(3, 1, 0, 2),
    "channels_last": torch.randn(2, 3, 5, 7).to(memory_format=torch.channels_last), "shared_a": base, "shared_b": base.view(-1),
    "tall": torch.arange(3000 * 700, dtype=torch.float64).reshape(3000, 700).t(),
})
types = {}
for dt in (torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.float16, torch.bfloat16,
           torch.float32, torch.float64, torch.complex64, torch.complex128):
    types[str(dt).split(".")[1]] = torch.arange(24).reshape(2, 3, 4).to(dt)
for name in ("uint16", "uint32", "uint64", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz",
             "float8_e8m0fnu"):
    if hasattr(torch, name):
        types[name] = torch.arange(24, dtype=torch.uint8).view(torch.uint8).to(torch.float32).to(getattr(torch, name))
if hasattr(torch, "float4_e2m1fn_x2"):
    types["float4"] = torch.arange(24, dtype=torch.uint8).view(torch.float4_e2m1fn_x2)
if hasattr(torch, "bcomplex32"):
    types["bcomplex32"] = torch.arange(24, dtype=torch.uint8).view(torch.bcomplex32)
save("dtypes.pt", types)
z = torch.complex(torch.arange(4.), torch.arange(4.))
save("lazy.pt", {"conj": z.conj(), "plain": z, "neg": torch._neg_view(torch.arange(4.))})
save("quantised.pt", {
    "q": torch.quantize_per_tensor(torch.randn(3, 4), 0.1, 10, torch.quint8),
    "c": torch.quantize_per_channel(torch.randn(3, 4), torch.tensor([.1, .2, .3]), torch.tensor([0, 1, 2]), 0, torch.qint8)})
save("sparse.pt", {"coo": torch.eye(4).to_sparse(), "csr": torch.eye(4).to_sparse_csr(), "dense": torch.eye(2)})
save("parameter.pt", {"p": torch.nn.Parameter(torch.randn(3)), "buffers": [torch.nn.Parameter(torch.ones(2), requires_grad=False)]})
attributed, parameter = torch.arange(4.), torch.nn.Parameter(torch.ones(2))
attributed.note, parameter.tag = "kept", 3
save("attributes.pt", {"t": attributed, "p": parameter})
scripted = torch.jit.script(torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.ReLU(), torch.nn.Linear(2, 1)))
path = os.path.join(OUT, "script.pt")
torch.jit.save(scripted, path)
expect = Expect()
for name, t in scripted.state_dict().items():
    expect.tensor(name, dtype(t), list(t.shape), raw(t))
expect.write(path + ".expect")
with open(os.path.join(OUT, "pickled.pkl"), "wb") as f:
    pickle.dump({"w": torch.arange(3.), "view": base[2:4, ::3], "half": torch.ones(2, dtype=torch.bfloat16)}, f)
expect = Expect()
for name, t in tensors({"w": torch.arange(3.), "view": base[2:4, ::3], "half": torch.ones(2, dtype=torch.bfloat16)}):
    expect.tensor(name, dtype(t), list(t.shape), raw(t))
expect.write(os.path.join(OUT, "pickled.pkl.expect"))
# The state of an optimizer of 10,000 parameters, one of them twice.
many = {i: {"step": torch.tensor(1.), "exp_avg": torch.full((2,), i / 3), "exp_avg_sq": torch.full((2,), i / 7)} for i in range(10000)}
many[7]["exp_avg"] = many[5]["exp_avg"]
save("many.pt", {"state": many, "param_groups": [{"lr": 1e-3, "params": list(range(10000))}]})
save("tensor.pt", torch.arange(6).reshape(2, 3))
torch.save(model, os.path.join(OUT, "module.pt"))
path = os.path.join(OUT, "module_legacy.pt")
torch.save(model, path, _use_new_zipfile_serialization=False)
expect = Expect()
for name, module in model.named_children():
    for kind in ("_parameters", "_buffers"):
        for key, t in getattr(module, kind).items():
            expect.tensor(f"_modules.{name}.{kind}.{key}", dtype(t), list(t.shape), raw(t))
expect.write(path + ".expect")
torch.save({"arrays": {"a": np.arange(6.).reshape(2, 3), "s": np.float64(1.5)}}, os.path.join(OUT, "numpy.pt"))
