"""64-bit hashes of ids, column by column; equal ids have equal hashes, others hardly ever.

An id is a row of 32-bit words w_1 ... w_k with zeros behind it. Two multilinear hashes with random
64-bit keys, of which the high halves are kept, make one of 64 bits:

    h = (key_0 * length + sum_i key_i * w_i  mod 2**64) >> 32

Two different ids collide with a chance of 2**-32 in each half, whatever they are: the keys are
drawn anew for each table and known to nobody. Ids over 64 bytes, which are rare, go through
Python's own hash one by one.
Source: Lemire and Kaser 2014, "Strongly universal string hashing is fast".
"""

import secrets

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

LONG_BYTES = 64
_WORD_BYTES = 4
_HALF = np.uint64(32)

Hashes = NDArray[np.uint64]


class IdHashes:
    """One draw of keys; hashes of different draws can not be compared."""

    def __init__(self) -> None:
        words = LONG_BYTES // _WORD_BYTES
        drawn = np.frombuffer(secrets.token_bytes(16 * (words + 1)), np.uint64)
        self._keys = drawn.reshape(2, words + 1)

    def of(self, ids: pa.Array) -> Hashes:
        """Hashes of a column of texts without nulls, shape (n,)."""
        lengths = pc.binary_length(ids).to_numpy(zero_copy_only=False)
        if not len(lengths) or lengths.max() <= LONG_BYTES:
            return self._short(ids, lengths)
        long = lengths > LONG_BYTES
        hashes = np.empty(len(ids), np.uint64)
        hashes[~long] = self._short(ids.filter(pa.array(~long)), lengths[~long])
        rare = ids.filter(pa.array(long)).to_pylist()
        hashes[long] = np.fromiter(map(hash, rare), np.int64, len(rare)).view(np.uint64)
        return hashes

    def _short(self, ids: pa.Array, lengths: NDArray[np.int32]) -> Hashes:
        width = -(-int(lengths.max(initial=0)) // _WORD_BYTES) * _WORD_BYTES
        padded = np.zeros((len(ids), width), np.uint8)
        padded[np.arange(width) < lengths[:, None]] = _bytes_of(ids)
        words = padded.view("<u4").astype(np.uint64)
        high, low = (
            (words @ keys[1 : words.shape[1] + 1] + lengths.astype(np.uint64) * keys[0]) >> _HALF
            for keys in self._keys
        )
        hashes: Hashes = (high << _HALF) | low
        return hashes


def _bytes_of(ids: pa.Array) -> NDArray[np.uint8]:
    """The bytes of all ids, one behind the other."""
    _, offsets, data = ids.buffers()
    if data is None or not len(ids):
        return np.empty(0, np.uint8)
    ends = np.frombuffer(offsets, np.int32)[ids.offset : ids.offset + len(ids) + 1]
    return np.frombuffer(data, np.uint8)[ends[0] : ends[-1]]
