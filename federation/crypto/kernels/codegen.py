"""The kernels of the accelerated path, as LLVM IR: loops over groups of 8 rows.

Each takes pointers and counts, all counts at least 1, and gives nothing back. Rows are as
`arithmetic` says; where a kernel takes no index, rows follow each other.

Learns: nobody anything; as `arithmetic`.
"""

from llvmlite import ir

from federation.crypto.kernels.arithmetic import Arithmetic
from federation.crypto.kernels.assembly import (
    POINTER,
    VECTOR,
    WORD,
    ZERO,
    Body,
    Value,
    splat,
    word,
)
from federation.crypto.kernels.shape import LANES, LIMB_BITS, POWER_WINDOW, Shape


def module_text(shape: Shape, triple: str) -> str:
    """The IR of all kernels for one shape."""
    return str(_Kernels(shape, triple).module)


class _Kernels(Arithmetic):
    def __init__(self, shape: Shape, triple: str) -> None:
        super().__init__(shape, triple)
        self._multiply()
        self._add()
        self._squares()
        self._power()
        self._chains()
        self._fixed()
        if shape.pair:
            self._join()

    def _multiply(self) -> None:
        """multiply(to, a, b, index_a, index_b, n, groups): a[index_a] b[index_b], row by row."""
        body = self.function("multiply", [POINTER] * 6 + [WORD], public=True)
        to, a, b, index_a, index_b, n, groups = body.function.args
        one, other = body.buffer(self.shape.words), body.buffer(self.shape.words)

        def group(index: Value) -> None:
            body.call("gather", one, a, body.at(index_a, index))
            body.call("gather", other, b, body.at(index_b, index))
            body.call("mul", one, one, other, n)
            body.call("scatter", self._rows(body, to, index), one)

        body.times(groups, group)
        body.end()

    def _add(self) -> None:
        """add(to, a, b, groups): plain sums of limbs, carried, half by half; nothing is reduced."""
        body = self.function("add", [POINTER] * 3 + [WORD], public=True)
        to, a, b, groups = body.function.args
        one, other = body.buffer(self.shape.words), body.buffer(self.shape.words)
        index_of = self._counting(body)

        def group(index: Value) -> None:
            body.call("gather", one, self._rows(body, a, index), index_of)
            body.call("gather", other, self._rows(body, b, index), index_of)
            for limb in range(self.shape.words):
                total = body.ir.add(body.load(one, limb), body.load(other, limb))
                body.store(total, one, limb)
            for first in range(0, self.shape.words, self.shape.limbs):
                half = body.at(one, first)
                self.carried(body, half, half, self.shape.limbs)
            body.call("scatter", self._rows(body, to, index), one)

        body.times(groups, group)
        body.end()

    def _squares(self) -> None:
        """squares(to, a, times, n, groups): a**(2**times), times at least 1."""
        body = self.function("squares", [POINTER] * 2 + [WORD, POINTER, WORD], public=True)
        to, a, times, n, groups = body.function.args
        value = body.buffer(self.shape.words)
        index_of = self._counting(body)

        def group(index: Value) -> None:
            body.call("gather", value, self._rows(body, a, index), index_of)
            body.times(times, lambda _: body.call("square", value, value, n))
            body.call("scatter", self._rows(body, to, index), value)

        body.times(groups, group)
        body.end()

    def _power(self) -> None:
        """power(to, a, one, digits, length, n, groups): a to powers of their own.

        Digits of 4 bits, highest first: digits[group][place][lane]. `one` is one row.
        """
        kinds = [POINTER] * 4 + [WORD, POINTER, WORD]
        body = self.function("power", kinds, public=True)
        to, a, one, digits, length, n, groups = body.function.args
        words, entries = self.shape.words, 1 << POWER_WINDOW
        value, chosen = body.buffer(words), body.buffer(words)
        table = body.buffer(words * entries)
        index_of, first = self._counting(body), self._same(body)

        def entry(index: Value) -> Value:
            return body.at(table, body.ir.mul(index, word(words)))

        def group(index: Value) -> None:
            body.call("gather", table, one, first)
            body.call("gather", value, one, first)
            base = entry(word(1))
            body.call("gather", base, self._rows(body, a, index), index_of)
            body.times(
                entries - 2,
                lambda i: body.call(
                    "mul",
                    entry(body.ir.add(i, word(2))),
                    entry(body.ir.add(i, word(1))),
                    base,
                    n,
                ),
            )
            lines = body.at(digits, body.ir.mul(index, length))

            def place(at: Value) -> None:
                for _ in range(POWER_WINDOW):
                    body.call("square", value, value, n)
                body.call("select", chosen, table, body.at(lines, at))
                body.call("mul", value, value, chosen, n)

            body.times(length, place)
            body.call("scatter", self._rows(body, to, index), value)

        body.times(groups, group)
        body.end()

    def _chains(self) -> None:
        """chains(to, rows, one, picks, starts, lengths, n, groups): products of rows, lane by lane.

        Lane l of group g multiplies rows[picks[starts[g] + 8 i + l]] for i < lengths[g], which is
        at least 1, or `one` where the pick is -1; starts count in 8 picks.
        """
        body = self.function("chains", [POINTER] * 7 + [WORD], public=True)
        to, rows, one, picks, starts, lengths, n, groups = body.function.args
        total, factor = body.buffer(self.shape.words), body.buffer(self.shape.words)

        def group(index: Value) -> None:
            start, length = body.word(starts, index), body.word(lengths, index)
            body.call("gather_some", total, rows, body.at(picks, start), one)

            def step(i: Value) -> None:
                place = body.ir.add(body.ir.add(start, i), word(1))
                body.call("gather_some", factor, rows, body.at(picks, place), one)
                body.call("mul", total, total, factor, n)

            more = body.ir.icmp_unsigned(">", length, word(1))
            with body.ir.if_then(more):
                body.times(body.ir.sub(length, word(1)), step)
            body.call("scatter", self._rows(body, to, index), total)

        body.times(groups, group)
        body.end()

    def _fixed(self) -> None:
        """fixed(to, tables, digits, length, n, groups): powers of one base from its tables.

        tables[place][limb][entry] = the limbs of base**(entry * 2**(window * place)), aligned;
        digits[place][group][lane]. Places are the outer loop, so that one table stays near.
        """
        kinds = [POINTER] * 3 + [WORD, POINTER, WORD]
        body = self.function("fixed", kinds, public=True)
        to, tables, digits, length, n, groups = body.function.args
        words, index_of = self.shape.words, self._counting(body)
        value, chosen = body.buffer(words), body.buffer(words)
        vectors = words << self.shape.window >> 3

        def first(index: Value) -> None:
            body.call("lookup", value, tables, body.at(digits, index))
            body.call("scatter", self._rows(body, to, index), value)

        def place(i: Value) -> None:
            at = body.ir.add(i, word(1))
            table = body.at(tables, body.ir.mul(at, word(vectors)))
            lines = body.at(digits, body.ir.mul(at, groups))

            def group(index: Value) -> None:
                rows = self._rows(body, to, index)
                body.call("gather", value, rows, index_of)
                body.call("lookup", chosen, table, body.at(lines, index))
                body.call("mul", value, value, chosen, n)
                body.call("scatter", rows, value)

            body.times(groups, group)

        body.times(groups, first)
        body.times(body.ir.sub(length, word(1)), place)
        body.end()

    def _join(self) -> None:
        """join(to, a, n, groups): c0 + (n - c1) n of pairs of plain numbers with c1 <= n."""
        body = self.function("join", [POINTER] * 3 + [WORD], public=True)
        to, a, n, groups = body.function.args
        words, limbs = self.shape.words, self.shape.limbs
        value, total = body.buffer(words), body.buffer(words)
        index_of = self._counting(body)

        def group(index: Value) -> None:
            body.call("gather", value, self._rows(body, a, index), index_of)
            borrow, mask = ZERO, splat((1 << LIMB_BITS) - 1)
            for limb in range(limbs):
                body.store(body.load(value, limb), total, limb)
                body.store(ZERO, total, limbs + limb)
                less = body.ir.sub(
                    body.all_lanes(body.word(n, limb)), body.load(value, limbs + limb)
                )
                less = body.ir.add(less, borrow)
                body.store(body.ir.and_(less, mask), value, limbs + limb)
                borrow = body.ir.ashr(less, splat(LIMB_BITS))

            def row(i: Value) -> None:
                factor = body.load(value, body.ir.add(i, word(limbs)))
                line = body.at(total, i)
                above = ZERO
                for limb in range(limbs):
                    digit = body.all_lanes(body.word(n, limb))
                    sum_ = body.ir.add(body.load(line, limb), above)
                    body.store(body.low(sum_, factor, digit), line, limb)
                    above = body.high(ZERO, factor, digit)
                body.store(body.ir.add(body.load(line, limbs), above), line, limbs)

            body.times(limbs, row)
            self.carried(body, total, total, words)
            body.call("scatter", self._rows(body, to, index), total)

        body.times(groups, group)
        body.end()

    def _rows(self, body: Body, rows: Value, group: Value) -> Value:
        """Where the rows of a group begin."""
        return body.at(rows, body.ir.mul(group, word(self.shape.stride)))

    def _counting(self, body: Body) -> Value:
        """The indices 0 .. 7."""
        room = body.buffer(1)
        body.store(ir.Constant(VECTOR, list(range(LANES))), room, 0)
        return room

    def _same(self, body: Body) -> Value:
        """The index 0, 8 times."""
        room = body.buffer(1)
        body.store(ZERO, room, 0)
        return room
