"""Paillier's scheme in the form of Damgard, Jurik and Nielsen: sums of numbers nobody can read.

    n = p q,  p = q = 3 mod 4,  gcd(p-1, q-1) = 2,  h = -x**2 mod n,  h_s = h**n mod n**2
    E(m) = (1 + m n) h_s**r mod n**2,   r random of half the length of n

Decryption works modulo p**2 and q**2 apart and joins both halves (Chinese remainder):

    m_p = L_p(c**(p-1) mod p**2) / L_p((1+n)**(p-1) mod p**2) mod p,   L_p(u) = (u - 1) / p

Plaintexts are signed: the lower third of 0..n is positive, the upper third negative, and what lands
between has overflown. Random powers of h_s come from tables made once a key, 12 MB at 2048 bits.

Learns: who lacks the private key nothing (decisional composite residuosity, and that h_s**r with
short r looks like any residue). The primes are OpenSSL's. Decryption is not constant time: it is
for a party's own machine, not for one it shares with its adversary. A peer's key is checked for
size and form; that h_s is an n-th residue only its owner can know, so an owner that follows the
protocol is assumed.
Source: Paillier 1999; Damgard, Jurik, Nielsen 2010, section 4.
"""

import hashlib
import secrets
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, ClassVar

import gmpy2
import numpy as np
from cryptography.hazmat.primitives.asymmetric import rsa
from gmpy2 import mpz
from numpy.typing import NDArray

from federation.crypto import kernels
from federation.crypto.fixed_point import from_fixed
from federation.crypto.group import GroupEncrypted, GroupPublicKey
from federation.crypto.kernels import FixedBase, Residues
from federation.crypto.scheme import FINGERPRINT_BYTES, Encrypted, PrivateKey, Wire
from federation.errors import BadPublicKey, FixedPointOverflow, MixedKeys, WeakKey

LEAST_BITS = 2048
MOST_BITS = 8192
_SMALL_PRIMES = gmpy2.primorial(1000)


