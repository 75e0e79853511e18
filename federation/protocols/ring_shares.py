"""Numbers in two shares: each alone is uniformly random, both together add up.

A real number v with f bits after the point stands for the integer round(v 2**f) modulo 2**256, and
is cut into shares v = s_0 + s_1. Sums are taken by each party alone. Products add precision, and
`truncated` takes bits away again, each party by itself: the result is wrong in its last bit at
most, but for a chance of 2**-(255 - b) where the integer has b bits.

Learns: nobody anything, as long as shares stay where they are.
Source: Mohassel, Zhang 2017 (SecureML), section 4.1, for truncation.
"""

import secrets
from typing import Any

import numpy as np
import numpy.typing as npt

from federation.crypto.fixed_point import as_objects, from_fixed, to_fixed
from federation.wire.codec import BigIntVector

RING_BITS = 256
MODULUS = 1 << RING_BITS
_WIDTH = RING_BITS // 8

Ring = npt.NDArray[Any]
"""Python integers in 0 .. 2**256 - 1, of any shape (dtype object)."""


def encoded(values: npt.NDArray[np.float64], precision: int) -> Ring:
    """Real numbers as elements of the ring, at that many bits after the point.

    Raises:
        NonFiniteValues: NaN or infinite values.
        FixedPointOverflow: a value is too large.
    """
    fixed = to_fixed(np.asarray(values, dtype=np.float64), precision, MODULUS >> 2)
    return fixed.astype(object) % MODULUS


def decoded(values: Ring, precision: int) -> npt.NDArray[np.float64]:
    """The real numbers that elements stand for, shape (n,)."""
    return from_fixed(signed(values).tolist(), precision)


def signed(values: Ring) -> Ring:
    """The integers of least magnitude that are equal modulo 2**256."""
    half = MODULUS >> 1
    return (np.asarray(values, dtype=object) + half) % MODULUS - half


def drawn(count: int) -> Ring:
    """Elements that are uniformly random, shape (count,)."""
    data = secrets.token_bytes(_WIDTH * count)
    return as_objects(BigIntVector(_WIDTH, data).to_ints(), (count,))


def truncated(share: Ring, bits: int, *, first: bool) -> Ring:
    """A share of the numbers without their last bits.

    Args:
        first: whether this is s_0; exactly one of both parties says so.
    """
    if first:
        return share >> bits
    return -(-share % MODULUS >> bits) % MODULUS


def packed(values: Ring) -> BigIntVector:
    """Elements as a letter carries them."""
    return BigIntVector.from_ints(values.tolist(), _WIDTH)


def unpacked(letter: BigIntVector) -> Ring | None:
    """The elements of a letter, or None where it holds something else."""
    if letter.width != _WIDTH:
        return None
    return as_objects(letter.to_ints(), (len(letter),))
