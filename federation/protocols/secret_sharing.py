"""Shamir's shares: any `threshold` of them give the secret, fewer say nothing.

The secret is f(0) of a random polynomial f of degree threshold - 1 over the integers modulo a
prime; the share of holder x is f(x). Joining is Lagrange's interpolation at 0.

Learns: whoever has fewer than `threshold` shares nothing at all.
Source: Shamir 1979.
"""

import secrets
from collections.abc import Mapping, Sequence

PRIME = (1 << 521) - 1
"""A Mersenne prime, above all secrets of 512 bits."""

SHARE_BYTES = 66


def polynomial(secret: int, threshold: int, prime: int = PRIME) -> list[int]:
    """Coefficients of a random polynomial with f(0) = secret, lowest first.

    Args:
        secret: in 0 .. prime - 1.
        threshold: shares that give the secret, 1 or more.
    """
    if not 0 <= secret < prime or threshold < 1:
        raise ValueError("a secret is below the prime, and a threshold at least 1")
    return [secret, *(secrets.randbelow(prime) for _ in range(threshold - 1))]


def share_of(coefficients: Sequence[int], holder: int, prime: int = PRIME) -> int:
    """f(holder), the holder's share; holders are numbered from 1."""
    value = 0
    for coefficient in reversed(coefficients):
        value = (value * holder + coefficient) % prime
    return value


def joined(shares: Mapping[int, int], prime: int = PRIME) -> int:
    """The secret of as many shares as the threshold asks for, by holder."""
    secret = 0
    for holder, share in shares.items():
        above, below = 1, 1
        for other in shares:
            if other != holder:
                above = above * other % prime
                below = below * (other - holder) % prime
        secret = (secret + share * above * pow(below, -1, prime)) % prime
    return secret
