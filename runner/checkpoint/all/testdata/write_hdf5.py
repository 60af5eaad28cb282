"""Writes HDF5 files with h5py and the digests that Python computes of their datasets.

usage: write_hdf5.py DIR
"""
import json
import os
import sys
import zipfile

import h5py
import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from rc1 import Expect, name_of

OUT = sys.argv[1]
rng = np.random.default_rng(0)


def expect(path):
    e = Expect()

    def visit(name, node):
        if isinstance(node, h5py.Dataset) and node.dtype.kind not in "O":
            a = node[()]
            if isinstance(a, np.ndarray) or np.ndim(a) == 0 and node.dtype.kind != "S":
                a = np.asarray(a)
                little = a if a.dtype.names else a.astype(a.dtype.newbyteorder("<"))
                e.tensor(name.replace("/", "."), name_of(a.dtype), list(a.shape), little.tobytes("C"))

    with h5py.File(path) as f:
        f.visititems(visit)
        if "types" in f and "numbers" in f["types"].attrs:
            a = f["types"].attrs["numbers"]
            e.tensor("types@numbers", a.dtype.name, list(a.shape), a.tobytes())
    e.write(path + ".expect")


def write(name, libver=None, few=False, **options):
    path = os.path.join(OUT, name)
    with h5py.File(path, "w", libver=libver) as f:
        for t in ("i1", "u1", "i2", "u2", "i4", "u4") if few else (
                "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", ">i4", ">f8", "bool", "c8", "c16"):
            g = f.require_group("types") if few else f.require_group("types/" + ("floats" if "f" in t else "others"))
            g.create_dataset(t.replace(">", "big_"), data=(rng.random((13, 7, 5)) * 100).astype(t), **options)
        if few:
            return
        f.create_dataset("scalar", data=np.float32(2.5))
        f.create_dataset("empty", data=np.zeros((0, 3)))
        f.create_dataset("text", data="a string of variable length")
        f.create_dataset("names", data=np.array([b"ab", b"cde"]))
        f.create_dataset("never_written", shape=(5, 6), dtype="f4", fillvalue=7)
        f["types"].attrs["note"] = "é"
        f["types"].attrs["numbers"] = np.arange(3)
        f["types"].attrs["list"] = [b"one", b"three"]
        f["soft"] = h5py.SoftLink("/scalar")
    expect(path)


write("plain.h5")
write("gzip.h5", compression="gzip")
write("filters.h5", compression="gzip", shuffle=True, fletcher32=True, chunks=(4, 3, 5))
write("checksum.h5", fletcher32=True, chunks=(4, 3, 5))
write("lzf.h5", compression="lzf", shuffle=True, chunks=(4, 3, 5))
write("latest.h5", libver="latest")
write("latest_gzip.h5", libver="latest", compression="gzip", chunks=(4, 3, 5))
write("v110.h5", libver=("earliest", "v110"), compression="lzf", fletcher32=True)

# Element types that models rarely have, in a file with a user block, as MATLAB writes it.
with h5py.File(os.path.join(OUT, "records.h5"), "w", userblock_size=1024) as f:
    inner = np.dtype([("n", "<i2"), ("s", "S3")])
    records = np.zeros(4, [("a", "<i4"), ("m", "<f4", (2, 3)), ("in", inner), ("b", "<f8")])
    records["a"], records["m"], records["in"]["s"], records["b"] = range(4), rng.random((4, 2, 3)), b"xy", rng.random(4)
    f["packed"] = records
    f["aligned"] = np.zeros(2, np.dtype([("a", "i1"), ("b", "f8")], align=True))
    f.create_dataset("chunked", data=records, chunks=(3,), compression="gzip", shuffle=True)
    f.create_dataset("levels", data=[2, 0, 1], dtype=h5py.enum_dtype({"low": 0, "middle": 1, "high": 2}, basetype=">i2"))
    f.create_dataset("two", data=[0, 1], dtype=h5py.enum_dtype({"A": 0, "B": 1}, basetype="i1"))
    rows = h5py.h5t.array_create(h5py.h5t.IEEE_F32BE, (2, 3))
    d = h5py.Dataset(h5py.h5d.create(f.id, b"rows", rows, h5py.h5s.create_simple((4,))))
    d[...] = rng.random((4, 2, 3))
    f["long"] = np.array([0.1, -0.0, 3], "longdouble")
