"""Every scheme on random cases, against Python's integers and, for some of Paillier's, phe.

The unit run counts some hundreds a scheme; `python tests/federation/crypto/test_random_cases.py
100000` counts as many as it is told to, and prints what it saw.
"""

import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
import phe
import pytest

from federation.crypto import Encrypted, PrivateKey, PublicKey, concatenate, generate_keypair
from federation.crypto.packing import Slots
from federation.crypto.paillier import PaillierPrivateKey
from federation.errors import FixedPointOverflow
from federation.wire.codec import BigIntVector

COUNT = 600
BATCH = 50
PHE_EACH = 100
"""Of so many cases one is also counted by phe, where there is a Paillier key."""


class Bench:
    """A key pair and a source of numbers."""

    def __init__(self, scheme: str, seed: int) -> None:
        self.public, self.private = _pair(scheme)
        self.limit = self.public.limit
        self.dice = np.random.default_rng(seed)

    def bits(self) -> int:
        return int(self.dice.integers(0, self.limit.bit_length()))

    def number(self, below: int) -> int:
        """Zero, a border, a power of two or its neighbour, or anything, of either sign."""
        below = max(below, 2)
        size = int.from_bytes(self.dice.bytes(below.bit_length() // 8 + 1), "little")
        power = 1 << int(self.dice.integers(0, below.bit_length()))
        drawn = (0, 1, below - 1, power, power - 1, size, size % power)[self.dice.integers(0, 7)]
        return int(drawn % below) * (1 if self.dice.integers(0, 2) else -1)

    def numbers(self, count: int, below: int | None = None) -> list[int]:
        return [self.number(self.limit if below is None else below) for _ in range(count)]

    def hidden(self, values: Sequence[int]) -> Encrypted:
        return self.public.encrypt_ints(values)

    def opened(self, encrypted: Encrypted) -> list[int]:
        return self.private.decrypt_ints(encrypted)


@cache
def _pair(scheme: str) -> tuple[PublicKey, PrivateKey]:
    return generate_keypair(scheme)


def encryption(bench: Bench, count: int) -> None:
    values = bench.numbers(count)
    assert bench.opened(bench.hidden(values)) == values


def negation(bench: Bench, count: int) -> None:
    values = bench.numbers(count)
    assert bench.opened(-bench.hidden(values)) == [-v for v in values]


def addition(bench: Bench, count: int) -> None:
    a, b = (bench.numbers(count, bench.limit // 2) for _ in range(2))
    total = bench.hidden(a) + bench.hidden(b)
    assert bench.opened(total) == [x + y for x, y in zip(a, b, strict=True)]


def subtraction(bench: Bench, count: int) -> None:
    a, b = (bench.numbers(count, bench.limit // 2) for _ in range(2))
    left = bench.hidden(a) - bench.hidden(b)
    assert bench.opened(left.refreshed()) == [x - y for x, y in zip(a, b, strict=True)]


def plain_addition(bench: Bench, count: int) -> None:
    a, b = bench.numbers(count, bench.limit // 2), bench.numbers(count, 1 << 62)
    total = bench.hidden(a) + np.array(b, dtype=np.int64)
    assert bench.opened(total) == [x + y for x, y in zip(a, b, strict=True)]


def multiplication(bench: Bench, count: int) -> None:
    bits = int(bench.dice.integers(1, 62))
    factors = bench.numbers(count, 1 << bits)
    values = bench.numbers(count, bench.limit >> bits)
    product = bench.hidden(values) * np.array(factors, dtype=np.int64)
    assert bench.opened(product) == [x * y for x, y in zip(values, factors, strict=True)]


def matrix_product(bench: Bench, count: int) -> None:
    rows, width = max(1, count // 10), 10
    matrix = np.array(bench.numbers(rows * width, 1 << 40), dtype=np.int64).reshape(rows, width)
    values = bench.numbers(width, bench.limit >> 44)
    expected = [sum(int(x) * v for x, v in zip(row, values, strict=True)) for row in matrix]
    assert bench.opened(matrix @ bench.hidden(values)) == expected


def buckets(bench: Bench, count: int) -> None:
    values = bench.numbers(count, bench.limit // count)
    labels, picks = (bench.dice.integers(0, 7, count), bench.dice.integers(0, count, count))
    expected = [0] * 7
    for label, pick in zip(labels, picks, strict=True):
        expected[label] += values[pick]
    assert bench.opened(bench.hidden(values).bucket_sums(labels, 7, picks)) == expected


def real_numbers(bench: Bench, count: int) -> None:
    precision = int(bench.dice.integers(0, 60))
    scale = 2.0 ** bench.dice.integers(-20, 30)
    a, b = bench.dice.normal(size=(2, count)) * scale
    fixed = [round(x * 2**precision) + round(y * 2**precision) for x, y in zip(a, b, strict=True)]
    total = bench.public.encrypt(a, precision=precision) + bench.public.encrypt(
        b, precision=precision
    )
    assert bench.opened(total) == fixed


def borrows(bench: Bench, count: int) -> None:
    """Packed sums, each slot at or near a border of its own."""
    terms, wide = int(bench.dice.integers(1, 40)), int(bench.dice.integers(1, 4))
    largest = 1 << int(bench.dice.integers(1, 40))
    slots = Slots.for_sums(wide, largest=largest, terms=terms, precision=0)
    values = np.array(bench.numbers(count * wide, largest + 1), dtype=np.int64)
    values = values.reshape(count, wide)
    times = np.minimum(terms, 1 + bench.dice.integers(0, terms, count))
    sums = slots.encrypt(bench.public, values) * times
    found = slots.opened(bench.private, slots.joined(sums), (count,))
    np.testing.assert_array_equal(found, values * times[:, np.newaxis])


def overflow(bench: Bench, count: int) -> None:
    """Sums of two numbers that leave the range, among sums that do not."""
    a = [bench.limit - 1 - abs(v) for v in bench.numbers(count, bench.limit // 2)]
    b = [abs(v) for v in bench.numbers(count)]
    signs = [int(s) for s in bench.dice.choice([-1, 1], count)]
    a, b = ([s * v for s, v in zip(signs, one, strict=True)] for one in (a, b))
    beyond = sum(abs(x + y) >= bench.limit for x, y in zip(a, b, strict=True))
    total = bench.hidden(a) + bench.hidden(b)
    if not beyond:
        assert bench.opened(total) == [x + y for x, y in zip(a, b, strict=True)]
        return
    with pytest.raises(FixedPointOverflow) as caught:
        bench.opened(total)
    assert caught.value.facts == {"count": beyond}


def wire(bench: Bench, count: int) -> None:
    values = bench.numbers(count)
    received = Encrypted.from_wire(bench.hidden(values).to_wire(), bench.public)
    order = bench.dice.permutation(count)
    assert bench.opened(concatenate([received[order], received[:1]])) == [
        *(values[i] for i in order),
        values[0],
    ]


def lattice_product(bench: Bench, count: int) -> None:
    rows, width = max(1, count // 10), 10
    matrix = np.array(bench.numbers(rows * width, 1 << 28), dtype=np.int64).reshape(rows, width)
    values = bench.numbers(width)
    product = (matrix @ bench.hidden(values)).refreshed()
    assert bench.opened(product) == (matrix @ np.array(values)).tolist()


def against_phe(bench: Bench, count: int) -> None:
    """phe reads our sums and products, and we read phe's."""
    public: Any = bench.public
    assert isinstance(bench.private, PaillierPrivateKey)
    p, q = bench.private.primes
    their_public = phe.PaillierPublicKey(int(public.n))
    their_private = phe.PaillierPrivateKey(their_public, p, q)
    a, b = (bench.numbers(count, bench.limit >> 42) for _ in range(2))
    c = bench.numbers(count, 1 << 40)
    expected = [x * z + y for x, y, z in zip(a, b, c, strict=True)]
    hidden: Any = bench.hidden(a) * np.array(c, dtype=np.int64) + bench.hidden(b)
    read = [
        their_private.decrypt(phe.EncryptedNumber(their_public, int(cell), 0))
        for cell in hidden.values
    ]
    assert read == expected
    theirs = [
        their_public.encrypt(x) * z + their_public.encrypt(y)
        for x, y, z in zip(a, b, c, strict=True)
    ]
    assert all(number.exponent == 0 for number in theirs)
    cells = BigIntVector.from_ints([number.ciphertext() for number in theirs], public.width)
    received = Encrypted.from_wire(hidden.to_wire() | {"cells": cells}, public)
    assert bench.opened(received) == expected


Check = Callable[[Bench, int], None]

GROUP: tuple[Check, ...] = (
    encryption,
    negation,
    addition,
    subtraction,
    plain_addition,
    multiplication,
    matrix_product,
    buckets,
    real_numbers,
    borrows,
    overflow,
    wire,
)
LATTICE: tuple[Check, ...] = (encryption, negation, addition, subtraction, lattice_product, wire)
CHECKS = {"paillier": GROUP, "ou": GROUP, "bfv": LATTICE}


def count_cases(scheme: str, count: int, seed: int = 0) -> Counter[str]:
    """Check `count` cases, every operation in turn; how many there were of each.

    Raises:
        AssertionError: a result is not that of the integers.
    """
    bench, seen = Bench(scheme, seed), Counter[str]()
    while seen.total() < count:
        for check in CHECKS[scheme]:
            check(bench, BATCH)
            seen[check.__name__] += BATCH
    if scheme == "paillier":
        against_phe(bench, max(2, count // PHE_EACH))
        seen["against_phe"] += max(2, count // PHE_EACH)
    return seen


@pytest.mark.parametrize("scheme", CHECKS)
def test_random_cases_are_those_of_the_integers(scheme: str) -> None:
    seen = count_cases(scheme, COUNT)
    assert {check.__name__ for check in CHECKS[scheme]} <= set(seen)


if __name__ == "__main__":
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else COUNT
    for name in CHECKS:
        started = time.monotonic()
        result = count_cases(name, wanted)
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
        print(name, dict(result))
        print(f"{result.total()} cases in {time.monotonic() - started:.1f} s, {most} MiB at most")
