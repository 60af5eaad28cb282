"""Writes checkpoints with TensorFlow and the digests that Python computes of their tensors.

usage: write_tensorflow.py DIR
"""
import json
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from rc1 import Expect

OUT = sys.argv[1]
rng = np.random.default_rng(0)


def variants(prefix, name):
    """Yields the messages of a tensor of variants: in a serialised tensor, the lengths of all, then all."""
    tensor = tf.raw_ops.RestoreV2(prefix=prefix, tensor_names=[name], shape_and_slices=[""], dtypes=[tf.variant])[0]
    content = tensor_pb2.TensorProto.FromString(tf.raw_ops.SerializeTensor(tensor=tensor).numpy()).tensor_content
    lengths, at = [], 0
    for _ in range(int(tf.size(tensor))):
        n = shift = 0
        while True:
            b = content[at]
            at, n, shift = at + 1, n | (b & 127) << shift, shift + 7
            if b < 128:
                break
        lengths.append(n)
    for n in lengths:
        yield content[at:at + n]
        at += n


def expect(prefix):
    """What TensorFlow reads: the tensors, and the bytes of strings and variants by name and index."""
    e, pieces = Expect(), {}
    reader = tf.train.load_checkpoint(prefix)
    shapes = reader.get_variable_to_shape_map()
    for name, dtype in reader.get_variable_to_dtype_map().items():
        shape = shapes[name]
        if dtype in (tf.string, tf.variant):
            a = list(variants(prefix, name)) if dtype == tf.variant else np.asarray(reader.get_tensor(name)).ravel()
            for index, value in zip(np.ndindex(*shape), a):
                pieces[name + "".join(f"[{i}]" for i in index)] = value.hex()
        else:
            e.tensor(name, dtype.name, shape, np.asarray(reader.get_tensor(name)).tobytes("C"))
    e.write(prefix + ".index.expect")
    with open(prefix + ".index.pieces", "w") as f:
        json.dump(pieces, f)


def save(name, tensors, slices=None):
    """Saves what is given as it is; slices say which part of which whole each tensor is."""
    prefix = os.path.join(OUT, name)
    names, values = zip(*tensors)
    tf.raw_ops.SaveV2(prefix=prefix, tensor_names=names, shape_and_slices=slices or [""] * len(names), tensors=values)
    expect(prefix)


tensors = {}
for t in ("bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float16", "bfloat16", "float32",
          "float64", "complex64", "complex128", "float8_e5m2", "float8_e4m3fn"):
    tensors["types/" + t] = tf.cast(rng.random((2, 3, 4)) * (2 if t == "bool" else 100), t)
tensors["scalar"] = tf.constant(2.5)
tensors["empty"] = tf.zeros([0, 3])
tensors["one string"] = tf.constant("a\u00e9")
for t in ("qint8", "quint8", "qint16", "quint16", "qint32"):
    tensors["types/" + t] = tf.bitcast(tf.constant([[1, -2], [3, 4]], t.replace("quint", "int").lstrip("q")), tf.dtypes.as_dtype(t))
tensors["strings"] = tf.constant(["one", "", "three" * 100])
tensors["table"] = tf.constant([["a", "b", "c"], ["d", "", "f"]])
tensors["no strings"] = tf.constant([], tf.string)
tensors["big"] = tf.constant(rng.random((300, 400)))
save("plain", tensors.items())

# More names than fit one block of the table.
save("many", [(f"layer{i:05d}/some/quite/long/name/kernel", np.float32(i)) for i in range(8000)])

variables = {"w": tf.Variable(rng.random((20, 30)).astype("f4")), "step": tf.Variable(3)}
expect(tf.train.Checkpoint(**variables).save(os.path.join(OUT, "model")))

# Several data files, as a distributed save leaves them.
parts = [os.path.join(OUT, f"part{i}") for i in range(3)]
for i, part in enumerate(parts):
    tf.raw_ops.SaveV2(prefix=part, tensor_names=[f"t{i}"], shape_and_slices=[""], tensors=[tf.range(5) + i])
prefix = os.path.join(OUT, "shards")
tf.raw_ops.MergeV2Checkpoints(checkpoint_prefixes=parts, destination_prefix=prefix, delete_old_dirs=False)
expect(prefix)

# Variables in partitions, along one dimension or two, of one dimension whole, at coordinates of one byte to three.
whole = rng.random((20000, 3)).astype("f4")
tensors, slices = [("among others", tf.range(3))], [""]


def part(name, shape, where, value):
    tensors.append((name, tf.constant(value)))
    slices.append(" ".join(map(str, shape)) + " " + where)


for begin, end in ((0, 50), (50, 70), (70, 9000), (9000, 20000)):
    part("rows", whole.shape, f"{begin},{end - begin}:-", whole[begin:end])
    part("columns\u00ff", whole.T.shape, f"0,3:{begin},{end - begin}", whole.T[:, begin:end])
for i in range(3):
    for j in range(2):
        part("blocks", (6, 4), f"{2 * i},2:{2 * j},2", np.arange(4).reshape(2, 2) + 10 * i + j)
save("partitions", tensors, slices)

# A training with all that a resume needs, as the manager of checkpoints leaves it.
keras.utils.set_random_seed(0)
L = keras.layers
model = keras.Sequential([keras.Input((8,)), L.Dense(4), L.BatchNormalization(), L.Dropout(0.1), L.Dense(2)])
model.compile("adam", "mse")
model.fit(rng.random((16, 8)), rng.random((16, 2)), verbose=0)
iterator = iter(tf.data.Dataset.range(10).shuffle(5, seed=1))
next(iterator)
step = tf.Variable(0, dtype=tf.int64)
state = tf.train.Checkpoint(model=model, optimizer=model.optimizer, step=step, epoch=tf.Variable(1), iterator=iterator,
                            generator=tf.random.Generator.from_seed(1))
manager = tf.train.CheckpointManager(state, os.path.join(OUT, "managed"), max_to_keep=2)
for i in range(2):
    step.assign(7 * (i + 1))
    expect(manager.save())

tf.saved_model.save(tf.train.Checkpoint(weights=model.trainable_variables), os.path.join(OUT, "saved"))
expect(os.path.join(OUT, "saved", "variables", "variables"))

# TensorFlow 1: slots and averages by name, and a partitioned variable.
v1 = tf.compat.v1
with tf.Graph().as_default(), v1.Session() as session:
    w, b = v1.get_variable("dense/kernel", [3, 4]), v1.get_variable("dense/bias", [4])
    v1.get_variable("embedding", [10, 3], partitioner=v1.fixed_size_partitioner(3))
    count = v1.train.get_or_create_global_step()
    train = v1.train.AdamOptimizer().minimize(tf.reduce_sum(tf.ones([2, 3]) @ w + b), global_step=count)
    average = v1.train.ExponentialMovingAverage(0.9).apply([w, b])
    session.run(v1.global_variables_initializer())
    session.run([train, average])
    os.mkdir(os.path.join(OUT, "session"))
    expect(v1.train.Saver(sharded=True).save(session, os.path.join(OUT, "session", "model.ckpt"), global_step=count))
