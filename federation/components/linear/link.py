"""What a vertical linear model makes of scores: residuals and losses that can be encrypted.

With s = s_g + s_h the score of a row, at guest and host, and y its label, a link says which share
u a host sends encrypted, and splits residual and loss so that the guest needs of the host only sums
of u and of a host's own term:

    d    = scale(s_g) u + part(s_g, y)
    loss = mean(constant(s_g, y) + factor(s_g, y) u + weigh(y) own(s_h))
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from federation.errors import ComputationProblem
from federation.tables.table import Vector

MOST_EXPONENT = 60.0
"""exp of a larger score would leave the range in which ciphertexts are exact."""


MOST_GRADIENT = 1e12
"""Gradients as large as this never come down again."""


class Diverged(ComputationProblem):
    """Weights have grown until a prediction is no longer a number."""

    code = "diverged"

    def __init__(self) -> None:
        super().__init__(
            "the weights have grown beyond all bounds; use a smaller learning_rate, zeros as "
            "init_method, or scale the features"
        )


@dataclass(frozen=True, slots=True)
class Link:
    """One kind of linear model; all functions take and give one value a row.

    Attributes:
        share: u of the host's scores.
        part: the guest's part of the residual.
        constant: the guest's part of the loss.
        factor: what u counts in the loss.
        own: the host's part of the loss.
        mean: the prediction of a score.
        scale: what u counts in the residual; None for 1. Shares of several hosts add up only then.
        weigh: what the host's part of the loss counts, by the label; None for 1.
        small: whether shares, parts and factors of fitting weights are small, whatever the labels.
    """

    share: Callable[[Vector], Vector]
    part: Callable[[Vector, Vector], Vector]
    constant: Callable[[Vector, Vector], Vector]
    factor: Callable[[Vector, Vector], Vector]
    own: Callable[[Vector], Vector]
    mean: Callable[[Vector], Vector]
    scale: Callable[[Vector], Vector] | None = None
    weigh: Callable[[Vector], Vector] | None = None
    small: bool = False


def sigmoid(scores: Vector) -> Vector:
    """1 / (1 + exp(-s)), without overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(scores / 2.0)))


def exponential(scores: Vector) -> Vector:
    """exp(s).

    Raises:
        Diverged: a score is too large.
    """
    if scores.size and not float(np.max(scores)) < MOST_EXPONENT:
        raise Diverged
    return np.asarray(np.exp(scores))


LOGISTIC = Link(
    share=lambda s: 0.25 * s,
    part=lambda s, y: 0.25 * s - 0.5 * y,
    constant=lambda s, y: np.log(2.0) - y * s / 2.0 + s**2 / 8.0,
    factor=lambda s, y: s - 2.0 * y,
    own=lambda s: s**2 / 8.0,
    mean=sigmoid,
    small=True,
)
"""Logistic regression, y in -1, 1, by the first terms of its Taylor series at 0:

    d    = s / 4 - y / 2
    loss = ln 2 - y s / 2 + s^2 / 8

Source: Hardy et al. 2017, section 3.2; FATE 1.x hetero_logistic_regression.
"""

LINEAR = Link(
    share=lambda s: s,
    part=lambda s, y: s - y,
    constant=lambda s, y: (s - y) ** 2 / 2.0,
    factor=lambda s, y: s - y,
    own=lambda s: s**2 / 2.0,
    mean=lambda s: s,
)
"""Linear regression: d = s - y, loss = (s - y)^2 / 2. Source: FATE 1.x hetero_linear_regression."""

POISSON = Link(
    share=exponential,
    part=lambda _, y: -y,
    constant=lambda s, y: -y * s,
    factor=lambda s, _: exponential(s),
    own=lambda s: s,
    mean=exponential,
    scale=exponential,
    weigh=lambda y: -y,
)
"""Poisson regression: d = exp(s) - y, loss = exp(s) - y s; the guest's score has the log exposure.

Source: FATE 1.x hetero_poisson_regression.
"""
