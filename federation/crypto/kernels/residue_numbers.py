"""Big numbers by their remainders modulo many small primes, as matrix products like them.

Two bases of k primes below 2**23, with products A and B. A number x modulo N is held as v A mod N,
by signed remainders modulo the primes a_i of A, and of x / A modulo the primes b_j of B. A product
of x and y is Montgomery's, with A as the radix; both steps from one base to the other are matrix
products, exact in float64 while k 2**44 < 2**53:

    q_i = -x y / (N A_i)  mod a_i        A_i = A / a_i, so that q = sum_i q_i A_i = -x y / N  mod A
    r   = (x y + q N) / A,               r / A mod b_j = (x / A) (y / A) + sum_i q_i A_i N / A**2
    s_j = r / B_j         mod b_j        r mod a_i = sum_j s_j B_j - round(sum_j s_j / b_j) B

The sum q may miss its remainder by a multiple of A, which makes r larger by as many N: |r| < k N as
long as A > 8 k**2 N, and so it stays. The second step is exact for |r| < B / 4.

Learns: nobody anything. No step depends on what the numbers are.
Source: Bajard, Didier, Kornerup 2001; Kawamura et al. 2000 (the rounded sum).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import gmpy2
import numpy as np
from gmpy2 import mpz
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
"""Integers that float64 holds exactly."""

DIGIT_BITS = 16
_PRIME_BITS = 23
_MOST_PRIMES = 500
_BIAS_BITS = 48


def primes_for(bits: int) -> int:
    """How many primes a base needs for moduli of so many bits."""
    count = 2
    while _room(count) < bits:
        count += 1
    return count


def _room(count: int) -> int:
    """Bits of the longest N for which A and B, primes just below 2**23, exceed 2**12 k**2 N."""
    return int(count * (_PRIME_BITS - 1 / 64)) - 2 * count.bit_length() - 12


def fits(bits: int) -> bool:
    """Whether products of that size stay exact."""
    return primes_for(bits) <= _MOST_PRIMES


@dataclass(frozen=True, slots=True)
class Bases:
    """What depends on the size alone.

    Attributes:
        a: the primes of the first base, shape (k,).
        b: those of the second.
        a_parts: A_i mod b_j, shape (k, k).
        b_parts: B_j mod a_i, shape (k, k).
    """

    a: NDArray[np.int64]
    b: NDArray[np.int64]
    a_parts: NDArray[np.int64]
    b_parts: NDArray[np.int64]
    A: mpz
    B: mpz


@lru_cache(maxsize=16)
def bases_of(count: int) -> Bases:
    """Two bases of the largest primes that there are."""
    found: list[int] = []
    number = (1 << _PRIME_BITS) - 1
    while len(found) < 2 * count:
        if gmpy2.is_prime(number):
            found.append(number)
        number -= 2
    a, b = found[::2], found[1::2]
    A, B = gmpy2.mpz(1), gmpy2.mpz(1)
    for p, q in zip(a, b, strict=True):
        A, B = A * p, B * q
    a_parts = np.array([[int(A // p % q) for q in b] for p in a], dtype=np.int64)
    b_parts = np.array([[int(B // q % p) for p in a] for q in b], dtype=np.int64)
    return Bases(np.array(a), np.array(b), a_parts, b_parts, A, B)


class Constants:
    """What counting modulo N takes, as float64; columns of A come first, then those of B.

    Attributes:
        primes: all primes, shape (2 k,).
        to_q: -1 / (N A_i) mod a_i, shape (k,).
        extend: from q to r / A, shape (k, k).
        to_s: A / B_j mod b_j, shape (k,).
        back: from s to r mod a_i, and a last column of 1 / b_j, shape (k, k + 1).
        back_wrap: B mod a_i, shape (k,).
        digits: how many digits of 16 bits are read at once, less than 2**17 N.
        digit_rows: what each of them adds to remainders, shape (digits, 2 k).
        from_s: digits of 16 bits of each B_j, shape (k, places).
        wrap: those of B, shape (places,).
        bias: what lifts digits between -2**48 and 2**48 above 0, and is 0 mod N, shape (places,).
    """

    def __init__(self, modulus: int) -> None:
        """Raises ValueError for a modulus that is too long or has one of the primes as a factor."""
        self.modulus = n = mpz(modulus)
        if not fits(n.bit_length()):
            raise ValueError(f"{n.bit_length()} bits are too many")
        self.count = k = primes_for(n.bit_length())
        self.bases = bases = bases_of(k)
        self.radix = bases.A
        if gmpy2.gcd(n, bases.A * bases.B) != 1:
            raise ValueError("the modulus has a small factor")
        a, b, A, B = bases.a, bases.b, bases.A, bases.B
        self.primes = np.concatenate([a, b]).astype(np.float64)
        self._a_inverse = _each([gmpy2.invert(A, int(q)) for q in b])
        square = self._a_inverse * self._a_inverse % b
        self.to_q = _signed(_each([gmpy2.invert(-n * (A // p), p) for p in map(int, a)]), a)
        self.to_s = _signed(_each([A * gmpy2.invert(B // q, q) % q for q in map(int, b)]), b)
        factor = _each([n % int(q) for q in b]) * square % b
        self.extend = _signed(bases.a_parts * factor % b, b)
        self.back = np.hstack([_signed(bases.b_parts, a), 1 / b[:, np.newaxis]])
        self.back_wrap = _signed(_each([B % int(p) for p in a]), a)
        self.digits = n.bit_length() // DIGIT_BITS + 1
        self.digit_rows = self._powers_of_digits()
        places = (B.bit_length() + DIGIT_BITS - 1) // DIGIT_BITS
        self.from_s = np.stack([_digits(B // int(q), places) for q in b])
        self.wrap = _digits(B, places)
        lifted = sum(mpz(1) << (_BIAS_BITS + DIGIT_BITS * place) for place in range(places))
        self.bias = _digits(-lifted % n, places) + 2.0**_BIAS_BITS

    def row(self, value: int) -> Numbers:
        """Any integer as remainders, of value / A in the second base; shape (2 k,)."""
        a, b = self.bases.a, self.bases.b
        first = _each([value % int(p) for p in a])
        second = _each([value % int(q) for q in b]) * self._a_inverse % b
        return np.concatenate([_signed(first, a), _signed(second, b)])

    def number(self, value: int) -> Numbers:
        """A number modulo N as it is held, shape (2 k,)."""
        return self.row(value * self.radix % self.modulus)

    def _powers_of_digits(self) -> Numbers:
        primes = np.concatenate([self.bases.a, self.bases.b])
        power = np.concatenate([np.ones_like(self.bases.a), self._a_inverse])
        rows = []
        for _ in range(self.digits):
            rows.append(_signed(power, primes))
            power = (power << DIGIT_BITS) % primes
        return np.stack(rows)


def digits_of(data: bytes | memoryview, width: int) -> Numbers:
    """The numbers of a blob in digits of 16 bits, lowest first, shape (n, digits)."""
    octets = np.frombuffer(data, dtype=np.uint8).reshape(-1, width)
    if width % 2:
        octets = np.pad(octets, ((0, 0), (0, 1)))
    return np.ascontiguousarray(octets).view("<u2").astype(np.float64)


def _digits(value: int, places: int) -> Numbers:
    line: Numbers = digits_of(int(value).to_bytes(2 * places, "little"), 2 * places)[0]
    return line


def _each(values: Sequence[int]) -> NDArray[np.int64]:
    return np.array([int(value) for value in values], dtype=np.int64)


def _signed(remainders: NDArray[np.int64], primes: NDArray[np.int64]) -> Numbers:
    """The remainders that are nearest to zero."""
    result: Numbers = (remainders - primes * (2 * remainders > primes)).astype(np.float64)
    return result
