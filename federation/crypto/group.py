"""Ciphertexts that are numbers modulo a public modulus, where products of them add what is inside.

    E(x) E(y) = E(x + y)      E(x)**c = E(c x)      E(x) h = E(x) for h an encryption of zero

Paillier's are such, and so are Okamoto-Uchiyama's; a key of either says how a bare ciphertext (one
without randomness) and an encryption of zero are made, and this file does the counting.

Learns: as `scheme`. A result carries the randomness of its operands only, so it is marked as not
fresh and the channel refreshes it before it leaves.
Source: Paillier 1999, section 8.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Self

import gmpy2
import numpy as np
from gmpy2 import mpz
from numpy.typing import ArrayLike, NDArray

from federation.crypto.fixed_point import precision_of, to_fixed
from federation.crypto.products import inverses, power_products, powers
from federation.crypto.scheme import Encrypted, PublicKey
from federation.errors import BadCiphertext, FixedPointOverflow, MixedKeys
from federation.wire.codec import BigIntVector


class GroupPublicKey(PublicKey):
    """A key whose ciphertexts are units modulo `modulus`.

    Attributes:
        modulus: of the ciphertexts.
        width: bytes of one ciphertext.
        limit: the least magnitude that a plaintext must not reach.
    """

    modulus: mpz
    width: int
    limit: int

    @abstractmethod
    def bare(self, plain: Sequence[int]) -> list[mpz]:
        """Ciphertexts of signed integers without randomness; they hide nothing."""

    @abstractmethod
    def zeros(self, count: int) -> list[mpz]:
        """`count` encryptions of zero, each with randomness of its own."""

    def encrypt(self, values: ArrayLike, *, precision: int | None = None) -> "GroupEncrypted":
        array = np.asarray(values)
        bits = precision_of(array, precision)
        fixed = to_fixed(array, bits, self.limit)
        return GroupEncrypted(self, self._hidden(fixed.ravel().tolist()), array.shape, bits, True)

    def encrypt_ints(self, values: Sequence[int], *, precision: int = 0) -> "GroupEncrypted":
        beyond = sum(abs(value) >= self.limit for value in values)
        if beyond:
            raise FixedPointOverflow(beyond)
        return GroupEncrypted(self, self._hidden(values), (len(values),), precision, True)

    def _hidden(self, plain: Sequence[int]) -> list[mpz]:
        return multiplied(self.bare(plain), self.zeros(len(plain)), self.modulus)

    def _read_cells(
        self, cells: BigIntVector, shape: tuple[int, ...], precision: int
    ) -> "GroupEncrypted":
        if cells.width != self.width:
            raise BadCiphertext(f"it is {cells.width} bytes wide and not {self.width}")
        count = 1
        for length in shape:
            count *= length
        if len(cells) != count:
            raise BadCiphertext(f"there are {len(cells)} of them for a shape of {count}")
        width, data, modulus = self.width, bytes(cells.data), self.modulus
        values = [
            mpz.from_bytes(data[start : start + width], "little")
            for start in range(0, len(data), width)
        ]
        product = mpz(1)
        for value in values:
            if not 0 < value < modulus:
                raise BadCiphertext("it is out of range")
            product = product * value % modulus
        if gmpy2.gcd(product, modulus) != 1:
            raise BadCiphertext("it has no inverse")
        return GroupEncrypted(self, values, shape, precision, False)


class GroupEncrypted(Encrypted):
    """An array of such ciphertexts, in C order."""

    key: GroupPublicKey

    def __init__(
        self,
        key: GroupPublicKey,
        values: list[mpz],
        shape: tuple[int, ...],
        precision: int,
        fresh: bool,
    ) -> None:
        self.key = key
        self.shape = shape
        self.precision = precision
        self.fresh = fresh
        self.values = values

    def __add__(self, other: Encrypted | ArrayLike) -> Self:
        theirs = self._same_key(other) if isinstance(other, Encrypted) else self._bare(other)
        precision = max(self.precision, theirs.precision)
        shape = np.broadcast_shapes(self.shape, theirs.shape)
        mine = self._at(precision)._spread(shape)
        values = multiplied(mine, theirs._at(precision)._spread(shape), self.key.modulus)
        return self._like(values, shape, precision)

    def __mul__(self, plain: ArrayLike) -> Self:
        if isinstance(plain, Encrypted):
            raise TypeError("ciphertexts can not be multiplied with each other")
        array = np.asarray(plain)
        bits = precision_of(array, None)
        shape = np.broadcast_shapes(self.shape, array.shape)
        factors = np.broadcast_to(to_fixed(array, bits, self.key.limit), shape)
        values = _raised(self._spread(shape), factors.ravel().tolist(), self.key.modulus)
        return self._like(values, shape, self.precision + bits)

    def __neg__(self) -> Self:
        return self._like(inverses(self.values, self.key.modulus))

    def __rmatmul__(self, plain: NDArray[Any]) -> Self:
        matrix = np.asarray(plain)
        if matrix.ndim == 1:
            return self.__rmatmul__(matrix[np.newaxis])[0]
        if matrix.ndim != 2 or self.ndim not in (1, 2) or matrix.shape[1] != self.shape[0]:
            raise ValueError(f"shapes {matrix.shape} and {self.shape} do not go together")
        bits = precision_of(matrix, None)
        factors = to_fixed(matrix, bits, self.key.limit)
        width = self.size // self.shape[0] if self.shape[0] else int(np.prod(self.shape[1:]))
        columns = [
            power_products(factors, self.values[column::width], self.key.modulus)
            for column in range(width)
        ]
        values = [value for row in zip(*columns, strict=True) for value in row]
        return self._like(values, (matrix.shape[0], *self.shape[1:]), self.precision + bits)

    def __getitem__(self, index: Any) -> Self:
        return self._picked(self._positions()[index])

    def reshape(self, *shape: int) -> Self:
        return self._like(
            self.values, self._positions().reshape(*shape).shape, self.precision, self.fresh
        )

    def transpose(self) -> Self:
        turned = self._picked(self._positions().T)
        return self._like(turned.values, turned.shape, self.precision, self.fresh)

    def sum(self, axis: int | None = None) -> Self:
        positions = self._positions()
        lines = positions.reshape(1, -1) if axis is None else np.moveaxis(positions, axis, -1)
        shape = () if axis is None else lines.shape[:-1]
        modulus, values = self.key.modulus, []
        for line in lines.reshape(int(np.prod(shape)), lines.shape[-1]).tolist():
            total = mpz(1)
            for position in line:
                total = total * self.values[position] % modulus
            values.append(total)
        return self._like(values, shape)

    def halved(self, times: int) -> Self:
        return self._like(self.values, self.shape, self.precision + times, self.fresh)

    def refreshed(self) -> Self:
        zeros = self.key.zeros(len(self.values))
        values = multiplied(self.values, zeros, self.key.modulus)
        return self._like(values, self.shape, self.precision, True)

    def _cells(self) -> BigIntVector:
        return BigIntVector.from_ints(self.values, self.key.width)

    def _joined(self, others: Sequence[Encrypted]) -> Self:
        parts = [self, *(self._same_key(other) for other in others)]
        precision = max(part.precision for part in parts)
        rest = self.shape[1:]
        if not all(part.shape and part.shape[1:] == rest for part in parts):
            raise ValueError("arrays that differ beyond the first axis can not be joined")
        values = [value for part in parts for value in part._at(precision).values]
        distinct = len({id(part) for part in parts}) == len(parts)
        fresh = distinct and all(part.fresh and part.precision == precision for part in parts)
        return self._like(values, (sum(map(len, parts)), *rest), precision, fresh)

    def _same_key(self, other: Encrypted) -> Self:
        if not isinstance(other, type(self)) or other.key != self.key:
            raise MixedKeys(other.key.short_name, self.key.short_name)
        return other

    def _bare(self, plain: ArrayLike) -> Self:
        """Plain numbers as ciphertexts without randomness, at self's precision or finer."""
        array = np.asarray(plain)
        precision = max(self.precision, precision_of(array, None))
        fixed = to_fixed(array, precision, self.key.limit)
        return self._like(self.key.bare(fixed.ravel().tolist()), array.shape, precision)

    def _at(self, precision: int) -> Self:
        """The same values at a precision that is as fine or finer."""
        if precision == self.precision:
            return self
        raised = powers(self.values, 1 << (precision - self.precision), self.key.modulus)
        return self._like(raised, self.shape, precision)

    def _positions(self) -> NDArray[np.int64]:
        return np.arange(len(self.values), dtype=np.int64).reshape(self.shape)

    def _picked(self, positions: NDArray[np.int64]) -> Self:
        values = self.values
        return self._like([values[i] for i in positions.ravel().tolist()], positions.shape)

    def _spread(self, shape: tuple[int, ...]) -> list[mpz]:
        if shape == self.shape:
            return self.values
        return self._picked(np.broadcast_to(self._positions(), shape)).values

    def _like(
        self,
        values: list[mpz],
        shape: tuple[int, ...] | None = None,
        precision: int | None = None,
        fresh: bool = False,
    ) -> Self:
        return type(self)(
            self.key,
            values,
            self.shape if shape is None else shape,
            self.precision if precision is None else precision,
            fresh,
        )


def multiplied(one: list[mpz], other: list[mpz], modulus: mpz) -> list[mpz]:
    """Products, pair by pair."""
    return [a * b % modulus for a, b in zip(one, other, strict=True)]


def _raised(values: list[mpz], exponents: list[int], modulus: mpz) -> list[mpz]:
    """Each value to a signed power of its own, with one inversion for all."""
    powmod = gmpy2.powmod
    result = [powmod(v, abs(e), modulus) for v, e in zip(values, exponents, strict=True)]
    below = [i for i, exponent in enumerate(exponents) if exponent < 0]
    for i, value in zip(below, inverses([result[i] for i in below], modulus), strict=True):
        result[i] = value
    return result
