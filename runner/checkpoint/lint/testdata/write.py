"""Writes checkpoints of one small training, each complete but for what its name says.

usage: write.py DIR
"""
import os
import random
import sys

import numpy as np
import torch

OUT = sys.argv[1]
torch.manual_seed(0)


def training(optimizer=torch.optim.AdamW, scheduler=True, steps=2, **options):
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2))
    opt = optimizer(model.parameters(), lr=0.1, **options)
    sched = torch.optim.lr_scheduler.StepLR(opt, 2) if scheduler else None
    for _ in range(steps):
        opt.zero_grad()
        model(torch.randn(5, 3)).sum().backward()
        opt.step()
        if sched:
            sched.step()
    return {
        "model": model.state_dict(), "optimizer": opt.state_dict(), "scheduler": sched.state_dict() if sched else {"last_epoch": 1},
        "scaler": {"scale": 65536.0}, "epoch": 1, "global_step": steps, "accumulation_step": 0, "sampler": {"position": 10},
        "ema": {"0.weight": torch.ones(4, 3)}, "best_metric": 0.5, "config": {"lr": 0.1}, "torch_version": torch.__version__,
        "python_rng": random.getstate(), "numpy_rng": np.random.get_state(), "torch_rng": torch.get_rng_state(),
        "cuda_rng": [torch.zeros(16, dtype=torch.uint8)],
    }


def save(name, value):
    torch.save(value, os.path.join(OUT, name + ".pt"))


def without(*keys, **options):
    return {k: v for k, v in training(**options).items() if k not in keys}


save("complete", training())
save("weights", training()["model"])
save("no-optimizer", without("optimizer"))
groups_only = training()
groups_only["optimizer"]["state"] = {}
save("no-moments", groups_only)
save("sgd", training(optimizer=torch.optim.SGD))
save("sgd-momentum-fresh", training(optimizer=torch.optim.SGD, momentum=0.9, steps=0))
save("no-scheduler", without("scheduler"))
save("no-scheduler-used", without("scheduler", scheduler=False))
save("no-epoch", without("epoch"))
save("no-rng", without("python_rng", "numpy_rng", "torch_rng", "cuda_rng"))
save("no-config", without("config", "torch_version"))
ddp = training()
ddp["model"] = {"module." + k: v for k, v in ddp["model"].items()}
save("ddp", ddp)
nan = training()
nan["model"]["0.weight"][1, 2] = float("nan")
save("nan", nan)
swapped = training()
state = swapped["optimizer"]["state"]
state[0], state[2] = state[2], state[0]
save("swapped-moments", swapped)
dead = training()
dead["model"]["0.weight"] = torch.randn(10000, 3)[:4]
save("dead-storage", dead)
