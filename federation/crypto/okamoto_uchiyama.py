"""Okamoto and Uchiyama's scheme: as Paillier's, with ciphertexts of half the length.

    n = p**2 q,   g of order a multiple of p modulo p**2,   h = g**n mod n
    E(m) = g**m h**r mod n,      m = L(c**(p-1) mod p**2) / L(g**(p-1) mod p**2) mod p

p has a third of the bits of n. r is as long as the order of h can be and 128 bits more, so h**r is
as good as uniform in its group; shorter r would be faster and rest on one more assumption. Who has
the private key takes h**r modulo p**2 and q apart, in less than half of the time.
Plaintexts are signed and stay 64 bits shorter than p. A value beyond p that came out as a small one
would tell p to whoever sees it and knows what went in; a value out of range comes out as a random
one, which is within the limit with probability 2**-62, and is an error otherwise.

Security: that of n against factoring, 112 bits for n of 2048 and 128 for 3072: with p that long no
known method gains from the square. Error: none beyond the fixed point's, half a unit of the last
bit for each number that is encrypted; integers are exact.

Learns: who lacks the private key nothing (the p-subgroup assumption). Who has it learns the whole
integer: all slots of a packed one, at a product's full precision; and of the randomness enough to
tell how a ciphertext that was not refreshed was computed. The primes are OpenSSL's. The exponents m
and r are counted with by fixed tables, read whole where `kernels` is accelerated. Decryption is for
a party's own machine. That g and h are what they should be only the owner of the key can know, so
an owner that follows the protocol is assumed, and so are evaluators: a chosen ciphertext that is
opened breaks the key.
Source: Okamoto, Uchiyama 1998; Coron, Naccache, Paillier 1999, section 3; NIST SP 800-57 part 1.
"""

import secrets
from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar

import gmpy2
import numpy as np
from gmpy2 import mpz
from numpy.typing import NDArray

from federation.crypto.fixed_point import from_fixed
from federation.crypto.group import GroupEncrypted, GroupPublicKey
from federation.crypto.kernels import FixedBase, Residues
from federation.crypto.moduli import (
    LEAST_BITS,
    MOST_BITS,
    Logarithms,
    check_modulus,
    fingerprint,
    random_primes,
)
from federation.crypto.own_powers import Factor
from federation.crypto.scheme import Encrypted, PrivateKey, Wire
from federation.errors import BadPublicKey, FixedPointOverflow, MixedKeys, WeakKey

_MARGIN_BITS = 64
_STATISTICAL_BITS = 128
_WORD_BITS = 62


