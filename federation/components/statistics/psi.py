"""Population stability index: how far the scores of validation have moved from those of training.

The training scores are parted at their 20 quantiles; bins are closed below, and the outer two are
open ended. With e_i and a_i the shares of training and validation rows in bin i,

    psi = sum_i (a_i - e_i) * ln(a_i / e_i)

where an empty share counts as 1e-6. Below 0.1 is usually read as stable, above 0.25 as moved.
Source: FATE 1.x evaluation.
"""

import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from federation.components.statistics.binary import Scored
from federation.components.statistics.multi import share

Vector = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

EMPTY_SHARE = 1e-6


@dataclass(frozen=True, slots=True)
class Bins:
    """Rows of one stage in the bins of the training scores.

    Attributes:
        counts: shape (b,), rows.
        shares: shape (b,), their share, EMPTY_SHARE in an empty bin.
        positive: shape (b,), share of positives among them, 0 in an empty bin.
    """

    counts: Counts
    shares: Vector
    positive: Vector

    @classmethod
    def of(cls, scored: Scored, inner: Vector) -> "Bins":
        """Count `scored` between the `inner` edges, ascending, shape (b - 1,)."""
        counts, positives = (
            np.bincount(np.searchsorted(inner, scores, side="right"), minlength=len(inner) + 1)
            for scores in (scored.scores, scored.positives)
        )
        return cls(counts, shares_of(counts), share(positives, counts))


@dataclass(frozen=True, slots=True)
class Stability:
    """The index of each bin, and the bins of both stages.

    Attributes:
        scores: shape (b,), the addends of the index.
        expected: the training rows.
        actual: the validation rows.
        intervals: text, one a bin.
    """

    scores: Vector
    expected: Bins
    actual: Bins
    intervals: tuple[str, ...]

    @property
    def total(self) -> float:
        """The index, 0 or more."""
        return float(self.scores.sum())


def psi(train: Scored, validate: Scored) -> Stability:
    """The index of `validate` against `train`."""
    inner = np.unique(train.quantiles)[1:-1]
    expected, actual = Bins.of(train, inner), Bins.of(validate, inner)
    moved = shift(expected.shares, actual.shares)
    return Stability(moved, expected, actual, _intervals(inner))


def shares_of(counts: Counts) -> Vector:
    """The share of each bin, shape (b,), EMPTY_SHARE in an empty one."""
    return np.where(counts > 0, counts / max(int(counts.sum()), 1), EMPTY_SHARE)


def shift(expected: Vector, actual: Vector) -> Vector:
    """What each bin adds to the index, from the shares of both sides, shape (b,)."""
    return np.asarray((actual - expected) * np.log(actual / expected))


def _intervals(inner: Vector) -> tuple[str, ...]:
    edges = ["-inf", *(f"{edge:.6g}" for edge in inner), "inf"]
    texts = [f"[{low}, {high})" for low, high in itertools.pairwise(edges)]
    return (f"({texts[0][1:]}", *texts[1:])
