"""Big numbers as rows of 52-bit limbs, and as blobs of bytes: whole matrices at a time.

Limb j of a number holds its bits 52 j .. 52 j + 51, in one 64-bit word. A blob is what the codec
carries: unsigned little-endian integers of one width, one after the other.

Learns: nobody anything.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from federation.crypto.kernels.shape import LIMB_BITS

Rows = NDArray[np.uint64]
"""Shape (n, words): one number a row, in the layout its user says."""

_MASK = np.uint64((1 << LIMB_BITS) - 1)


def limbs_of(width: int) -> int:
    """How many limbs hold `width` bytes."""
    return -(-8 * width // LIMB_BITS)


def from_bytes(data: bytes | memoryview, width: int) -> Rows:
    """The numbers of a blob, shape (n, limbs_of(width))."""
    words = _words(data, width)
    starts = np.arange(limbs_of(width)) * LIMB_BITS
    at, shift = starts // 64, (starts % 64).astype(np.uint64)
    limbs = words.take(at, axis=1) >> shift
    limbs |= words.take(at + 1, axis=1) << (np.uint64(64) - shift)
    limbs &= _MASK
    return limbs


def to_bytes(limbs: Rows, width: int) -> bytes:
    """A blob of numbers that fit into `width` bytes; limbs are below 2**52."""
    count, length = limbs.shape
    words = -(-width // 8)
    starts = np.arange(words) * 64
    at, shift = starts // LIMB_BITS, (starts % LIMB_BITS).astype(np.uint64)
    needed = int(at[-1]) + 3
    wide = np.zeros((count, max(needed, length)), dtype=np.uint64)
    wide[:, :length] = limbs
    result = wide.take(at, axis=1) >> shift
    result |= wide.take(at + 1, axis=1) << (np.uint64(LIMB_BITS) - shift)
    # A shift by 64 or more gives 0 in numpy, which is what a limb beyond the word adds.
    result |= wide.take(at + 2, axis=1) << (np.uint64(2 * LIMB_BITS) - shift)
    return result.astype("<u8", copy=False).view(np.uint8)[:, :width].tobytes()


def from_ints(values: Sequence[int], limbs: int) -> Rows:
    """Numbers that are not negative, shape (n, limbs)."""
    width = -(-limbs * LIMB_BITS // 8)
    data = b"".join(int(value).to_bytes(width, "little") for value in values)
    return from_bytes(data, width)[:, :limbs]


def plus_signed(row: Rows, values: NDArray[np.int64]) -> Rows:
    """One number plus small signed ones, shape (n, limbs); no sum is below 0 or too long."""
    result = np.tile(row, (len(values), 1))
    carry = values
    for limb in range(len(row)):
        total = result[:, limb].astype(np.int64) + (carry & np.int64(_MASK))
        result[:, limb] = total & np.int64(_MASK)
        carry = (carry >> LIMB_BITS) + (total >> LIMB_BITS)
        if not carry.any():
            break
    return result


def octets_of(exponents: NDArray[Any], width: int) -> NDArray[np.uint8]:
    """Bytes of integers that are not negative and fit, lowest first, shape (n, width)."""
    if exponents.dtype == object or width > 8:
        data = b"".join(int(value).to_bytes(width, "little") for value in exponents.tolist())
        return np.frombuffer(data, dtype=np.uint8).reshape(len(exponents), width)
    return exponents.astype("<u8").view(np.uint8).reshape(-1, 8)[:, :width]


def digits_of(exponents: NDArray[Any], bits: int, window: int) -> NDArray[np.uint8]:
    """Digits of `window` bits, at most 8, lowest first, of integers below 2**bits.

    Returns:
        Shape (n, ceil(bits / window)).
    """
    places = -(-bits // window)
    octets, groups = octets_of(exponents, -(-bits // 8)), -(-places // 8)
    # Eight digits fill `window` bytes, which fit into a word.
    padded = np.zeros((len(octets), groups * window), dtype=np.uint8)
    padded[:, : octets.shape[1]] = octets
    words = np.zeros((len(octets), groups, 8), dtype=np.uint8)
    words[:, :, :window] = padded.reshape(len(octets), groups, window)
    shifts = np.arange(0, 8 * window, window, dtype=np.uint64)
    digits = (words.view("<u8") >> shifts).astype(np.uint8) & np.uint8((1 << window) - 1)
    return digits.reshape(len(octets), 8 * groups)[:, :places]


def nibbles_of(exponents: NDArray[Any], bits: int | None = None) -> NDArray[np.uint64]:
    """Digits of 4 bits, lowest first, shape (n, places); without `bits` as many as are needed."""
    if bits is None:
        bits = int(exponents.max()).bit_length() if len(exponents) else 0
    octets = octets_of(exponents, -(-bits // 8))
    pairs = np.stack([octets & 15, octets >> 4], axis=2)
    return pairs.reshape(len(octets), -1)[:, : -(-bits // 4)].astype(np.uint64)


def beyond(data: bytes | memoryview, width: int, modulus: int) -> NDArray[np.bool_]:
    """Which numbers of a blob are not in 1 .. modulus - 1, shape (n,)."""
    words = _words(data, width)
    bound = _words(int(modulus).to_bytes(8 * words.shape[1], "little"), 8 * words.shape[1])[0]
    open_, below = np.ones(len(words), dtype=bool), np.zeros(len(words), dtype=bool)
    for column in range(words.shape[1] - 1, -1, -1):
        below |= open_ & (words[:, column] < bound[column])
        open_ &= words[:, column] == bound[column]
        if not open_.any():
            break
    result: NDArray[np.bool_] = ~below | ~words.any(axis=1)
    return result


def _words(data: bytes | memoryview, width: int) -> Rows:
    """64-bit words of a blob, with one word of zeros behind each number."""
    flat = np.frombuffer(data, dtype=np.uint8).reshape(-1, width)
    wide = np.zeros((len(flat), 8 * (-(-width // 8) + 1)), dtype=np.uint8)
    wide[:, :width] = flat
    return wide.view("<u8")
