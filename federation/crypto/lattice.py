"""Brakerski, Fan and Vercauteren's scheme: thousands of numbers a ciphertext, made for X^T d.

A vector v is the coefficients of a polynomial, 8192 numbers a ciphertext. Row x of a plain matrix
is the polynomial x_0 - sum_i x_i X**(8192 - i): the product's constant coefficient is x^T v, for

    E(v) = encryption of sum_i v_i X**i,      (E(v) x)_0 = sum_i x_i v_i      as X**8192 = -1

A product of a matrix is one ciphertext a row, whose constant coefficient alone has a meaning. As it
is refreshed, all other coefficients are hidden behind uniform ones, a new encryption of zero
is added, and two of four primes of q are dropped by rounding. Rounding takes away what the noise
tells of the factors: it is below 2**45 before and is divided by 2**94.

Security: 128 bits, ring learning with errors, parameters of the standard (`seal`). Error: none but
the fixed point's, with 16 bits after the point for what is encrypted, and for a matrix as many as
the number of its columns leaves room for: 15 at 30,000, 20 at 600. Magnitudes of fresh numbers are
below 128, and on average of factors below 4. A ciphertext carries the largest magnitude that its
numbers can have by the operations that made it, whatever they are, and what could wrap around is an
overflow.

Learns: who lacks the private key nothing; who holds it the products that are sent to it, and
nothing of how they came about (up to 2**-36 a ciphertext). Of a line that was added up, and is not
a product, its noise would tell it more: such a line is for parties without the key. Decrypted
values are exact, so sharing them tells nothing of the key; CKKS's are rounded by the noise, and
sharing those does (Li, Micciancio 2021): that is why this is not CKKS. Parties are assumed to send
what the protocol makes: a decryption that fails, and is seen to fail, could tell of the key.
Source: Fan, Vercauteren 2012; Huang et al. 2022 (Cheetah), section 3 (coefficients); de Castro,
Juvekar, Vaikuntanathan 2021, section 4 (rounding).
"""

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from federation.crypto.fixed_point import from_fixed, precision_of, to_fixed
from federation.crypto.lattice_array import (
    LIMIT_BITS,
    MOST_TERMS,
    PRECISION,
    LatticeEncrypted,
    lacks,
)
from federation.crypto.scheme import FINGERPRINT_BYTES, Encrypted, PrivateKey, PublicKey, Wire
from federation.crypto.seal import DEGREE, HALF, PRIME_BITS, Coefficients, Thing, seal
from federation.errors import BadCiphertext, BadPublicKey, FixedPointOverflow, MixedKeys


