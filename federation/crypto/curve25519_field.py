"""Numbers modulo p = 2**255 - 19 as code: five limbs of 51 bits, each a vector of 8 lanes.

High halves of products are summed first, doubled and joined by the low halves, so that a product
takes 50 multiplications and 20 additions. It comes as columns below 2**59, one a limb, which may be
added to another's, or taken from it, before their carries go on: carried once, limbs stay below
2**51 + 2**15, and columns of such limbs below 2**59 again.

Learns: nobody anything.
Source: Bernstein 2006, section 4, for the chain of powers.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from federation.crypto.kernels.assembly import ZERO, Body, Value, splat, word
from federation.crypto.kernels.machine import aligned
from federation.crypto.kernels.shape import LANES

LIMBS, BITS = 5, 51
_MASK = (1 << BITS) - 1
_LIFT = [512 * (_MASK - 18)] + [512 * _MASK] * 4
"""A multiple of p whose limbs are above any column."""

Number = list[Any]
"""Five LLVM values: limbs, or columns to be carried."""


class Field:
    """Arithmetic modulo p, as code: all but columns has limbs little above 51 bits.

    Attributes:
        limbs: of a number while it is worked on; in memory that others see they are `LIMBS`.
        beside: how many numbers are best raised to a power at once.
    """

    limbs = LIMBS
    beside = 4

    def __init__(self, body: Body, *, inside: bool = False) -> None:
        """Work in a function under construction, before its first loop.

        Args:
            inside: whether it is one of those that the others call for products: written out
                everywhere they would take long to compile, and registers that there are not.
        """
        self.body, self.ir = body, body.ir
        self._inside = inside
        self._rooms = [body.buffer(self.limbs) for _ in range(0 if inside else 3)]

    def read(self, pointer: Value, first: Value | int = 0) -> Number:
        """A number that was put there by `limbs_of`."""
        return self.load(pointer, first)

    def write(self, number: Number, pointer: Value, first: Value | int = 0) -> None:
        """Leave a number for `bytes_of`."""
        self.store(number, pointer, first)

    def constant(self, value: int) -> Number:
        """A number below 2**255, the same in all lanes."""
        return [splat(value >> (BITS * i) & _MASK) for i in range(LIMBS)]

    def load(self, pointer: Value, first: Value | int = 0) -> Number:
        start = word(first) if isinstance(first, int) else first
        return [self.body.load(pointer, self.ir.add(start, word(i))) for i in range(self.limbs)]

    def store(self, number: Number, pointer: Value, first: Value | int = 0) -> None:
        start = word(first) if isinstance(first, int) else first
        for i, limb in enumerate(number):
            self.body.store(limb, pointer, self.ir.add(start, word(i)))

    def carried(self, limbs: Number) -> Number:
        over = [self.ir.lshr(limb, splat(BITS)) for limb in limbs]
        low = [self.ir.and_(limb, splat(_MASK)) for limb in limbs]
        wrapped = [self.ir.mul(over[-1], splat(19)), *over[:-1]]
        return [self.ir.add(a, b) for a, b in zip(low, wrapped, strict=True)]

    def settled(self, columns: Number) -> Number:
        """The number that columns of a product make."""
        return self.carried(columns)

    def add(self, a: Number, b: Number) -> Number:
        """A sum, also of columns."""
        return self.carried([self.ir.add(x, y) for x, y in zip(a, b, strict=True)])

    def sub(self, a: Number, b: Number) -> Number:
        limbs = zip(a, b, _LIFT, strict=True)
        return self.carried([self.ir.sub(self.ir.add(x, splat(k)), y) for x, y, k in limbs])

    def less(self, a: Number, b: Number) -> Number:
        """A difference of columns, those of `a` lifted."""
        return self.carried([self.ir.sub(x, y) for x, y in zip(a, b, strict=True)])

    def mul(self, a: Number, b: Number) -> Number:
        return self.settled(self.columns(a, b)) if self._inside else self._called("product", a, b)

    def square(self, a: Number) -> Number:
        return self.settled(self.square_columns(a)) if self._inside else self._called("squares", a)

    def columns(self, a: Number, b: Number, *, lifted: bool = False) -> Number:
        """A product not yet carried; `lifted` by a multiple of p, to take another from it."""
        pairs = [(i, j) for i in range(LIMBS) for j in range(LIMBS)]
        columns = self._first(lifted, doublings=1)
        for i, j in pairs:
            columns[i + j + 1] = self.body.high(columns[i + j + 1], a[i], b[j])
        columns = self._doubled(columns)
        for i, j in pairs:
            columns[i + j] = self.body.low(columns[i + j], a[i], b[j])
        return self._folded(columns)

    def square_columns(self, a: Number, *, lifted: bool = False) -> Number:
        """The same of a product by itself."""
        pairs = [(i, j) for i in range(LIMBS) for j in range(i + 1, LIMBS)]
        columns = self._first(lifted, doublings=2)
        for i, j in pairs:
            columns[i + j + 1] = self.body.high(columns[i + j + 1], a[i], a[j])
        columns = self._doubled(columns)
        for i, limb in enumerate(a):
            columns[2 * i + 1] = self.body.high(columns[2 * i + 1], limb, limb)
        for i, j in pairs:
            columns[i + j] = self.body.low(columns[i + j], a[i], a[j])
        columns = self._doubled(columns)
        for i, limb in enumerate(a):
            columns[2 * i] = self.body.low(columns[2 * i], limb, limb)
        return self._folded(columns)

    def times(self, a: Number, small: int, plus: Number) -> Number:
        """A number times one of 20 bits or less, and another number to it."""
        factor = splat(small)
        over = [self.body.high(ZERO, limb, factor) for limb in a]
        over = self._doubled(over)
        wrapped = [self.ir.mul(over[-1], splat(19)), *over[:-1]]
        low = [self.body.low(more, limb, factor) for more, limb in zip(plus, a, strict=True)]
        return self.carried([self.ir.add(x, y) for x, y in zip(low, wrapped, strict=True)])

    def _called(self, name: str, a: Number, b: Number | None = None) -> Number:
        one, other, result = self._rooms
        self.store(a, one)
        if b is not None:
            self.store(b, other)
        self.body.call(name, result, one, word(1) if b is None else other)
        return self.load(result)

    def _first(self, lifted: bool, doublings: int) -> Number:
        """Columns to begin with, before they are doubled so many times."""
        start = [splat(k >> doublings) for k in _LIFT] if lifted else [ZERO] * LIMBS
        return start + [ZERO] * LIMBS

    def _doubled(self, columns: Number) -> Number:
        # A high half counts 2**52, which is twice the next limb's unit.
        return [x if x is ZERO else self.ir.add(x, x) for x in columns]

    def _folded(self, columns: Number) -> Number:
        folded = zip(columns[:LIMBS], columns[LIMBS:], strict=True)
        return [x if y is ZERO else self.ir.add(x, self.ir.mul(y, splat(19))) for x, y in folded]


def limbs_of(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Groups of 8 numbers, shape (g, 5, 8), each limb below 2**57.

    Args:
        words: shape (n, k), least significant first, with their top bit clear where k is 4; the
            last group is filled up with zeros.
    """
    groups, count = -(-len(words) // LANES), words.shape[1]
    limbs = aligned(groups, LIMBS, LANES)
    column = np.zeros(groups * LANES, dtype=np.uint64)
    for i in range(-(-(64 * count - 1) // BITS)):
        first, shift = divmod(i * BITS, 64)
        value = words[:, first] >> np.uint64(shift)
        if shift > 64 - BITS and first + 1 < count:
            value = value | words[:, first + 1] << np.uint64(64 - shift)
        column[: len(words)] = value & np.uint64(_MASK)
        lanes = column.reshape(-1, LANES)
        if i < LIMBS:
            limbs[:, i] = lanes
        else:  # 2**255 is 19
            limbs[:, i - LIMBS] += lanes * np.uint64(19)
    return limbs


def bytes_of(limbs: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """Canonical bytes, shape (8 g, 32)."""
    parts = [limbs[:, i].reshape(-1).copy() for i in range(LIMBS)]
    mask, bits, fold = np.uint64(_MASK), np.uint64(BITS), np.uint64(19)

    def settle() -> None:
        for i in range(LIMBS):
            over = parts[i] >> bits
            parts[i] &= mask
            parts[(i + 1) % LIMBS] += over if i < LIMBS - 1 else over * fold

    for _ in range(3):
        settle()
    above = (parts[0] + fold) >> bits  # 1 where the number is p or more
    for i in range(1, LIMBS):
        above = (parts[i] + above) >> bits
    parts[0] += above * fold
    for i in range(LIMBS - 1):
        parts[i + 1] += parts[i] >> bits
        parts[i] &= mask
    parts[-1] &= mask
    words = np.zeros((len(parts[0]), 4), dtype="<u8")
    for i, part in enumerate(parts):
        first, shift = divmod(i * BITS, 64)
        words[:, first] |= part << np.uint64(shift)
        if shift > 64 - BITS and first < 3:
            words[:, first + 1] |= part >> np.uint64(64 - shift)
    return words.view(np.uint8)
