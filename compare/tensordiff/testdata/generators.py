"""Writes states of generators before and after draws of a known number.

usage: generators.py DIR
"""
import os
import random
import sys

import numpy as np
import torch


def save(name, value):
    torch.save(value, os.path.join(sys.argv[1], name + ".pt"))


def cuda(seed, offset):  # the state of a CUDA generator, which needs no GPU to be looked at
    return torch.tensor(list(seed.to_bytes(8, "little") + offset.to_bytes(8, "little")), dtype=torch.uint8)


def states(pcg, dxsm, seed, offset):
    return {"python": random.getstate(), "numpy": np.random.get_state(), "torch": torch.get_rng_state(), "cuda_rng": cuda(seed, offset),
            "pcg": pcg.bit_generator.state, "dxsm": dxsm.state}


def seeds(n):
    random.seed(n)
    np.random.seed(n)
    torch.manual_seed(n)
    return np.random.default_rng(n), np.random.PCG64DXSM(n)


pcg, dxsm = seeds(1)
save("seeded", states(pcg, dxsm, 7, 0))
for _ in range(500):
    random.random()  # two numbers of 32 bits
np.random.rand(1000)  # the same
torch.rand(700)  # one number each
pcg.random(5)
dxsm.random_raw(6)
save("drawn", states(pcg, dxsm, 7, 8))
torch.randn(1)  # keeps a second deviate for the next one
save("normal", {"torch": torch.get_rng_state()})
save("other", states(*seeds(2), 8, 0))
save("many", {"cuda_rng": [cuda(n, 0) for n in range(70)]})
save("many-others", {"cuda_rng": [cuda(n, 4) for n in range(70)]})
