"""Curve25519 on 8 points at once: machine code from llvmlite, for processors with AVX-512 IFMA.

Numbers modulo p = 2**255 - 19 are five limbs of 51 bits, each a vector of 8 lanes. The ladder of
RFC 7748 swaps by masks, and inverses are powers, so time and addresses depend on no secret.

    z**(2**252 - 3) gives  1/z = (z**(2**252 - 3))**8 z**3  and  z**((p - 1)/2) = ( )**4 z**2

Learns: nobody anything.
Source: RFC 7748, section 5; Bernstein 2006, section 4, for the chain of powers.
"""

import ctypes
from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir
from numpy.typing import NDArray

from federation.crypto.kernels.assembly import POINTER, VECTOR, WORD, ZERO, Body, Value, splat, word
from federation.crypto.kernels.machine import aligned, at, spread
from federation.crypto.kernels.shape import LANES

_LIMBS, _BITS = 5, 51
_MASK = (1 << _BITS) - 1
_TIMES_P = [4 * (_MASK - 18)] + [4 * _MASK] * 4
_STEPS = 255
_A = 486662
_PRODUCTS = 2800

Number = list[Any]
"""Five LLVM values."""


class _Field:
    """Arithmetic modulo p, as code: sums and products give limbs little above 51 bits."""

    def __init__(self, body: Body) -> None:
        self.body, self.ir = body, body.ir

    def load(self, pointer: Value, first: Value | int = 0) -> Number:
        start = word(first) if isinstance(first, int) else first
        return [self.body.load(pointer, self.ir.add(start, word(i))) for i in range(_LIMBS)]

    def store(self, number: Number, pointer: Value, first: Value | int = 0) -> None:
        start = word(first) if isinstance(first, int) else first
        for i, limb in enumerate(number):
            self.body.store(limb, pointer, self.ir.add(start, word(i)))

    def carried(self, limbs: Number) -> Number:
        over = [self.ir.lshr(limb, splat(_BITS)) for limb in limbs]
        low = [self.ir.and_(limb, splat(_MASK)) for limb in limbs]
        wrapped = [self.ir.mul(over[-1], splat(19)), *over[:-1]]
        return [self.ir.add(a, b) for a, b in zip(low, wrapped, strict=True)]

    def add(self, a: Number, b: Number) -> Number:
        return self.carried([self.ir.add(x, y) for x, y in zip(a, b, strict=True)])

    def sub(self, a: Number, b: Number) -> Number:
        limbs = zip(a, b, _TIMES_P, strict=True)
        return self.carried([self.ir.sub(self.ir.add(x, splat(k)), y) for x, y, k in limbs])

    def mul(self, a: Number, b: Number) -> Number:
        low, high = [ZERO] * (2 * _LIMBS), [ZERO] * (2 * _LIMBS)
        for i, x in enumerate(a):
            for j, y in enumerate(b):
                low[i + j] = self.body.low(low[i + j], x, y)
                high[i + j + 1] = self.body.high(high[i + j + 1], x, y)
        return self._folded(low, high)

    def square(self, a: Number) -> Number:
        low, high = [ZERO] * (2 * _LIMBS), [ZERO] * (2 * _LIMBS)
        for i in range(_LIMBS):
            for j in range(i + 1, _LIMBS):
                low[i + j] = self.body.low(low[i + j], a[i], a[j])
                high[i + j + 1] = self.body.high(high[i + j + 1], a[i], a[j])
        low = [self.ir.add(limb, limb) for limb in low]
        high = [self.ir.add(limb, limb) for limb in high]
        for i, limb in enumerate(a):
            low[2 * i] = self.body.low(low[2 * i], limb, limb)
            high[2 * i + 1] = self.body.high(high[2 * i + 1], limb, limb)
        return self._folded(low, high)

    def times(self, a: Number, small: int) -> Number:
        factor = splat(small)
        low = [self.body.low(ZERO, limb, factor) for limb in a]
        high = [self.body.high(ZERO, limb, factor) for limb in a]
        return self._folded([*low, *[ZERO] * _LIMBS], [ZERO, *high, *[ZERO] * (_LIMBS - 1)])

    def _folded(self, low: Number, high: Number) -> Number:
        # A high half counts 2**52, which is twice the next limb's unit.
        whole = [self.ir.add(x, self.ir.add(y, y)) for x, y in zip(low, high, strict=True)]
        folded = zip(whole[:_LIMBS], whole[_LIMBS:], strict=True)
        return self.carried([self.ir.add(x, self.ir.mul(y, splat(19))) for x, y in folded])


