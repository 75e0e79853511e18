"""LLVM IR with words that read like arithmetic on vectors of 8 numbers.

Learns: nobody anything.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from llvmlite import ir

from federation.crypto.kernels.shape import LANES

WORD = ir.IntType(64)
VECTOR = ir.VectorType(WORD, LANES)
POINTER = ir.PointerType()
ZERO = ir.Constant(VECTOR, [0] * LANES)

Value = Any
"""An LLVM value; llvmlite has no types of its own."""


def word(value: int) -> Value:
    return ir.Constant(WORD, value)


def splat(value: int) -> Value:
    return ir.Constant(VECTOR, [value] * LANES)


class Body:
    """A function under construction."""

    def __init__(self, function: Value, functions: Mapping[str, Value]) -> None:
        self.functions = functions
        self.function = function
        self.ir = ir.IRBuilder(function.append_basic_block("entry"))

    def buffer(self, vectors: int) -> Value:
        """Room for vectors on the stack; only before the first loop."""
        room = self.ir.alloca(VECTOR, vectors)
        room.align = 64
        return room

    def at(self, pointer: Value, index: Value | int, kind: Value = VECTOR) -> Value:
        offset = word(index) if isinstance(index, int) else index
        return self.ir.gep(pointer, [offset], source_etype=kind)

    def load(self, pointer: Value, index: Value | int) -> Value:
        return self.ir.load(self.at(pointer, index), align=64, typ=VECTOR)

    def store(self, value: Value, pointer: Value, index: Value | int) -> None:
        self.ir.store(value, self.at(pointer, index), align=64)

    def word(self, pointer: Value, index: Value | int) -> Value:
        return self.ir.load(self.at(pointer, index, WORD), align=8, typ=WORD)

    def all_lanes(self, word: Value) -> Value:
        undefined = ir.Constant(VECTOR, ir.Undefined)
        first = self.ir.insert_element(undefined, word, ir.Constant(ir.IntType(32), 0))
        same = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
        return self.ir.shuffle_vector(first, undefined, same)

    def low(self, total: Value, a: Value, b: Value) -> Value:
        return self.ir.call(self.functions["madd_low"], [total, a, b])

    def high(self, total: Value, a: Value, b: Value) -> Value:
        return self.ir.call(self.functions["madd_high"], [total, a, b])

    def times(self, count: Value | int, step: Callable[[Value], None]) -> None:
        """A loop; `count` is at least 1."""
        before = self.ir.block
        loop, after = (self.function.append_basic_block() for _ in range(2))
        self.ir.branch(loop)
        self.ir.position_at_end(loop)
        index = self.ir.phi(WORD)
        index.add_incoming(word(0), before)
        step(index)
        following = self.ir.add(index, word(1))
        index.add_incoming(following, self.ir.block)
        end = word(count) if isinstance(count, int) else count
        self.ir.cbranch(self.ir.icmp_unsigned("<", following, end), loop, after)
        self.ir.position_at_end(after)

    def call(self, name: str, *arguments: Value) -> None:
        self.ir.call(self.functions[name], arguments)

    def end(self) -> None:
        self.ir.ret_void()


def turned(body: Body, block: Sequence[Value]) -> list[Value]:
    """8 vectors of 8 words with rows and columns exchanged, in three rounds of shuffles."""
    vectors = list(block)
    for width in (1, 2, 4):
        low: list[int] = []
        high: list[int] = []
        for lane in range(0, LANES, 2 * width):
            kept = range(lane, lane + width)
            low += kept
            low += [LANES + i for i in kept]
            high += [i + width for i in kept]
            high += [LANES + i + width for i in kept]
        after = list(vectors)
        for i in range(LANES):
            if not i & width:
                one, other = vectors[i], vectors[i + width]
                after[i] = body.ir.shuffle_vector(one, other, _lanes(low))
                after[i + width] = body.ir.shuffle_vector(one, other, _lanes(high))
        vectors = after
    return vectors


def _lanes(order: Sequence[int]) -> Value:
    return ir.Constant(ir.VectorType(ir.IntType(32), LANES), list(order))
