"""The local half of a benchmark of fate_test: logistic regression over both files joined by id.

It is loaded by `fate_test benchmark-quality`; `param` is what the suite's conf says.
"""

import sys
from pathlib import Path

import numpy as np


def main(param):
    sys.path.insert(0, param["root"])
    from examples.pooled import auc, fit, read_joined, scores

    features, labels = read_joined(Path(param["guest"]), Path(param["host"]))
    names = ("learning_rate", "alpha")
    weights = fit(features, labels, epochs=param["max_iter"], **{n: param[n] for n in names})
    found = scores(features, weights)
    return {"train": param["guest"]}, {"auc": auc(labels, found), "ks": ks(labels, found)}


def ks(labels, found):
    """Largest distance between the shares of either class above a score."""
    cuts = np.unique(found)
    shares = [np.array([(found[labels == label] > cut).mean() for cut in cuts]) for label in (1, 0)]
    return float(np.max(shares[0] - shares[1]))
