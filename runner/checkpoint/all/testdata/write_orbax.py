"""Writes checkpoints with Orbax and the digests that Python computes of the arrays that Orbax restores.

usage: write_orbax.py DIR
"""
import json
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
# Texts lie in a file of their own; the handler of plain trees alone takes them.
texts = {"w": jnp.ones(2), "name": "resnet50", "of": {"é": "\u4f60\n"}}
with ocp.PyTreeCheckpointer() as c:
    c.save(os.path.join(OUT, "texts"), texts)
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


def expect(path, name):
    """What TensorStore reads of the arrays in files below a folder, or in its database."""
    e = Expect()
    for root, _, files in os.walk(path):
        for file, driver in ((".zarray", "zarr"), ("zarr.json", "zarr3")):
            if file in files:
                a = tensorstore.open({"driver": driver, "kvstore": {"driver": "file", "path": root + "/"}}).result().read().result()
                e.tensor(os.path.relpath(root, path), a.dtype.name, list(a.shape), a.tobytes("C"))
    e.write(name)


# Without a database, and with version 3 of Zarr. Checkpoints of one tree have one content.
tree = {"params": {"w": jnp.arange(12.).reshape(3, 4), "b": [np.zeros(3)]}, "half": jnp.ones((3, 2), "bfloat16"), "step": 7, "none": None,
        "empty": {}, "cut": cut((30, 50), "x", "y"), "float8": jnp.ones(3, "float8_e4m3fn"), "z": np.array([1 - 2j]), "yes": np.array([True])}
for name, options in {"ocdbt2": dict(use_ocdbt=True, use_zarr3=False), "files2": dict(use_ocdbt=False, use_zarr3=False),
                      "ocdbt3": dict(use_ocdbt=True, use_zarr3=True), "files3": dict(use_ocdbt=False, use_zarr3=True)}.items():
    path = os.path.join(OUT, "forms", name)
    ocp.Checkpointer(ocp.PyTreeCheckpointHandler(**options)).save(path, args=ocp.args.PyTreeSave(tree))
    if "files" in name:
        expect(path, path + ".expect")
with ocp.CheckpointManager(os.path.join(OUT, "manager")) as m:
    for step in (1, 2):
        m.save(step, args=ocp.args.Composite(state=ocp.args.StandardSave(tree), notes=ocp.args.JsonSave({"a": 1})))
    m.wait_until_finished()


def arrays(name, zarr3, specs):
    """Writes arrays with TensorStore in forms that Orbax does not choose itself."""
    path = os.path.join(OUT, "forms", name)
    leaves = {}
    for key, metadata in specs.items():
        kind = "i4" if "shape" not in metadata else "f8"
        a = (rng.random(metadata.get("shape", (300, 70))) * 50).astype(kind)
        spec = {"driver": "zarr3" if zarr3 else "zarr", "kvstore": {"driver": "file", "path": f"{path}/{key}/"}, "metadata":
                {"shape": list(a.shape)} | ({"data_type": a.dtype.name} if zarr3 else {"dtype": a.dtype.str}) | metadata}
        tensorstore.open(spec, create=True).result().write(a).result()
        leaves[key] = {"key_metadata": [{"key": key, "key_type": 2}], "value_metadata": {"value_type": "np.ndarray"}}
    with open(os.path.join(path, "_METADATA"), "w") as f:
        json.dump({"tree_metadata": leaves, "use_ocdbt": False, "use_zarr3": zarr3}, f)
    expect(path, path + ".expect")


packed = {f"{c}{shuffle}": {"compressor": {"id": "blosc", "cname": c, "clevel": 5, "shuffle": shuffle}, "chunks": [100, 70]}
          for c in ("blosclz", "lz4", "lz4hc", "snappy", "zlib", "zstd") for shuffle in (0, 1, 2)}
packed |= {"long": {"compressor": {"id": "blosc", "cname": "blosclz", "clevel": 9, "shuffle": 1}, "chunks": [50000, 3], "shape": [50000, 3]},
           "odd": {"compressor": {"id": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 2, "blocksize": 4096}, "chunks": [173, 7], "shape": [999, 7]},
           "level0": {"compressor": {"id": "blosc", "cname": "lz4", "clevel": 0, "shuffle": 1}, "chunks": [100, 70]},
           "zlib": {"compressor": {"id": "zlib", "level": 3}}, "gzip": {"compressor": {"id": "gzip", "level": 3}},
           "bz2": {"compressor": {"id": "bz2", "level": 3}}, "none": {"compressor": None, "chunks": [7, 9]},
           "slash": {"compressor": None, "chunks": [100, 30], "dimension_separator": "/"}}
arrays("packed2", False, packed)


def codecs(*list_, shape=(300, 70), **more):
    return {"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": list(shape)}}, "codecs": list(list_), **more}


little, big = ({"name": "bytes", "configuration": {"endian": e}} for e in ("little", "big"))
crc = {"name": "crc32c"}
shard = lambda shape, *inner, at="end", index=(little, crc): {"name": "sharding_indexed", "configuration": {
    "chunk_shape": list(shape), "codecs": list(inner), "index_codecs": list(index), "index_location": at}}
zstd, gz = {"name": "zstd", "configuration": {"level": 3}}, {"name": "gzip", "configuration": {"level": 3}}
arrays("packed3", True, {
    "plain": codecs(little), "big": codecs(big), "cut": codecs(little, zstd, shape=(64, 70)), "gzip": codecs(little, gz),
    "crc": codecs(little, zstd, crc, shape=(100, 70)), "blosc": codecs(little, {"name": "blosc", "configuration": {
        "cname": "lz4", "clevel": 5, "shuffle": "shuffle", "typesize": 4}}), "shard": codecs(shard((10, 14), little, zstd), shape=(100, 70)),
    "first": codecs(shard((50, 35), big, at="start", index=(little,)), shape=(100, 70)), "inner crc": codecs(shard((75, 70), little, crc), shape=(150, 70)),
    "v2 keys": codecs(little, shape=(100, 35), chunk_key_encoding={"name": "v2"})})
