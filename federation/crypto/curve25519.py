"""Points of Curve25519 by their u-coordinate: ids hashed to points, points times secret scalars.

    multiply(a, multiply(b, P)) = multiply(b, multiply(a, P))

X25519 is libsodium's (RFC 7748), whose scalars are multiples of the cofactor 8 and clear whatever
small-order part a point has. A text is hashed until a candidate u falls on the curve. A candidate
on the curve's twist would work as well, but multiplying never leaves the twist: half of all ids
could then be told apart from the other half through the blinding, one bit of each id. For the same
reason points that a peer sent are refused unless canonical, on the curve, and not of small order.
Batches go through machine code made at run time where the processor has AVX-512 IFMA, once it has
given libsodium's results on points drawn for the test; `TRIPACT_KERNELS=portable` forbids that.
libsodium's Ed25519 with `from_uniform` and `scalarmult_noclamp` is as safe, and twice as slow.

Learns: who sees multiples under a scalar it does not know learns nothing of the ids (decisional
Diffie-Hellman, hash as random oracle). Hashing takes a time that depends on the id; letters carry
thousands of ids, so a peer sees sums of such times at most.
Source: Bernstein 2006; RFC 7748; Boneh, Lynn, Shacham 2001, section 3.3 (try and increment).
"""

import hashlib
import os
import secrets
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

import gmpy2
import nacl.bindings
import nacl.exceptions
import numpy as np
from gmpy2 import mpz
from numpy.typing import NDArray

from federation.crypto.kernels.choice import SWITCH
from federation.crypto.kernels.machine import missing
from federation.errors import BadPoint

if TYPE_CHECKING:
    from federation.crypto.curve25519_kernel import Kernel

POINT_BYTES = 32
_P = mpz(2**255 - 19)
_A = 486662
_TOP = 1 << 255

_BATCH = 64
"""Points from which on machine code is worth its overhead."""

_SMALL_ORDER = (
    0,
    1,
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
)

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
    whole = [domain + message for message in messages]
    fast = _kernel() if len(whole) >= _BATCH else None
    return _lines([_point(message) for message in whole]) if fast is None else _found(fast, whole)


def multiply(scalar: bytes, points: Points) -> Points:
    """Each point times the scalar, shape (n, 32).

    Raises:
        BadPoint: a point that is not canonical, not on the curve, or of small order.
    """
    if points.ndim != 2 or points.shape[1] != POINT_BYTES or points.dtype != np.uint8:
        raise BadPoint("it is not 32 bytes")
    fast = _kernel() if len(points) >= _BATCH else None
    return _by_sodium(scalar, points) if fast is None else _by_kernel(fast, scalar, points)


def _by_sodium(scalar: bytes, points: Points) -> Points:
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


def _by_kernel(fast: "Kernel", scalar: bytes, points: Points) -> Points:
    if not np.all(_canonical(points)):
        raise BadPoint("its coordinate is not canonical")
    if not np.all(fast.on_curve(points)):
        raise BadPoint("it is not on the curve")
    small = _lines([u.to_bytes(POINT_BYTES, "little") for u in _SMALL_ORDER])
    first = points[:, :8].copy().view("<u8")
    suspects = np.flatnonzero(np.isin(first, small[:, :8].copy().view("<u8")))
    known = {line.tobytes() for line in small}
    if any(points[row].tobytes() in known for row in suspects):
        raise BadPoint("it is of small order")
    return fast.multiply(scalar, points)


def _found(fast: "Kernel", messages: list[bytes]) -> Points:
    """The point of each message, as `_point` finds it."""
    result: Points = np.empty((len(messages), POINT_BYTES), dtype=np.uint8)
    missing_rows, attempt = np.arange(len(messages)), 0
    while len(missing_rows):
        start, sha = attempt.to_bytes(4, "little"), hashlib.sha512
        digests = b"".join([sha(start + messages[row]).digest() for row in missing_rows.tolist()])
        halves = np.frombuffer(digests, dtype=np.uint8).reshape(-1, POINT_BYTES).copy()
        halves[:, -1] &= 0x7F
        good = (_canonical(halves) & fast.on_curve(halves)).reshape(-1, 2)
        chosen = np.where(good[:, 0], 0, 1)
        done = np.flatnonzero(good.any(axis=1))
        result[missing_rows[done]] = halves.reshape(-1, 2, POINT_BYTES)[done, chosen[done]]
        missing_rows, attempt = missing_rows[~good.any(axis=1)], attempt + 1
    return result


def _canonical(points: Points) -> NDArray[np.bool_]:
    words = np.ascontiguousarray(points).view("<u8")
    high = (words[:, 3] >> np.uint64(63)) == 0
    top = words[:, 3] == np.uint64((1 << 63) - 1)
    full = np.uint64((1 << 64) - 1)
    beyond = top & (words[:, 2] == full) & (words[:, 1] == full)
    beyond &= words[:, 0] >= np.uint64((1 << 64) - 19)
    canonical: NDArray[np.bool_] = high & ~beyond
    return canonical


def status() -> tuple[str, str]:
    """Which path multiplies points here, "ifma" or "libsodium", and why; tests it if it was not."""
    if os.environ.get(SWITCH) == "portable":
        return "libsodium", f"{SWITCH} asks for the portable path"
    lacking = missing()
    if lacking is not None:
        return "libsodium", lacking
    if _tested_kernel() is None:
        return "libsodium", "the self-test found the machine code wrong"
    return "ifma", "AVX-512 IFMA, and its results are libsodium's"


def _kernel() -> "Kernel | None":
    """Machine code for batches, or None where libsodium is to be taken."""
    return None if os.environ.get(SWITCH) == "portable" else _tested_kernel()


@cache
def _tested_kernel() -> "Kernel | None":
    if missing() is not None:
        return None
    from federation.crypto.curve25519_kernel import kernel

    fast = kernel()
    points = _lines([_point(secrets.token_bytes(8)) for _ in range(20)])
    points = np.concatenate([points, _lines([secrets.token_bytes(31) + b"\0" for _ in range(20)])])
    curve = [_on_curve(mpz.from_bytes(point.tobytes(), "little")) for point in points]
    scalar = random_scalar()
    same = np.array_equal(fast.on_curve(points), curve) and np.array_equal(
        fast.multiply(scalar, points[:20]), _by_sodium(scalar, points[:20])
    )
    return fast if same else None


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
