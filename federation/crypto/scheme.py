"""What every additively homomorphic scheme offers: keys, and arrays of ciphertexts to count with.

Components know these classes only, so the scheme behind them can change. A scheme is a class of
public key (registered under its name), a class of private key and a class of `Encrypted`.

    decrypt(E(x) + E(y)) = x + y      decrypt(E(x) * c) = c x      decrypt(A @ E(x)) = A x

Learns: who holds the public key alone learns shapes and precisions; who holds the private key also
learns values, and from ciphertexts that were not refreshed how they were computed.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from federation.errors import BadCiphertext, BadPublicKey, MixedKeys, UnknownKey

Wire = dict[str, Any]
"""A mapping of types that the codec has."""

FINGERPRINT_BYTES = 16
_MOST_DIMENSIONS = 4
_MOST_PRECISION = 1024


class PublicKey(ABC):
    """What encrypts and refreshes.

    Attributes:
        scheme: its name on the wire.
        bits: length of the modulus.
        limit: the least magnitude that a plaintext, as an integer, must not reach.
        fingerprint: 16 bytes that name this key.
    """

    scheme: ClassVar[str]
    bits: int
    limit: int
    fingerprint: bytes
    _schemes: ClassVar[dict[str, type["PublicKey"]]] = {}

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "scheme" in cls.__dict__:
            PublicKey._schemes[cls.scheme] = cls

    @abstractmethod
    def encrypt(self, values: ArrayLike, *, precision: int | None = None) -> "Encrypted":
        """Ciphertexts of `values`, each with randomness of its own.

        Args:
            values: finite real, integer or boolean numbers, any shape.
            precision: bits after the binary point; by default 23 for real values, 0 for integers.

        Raises:
            NonFiniteValues: NaN or infinite values.
            FixedPointOverflow: a value does not fit.
        """

    @abstractmethod
    def encrypt_ints(self, values: Sequence[int], *, precision: int = 0) -> "Encrypted":
        """Ciphertexts of integers of any size that stand for values[i] / 2**precision."""

    def prepare(self, count: int) -> None:
        """Make randomness for the next `count` ciphertexts ahead, in the thread of the caller.

        Each piece is used for one ciphertext and forgotten. A scheme that gains nothing by it does
        nothing.
        """
        del count

    @abstractmethod
    def to_wire(self) -> Wire:
        """The key as the codec carries it."""

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> "PublicKey":
        """The key a peer sent, checked.

        Raises:
            BadPublicKey: no such scheme, too short, or not well formed.
        """
        name = wire.get("scheme")
        kind = PublicKey._schemes.get(name) if isinstance(name, str) else None
        if kind is None:
            raise BadPublicKey("its scheme is not known here")
        return kind._read(wire)

    @classmethod
    @abstractmethod
    def _read(cls, wire: Mapping[str, Any]) -> "PublicKey": ...

    @abstractmethod
    def _read_cells(self, cells: Any, shape: tuple[int, ...], precision: int) -> "Encrypted": ...

    @property
    def short_name(self) -> str:
        """The start of the fingerprint, for people."""
        return self.fingerprint[:4].hex()

    def __eq__(self, other: object) -> bool:
        """Whether both are the same key."""
        if not isinstance(other, PublicKey):
            return NotImplemented
        return self.fingerprint == other.fingerprint

    def __hash__(self) -> int:
        """Hash of the fingerprint."""
        return hash(self.fingerprint)

    def __repr__(self) -> str:
        """Scheme, size and short name."""
        return f"{type(self).__name__}({self.bits} bits, {self.short_name})"


class PrivateKey(ABC):
    """What decrypts; it has no wire form and prints nothing of itself.

    Attributes:
        public: the key that goes with it.
    """

    public: PublicKey

    @abstractmethod
    def decrypt_ints(self, encrypted: "Encrypted") -> list[int]:
        """The signed integers inside, in order: value * 2**precision.

        Raises:
            MixedKeys: ciphertexts of another key.
            FixedPointOverflow: a sum or product left the range.
        """

    @abstractmethod
    def decrypt(self, encrypted: "Encrypted") -> NDArray[np.float64]:
        """The values inside, in the shape of `encrypted`.

        Raises:
            MixedKeys: ciphertexts of another key.
            FixedPointOverflow: a sum or product left the range, or that of a double.
        """

    def __repr__(self) -> str:
        """The public half alone."""
        return f"{type(self).__name__}(of {self.public!r})"


class Encrypted(ABC):
    """An array of ciphertexts under one key, at one precision; it never changes.

    Shapes broadcast and index as numpy's. Adding aligns precisions, multiplying adds them; plain
    real numbers enter at 23 bits, plain integers at none. Only what `encrypt` and `refreshed` gave
    is `fresh`: all else could tell how it was computed, or which letter it came with.

    Attributes:
        key: whose ciphertexts.
        shape: as an array's.
        precision: bits after the binary point.
        fresh: each ciphertext has randomness that no other letter has shown.
    """

    key: PublicKey
    shape: tuple[int, ...]
    precision: int
    fresh: bool

    __array_ufunc__ = None  # numpy leaves `array + encrypted` and `array @ encrypted` to us

    @property
    def size(self) -> int:
        """How many ciphertexts."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def ndim(self) -> int:
        """How many axes."""
        return len(self.shape)

    def __len__(self) -> int:
        """Length of the first axis."""
        if not self.shape:
            raise TypeError("a single ciphertext has no length")
        return self.shape[0]

    def __iter__(self) -> Iterator[Self]:
        """Along the first axis."""
        return (self[i] for i in range(len(self)))

    @abstractmethod
    def __add__(self, other: "Encrypted | ArrayLike") -> Self:
        """Sum with ciphertexts of the same key, or with plain numbers."""

    @abstractmethod
    def __mul__(self, plain: ArrayLike) -> Self:
        """Product with plain numbers."""

    @abstractmethod
    def __neg__(self) -> Self:
        """All values negated."""

    @abstractmethod
    def __rmatmul__(self, plain: NDArray[Any]) -> Self:
        """Plain (m, k) or (k,) times self (k,) or (k, p)."""

    @abstractmethod
    def __getitem__(self, index: Any) -> Self:
        """Part of the array, by any numpy index."""

    @abstractmethod
    def reshape(self, *shape: int) -> Self:
        """The same ciphertexts in another shape; one length may be -1."""

    @abstractmethod
    def transpose(self) -> Self:
        """Axes in reverse order."""

    @abstractmethod
    def sum(self, axis: int | None = None) -> Self:
        """Sum of all values, or along one axis."""

    @abstractmethod
    def bucket_sums(
        self, labels: NDArray[np.int64], count: int, picks: NDArray[np.int64] | None = None
    ) -> Self:
        """The sum of what falls into each of `count` buckets, shape (count,); 0 where nothing does.

        Args:
            labels: the bucket of each item, in 0 .. count - 1.
            count: how many buckets.
            picks: which ciphertext of this line each item is; by default all in order.
        """

    @abstractmethod
    def halved(self, times: int) -> Self:
        """Exactly value / 2**times: the same ciphertexts, with the point further left."""

    @abstractmethod
    def doubled(self, times: int) -> Self:
        """Exactly value * 2**times, at the same precision."""

    @abstractmethod
    def refreshed(self) -> Self:
        """The same values under new randomness: nobody can link them to the old ciphertexts."""

    @abstractmethod
    def _cells(self) -> Any: ...

    @abstractmethod
    def _joined(self, others: Sequence["Encrypted"]) -> Self: ...

    def __radd__(self, plain: ArrayLike) -> Self:
        """Sum with plain numbers."""
        return self + plain

    def __sub__(self, other: "Encrypted | ArrayLike") -> Self:
        """Difference; subtracting ciphertexts costs one inversion and 3 products each."""
        return self + (-other if isinstance(other, Encrypted) else -np.asarray(other))

    def __rsub__(self, plain: ArrayLike) -> Self:
        """Plain numbers less self."""
        return -self + plain

    def __rmul__(self, plain: ArrayLike) -> Self:
        """Product with plain numbers."""
        return self * plain

    def __matmul__(self, plain: NDArray[Any]) -> Self:
        """Self (k,) or (p, k) times plain (k, m)."""
        return self.transpose().__rmatmul__(np.asarray(plain).T).transpose()

    def __repr__(self) -> str:
        """Shape, precision and key."""
        state = "fresh" if self.fresh else "derived"
        return f"Encrypted({self.shape}, 2**-{self.precision}, key {self.key.short_name}, {state})"

    def to_wire(self) -> Wire:
        """The array as the codec carries it: key, shape, precision, and blobs of ciphertexts."""
        return {
            "key": self.key.fingerprint,
            "shape": list(self.shape),
            "precision": self.precision,
            "cells": self._cells(),
        }

    @staticmethod
    def from_wire(wire: Mapping[str, Any], key: PublicKey) -> "Encrypted":
        """The array a peer sent, checked; it is not fresh, for the peer has seen it.

        Raises:
            MixedKeys: ciphertexts of another key.
            BadCiphertext: not well formed, or a number that no encryption gives.
        """
        if set(wire) != {"key", "shape", "precision", "cells"}:
            raise BadCiphertext("it has other fields than key, shape, precision and cells")
        fingerprint_of(wire, key)
        shape, precision, cells = wire["shape"], wire["precision"], wire["cells"]
        if not isinstance(shape, list) or len(shape) > _MOST_DIMENSIONS:
            raise BadCiphertext("its shape is not one of at most four axes")
        if not all(type(length) is int and 0 <= length < 1 << 40 for length in shape):
            raise BadCiphertext("its shape has an axis that is no length")
        if type(precision) is not int or not 0 <= precision <= _MOST_PRECISION:
            raise BadCiphertext("its precision is out of range")
        return key._read_cells(cells, tuple(shape), precision)


