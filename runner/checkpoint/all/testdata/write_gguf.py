"""Writes GGUF files with gguf-py and the digests that Python computes of their tensors.

usage: write_gguf.py DIR
"""
import os
import sys

import gguf
import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from rc1 import Expect

OUT = sys.argv[1]


def names():
    return {v: k.lower() for k, v in gguf.GGMLQuantizationType.__members__.items()} | {
        gguf.GGMLQuantizationType.F32: "float32", gguf.GGMLQuantizationType.F16: "float16",
        gguf.GGMLQuantizationType.F64: "float64", gguf.GGMLQuantizationType.BF16: "bfloat16",
        gguf.GGMLQuantizationType.I8: "int8", gguf.GGMLQuantizationType.I16: "int16",
        gguf.GGMLQuantizationType.I32: "int32", gguf.GGMLQuantizationType.I64: "int64"}


def write(name, alignment=None):
    rng = np.random.default_rng(0)
    path = os.path.join(OUT, name)
    w = gguf.GGUFWriter(path, "tiny")
    if alignment:
        w.add_custom_alignment(alignment)
    w.add_uint8("n.u8", 200)
    w.add_int8("n.i8", -3)
    w.add_uint16("n.u16", 60000)
    w.add_int16("n.i16", -300)
    w.add_uint32("n.u32", 1 << 31)
    w.add_int32("n.i32", -70000)
    w.add_uint64("n.u64", (1 << 64) - 1)
    w.add_int64("n.i64", -(1 << 62))
    w.add_float32("n.f32", 0.1)
    w.add_float64("n.f64", 0.1)
    w.add_bool("n.yes", True)
    w.add_string("n.text", "\u00e9\u4e2d")
    w.add_array("tokenizer.ggml.tokens", [f"t{i}" for i in range(600)])
    w.add_array("few", ["a", "b"])
    w.add_array("tokenizer.ggml.scores", [0.5, -1.25, 3.0])
    w.add_array("ids", [1, -2, 3])
    for t in ("float32", "float16", "float64", "int8", "int16", "int32", "int64"):
        w.add_tensor("blk.0." + t, (rng.standard_normal((3, 5, 7)) * 50).astype(t))
    w.add_tensor("scalar", np.ones(1, "f4"))
    base = rng.standard_normal((4, 512)).astype("f4")
    for q in gguf.GGMLQuantizationType:
        if q.name in ("F32", "F16"):
            continue
        try:
            data = gguf.quants.quantize(base, q)
        except NotImplementedError:
            # gguf-py cannot make these, so any bytes stand for them.
            if q.name in ("F64", "I8", "I16", "I32", "I64"):
                continue
            block, size = gguf.GGML_QUANT_SIZES[q]
            data = rng.integers(0, 256, (4, 512 // block * size), dtype=np.uint8)
        w.add_tensor("blk.1." + q.name.lower(), data, raw_dtype=q)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()

    e = Expect()
    r = gguf.GGUFReader(path)
    for t in r.tensors:
        e.tensor(t.name, names()[t.tensor_type], [int(n) for n in reversed(t.shape)], t.data.tobytes())
    e.tensor("metadata.tokenizer.ggml.scores", "float32", [3], np.array(r.fields["tokenizer.ggml.scores"].contents(), "<f4").tobytes())
    e.tensor("metadata.ids", "int32", [3], np.array(r.fields["ids"].contents(), "<i4").tobytes())
    e.write(path + ".expect")


write("plain.gguf")
write("aligned.gguf", 128)
