"""Points of Curve25519 by their u-coordinate: ids hashed to points, points times secret scalars.

    multiply(a, multiply(b, P)) = multiply(b, multiply(a, P))
    multiply(a', multiply(a, multiply(b, P))) = multiply(b, P)          for scalars a, a' of a pair

X25519 is libsodium's (RFC 7748), whose scalars are multiples of the cofactor 8 and clear whatever
small-order part a point has. A scalar's inverse modulo the order of the large subgroup can be
written as such a multiple too: scalars a are drawn until it is one of 255 bits.
Texts are hashed onto the curve itself (RFC 9380): a point on the curve's twist would work as well,
but multiplying never leaves the twist, and half of all ids could be told apart from the other half
through the blinding. For the same reason points that a peer sent are refused unless canonical, on
the curve, and not of small order.
Large batches go through machine code made at run time where llvmlite is installed and the processor
has AVX2 or, better, AVX-512 IFMA, once it has given libsodium's and hashlib's results on points
drawn for the test. `TRIPACT_KERNELS=portable` forbids that, and `generic` the code with IFMA.
libsodium's Ed25519 with `scalarmult_noclamp` is as safe, and twice as slow.

Learns: who sees multiples under a scalar it does not know learns nothing of the ids (decisional
Diffie-Hellman, hash as random oracle).
Source: Bernstein 2006; RFC 7748; RFC 9380.
"""

import os
import secrets
import threading
from functools import cache
from typing import TYPE_CHECKING

import gmpy2
import nacl.bindings
import numpy as np
from gmpy2 import mpz
from numpy.typing import NDArray

from federation.crypto.byte_rows import ByteRows, Rows
from federation.crypto.curve25519_hash import SUITE, point_of, points_of
from federation.crypto.kernels.choice import SWITCH
from federation.crypto.kernels.engine import has
from federation.crypto.kernels.machine import missing
from federation.errors import BadPoint

if TYPE_CHECKING:
    from federation.crypto.curve25519_kernel import Kernel

POINT_BYTES = 32
_P = mpz(2**255 - 19)
_A = 486662
_ORDER = mpz(2**252 + 27742317777372353535851937790883648493)

GENERIC = "generic"
_BATCH = 64
"""Points from which on machine code is worth its overhead."""

_WORTH_COMPILING = 2048
"""Points for which it is worth being made."""

_COMPILED: set[bool] = set()
_MAKING = threading.Lock()

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


def scalar_pair() -> tuple[bytes, bytes]:
    """A secret scalar, and one that undoes multiplying by it for points that were multiplied."""
    top = mpz(1) << 254
    while True:
        scalar = mpz(secrets.randbits(251)) * 8 + top
        if scalar % _ORDER == 0:
            continue
        inverse = gmpy2.invert(scalar * 8, _ORDER) * 8
        if top <= inverse < 2 * top:
            return bytes(scalar.to_bytes(32, "little")), bytes(inverse.to_bytes(32, "little"))


def hash_to_points(domain: bytes, texts: ByteRows, rows: Rows | None = None) -> Points:
    """One point for each text, the same for the same text and domain; shape (n, 32).

    Args:
        domain: which protocol this is for; the name of the suite is put behind it.
        texts: what to hash.
        rows: which of them, in this order; by default all.
    """
    chosen = np.arange(len(texts)) if rows is None else rows
    fast = _kernel(len(chosen))
    if fast is not None:
        return points_of(fast, texts, chosen, domain + SUITE)
    return _lines([point_of(texts[row], domain + SUITE) for row in chosen.tolist()])


def multiply(scalar: bytes, points: Points) -> Points:
    """Each point that a peer sent times the scalar, shape (n, 32).

    Raises:
        BadPoint: a point that is not canonical, not on the curve, or of small order.
    """
    if points.ndim != 2 or points.shape[1] != POINT_BYTES or points.dtype != np.uint8:
        raise BadPoint("it is not 32 bytes")
    fast = _kernel(len(points))
    _check(fast, points)
    return _times(fast, scalar, points)


def multiply_own(scalar: bytes, points: Points) -> Points:
    """Each point times the scalar, for points that were made here."""
    return _times(_kernel(len(points)), scalar, points)


