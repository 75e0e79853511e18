"""Scores along rows and slopes along columns, where numbers of both parties are in shares.

    scores    <s> = X_g <w_g> + X_h <w_h>                 of rows
    slopes    <g_g> = X_g^T <c d>,  <g_h> = X_h^T <c d>   of numbers <d>, one a row

with c what rows count, which the guest alone knows. Learns: nobody anything (shared_products).
Source: Chen et al. 2021.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from federation.channel import Channel
from federation.components.common.unfit import UnfitLetter
from federation.components.linear.shared_parts import (
    DATA_BITS,
    WEIGHT_BITS,
    SharedSide,
    Weights,
)
from federation.crypto import Encrypted
from federation.crypto.fixed_point import to_fixed
from federation.protocols.ring_shares import MODULUS, Ring, encoded
from federation.protocols.shared_products import (
    FACTOR_BITS,
    Factors,
    multiply,
    offered,
    weigh,
    weighed,
)

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Slopes:
    """Sums over rows in shares.

    Attributes:
        own: this party's share of those along its own columns; `theirs` of the others.
        bits: after the point.
        size: how many rows they are sums of.
        operand: the other's share of d, under its key.
    """

    own: Ring
    theirs: Ring
    bits: int
    size: int
    operand: Encrypted


async def scores_of(ch: Channel, side: SharedSide, matrix: Factors, weights: Weights) -> Ring:
    """This party's share of the scores of rows, shape (r,)."""
    if weights.clear is not None:
        return matrix.astype(object) @ encoded(weights.clear, WEIGHT_BITS) % MODULUS
    products = await multiply(
        ch, side.duo, matrix, held=weights.own, given=weights.others, count=len(matrix)
    )
    return (products.own + products.theirs) % MODULUS


async def slopes_of(ch: Channel, side: SharedSide, rows: Indices, d: Ring) -> Slopes:
    """Slopes of numbers that `scores_of` rows gave, as finely as these are.

    Args:
        d: this party's share of them, shape (r,).
    """
    e, operand = await _counted(ch.scope("weights"), side, rows, d)
    products = await multiply(
        ch.scope("gradient"),
        side.duo,
        np.ascontiguousarray(side.matrix[rows].T),
        held=e,
        given=e,
        count=side.others,
    )
    return Slopes(
        products.own,
        products.theirs,
        side.score_bits + DATA_BITS * (1 + side.terms.weighted),
        len(rows),
        products.operand if operand is None else operand,
    )


async def _counted(
    ch: Channel, side: SharedSide, rows: Indices, d: Ring
) -> tuple[Ring, Encrypted | None]:
    """Numbers times what the guest's rows count; and their other share where that showed it."""
    if not side.terms.weighted:
        return d, None
    if not side.duo.first:
        return await weighed(ch, side.duo, d), None
    counts = side.rows.weight
    if counts is None:
        raise UnfitLetter("course", side.duo.other)
    operand = await offered(ch, side.duo, len(d))
    factors = to_fixed(counts[rows], DATA_BITS, 1 << (FACTOR_BITS - 1)).astype(np.int64)
    return await weigh(ch, side.duo, factors, d, operand), operand
