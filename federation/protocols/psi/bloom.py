"""A Bloom filter of ids: one side tells it, the other leaves out what surely is not common.

k of m bits are set for each id. Whoever has the filter may test any id it can think of, with a
share of false hits, so that this is for ids that are about to be shown anyway: it lets the side
that sends them in the clear keep most of those that are not common.

Learns: who gets the filter, for any id it tests, whether the other side may have it.
Source: Bloom 1970; Kirsch, Mitzenmacher 2006, for k places from two hashes.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from federation.errors import BadIntersection
from federation.protocols.psi.ids import Ids, encoded, hash_of

_MOST_HASHES = 64
_PART = 1 << 16


@dataclass(frozen=True, slots=True)
class FilterOptions:
    """FATE's `intersect_preprocess_params`, as far as they say how a filter is made.

    Attributes:
        false_positive_rate: of ids that are not there, above 0 and below 1.
        method: the hash of ids.
        salt: stands behind each id before hashing; the same at all parties.
    """

    false_positive_rate: float = 0.001
    method: str = "sha256"
    salt: str = ""


@dataclass(frozen=True, slots=True)
class Filter:
    """Bits, eight a byte, and how many of them an id sets."""

    bits: NDArray[np.uint8]
    hashes: int

    @classmethod
    def of(cls, ids: Ids, options: FilterOptions) -> "Filter":
        """The filter of some ids; its size tells how many they are."""
        rate = options.false_positive_rate
        size = max(64, math.ceil(-len(ids) * math.log(rate) / math.log(2) ** 2))
        hashes = min(_MOST_HASHES, max(1, round(-math.log2(rate))))
        bits = np.zeros(-(-size // 8), dtype=np.uint8)
        for places in _places(ids, options, hashes, 8 * len(bits)):
            np.bitwise_or.at(bits, places // 8, np.uint8(1) << (places % 8).astype(np.uint8))
        return cls(bits, hashes)

    @classmethod
    def checked(cls, bits: NDArray[np.uint8], hashes: int) -> "Filter":
        """The filter a peer sent.

        Raises:
            BadIntersection: it is none.
        """
        if bits.dtype != np.uint8 or bits.ndim != 1 or not len(bits):
            raise BadIntersection("a peer's filter of ids has no bits")
        if not 0 < hashes <= _MOST_HASHES:
            raise BadIntersection("a peer's filter of ids sets an impossible number of bits")
        return cls(bits, hashes)

    def may_have(self, ids: Ids, options: FilterOptions) -> NDArray[np.bool_]:
        """Which of some ids may be among those of the filter, shape (n,)."""
        found = np.ones(len(ids), dtype=np.bool_)
        for places in _places(ids, options, self.hashes, 8 * len(self.bits)):
            found &= (self.bits[places // 8] >> (places % 8).astype(np.uint8)) & 1 == 1
        return found


def _places(ids: Ids, options: FilterOptions, hashes: int, size: int) -> list[NDArray[np.int64]]:
    """The k places of each id, one array of shape (n,) for each of the k."""
    width = max(16, len(hash_of(options.method)(b"")))
    words = np.empty((len(ids), 2), dtype=np.uint64)
    for start in range(0, len(ids), _PART):
        some = encoded(ids[start : start + _PART], options.method, options.salt)
        lines = b"".join(digest.ljust(width, b"\0") for digest in some)
        digests = np.frombuffer(lines, dtype=np.uint8).reshape(-1, width)[:, :16]
        words[start : start + len(some)] = np.ascontiguousarray(digests).view("<u8")
    first, second = words[:, 0], words[:, 1] | np.uint64(1)
    return [
        ((first + np.uint64(i) * second) % np.uint64(size)).astype(np.int64) for i in range(hashes)
    ]
