"""Writes directories of torch.distributed.checkpoint and the digests that Python computes of their tensors.

usage: write_dcp.py DIR
"""
import io
import os
import pickle
import shutil
import sys

import torch
import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint.filesystem import _StorageInfo
from torch.distributed.checkpoint.metadata import (
    BytesStorageMetadata, ChunkStorageMetadata, Metadata, MetadataIndex, TensorProperties, TensorStorageMetadata)

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from rc1 import Expect

OUT = sys.argv[1]
torch.manual_seed(0)


def expect(path, tensors):
    e = Expect()
    for name, t in tensors.items():
        e.tensor(name, str(t.dtype)[6:], list(t.shape), bytes(t.contiguous().view(-1).view(torch.uint8).numpy()))
    e.write(path + ".expect")


model = torch.nn.Sequential(torch.nn.Linear(7, 5), torch.nn.Linear(5, 3))
optimizer = torch.optim.Adam(model.parameters())
model(torch.ones(1, 7)).sum().backward()
optimizer.step()
path = os.path.join(OUT, "real")
dcp.save({"model": model.state_dict(), "optim": optimizer.state_dict(), "epoch": 3}, checkpoint_id=path)
flat = {"model." + k: v for k, v in model.state_dict().items()}
for i, state in optimizer.state_dict()["state"].items():
    flat.update({f"optim.state.{i}.{k}": v for k, v in state.items()})
expect(path, flat)

# A tensor in a grid of parts, as tensor and data parallel ranks save it, in two files.
path = os.path.join(OUT, "grid")
os.mkdir(path)
whole = {"w": torch.randn(7, 10, 4), "rows": torch.arange(1000).reshape(100, 10)}
cuts = {"w": [(0, 0, 0, 4, 6, 4), (0, 6, 0, 4, 4, 4), (4, 0, 0, 3, 6, 4), (4, 6, 0, 3, 4, 4)],
        "rows": [(0, 0, 33, 10), (33, 0, 33, 10), (66, 0, 34, 10)]}
values, stored = {}, {}
files = {name: open(os.path.join(path, name), "wb") for name in ("__0_0.distcp", "__1_0.distcp")}
for name, t in whole.items():
    n = t.dim()
    chunks = []
    for i, cut in enumerate(cuts[name]):
        offsets, sizes = torch.Size(cut[:n]), torch.Size(cut[n:])
        part = t[tuple(slice(o, o + s) for o, s in zip(offsets, sizes))].clone()
        file = list(files)[i % 2]
        start = files[file].tell()
        buffer = io.BytesIO()
        torch.save(part, buffer)
        files[file].write(buffer.getvalue())
        chunks.append(ChunkStorageMetadata(offsets, sizes))
        stored[MetadataIndex(name, offsets, i)] = _StorageInfo(file, start, len(buffer.getvalue()))
    values[name] = TensorStorageMetadata(TensorProperties(dtype=t.dtype), t.size(), chunks)
for f in files.values():
    f.close()
with open(os.path.join(path, ".metadata"), "wb") as f:
    pickle.dump(Metadata(values, {}, stored), f)
# The same with two parts in one place, which PyTorch never writes and the readers must refuse.
shared = os.path.join(OUT, "shared")
shutil.copytree(path, shared)
first, second = (MetadataIndex("rows", torch.Size((at, 0))) for at in (0, 33))
with open(os.path.join(shared, ".metadata"), "wb") as f:
    pickle.dump(Metadata(values, {}, {**stored, second: stored[first]}), f)
# PyTorch itself puts the parts together in the same way.
loaded = {k: torch.zeros_like(v) for k, v in whole.items()}
dcp.load(loaded, checkpoint_id=path)
assert all(torch.equal(loaded[k], whole[k]) for k in whole)
expect(path, whole)

# The same state in one file: by the names of parameters it is the same, by their numbers the keys have become texts.
by_name = {"model": model.state_dict(), "list": [{"lr": 0.1, "w": torch.ones(2)}, {"lr": 0.2, "w": torch.zeros(2)}], "epoch": 3}
dcp.save(by_name, checkpoint_id=os.path.join(OUT, "names"))
torch.save(by_name, os.path.join(OUT, "names.pt"))
by_number = {"model": model.state_dict(), "optim": optimizer.state_dict(), "epoch": 3}
torch.save(by_number, os.path.join(OUT, "numbers.pt"))
