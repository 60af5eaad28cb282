"""Trains XGBoost models and saves them as JSON and as UBJSON, with the digests that Python computes of their arrays.

usage: write_xgboost.py DIR
"""
import json
import os
import sys

import numpy as np
import xgboost as xgb

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from rc1 import Expect

OUT = sys.argv[1]
rng = np.random.default_rng(0)


def arrays(value, name=""):
    """Yields (name, element type, array) of the arrays that are all integers or all reals."""
    if isinstance(value, dict):
        for k, v in value.items():
            yield from arrays(v, name + "." + k if name else k)
    elif isinstance(value, list):
        if value and all(type(v) is int for v in value):
            yield name, "int64", np.array(value, "<i8")
        elif value and all(type(v) is float for v in value):
            # Python reads the shortest digits of a float32 as a float64; the model has float32.
            yield name, "float32", np.array(value, "<f4")
        else:
            for i, v in enumerate(value):
                yield from arrays(v, f"{name}[{i}]")


def save(name, booster):
    for suffix in (".json", ".ubj"):
        path = os.path.join(OUT, name + suffix)
        booster.save_model(path)
        # What counts is what XGBoost reads back from the file.
        back = json.loads(bytes(xgb.Booster(model_file=path).save_raw("json")))
        e = Expect()
        for key, dtype, a in arrays(back):
            e.tensor(key, dtype, list(a.shape), a.tobytes())
        e.write(path + ".expect")


x = rng.random((200, 5)).astype("f4")
x[rng.random(x.shape) < .1] = np.nan
y = (np.nan_to_num(x[:, 0]) + np.nan_to_num(x[:, 1]) > 1).astype("f4")
d = xgb.DMatrix(x, y, feature_names=["a", "b", "c.d", "e", "\u00e9"])
one = {"nthread": 1, "seed": 0}
save("trees", xgb.train(one | {"max_depth": 4, "objective": "binary:logistic"}, d, 5))
save("dart", xgb.train(one | {"booster": "dart", "rate_drop": .5}, d, 4))
save("classes", xgb.train(one | {"objective": "multi:softprob", "num_class": 3}, xgb.DMatrix(x, rng.integers(0, 3, 200)), 3))
x = np.nan_to_num(x)
save("linear", xgb.train(one | {"booster": "gblinear"}, xgb.DMatrix(x, y), 3))
x[:, 2] = rng.integers(0, 6, 200)
save("categories", xgb.train(one | {"tree_method": "hist", "max_cat_to_onehot": 2},
                             xgb.DMatrix(x, y, feature_types=["q", "q", "c", "q", "q"], enable_categorical=True), 4))
noted = xgb.train(one, d, 2)
noted.set_attr(best_score="0.5", note='quoted "text"')
save("attributes", noted)
