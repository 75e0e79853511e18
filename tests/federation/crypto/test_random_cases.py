"""Every scheme on 100,000 random cases, against Python's integers and, for some of Paillier's, phe.

A case is one result that is compared. Most lie side by side, in the slots of one ciphertext or the
line of a lattice's, so that full keys take seconds; some hundreds are one a ciphertext, over the
whole range of plaintexts. `python tests/federation/crypto/test_random_cases.py 100000` counts as
many of these as it is told to, and prints what it saw.
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

CASES = 100_000
SINGLE = 800
"""Of the cases so many are one a ciphertext."""
BATCH = 50
WIDE_BATCH = {"paillier": 2000, "ou": 2000, "bfv": 4000}
PHE_EACH = 100
"""Of so many single cases one is also counted by phe, where there is a Paillier key."""
PHE_SLOTS = 2000
"""And so many that lie side by side, in either direction."""


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

    def line(self, shape: tuple[int, ...], below: int) -> np.ndarray:
        """As `numbers`, at once, for a power of two up to 2**62."""
        power = 1 << self.dice.integers(0, below.bit_length() - 1, shape)
        size = self.dice.integers(0, below, shape)
        zero = np.zeros(shape, dtype=np.int64)
        drawn = np.stack([zero, zero + 1, zero + below - 1, power, power - 1, size, size % power])
        picked = np.take_along_axis(drawn, self.dice.integers(0, 7, shape)[np.newaxis], axis=0)[0]
        return picked * self.dice.choice([-1, 1], shape)

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


def borders(bench: Bench, count: int) -> None:
    """The largest numbers are encrypted, and those one further are refused and counted."""
    inside = [s * (bench.limit - 1 - k) for k in range(2) for s in (-1, 1)]
    assert bench.opened(bench.hidden(inside)) == inside
    outside = [s * (bench.limit + abs(v)) for v in bench.numbers(count // 2) for s in (-1, 1)]
    with pytest.raises(FixedPointOverflow) as caught:
        bench.hidden(inside + outside)
    assert caught.value.facts == {"count": len(outside)}


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


def side_by_side(bench: Bench, count: int) -> Counter[str]:
    """Sums, differences, multiples and totals of numbers that fill the slots of ciphertexts."""
    terms, largest = int(bench.dice.integers(2, 40)), 1 << int(bench.dice.integers(1, 40))
    one = Slots.for_sums(1, largest=largest, terms=terms, precision=0)
    slots = Slots.for_sums(one.fits_in(bench.public), largest=largest, terms=terms, precision=0)
    rows = -(-count // slots.count)
    a, b = (bench.line((rows, slots.count), 2 * largest) // 2 for _ in range(2))
    times = bench.dice.integers(-terms, terms, rows, endpoint=True)
    labels = bench.dice.permutation(rows) // terms
    totals = np.zeros((-(-rows // terms), slots.count), dtype=np.int64)
    np.add.at(totals, labels, a)
    one_side, other = slots.encrypt(bench.public, a), slots.encrypt(bench.public, b)
    results = {
        "slot_sums": (one_side + other, a + b),
        "slot_differences": (one_side - other, a - b),
        "slot_multiples": (one_side * times, a * times[:, np.newaxis]),
        "slot_totals": (one_side.bucket_sums(labels, len(totals)), totals),
    }
    for found, expected in results.values():
        opened = slots.opened(bench.private, found, (len(expected),))
        np.testing.assert_array_equal(opened, expected)
    seen = Counter({name: expected.size for name, (_, expected) in results.items()})
    return seen + torn_slots(bench, slots, one_side, a)


def torn_slots(bench: Bench, slots: Slots, hidden: Encrypted, values: np.ndarray) -> Counter[str]:
    """More terms than slots are made for: each slot beyond its bound is found out."""
    times = int(bench.dice.integers(slots.terms + 1, 2 * slots.terms))
    beyond = int((np.abs(values[:4]) * times > slots.bound).sum())
    found = hidden[:4] * times
    if not beyond:
        opened = slots.opened(bench.private, found, (len(values[:4]),))
        np.testing.assert_array_equal(opened, values[:4] * times)
        return Counter({"torn_slots": values[:4].size})
    with pytest.raises(FixedPointOverflow) as caught:
        slots.opened(bench.private, found, (len(values[:4]),))
    assert caught.value.facts == {"count": beyond}
    return Counter({"torn_slots": beyond})


def whole_lines(bench: Bench, count: int) -> Counter[str]:
    """A lattice's ciphertexts are lines of thousands of numbers."""
    checks = (encryption, negation, addition, subtraction)
    for check in checks:
        check(bench, count)
    return Counter({f"whole_{check.__name__}": count for check in checks})


