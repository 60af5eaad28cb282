"""Writes checkpoints with Orbax and the digests that Python computes of the arrays that Orbax restores.

usage: write_orbax.py DIR
"""
import os
import shutil
import sys

# Four devices, over which arrays are cut into chunks.
os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=4"
os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
import tensorstore
from jax.sharding import Mesh, NamedSharding, PartitionSpec

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from rc1 import Expect

OUT = os.path.abspath(sys.argv[1])
rng = np.random.default_rng(0)


def save(name, value):
    path = os.path.join(OUT, name)
    with ocp.StandardCheckpointer() as c:
        c.save(path, value)
    # What counts is what TensorStore reads.
    base = {"driver": "ocdbt", "base": {"driver": "file", "path": path + "/"}}
    e = Expect()
    for key in tensorstore.KvStore.open(base).result().list().result():
        key = key.decode()
        if key.endswith("/.zarray"):
            key = key.removesuffix("/.zarray")
            a = tensorstore.open({"driver": "zarr", "kvstore": base | {"path": key + "/"}}).result().read().result()
            e.tensor(key, a.dtype.name, list(a.shape), a.tobytes("C"))
    e.write(os.path.join(path, "manifest.ocdbt.expect"))


types = {t: (rng.random((2, 3, 4)) * 100).astype(t) for t in (
    "bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float16", "float32", "float64",
    "complex64", "complex128")}
save("types", types | {"bfloat16": jnp.ones((3, 2), "bfloat16"), "float8_e4m3fn": jnp.ones(3, "float8_e4m3fn")})
save("tree", {"params": {"w": jnp.arange(12.).reshape(3, 4), "b": [np.zeros(3), {"c": np.ones(2)}]}, "step": 7, "rate": .5,
              "scalar": np.float32(2.5), "none": None, "nothing": {}, "no items": []})
mesh = Mesh(np.array(jax.devices()).reshape(2, 2), ("x", "y"))


def cut(shape, *axes):
    return jax.device_put(jnp.asarray(rng.random(shape), "float32"), NamedSharding(mesh, PartitionSpec(*axes)))


save("cut", {"rows": cut((300, 500), "x"), "columns": cut((300, 500), None, "y"), "both": cut((300, 500), "x", "y"),
             "deep": cut((6, 4, 10, 30), "x", None, "y"), "inner": cut((5, 3, 40), None, None, ("x", "y"))})
save("many", {f"layer{i:04d}": {"kernel": np.full((3, 2), i), "bias": np.full(400, float(i))} for i in range(700)})


def rewrite(name, source, **config):
    """Copies a checkpoint into a database of another configuration, one key after the other in several versions."""
    path, source = os.path.join(OUT, name), os.path.join(OUT, source)
    kv = lambda at, **more: tensorstore.KvStore.open({"driver": "ocdbt", "base": {"driver": "file", "path": at + "/"}, **more}).result()
    old, new = kv(source), kv(path, config=config)
    for i, key in enumerate(old.list().result()):
        new.write(key, old[key]).result()
    for file in ("_METADATA", "manifest.ocdbt.expect"):
        shutil.copy(os.path.join(source, file), path)


# A tree of several levels, with all values outside of it and nothing packed; and more than the 16 versions of a manifest.
rewrite("levels", "tree", compression=None, max_decoded_node_bytes=200, max_inline_value_bytes=0)
rewrite("versions", "types", version_tree_arity_log2=2)