def _check(fast: "Kernel | None", points: Points) -> None:
    if not np.all(_canonical(points)):
        raise BadPoint("its coordinate is not canonical")
    if not (np.all(_on_curve(points)) if fast is None else fast.all_on_curve(points)):
        raise BadPoint("it is not on the curve")
    small = _lines([u.to_bytes(POINT_BYTES, "little") for u in _SMALL_ORDER])
    suspects = np.flatnonzero(np.isin(_first_words(points), _first_words(small)))
    known = {line.tobytes() for line in small}
    if any(points[row].tobytes() in known for row in suspects):
        raise BadPoint("it is of small order")


def _times(fast: "Kernel | None", scalar: bytes, points: Points) -> Points:
    if fast is not None:
        return fast.multiply(scalar, points)
    data, times = points.tobytes(), nacl.bindings.crypto_scalarmult
    starts = range(0, len(data), POINT_BYTES)
    return _lines([times(scalar, data[start : start + POINT_BYTES]) for start in starts])


def _first_words(points: Points) -> NDArray[np.uint64]:
    words: NDArray[np.uint64] = np.ascontiguousarray(points[:, :8]).view("<u8")[:, 0]
    return words


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
    """Which path multiplies large batches here, and why; tests it if it was not.

    It is "ifma", "generic" or "libsodium".
    """
    wish = os.environ.get(SWITCH)
    if wish == "portable":
        return "libsodium", f"{SWITCH} asks for the portable path"
    lacking = f"{SWITCH} asks for it" if wish == GENERIC else missing()
    if lacking is not None and not has("avx2"):
        return "libsodium", lacking
    if _tested_kernel(ifma=lacking is None) is None:
        return "libsodium", "the self-test found the machine code wrong"
    if lacking is not None:
        return "generic", f"AVX2, and its results are libsodium's ({lacking})"
    return "ifma", "AVX-512 IFMA, and its results are libsodium's"


def _kernel(count: int) -> "Kernel | None":
    """Machine code for so many points, or None where libsodium is to be taken."""
    wish = os.environ.get(SWITCH)
    if wish == "portable" or count < _BATCH:
        return None
    ifma = wish != GENERIC and missing() is None
    if not ifma and not has("avx2"):
        return None
    if ifma not in _COMPILED and count < _WORTH_COMPILING:
        return None
    return _tested_kernel(ifma=ifma)


def _tested_kernel(*, ifma: bool) -> "Kernel | None":
    """The machine code, made once, for all threads that ask for it."""
    with _MAKING:
        fast = _made(ifma=ifma)
        _COMPILED.add(ifma)
        return fast


@cache
def _made(*, ifma: bool) -> "Kernel | None":
    from federation.crypto.curve25519_kernel import kernel

    try:
        fast = kernel(ifma=ifma)
    except (RuntimeError, OSError):
        return None
    return fast if _gives_the_same(fast) else None


def _gives_the_same(fast: "Kernel") -> bool:
    """Whether the results are libsodium's and hashlib's on points drawn for the test."""
    texts = ByteRows.of([secrets.token_bytes(8 * row) for row in range(20)])
    points = _lines([point_of(text, SUITE) for text in texts])
    others = np.concatenate([points, _lines([secrets.token_bytes(31) + b"\0" for _ in range(20)])])
    scalar = random_scalar()
    return (
        np.array_equal(points_of(fast, texts, np.arange(20), SUITE), points)
        and np.array_equal(fast.on_curve(others), _on_curve(others))
        and np.array_equal(fast.multiply(scalar, points), _times(None, scalar, points))
    )


def _on_curve(points: Points) -> NDArray[np.bool_]:
    """Whether u**3 + A u**2 + u is a square other than 0, for each."""
    return np.fromiter(map(_has_root, points), np.bool_, len(points))


def _has_root(point: NDArray[np.uint8]) -> bool:
    u = mpz.from_bytes(point.tobytes(), "little")
    return bool(gmpy2.legendre(u * (u * (u + _A) + 1) % _P, _P) == 1)


def _lines(points: list[bytes]) -> Points:
    return np.frombuffer(b"".join(points), dtype=np.uint8).reshape(-1, POINT_BYTES)
