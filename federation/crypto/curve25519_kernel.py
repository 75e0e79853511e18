"""Curve25519 on 8 points at once: machine code from llvmlite, for vectors of 8 words.

It is made for one of two kinds of arithmetic modulo p: with the products of 52 bits of AVX-512
IFMA, or with products of 32 bits that every processor has.

The ladder of RFC 7748 swaps by masks, and inverses are powers, so time and addresses depend on no
secret. Of one power three things are made:

    w**(2**252 - 3) gives  1/w = (w**(2**252 - 3))**8 w**3  and  w**((p - 1)/2) = ( )**4 w**2

so that Elligator 2, u -> -A / (1 + 2 u**2) or that times 2 u**2, whichever is on the curve, takes
one power of w = g h for the numerator g and denominator h**3 of the curve's right side.

Learns: nobody anything.
Source: RFC 7748, section 5; RFC 9380, section 6.7.1 and appendix G.2.1.
"""

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir
from numpy.typing import NDArray

from federation.crypto.curve25519_field import (
    LIMBS,
    Field,
    Number,
    bytes_of,
    limbs_of,
)
from federation.crypto.curve25519_field26 import Field26
from federation.crypto.kernels.assembly import POINTER, VECTOR, WORD, ZERO, Body, Value, word
from federation.crypto.kernels.engine import Engine
from federation.crypto.kernels.machine import aligned, at, spread
from federation.crypto.kernels.shape import LANES

_P = (1 << 255) - 19
_A = 486662
_STEPS = 255
_LADDER_PRODUCTS, _POWER_PRODUCTS = 2800, 280
_AT_ONCE = 1 << 12
"""Points of a turn: few enough that the memory of one turn serves the next."""

Points = NDArray[np.uint8]


