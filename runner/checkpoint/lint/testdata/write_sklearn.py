"""Writes estimators of scikit-learn, alone and beside what is none.

usage: write_sklearn.py DIR
"""
import os
import pickle
import sys

import joblib
import numpy as np
from sklearn.linear_model import SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

OUT = sys.argv[1]
x = np.random.default_rng(0).normal(size=(40, 3))
pipeline = make_pipeline(StandardScaler(), SGDClassifier(random_state=0)).fit(x, x[:, 0] > 0)


def dump(name, value):
    with open(os.path.join(OUT, name), "wb") as f:
        pickle.dump(value, f)


dump("pipeline.pkl", pipeline)
joblib.dump(pipeline, os.path.join(OUT, "pipeline.joblib"), compress=3)
dump("several.pkl", {"scaler": pipeline[0], "model": pipeline[1]})
dump("beside.pkl", {"scaler": pipeline[0], "params": {"weight": x}})
