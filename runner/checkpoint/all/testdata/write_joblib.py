"""Writes files of joblib and of scikit-learn and the digests that Python computes of their arrays.

usage: write_joblib.py DIR
"""
import gzip
import os
import pickle
import random
import sys

import joblib
import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from rc1 import Expect

OUT = sys.argv[1]
rng = np.random.default_rng(0)
value = {
    "f4": rng.random((3, 5)).astype("f4"), "fortran": np.asfortranarray(rng.random((4, 7))), "big": rng.random(200000),
    "i8": np.arange(10), "scalar": np.array(3.5), "empty": np.zeros((0, 2)), "n": 3,
}
objects = {"objects": np.array([1, "two", None], dtype=object), "after": np.arange(4)}


def expect(path, value):
    e = Expect()
    for k, v in value.items():
        if isinstance(v, np.ndarray) and v.dtype != object:
            e.tensor(k, v.dtype.name, list(v.shape), v.tobytes("C"))
    e.write(path + ".expect")


kinds = {"plain": 0, "zlib": ("zlib", 3), "gzip": ("gzip", 3), "bz2": ("bz2", 3), "xz": ("xz", 3), "lzma": ("lzma", 3),
         "xz9": ("xz", 9), "lzma9": ("lzma", 9)}
try:
    import lz4  # noqa: F401
    kinds["lz4"] = ("lz4", 3)
except ImportError:
    pass
for kind, compress in kinds.items():
    for name, v in ("arrays", value), ("objects", objects):
        for suffix in "joblib", "pkl":
            path = os.path.join(OUT, f"{name}.{kind}.{suffix}")
            joblib.dump(v, path, compress=compress)
            expect(path, v)
path = os.path.join(OUT, "pickle.pkl.gz")
with gzip.open(path, "wb") as f:
    pickle.dump(value, f)
expect(path, value)

try:
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
except ImportError:
    pass
else:
    x, y = rng.random((60, 4)), np.arange(60) % 3
    linear = LogisticRegression().fit(x, y)
    forest = RandomForestClassifier(3, random_state=0).fit(x, y)
    for name, model in ("linear", linear), ("forest", forest):
        path = os.path.join(OUT, f"sklearn-{name}.joblib")
        joblib.dump(model, path)
        with open(os.path.join(OUT, f"sklearn-{name}.pkl"), "wb") as f:
            pickle.dump(model, f)
