"""The portable path: gmpy2's integers in numpy object arrays, one product at a time.

Powers free the interpreter, so those are split over threads. Powers of secret exponents are GMP's:
`powmod_sec` where it is used, tables otherwise, whose reads a neighbour on the same processor could
follow through the cache; the accelerated path reads all of a table.

Learns: nobody anything.
"""

import secrets
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import gmpy2
import numpy as np
from gmpy2 import mpz
from numpy.typing import NDArray

from federation.crypto import products
from federation.crypto.kernels.machine import thread_count
from federation.crypto.kernels.ring import Exponents, FixedBase, Residues, Ring

_FEW = 32
_THREAD_WORTHY = 8


class PortableRing(Ring):
    """Residues are dtype object, shape (n,)."""

    def __init__(self, modulus: int, root: int | None = None) -> None:
        self.modulus = mpz(modulus)
        self._root = root

    def one_plus(self, multiples: Exponents) -> Residues:
        if self._root is None:
            raise ValueError("the modulus is not known to be a square")
        n, modulus = mpz(self._root), self.modulus
        return _objects([(1 + m * n) % modulus for m in multiples.tolist()])

    def ones(self, count: int) -> Residues:
        return _objects([mpz(1)] * count)

    def from_ints(self, values: Sequence[int]) -> Residues:
        return _objects([value % self.modulus for value in values])

    def to_ints(self, residues: Residues) -> list[mpz]:
        values: list[mpz] = residues.tolist()
        return values

    def read(self, data: bytes | memoryview, width: int) -> Residues:
        whole = bytes(data)
        cuts = range(0, len(whole), width)
        return self.from_ints([mpz.from_bytes(whole[at : at + width], "little") for at in cuts])

    def write(self, residues: Residues, width: int) -> bytes:
        return b"".join(value.to_bytes(width, "little") for value in residues.tolist())

    def multiply(self, a: Residues, b: Residues) -> Residues:
        result: Residues = a * b % self.modulus
        return result

    def squares(self, a: Residues, times: int) -> Residues:
        return self._shared_power(a, 1 << times)

    def power(self, a: Residues, exponents: Exponents) -> Residues:
        pairs = zip(a.tolist(), exponents.tolist(), strict=True)
        return _objects([gmpy2.powmod(value, e, self.modulus) for value, e in pairs])

    def power_all(self, a: Residues, exponent: int, bits: int) -> Residues:
        return self._shared_power(a, exponent)

    def inverses(self, a: Residues) -> Residues:
        return _objects(products.inverses(a.tolist(), self.modulus))

    def bucket_products(
        self,
        a: Residues,
        labels: NDArray[np.int64],
        count: int,
        picks: NDArray[np.int64] | None = None,
    ) -> Residues:
        values, modulus = a.tolist(), self.modulus
        result = [mpz(1)] * count
        chosen = range(len(values)) if picks is None else picks.tolist()
        for label, pick in zip(labels.tolist(), chosen, strict=True):
            result[label] = result[label] * values[pick] % modulus
        return _objects(result)

    def power_products(self, exponents: Exponents, a: Residues) -> Residues:
        return _objects(products.power_products(exponents, a.tolist(), self.modulus))

    def fixed_base(self, base: int) -> FixedBase:
        return _PortableFixedBase(mpz(base), self.modulus)

    def _shared_power(self, a: Residues, exponent: int) -> Residues:
        values: list[mpz] = a.tolist()
        parts = min(thread_count(), len(values) // _THREAD_WORTHY)
        if parts <= 1:
            return _objects(products.powers(values, exponent, self.modulus))
        shares = [values[i::parts] for i in range(parts)]
        result = np.empty(len(values), dtype=object)
        with ThreadPoolExecutor(parts) as threads:
            powers = threads.map(lambda part: products.powers(part, exponent, self.modulus), shares)
            for i, part in enumerate(powers):
                result[i::parts] = part
        return result


class _PortableFixedBase(FixedBase):
    def __init__(self, base: mpz, modulus: mpz) -> None:
        self._base = base
        self._modulus = modulus
        self._tables: list[list[mpz]] = []

    def random_powers(self, count: int, bits: int) -> Residues:
        length = -(-bits // 8)
        drawn = [secrets.token_bytes(length) for _ in range(count)]
        return self._of_bytes(drawn, length)

    def powers(self, exponents: Exponents, bits: int) -> Residues:
        length = -(-bits // 8)
        numbers = exponents.tolist()
        return self._of_bytes([int(e).to_bytes(length, "little") for e in numbers], length)

    def _of_bytes(self, exponents: Sequence[bytes], length: int) -> Residues:
        modulus = self._modulus
        if len(exponents) < _FEW and len(self._tables) < length:
            numbers = [int.from_bytes(e, "little") for e in exponents]
            return _objects(
                [gmpy2.powmod_sec(self._base, e, modulus) if e else mpz(1) for e in numbers]
            )
        self._extend(length)
        result = []
        for exponent in exponents:
            power = mpz(1)
            for table, byte in zip(self._tables, exponent, strict=False):
                power = power * table[byte] % modulus
            result.append(power)
        return _objects(result)

    def _extend(self, length: int) -> None:
        tables = list(self._tables)
        while len(tables) < length:
            base = tables[-1][-1] * tables[-1][1] % self._modulus if tables else self._base
            tables.append(products.successive(base, 256, self._modulus))
        self._tables = tables


def _objects(values: Sequence[mpz]) -> Residues:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array
