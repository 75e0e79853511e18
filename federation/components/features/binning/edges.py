"""Where a column is cut into bins, and which bin a value falls into.

Bin j of edges s_0 < ... < s_m holds the values above s_(j-1) and up to s_j; the first bin has no
lower end and the last no upper one, so that later values beyond s_m still have a bin. What is
missing is in bin m + 1.

    quantile    s_j is the least value that at least (j + 1) / k of the values do not exceed
    bucket      s_j = min + (j + 1) (max - min) / k
    category    the different values themselves

Quantiles are exact, equal edges count once. Local: nobody learns anything.
Source: FATE 1.x QuantileBinning, BucketBinning.
"""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from federation.errors import DataProblem, NonFiniteValues
from federation.tables.table import Vector

Bins = npt.NDArray[np.int64]

MOST_CATEGORIES = 10_000
"""A column with more different values is a number, no category."""


def quantile_edges(column: Vector, bins: int) -> Vector:
    """Edges of bins with about the same count of rows; none where every value is missing."""
    known = _known(column)
    if not known.size:
        return known
    ranks = -(-np.arange(1, bins + 1) * known.size // bins) - 1
    return np.asarray(np.unique(np.partition(known, np.unique(ranks))[ranks]))


def bucket_edges(column: Vector, bins: int) -> Vector:
    """Edges of bins of the same width; none where every value is missing."""
    known = _known(column)
    if not known.size:
        return known
    low, high = float(known.min()), float(known.max())
    steps = low + np.arange(1, bins) * ((high - low) / bins)
    return np.asarray(np.unique(np.append(steps[steps < high], high)))


def category_edges(column: Vector, name: str) -> Vector:
    """The different values of a column.

    Raises:
        DataProblem: there are too many.
    """
    values = np.unique(_known(column))
    if len(values) > MOST_CATEGORIES:
        raise DataProblem(
            f"column {name} has more than {MOST_CATEGORIES} different values, so it is no category",
            column=name,
        )
    return np.asarray(values)


EDGES: Mapping[str, Callable[[Vector, int], Vector]] = {
    "quantile": quantile_edges,
    "bucket": bucket_edges,
}


def binned(column: Vector, edges: Vector) -> Bins:
    """The bin of each value, shape (n,), in 0 .. len(edges)."""
    places = np.searchsorted(edges[:-1], column, side="left")
    return np.where(np.isnan(column), len(edges), places).astype(np.int64)


def _known(column: Vector) -> Vector:
    wrong = int(np.count_nonzero(np.isinf(column)))
    if wrong:
        raise NonFiniteValues(wrong)
    return np.asarray(column[~np.isnan(column)])
