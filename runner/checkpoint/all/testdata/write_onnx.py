"""Writes ONNX models and the digests that Python computes of their tensors.

usage: write_onnx.py DIR
"""
import os
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from rc1 import Expect

OUT = sys.argv[1]
NAMES = {
    "FLOAT": "float32", "DOUBLE": "float64", "FLOAT16": "float16", "BFLOAT16": "bfloat16", "BOOL": "bool", "INT8": "int8",
    "INT16": "int16", "INT32": "int32", "INT64": "int64", "UINT8": "uint8", "UINT16": "uint16", "UINT32": "uint32",
    "UINT64": "uint64", "COMPLEX64": "complex64", "COMPLEX128": "complex128", "FLOAT8E4M3FN": "float8_e4m3fn",
    "FLOAT8E4M3FNUZ": "float8_e4m3fnuz", "FLOAT8E5M2": "float8_e5m2", "FLOAT8E5M2FNUZ": "float8_e5m2fnuz", "UINT4": "uint4",
    "INT4": "int4",
}


def tensors(raw):
    """(TensorProto, name of the type, bytes) for every type: the values as raw data, or in the field of their type."""
    rng = np.random.default_rng(0)
    for kind, name in NAMES.items():
        number = TensorProto.DataType.Value(kind)
        dtype = np.dtype(helper.tensor_dtype_to_np_dtype(number))
        if kind in ("UINT4", "INT4"):
            low = -8 if kind == "INT4" else 0
            a = rng.integers(low, low + 16, (3, 5)).astype(dtype)
            nibbles = (a.astype("i1").view("u1") & 15).reshape(-1)
            nibbles = np.append(nibbles, np.zeros(len(nibbles) % 2, "u1"))
            data = (nibbles[0::2] | nibbles[1::2] << 4).tobytes()
        else:
            low = -100 if dtype.kind not in "ub" else 0
            a = (rng.random((3, 5)) * 200 + low).astype(dtype)
            if dtype.kind == "c":
                a = a * (1 + 2j)
            a = a.astype(dtype)
            data = a.tobytes()
        if raw:
            t = helper.make_tensor(kind, number, a.shape, data, raw=True)
        else:
            t = helper.make_tensor(kind, number, a.shape, a.reshape(-1))
        # What the library itself makes of it.
        back = numpy_helper.to_array(t)
        assert kind in ("UINT4", "INT4") or back.tobytes() == data, kind
        yield t, name, a.shape, data


def model(initializers, nodes=()):
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "x"], ["y"]), *nodes], "tiny",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])], initializers)
    return helper.make_model(graph, producer_name="test")


for file, raw in (("raw.onnx", True), ("typed.onnx", False)):
    e, list_ = Expect(), []
    for t, name, shape, data in tensors(raw):
        list_.append(t)
        e.tensor(t.name, name, list(shape), data)
    list_.append(helper.make_tensor("scalar", TensorProto.FLOAT, [], [2.5]))
    e.tensor("scalar", "float32", [], np.float32(2.5).tobytes())
    list_.append(helper.make_tensor("empty", TensorProto.INT64, [0, 3], []))
    e.tensor("empty", "int64", [0, 3], b"")
    list_.append(helper.make_tensor("words", TensorProto.STRING, [2], ["one", "\u00e9"]))
    onnx.save(model(list_), os.path.join(OUT, file))
    e.write(os.path.join(OUT, file + ".expect"))

# Constants are attributes of nodes, also inside the branches of an If.
c = np.arange(4, dtype="f4")
branch = helper.make_graph([helper.make_node("Constant", [], ["z"], value=numpy_helper.from_array(c * 2))], "then", [],
                           [helper.make_tensor_value_info("z", TensorProto.FLOAT, [4])])
nodes = [helper.make_node("Constant", [], ["k"], value=numpy_helper.from_array(c)),
         helper.make_node("If", ["b"], ["z"], then_branch=branch, else_branch=branch)]
onnx.save(model([], nodes), os.path.join(OUT, "constants.onnx"))
e = Expect()
e.tensor("graph.node[1].value", "float32", [4], c.tobytes())
for b in ("then_branch", "else_branch"):
    e.tensor(f"graph.node[2].{b}.node[0].value", "float32", [4], (c * 2).tobytes())
e.write(os.path.join(OUT, "constants.onnx.expect"))

e, list_ = Expect(), []
for i in range(3):
    a = np.random.default_rng(i).standard_normal((40, 30)).astype("f4")
    list_.append(numpy_helper.from_array(a, f"w.{i}"))
    e.tensor(f"w.{i}", "float32", [40, 30], a.tobytes())
m = model(list_)
onnx.save(m, os.path.join(OUT, "inline.onnx"))
e.write(os.path.join(OUT, "inline.onnx.expect"))
onnx.save_model(m, os.path.join(OUT, "external.onnx"), save_as_external_data=True, location="weights.bin", size_threshold=0)
e.write(os.path.join(OUT, "external.onnx.expect"))

# The same tensors, named by paths that lead elsewhere.
for file, location in (("up.onnx", "../weights.bin"), ("absolute.onnx", "/etc/hostname"), ("link.onnx", "link.bin"),
                       ("missing.onnx", "missing.bin"), ("folder.onnx", "folder")):
    m = onnx.load(os.path.join(OUT, "external.onnx"), load_external_data=False)
    for t in m.graph.initializer:
        for p in t.external_data:
            if p.key == "location":
                p.value = location
    onnx.save(m, os.path.join(OUT, file))
os.symlink("/etc/hostname", os.path.join(OUT, "link.bin"))
os.mkdir(os.path.join(OUT, "folder"))