class Phe:
    """The same key pair as phe has it."""

    def __init__(self, bench: Bench) -> None:
        public: Any = bench.public
        assert isinstance(bench.private, PaillierPrivateKey)
        self._ours, self.public = public, phe.PaillierPublicKey(int(public.n))
        self._private = phe.PaillierPrivateKey(self.public, *bench.private.primes)

    def read(self, encrypted: Any) -> list[int]:
        cells = [phe.EncryptedNumber(self.public, int(cell), 0) for cell in encrypted.values]
        return [self._private.decrypt(cell) for cell in cells]

    def given(self, numbers: Sequence[phe.EncryptedNumber]) -> Encrypted:
        """Ciphertexts of phe's as they would come to us by wire."""
        assert all(number.exponent == 0 for number in numbers)
        cells = [number.ciphertext() for number in numbers]
        wire = self._ours.encrypt_ints([0] * len(cells)).to_wire()
        width = self._ours.width
        return Encrypted.from_wire(
            wire | {"cells": BigIntVector.from_ints(cells, width)}, self._ours
        )


def against_phe(bench: Bench, count: int) -> None:
    """phe reads our sums and products, and we read phe's."""
    theirs = Phe(bench)
    a, b = (bench.numbers(count, bench.limit >> 42) for _ in range(2))
    c = bench.numbers(count, 1 << 40)
    expected = [x * z + y for x, y, z in zip(a, b, c, strict=True)]
    hidden = bench.hidden(a) * np.array(c, dtype=np.int64) + bench.hidden(b)
    assert theirs.read(hidden) == expected
    encrypt = theirs.public.encrypt
    received = theirs.given([encrypt(x) * z + encrypt(y) for x, y, z in zip(a, b, c, strict=True)])
    assert bench.opened(received) == expected


def slots_against_phe(bench: Bench, count: int) -> Counter[str]:
    """phe reads sums of packed ciphertexts of ours, and we read phe's."""
    theirs = Phe(bench)
    one = Slots.for_sums(1, largest=1 << 30, terms=2, precision=0)
    slots = Slots.for_sums(one.fits_in(bench.public), largest=1 << 30, terms=2, precision=0)
    rows = -(-count // slots.count)
    a, b = (bench.line((rows, slots.count), 1 << 30) for _ in range(2))
    total = slots.encrypt(bench.public, a) + slots.encrypt(bench.public, b)
    np.testing.assert_array_equal(slots.unpacked(theirs.read(total), rows), a + b)
    left, right = ([theirs.public.encrypt(m) for m in slots.packed(x)] for x in (a, b))
    received = theirs.given([x + y for x, y in zip(left, right, strict=True)])
    np.testing.assert_array_equal(slots.opened(bench.private, received, (rows,)), a + b)
    return Counter({"slots_read_by_phe": a.size, "slots_of_phe": a.size})


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
    borders,
    wire,
)
LATTICE: tuple[Check, ...] = (
    encryption,
    negation,
    addition,
    subtraction,
    lattice_product,
    borders,
    wire,
)
CHECKS = {"paillier": GROUP, "ou": GROUP, "bfv": LATTICE}


def count_cases(scheme: str, single: int, cases: int = 0, seed: int = 0) -> Counter[str]:
    """Check every operation in turn; how many cases there were of each.

    Args:
        single: at least so many are one a ciphertext.
        cases: at least so many there are in all.

    Raises:
        AssertionError: a result is not that of the integers.
    """
    bench, seen = Bench(scheme, seed), Counter[str]()
    while seen.total() < single:
        for check in CHECKS[scheme]:
            check(bench, BATCH)
            seen[check.__name__] += BATCH
    if scheme == "paillier":
        against_phe(bench, max(2, single // PHE_EACH))
        seen["against_phe"] += max(2, single // PHE_EACH)
        seen += slots_against_phe(bench, PHE_SLOTS)
    wide = whole_lines if scheme == "bfv" else side_by_side
    while seen.total() < cases:
        seen += wide(bench, WIDE_BATCH[scheme])
    return seen


@pytest.mark.parametrize("scheme", CHECKS)
def test_random_cases_are_those_of_the_integers(scheme: str) -> None:
    seen = count_cases(scheme, SINGLE, CASES)
    assert {check.__name__ for check in CHECKS[scheme]} <= set(seen)
    assert seen.total() >= CASES


if __name__ == "__main__":
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else SINGLE
    for name in CHECKS:
        started = time.monotonic()
        result = count_cases(name, wanted)
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
        print(name, dict(result))
        print(f"{result.total()} cases in {time.monotonic() - started:.1f} s, {most} MiB at most")
