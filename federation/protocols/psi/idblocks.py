"""Ids as blocks of 128 bits, in bulk: the same id and seed give the same block, others another.

An id's UTF-8 bytes, then 0x80, then zeros fill whole blocks; ids of one number of blocks are
chained through AES under a key of their own (CBC-MAC). The seed is drawn after the ids are fixed,
so two of n ids of up to l blocks share a block with probability below n**2 l**2 / 2**128.

Learns: nobody anything; the blocks stay at home.
Source: Bellare, Kilian, Rogaway 2000; ISO/IEC 7816-4 for the padding.
"""

import numpy as np

from federation.crypto.byte_rows import ByteRows, Rows
from federation.crypto.ot_extension import Permutation, Words

_BLOCK = 16
_AT_ONCE = 1 << 20
"""Bytes of padded ids that are worked on together."""


def blocks_of(ids: ByteRows, seed: bytes, rows: Rows | None = None) -> Words:
    """One block for each id; shape (n, 2).

    Args:
        rows: which ids, in this order; by default all.
    """
    chosen = np.arange(len(ids)) if rows is None else rows
    result = np.empty((len(chosen), 2), dtype=np.uint64)
    widths = (ids.lengths[chosen] // _BLOCK + 1) * _BLOCK
    for width in np.unique(widths).tolist():
        permutation = Permutation(seed, f"ids of {width}")
        members = np.flatnonzero(widths == width)
        step = max(1, _AT_ONCE // width)
        for start in range(0, len(members), step):
            some = members[start : start + step]
            texts = ids.padded(chosen[some], width).view("<u8").astype(np.uint64, copy=False)
            state = permutation(texts[:, :2])
            for at in range(2, width // 8, 2):
                state = permutation(state ^ texts[:, at : at + 2])
            result[some] = state
    return result