class _Module:
    def __init__(self, triple: str, field: type[Field]) -> None:
        self.field = field
        self.limbs = field.limbs
        self.module = ir.Module("curve25519")
        self.module.triple = triple
        self.functions: dict[str, Value] = {}
        if field is Field:
            kind = ir.FunctionType(VECTOR, [VECTOR] * 3)
            for half in ("low", "high"):
                name = f"llvm.x86.avx512.vpmadd52{half[0]}.uq.512"
                self.functions[f"madd_{half}"] = ir.Function(self.module, kind, name)
        self._product()
        self._squares()
        self._ladder()
        self._characters()
        self._images()

    def _function(self, name: str, kinds: list[Value]) -> Body:
        function = ir.Function(self.module, ir.FunctionType(ir.VoidType(), kinds), name)
        self.functions[name] = function
        return Body(function, self.functions)

    def _product(self) -> None:
        body = self._function("product", [POINTER] * 3)
        to, a, b = body.function.args
        field = self.field(body, inside=True)
        field.store(field.mul(field.load(a), field.load(b)), to)
        body.end()

    def _squares(self) -> None:
        body = self._function("squares", [POINTER, POINTER, WORD])
        to, a, count = body.function.args
        field = self.field(body, inside=True)
        field.store(field.load(a), to)

        def step(_: Value) -> None:
            field.store(field.square(field.load(to)), to)

        body.times(count, step)
        body.end()

    def _raised(self, body: Body, z: Value, room: Value) -> Value:
        """z**(2**252 - 3); where the result lies."""
        a, b, c = (body.at(room, i * self.limbs) for i in range(3))

        def squared(to: Value, value: Value, count: int) -> None:
            body.call("squares", to, value, word(count))

        squared(a, z, 1)  # 2
        squared(b, a, 2)  # 8
        body.call("product", b, b, z)  # 9
        body.call("product", a, a, b)  # 11
        squared(c, a, 1)  # 22
        body.call("product", a, c, b)  # 2**5 - 1
        squared(b, a, 5)
        body.call("product", a, b, a)  # 2**10 - 1
        squared(b, a, 10)
        body.call("product", b, b, a)  # 2**20 - 1
        squared(c, b, 20)
        body.call("product", b, c, b)  # 2**40 - 1
        squared(b, b, 10)
        body.call("product", a, b, a)  # 2**50 - 1
        squared(b, a, 50)
        body.call("product", b, b, a)  # 2**100 - 1
        squared(c, b, 100)
        body.call("product", b, c, b)  # 2**200 - 1
        squared(b, b, 50)
        body.call("product", a, b, a)  # 2**250 - 1
        squared(a, a, 2)
        body.call("product", a, a, z)
        return a

    def _ladder(self) -> None:
        """ladder(to, points, masks, kept, groups): u-coordinates of multiples.

        masks[step] is all ones where the scalar's bit is. `kept` has room for three numbers a
        group: X and Z of its multiple, and the product of the Z before it. One inverse serves all
        groups, lane by lane, so no multiple may be the point at infinity.
        """
        body = self._function("ladder", [POINTER] * 4 + [WORD])
        to, points, masks, kept, groups = body.function.args
        state, room = body.buffer(4 * self.limbs + 1), body.buffer(4 * self.limbs)
        product = body.buffer(self.limbs)
        field = self.field(body)

        def swapped(numbers: list[Number], mask: Value) -> list[Number]:
            x2, z2, x3, z3 = numbers
            for one, other in ((x2, x3), (z2, z3)):
                for i in range(self.limbs):
                    moved = body.ir.and_(mask, body.ir.xor(one[i], other[i]))
                    one[i], other[i] = body.ir.xor(one[i], moved), body.ir.xor(other[i], moved)
            return [x2, z2, x3, z3]

        def group(index: Value) -> None:
            base = body.ir.mul(index, word(LIMBS))
            start = [
                field.constant(1),
                field.constant(0),
                field.read(points, base),
                field.constant(1),
            ]
            for i, number in enumerate(start):
                field.store(number, state, i * self.limbs)
            body.store(ZERO, state, 4 * self.limbs)

            def step(number: Value) -> None:
                bit = body.load(masks, number)
                mask = body.ir.xor(body.load(state, 4 * self.limbs), bit)
                body.store(bit, state, 4 * self.limbs)
                before = [field.load(state, i * self.limbs) for i in range(4)]
                after = _step(field, field.read(points, base), swapped(before, mask))
                for i, value in enumerate(after):
                    field.store(value, state, i * self.limbs)

            body.times(_STEPS, step)
            last = swapped(
                [field.load(state, i * self.limbs) for i in range(4)],
                body.load(state, 4 * self.limbs),
            )
            before_all = field.load(product)
            for i, value in enumerate((last[0], last[1], before_all)):
                place = body.ir.mul(index, word(3 * self.limbs))
                field.store(value, kept, body.ir.add(place, word(i * self.limbs)))
            field.store(field.mul(before_all, last[1]), product)

        def finish(index: Value) -> None:
            group = body.ir.sub(body.ir.sub(groups, word(1)), index)
            place = body.ir.mul(group, word(3 * self.limbs))
            x, z, before = (
                field.load(kept, body.ir.add(place, word(i * self.limbs))) for i in range(3)
            )
            inverse = field.load(product)
            u = field.mul(field.mul(inverse, before), x)
            field.write(u, to, body.ir.mul(group, word(LIMBS)))
            field.store(field.mul(inverse, z), product)

        field.store(field.constant(1), product)
        body.times(groups, group)
        power = self._raised(body, product, room)
        body.call("squares", power, power, word(3))
        whole = field.load(product)
        cube = field.mul(field.square(whole), whole)
        field.store(field.mul(field.load(power), cube), product)
        body.times(groups, finish)
        body.end()

    def _characters(self) -> None:
        """characters(to, points, groups): (u**3 + A u**2 + u)**((p - 1)/2)."""
        body = self._function("characters", [POINTER] * 2 + [WORD])
        to, points, groups = body.function.args
        value, room = body.buffer(self.limbs), body.buffer(4 * self.limbs)
        field = self.field(body)

        def group(index: Value) -> None:
            base = body.ir.mul(index, word(LIMBS))
            u = field.read(points, base)
            inner = field.add(field.mul(u, field.add(u, field.constant(_A))), field.constant(1))
            field.store(field.mul(u, inner), value)
            field.write(self._character(field, value, room), to, base)

        body.times(groups, group)
        body.end()

    def _images(self) -> None:
        """images(to, numbers, groups): where Elligator 2 puts u, as character, x1 and x2.

        x1 = -A / h and x2 = 2 u**2 x1 with h = 1 + 2 u**2. The right side of the curve at x1 is
        g / h**3 with g = -A (h**2 - 2 A**2 u**2), and has the character of w = g h.
        """
        body = self._function("images", [POINTER] * 2 + [WORD])
        to, numbers, groups = body.function.args
        value, room = body.buffer(self.limbs), body.buffer(4 * self.limbs)
        field = self.field(body)

        def group(index: Value) -> None:
            base, out = body.ir.mul(index, word(LIMBS)), body.ir.mul(index, word(3 * LIMBS))
            square = field.square(field.carried(field.carried(field.read(numbers, base))))
            t = field.add(square, square)
            h = field.add(t, field.constant(1))
            inner = field.sub(field.square(h), field.mul(t, field.constant(_A * _A)))
            g = field.mul(inner, field.constant(_P - _A))
            field.store(field.mul(g, h), value)
            field.write(self._character(field, value, room), to, out)
            power = body.at(room, 0)
            body.call("squares", power, power, word(1))
            w = field.load(value)
            inverse = field.mul(field.load(power), field.mul(field.square(w), w))
            x1 = field.mul(field.mul(inverse, g), field.constant(_P - _A))
            field.write(x1, to, body.ir.add(out, word(LIMBS)))
            field.write(field.mul(x1, t), to, body.ir.add(out, word(2 * LIMBS)))

        body.times(groups, group)
        body.end()

    def _character(self, field: Field, value: Value, room: Value) -> Number:
        """w**((p - 1)/2); leaves (w**(2**252 - 3))**4 at the beginning of `room`."""
        power = self._raised(field.body, value, room)
        field.body.call("squares", power, power, word(2))
        return field.mul(field.load(power), field.square(field.load(value)))


