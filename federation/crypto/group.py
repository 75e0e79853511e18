"""Ciphertexts that are numbers modulo a public modulus, where products of them add what is inside.

    E(x) E(y) = E(x + y)      E(x)**c = E(c x)      E(x) h = E(x) for h an encryption of zero

Paillier's are such, and so are Okamoto-Uchiyama's; a key of either says how a bare ciphertext (one
without randomness) and an encryption of zero are made, and this file does the counting, with the
kernels of this machine.

Learns: as `scheme`. A result carries the randomness of its operands only, so it is marked as not
fresh and the channel refreshes it before it leaves.
Source: Paillier 1999, section 8.
"""

import threading
from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Self

import gmpy2
import numpy as np
from gmpy2 import mpz
from numpy.typing import ArrayLike, NDArray

from federation.crypto import kernels
from federation.crypto.fixed_point import as_objects, precision_of, to_fixed
from federation.crypto.kernels import FixedBase, Residues, limbs
from federation.crypto.own_powers import Factor, OwnBase
from federation.crypto.scheme import Encrypted, PublicKey
from federation.errors import BadCiphertext, FixedPointOverflow, MixedKeys
from federation.wire.codec import BigIntVector


class GroupPublicKey(PublicKey):
    """A key whose ciphertexts are units modulo `modulus`.

    Attributes:
        modulus: of the ciphertexts.
        root: its square root, where it has one.
        width: bytes of one ciphertext.
    """

    modulus: mpz
    root: mpz | None = None
    width: int

    def __init__(self) -> None:
        self._ahead: list[Residues] = []
        self._taking = threading.Lock()
        self._factors: tuple[Factor, Factor] | None = None

    @cached_property
    def ring(self) -> kernels.Ring:
        """Arithmetic modulo `modulus`, made when first needed."""
        return kernels.ring(self.modulus, self.root)

    def know(self, one: Factor, other: Factor) -> None:
        """Encrypt by the factors of `modulus`, as only the owner of the key can."""
        self._factors = one, other

    def randomness(self, base: int) -> FixedBase:
        """Random powers of a public number, the quickest way that this party has."""
        if self._factors is None:
            return self.ring.fixed_base(base)
        return OwnBase(self.ring, base, *self._factors)

    @abstractmethod
    def bare(self, plain: NDArray[Any]) -> Residues:
        """Ciphertexts of signed integers, shape (n,), without randomness; they hide nothing."""

    @abstractmethod
    def new_zeros(self, count: int) -> Residues:
        """`count` encryptions of zero, each with randomness of its own, made now."""

    def prepare(self, count: int) -> None:
        made = self.new_zeros(count)
        with self._taking:
            self._ahead.append(made)

    def zeros(self, count: int) -> Residues:
        """`count` encryptions of zero, each given out once; those made ahead go first."""
        taken, missing = [], count
        with self._taking:
            while missing and self._ahead:
                made = self._ahead.pop()
                taken.append(made[:missing])
                if len(made) > missing:
                    self._ahead.append(made[missing:])
                missing -= len(taken[-1])
        if missing or not taken:
            taken.append(self.new_zeros(missing))
        return np.concatenate(taken)

    def encrypt(self, values: ArrayLike, *, precision: int | None = None) -> "GroupEncrypted":
        array = np.asarray(values)
        bits = precision_of(array, precision)
        fixed = to_fixed(array, bits, self.limit)
        return GroupEncrypted(self, self._hidden(fixed.ravel()), array.shape, bits, True)

    def encrypt_ints(self, values: Sequence[int], *, precision: int = 0) -> "GroupEncrypted":
        beyond = sum(abs(value) >= self.limit for value in values)
        if beyond:
            raise FixedPointOverflow(beyond)
        plain = as_objects(values, (len(values),))
        return GroupEncrypted(self, self._hidden(plain), plain.shape, precision, True)

    def _hidden(self, plain: NDArray[Any]) -> Residues:
        return self.ring.multiply(self.bare(plain), self.zeros(len(plain)))

    def _read_cells(self, cells: Any, shape: tuple[int, ...], precision: int) -> "GroupEncrypted":
        if not isinstance(cells, BigIntVector):
            raise BadCiphertext("its cells are not a vector of big integers")
        if cells.width != self.width:
            raise BadCiphertext(f"it is {cells.width} bytes wide and not {self.width}")
        count = 1
        for length in shape:
            count *= length
        if len(cells) != count:
            raise BadCiphertext(f"there are {len(cells)} of them for a shape of {count}")
        if limbs.beyond(cells.data, self.width, int(self.modulus)).any():
            raise BadCiphertext("it is out of range")
        values = self.ring.read(cells.data, self.width)
        together = self.ring.bucket_products(values, np.zeros(count, dtype=np.int64), 1)
        if gmpy2.gcd(self.ring.to_ints(together)[0], self.modulus) != 1:
            raise BadCiphertext("it has no inverse")
        return GroupEncrypted(self, values, shape, precision, False)


