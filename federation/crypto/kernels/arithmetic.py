"""Montgomery arithmetic on 8 numbers at a time, as LLVM IR.

Numbers have `limbs` limbs of 52 bits, one 64-bit word a limb, so that AVX-512 IFMA (which takes 52
bits by 52 and adds the low or the high half) needs no carries while it sums. With R = 2**(52 limbs)
>= 2**8 n, products stay below 2 n without a last subtraction (Walter 1999):

    mul(a, b) = (a b + m n) / R,  m = -a b / n mod R;     a, b < 4 n  =>  mul(a, b) < 2 n

Modulo n**2 numbers are pairs, a = a0 - a1 n, and a product is five of half the length, not eight:

    (a0 - a1 n)(b0 - b1 n) = a0 b0 - (a0 b1 + a1 b0) n,     a0 b0 = R c0 - m n
    =>  c0 = (a0 b0 + m n) / R,   c1 = (a0 b1 + a1 b0 + m + m' n) / R        (mod n**2, over R)

Two rows of the school method run in one pass, so that loads keep up with the multipliers.

A number lies in memory as one row of words (the halves of a pair one after the other), rows padded
to whole vectors; kernels turn 8 rows, picked by an index, into vectors of equal limbs and back.

Learns: nobody anything. No branch and no address depends on a number or an exponent: tables are
read whole, with the entry kept by a permutation or a mask. Indices of rows are not secret here.
Source: Montgomery 1985; Gueron, Krasnov 2012; Jurik 2003, section 4 (arithmetic modulo n**2).
"""

from collections.abc import Sequence

from llvmlite import ir

from federation.crypto.kernels.assembly import (
    POINTER,
    VECTOR,
    WORD,
    ZERO,
    Body,
    Value,
    splat,
    turned,
    word,
)
from federation.crypto.kernels.shape import LANES, LIMB_BITS, POWER_WINDOW, Shape


