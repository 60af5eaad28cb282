"""Lets four processes save one state with torch.distributed.checkpoint, and PyTorch put it together in one file.

usage: write_dcp_ranks.py DIR
"""
import os
import sys

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
import torch.multiprocessing as mp
from torch.distributed.checkpoint.format_utils import dcp_to_torch_save
from torch.distributed.checkpoint.state_dict import get_state_dict
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import Replicate, Shard, distribute_tensor

OUT = sys.argv[1]
RANKS = 4


def save(rank):
    dist.init_process_group("gloo", init_method="file://" + os.path.join(OUT, "rendezvous"), rank=rank, world_size=RANKS)
    torch.manual_seed(0)
    # Widths that four ranks cannot share out evenly.
    model = torch.nn.Sequential(torch.nn.Linear(13, 7), torch.nn.ReLU(), torch.nn.Linear(7, 5))
    fully_shard(model, mesh=init_device_mesh("cpu", (RANKS,)))
    optimizer = torch.optim.AdamW(model.parameters())
    for _ in range(2):
        model(torch.randn(4, 13)).sum().backward()
        optimizer.step()
        optimizer.zero_grad()
    weights, moments = get_state_dict(model, optimizer)
    grid = init_device_mesh("cpu", (2, 2))
    table = torch.arange(77 * 6, dtype=torch.bfloat16).reshape(77, 6)
    dcp.save({
        "model": weights, "optim": moments, "epoch": 5, "rng": torch.get_rng_state(),
        "grid": distribute_tensor(table, grid, [Shard(0), Shard(1)]),
        "rows": distribute_tensor(table[:3], grid, [Replicate(), Shard(1)]),
        f"rank{rank}": torch.full((2,), rank),
    }, checkpoint_id=os.path.join(OUT, "four"))
    dist.destroy_process_group()


if __name__ == "__main__":
    mp.spawn(save, (), RANKS)
    dcp_to_torch_save(os.path.join(OUT, "four"), os.path.join(OUT, "four.pt"))
