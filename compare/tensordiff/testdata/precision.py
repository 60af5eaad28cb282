"""Writes numbers of all sizes, and what PyTorch rounds them to.

usage: precision.py DIR
"""
import os
import sys

import torch

torch.manual_seed(0)


def save(name, **tensors):
    torch.save(tensors, os.path.join(sys.argv[1], name + ".pt"))


wide = torch.randint(-2**31, 2**31 - 1, (100_000,), dtype=torch.int64).to(torch.int32).view(torch.float32)
near = torch.randn(100_000) * torch.logspace(-9, 6, 100_000)  # where float16 has subnormals, numbers and infinity
special = torch.tensor([0.0, -0.0, float("inf"), -float("inf"), float("nan"), 65504.0, 65519.99, 65520.0, 1e-8, 2.0**-24, 2.0**-25, -2.0**-25, 1 + 2**-11, 1 + 3 * 2**-11])
x = torch.cat([wide, near, special])
double = torch.cat([x.double(), torch.randn(100_000, dtype=torch.float64) * torch.logspace(-60, 40, 100_000, dtype=torch.float64)])
save("float32", x=x)
save("float16", x=x.half())
save("bfloat16", x=x.bfloat16())
save("float64", x=double)
save("of-double", x=double.float())
save("exact", x=x.double())
wrong = x.half().view(torch.int16).clone()
wrong[-6] ^= 1  # 1e-8, which is nearer to 0 than to the smallest number
wrong[150_000] += 1
save("wrong", x=wrong.view(torch.float16))
