"""Trains a two-layer network on a spiral, in NumPy."""
import argparse

import numpy as np


def spiral(points, arms):
    t = np.tile(np.linspace(0.1, 1, points), arms)
    arm = np.repeat(np.arange(arms), points)
    angle = 4 * t + 2 * np.pi * arm / arms
    return np.stack([t * np.cos(angle), t * np.sin(angle)], axis=1), arm


def forward(params, x):
    hidden = np.maximum(x @ params["w1"] + params["b1"], 0)
    logits = hidden @ params["w2"] + params["b2"]
    exp = np.exp(logits - logits.max(1, keepdims=True))
    return hidden, exp / exp.sum(1, keepdims=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--hidden", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--lr", type=float, default=0.3)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    rng = np.random.default_rng(args.seed)
    x, y = spiral(60, 3)
    params = {
        "w1": rng.normal(scale=0.5, size=(2, args.hidden)), "b1": np.zeros(args.hidden),
        "w2": rng.normal(scale=0.5, size=(args.hidden, 3)), "b2": np.zeros(3),
    }
    for epoch in range(args.epochs):
        order = rng.permutation(len(x))
        loss = 0.0
        for batch in np.array_split(order, 6):
            hidden, p = forward(params, x[batch])
            loss -= np.log(p[np.arange(len(batch)), y[batch]]).sum()
            slope = (p - np.eye(3)[y[batch]]) / len(batch)
            back = (slope @ params["w2"].T) * (hidden > 0)
            for name, gradient in (("w2", hidden.T @ slope), ("b2", slope.sum(0)), ("w1", x[batch].T @ back), ("b1", back.sum(0))):
                params[name] -= args.lr * gradient
        if epoch % 5 == 4:
            accuracy = (forward(params, x)[1].argmax(1) == y).mean()
            print(f"epoch={epoch + 1} loss={loss / len(x):.6f} accuracy={accuracy:.4f}")
    np.savez("model.npz", **params)


if __name__ == "__main__":
    main()