class PaillierPublicKey(GroupPublicKey):
    """n and h_s.

    Attributes:
        n: the modulus of plaintexts.
    """

    scheme: ClassVar[str] = "paillier"

    def __init__(self, n: int, hs: int) -> None:
        super().__init__()
        self.n = mpz(n)
        self.root = self.n
        self.hs = mpz(hs)
        self.bits = self.n.bit_length()
        self.modulus = self.n * self.n
        self.width = (self.modulus.bit_length() + 7) // 8
        self.limit = int(self.n // 3)
        self.fingerprint = _fingerprint(self.n, self.hs, self.width)

    @cached_property
    def _base(self) -> FixedBase:
        return self.ring.fixed_base(self.hs)

    def bare(self, plain: NDArray[Any]) -> Residues:
        return self.ring.one_plus(plain)

    def new_zeros(self, count: int) -> Residues:
        return self._base.random_powers(count, self.bits // 2)

    def to_wire(self) -> Wire:
        return {"scheme": self.scheme, "n": int(self.n), "hs": int(self.hs)}

    @classmethod
    def _read(cls, wire: Mapping[str, Any]) -> "PaillierPublicKey":
        if set(wire) != {"scheme", "n", "hs"}:
            raise BadPublicKey("it has other fields than scheme, n and hs")
        n, hs = wire["n"], wire["hs"]
        if type(n) is not int or type(hs) is not int:
            raise BadPublicKey("n and hs are integers")
        if not LEAST_BITS <= n.bit_length() <= MOST_BITS or n < 0:
            raise BadPublicKey(f"n has not between {LEAST_BITS} and {MOST_BITS} bits")
        if gmpy2.gcd(n, _SMALL_PRIMES) != 1 or gmpy2.is_square(n):
            raise BadPublicKey("n is not the product of two large primes")
        if not 1 < hs < n * n - 1 or gmpy2.gcd(hs, n) != 1:
            raise BadPublicKey("hs is not a unit modulo n squared that hides anything")
        return cls(n, hs)


class PaillierPrivateKey(PrivateKey):
    """p and q, and what decryption needs of them."""

    public: PaillierPublicKey

    def __init__(self, public: PaillierPublicKey, p: int, q: int) -> None:
        self.public = public
        self._halves = (_Half(mpz(p), public.n), _Half(mpz(q), public.n))
        self._p_inverse = gmpy2.invert(p, q)

    def decrypt_ints(self, encrypted: Encrypted) -> list[int]:
        if encrypted.key != self.public or not isinstance(encrypted, GroupEncrypted):
            raise MixedKeys(encrypted.key.short_name, self.public.short_name)
        width = self.public.width
        cells = encrypted.key.ring.write(encrypted.residues, width)
        by_p, by_q = (half.plain(cells, width) for half in self._halves)
        (p, q), n, limit = (half.prime for half in self._halves), self.public.n, self.public.limit
        inverse, result, beyond = self._p_inverse, [], 0
        for m_p, m_q in zip(by_p, by_q, strict=True):
            plain = m_p + p * ((m_q - m_p) * inverse % q)
            signed = plain - n if plain > limit else plain
            beyond += abs(signed) >= limit
            result.append(int(signed))
        if beyond:
            raise FixedPointOverflow(beyond)
        return result

    def decrypt(self, encrypted: Encrypted) -> NDArray[np.float64]:
        values = from_fixed(self.decrypt_ints(encrypted), encrypted.precision)
        return values.reshape(encrypted.shape)


class _Half:
    """Decryption modulo one of the primes."""

    def __init__(self, prime: mpz, n: mpz) -> None:
        self.prime = prime
        square = prime * prime
        unit = gmpy2.powmod_sec(1 + n, prime - 1, square)
        self._factor = gmpy2.invert((unit - 1) // prime, prime)

    @cached_property
    def _ring(self) -> kernels.Ring:
        return kernels.ring(self.prime * self.prime, self.prime)

    def plain(self, cells: bytes, width: int) -> list[mpz]:
        ring, prime, factor = self._ring, self.prime, self._factor
        raised = ring.power_all(ring.read(cells, width), prime - 1, prime.bit_length())
        return [(u - 1) // prime * factor % prime for u in ring.to_ints(raised)]


def generate_paillier(bits: int = LEAST_BITS) -> tuple[PaillierPublicKey, PaillierPrivateKey]:
    """A new key pair with a modulus of `bits` bits; takes about a quarter of a second at 2048.

    Raises:
        WeakKey: fewer than 2048 bits, or more than 8192 that no peer would take.
    """
    if not LEAST_BITS <= bits <= MOST_BITS or bits % 2:
        raise WeakKey("Paillier", bits, LEAST_BITS)
    source = _openssl_primes(bits)
    p, q = next(source), next(source)
    while gmpy2.gcd(p - 1, q - 1) != 2 or (p * q).bit_length() != bits:
        p, q = q, next(source)
    return _from_primes(p, q)


def _openssl_primes(bits: int) -> Iterator[mpz]:
    """Random primes of half the bits that are 3 modulo 4, from OpenSSL's RSA key generation."""
    while True:
        numbers = rsa.generate_private_key(65537, bits).private_numbers()
        yield from (mpz(prime) for prime in (numbers.p, numbers.q) if prime % 4 == 3)


def _from_primes(p: int, q: int) -> tuple[PaillierPublicKey, PaillierPrivateKey]:
    n = mpz(p) * q
    x = mpz(secrets.randbelow(int(n) - 2) + 2)
    while gmpy2.gcd(x, n) != 1:
        x = mpz(secrets.randbelow(int(n) - 2) + 2)
    public = PaillierPublicKey(n, gmpy2.powmod(-x * x % n, n, n * n))
    return public, PaillierPrivateKey(public, p, q)


def _fingerprint(n: mpz, hs: mpz, width: int) -> bytes:
    content = b"paillier" + n.to_bytes(width, "little") + hs.to_bytes(width, "little")
    return hashlib.sha256(content).digest()[:FINGERPRINT_BYTES]
