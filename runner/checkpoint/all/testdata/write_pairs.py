"""Writes pairs of files: NAME.same.a and NAME.same.b hold equal content, NAME.other.a and NAME.other.b do not.

usage: write_pairs.py DIR
"""
import argparse
import collections
import datetime
import decimal
import fractions
import io
import json
import os
import pathlib
import pickle
import sys
import zipfile

import numpy as np
import torch

OUT = sys.argv[1]


def path(name, kind, side):
    return os.path.join(OUT, f"{name}.{kind}.{side}")


def pair(name, kind, a, b, save_a=torch.save, save_b=None):
    for side, value, save in (("a", a, save_a), ("b", b, save_b or save_a)):
        save(value, path(name, kind, side))


def same(name, a, b, *how):
    pair(name, "same", a, b, *how)


def other(name, a, b, *how):
    pair(name, "other", a, b, *how)


def legacy(value, file):
    torch.save(value, file, _use_new_zipfile_serialization=False)


def protocol(n):
    return lambda value, file: torch.save(value, file, pickle_protocol=n)


def stream(value, file):
    buffer = io.BytesIO()
    torch.save(value, buffer)
    with open(file, "wb") as f:
        f.write(buffer.getvalue())


def dump(value, file, protocol=5):
    if protocol < 2:
        file_name = file + ".pkl"  # known by their name only
        os.symlink(os.path.basename(file_name), file)
        file = file_name
    with open(file, "wb") as f:
        pickle.dump(value, f, protocol=protocol)


def rezip(value, file):
    """An archive as another tool would write it: another order, other dates, no alignment."""
    buffer = io.BytesIO()
    torch.save(value, buffer)
    with zipfile.ZipFile(buffer) as source, zipfile.ZipFile(file, "w") as target:
        for name in sorted(source.namelist()):
            target.writestr(name, source.read(name))


w = torch.arange(12.).reshape(3, 4)
state = {"a": w, "n": 3, "f": 0.5, "s": "text"}

# What a container adds is no content.
same("archive-name", state, state, torch.save, stream)
same("legacy", state, state, torch.save, legacy)
same("protocol", state, state, torch.save, protocol(4))
same("rezipped", state, state, torch.save, rezip)
same("dict-order", state, dict(reversed(list(state.items()))))
same("ordered-dict", state, collections.OrderedDict(state))
same("parameter", {"w": w}, {"w": torch.nn.Parameter(w.clone())})
long = {"a": np.random.RandomState(0).randint(0, 256, (300, 400), dtype=np.uint8), "b": np.asfortranarray(np.random.RandomState(1).rand(100, 100)),
        "c": np.random.RandomState(2).bytes(100000), "d": bytearray(np.random.RandomState(3).bytes(100000)), "e": "\u00e9\u0101" * 50000,
        "f": ["x"] * 600 + ["y" * 100000]}
same("long-values-protocols", long, long, protocol(2), protocol(5))
other("long-text", {"s": "a" * 100000}, {"s": "a" * 99999 + "b"}, protocol(2))
same("requires-grad", {"w": w}, {"w": w.clone().requires_grad_()})
same("shared-storage", {"a": w, "b": w}, {"a": w, "b": w.clone()})
same("memo", [state, state], [state, dict(state)])
same("view", {"w": torch.arange(100.)[10:20]}, {"w": torch.arange(10., 20.)})
same("transposed", {"w": torch.arange(12.).reshape(3, 4).t()}, {"w": torch.arange(12.).reshape(3, 4).t().contiguous()})
same("pickled", state, state, torch.save, dump)
same("set-order", {"s": {"a", "b", "c", "d"}}, {"s": set(["d", "c", "b", "a"])})
same("f-order", {"x": np.arange(6.).reshape(2, 3)}, {"x": np.asfortranarray(np.arange(6.).reshape(2, 3))}, dump)
same("endian", {"x": np.arange(6, dtype="<i4")}, {"x": np.arange(6, dtype=">i4")}, dump)


def npz(value, file):
    with open(file, "wb") as f:
        np.savez(f, **value)


def compressed(value, file):
    with open(file, "wb") as f:
        np.savez_compressed(f, **value)


def npy(value, file):
    with open(file, "wb") as f:
        np.save(f, value, allow_pickle=True)


def boxed(value):
    """The array without dimensions that np.save makes of what is no array."""
    return np.array(value, dtype=object)


