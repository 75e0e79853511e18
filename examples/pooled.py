"""What one party could compute if it held everybody's columns: logistic regression in the clear.

The recurrence is HeteroLR's (the logistic loss to second order, so its gradient is linear in the
score), without encryption and without parties:

    d = (Xw + b)/4 - y/2   with y in {-1, +1}
    g = X^T d / n + alpha w  (no penalty on b)
    m = 0.99 m + 0.01 g^2,  w = w - lr g / sqrt(m + 1e-6)      (RMSProp)

so that federated and pooled results may be compared digit by digit. Source of the loss: Hardy et
al. 2017, "Private federated learning on vertically partitioned data", section 3.
"""

import csv
from pathlib import Path

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]


def read_joined(guest: Path, host: Path) -> tuple[Matrix, Vector]:
    """Both files' columns, joined by id: features of shape (n, d), labels of shape (n,)."""
    ours, theirs = _read(guest), _read(host)
    common = sorted(ours.keys() & theirs.keys())
    rows = np.array([[*ours[key], *theirs[key]] for key in common], dtype=np.float64)
    return rows[:, 1:], rows[:, 0]


def fit(
    features: Matrix, labels: Vector, *, epochs: int, learning_rate: float, alpha: float
) -> Vector:
    """Weights of shape (d + 1,), the intercept last, after full-batch RMSProp from zero.

    Args:
        features: shape (n, d).
        labels: shape (n,), 0 or 1.
    """
    inputs = np.column_stack([features, np.ones(len(labels))])
    penalty = np.append(np.full(features.shape[1], alpha), 0.0)
    signs = 2.0 * labels - 1.0
    weights = np.zeros(inputs.shape[1])
    second_moment = np.zeros_like(weights)
    for epoch in range(epochs):
        residual = 0.25 * (inputs @ weights) - 0.5 * signs
        gradient = inputs.T @ residual / len(labels) + penalty * weights
        second_moment = 0.99 * second_moment + 0.01 * gradient**2
        rate = learning_rate / np.sqrt(1.0 + epoch)
        weights = weights - rate * gradient / np.sqrt(second_moment + 1e-6)
    return weights


def scores(features: Matrix, weights: Vector) -> Vector:
    """Probabilities of label 1, shape (n,)."""
    raw = features @ weights[:-1] + weights[-1]
    return np.asarray(1.0 / (1.0 + np.exp(-raw)))


def auc(labels: Vector, score: Vector) -> float:
    """Area under the ROC curve by ranks, ties sharing their mean rank (Mann-Whitney)."""
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    last_rank = np.cumsum(counts)
    rank = (last_rank - (counts - 1) / 2.0)[inverse]
    positive = labels == 1
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    above = rank[positive].sum() - n_positive * (n_positive + 1) / 2.0
    return float(above / (n_positive * n_negative))


def _read(path: Path) -> dict[str, list[float]]:
    with path.open(newline="") as source:
        lines = csv.reader(source)
        next(lines)
        return {line[0]: [float(value) for value in line[1:]] for line in lines}