class Arithmetic:
    """A module with the functions that kernels are made of; those keep to this module."""

    def __init__(self, shape: Shape, triple: str) -> None:
        self.shape = shape
        self.module = ir.Module(name=f"modular{shape.limbs}{'pair' if shape.pair else ''}")
        self.module.triple = triple
        kind = ir.FunctionType(VECTOR, [VECTOR] * 3)
        names = {
            "madd_low": "vpmadd52l.uq.512",
            "madd_high": "vpmadd52h.uq.512",
            "permute": "vpermi2var.q.512",
        }
        self.functions: dict[str, Value] = {
            name: ir.Function(self.module, kind, f"llvm.x86.avx512.{instruction}")
            for name, instruction in names.items()
        }
        self._gather()
        self._gather_some()
        self._scatter()
        self._mul()
        self._square()
        self._select()
        self._lookup()

    def function(self, name: str, arguments: Sequence[Value], public: bool) -> Body:
        kind = ir.FunctionType(ir.VoidType(), arguments)
        function = ir.Function(self.module, kind, name)
        if not public:
            function.linkage = "internal"
            function.attributes.add("noinline")
        self.functions[name] = function
        return Body(function, self.functions)

    # --- rows and lanes --------------------------------------------------------------------------

    def _gather(self) -> None:
        """gather(vectors, rows, indices): limb k of row indices[lane] into lane of vector k."""
        body = self.function("gather", [POINTER] * 3, public=False)
        to, rows, indices = body.function.args
        stride = word(self.shape.stride)
        starts = [body.ir.mul(body.word(indices, lane), stride) for lane in range(LANES)]
        self._turn_in(body, to, [body.at(rows, start, WORD) for start in starts])
        body.end()

    def _gather_some(self) -> None:
        """gather_some(vectors, rows, indices, other): `other` where an index is -1."""
        body = self.function("gather_some", [POINTER] * 4, public=False)
        to, rows, indices, other = body.function.args
        stride = word(self.shape.stride)
        lines = []
        for lane in range(LANES):
            index = body.word(indices, lane)
            line = body.at(rows, body.ir.mul(index, stride), WORD)
            absent = body.ir.icmp_signed("<", index, word(0))
            lines.append(body.ir.select(absent, other, line))
        self._turn_in(body, to, lines)
        body.end()

    def _turn_in(self, body: Body, to: Value, lines: Sequence[Value]) -> None:
        for first in range(0, self.shape.words, LANES):
            block = [
                body.ir.load(body.at(line, first, WORD), align=8, typ=VECTOR) for line in lines
            ]
            for limb, vector in enumerate(turned(body, block)):
                if first + limb < self.shape.words:
                    body.store(vector, to, first + limb)

    def _scatter(self) -> None:
        """scatter(rows, vectors): the 8 numbers as 8 rows that follow each other."""
        body = self.function("scatter", [POINTER] * 2, public=False)
        rows, vectors = body.function.args
        words, stride = self.shape.words, self.shape.stride
        for first in range(0, stride, LANES):
            block = [
                body.load(vectors, first + limb) if first + limb < words else ZERO
                for limb in range(LANES)
            ]
            for lane, vector in enumerate(turned(body, block)):
                target = body.at(rows, lane * stride + first, WORD)
                body.ir.store(vector, target, align=8)
        body.end()

    # --- products --------------------------------------------------------------------------------

    def _mul(self) -> None:
        """mul(to, a, b, n): to may be a or b. Behind n, as one more word, stands -1/n mod 2**52."""
        body = self.function("mul", [POINTER] * 4, public=False)
        to, a, b, n = body.function.args
        limbs = self.shape.limbs
        total = body.buffer(limbs)
        if not self.shape.pair:
            self._reduced(body, total, [(a, b)], n)
            self.carried(body, to, total, limbs)
            body.end()
            return
        second = body.buffer(limbs)
        self._reduced(body, total, [(a, b)], n, quotient=second)
        a1, b1 = body.at(a, limbs), body.at(b, limbs)
        self._reduced(body, second, [(a, b1), (a1, b)], n, clear=False)
        self.carried(body, to, total, limbs)
        self.carried(body, body.at(to, limbs), second, limbs)
        body.end()

    def _square(self) -> None:
        """square(to, a, n): of a pair, a0 a1 is counted once and doubled."""
        body = self.function("square", [POINTER] * 3, public=False)
        to, a, n = body.function.args
        if not self.shape.pair:
            body.call("mul", to, a, a, n)
            body.end()
            return
        limbs = self.shape.limbs
        total, second, twice = (body.buffer(limbs) for _ in range(3))
        a1 = body.at(a, limbs)
        for limb in range(limbs):
            doubled = body.ir.shl(body.load(a1, limb), splat(1))
            body.store(doubled, second, limb)
        self.carried(body, twice, second, limbs)
        self._reduced(body, total, [(a, a)], n, quotient=second)
        self._reduced(body, second, [(a, twice)], n, clear=False)
        self.carried(body, to, total, limbs)
        self.carried(body, body.at(to, limbs), second, limbs)
        body.end()

    def _reduced(
        self,
        body: Body,
        total: Value,
        factors: Sequence[tuple[Value, Value]],
        n: Value,
        *,
        quotient: Value | None = None,
        clear: bool = True,
    ) -> None:
        """Makes total (total + products + m n) / R in uncarried limbs, and `quotient` m."""
        limbs = self.shape.limbs
        if clear:
            for limb in range(limbs):
                body.store(ZERO, total, limb)
        inverse = body.all_lanes(body.word(n, limbs))

        def two_rows(index: Value) -> None:
            row = body.ir.shl(index, word(1))
            pairs = [
                (body.load(a, row), body.load(a, body.ir.add(row, word(1))), b) for a, b in factors
            ]
            multipliers = _quotients(body, total, pairs, n, inverse)
            if quotient is not None:
                body.store(multipliers[0], quotient, row)
                body.store(multipliers[1], quotient, body.ir.add(row, word(1)))
            _pass(body, total, [*pairs, (*multipliers[:2], n)], multipliers[2], limbs)

        body.times(limbs // 2, two_rows)

    def carried(self, body: Body, to: Value, total: Value, limbs: int) -> None:
        """Limbs of 52 bits again."""
        carry, mask = ZERO, splat((1 << LIMB_BITS) - 1)
        for limb in range(limbs):
            value = body.ir.add(body.load(total, limb), carry)
            body.store(body.ir.and_(value, mask), to, limb)
            carry = body.ir.lshr(value, splat(LIMB_BITS))

    # --- tables ----------------------------------------------------------------------------------

    def _select(self) -> None:
        """select(to, table, digits): of each lane's 16 entries the one of its digit; reads all."""
        body = self.function("select", [POINTER] * 3, public=False)
        to, table, digits = body.function.args
        words = self.shape.words
        digit = body.load(digits, 0)
        masks = [
            body.ir.icmp_unsigned("==", digit, splat(entry)) for entry in range(1 << POWER_WINDOW)
        ]

        def limb(index: Value) -> None:
            value = ZERO
            for entry, mask in enumerate(masks):
                place = body.ir.add(index, word(entry * words))
                value = body.ir.select(mask, body.load(table, place), value)
            body.store(value, to, index)

        body.times(words, limb)
        body.end()

    def _lookup(self) -> None:
        """lookup(to, table, digits): permutes 16 entries at a time, then keeps one by masks."""
        body = self.function("lookup", [POINTER] * 3, public=False)
        to, table, digits = body.function.args
        digit = body.load(digits, 0)
        window, blocks = self.shape.window, (1 << self.shape.window) // LANES
        masks = [
            body.ir.icmp_unsigned("!=", body.ir.and_(digit, splat(1 << bit)), ZERO)
            for bit in range(4, window)
        ]

        def limb(index: Value) -> None:
            line = body.at(table, body.ir.mul(index, word(blocks)))
            found = [
                body.ir.call(
                    self.functions["permute"],
                    [body.load(line, block), digit, body.load(line, block + 1)],
                )
                for block in range(0, blocks, 2)
            ]
            for mask in masks:
                found = [
                    body.ir.select(mask, high, low)
                    for low, high in zip(found[::2], found[1::2], strict=True)
                ]
            body.store(found[0], to, index)

        body.times(self.shape.words, limb)
        body.end()


_Row = tuple[Value, Value, Value]
"""Two limbs that follow each other, and the number to multiply them with."""


def _quotients(
    body: Body, total: Value, rows: Sequence[_Row], n: Value, inverse: Value
) -> tuple[Value, Value, Value]:
    """The two limbs of m that clear the two lowest limbs, and the carry out of them."""
    n0, n1 = (body.all_lanes(body.word(n, i)) for i in range(2))
    first, second = body.load(total, 0), body.load(total, 1)
    for low, high, other in rows:
        b0, b1 = body.load(other, 0), body.load(other, 1)
        first = body.low(first, low, b0)
        second = body.high(body.low(second, low, b1), low, b0)
        second = body.low(second, high, b0)
    m0 = body.low(ZERO, first, inverse)
    carry = body.ir.lshr(body.low(first, m0, n0), splat(LIMB_BITS))
    second = body.ir.add(second, carry)
    second = body.high(body.low(second, m0, n1), m0, n0)
    m1 = body.low(ZERO, second, inverse)
    return m0, m1, body.ir.lshr(body.low(second, m1, n0), splat(LIMB_BITS))


def _pass(body: Body, total: Value, rows: Sequence[_Row], carry: Value, limbs: int) -> None:
    """Adds two rows of each product from the third limb up, and moves all down by two limbs.

    The last of `rows` is n's, whose words are the same in all lanes.
    """

    def digit(row: int, limb: int) -> Value:
        other = rows[row][2]
        if row < len(rows) - 1:
            return body.load(other, limb)
        return body.all_lanes(body.word(other, limb))

    before = [[digit(row, 1), digit(row, 0)] for row in range(len(rows))]
    for limb in range(2, limbs + 2):
        even = body.load(total, limb) if limb < limbs else ZERO
        odd = carry if limb == 2 else ZERO
        for row, (low, high, _) in enumerate(rows):
            one, two = before[row]
            if limb < limbs:
                current = digit(row, limb)
                even = body.low(even, low, current)
                before[row] = [current, one]
            else:
                before[row] = [None, one]
            if one is not None:
                odd = body.low(body.high(odd, low, one), high, one)
            even = body.high(even, high, two)
        body.store(body.ir.add(even, odd), total, limb - 2)
