"""Trains LightGBM models and saves them as text, with the digests that Python computes of their trees' arrays.

usage: write_lightgbm.py DIR
"""
import os
import sys

import lightgbm as lgb
import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from rc1 import Expect

OUT = sys.argv[1]
rng = np.random.default_rng(0)
REALS = {"leaf_value", "leaf_weight", "leaf_const", "split_gain", "threshold", "internal_value", "internal_weight", "leaf_coeff"}
SCALARS = {"num_leaves", "num_cat", "is_linear", "shrinkage"}


def from_text(path):
    """The arrays of every tree, by name."""
    trees, names = [], {}
    for line in open(path):
        key, _, value = line.rstrip("\n").partition("=")
        if key == "Tree":
            trees.append({})
        elif key == "end of trees":
            break
        elif trees and key and key not in SCALARS:
            words = value.split()
            trees[-1][key] = np.array([float(w) for w in words], "<f8") if key in REALS else np.array([int(w) for w in words], "<i8")
    return trees


def from_library(path):
    """What LightGBM itself reads: the arrays that dump_model tells of every tree."""
    for info in lgb.Booster(model_file=path).dump_model()["tree_info"]:
        n = info["num_leaves"]
        t = {"leaf_value": np.zeros(n), "leaf_count": np.zeros(n, "<i8"), "threshold": np.full(n - 1, np.nan),
             "split_feature": np.zeros(n - 1, "<i8"), "left_child": np.zeros(n - 1, "<i8"), "right_child": np.zeros(n - 1, "<i8")}

        def walk(node):
            if "leaf_value" in node and "split_index" not in node:
                i = node.get("leaf_index", 0)
                t["leaf_value"][i] = node["leaf_value"]
                t["leaf_count"][i] = node.get("leaf_count", 0)
                return ~i
            i = node["split_index"]
            t["split_feature"][i] = node["split_feature"]
            if node["decision_type"] == "<=":
                t["threshold"][i] = node["threshold"]
            t["left_child"][i], t["right_child"][i] = walk(node["left_child"]), walk(node["right_child"])
            return i

        walk(info["tree_structure"])
        yield t


def save(name, params, data):
    path = os.path.join(OUT, name)
    lgb.train({"num_threads": 1, "verbose": -1, "seed": 0, "deterministic": True, "min_data_in_leaf": 5} | params, data, 4).save_model(path)
    e = Expect()
    for i, (text, library) in enumerate(zip(from_text(path), from_library(path), strict=True)):
        for key, a in library.items():
            if key not in text:
                continue
            same = np.isnan(a) | (a == text[key]) if a.dtype.kind == "f" else a == text[key]
            # LightGBM keeps an index where a split is by category, and no counts in a tree of one leaf.
            assert same.all() or len(text["leaf_value"]) == 1, (name, i, key)
            if not np.isnan(a.astype("f8")).any() and len(text[key]) == len(a) and same.all():
                text[key] = a
        for key, a in text.items():
            e.tensor(f"trees[{i}].{key}", {"f": "float64", "i": "int64"}[a.dtype.kind], list(a.shape), a.tobytes())
    e.write(path + ".expect")


x = rng.random((400, 4))
x[:, 3] = rng.integers(0, 6, 400)
y = (x[:, 0] + (x[:, 3] > 2) > 1).astype(int)
save("binary.txt", {"objective": "binary"}, lgb.Dataset(x, y, feature_name=["a", "b", "c_d", "e"], categorical_feature=[3]))
save("classes.txt", {"objective": "multiclass", "num_class": 3}, lgb.Dataset(x, rng.integers(0, 3, 400)))
save("linear.txt", {"linear_tree": True}, lgb.Dataset(x, x @ [1, 2, 3, 4], params={"linear_tree": True}))
save("forest.txt", {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": .5}, lgb.Dataset(x, y))
save("constant.txt", {}, lgb.Dataset(x, np.zeros(400)))
