"""Compares two classifiers on a held-out part of the breast cancer data."""
import json
import pickle

from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

SEED = 0


def main():
    x, y = load_breast_cancer(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.25, stratify=y, random_state=SEED)
    models = {
        "logistic": make_pipeline(StandardScaler(), LogisticRegression(max_iter=200)),
        "forest": RandomForestClassifier(n_estimators=20, random_state=SEED),
    }
    scores = {}
    for name, model in models.items():
        model.fit(x_train, y_train)
        scores[name] = model.score(x_test, y_test)
        print(f"{name}: accuracy={scores[name]:.4f}")
    with open("scores.json", "w") as f:
        json.dump(scores, f)
    with open("logistic.pkl", "wb") as f:
        pickle.dump(models["logistic"][-1].coef_, f)


if __name__ == "__main__":
    main()