def constant(value: int) -> Number:
    """A number below 2**51, the same in all lanes."""
    return [splat(value), *[ZERO] * (_LIMBS - 1)]


class _Module:
    def __init__(self, triple: str) -> None:
        self.module = ir.Module("curve25519")
        self.module.triple = triple
        kind = ir.FunctionType(VECTOR, [VECTOR] * 3)
        self.functions: dict[str, Value] = {
            f"madd_{half}": ir.Function(
                self.module, kind, f"llvm.x86.avx512.vpmadd52{half[0]}.uq.512"
            )
            for half in ("low", "high")
        }
        self._product()
        self._squares()
        self._ladder()
        self._characters()

    def _function(self, name: str, kinds: list[Value]) -> Body:
        function = ir.Function(self.module, ir.FunctionType(ir.VoidType(), kinds), name)
        self.functions[name] = function
        return Body(function, self.functions)

    def _product(self) -> None:
        body = self._function("product", [POINTER] * 3)
        to, a, b = body.function.args
        field = _Field(body)
        field.store(field.mul(field.load(a), field.load(b)), to)
        body.end()

    def _squares(self) -> None:
        body = self._function("squares", [POINTER, POINTER, WORD])
        to, a, count = body.function.args
        field = _Field(body)
        field.store(field.load(a), to)

        def step(_: Value) -> None:
            field.store(field.square(field.load(to)), to)

        body.times(count, step)
        body.end()

    def _raised(self, body: Body, z: Value, room: Value) -> Value:
        """z**(2**252 - 3); where the result lies."""
        a, b, c = (body.at(room, i * _LIMBS) for i in range(3))

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
        """ladder(to, points, masks, groups): masks[step] is all ones where the scalar's bit is."""
        body = self._function("ladder", [POINTER] * 3 + [WORD])
        to, points, masks, groups = body.function.args
        state, room = body.buffer(4 * _LIMBS + 1), body.buffer(4 * _LIMBS)
        field = _Field(body)

        def swapped(numbers: list[Number], mask: Value) -> list[Number]:
            x2, z2, x3, z3 = numbers
            for one, other in ((x2, x3), (z2, z3)):
                for i in range(_LIMBS):
                    moved = body.ir.and_(mask, body.ir.xor(one[i], other[i]))
                    one[i], other[i] = body.ir.xor(one[i], moved), body.ir.xor(other[i], moved)
            return [x2, z2, x3, z3]

        def group(index: Value) -> None:
            base = body.ir.mul(index, word(_LIMBS))
            start = [constant(1), constant(0), field.load(points, base), constant(1)]
            for i, number in enumerate(start):
                field.store(number, state, i * _LIMBS)
            body.store(ZERO, state, 4 * _LIMBS)

            def step(number: Value) -> None:
                bit = body.load(masks, number)
                mask = body.ir.xor(body.load(state, 4 * _LIMBS), bit)
                body.store(bit, state, 4 * _LIMBS)
                before = [field.load(state, i * _LIMBS) for i in range(4)]
                after = _step(field, field.load(points, base), swapped(before, mask))
                for i, value in enumerate(after):
                    field.store(value, state, i * _LIMBS)

            body.times(_STEPS, step)
            last = swapped(
                [field.load(state, i * _LIMBS) for i in range(4)], body.load(state, 4 * _LIMBS)
            )
            field.store(last[1], state, _LIMBS)
            z = body.at(state, _LIMBS)
            power = self._raised(body, z, room)
            body.call("squares", power, power, word(3))
            inverse = field.load(power)
            cube = field.mul(field.square(last[1]), last[1])
            field.store(field.mul(last[0], field.mul(inverse, cube)), to, base)

        body.times(groups, group)
        body.end()

    def _characters(self) -> None:
        """characters(to, points, groups): (u**3 + A u**2 + u)**((p - 1)/2)."""
        body = self._function("characters", [POINTER] * 2 + [WORD])
        to, points, groups = body.function.args
        value, room = body.buffer(_LIMBS), body.buffer(4 * _LIMBS)
        field = _Field(body)

        def group(index: Value) -> None:
            base = body.ir.mul(index, word(_LIMBS))
            u = field.load(points, base)
            inner = field.add(field.mul(u, field.add(u, constant(_A))), constant(1))
            y = field.mul(u, inner)
            field.store(y, value)
            power = self._raised(body, value, room)
            body.call("squares", power, power, word(2))
            field.store(field.mul(field.load(power), field.square(y)), to, base)

        body.times(groups, group)
        body.end()


