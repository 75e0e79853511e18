"""Find which of many tags that come by in parts are one's own, keeping only those that may be.

A first sieve looks at a few bits of each tag; what passes, little more than what is common, is kept
and compared in full at the end. So ten million lines need the memory of the matches.

Learns: nobody anything.
"""

import numpy as np
from numpy.typing import NDArray

from federation.crypto.ot_extension import Words
from federation.errors import BadIntersection
from federation.protocols.psi.cuckoo import CHOICES, Indices
from federation.protocols.psi.exchange import positions

_SPARSE_BITS = 4
_LEAST_BITS = 10


class TagIndex:
    """A party's own tags.

    Args:
        tags: shape (n, 2); of each the first `size` bytes count.
        choice: in which of the three places of a line each may be, shape (n,).
        size: bytes of a tag, 5 to 16.
    """

    def __init__(self, tags: Words, choice: Indices, size: int) -> None:
        self._size, self._choice = size, choice
        self._tags = np.ascontiguousarray(tags.view(np.uint8)[:, :size])
        self._bits = max(_LEAST_BITS, len(tags).bit_length() + _SPARSE_BITS)
        self._sieve = np.zeros(1 << self._bits, dtype=np.uint8)
        keys = self._keys(self._tags)
        for place in range(CHOICES):
            self._sieve[keys[choice == place]] |= np.uint8(1 << place)
        self._kept: list[list[NDArray[np.uint8]]] = [[] for _ in range(CHOICES)]
        self._rows: list[list[Indices]] = [[] for _ in range(CHOICES)]
        self._seen = 0

    def sift(self, lines: NDArray[np.uint8]) -> None:
        """Take the next lines, shape (m, 3 size), and keep what may match."""
        for place in range(CHOICES):
            tags = lines[:, place * self._size : (place + 1) * self._size]
            passed = np.flatnonzero(self._sieve[self._keys(tags)] & np.uint8(1 << place))
            self._kept[place].append(tags[passed])
            self._rows[place].append(passed + self._seen)
        self._seen += len(lines)

    def places(self) -> Indices:
        """For each own tag in which line it stood, or -1; shape (n,).

        Raises:
            BadIntersection: lines repeat a tag, or one line holds two of the own tags.
        """
        result: Indices = np.full(len(self._tags), -1, dtype=np.int64)
        for place in range(CHOICES):
            mine = np.flatnonzero(self._choice == place)
            if not self._kept[place]:
                continue
            rows = np.concatenate(self._rows[place])
            found = positions(self._tags[mine], np.concatenate(self._kept[place]))
            hit = found >= 0
            result[mine[hit]] = rows[found[hit]]
        lines = result[result >= 0]
        if len(np.unique(lines)) != len(lines):
            raise BadIntersection("a peer's line stands for two ids")
        return result

    def _keys(self, tags: NDArray[np.uint8]) -> Indices:
        low = np.zeros((len(tags), 8), dtype=np.uint8)
        width = min(self._size, 8)
        low[:, :width] = tags[:, :width]
        mask = np.uint64((1 << self._bits) - 1)
        return (low.view("<u8")[:, 0] & mask).astype(np.int64)
