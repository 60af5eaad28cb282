"""Trains a multilayer perceptron on noisy rings, with augmentation in DataLoader workers."""
import argparse
import math
import random

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


def seed_everything(seed):
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


class Rings(Dataset):
    """Points on two circles, jittered each time they are read."""

    def __init__(self, n, noise):
        angle = np.arange(n) * 2 * math.pi * 0.618
        self.labels = np.arange(n) % 2
        radius = np.where(self.labels == 1, 1.0, 0.5)
        self.points = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
        self.noise = noise
        self.rng = np.random.default_rng()

    def __len__(self):
        return len(self.points)

    def __getitem__(self, i):
        point = self.points[i] + self.rng.normal(scale=self.noise, size=2)
        return torch.tensor(point, dtype=torch.float32), int(self.labels[i])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    seed_everything(args.seed)
    loader = DataLoader(Rings(128, noise=0.1), batch_size=16, shuffle=True, num_workers=args.workers)
    model = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 2))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    for epoch in range(args.epochs):
        hits = 0
        for points, labels in loader:
            logits = model(points)
            loss = nn.functional.cross_entropy(logits, labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            hits += (logits.argmax(1) == labels).sum().item()
        print(f"epoch={epoch} loss={loss.item():.6f} accuracy={hits / 128:.4f}")
    torch.save(model.state_dict(), "model.pt")


if __name__ == "__main__":
    main()