expect(os.path.join(OUT, "records.h5"))

path = os.path.join(OUT, "grown.h5")
with h5py.File(path, "w") as f:
    d = f.create_dataset("d", shape=(3, 4), maxshape=(None, None), chunks=(2, 3), dtype="f4", fillvalue=-1)
    d[1, 2] = 5
    d.resize((7, 8))
    d[6, 7] = 6
    for i in range(40):
        f.create_dataset(f"many/n{i:03d}", data=np.full(2, i))
    big = f.create_dataset("big", shape=(1000, 50), chunks=(7, 11), dtype="i4", compression="gzip")
    big[...] = np.arange(50000).reshape(1000, 50)
expect(path)

# Links and attributes of objects that have many, in heaps; in the order of creation or not; more than one block holds.
for name, options in {"dense.h5": {"libver": "latest"}, "ordered.h5": {"track_order": True}}.items():
    with h5py.File(os.path.join(OUT, name), "w", **options) as f:
        for i in range(30):
            f.create_dataset(f"n{(i * 7) % 30:03d}", data=np.full(2, i))
        deep = f.create_group("deep", **({"track_order": True} if "track_order" in options else {}))
        for i in range(2500):
            deep.create_dataset(f"a name that is rather long, of the number {i}" + "x" * (i % 40 * 15), data=np.int16(i))
        for i in range(40):
            f["n000"].attrs[f"a{i:02d}"] = f"value {i}"
        f["n001"].attrs.update({f"x{i}": "y" * (i + 1) for i in range(2000)})
    expect(os.path.join(OUT, name))

# Every index of chunks that HDF5 1.10 has, with and without a filter: one chunk, none, fixed and extensible arrays, in one
# piece and in pages, and trees.
with h5py.File(os.path.join(OUT, "chunks.h5"), "w", libver="latest") as f:
    for name, options in {"plain": {}, "gzip": {"compression": "gzip", "compression_opts": 1}}.items():
        g = f.create_group(name)

        def add(key, shape, chunks, maxshape=None, some=None):
            d = g.create_dataset(key, shape, chunks=chunks, maxshape=maxshape, dtype="i4", fillvalue=9, **options)
            a = np.arange(np.prod(shape), dtype="i4").reshape(shape)
            d[some or ...] = a[some or ...]

        add("single", (5, 6), (5, 6))
        add("fixed", (50, 60), (7, 11))
        add("fixed more", (50, 60), (7, 11), (99, 70))
        add("fixed pages", (4000, 3), (1, 2))
        add("fixed gaps", (4000, 3), (1, 3), None, np.s_[2100:2300])
        add("extensible", (7, 6), (1, 6), (None, 6))
        add("extensible long", (9000, 3), (1, 2), (None, 3))
        add("extensible gaps", (9000,), (2,), (None,), np.s_[5000:5100])
        add("extensible second", (5, 700), (2, 3), (8, None))
        add("extensible middle", (5, 300, 4), (2, 3, 3), (5, None, 9))
        add("tree", (50, 60), (7, 11), (None, None))
        add("tree deep", (300, 300), (3, 3), (None, None))
    early = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    early.set_chunk((3, 4))
    early.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    d = h5py.h5d.create(f.id, b"implicit", h5py.h5t.NATIVE_INT32, h5py.h5s.create_simple((10, 9)), early)
    h5py.Dataset(d)[...] = np.arange(90).reshape(10, 9)
expect(os.path.join(OUT, "chunks.h5"))

# A .keras file as Keras 3 writes it, but for the times.
for when in (2020, 2021):
    path = os.path.join(OUT, f"model{when}.keras")
    with zipfile.ZipFile(path, "w") as z:
        def add(name, data):
            z.writestr(zipfile.ZipInfo(name, (when, 1, 1, 0, 0, 0)), data)

        add("metadata.json", json.dumps({"keras_version": "3.15.1", "date_saved": f"{when}-01-01@00:00:00"}))
        add("config.json", json.dumps({"class_name": "Sequential"}))
        with open(os.path.join(OUT, "plain.h5"), "rb") as f:
            add("model.weights.h5", f.read())