class LatticePublicKey(PublicKey):
    """A pair of polynomials; its numbers are always those of `seal`."""

    scheme: ClassVar[str] = "bfv"

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.bits = sum(PRIME_BITS)
        self.limit = 1 << LIMIT_BITS
        digest = hashlib.sha256(self.scheme.encode() + data)
        self.fingerprint = digest.digest()[:FINGERPRINT_BYTES]

    @cached_property
    def encryptor(self) -> Thing:
        """What encrypts."""
        library = seal()
        return library.library.Encryptor(library.context, library.public_key(self._data))

    def encrypt(self, values: ArrayLike, *, precision: int | None = None) -> LatticeEncrypted:
        array = np.asarray(values)
        bits = min(precision_of(array, precision), PRECISION)
        return self._hidden(to_fixed(array, bits, self.limit), bits)

    def encrypt_ints(self, values: Sequence[int], *, precision: int = 0) -> LatticeEncrypted:
        beyond = sum(abs(value) >= self.limit for value in values)
        if beyond:
            raise FixedPointOverflow(beyond)
        return self._hidden(np.array(values, dtype=np.int64), precision)

    def _hidden(self, fixed: NDArray[Any], precision: int) -> LatticeEncrypted:
        if fixed.ndim > 1:
            lacks("arrays of several axes")
        line = np.atleast_1d(fixed)
        blocks = [self.made(line[start : start + DEGREE]) for start in range(0, len(line), DEGREE)]
        return LatticeEncrypted(
            self, blocks, fixed.shape, precision, fresh=True, apart=False, most=self.limit
        )

    def made(self, coefficients: Coefficients) -> Thing:
        """A new encryption of a polynomial."""
        library = seal()
        result = library.new()
        if coefficients.any():
            self.encryptor.encrypt(library.polynomial(coefficients), result)
        else:
            self.encryptor.encrypt_zero(result)
        return result

    def to_wire(self) -> Wire:
        return {"scheme": self.scheme, "data": self._data}

    @classmethod
    def _read(cls, wire: Mapping[str, Any]) -> "LatticePublicKey":
        if set(wire) != {"scheme", "data"}:
            raise BadPublicKey("it has other fields than scheme and data")
        seal().public_key(wire["data"])
        return cls(wire["data"])

    def _read_cells(self, cells: Any, shape: tuple[int, ...], precision: int) -> LatticeEncrypted:
        if not isinstance(cells, dict) or set(cells) != {"apart", "terms", "blocks"}:
            raise BadCiphertext("its cells are not blocks of a lattice scheme")
        apart, terms, blocks = cells["apart"], cells["terms"], cells["blocks"]
        if type(apart) is not bool or not isinstance(blocks, list) or len(shape) > 1:
            raise BadCiphertext("its cells are not blocks of a lattice scheme")
        if type(terms) is not int or not 0 < terms <= MOST_TERMS:
            raise BadCiphertext("its number of terms is out of range")
        size = shape[0] if shape else 1
        if len(blocks) != (size if apart else -(-size // DEGREE)):
            raise BadCiphertext(f"there are {len(blocks)} blocks for a shape of {size}")
        found = [seal().ciphertext(block) for block in blocks]
        if not apart and any(seal().level_of(block) for block in found):
            raise BadCiphertext("a block has lost primes that it should have")
        most = HALF - 1 if apart else min(HALF - 1, terms << LIMIT_BITS)
        return LatticeEncrypted(self, found, shape, precision, fresh=False, apart=apart, most=most)


class LatticePrivateKey(PrivateKey):
    """A secret polynomial, which stays inside the library."""

    public: LatticePublicKey

    def __init__(self, public: LatticePublicKey, secret: Thing) -> None:
        self.public = public
        self._decryptor = seal().library.Decryptor(seal().context, secret)

    def decrypt_ints(self, encrypted: Encrypted) -> list[int]:
        if encrypted.key != self.public or not isinstance(encrypted, LatticeEncrypted):
            raise MixedKeys(encrypted.key.short_name, self.public.short_name)
        result: list[int] = []
        for block in encrypted.blocks:
            held = 1 if encrypted.apart else min(DEGREE, encrypted.size - len(result))
            result += self._opened(block, held)
        return result

    def _opened(self, block: Thing, count: int) -> list[int]:
        library = seal()
        if self._decryptor.invariant_noise_budget(block) <= 0:
            raise BadCiphertext("its noise hides what is inside")
        plain = library.library.Plaintext()
        self._decryptor.decrypt(block, plain)
        found: list[int] = library.coefficients(plain, count).tolist()
        return found

    def decrypt(self, encrypted: Encrypted) -> NDArray[np.float64]:
        values = from_fixed(self.decrypt_ints(encrypted), encrypted.precision)
        return values.reshape(encrypted.shape)


def generate_lattice(bits: int = sum(PRIME_BITS)) -> tuple[LatticePublicKey, LatticePrivateKey]:
    """A new key pair; its security is always 128 bits, whatever length is asked for.

    Raises:
        SchemeNotInstalled: TenSEAL is not there.
    """
    del bits
    library = seal()
    generator, public = library.library.KeyGenerator(library.context), library.library.PublicKey()
    generator.create_public_key(public)
    key = LatticePublicKey(library.written(public))
    return key, LatticePrivateKey(key, generator.secret_key())