def _step(field: _Field, u: Number, numbers: list[Number]) -> list[Number]:
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
    """The compiled functions."""

    def __init__(self) -> None:
        import llvmlite.binding as llvm

        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        module = llvm.parse_assembly(str(_Module(llvm.get_default_triple()).module))
        module.verify()
        target = llvm.Target.from_default_triple().create_target_machine(
            cpu=llvm.get_host_cpu_name(),
            features=llvm.get_host_cpu_features().flatten(),
            opt=2,
        )
        self._engine = llvm.create_mcjit_compiler(module, target)
        self._engine.finalize_object()
        pointer, count = ctypes.c_void_p, ctypes.c_uint64
        self._ladder = self._found("ladder", pointer, pointer, pointer, count)
        self._characters = self._found("characters", pointer, pointer, count)

    def _found(self, name: str, *kinds: Any) -> Any:
        return ctypes.CFUNCTYPE(None, *kinds)(self._engine.get_function_address(name))

    def multiply(self, scalar: bytes, points: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """X25519 of canonical points of the curve that are not of small order; shape (n, 32)."""
        clamped = (int.from_bytes(scalar, "little") & ((1 << 254) - 8)) | 1 << 254
        masks = aligned(_STEPS, LANES)
        for step in range(_STEPS):
            masks[step] = -(clamped >> (_STEPS - 1 - step) & 1) & ((1 << 64) - 1)
        limbs = _limbs_of(points)
        result = aligned(*limbs.shape)

        def work(first: int, count: int) -> None:
            self._ladder(at(result, first), at(limbs, first), at(masks), count)

        spread(len(limbs), _PRODUCTS, work)
        return _bytes_of(result)[: len(points)]

    def on_curve(self, points: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Whether u**3 + A u**2 + u is a square other than 0, for each; shape (n,)."""
        limbs = _limbs_of(points)
        result = aligned(*limbs.shape)

        def work(first: int, count: int) -> None:
            self._characters(at(result, first), at(limbs, first), count)

        spread(len(limbs), _PRODUCTS // 10, work)
        lines = _bytes_of(result)[: len(points)]
        square: NDArray[np.bool_] = (lines[:, 0] == 1) & ~lines[:, 1:].any(axis=1)
        return square


@cache
def kernel() -> Kernel:
    """The functions, compiled on first use."""
    return Kernel()


def _limbs_of(points: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Groups of 8 points, shape (g, 5, 8); the last is filled up with zeros."""
    groups = -(-len(points) // LANES)
    whole = np.zeros((groups * LANES, 4), dtype=np.uint64)
    whole[: len(points)] = np.ascontiguousarray(points).view("<u8")
    limbs = aligned(groups, _LIMBS, LANES)
    for i in range(_LIMBS):
        first, shift = divmod(i * _BITS, 64)
        value = whole[:, first] >> np.uint64(shift)
        if shift > 64 - _BITS and first < 3:
            value = value | whole[:, first + 1] << np.uint64(64 - shift)
        limbs[:, i] = (value & np.uint64(_MASK)).reshape(-1, LANES)
    return limbs


def _bytes_of(limbs: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """Canonical bytes, shape (8 g, 32)."""
    parts = [limbs[:, i].reshape(-1).copy() for i in range(_LIMBS)]
    mask, bits, fold = np.uint64(_MASK), np.uint64(_BITS), np.uint64(19)

    def settle() -> None:
        for i in range(_LIMBS):
            over = parts[i] >> bits
            parts[i] &= mask
            parts[(i + 1) % _LIMBS] += over if i < _LIMBS - 1 else over * fold

    for _ in range(3):
        settle()
    above = (parts[0] + fold) >> bits  # 1 where the number is p or more
    for i in range(1, _LIMBS):
        above = (parts[i] + above) >> bits
    parts[0] += above * fold
    for i in range(_LIMBS - 1):
        parts[i + 1] += parts[i] >> bits
        parts[i] &= mask
    parts[-1] &= mask
    words = np.zeros((len(parts[0]), 4), dtype="<u8")
    for i, part in enumerate(parts):
        first, shift = divmod(i * _BITS, 64)
        words[:, first] |= part << np.uint64(shift)
        if shift > 64 - _BITS and first < 3:
            words[:, first + 1] |= part >> np.uint64(64 - shift)
    return words.view(np.uint8)