def fingerprint_of(wire: Mapping[str, Any], key: PublicKey | None = None) -> bytes:
    """The key that ciphertexts on the wire name.

    Raises:
        BadCiphertext: they name none.
        MixedKeys: they name another than `key`.
    """
    fingerprint = wire.get("key")
    if not isinstance(fingerprint, bytes) or len(fingerprint) != FINGERPRINT_BYTES:
        raise BadCiphertext("it does not name its key")
    if key is not None and fingerprint != key.fingerprint:
        raise MixedKeys(fingerprint[:4].hex(), key.short_name)
    return fingerprint


def matmul(plain: NDArray[Any], encrypted: Encrypted) -> Encrypted:
    """Plain (m, k) times encrypted (k,) or (k, p): shape (m,) or (m, p)."""
    return encrypted.__rmatmul__(plain)


def concatenate(parts: Sequence[Encrypted]) -> Encrypted:
    """Arrays of one key joined along the first axis, at the highest precision among them.

    Raises:
        MixedKeys: arrays of different keys.
    """
    if not parts:
        raise ValueError("there is nothing to concatenate")
    return parts[0]._joined(parts[1:])


class KeyRing:
    """The public keys that ciphertexts received in a job may belong to."""

    def __init__(self) -> None:
        self._keys: dict[bytes, PublicKey] = {}

    def add(self, key: PublicKey) -> None:
        """Know one more key."""
        self._keys[key.fingerprint] = key

    def get(self, fingerprint: bytes) -> PublicKey:
        """The key of that fingerprint.

        Raises:
            UnknownKey: it was never added.
        """
        try:
            return self._keys[fingerprint]
        except KeyError:
            raise UnknownKey(fingerprint[:4].hex()) from None

    def known(self, key: PublicKey) -> PublicKey:
        """The key, as it was first added: what was computed for it is not computed again."""
        return self._keys.setdefault(key.fingerprint, key)

    def read(self, wire: Mapping[str, Any]) -> Encrypted:
        """Ciphertexts a peer sent, under whichever known key they name.

        Raises:
            UnknownKey: it was never added.
            BadCiphertext: not well formed.
        """
        return Encrypted.from_wire(wire, self.get(fingerprint_of(wire)))
