"""Paillier's scheme in the form of Damgard, Jurik and Nielsen: sums of numbers nobody can read.

    n = p q,  p = q = 3 mod 4,  gcd(p-1, q-1) = 2,  h = -x**2 mod n,  h_s = h**n mod n**2
    E(m) = (1 + m n) h_s**r mod n**2,   r random of half the length of n

Decryption works modulo p**2 and q**2 apart and joins both halves (Chinese remainder):

    m_p = L_p(c**(p-1) mod p**2) / L_p((1+n)**(p-1) mod p**2) mod p,   L_p(u) = (u - 1) / p

Plaintexts are signed: the lower third of 0..n is positive, the upper third negative, and what lands
between has overflown. Random powers of h_s come from tables made once a key, 12 MB at 2048 bits;
who has the private key takes them modulo p**2 and q**2 apart.

Security: that of n against factoring, 112 bits for n of 2048 and 128 for 3072. Error: none beyond
the fixed point's, half a unit of the last bit for each number that is encrypted; integers are
exact. What comes to a magnitude below 2 n / 3 is right or an overflow by name, and 10**500 products
of 62-bit numbers stay below that.

Learns: who lacks the private key nothing (decisional composite residuosity, and that h_s**r with
short r looks like any residue). Who has it learns the whole integer: all slots of a packed one, at
a product's full precision; and the randomness, which of a ciphertext that was not refreshed tells
the factors and the choice of addends that made it. The primes are OpenSSL's. Decryption is not
constant time: it is for a party's own machine, not for one it shares with its adversary. A peer's
key is checked for size and form; that h_s is an n-th residue only its owner can know, so an owner
that follows the protocol is assumed.
Source: Paillier 1999; Damgard, Jurik, Nielsen 2010, section 4; NIST SP 800-57 part 1, table 2.
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
        self.fingerprint = fingerprint(self.scheme, self.width, self.n, self.hs)

    @cached_property
    def _base(self) -> FixedBase:
        return self.randomness(self.hs)

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
        check_modulus(n)
        if not 1 < hs < n * n - 1 or gmpy2.gcd(hs, n) != 1:
            raise BadPublicKey("hs is not a unit modulo n squared that hides anything")
        return cls(n, hs)


class PaillierPrivateKey(PrivateKey):
    """p and q, and what decryption needs of them."""

    public: PaillierPublicKey

    def __init__(self, public: PaillierPublicKey, p: int, q: int) -> None:
        self.public = public
        self._halves = (Logarithms(mpz(p), 1 + public.n), Logarithms(mpz(q), 1 + public.n))
        self._p_inverse = gmpy2.invert(p, q)
        one, other = (Factor(half.prime**2, half.prime - 1, half.prime) for half in self._halves)
        public.know(one, other)

    @property
    def primes(self) -> tuple[int, int]:
        """P and q, for the party's own store."""
        p, q = (int(half.prime) for half in self._halves)
        return p, q

    def decrypt_ints(self, encrypted: Encrypted) -> list[int]:
        if encrypted.key != self.public or not isinstance(encrypted, GroupEncrypted):
            raise MixedKeys(encrypted.key.short_name, self.public.short_name)
        width = self.public.width
        cells = encrypted.key.ring.write(encrypted.residues, width)
        by_p, by_q = (half.of(cells, width) for half in self._halves)
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


def generate_paillier(bits: int = LEAST_BITS) -> tuple[PaillierPublicKey, PaillierPrivateKey]:
    """A new key pair with a modulus of `bits` bits; takes about a quarter of a second at 2048.

    Raises:
        WeakKey: fewer than 2048 bits, or more than 8192 that no peer would take.
    """
    if not LEAST_BITS <= bits <= MOST_BITS or bits % 2:
        raise WeakKey("Paillier", bits, LEAST_BITS)
    source = (prime for prime in random_primes(bits // 2) if prime % 4 == 3)
    p, q = next(source), next(source)
    while gmpy2.gcd(p - 1, q - 1) != 2 or (p * q).bit_length() != bits:
        p, q = q, next(source)
    return _from_primes(p, q)


def _from_primes(p: int, q: int) -> tuple[PaillierPublicKey, PaillierPrivateKey]:
    n = mpz(p) * q
    x = mpz(secrets.randbelow(int(n) - 2) + 2)
    while gmpy2.gcd(x, n) != 1:
        x = mpz(secrets.randbelow(int(n) - 2) + 2)
    public = PaillierPublicKey(n, gmpy2.powmod(-x * x % n, n, n * n))
    return public, PaillierPrivateKey(public, p, q)
