"""Writes HDF5 files of values that do not lie in their place, or not as numbers of whole bytes in little endian, and the
digests of all that h5py reads in them.

usage: write_hdf5_values.py DIR
"""
import json
import os
import sys

import h5py
import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from rc1 import digest, name_of

OUT = sys.argv[1]
rng = np.random.default_rng(0)


def shape_text(shape):
    return "[" + ",".join(map(str, shape)) + "]"


class Walk:
    """All values of a file as docs/checkpoint-digest.md and docs/checkpoints.md tell them, by name."""

    def __init__(self, path):
        self.values = {}
        with h5py.File(path) as self.file:
            self.node("", self.file)
        with open(path + ".all", "w") as out:
            for name, (kind, shape, d) in self.values.items():
                out.write(json.dumps([name, kind, shape, "rc1:" + d.hex()]) + "\n")

    def put(self, name, kind, data, shape=None):
        assert name not in self.values, name
        self.values[name] = kind, shape or [], digest(kind, "" if shape is None else shape_text(shape), "", data)

    def node(self, name, node):
        if isinstance(node, h5py.Group):
            self.put(name, "dict", str(len(node)).encode())
        elif isinstance(node, h5py.Datatype):
            self.put(name, "datatype", types[name].encode())
        else:
            self.value(name, written[name] if name in written else node[()], node.dtype, node.shape)
        for key in node.attrs:
            a = node.attrs.get_id(key)
            self.value(f"{name}@{key}", node.attrs[key], a.dtype, a.shape)
        if isinstance(node, h5py.Group):
            for key in node:
                self.node(f"{name}.{key}" if name else key, node[key])

    def value(self, name, v, dtype, shape):
        if dtype.subdtype:
            dtype, shape = dtype.base, shape + dtype.shape
        if dtype.names and has_objects(dtype):
            self.put(name, "records", shape_text(shape).encode())
            for member in dtype.names:
                self.value(f"{name}.{member}", v[member], dtype[member], shape)
        elif dtype.kind == "S" and not shape:
            self.put(name, "str", v)
        elif dtype.kind != "O":
            a = np.asarray(v, dtype)
            self.put(name, name_of(dtype), little(a).tobytes("C"), list(shape))
        elif shape:
            self.put(name, "list", shape_text(shape).encode())
            for i, x in enumerate(np.asarray(v, object).reshape(-1) if v.dtype.kind == "O" else v):
                self.one(f"{name}[{i}]", x, dtype)
        else:
            self.one(name, v, dtype)

    def one(self, name, v, dtype):
        if h5py.check_string_dtype(dtype):
            self.put(name, "str", v if isinstance(v, bytes) else v.encode())
        elif h5py.check_ref_dtype(dtype) == h5py.Reference:
            self.put(name, "reference", self.target(v).encode())
        elif h5py.check_ref_dtype(dtype) == h5py.RegionReference:
            self.put(name, "region reference", self.region(v).encode())
        else:
            base = h5py.check_vlen_dtype(dtype)
            members = np.empty(0, base) if v is None else v
            if base.kind in "iuf":
                members = members.view(base)  # h5py 3.14 leaves big-endian members as they are, and says that they are native
            self.value(name, members, base, (len(members),))

    def target(self, ref):
        return self.file[ref].name if ref else ""

    def region(self, ref):
        if not ref:
            return ""
        space = h5py.h5r.get_region(ref, self.file.id)
        text = self.file[ref].name + " "
        kind = space.get_select_type()
        if kind == h5py.h5s.SEL_POINTS:
            return text + "points " + " ".join(shape_text(p) for p in space.get_select_elem_pointlist())
        if kind == h5py.h5s.SEL_ALL:
            return text + "all"
        if kind == h5py.h5s.SEL_NONE:
            return text + "none"
        return text + "blocks " + " ".join(shape_text(a) + ":" + shape_text(b) for a, b in space.get_select_hyper_blocklist())


def has_objects(dtype):
    if dtype.names:
        return any(has_objects(dtype[n]) for n in dtype.names)
    return dtype.base.kind == "O"


def little(a):
    """The array in little endian, field by field, where the bytes between fields are those of the array."""
    return a.astype(a.dtype.newbyteorder("<"), copy=True)


# What committed types read as; h5py shows them otherwise.
types = {
    "Record": "{a:int32@0,b:float64@4}",
    "Level": 'enumeration of int16 "high"=0200 "low"=0000',
}

# Datasets that HDF5 1.14.6 does not read again: the scale-offset filter keeps their values as they are.
written = {}

