"""Numbers modulo p = 2**255 - 19 for processors without AVX-512 IFMA: ten limbs of 26 and 25 bits.

Limb i counts 2**ceil(25.5 i). Products of limbs of 32 bits are summed in 64 bits, those beyond
2**255 times 19, those of two odd limbs twice, for two halves make a whole. Sums and differences are
not carried: with limbs below 2**27.6 on both sides a column stays below 2**63.8.

Learns: nobody anything.
Source: Bernstein 2006, section 4 (there in floating point).
"""

from collections.abc import Sequence

from federation.crypto.curve25519_field import BITS, Field, Number
from federation.crypto.curve25519_field import LIMBS as PACKED
from federation.crypto.kernels.assembly import Value, splat, word

_LIMBS = 10
_WIDE, _NARROW = 26, 25
_WIDTHS = [_WIDE, _NARROW] * PACKED
_LOW = (1 << 32) - 1
_TWICE_P = [2 * ((1 << width) - 1) for width in _WIDTHS]
_TWICE_P[0] -= 2 * 18


class Field26(Field):
    """The same arithmetic; products are carried, limbs little above their width, at once."""

    limbs = _LIMBS
    beside = 1

    def read(self, pointer: Value, first: Value | int = 0) -> Number:
        start = word(first) if isinstance(first, int) else first
        packed = [self.body.load(pointer, self.ir.add(start, word(i))) for i in range(PACKED)]
        halves: Number = []
        for limb in packed:
            halves.append(self.ir.and_(limb, splat((1 << _WIDE) - 1)))
            halves.append(self.ir.lshr(limb, splat(_WIDE)))
        return halves

    def write(self, number: Number, pointer: Value, first: Value | int = 0) -> None:
        start = word(first) if isinstance(first, int) else first
        for i in range(PACKED):
            high = self.ir.shl(number[2 * i + 1], splat(_WIDE))
            packed = self.ir.add(number[2 * i], high)
            self.body.store(packed, pointer, self.ir.add(start, word(i)))

    def constant(self, value: int) -> Number:
        packed = [value >> (BITS * i) & ((1 << BITS) - 1) for i in range(PACKED)]
        halves = [(limb & ((1 << _WIDE) - 1), limb >> _WIDE) for limb in packed]
        return [splat(half) for pair in halves for half in pair]

    def carried(self, limbs: Number) -> Number:
        pairs = list(zip(limbs, _WIDTHS, strict=True))
        over = [self.ir.lshr(limb, splat(width)) for limb, width in pairs]
        low = [self.ir.and_(limb, splat((1 << width) - 1)) for limb, width in pairs]
        wrapped = [self.ir.mul(over[-1], splat(19)), *over[:-1]]
        return [self.ir.add(a, b) for a, b in zip(low, wrapped, strict=True)]

    def settled(self, columns: Number) -> Number:
        return columns

    def add(self, a: Number, b: Number) -> Number:
        return [self.ir.add(x, y) for x, y in zip(a, b, strict=True)]

    def sub(self, a: Number, b: Number) -> Number:
        limbs = zip(a, b, _TWICE_P, strict=True)
        return [self.ir.sub(self.ir.add(x, splat(k)), y) for x, y, k in limbs]

    def less(self, a: Number, b: Number) -> Number:
        return self.sub(a, b)

    def columns(self, a: Number, b: Number, *, lifted: bool = False) -> Number:
        if not self._inside:
            return self.mul(a, b)
        terms = [(i, j, 1 + (i & j & 1)) for i in range(_LIMBS) for j in range(_LIMBS)]
        return self._summed(a, b, terms)

    def square_columns(self, a: Number, *, lifted: bool = False) -> Number:
        if not self._inside:
            return self.square(a)
        pairs = [(i, j) for i in range(_LIMBS) for j in range(i, _LIMBS)]
        terms = [(i, j, (1 + (i != j)) * (1 + (i & j & 1))) for i, j in pairs]
        return self._summed(a, a, terms)

    def times(self, a: Number, small: int, plus: Number) -> Number:
        columns = [self._product(limb, splat(small)) for limb in a]
        return self.carried(self.carried(self.add(columns, plus)))

    def _summed(self, a: Number, b: Number, terms: Sequence[tuple[int, int, int]]) -> Number:
        """The sum of a_i b_j times a factor of 1, 2 or 4, for each term."""
        shifted = {1: a, 2: [self.ir.add(x, x) for x in a]}
        shifted[4] = [self.ir.add(x, x) for x in shifted[2]]
        wrapped = [self._product(y, splat(19)) for y in b]
        columns: Number = [None] * _LIMBS
        for i, j, factor in terms:
            place, other = (i + j) % _LIMBS, wrapped[j] if i + j >= _LIMBS else b[j]
            term = self._product(shifted[factor][i], other)
            before = columns[place]
            columns[place] = term if before is None else self.ir.add(before, term)
        return self.carried(self.carried(columns))

    def _product(self, x: Value, y: Value) -> Value:
        """Of numbers below 2**32; told so, the compiler takes one instruction for it."""
        return self.ir.mul(self.ir.and_(x, splat(_LOW)), self.ir.and_(y, splat(_LOW)))
