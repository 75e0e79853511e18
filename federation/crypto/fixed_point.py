"""Fixed point: real numbers as signed integers, so that ciphertexts can carry them.

A value v at precision f is the integer round(v * 2**f). Sums need one precision; a product's
precision is the sum of its factors'. A whole array shares one precision, so it says nothing about
single values.

Learns: nobody anything; the precision travels in clear and depends on the program, not on the data.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from federation.errors import FixedPointOverflow, NonFiniteValues

DEFAULT_PRECISION = 23
"""Bits after the binary point of real values; integers have none."""

_EXACT_BITS = 62


def precision_of(values: NDArray[Any], asked: int | None) -> int:
    """The precision to write `values` at: as asked, or the default of their kind."""
    if asked is not None:
        if asked < 0:
            raise ValueError("a precision is not negative")
        return asked
    return DEFAULT_PRECISION if values.dtype.kind == "f" else 0


def to_fixed(values: NDArray[Any], precision: int, limit: int) -> NDArray[Any]:
    """Signed integers round(v * 2**precision), in the shape of `values`.

    Args:
        values: real, integer or boolean numbers, any shape; or Python integers of any size.
        precision: bits after the binary point.
        limit: the least magnitude that no longer fits.

    Returns:
        int64 where all of them fit into 62 bits, else Python integers (dtype object).

    Raises:
        NonFiniteValues: NaN or infinite values.
        FixedPointOverflow: a magnitude reaches `limit`.
    """
    kind = values.dtype.kind
    if kind == "f":
        fixed = _from_real(values.astype(np.float64, copy=False), precision)
    elif kind in "biu" or _are_integers(values):
        fixed = _from_whole(values, precision)
    else:
        raise TypeError(f"numbers are needed, not an array of {values.dtype}")
    if fixed.dtype == object:
        beyond = sum(abs(v) >= limit for v in fixed.ravel().tolist())
    else:
        beyond = int(np.count_nonzero(np.abs(fixed) >= min(limit, 1 << _EXACT_BITS)))
    if beyond:
        raise FixedPointOverflow(beyond)
    return fixed


def from_fixed(integers: Sequence[int], precision: int) -> NDArray[np.float64]:
    """The values v = i / 2**precision nearest to the integers; shape (n,).

    Raises:
        FixedPointOverflow: a value is beyond the range of a double.
    """
    unit = 1 << precision
    try:
        return np.array([i / unit for i in integers], dtype=np.float64)
    except OverflowError:
        raise FixedPointOverflow(1) from None


def _from_real(values: NDArray[np.float64], precision: int) -> NDArray[Any]:
    wrong = int(np.count_nonzero(~np.isfinite(values)))
    if wrong:
        raise NonFiniteValues(wrong)
    with np.errstate(over="ignore"):
        scaled = np.rint(np.ldexp(values, precision))
    beyond = int(np.count_nonzero(~np.isfinite(scaled)))
    if beyond:
        raise FixedPointOverflow(beyond)
    if not scaled.size or np.abs(scaled).max() < 2.0**_EXACT_BITS:
        return scaled.astype(np.int64)
    return as_objects([int(v) for v in scaled.ravel().tolist()], values.shape)


def _are_integers(values: NDArray[Any]) -> bool:
    return values.dtype == object and all(type(value) is int for value in values.ravel().tolist())


def _from_whole(values: NDArray[Any], precision: int) -> NDArray[Any]:
    whole = [int(v) for v in values.ravel().tolist()]
    room = _EXACT_BITS - precision
    if room > 0 and all(-(1 << room) < v < 1 << room for v in whole):
        return values.astype(np.int64) << precision
    return as_objects([v << precision for v in whole], values.shape)


def as_objects(integers: Sequence[int], shape: tuple[int, ...]) -> NDArray[Any]:
    """Python integers of any size as an array."""
    array = np.empty(len(integers), dtype=object)
    array[:] = integers
    return array.reshape(shape)
