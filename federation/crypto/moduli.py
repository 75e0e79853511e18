"""What keys over big moduli share: primes, checks of a peer's modulus, logarithms, fingerprints.

Modulo p**2 the units that are 1 modulo p are 1 + x p, and their products add the x. So

    log_g c = L(c**(p-1) mod p**2) / L(g**(p-1) mod p**2) mod p,     L(u) = (u - 1) / p

Learns: nobody anything; primes stay with the owner of the key.
Source: Okamoto, Uchiyama 1998, section 3; Paillier 1999, section 7.
"""

import hashlib
from collections.abc import Iterator
from functools import cached_property

import gmpy2
from cryptography.hazmat.primitives.asymmetric import rsa
from gmpy2 import mpz

from federation.crypto import kernels
from federation.crypto.scheme import FINGERPRINT_BYTES
from federation.errors import BadPublicKey

LEAST_BITS = 2048
MOST_BITS = 8192
_SMALL_PRIMES = gmpy2.primorial(1000)


def random_primes(bits: int) -> Iterator[mpz]:
    """Random primes of so many bits, the two highest set, from OpenSSL's RSA key generation."""
    while True:
        numbers = rsa.generate_private_key(65537, 2 * bits).private_numbers()
        yield from (mpz(numbers.p), mpz(numbers.q))


def check_modulus(n: int) -> None:
    """Refuses what can not be the product of large primes.

    Raises:
        BadPublicKey: of another size than keys here, a square, or with a small factor.
    """
    if not LEAST_BITS <= n.bit_length() <= MOST_BITS or n < 0:
        raise BadPublicKey(f"n has not between {LEAST_BITS} and {MOST_BITS} bits")
    if gmpy2.gcd(n, _SMALL_PRIMES) != 1 or gmpy2.is_square(n):
        raise BadPublicKey("n is not the product of two large primes")


def fingerprint(scheme: str, width: int, *numbers: int) -> bytes:
    """The name of a key, from all its numbers, each of which fits into `width` bytes."""
    content = b"".join(int(number).to_bytes(width, "little") for number in numbers)
    return hashlib.sha256(scheme.encode() + content).digest()[:FINGERPRINT_BYTES]


class Logarithms:
    """Logarithms of ciphertexts modulo p, for whoever knows p.

    Attributes:
        prime: p.
    """

    def __init__(self, prime: mpz, generator: mpz) -> None:
        """Logarithms to the base `generator`, whose order modulo p**2 is a multiple of p."""
        self.prime = prime
        square = prime * prime
        unit = gmpy2.powmod_sec(generator, prime - 1, square)
        self._factor = gmpy2.invert((unit - 1) // prime, prime)

    @cached_property
    def _ring(self) -> kernels.Ring:
        return kernels.ring(self.prime * self.prime, self.prime)

    def of(self, cells: bytes, width: int) -> list[mpz]:
        """One in 0 .. p - 1 for each number of a blob."""
        ring, prime, factor = self._ring, self.prime, self._factor
        raised = ring.power_all(ring.read(cells, width), int(prime - 1), prime.bit_length())
        return [(unit - 1) // prime * factor % prime for unit in ring.to_ints(raised)]