class GroupEncrypted(Encrypted):
    """An array of such ciphertexts, in C order."""

    key: GroupPublicKey

    def __init__(
        self,
        key: GroupPublicKey,
        residues: Residues,
        shape: tuple[int, ...],
        precision: int,
        fresh: bool,
    ) -> None:
        self.key = key
        self.shape = shape
        self.precision = precision
        self.fresh = fresh
        self.residues = residues

    @property
    def values(self) -> list[mpz]:
        """The ciphertexts as integers."""
        return self.key.ring.to_ints(self.residues)

    def __add__(self, other: Encrypted | ArrayLike) -> Self:
        theirs = self._same_key(other) if isinstance(other, Encrypted) else self._bare(other)
        precision = max(self.precision, theirs.precision)
        shape = np.broadcast_shapes(self.shape, theirs.shape)
        mine = self._at(precision)._spread(shape)
        values = self.key.ring.multiply(mine, theirs._at(precision)._spread(shape))
        return self._like(values, shape, precision)

    def __mul__(self, plain: ArrayLike) -> Self:
        if isinstance(plain, Encrypted):
            raise TypeError("ciphertexts can not be multiplied with each other")
        array = np.asarray(plain)
        bits = precision_of(array, None)
        shape = np.broadcast_shapes(self.shape, array.shape)
        factors = np.broadcast_to(to_fixed(array, bits, self.key.limit), shape)
        values = _raised(self.key.ring, self._spread(shape), factors.ravel())
        return self._like(values, shape, self.precision + bits)

    def __neg__(self) -> Self:
        return self._like(self.key.ring.inverses(self.residues))

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
            self.key.ring.power_products(factors, self.residues[column::width])
            for column in range(width)
        ]
        shape = (matrix.shape[0], *self.shape[1:])
        values = np.stack(columns, axis=1) if columns else self.residues[:0]
        values = values.reshape(matrix.shape[0] * width, *self.residues.shape[1:])
        return self._like(values, shape, self.precision + bits)

    def __getitem__(self, index: Any) -> Self:
        return self._picked(self._positions()[index])

    def reshape(self, *shape: int) -> Self:
        return self._like(
            self.residues, self._positions().reshape(*shape).shape, self.precision, self.fresh
        )

    def transpose(self) -> Self:
        turned = self._picked(self._positions().T)
        return self._like(turned.residues, turned.shape, self.precision, self.fresh)

    def sum(self, axis: int | None = None) -> Self:
        positions = self._positions()
        lines = positions.reshape(1, -1) if axis is None else np.moveaxis(positions, axis, -1)
        shape = () if axis is None else lines.shape[:-1]
        count, length = int(np.prod(shape)), lines.shape[-1]
        labels = np.repeat(np.arange(count), length)
        return self._summed(labels, count, lines.reshape(-1), shape)

    def bucket_sums(
        self, labels: NDArray[np.int64], count: int, picks: NDArray[np.int64] | None = None
    ) -> Self:
        if self.ndim != 1:
            raise ValueError("only a line of ciphertexts falls into buckets")
        chosen = np.arange(self.size) if picks is None else np.asarray(picks, dtype=np.int64)
        where = np.asarray(labels, dtype=np.int64)
        if where.shape != chosen.shape or where.ndim != 1:
            raise ValueError("every item needs one bucket")
        for indices, bound in ((where, count), (chosen, self.size)):
            if indices.size and not 0 <= indices.min() <= indices.max() < bound:
                raise IndexError("a bucket or an item is out of range")
        return self._summed(where, count, chosen, (count,))

    def _summed(
        self,
        labels: NDArray[np.int64],
        count: int,
        picks: NDArray[np.int64],
        shape: tuple[int, ...],
    ) -> Self:
        return self._like(self.key.ring.bucket_products(self.residues, labels, count, picks), shape)

    def halved(self, times: int) -> Self:
        return self._like(self.residues, self.shape, self.precision + times, self.fresh)

    def doubled(self, times: int) -> Self:
        return self._like(self.key.ring.squares(self.residues, times))

    def refreshed(self) -> Self:
        values = self.key.ring.multiply(self.residues, self.key.zeros(len(self.residues)))
        return self._like(values, self.shape, self.precision, True)

    def _cells(self) -> BigIntVector:
        width = self.key.width
        return BigIntVector(width, self.key.ring.write(self.residues, width))

    def _joined(self, others: Sequence[Encrypted]) -> Self:
        parts = [self, *(self._same_key(other) for other in others)]
        precision = max(part.precision for part in parts)
        rest = self.shape[1:]
        if not all(part.shape and part.shape[1:] == rest for part in parts):
            raise ValueError("arrays that differ beyond the first axis can not be joined")
        values = np.concatenate([part._at(precision).residues for part in parts])
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
        return self._like(self.key.bare(fixed.ravel()), array.shape, precision)

    def _at(self, precision: int) -> Self:
        """The same values at a precision that is as fine or finer."""
        if precision == self.precision:
            return self
        raised = self.key.ring.squares(self.residues, precision - self.precision)
        return self._like(raised, self.shape, precision)

    def _positions(self) -> NDArray[np.int64]:
        return np.arange(self.size, dtype=np.int64).reshape(self.shape)

    def _picked(self, positions: NDArray[np.int64]) -> Self:
        return self._like(self.residues.take(positions.ravel(), axis=0), positions.shape)

    def _spread(self, shape: tuple[int, ...]) -> Residues:
        if shape == self.shape:
            return self.residues
        return self._picked(np.broadcast_to(self._positions(), shape)).residues

    def _like(
        self,
        residues: Residues,
        shape: tuple[int, ...] | None = None,
        precision: int | None = None,
        fresh: bool = False,
    ) -> Self:
        return type(self)(
            self.key,
            residues,
            self.shape if shape is None else shape,
            self.precision if precision is None else precision,
            fresh,
        )


def _raised(ring: kernels.Ring, values: Residues, exponents: NDArray[Any]) -> Residues:
    """Each value to a signed power of its own."""
    result = ring.power(values, np.abs(exponents))
    below = np.flatnonzero(exponents < 0)
    if len(below):
        result[below] = ring.inverses(result[below])
    return result
