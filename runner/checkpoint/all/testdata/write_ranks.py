"""Writes what two ranks save of tensors that are cut over them: a directory of torch.distributed.checkpoint together, and
a file each; with the digests that Python computes.

usage: write_ranks.py DIR
"""
import os
import sys

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
import torch.multiprocessing
from torch.distributed.checkpoint.state_dict import get_state_dict
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, Replicate, Shard, distribute_tensor

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from rc1 import Expect


def flat(prefix, v):
    if isinstance(v, dict):
        for k, x in v.items():
            yield from flat(f"{prefix}.{k}" if prefix else str(k), x)
    elif isinstance(v, torch.Tensor):
        yield prefix, v.detach()


def expect(path, tensors):
    e = Expect()
    for name, t, attrs in tensors:
        e.tensor(name, str(t.dtype)[6:], list(t.shape), bytes(t.contiguous().view(-1).view(torch.uint8).numpy()), attrs)
    e.write(path + ".expect")


def attrs(t):
    if not isinstance(t, DTensor):
        return ""
    cuts = [f"Shard({p.dim})" if p.is_shard() else "Replicate" for p in t.placements]
    return f"dtensor[{','.join(map(str, t.shape))}] " + " ".join(cuts)


def rank(number, out):
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo0" if sys.platform == "darwin" else "lo")  # whatever the host is called
    dist.init_process_group("gloo", init_method="file://" + os.path.join(out, "rendezvous"), rank=number, world_size=2)
    mesh = init_device_mesh("cpu", (2,))
    torch.manual_seed(0)
    cut = {
        "rows": distribute_tensor(torch.randn(7, 5), mesh, [Shard(0)]),
        "columns": distribute_tensor(torch.randn(4, 9).to(torch.bfloat16), mesh, [Shard(1)]),
        "whole": distribute_tensor(torch.arange(6.0), mesh, [Replicate()]),
        "one_row": distribute_tensor(torch.randn(1, 3), mesh, [Shard(0)]),
    }
    model = torch.nn.Sequential(torch.nn.Linear(8, 6), torch.nn.Linear(6, 3))
    fully_shard(model, mesh=mesh)
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.ones(2, 8)).sum().backward()
    optimizer.step()
    weights, moments = get_state_dict(model, optimizer)
    state = {"cut": cut, "model": weights, "optim": moments, "step": 3}
    dcp.save(state, checkpoint_id=os.path.join(out, "together"))
    together = [(k, t.full_tensor() if isinstance(t, DTensor) else t, "") for k, t in flat("", state)]
    path = os.path.join(out, f"rank{number}.pt")
    torch.save({"cut": cut, "model": model.state_dict()}, path)
    expect(path, [(k, t.to_local(), attrs(t)) for k, t in flat("", {"cut": cut, "model": model.state_dict()})])
    if number == 0:
        expect(os.path.join(out, "together"), together)
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    torch.multiprocessing.spawn(rank, (sys.argv[1],), nprocs=2)
