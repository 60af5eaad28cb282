"""Writes what Keras saves of a model and its optimizer, and the digests that Python computes of its variables.

usage: write_keras.py DIR
"""
import os
import sys

os.environ["KERAS_BACKEND"] = "torch"
import keras
import numpy as np
import torch

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from rc1 import Expect

OUT = sys.argv[1]
keras.utils.set_random_seed(0)


def add(e, name, variable):
    data = bytes(variable.value.detach().contiguous().view(-1).view(torch.uint8).numpy())
    e.tensor(name, variable.dtype, list(variable.shape), data)


def groups(model):
    """Yields the layers that have variables, with the group that Keras 3 saves each in: its class and a number."""
    count = {}
    for layer in model.layers:
        kind = {"Conv2D": "conv2d", "BatchNormalization": "batch_normalization", "Dense": "dense"}.get(type(layer).__name__)
        if kind:
            n = count[kind] = count.get(kind, -1) + 1
            yield f"layers.{kind}" + (f"_{n}" if n else ""), layer


def expect(path, model, optimizer):
    e = Expect()
    for group, layer in groups(model):
        for i, v in enumerate(layer._trainable_variables + layer._non_trainable_variables):
            add(e, f"{group}.vars.{i}", v)
    for i, v in enumerate(optimizer.variables if optimizer else []):
        add(e, f"optimizer.vars.{i}", v)
    e.write(path + ".expect")


L = keras.layers
model = keras.Sequential([keras.Input((8, 8, 3)), L.Conv2D(4, 3), L.BatchNormalization(), L.Flatten(), L.Dense(5), L.Dropout(0.1)]
                         + [L.Dense(5) for _ in range(12)])
model.compile("adam", "mse")
model.fit(np.random.rand(8, 8, 8, 3), np.random.rand(8, 5), verbose=0)
for name in ("model.keras", "model.weights.h5", "shards.weights.json"):
    path = os.path.join(OUT, name)
    if name.endswith(".json"):
        model.save_weights(path, max_shard_size=5e-6)  # in gigabytes
    else:
        model.save(path) if name.endswith(".keras") else model.save_weights(path)
    expect(path, model, model.optimizer)

# The older layout names variables by the paths that they have in the model.
path = os.path.join(OUT, "model.h5")
model.save(path)
e = Expect()
for layer in model.layers:
    for v in layer.weights:
        add(e, f"model_weights.{layer.name}.{v.path.replace('/', '.')}", v)
    if not layer.weights:
        e.tensor(f"model_weights.{layer.name}@weight_names", "float64", [0], b"")  # a list of nothing
e.tensor("model_weights.top_level_model_weights@weight_names", "float64", [0], b"")
for v in model.optimizer.variables:
    add(e, f"optimizer_weights.{v.path.replace('/', '.')}", v)
e.write(path + ".expect")

half = keras.Sequential([keras.Input((6,)), L.Dense(4, dtype="bfloat16"), L.Dense(2, dtype="float16")])
path = os.path.join(OUT, "half.keras")
half.save(path)
expect(path, half, None)

# A layer whose function is in the file as code.
code = keras.Sequential([keras.Input((6,)), L.Dense(4), L.Lambda(lambda x: x * 2)])
for name in ("lambda.keras", "lambda.h5"):
    code.save(os.path.join(OUT, name))