for libver in ("earliest", "latest"):
    path = os.path.join(OUT, libver + ".h5")
    with h5py.File(path, "w", libver=libver) as f:
        record = np.dtype([("a", "<i4"), ("b", ">f8")])
        level = h5py.enum_dtype({"low": 0, "high": 2}, basetype=">i2")

        # Strings of variable length, compressed, with chunks that were never written.
        text = f.create_dataset("text/zipped", (40,), h5py.string_dtype(), chunks=(7,), compression="gzip", shuffle=True)
        text[:12] = [f"é {i}" * i for i in range(12)]
        f.create_dataset("text/lzf", data=[["a", "bc"], ["", "x" * 5000]], dtype=h5py.string_dtype("ascii"), chunks=(1, 2), compression="lzf")
        f.create_dataset("text/filled", (5,), h5py.string_dtype(), chunks=(2,), compression="gzip")[3] = "one"

        # Committed types, of datasets and of attributes.
        f["Record"], f["Level"] = record, level
        f["Level"].attrs["note"] = "of a type"
        d = f.create_dataset("committed/records", data=np.array([(1, 2.5), (3, -0.0)], record), dtype=f["Record"])
        d.attrs.create("one", np.array((7, 1e300), record), dtype=f["Record"])
        f.create_dataset("committed/levels", data=[0, 2, 0], dtype=f["Level"])

        # References, in datasets, in attributes and in sequences: dimension scales use all three.
        a = f.create_dataset("grid", data=np.arange(60).reshape(3, 4, 5))
        f["x"], f["y"] = np.arange(3.0), np.arange(4.0)
        f["x"].make_scale("x")
        a.dims[0].attach_scale(f["x"])
        a.dims[1].attach_scale(f["y"])
        a.dims[1].label = "y"
        f.create_dataset("refs", data=np.array([[a.ref, f["text"].ref], [f.ref, h5py.Reference()]], h5py.ref_dtype), dtype=h5py.ref_dtype)
        f.create_dataset("ref", data=f["Record"].ref, dtype=h5py.ref_dtype)
        a.attrs["again"] = a.ref
        regions = f.create_dataset("regions", (7,), h5py.regionref_dtype)
        regions[0] = a.regionref[0:2, 1:3, 4]
        regions[1] = a.regionref[::2, :, 1:5:3]
        regions[2] = a.regionref[[0, 2], 1, 1]
        regions[3] = a.regionref[...]
        space = a.id.get_space()
        for i, select in {4: lambda s: s.select_elements([(0, 1, 2), (2, 3, 4)]), 5: lambda s: s.select_none()}.items():
            select(space)
            regions[i] = h5py.h5r.create(f.id, b"grid", h5py.h5r.DATASET_REGION, space)

        # Sequences of variable length.
        seq = f.create_dataset("sequences/numbers", (2, 2), h5py.vlen_dtype(np.dtype(">i2")), chunks=(1, 2), compression="gzip")
        seq[0, 1], seq[1, 0] = [1, 2, 3], [-5]
        rows = f.create_dataset("sequences/records", (1,), h5py.vlen_dtype(record))  # h5py cannot read an empty one
        rows[0] = np.array([(1, 2.5), (3, -0.0)], record)
        f.create_dataset("sequences/texts", (2,), h5py.vlen_dtype(h5py.string_dtype()))[0] = np.array(["a", "", "bcd"], object)
        f.create_dataset("sequences/one", (), h5py.vlen_dtype("f4"))[()] = np.arange(3, dtype="f4")

        # Records with members of all these kinds.
        mixed = np.dtype([("s", h5py.string_dtype()), ("n", ">i4"), ("v", h5py.vlen_dtype("f4")), ("r", h5py.ref_dtype), ("in", record),
                          ("l", level), ("m", "<f4", (2, 3))])
        rows = np.zeros(3, mixed)
        rows["s"], rows["n"], rows["r"] = ["x", "", "zz"], [1, -2, 3], [a.ref, h5py.Reference(), f.ref]
        for i in range(3):
            rows["v"][i] = np.arange(i, dtype="f4")
        rows["m"] = rng.random((3, 2, 3))
        f.create_dataset("records/mixed", data=rows)
        f.create_dataset("records/zipped", data=rows[:2], chunks=(1,), compression="gzip")
        f.create_dataset("records/one", data=rows[2], dtype=mixed)

        # Records of big-endian members, in arrays and in records, and of members with properties of their own.
        big = np.dtype([("a", ">i2"), ("b", [("c", ">f4", (3,)), ("d", "i1")], (2,)), ("z", ">c16"), ("e", level), ("after", ">u8")])
        rows = np.zeros(4, big)
        rows["a"], rows["b"]["c"], rows["z"], rows["e"], rows["after"] = range(4), rng.random((4, 2, 3)), 1 - 2j, [0, 2, 2, 0], 2**63 + 1
        f.create_dataset("big/records", data=rows)
        f.create_dataset("big/zipped", data=rows, chunks=(3,), compression="gzip", shuffle=True)

        # Integers of fewer bits than their bytes, and bit fields.
        for name, base, bits, offset in (("i4", h5py.h5t.STD_I32LE, 13, 5), ("u2", h5py.h5t.STD_U16BE, 9, 0), ("i8", h5py.h5t.STD_I64BE, 63, 1)):
            t = base.copy()
            t.set_precision(bits)
            t.set_offset(offset)
            d = h5py.Dataset(h5py.h5d.create(f["big"].id, name.encode(), t, h5py.h5s.create_simple((6,))))
            d[...] = np.array([0, 1, -1 if "i" in name else 255, 100, 17, 2**(bits - 2)])
        for name, t in (("B8", h5py.h5t.STD_B8LE), ("B32", h5py.h5t.STD_B32BE)):
            d = h5py.h5d.create(f["big"].id, name.encode(), t, h5py.h5s.create_simple((3,)))
            d.write(h5py.h5s.ALL, h5py.h5s.ALL, np.array([1, 0, 200], "u1" if name == "B8" else ">u4"), t)

        # Numbers of which a filter keeps the bits that tell them apart, or the decimal digits asked for.
        for t in ("i1", "u1", "i2", ">u2", "i4", ">i4", "u4", "i8", ">u8"):
            info = np.iinfo(t)
            for name, a in {"narrow": rng.integers(-9 if info.min else 0, 90, (11, 7)), "wide": rng.integers(info.min, info.max, (11, 7), dtype=info.dtype.newbyteorder("="), endpoint=True),
                            "one": np.full((11, 7), 3), "filled": np.where(rng.random((11, 7)) < 0.2, 99, rng.integers(0, 9, (11, 7)))}.items():
                d = f.create_dataset(f"scaled/{t.replace('>', 'big_')}_{name}", data=a.astype(t), scaleoffset=0, chunks=(4, 3), fillvalue=99)
                if name == "wide":
                    written[d.name[1:].replace("/", ".")] = a.astype(t)
        f.create_dataset("scaled/bits", data=np.arange(60, dtype="i4"), scaleoffset=6, chunks=(9,), compression="gzip")
        f.create_dataset("scaled/all", data=np.arange(6, dtype="i4"), scaleoffset=32, chunks=(2,))
        f.create_dataset("scaled/unwritten", (9,), "i4", scaleoffset=0, chunks=(4,), fillvalue=-5)[2] = 7
        for t in ("f4", "f8", ">f4", ">f8"):
            for digits in (0, 1, 3, 6):
                name = f"scaled/{t.replace('>', 'big_')}_{digits}"
                f.create_dataset(name, data=(rng.standard_normal((101, 7)) * 50).astype(t), scaleoffset=digits, chunks=(20, 3), fillvalue=-1)
            far = written[name.replace("/", ".") + "_far"] = np.array([1e30, -1e30, 0.5, 2], t)
            f.create_dataset(name + "_far", data=far, scaleoffset=2, chunks=(4,))
        odd = h5py.h5t.STD_I32BE.copy()
        odd.set_precision(17)
        odd.set_offset(3)
        parts = h5py.h5t.create(h5py.h5t.COMPOUND, 29)
        parts.insert(b"a", 0, odd)
        parts.insert(b"f", 4, h5py.h5t.IEEE_F32LE)
        parts.insert(b"m", 8, h5py.h5t.array_create(odd, (2, 2)))
        parts.insert(b"s", 24, h5py.h5t.py_create(np.dtype("S5")))
        rows = np.zeros(10, [("a", "i4"), ("f", "f4"), ("m", "i4", (2, 2)), ("s", "S5")])
        rows["a"], rows["f"], rows["m"], rows["s"] = range(-5, 5), rng.random(10), rng.integers(-65536, 65536, (10, 2, 2)), b"abc"
        for name, t, a in (("number", odd, np.arange(-5, 5, dtype="i4")), ("array", h5py.h5t.array_create(odd, (3,)), np.arange(30).reshape(10, 3)),
                           ("record", parts, rows), ("all", h5py.h5t.STD_I16LE, np.arange(10, dtype="i2"))):
            plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            plist.set_chunk((4,))
            plist.set_filter(h5py.h5z.FILTER_NBIT)
            d = h5py.h5d.create(f.require_group("nbit").id, name.encode(), t, h5py.h5s.create_simple((10,)), plist)
            h5py.Dataset(d)[...] = a

        # Attributes that do not fit into an object header, which is what the first version of the format keeps all in.
        if libver == "latest":
            f["grid"].attrs["large"] = rng.random(20000)
            f["grid"].attrs["larger"] = ["é" * 70000, "b"]
            f["grid"].attrs["numbers"] = np.arange(100000)

        # More chunks than there may be values.
        f.create_dataset("chunks/plain", data=np.arange(140000, dtype="u1"), chunks=(1,))
        f.create_dataset("chunks/growing", data=np.arange(140000, dtype="u2").reshape(2, -1), chunks=(1, 2), maxshape=(None, None))
    Walk(path)
