"""Points of Curve25519 by their u-coordinate: ids hashed to points, points times secret scalars.

    multiply(a, multiply(b, P)) = multiply(b, multiply(a, P))

X25519 is libsodium's (RFC 7748), whose scalars are multiples of the cofactor 8 and clear whatever
small-order part a point has. A text is hashed until a candidate u falls on the curve. A candidate
on the curve's twist would work as well, but multiplying never leaves the twist: half of all ids
could then be told apart from the other half through the blinding, one bit of each id. For the same
reason points that a peer sent are refused unless canonical, on the curve, and not of small order.
libsodium's Ed25519 with `from_uniform` and `scalarmult_noclamp` is as safe, and twice as slow.

Learns: who sees multiples under a scalar it does not know learns nothing of the ids (decisional
Diffie-Hellman, hash as random oracle). Hashing takes a time that depends on the id; letters carry
thousands of ids, so a peer sees sums of such times at most.
Source: Bernstein 2006; RFC 7748; Boneh, Lynn, Shacham 2001, section 3.3 (try and increment).
"""

import hashlib
import secrets
from collections.abc import Iterable

import gmpy2
import nacl.bindings
import nacl.exceptions
import numpy as np
from gmpy2 import mpz
from numpy.typing import NDArray

from federation.errors import BadPoint

POINT_BYTES = 32
_P = mpz(2**255 - 19)
_A = 486662
_TOP = 1 << 255

Points = NDArray[np.uint8]
"""Shape (n, 32): u-coordinates, little-endian, one a line."""


def random_scalar() -> bytes:
    """A secret to multiply points with."""
    return secrets.token_bytes(32)


def hash_to_points(domain: bytes, messages: Iterable[bytes]) -> Points:
    """One point for each message, the same for the same message and domain; shape (n, 32).

    Args:
        domain: which protocol this is for; of a fixed length in each protocol.
        messages: what to hash.
    """
    return _lines([_point(domain + message) for message in messages])


def multiply(scalar: bytes, points: Points) -> Points:
    """Each point times the scalar, shape (n, 32).

    Raises:
        BadPoint: a point that is not canonical, not on the curve, or of small order.
    """
    if points.ndim != 2 or points.shape[1] != POINT_BYTES or points.dtype != np.uint8:
        raise BadPoint("it is not 32 bytes")
    data, times, result = points.tobytes(), nacl.bindings.crypto_scalarmult, []
    for start in range(0, len(data), POINT_BYTES):
        point = data[start : start + POINT_BYTES]
        u = mpz.from_bytes(point, "little")
        if u >= _P:
            raise BadPoint("its coordinate is not canonical")
        if not _on_curve(u):
            raise BadPoint("it is not on the curve")
        try:
            result.append(times(scalar, point))
        except nacl.exceptions.RuntimeError:
            raise BadPoint("it is of small order") from None
    return _lines(result)


def _point(message: bytes) -> bytes:
    attempt = 0
    while True:
        digest = hashlib.sha512(attempt.to_bytes(4, "little") + message).digest()
        for half in (digest[:32], digest[32:]):
            u = mpz.from_bytes(half, "little") % _TOP
            if u < _P and _on_curve(u):
                return bytes(u.to_bytes(POINT_BYTES, "little"))
        attempt += 1


def _on_curve(u: mpz) -> bool:
    """Whether u**3 + A u**2 + u is a square other than 0."""
    return bool(gmpy2.legendre(u * (u * (u + _A) + 1) % _P, _P) == 1)


def _lines(points: list[bytes]) -> Points:
    return np.frombuffer(b"".join(points), dtype=np.uint8).reshape(-1, POINT_BYTES)
