"""How far predicted numbers are from the true ones.

With truth y, prediction p and error e = y - p over n rows:

    mean absolute error   mean |e|               median absolute error   median |e|
    mean squared error    mean e**2              its root                sqrt(mean e**2)
    mean squared log error   mean (log(1 + y) - log(1 + p))**2,  y, p > -1
    r2                    1 - sum e**2 / sum (y - mean y)**2
    explained variance    1 - var e / var y

A truth that does not vary leaves r2 and the explained variance undefined (NaN).
"""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]


def mean_absolute_error(truth: Vector, predicted: Vector) -> float:
    """Mean of |e|, in the unit of the truth."""
    return float(np.mean(np.abs(truth - predicted)))


def median_absolute_error(truth: Vector, predicted: Vector) -> float:
    """Median of |e|, in the unit of the truth."""
    return float(np.median(np.abs(truth - predicted)))


def mean_squared_error(truth: Vector, predicted: Vector) -> float:
    """Mean of e**2, in the squared unit of the truth."""
    return float(np.mean((truth - predicted) ** 2))


def root_mean_squared_error(truth: Vector, predicted: Vector) -> float:
    """Root of the mean of e**2, in the unit of the truth."""
    return float(np.sqrt(mean_squared_error(truth, predicted)))


def mean_squared_log_error(truth: Vector, predicted: Vector) -> float:
    """Mean squared difference of log(1 + value); NaN where a value is -1 or less."""
    if min(truth.min(), predicted.min()) <= -1:
        return float("nan")
    return mean_squared_error(np.log1p(truth), np.log1p(predicted))


def r2_score(truth: Vector, predicted: Vector) -> float:
    """Share of the truth's squared deviation that the prediction explains; at most 1."""
    return _explained(mean_squared_error(truth, predicted), float(np.var(truth)))


def explained_variance(truth: Vector, predicted: Vector) -> float:
    """Share of the truth's variance that the prediction explains; at most 1."""
    return _explained(float(np.var(truth - predicted)), float(np.var(truth)))


def _explained(left_over: float, whole: float) -> float:
    return 1.0 - left_over / whole if whole > 0 else float("nan")


MEASURES: Mapping[str, Callable[[Vector, Vector], float]] = {
    "explained_variance": explained_variance,
    "mean_absolute_error": mean_absolute_error,
    "mean_squared_error": mean_squared_error,
    "mean_squared_log_error": mean_squared_log_error,
    "median_absolute_error": median_absolute_error,
    "r2_score": r2_score,
    "root_mean_squared_error": root_mean_squared_error,
}
"""The measures by name; each takes two vectors of shape (n,), n > 0."""
