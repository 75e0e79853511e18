"""What a vertical linear model makes of scores: residuals and losses that can be encrypted.

With s = s_g + s_h the score of a row, at guest and host, and y its label, a link says which share
u = a s_h a host sends encrypted, and splits residual and loss so that the guest needs of the host
only sums of u and of a host's own term:

    d    = u + part(s_g, y)
    loss = mean(constant(s_g, y) + factor(s_g, y) u + own(s_h))
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from federation.tables.table import Vector


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
    """

    share: Callable[[Vector], Vector]
    part: Callable[[Vector, Vector], Vector]
    constant: Callable[[Vector, Vector], Vector]
    factor: Callable[[Vector, Vector], Vector]
    own: Callable[[Vector], Vector]
    mean: Callable[[Vector], Vector]


def sigmoid(scores: Vector) -> Vector:
    """1 / (1 + exp(-s)), without overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(scores / 2.0)))


LOGISTIC = Link(
    share=lambda s: 0.25 * s,
    part=lambda s, y: 0.25 * s - 0.5 * y,
    constant=lambda s, y: np.log(2.0) - y * s / 2.0 + s**2 / 8.0,
    factor=lambda s, y: s - 2.0 * y,
    own=lambda s: s**2 / 8.0,
    mean=sigmoid,
)
"""Logistic regression, y in -1, 1, by the first terms of its Taylor series at 0:

    d    = s / 4 - y / 2
    loss = ln 2 - y s / 2 + s^2 / 8

Source: Hardy et al. 2017, section 3.2; FATE 1.x hetero_logistic_regression.
"""
