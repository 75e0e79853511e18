"""SHA-512 of eight messages at once: machine code from llvmlite, for vectors of 8 words.

There is no library that hashes many short messages in one call; each of a million calls to one
costs more than its hash. Whoever takes this compares it with hashlib first, and falls back to that.

Learns: nobody anything; no branch and no address depends on what is hashed.
Source: FIPS 180-4, sections 4.1.3 and 6.4.2.
"""

import ctypes
import threading
from functools import cache
from math import isqrt

import numpy as np
from llvmlite import ir
from numpy.typing import NDArray

from federation.crypto.kernels.assembly import POINTER, WORD, Body, Value, splat
from federation.crypto.kernels.engine import Engine
from federation.crypto.kernels.machine import aligned, at, spread
from federation.crypto.kernels.shape import LANES

BLOCK_BYTES = 128
STATE_WORDS = 8
_BLOCK_WORDS = 16
_ROUNDS = 80
_PRODUCTS = 20

Words = NDArray[np.uint64]


def _primes(count: int) -> list[int]:
    found: list[int] = []
    number = 2
    while len(found) < count:
        if all(number % prime for prime in found):
            found.append(number)
        number += 1
    return found


def _cube_root(number: int) -> int:
    low, high = 0, 1 << (number.bit_length() // 3 + 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if middle**3 <= number else (low, middle)
    return low


_LOW = (1 << 64) - 1
_START = [isqrt(prime << 128) & _LOW for prime in _primes(STATE_WORDS)]
_CONSTANTS = [_cube_root(prime << 192) & _LOW for prime in _primes(_ROUNDS)]


def _module_text(triple: str) -> str:
    """compress(state, blocks, constants, groups), all of vectors of 8 lanes."""
    module = ir.Module("sha512")
    module.triple = triple
    kind = ir.FunctionType(ir.VoidType(), [POINTER] * 3 + [WORD])
    body = Body(ir.Function(module, kind, "compress"), {})
    state, blocks, constants, groups = body.function.args
    room, words = body.buffer(STATE_WORDS), body.buffer(_BLOCK_WORDS)

    def turned(x: Value, count: int) -> Value:
        return body.ir.or_(body.ir.lshr(x, splat(count)), body.ir.shl(x, splat(64 - count)))

    def mixed(x: Value, *counts: int, shift: int | None = None) -> Value:
        parts = [turned(x, count) for count in counts]
        parts += [] if shift is None else [body.ir.lshr(x, splat(shift))]
        return body.ir.xor(parts[0], body.ir.xor(parts[1], parts[2]))

    def added(first: Value, *others: Value) -> Value:
        for other in others:
            first = body.ir.add(first, other)
        return first

    def one_round(v: list[Value], constant: Value, word: Value) -> list[Value]:
        a, b, c, d, e, f, g, h = v
        chosen = body.ir.xor(g, body.ir.and_(e, body.ir.xor(f, g)))
        most = body.ir.or_(body.ir.and_(a, b), body.ir.and_(c, body.ir.or_(a, b)))
        one = added(h, mixed(e, 14, 18, 41), chosen, constant, word)
        return [added(one, mixed(a, 28, 34, 39), most), a, b, c, body.ir.add(d, one), e, f, g]

    def group(index: Value) -> None:
        first = body.ir.mul(index, ir.Constant(WORD, STATE_WORDS))
        block = body.ir.mul(index, ir.Constant(WORD, _BLOCK_WORDS))
        for i in range(STATE_WORDS):
            body.store(body.load(state, body.ir.add(first, ir.Constant(WORD, i))), room, i)
        for i in range(_BLOCK_WORDS):
            body.store(body.load(blocks, body.ir.add(block, ir.Constant(WORD, i))), words, i)

        def sixteen(turn: Value) -> None:
            v = [body.load(room, i) for i in range(STATE_WORDS)]
            w = [body.load(words, i) for i in range(_BLOCK_WORDS)]
            start = body.ir.mul(turn, ir.Constant(WORD, _BLOCK_WORDS))
            for i in range(_BLOCK_WORDS):
                constant = body.load(constants, body.ir.add(start, ir.Constant(WORD, i)))
                v = one_round(v, constant, w[i])
                near, far = w[(i + 1) % 16], w[(i + 14) % 16]
                w[i] = added(
                    w[i], mixed(near, 1, 8, shift=7), w[(i + 9) % 16], mixed(far, 19, 61, shift=6)
                )
            for i, value in enumerate(v):
                body.store(value, room, i)
            for i, value in enumerate(w):
                body.store(value, words, i)

        body.times(_ROUNDS // _BLOCK_WORDS, sixteen)
        for i in range(STATE_WORDS):
            place = body.ir.add(first, ir.Constant(WORD, i))
            body.store(body.ir.add(body.load(state, place), body.load(room, i)), state, place)

    body.times(groups, group)
    body.end()
    return str(module)


class Sha512:
    """The compiled function."""

    def __init__(self) -> None:
        self._engine = Engine(_module_text)
        pointer = ctypes.c_void_p
        self._compress = self._engine.function("compress", *[pointer] * 3, ctypes.c_uint64)
        self._constants = aligned(_ROUNDS, LANES)
        self._constants[:] = np.array(_CONSTANTS, dtype=np.uint64)[:, None]

    def digests(self, messages: NDArray[np.uint8], start: Words | None = None) -> Words:
        """The state after the blocks of each message, shape (n, 8): the digest's words.

        Args:
            messages: shape (n, 128 k), padded and with their lengths.
            start: shape (8,): the state before them; by default that of an empty message.
        """
        count, blocks = len(messages), messages.shape[1] // BLOCK_BYTES
        groups = -(-count // LANES)
        words = np.zeros((groups * LANES, blocks * _BLOCK_WORDS), dtype=np.uint64)
        words[:count] = np.ascontiguousarray(messages).view(">u8")
        turned = words.reshape(groups, LANES, blocks, _BLOCK_WORDS).transpose(2, 0, 3, 1)
        state = aligned(groups, STATE_WORDS, LANES)
        first = np.array(_START, dtype=np.uint64) if start is None else start
        state[:] = first[None, :, None]
        for block in turned:
            given = aligned(groups, _BLOCK_WORDS, LANES)
            given[:] = block
            self._run(state, given, groups)
        return np.ascontiguousarray(state.transpose(0, 2, 1)).reshape(-1, STATE_WORDS)[:count]

    def _run(self, state: Words, blocks: Words, groups: int) -> None:
        def work(first: int, count: int) -> None:
            self._compress(at(state, first), at(blocks, first), at(self._constants), count)

        spread(groups, _PRODUCTS, work)


_COMPILING = threading.Lock()


def sha512() -> Sha512:
    """The function, compiled on first use, once for all threads."""
    with _COMPILING:
        return _compiled()


@cache
def _compiled() -> Sha512:
    return Sha512()
