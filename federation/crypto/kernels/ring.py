"""Arithmetic modulo one big number, over whole arrays: what all paths offer.

Residues are arrays whose first axis counts numbers; what else they hold is the path's own affair,
so they can be sliced and joined and nothing else. Those of the paths of the processor are numpy's,
with its indexing and `concatenate`; those of the torch path are tensors. All are units.

Learns: nobody anything. Bases and labels may show in times and addresses: they are ciphertexts, or
the caller's own rows. Exponents of `power_all` and of a fixed base are secrets: the accelerated
path touches the same memory whatever they are.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from gmpy2 import mpz
from numpy.typing import NDArray

from federation.crypto import products

_FEW = 8

Residues = NDArray[Any]
"""First axis: numbers; the rest belongs to the ring that made it."""

Exponents = NDArray[Any]
"""Signed integers: int64, or Python integers as dtype object."""


class FixedBase(ABC):
    """Powers of one base, from tables made on first use."""

    @abstractmethod
    def random_powers(self, count: int, bits: int) -> Residues:
        """`count` powers, each of an exponent of at least `bits` bits, drawn and then forgotten."""

    @abstractmethod
    def powers(self, exponents: Exponents, bits: int) -> Residues:
        """One power for each exponent, 0 <= e < 2**bits."""


class Ring(ABC):
    """Units modulo `modulus`.

    Attributes:
        modulus: what is reduced by.
    """

    modulus: mpz

    @abstractmethod
    def one_plus(self, multiples: Exponents) -> Residues:
        """1 + m n for signed m, in a ring modulo n**2.

        Raises:
            ValueError: the ring is not known to be one.
        """

    @abstractmethod
    def ones(self, count: int) -> Residues:
        """`count` times 1."""

    def joined(self, parts: Sequence[Residues]) -> Residues:
        """All numbers of some arrays, of which there is at least one."""
        return np.concatenate(parts)

    @abstractmethod
    def from_ints(self, values: Sequence[int]) -> Residues:
        """Residues of integers that are not negative."""

    @abstractmethod
    def to_ints(self, residues: Residues) -> list[mpz]:
        """The integers 0 .. modulus - 1."""

    @abstractmethod
    def read(self, data: bytes | memoryview, width: int) -> Residues:
        """Residues of a blob of integers; they may be longer than the modulus."""

    @abstractmethod
    def write(self, residues: Residues, width: int) -> bytes:
        """The blob of the integers 0 .. modulus - 1, each in `width` bytes."""

    @abstractmethod
    def multiply(self, a: Residues, b: Residues) -> Residues:
        """Products, pair by pair; either may be a single number instead."""

    @abstractmethod
    def squares(self, a: Residues, times: int) -> Residues:
        """Each to the power 2**times."""

    @abstractmethod
    def power(self, a: Residues, exponents: Exponents) -> Residues:
        """Each to a power of its own, which is not negative."""

    @abstractmethod
    def power_all(self, a: Residues, exponent: int, bits: int) -> Residues:
        """Each to one secret power, 0 <= exponent < 2**bits."""

    @abstractmethod
    def inverses(self, a: Residues) -> Residues:
        """The inverse of each.

        Raises:
            BadCiphertext: a number shares a factor with the modulus.
        """

    @abstractmethod
    def bucket_products(
        self,
        a: Residues,
        labels: NDArray[np.int64],
        count: int,
        picks: NDArray[np.int64] | None = None,
    ) -> Residues:
        """The product of what falls into each of `count` buckets, 1 where nothing does.

        Args:
            a: numbers.
            labels: the bucket of each item, in 0 .. count - 1.
            count: how many buckets.
            picks: which number of `a` each item is; by default all in order.
        """

    @abstractmethod
    def power_products(self, exponents: Exponents, a: Residues) -> Residues:
        """prod_j a[j] ** exponents[i, j] for every row i; exponents are signed, shape (m, k).

        Raises:
            BadCiphertext: a number has no inverse.
        """

    @abstractmethod
    def fixed_base(self, base: int) -> FixedBase:
        """Powers of `base`."""

    # --- made of these, for rings that count in batches ------------------------------------------

    def paired_inverses(self, a: Residues) -> Residues:
        """As `inverses`: of half as many products of two, until few are left for gmpy2.

        Source: Montgomery 1987, section 10.3.1.
        """
        half = len(a) // 2
        if len(a) <= _FEW:
            return self.from_ints(products.inverses(self.to_ints(a), self.modulus))
        left, right, rest = a[:half], a[half : 2 * half], a[2 * half :]
        both = self.paired_inverses(self.joined([self.multiply(left, right), rest]))
        one, other = self.multiply(both[:half], right), self.multiply(both[:half], left)
        return self.joined([one, other, both[half:]])

    def power_table(self, a: Residues, window: int) -> Residues:
        """All powers below 2**window, by doubling: power d of a[i] is number d len(a) + i."""
        known, step = self.ones(len(a)), a
        for k in range(window):
            raised = self.multiply(known, self.joined([step] * (1 << k)))
            known, step = self.joined([known, raised]), self.squares(step, 1)
        return known
