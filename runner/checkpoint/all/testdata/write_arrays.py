"""Writes .npy, .npz, safetensors and pickle files and the digests that Python computes of their arrays.

usage: write_arrays.py DIR
"""
import os
import pickle
import random
import sys
import zipfile

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from rc1 import Expect, name_of

OUT = sys.argv[1]
rng = np.random.default_rng(0)


def expect(path, arrays):
    e = Expect()
    for name, a in arrays.items():
        a = np.asarray(a)
        little = a if a.dtype.names or a.dtype.kind in "SV" else a.astype(a.dtype.newbyteorder("<"), copy=False)
        e.tensor(name, name_of(a.dtype), list(a.shape), little.tobytes("C"))
    e.write(path + ".expect")


arrays = {t: rng.integers(0, 100, (3, 4, 5)).astype(t) for t in
          ("bool", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", "c8", "c16", ">i2", ">f4", ">f8", ">c8",
           "longdouble")}
arrays = {k.replace(">", "big_"): v for k, v in arrays.items()}
arrays.update(
    fortran=np.asfortranarray(rng.random((7, 11))), fortran3=np.asfortranarray(rng.random((200, 30, 40))),
    big_fortran=np.asfortranarray(rng.random((5, 6)).astype(">f4")),
    scalar=np.float32(2.5), empty=np.zeros((0, 3)), bytes=np.array([b"ab", b"c"]), text=np.array(["é", "xyz"]),
    when=np.array(["2020-01-01", "2021-02-03"], dtype="M8[D]"), record=np.array([(1, 2.5)], dtype=[("a", "<i4"), ("b", "<f8")]),
    nested=np.array([(1, [[1, 2, 3], [4, 5, 6]], ("ab", 7))],
                    dtype=[("a", "i1"), ("m", "<f4", (2, 3)), ("r", [("s", "S3"), ("v", "<i8", 1)])]),
    accented=np.ones(2, [("\u00e9", "<f4")]), foreign=np.ones(2, [("\u4e2d", "<f4")]),  # versions 1 and 3 of the header
    titled=np.ones(2, [(("a title", "a"), "<i2"), ("b", "<f4")]),
    padded=np.zeros(2, dtype=np.dtype([("a", "i1"), ("b", "f8")], align=True)))


def path(name):
    return os.path.join(OUT, name)


np.savez(path("stored.npz"), **arrays)
expect(path("stored.npz"), arrays)
np.savez_compressed(path("compressed.npz"), **arrays)
expect(path("compressed.npz"), arrays)
# NumPy writes two of the methods that it reads.
for method in ("BZIP2", "LZMA"):
    with zipfile.ZipFile(path("stored.npz")) as old, \
            zipfile.ZipFile(path(method.lower() + ".npz"), "w", getattr(zipfile, "ZIP_" + method)) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    assert all(np.array_equal(np.load(path(method.lower() + ".npz"))[k], v) for k, v in arrays.items())
    expect(path(method.lower() + ".npz"), arrays)
plain = {k: v for k, v in arrays.items() if "fortran" not in k}
for name, a in {"one.npy": arrays["f4"], "fortran.npy": arrays["fortran3"]}.items():
    np.save(path(name), a)
    expect(path(name), {"": a})

# Arrays within arrays of objects.
held = {k: v for k, v in arrays.items() if k in ("f4", "fortran", "when", "record", "big_f8", "empty")}
np.save(path("objects.npy"), held, allow_pickle=True)
expect(path("objects.npy"), {"[0]." + k: v for k, v in held.items()})
for save in np.savez, np.savez_compressed:
    file = path(save.__name__ + "_objects.npz")
    save(file, held=np.array(held, dtype=object), list=np.array([None, held["f4"]], dtype=object), w=held["f4"])
    expect(file, {"held[0]." + k: v for k, v in held.items()} | {"list[1]": held["f4"], "w": held["f4"]})

noncontiguous = rng.random((6, 8))[::2, 1::3]
for protocol in range(2, 6):
    file = path(f"protocol{protocol}.pkl")
    held = dict(plain, fortran=arrays["fortran"], noncontiguous=noncontiguous, long=rng.random(20000),
                permuted=rng.random((2, 3, 4)).transpose(1, 0, 2), rotated=np.arange(120, dtype=">i4").reshape(2, 3, 4, 5).transpose(3, 0, 1, 2),
                never=np.array(["NaT"], dtype="M8"))
    value = {"arrays": held, "n": 3, "records": np.rec.array(arrays["record"]), "state": random.getstate(), "none": None, "set": {1, 2}, "bytes": b"x" * 300}
    with open(file, "wb") as f:
        pickle.dump(value, f, protocol=protocol)
    expect(file, {"arrays." + k: v for k, v in held.items() if np.shape(v) != () or isinstance(v, np.ndarray)})

try:
    from safetensors.numpy import save_file
except ImportError:
    pass
else:
    simple = {k: np.ascontiguousarray(v) for k, v in arrays.items()
              if k in ("bool", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", "empty")}
    save_file(simple, path("arrays.safetensors"), metadata={"format": "np", "step": "3"})
    expect(path("arrays.safetensors"), simple)
