"""Writes MessagePack files with flax and the digests that Python computes of their arrays and of all of their content.

usage: write_flax.py DIR
"""
import os
import pickle
import struct
import sys

import jax.numpy as jnp
import ml_dtypes
import numpy as np
from flax import serialization

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from rc1 import Expect, digest, file_digest

OUT = sys.argv[1]
rng = np.random.default_rng(0)


def entries(v, name=""):
    """Yields (name, type, shape, bytes) of every value that flax restores."""
    if isinstance(v, dict):
        yield name, "dict", None, str(len(v)).encode()
        for k, x in v.items():
            yield from entries(x, f"{name}[{k}]" if isinstance(k, int) else f"{name}.{k}" if name else k)
    elif isinstance(v, (list, tuple)):
        yield name, "list", None, str(len(v)).encode()
        for i, x in enumerate(v):
            yield from entries(x, f"{name}[{i}]")
    elif isinstance(v, np.ndarray):
        yield name, v.dtype.name, list(v.shape), v.tobytes("C")
    elif isinstance(v, np.generic):
        yield name, "numpy." + v.dtype.name, None, v.tobytes()
    elif v is None:
        yield name, "None", None, b""
    elif isinstance(v, (bool, int)):
        yield name, type(v).__name__, None, str(v).encode()
    elif isinstance(v, float):
        yield name, "float", None, struct.pack("<d", v)
    elif isinstance(v, complex):
        yield name, "complex", None, struct.pack("<dd", v.real, v.imag)
    elif isinstance(v, str):
        yield name, "str", None, v.encode()
    elif isinstance(v, bytes):
        yield name, "bytes", None, v
    else:
        raise TypeError(type(v))


def save(name, value):
    path = os.path.join(OUT, name)
    with open(path, "wb") as f:
        f.write(serialization.msgpack_serialize(value))
    # What counts is what flax restores.
    with open(path, "rb") as f:
        back = serialization.msgpack_restore(f.read())
    e, all_ = Expect(), {}
    for key, kind, shape, data in entries(back):
        if shape is not None:
            e.tensor(key, kind, shape, data)
        all_[key] = digest(kind, "" if shape is None else "[" + ",".join(map(str, shape)) + "]", "", data)
    e.write(path + ".expect")
    with open(path + ".content", "w") as f:
        f.write(file_digest(all_))


params = {"params": {"dense": {"kernel": jnp.asarray(rng.random((5, 7)), "float32"), "bias": np.zeros(7, "f4")},
                     "half": jnp.ones((3, 2), "bfloat16")}}
save("params.msgpack", params)
save("checkpoint_100", {"step": 100, "optimizer": {"0": {"mu": params["params"], "count": np.int32(100)}, "1": {}}} | params)
types = {}
for t in ("bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float16", "float32", "float64",
          "complex64", "complex128"):
    types[t] = (rng.random((2, 3, 4)) * 100).astype(t)
for t in ("bfloat16", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz"):
    types[t] = (rng.random((2, 3)) * 10).astype(getattr(ml_dtypes, t))
save("types.msgpack", types | {"scalar": np.array(2.5), "empty": np.zeros((0, 3), "i4"), "fortran": np.asfortranarray(np.arange(6.).reshape(2, 3))})
integers = [s * (1 << b) + d for b in (0, 5, 7, 8, 15, 16, 31, 32, 62) for s in (1, -1) for d in (-1, 0, 1)]
save("values.msgpack", {
    "integers": integers + [(1 << 64) - 1, -(1 << 63)], "reals": [0.1, float("inf"), -0.0], "none": None, "yes": True, "no": False,
    "complex": 1 - 2j, "bytes": b"\xff" * 40, "texts": ["", "\u00e9" * 20, "x" * 300, "y" * 70000], "numbers": {1: "a", -2: "b"},
    "np": [np.float32(.1), np.int64(-5), np.bool_(True), ml_dtypes.bfloat16(1.5)], "many": list(range(70)), "keys": {f"k{i}": i for i in range(70)}})
# Arrays of JAX pickled, with element types that NumPy does not have.
pickled = {"dense": jnp.asarray(rng.random((5, 7)), "float32"), "half": jnp.ones((3, 2), "bfloat16"),
           "small": [jnp.arange(4).astype(t) for t in ("float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz")]}
for protocol in 2, 5:
    path = os.path.join(OUT, f"jax{protocol}.pkl")
    with open(path, "wb") as f:
        pickle.dump(pickled, f, protocol=protocol)
    with open(path, "rb") as f:
        back = pickle.load(f)
    e = Expect()
    named = [(key, back[key]) for key in ("dense", "half")] + [(f"small[{i}]", a) for i, a in enumerate(back["small"])]
    for key, a in named:
        e.tensor(key, a.dtype.name, list(a.shape), np.asarray(a).tobytes())
    e.write(path + ".expect")
# flax cuts arrays of more than 1 GiB into pieces; here it cuts small ones.
serialization.MAX_CHUNK_SIZE = 1000
save("pieces.msgpack", {"big": rng.random((30, 40)).astype("f4"), "long": rng.random((300, 700)).astype("f4"), "small": np.ones(3, "f4"), "deep": {"big": np.arange(1000)}})