# Arrays of objects are the same wherever they are kept, and in whichever order NumPy has them.
objects = {
    "names": np.array(["a", None, {"x.y": np.arange(6.).reshape(2, 3), "x": {"y": 1}}], dtype=object), "w": np.arange(3),
    "grid": np.array([[1, "b", 2.5], [b"c", (4,), [5]]], dtype=object), "none": np.empty((0, 2), dtype=object),
    "long": np.array([str(i) for i in range(600)], dtype=object), "config": boxed({"lr": .1, "big": np.arange(20000)}),
}
in_fortran = dict(objects, grid=np.asfortranarray(objects["grid"]))
same("objects-npz", objects, objects, dump, npz)
same("objects-compressed", objects, in_fortran, npz, compressed)
same("objects-fortran", objects, in_fortran, dump)
same("objects-npy", objects["grid"], objects["grid"], dump, npy)
same("objects-boxed", boxed(state), state, dump, npy)
other("objects-transposed", objects["grid"], objects["grid"].T, npy)
other("objects-value", objects["grid"], np.array([[1, "b", 2.5], [b"c", (4,), [6]]], dtype=object), npy)
other("objects-shape", objects["grid"], objects["grid"].reshape(-1), npy)

# Of records, what lies between their fields is none of their values.
padded = np.dtype([("a", "i1"), ("b", "f8"), ("c", [("d", "i2"), ("e", "i4")], 2), ("f", "u1")], align=True)
records = [np.frombuffer(bytes([fill]) * padded.itemsize * 4, padded).reshape(2, 2).copy() for fill in (0, 0xff)]
for r in records:
    r["a"], r["b"], r["c"]["d"], r["c"]["e"], r["f"] = 1, 2.5, 3, 4, 5
assert records[0].tobytes() != records[1].tobytes() and (records[0] == records[1]).all()
for name, save in {"pickle": dump, "npz": npz, "compressed": compressed, "protocol-2": lambda v, file: dump(v, file, 2)}.items():
    same("padding-" + name, {"r": records[0]}, {"r": records[1]}, save)
    other("records-" + name, {"r": records[0]}, {"r": np.zeros_like(records[0])}, save)

# Names are written alike whatever the format.
odd = {name: np.arange(float(i)) for i, name in enumerate(["w", "a.b", "x[0]", 'q"u', "\x7f", "\u200b", "\u00fc"])}
same("names-npz", odd | {"": np.ones(2)}, odd | {"": np.ones(2)}, dump, npz)
try:
    import h5py
    import safetensors.numpy
except ImportError:
    pass
else:
    def shards(value, file):
        os.makedirs(file + ".shards")
        index = os.path.join(file + ".shards", "model.safetensors.index.json")
        for name in value:
            safetensors.numpy.save_file({name: value[name]}, os.path.join(file + ".shards", f"{list(value).index(name)}.safetensors"))
        with open(index, "w") as f:
            json.dump({"weight_map": {name: f"{i}.safetensors" for i, name in enumerate(value)}}, f)
        os.symlink(os.path.relpath(index, OUT), file)

    def hdf5(value, file):
        with h5py.File(file, "w") as f:
            for name, array in value.items():
                f[name] = array

    same("names-safetensors", odd | {"": np.ones(2)}, odd | {"": np.ones(2)}, dump, lambda v, file: safetensors.numpy.save_file(v, file))
    same("names-shards", odd | {"": np.ones(2)}, odd | {"": np.ones(2)}, dump, shards)
    same("names-hdf5", odd, odd, dump, hdf5)
    same("padding-hdf5", {"r": records[0]}, {"r": records[1]}, hdf5)

things = {
    "arrays": [np.arange(6.).reshape(2, 3), np.float32(1.5), np.array(["a", "bc"])], "namespace": argparse.Namespace(lr=.1, tags={"a"}),
    "range": range(3), "bytes": b"\x00\xff" * 10, "bytearray": bytearray(b"ab"), "set": {1, 2}, "complex": 1 - 2j, "long": 1 << 70,
    "ordered": collections.OrderedDict(a=1), "counter": collections.Counter("aab"), "text": "\u00e9\u4e2d\ud800\n\\u", "path": pathlib.PurePosixPath("/a/b"),
    "date": datetime.datetime(2020, 1, 1), "float": [0.1, float("inf"), -0.0, float("nan")], "bool": [True, False, None], "nested": {(1, "x"): [()]},
    "generator": np.random.RandomState(0).get_state(), "frozen": frozenset("ab"), "decimal": decimal.Decimal("1.50"),
    "empty": [b"", bytearray(), "", (), [], {}, set(), frozenset()],
    "keys": {b"k": 1, b"": 2, (b"\xff", frozenset([2, 1])): 3, np.int64(7): 4},
}
for n in range(5):
    for key in things:
        same(f"protocol-{n}-{key}", things[key], things[key],
             lambda v, file: dump(v, file), lambda v, file, n=n: dump(v, file, n))

same("object-keys", {torch.device("cpu"): {fractions.Fraction(1, 3), fractions.Fraction(1, 2)}},
     {torch.device("cpu"): {fractions.Fraction(1, 2), fractions.Fraction(1, 3)}})

# Any of these is another content.
other("bytes-key", {b"a": 1}, {b"b": 1})
other("number-key", {np.int64(1): 1}, {np.int32(1): 1})
other("object-key", {torch.device("cpu"): 1}, {torch.device("meta"): 1})
other("set-of-objects", {fractions.Fraction(1, 3)}, {fractions.Fraction(1, 2)})
other("value", {"w": w}, {"w": w + torch.eye(3, 4)})
other("signed-zero", {"w": torch.tensor([0.])}, {"w": torch.tensor([-0.])})
other("nan-payload", {"w": torch.tensor([0x7fc00000], dtype=torch.int32).view(torch.float32)},
      {"w": torch.tensor([0x7fc00001], dtype=torch.int32).view(torch.float32)})
