"""Curve25519 on 8 points at once: machine code from llvmlite, for vectors of 8 words.

It is made for one of two kinds of arithmetic modulo p: with the products of 52 bits of AVX-512
IFMA, or with products of 32 bits that every processor has.

Whether a list of points is on the curve is seen from products of the right sides of its equation:
the product over a random choice of points is a square with a chance of one half where any point is
not on the curve, and always where all are. A long list is asked `SAMPLES` such questions, for a
tenth of the time that a power for each point takes. The choice is drawn when the points are there.

Learns: nobody anything.
Source: Bellare, Garay, Rabin 1998, for the test by random subsets.
"""

import ctypes
import secrets
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from federation.crypto.curve25519_code import SAMPLED, SAMPLES, STEPS, module_text
from federation.crypto.curve25519_field import LIMBS, Field, bytes_of, limbs_of
from federation.crypto.curve25519_field26 import Field26
from federation.crypto.kernels.engine import Engine
from federation.crypto.kernels.machine import aligned, at, spread
from federation.crypto.kernels.shape import LANES

_LADDER_PRODUCTS, _POWER_PRODUCTS = 2800, 280
_AT_ONCE = 1 << 12
"""Points of a turn: few enough that the memory of one turn serves the next."""

_WORTH_SAMPLING = 2 * LANES * SAMPLES
"""Points from which on products of some of them cost less than a power of each."""

Points = NDArray[np.uint8]


class Kernel:
    """The compiled functions.

    Args:
        field: how numbers are worked on.
    """

    def __init__(self, field: type[Field]) -> None:
        self._engine = Engine(lambda triple: module_text(triple, field))
        pointer, count = ctypes.c_void_p, ctypes.c_uint64
        self._field = field
        self._ladder = self._engine.function("ladder", *[pointer] * 4, count)
        self._sides = self._engine.function("sides", pointer, pointer, count)
        self._samples = self._engine.function("samples", *[pointer] * 3, count)
        self._characters = self._engine.function("characters", pointer, pointer, count)
        self._images = self._engine.function("images", pointer, pointer, count)

    def multiply(self, scalar: bytes, points: Points) -> Points:
        """X25519 of canonical points of the curve that are not of small order; shape (n, 32)."""
        clamped = (int.from_bytes(scalar, "little") & ((1 << 254) - 8)) | 1 << 254
        masks = aligned(STEPS, LANES)
        for step in range(STEPS):
            masks[step] = -(clamped >> (STEPS - 1 - step) & 1) & ((1 << 64) - 1)

        def some(part: Points) -> Points:
            limbs = limbs_of(_filled(part, 1).view("<u8"))
            result, kept = aligned(*limbs.shape), aligned(len(limbs), 3 * self._field.limbs, LANES)

            def work(first: int, count: int) -> None:
                places = at(result, first), at(limbs, first), at(masks), at(kept, first)
                self._ladder(*places, count)

            spread(len(limbs), _LADDER_PRODUCTS, work)
            return bytes_of(result)[: len(part)]

        into: Points = np.empty_like(points)
        _in_turns(some, points, into)
        return into

    def on_curve(self, points: Points) -> NDArray[np.bool_]:
        """Whether u**3 + A u**2 + u is a square other than 0, for each; shape (n,)."""

        def some(part: Points) -> NDArray[np.bool_]:
            return self._are_squares(self._sides_of(part))[: len(part)]

        into: NDArray[np.bool_] = np.empty(len(points), dtype=np.bool_)
        _in_turns(some, points, into)
        return into

    def all_on_curve(self, points: Points) -> bool:
        """Whether all of them are; a list with one that is not passes with a chance of 2**-64."""
        if len(points) < _WORTH_SAMPLING:
            return bool(np.all(self.on_curve(points)))
        products = aligned(SAMPLES, self._field.limbs, LANES)
        products[:] = 0
        products[:, 0] = 1
        for start in range(0, len(points), _AT_ONCE):
            sides = self._sides_of(points[start : start + _AT_ONCE])
            blocks = len(sides) // SAMPLED
            picks = np.frombuffer(secrets.token_bytes(blocks * SAMPLES), dtype=np.uint8)
            wide = (picks % (1 << SAMPLED)).astype(np.uint64)
            self._samples(at(products), at(sides), at(wide), blocks)
        return bool(np.all(self._are_squares(products)))

    def images(self, words: NDArray[np.uint64]) -> Points:
        """Where Elligator 2 puts numbers modulo p, shape (n, k) words; at least (n, 32)."""
        limbs = limbs_of(_filled(words, self._field.beside))
        result = aligned(len(limbs), 3 * LIMBS, LANES)
        self._raise(self._images, result, limbs)
        character, one, two = (result[:, i * LIMBS : (i + 1) * LIMBS] for i in range(3))
        on_curve = _are_one(bytes_of(character)).reshape(-1, 1, LANES)
        return bytes_of(np.where(on_curve, one, two))

    def _sides_of(self, points: Points) -> NDArray[np.uint64]:
        """The right side of the equation for each, as numbers; at least (n / 8, limbs, 8)."""
        limbs = limbs_of(_filled(points, SAMPLED).view("<u8"))
        sides = aligned(len(limbs), self._field.limbs, LANES)
        self._sides(at(sides), at(limbs), len(limbs))
        return sides

    def _are_squares(self, numbers: NDArray[np.uint64]) -> NDArray[np.bool_]:
        result = aligned(len(numbers), LIMBS, LANES)
        self._raise(self._characters, result, numbers)
        return _are_one(bytes_of(result))

    def _raise(self, function: Callable[..., None], result: Any, numbers: Any) -> None:
        """A function that takes powers of `beside` groups at a time, in threads."""
        beside = self._field.beside

        def work(first: int, count: int) -> None:
            function(at(result, first * beside), at(numbers, first * beside), count)

        spread(len(numbers) // beside, beside * _POWER_PRODUCTS, work)


def _filled(lines: NDArray[Any], groups: int) -> NDArray[Any]:
    """Lines repeated to fill a multiple of so many groups; none is empty, as 0 is no point."""
    size = groups * LANES
    return np.resize(lines, (-(-len(lines) // size) * size, lines.shape[1]))


def _in_turns(work: Callable[[Points], Any], points: Points, into: NDArray[Any]) -> None:
    for start in range(0, len(points), _AT_ONCE):
        into[start : start + _AT_ONCE] = work(points[start : start + _AT_ONCE])


def _are_one(lines: Points) -> NDArray[np.bool_]:
    ones: NDArray[np.bool_] = (lines[:, 0] == 1) & ~lines[:, 1:].any(axis=1)
    return ones


@cache
def kernel(*, ifma: bool) -> Kernel:
    """The functions, compiled on first use.

    Args:
        ifma: whether the processor has AVX-512 IFMA.
    """
    return Kernel(Field if ifma else Field26)
