"""Trains a small spam filter: a bag of words, one hidden layer, stochastic gradient descent."""
import csv
import json
import math
import random

SEED, EPOCHS, HIDDEN, RATE = 42, 30, 4, 0.2


def read(path):
    with open(path, newline="") as f:
        return [(row["text"].split(), float(row["label"] == "spam")) for row in csv.DictReader(f)]


class Model:
    def __init__(self, messages):
        tokens = [word for words, _ in messages for word in words]
        self.index = {}
        for word in sorted(set(tokens)):
            self.index[word] = len(self.index)
        self.hidden = [[random.gauss(0, 0.5) for _ in range(HIDDEN)] for _ in self.index]
        self.out = [random.gauss(0, 0.5) for _ in range(HIDDEN)]

    def forward(self, words):
        rows = [self.hidden[self.index[word]] for word in words if word in self.index]
        activations = [math.tanh(sum(column)) for column in zip(*rows)]
        return rows, activations, 1 / (1 + math.exp(-sum(w * a for w, a in zip(self.out, activations))))

    def step(self, words, label):
        rows, activations, p = self.forward(words)
        for k, a in enumerate(activations):
            slope = RATE * (p - label) * self.out[k] * (1 - a * a)
            self.out[k] -= RATE * (p - label) * a
            for row in rows:
                row[k] -= slope
        return -math.log(p if label else 1 - p)


def main():
    random.seed(SEED)
    messages = read("messages.csv")
    train, test = messages[:18], messages[18:]
    model = Model(train)
    for epoch in range(1, EPOCHS + 1):
        random.shuffle(train)
        loss = sum(model.step(words, label) for words, label in train) / len(train)
        if epoch % 5 == 0:
            print(f"epoch {epoch:2d}  loss={loss:.6f}")
    right = sum((model.forward(words)[2] > 0.5) == (label == 1) for words, label in test)
    print(f"test_accuracy={right / len(test):.3f}")
    with open("model.json", "w") as f:
        json.dump({"words": list(model.index), "hidden": model.hidden, "out": model.out}, f)


if __name__ == "__main__":
    main()