def _step(field: Field, u: Number, numbers: list[Number]) -> list[Number]:
    """One bit of the ladder; names as in RFC 7748."""
    x2, z2, x3, z3 = numbers
    a, b = field.add(x2, z2), field.sub(x2, z2)
    aa, bb = field.square(a), field.square(b)
    e = field.sub(aa, bb)
    c, d = field.add(x3, z3), field.sub(x3, z3)
    da, cb = field.mul(d, a), field.mul(c, b)
    plus, minus = field.add(da, cb), field.sub(da, cb)
    return [
        field.mul(aa, bb),
        field.mul(e, field.add(aa, field.times(e, 121665))),
        field.square(plus),
        field.mul(u, field.square(minus)),
    ]


class Kernel:
    """The compiled functions.

    Args:
        field: how numbers are worked on.
    """

    def __init__(self, field: type[Field]) -> None:
        self._engine = Engine(lambda triple: str(_Module(triple, field).module))
        pointer, count = ctypes.c_void_p, ctypes.c_uint64
        self._limbs = field.limbs
        self._ladder = self._engine.function("ladder", *[pointer] * 4, count)
        self._characters = self._engine.function("characters", pointer, pointer, count)
        self._images = self._engine.function("images", pointer, pointer, count)

    def multiply(self, scalar: bytes, points: Points) -> Points:
        """X25519 of canonical points of the curve that are not of small order; shape (n, 32)."""
        clamped = (int.from_bytes(scalar, "little") & ((1 << 254) - 8)) | 1 << 254
        masks = aligned(_STEPS, LANES)
        for step in range(_STEPS):
            masks[step] = -(clamped >> (_STEPS - 1 - step) & 1) & ((1 << 64) - 1)

        def some(part: Points) -> Points:
            # No lane stays empty: zero is no multiple that has an inverse.
            whole = np.resize(part, (-(-len(part) // LANES) * LANES, part.shape[1]))
            limbs = limbs_of(whole.view("<u8"))
            result, kept = aligned(*limbs.shape), aligned(len(limbs), 3 * self._limbs, LANES)

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
            limbs = limbs_of(np.ascontiguousarray(part).view("<u8"))
            result = aligned(*limbs.shape)

            def work(first: int, count: int) -> None:
                self._characters(at(result, first), at(limbs, first), count)

            spread(len(limbs), _POWER_PRODUCTS, work)
            return _are_one(bytes_of(result)[: len(part)])

        into: NDArray[np.bool_] = np.empty(len(points), dtype=np.bool_)
        _in_turns(some, points, into)
        return into

    def images(self, words: NDArray[np.uint64]) -> Points:
        """Where Elligator 2 puts numbers modulo p, shape (n, k) words; at least (n, 32)."""
        limbs = limbs_of(words)
        result = aligned(len(limbs), 3 * LIMBS, LANES)

        def work(first: int, count: int) -> None:
            self._images(at(result, first), at(limbs, first), count)

        spread(len(limbs), _POWER_PRODUCTS, work)
        character, one, two = (bytes_of(result[:, i * LIMBS : (i + 1) * LIMBS]) for i in range(3))
        points: Points = np.where(_are_one(character)[:, None], one, two)
        return points


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
