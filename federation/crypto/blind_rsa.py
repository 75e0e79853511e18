"""Blind RSA signatures: a signature on something the signer does not see.

    blinded = H(m) r**e      signed = blinded**d = H(m)**d r      signed / r = H(m)**d    (mod n)

H is a full-domain hash: SHAKE-256 of the message, 128 bits longer than n, modulo n. r is uniform
below n; a short r would let the signer take blinded**d H(m)**-d for every m it can think of and see
which of them is short. The signer's key comes with e-th roots of eight hashed numbers: had e a
common factor with phi(n), r**e would not be uniform and blinded would tell a part of H(m), and then
a number has an e-th root with chance 1/e only.

Learns: the signer nothing, even with a key of its own choosing; the other side the signatures on
its own messages. Signing hides its exponent's timing behind a random factor of its own, and checks
each signature, for a wrong one modulo p alone would factor n.
Source: Chaum 1983; Bellare, Namprempre, Pointcheval, Semanko 2003; RFC 9474, sections 4 and 7;
Goldberg, Reyzin, Sagga, Baldimtsi 2018, section 3 (the proof).
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import gmpy2
from cryptography.hazmat.primitives.asymmetric import rsa
from gmpy2 import mpz

from federation.crypto.products import inverses, powers
from federation.errors import BadBlindSignature, BadPublicKey, ComputationProblem, WeakKey

LEAST_BITS = 2048
MOST_BITS = 8192
EXPONENT = 65537
PROOF_ROOTS = 8
_SLACK_BYTES = 16
_SMALL_PRIMES = gmpy2.primorial(1000)


@dataclass(frozen=True, slots=True)
class Verifier:
    """A signer's public key, as the other side uses it.

    Attributes:
        n: the modulus.
        width: bytes of a number below n.
    """

    n: mpz
    width: int

    @classmethod
    def of(cls, n: int) -> "Verifier":
        """The public key of modulus n, unchecked."""
        return cls(mpz(n), (n.bit_length() + 7) // 8)

    @classmethod
    def checked(cls, n: int, e: int, proof: Sequence[int]) -> "Verifier":
        """The public key a peer sent.

        Raises:
            BadPublicKey: too short, not well formed, or not proven.
        """
        if not LEAST_BITS <= n.bit_length() <= MOST_BITS or n < 0:
            raise BadPublicKey(f"n has not between {LEAST_BITS} and {MOST_BITS} bits")
        if gmpy2.gcd(n, _SMALL_PRIMES) != 1 or gmpy2.is_square(n):
            raise BadPublicKey("n is not the product of two large primes")
        if e != EXPONENT:
            raise BadPublicKey(f"e is not {EXPONENT}")
        verifier = cls.of(n)
        roots = powers([mpz(root) for root in proof], e, verifier.n)
        if roots != verifier.challenges():
            raise BadPublicKey("it is not proven that e has no common factor with phi(n)")
        return verifier

    def hashed(self, messages: Sequence[bytes], domain: bytes = b"id") -> list[mpz]:
        """The full-domain hash of each message."""
        n, length = self.n, self.width + _SLACK_BYTES
        start = hashlib.shake_256(domain + b"|" + n.to_bytes(self.width, "big"))
        result = []
        for message in messages:
            state = start.copy()
            state.update(message)
            result.append(mpz.from_bytes(state.digest(length), "big") % n)
        return result

    def challenges(self) -> list[mpz]:
        """The numbers whose e-th roots prove the key."""
        return self.hashed([bytes([i]) for i in range(PROOF_ROOTS)], domain=b"proof")

    def blind(self, hashes: list[mpz]) -> tuple[list[mpz], list[mpz]]:
        """What to have signed, and the factors to take out again, one for each hash."""
        n = self.n
        factors = [_unit(n) for _ in hashes]
        hidden = powers(factors, EXPONENT, n)
        return [h * r % n for h, r in zip(hashes, hidden, strict=True)], factors

    def unblind(self, signed: list[mpz], factors: list[mpz], hashes: list[mpz]) -> list[mpz]:
        """The signatures on `hashes`.

        Raises:
            BadBlindSignature: one of them is none.
        """
        n = self.n
        back = inverses(factors, n)
        signatures = [s * r % n for s, r in zip(signed, back, strict=True)]
        if powers(signatures, EXPONENT, n) != hashes:
            raise BadBlindSignature()
        return signatures


class Signer:
    """A private RSA key that signs blindly; it has no wire form and prints nothing of itself.

    Attributes:
        public: the key that verifies.
    """

    def __init__(self, p: int, q: int) -> None:
        self.public = Verifier.of(p * q)
        self._p, self._q = mpz(p), mpz(q)
        self._d_p = gmpy2.invert(EXPONENT, self._p - 1)
        self._d_q = gmpy2.invert(EXPONENT, self._q - 1)
        self._p_inverse = gmpy2.invert(self._p, self._q)

    @classmethod
    def generate(cls, bits: int = LEAST_BITS) -> "Signer":
        """A new key of `bits` bits.

        Raises:
            WeakKey: fewer than 2048 bits, or more than 8192 that no peer would take.
        """
        if not LEAST_BITS <= bits <= MOST_BITS:
            raise WeakKey("RSA", bits, LEAST_BITS)
        numbers = rsa.generate_private_key(EXPONENT, bits).private_numbers()
        return cls(numbers.p, numbers.q)

    def sign(self, values: list[mpz]) -> list[mpz]:
        """values[i] ** d modulo n, for values below n.

        Raises:
            ComputationProblem: this machine miscounted.
        """
        n = self.public.n
        masks = [_unit(n) for _ in values]
        hidden = powers(masks, EXPONENT, n)
        masked = [v * m % n for v, m in zip(values, hidden, strict=True)]
        roots = self._roots(masked)
        if powers(roots, EXPONENT, n) != masked:
            raise ComputationProblem("an RSA signature made here does not verify")
        return [s * m % n for s, m in zip(roots, inverses(masks, n), strict=True)]

    def proof(self) -> list[int]:
        """What convinces a peer that blinding hides everything under this key."""
        return [int(root) for root in self.sign(self.public.challenges())]

    def _roots(self, values: list[mpz]) -> list[mpz]:
        p, q, inverse = self._p, self._q, self._p_inverse
        by_p = gmpy2.powmod_base_list([v % p for v in values], self._d_p, p)
        by_q = gmpy2.powmod_base_list([v % q for v in values], self._d_q, q)
        return [a + p * ((b - a) * inverse % q) for a, b in zip(by_p, by_q, strict=True)]


def _unit(n: mpz) -> mpz:
    """A number from 1 to n - 1; that it shares a factor with n does not happen."""
    return mpz(secrets.randbelow(int(n) - 1) + 1)
