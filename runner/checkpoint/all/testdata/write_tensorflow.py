"""Writes checkpoints with TensorFlow and the digests that Python computes of their tensors.

usage: write_tensorflow.py DIR
"""
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np
import tensorflow as tf

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from rc1 import Expect

OUT = sys.argv[1]
rng = np.random.default_rng(0)


def expect(prefix):
    """What TensorFlow reads of the tensors that are no strings."""
    e = Expect()
    reader = tf.train.load_checkpoint(prefix)
    for name in reader.get_variable_to_shape_map():
        a = np.asarray(reader.get_tensor(name))
        if a.dtype.kind not in "OS":
            e.tensor(name, a.dtype.name, list(a.shape), a.tobytes("C"))
    e.write(prefix + ".index.expect")


tensors = {}
for t in ("bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float16", "bfloat16", "float32",
          "float64", "complex64", "complex128", "float8_e5m2", "float8_e4m3fn"):
    tensors["types/" + t] = tf.cast(rng.random((2, 3, 4)) * (2 if t == "bool" else 100), t)
tensors["scalar"] = tf.constant(2.5)
tensors["empty"] = tf.zeros([0, 3])
tensors["one string"] = tf.constant("a\u00e9")
tensors["strings"] = tf.constant(["one", "", "three" * 100])
tensors["big"] = tf.constant(rng.random((300, 400)))
prefix = os.path.join(OUT, "plain")
tf.raw_ops.SaveV2(prefix=prefix, tensor_names=list(tensors), shape_and_slices=[""] * len(tensors), tensors=list(tensors.values()))
expect(prefix)

# More names than fit one block of the table.
many = {f"layer{i:05d}/some/quite/long/name/kernel": np.float32(i) for i in range(8000)}
prefix = os.path.join(OUT, "many")
tf.raw_ops.SaveV2(prefix=prefix, tensor_names=list(many), shape_and_slices=[""] * len(many), tensors=list(many.values()))
expect(prefix)

variables = {"w": tf.Variable(rng.random((20, 30)).astype("f4")), "step": tf.Variable(3)}
expect(tf.train.Checkpoint(**variables).save(os.path.join(OUT, "model")))

# Several data files, as a distributed save leaves them.
parts = [os.path.join(OUT, f"part{i}") for i in range(3)]
for i, part in enumerate(parts):
    tf.raw_ops.SaveV2(prefix=part, tensor_names=[f"t{i}"], shape_and_slices=[""], tensors=[tf.range(5) + i])
prefix = os.path.join(OUT, "shards")
tf.raw_ops.MergeV2Checkpoints(checkpoint_prefixes=parts, destination_prefix=prefix, delete_old_dirs=False)
expect(prefix)

# A variable in two partitions.
prefix = os.path.join(OUT, "partitions")
halves = [tf.range(4), tf.range(4)]
tf.raw_ops.SaveV2(prefix=prefix, tensor_names=["p", "p"], shape_and_slices=["8 0,4", "8 4,4"], tensors=halves)