other("dtype", {"w": torch.zeros(4)}, {"w": torch.zeros(4, dtype=torch.int32)})
other("shape", {"w": w}, {"w": w.reshape(4, 3)})
other("key", {"w": w}, {"v": w})
other("extra-key", {"w": w}, {"w": w, "v": w})
other("int-or-float", {"n": 1}, {"n": 1.0})
other("bool-or-int", {"n": True}, {"n": 1})
other("float", {"n": 0.1}, {"n": 0.1 + 2 ** -56})
other("float-zero", {"n": 0.0}, {"n": -0.0})
other("string", {"s": "a"}, {"s": "b"})
other("bytes-or-string", {"s": "a"}, {"s": b"a"})
other("none", {"s": None}, {"s": "None"})
other("nesting", {"a": {"b": 1}}, {"a.b": 1})
other("swapped-names", {"a.b": 1, "a": {"b": 2}}, {"a.b": 2, "a": {"b": 1}})
other("list-order", [1, 2], [2, 1])
other("deque-bound", {"losses": collections.deque([1.0], maxlen=10)}, {"losses": collections.deque([1.0], maxlen=20)})
same("deque", {"losses": collections.deque([1.0])}, {"losses": [1.0]})
other("long-list-order", list(range(1000)), [1, 0] + list(range(2, 1000)))
other("long-list-type", [1.0] * 1000, [1.0] * 999 + [1])
other("list-or-tuple", {"n": [1]}, {"n": (1,)})
other("key-type", {0: 1}, {"0": 1})
other("empty", {"d": {}}, {"d": []})
other("set", {"s": {"a", "b"}}, {"s": {"a", "c"}})
other("frozenset", {"s": {"a"}}, {"s": frozenset("a")})
other("array-or-tensor-type", {"x": np.arange(3)}, {"x": np.arange(3, dtype=np.int32)}, dump)
other("scalar-type", {"x": np.float64(1)}, {"x": 1.0}, dump)
other("class", {"t": torch.float32}, {"t": torch.float64})
other("quantiser", {"q": torch.quantize_per_tensor(torch.zeros(3), .1, 0, torch.qint8)},
      {"q": torch.quantize_per_tensor(torch.zeros(3), .2, 0, torch.qint8)})
if torch.__version__ >= "2":  # PyTorch 1.13 loses the conjugation
    z = torch.complex(torch.arange(4.), torch.arange(4.))
    other("conj", {"z": z}, {"z": z.conj()})


class Elsewhere:
    """A tensor of a device that PyTorch saves as an array, with the tensor's type beside it."""

    def __init__(self, dtype):
        self.dtype = dtype

    def __reduce__(self):
        return torch._utils._rebuild_device_tensor_from_numpy, (np.ones(3, dtype="f4"), self.dtype, "cpu", False)


same("elsewhere", {"w": Elsewhere(torch.float32)}, {"w": torch.ones(3)})
other("elsewhere-type", {"w": Elsewhere(torch.float32)}, {"w": Elsewhere(torch.bfloat16)})
same("empty-view", {"w": torch.zeros(3, 0, 4)[1:]}, {"w": torch.zeros(2, 0, 4)})


# What TorchScript computes with and what it computes are content; how often a class was compiled again is not.
def scripted(weight, times=1, freeze=False):
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = torch.nn.Linear(3, 2)
            torch.nn.init.constant_(self.inner.weight, weight)
            torch.nn.init.constant_(self.inner.bias, 0)
            self.times = times

        def forward(self, x):
            return self.inner(x) * self.times

    module = torch.jit.script(Net().eval())
    return torch.jit.freeze(module) if freeze else module


def traced(operation):
    return torch.jit.trace(operation, torch.ones(2))


def with_file(text):
    return lambda module, file: torch.jit.save(module, file, _extra_files={"labels.txt": text})


scripted(1.)  # the first has no number
same("script", scripted(1.), scripted(1.), torch.jit.save)
same("script-frozen", scripted(1., freeze=True), scripted(1., freeze=True), torch.jit.save)
other("script-frozen-weight", scripted(1., freeze=True), scripted(2., freeze=True), torch.jit.save)
other("script-frozen-number", scripted(1., 2, freeze=True), scripted(1., 3, freeze=True), torch.jit.save)
other("script-constant", traced(lambda x: x + torch.tensor([1., 2.])), traced(lambda x: x + torch.tensor([1., 3.])), torch.jit.save)
other("script-code", traced(lambda x: x * x), traced(lambda x: x + x), torch.jit.save)
other("script-file", scripted(1.), scripted(1.), with_file("cat dog"), with_file("dog cat"))
