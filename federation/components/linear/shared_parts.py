"""What both parties of a vertical linear model without an arbiter have: shares and terms."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from federation.components.linear.letters import Course, HostBatch, SharedTerms
from federation.components.linear.params import LinearModelParams
from federation.components.linear.rows import Rows
from federation.crypto.fixed_point import to_fixed
from federation.protocols.ring_shares import Ring
from federation.protocols.shared_products import FACTOR_BITS, Duo, Factors
from federation.tables.table import Matrix, Vector

WEIGHT_BITS = 40
"""Bits after the point of weights."""

DATA_BITS = 23
"""Bits after the point of features and row weights."""


@dataclass(frozen=True, slots=True)
class SharedLink:
    """Residual and loss of a model: d = s / 2**halvings - target(y), loss = a + b mean(d^2)."""

    halvings: int
    target: Callable[[Vector], Vector]
    a: float
    b: float


SHARED_LOGISTIC = SharedLink(2, lambda y: y / 2.0, math.log(2.0) - 0.5, 2.0)
"""d = s / 4 - y / 2 with y in -1, 1; the loss is that of HeteroLR."""

SHARED_LINEAR = SharedLink(0, lambda y: y, 0.0, 0.5)
"""d = s - y, loss = mean(d^2) / 2."""


@dataclass(frozen=True, slots=True)
class SharedSide:
    """One party's side.

    Attributes:
        matrix: shape (n, d), the features as integers, a last column for the guest's intercept.
        others: how many weights the other party has.
        stages: matrices of the rows that are scored while the model is followed.
    """

    duo: Duo
    rows: Rows
    matrix: Factors
    others: int
    link: SharedLink
    p: LinearModelParams
    course: Course
    terms: SharedTerms
    stages: dict[str, Factors]

    @property
    def intercept(self) -> bool:
        """Whether the last of the own weights is an intercept."""
        return self.duo.first and self.terms.intercept

    @property
    def score_bits(self) -> int:
        """Bits after the point of scores, and so of residuals."""
        return WEIGHT_BITS + DATA_BITS + self.link.halvings

    def rows_of(self, batch: HostBatch) -> npt.NDArray[np.int64]:
        """Which rows a batch has."""
        return np.arange(self.rows.count) if batch.rows is None else batch.rows


@dataclass(frozen=True, slots=True)
class Weights:
    """What a party has of all weights.

    Attributes:
        own: its share of its own weights; `others` of the other party's.
        clear: its own weights, where each step reveals them; shares are not used then.
    """

    own: Ring
    others: Ring
    clear: Vector | None = None


@dataclass(frozen=True, slots=True)
class SharedTrained:
    """A model as one party has it before it is revealed; fields as of `parts.Trained`."""

    weights: Weights
    iters: int
    converged: bool
    best: int
    losses: tuple[float, ...]
    best_loss: float | None
    measured: dict[str, dict[str, list[float]]]


def factors_of(features: Matrix, *, intercept: bool) -> Factors:
    """Features as integers, with a last column for the intercept.

    Raises:
        FixedPointOverflow: a feature is 2**38 or more.
    """
    ones = np.ones((len(features), int(intercept)))
    fixed = to_fixed(np.hstack([features, ones]), DATA_BITS, 1 << (FACTOR_BITS - 1))
    return np.ascontiguousarray(fixed, dtype=np.int64)


def in_order(side: SharedSide, weights: Weights, *, without_intercept: bool) -> Ring:
    """A party's shares of all weights, the guest's first."""
    guests, hosts = weights.own, weights.others
    if not side.duo.first:
        guests, hosts = hosts, guests
    if without_intercept and side.terms.intercept:
        guests = guests[:-1]
    return np.concatenate([guests, hosts])
