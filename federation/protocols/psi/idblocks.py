"""Ids as blocks of 128 bits, in bulk: the same id and seed give the same block, others another.

An id's UTF-8 bytes, then 0x80, then zeros fill whole blocks; ids of one number of blocks are
chained through AES under a key of their own (CBC-MAC). The seed is drawn after the ids are fixed,
so two of n ids of up to l blocks share a block with probability below n**2 l**2 / 2**128.

Learns: nobody anything; the blocks stay at home.
Source: Bellare, Kilian, Rogaway 2000; ISO/IEC 7816-4 for the padding.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from federation.crypto.ot_extension import Permutation, Words

_BLOCK = 16
_AT_ONCE = 1 << 22
"""Bytes of padded ids that are worked on together."""

_END = 0x80


class IdBytes:
    """The UTF-8 bytes of a column of ids."""

    def __init__(self, ids: Sequence[str]) -> None:
        column = pa.array(ids, pa.large_string())
        _, offsets, data = column.buffers()
        ends = np.frombuffer(offsets, dtype=np.int64)[: len(column) + 1]
        self._starts = ends[:-1]
        self.lengths: NDArray[np.int64] = np.diff(ends)
        room = (int(self.lengths.max(initial=0)) // _BLOCK + 1) * _BLOCK
        self._data = np.zeros(int(ends[-1]) + room, dtype=np.uint8)
        if ends[-1]:
            self._data[: ends[-1]] = np.frombuffer(data, dtype=np.uint8)[: ends[-1]]

    def padded(self, rows: NDArray[np.int64], width: int) -> NDArray[np.uint8]:
        """The bytes of some ids, each followed by 0x80 and zeros; shape (n, width).

        Args:
            rows: ids of fewer than `width` bytes each.
            width: at most what the longest id needs.
        """
        windows = np.lib.stride_tricks.sliding_window_view(self._data, width)
        texts: NDArray[np.uint8] = windows[self._starts[rows]]
        lengths = self.lengths[rows]
        texts[np.arange(width) >= lengths[:, None]] = 0
        texts[np.arange(len(rows)), lengths] = _END
        return texts


def blocks_of(ids: IdBytes, seed: bytes) -> Words:
    """One block for each id; shape (n, 2)."""
    result = np.empty((len(ids.lengths), 2), dtype=np.uint64)
    widths = (ids.lengths // _BLOCK + 1) * _BLOCK
    for width in np.unique(widths).tolist():
        permutation = Permutation(seed, f"ids of {width}")
        members = np.flatnonzero(widths == width)
        step = max(1, _AT_ONCE // width)
        for start in range(0, len(members), step):
            rows = members[start : start + step]
            texts = ids.padded(rows, width).view("<u8").astype(np.uint64, copy=False)
            state = permutation(texts[:, :2])
            for at in range(2, width // 8, 2):
                state = permutation(state ^ texts[:, at : at + 2])
            result[rows] = state
    return result
