"""Writes one small training under the keys that published training scripts and libraries use.

usage: write.py DIR
"""
import argparse
import os
import pickle
import random
import sys

import numpy as np
import torch

torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2))
optimizer = torch.optim.AdamW(model.parameters())
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10)
model(torch.randn(5, 3)).sum().backward()
optimizer.step()
scheduler.step()
average = torch.optim.swa_utils.AveragedModel(model)
weights, opt, sched = model.state_dict(), optimizer.state_dict(), scheduler.state_dict()
scaler = {"scale": 65536.0, "growth_factor": 2.0, "backoff_factor": 0.5, "growth_interval": 2000, "_growth_tracker": 0}
python, numpy, cpu = random.getstate(), np.random.get_state(), torch.get_rng_state()


def save(name, value):
    torch.save(value, os.path.join(sys.argv[1], name + ".pt"))


save("imagenet", {"epoch": 3, "arch": "resnet50", "state_dict": weights, "best_acc1": 0.5, "optimizer": opt, "scheduler": sched})
save("tutorial", {"epoch": 3, "model_state_dict": weights, "optimizer_state_dict": opt, "loss": 0.25})
save("torchvision", {"model": weights, "optimizer": opt, "lr_scheduler": sched, "epoch": 3, "args": argparse.Namespace(lr=1),
                     "scaler": scaler, "model_ema": average.state_dict()})
save("iterations", {"model": weights, "optimizer": opt, "model_args": {"n_layer": 2}, "iter_num": 5, "best_val_loss": torch.tensor(1.0)})
save("gan", {"G": weights, "D": weights, "optG": opt, "g_optimizer": opt, "epoch": 3})
save("whole-objects", {"epoch": 1, "model": model, "optimizer": optimizer, "scheduler": scheduler})
save("tuple", (weights, opt, 5))
save("nested", {"state": {"model": weights, "opt": opt, "step": 5}, "meta": {"version": 1, "iter": 50}})


class GeneratorOnGPU:
    """Is pickled as a torch.Generator of a GPU is."""

    def __reduce__(self):
        return torch.Generator, (torch.device("cuda"),), (0, 0, torch.zeros(16, dtype=torch.uint8))


save("generators", {"model": weights, "one": python, "two": numpy, "three": cpu, "four": np.random.default_rng(0).bit_generator.state,
                    "five": np.random.default_rng(0), "six": random.Random(0), "seven": np.random.RandomState(0),
                    "eight": GeneratorOnGPU(),
                    "rng_states": [{"python": python, "numpy": numpy, "torch": cpu}]})
save("named-only", {"model": weights, "optimizer": "adam", "scheduler": None, "ema": None, "scaler": None, "epoch": 1})
# Names of modules that are words of a training: none of them is a part of one.
awkward = torch.nn.ModuleDict({"step_embedding": torch.nn.Embedding(2, 3), "scheduler": torch.nn.Linear(2, 2), "epoch": torch.nn.Linear(2, 2),
                               "optimizer": torch.nn.Linear(2, 2), "loss": torch.nn.Linear(2, 2)})
save("awkward-names", {"model": awkward.state_dict(), "epoch": 2})
save("awkward-weights", awkward.state_dict())
# What keys say nothing of, and what other parts hold within.
save("by-content", {"thing": model, "given": argparse.Namespace(lr=1)})
save("within", {"state_dict": {"model.fc.weight": torch.ones(2), "model_ema.fc_weight": torch.ones(2)}, "train_iterator": {"epoch": 1, "position": 3}})
# Estimators of scikit-learn, pickled as they are.
try:
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.preprocessing import StandardScaler
except ImportError:
    sys.exit()
data, labels = np.arange(12.0).reshape(6, 2), [0, 1, 0, 1, 0, 1]
forest = RandomForestClassifier(2, random_state=0).fit(data, labels)
with open(os.path.join(sys.argv[1], "estimators.pt"), "wb") as f:
    pickle.dump({"clf": forest, "scaler": StandardScaler().fit(data), "columns": ["a", "b"]}, f)