class OkamotoUchiyamaPublicKey(GroupPublicKey):
    """n, g and h."""

    scheme: ClassVar[str] = "ou"

    def __init__(self, n: int, g: int, h: int) -> None:
        super().__init__()
        self.modulus, self.g, self.h = mpz(n), mpz(g), mpz(h)
        self.bits = self.modulus.bit_length()
        self.width = (self.bits + 7) // 8
        prime_bits = prime_bits_of(self.bits)
        self._limit_bits = prime_bits - min(_MARGIN_BITS, prime_bits // 4)
        self.limit = 1 << self._limit_bits
        self._random_bits = 2 * prime_bits + _STATISTICAL_BITS
        self.fingerprint = fingerprint(self.scheme, self.width, self.modulus, self.g, self.h)
        self._shifts: dict[int, Residues] = {}

    @cached_property
    def _messages(self) -> FixedBase:
        return self.ring.fixed_base(self.g)

    @cached_property
    def _masks(self) -> FixedBase:
        return self.randomness(self.h)

    def bare(self, plain: NDArray[Any]) -> Residues:
        """g**m as g**(m + 2**b) / g**(2**b), with an exponent that is not negative."""
        bits = self._limit_bits if plain.dtype == object else _WORD_BITS
        if bits not in self._shifts:
            back = gmpy2.powmod(self.g, -(1 << bits), self.modulus)
            self._shifts[bits] = self.ring.from_ints([back])
        powers = self._messages.powers(plain + (1 << bits), bits + 1)
        return self.ring.multiply(powers, self._shifts[bits])

    def new_zeros(self, count: int) -> Residues:
        return self._masks.random_powers(count, self._random_bits)

    def to_wire(self) -> Wire:
        return {
            "scheme": self.scheme,
            "n": int(self.modulus),
            "g": int(self.g),
            "h": int(self.h),
        }

    @classmethod
    def _read(cls, wire: Mapping[str, Any]) -> "OkamotoUchiyamaPublicKey":
        if set(wire) != {"scheme", "n", "g", "h"}:
            raise BadPublicKey("it has other fields than scheme, n, g and h")
        n, g, h = wire["n"], wire["g"], wire["h"]
        if not all(type(number) is int for number in (n, g, h)):
            raise BadPublicKey("n, g and h are integers")
        check_modulus(n)
        for number in (g, h):
            if not 1 < number < n - 1 or gmpy2.gcd(number, n) != 1:
                raise BadPublicKey("g or h is not a unit modulo n that hides anything")
        return cls(n, g, h)


class OkamotoUchiyamaPrivateKey(PrivateKey):
    """p, and what decryption needs of it."""

    public: OkamotoUchiyamaPublicKey

    def __init__(self, public: OkamotoUchiyamaPublicKey, p: int) -> None:
        self.public = public
        self._logarithms = Logarithms(mpz(p), public.g)
        square = self._logarithms.prime**2
        q = public.modulus // square
        public.know(Factor(square, mpz(p) - 1, mpz(p)), Factor(q, q - 1))

    @property
    def primes(self) -> tuple[int]:
        """p, for the party's own store."""
        return (int(self._logarithms.prime),)

    def decrypt_ints(self, encrypted: Encrypted) -> list[int]:
        if encrypted.key != self.public or not isinstance(encrypted, GroupEncrypted):
            raise MixedKeys(encrypted.key.short_name, self.public.short_name)
        width, limit, p = self.public.width, self.public.limit, self._logarithms.prime
        cells = encrypted.key.ring.write(encrypted.residues, width)
        plain = self._logarithms.of(cells, width)
        signed = [int(m - p if 2 * m > p else m) for m in plain]
        beyond = sum(abs(value) >= limit for value in signed)
        if beyond:
            raise FixedPointOverflow(beyond)
        return signed

    def decrypt(self, encrypted: Encrypted) -> NDArray[np.float64]:
        values = from_fixed(self.decrypt_ints(encrypted), encrypted.precision)
        return values.reshape(encrypted.shape)


def prime_bits_of(bits: int) -> int:
    """Length of p in a modulus of `bits` bits."""
    return -(-bits // 3)


def generate_okamoto_uchiyama(
    bits: int = LEAST_BITS,
) -> tuple[OkamotoUchiyamaPublicKey, OkamotoUchiyamaPrivateKey]:
    """A new key pair with a modulus of `bits` bits.

    Raises:
        WeakKey: fewer than 2048 bits, or more than 8192 that no peer would take.
    """
    if not LEAST_BITS <= bits <= MOST_BITS or bits % 2:
        raise WeakKey("Okamoto-Uchiyama", bits, LEAST_BITS)
    length = prime_bits_of(bits)
    for p, q in zip(random_primes(length), random_primes(bits - 2 * length), strict=False):
        if (p * p * q).bit_length() == bits and p != q:
            return from_primes(p, q)
    raise AssertionError("there are always more primes")


def from_primes(p: int, q: int) -> tuple[OkamotoUchiyamaPublicKey, OkamotoUchiyamaPrivateKey]:
    """The key pair of two primes, with g drawn."""
    p, q = mpz(p), mpz(q)
    n = p * p * q
    while True:
        g = mpz(secrets.randbelow(int(n) - 2) + 2)
        if gmpy2.gcd(g, n) == 1 and gmpy2.powmod(g, p - 1, p * p) != 1:
            break
    public = OkamotoUchiyamaPublicKey(n, g, gmpy2.powmod(g, n, n))
    return public, OkamotoUchiyamaPrivateKey(public, p)
