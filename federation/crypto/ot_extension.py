"""Oblivious transfer extension of codewords: from a few hundred transfers to one for each row.

With column i of every m x k matrix of bits drawn from the seeds of base transfer i, and C a code
that puts any two words 128 bits or more apart,

    receiver: T0, T1 from both seeds; U = T0 ^ T1 ^ C(x)  ->  sender, with k secret bits s
    sender:   Q = T_s ^ (U & s)  =  T0 ^ (C(x) & s)

so that Q ^ (C(y) & s) is the row of T0 where y = x, and 128 unknown bits away from it elsewhere.
Hashed, the receiver's row is a pseudorandom function of its x, which the sender has of every y.

Rows are 8 words of 64 bits, of which `words` are used. Columns are AES-128 in counter mode; the
code is AES-128 of x under four keys drawn after x is fixed. A row is hashed by chaining
f_i(v) = AES_i(v) ^ v over its four blocks; that is secure where AES is a random permutation.

Security: computational 128 bits; statistical 40: two words of 448 bits are nearer than 128 with
probability 2**-66.5, so 448 bits serve 2**26 pairs of words that meet, and 512 bits (2**-102) any.
Learns: the receiver the function at its own x, the sender nothing; both follow the protocol.
Source: Kolesnikov, Kumaresan, Rosulek, Trieu 2016, section 3; Ishai, Kilian, Nissim, Petrank 2003;
for the hash Guo, Katz, Wang, Yu 2020, section 7; for the transpose Eklundh 1972.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes
from numpy.typing import NDArray

WORDS = 8
GRAIN = 64
"""Rows come in multiples of this."""

Words = NDArray[np.uint64]
"""Rows have shape (n, 8); blocks of AES (n, 2)."""

_WORD_BITS = 64
_CODE_PAIRS = 1 << 26
_ROUNDS = tuple(
    (step, np.uint64(step), np.uint64(mask))
    for step, mask in (
        (32, 0x00000000FFFFFFFF),
        (16, 0x0000FFFF0000FFFF),
        (8, 0x00FF00FF00FF00FF),
        (4, 0x0F0F0F0F0F0F0F0F),
        (2, 0x3333333333333333),
        (1, 0x5555555555555555),
    )
)


def words_for(pairs: int) -> int:
    """Words of a row, so that of so many pairs of codewords none are near: 7 or 8."""
    return WORDS - 1 if pairs <= _CODE_PAIRS else WORDS


class Permutation:
    """AES-128 of many blocks at once, under a key that a seed and a label give."""

    def __init__(self, seed: bytes, label: str) -> None:
        key = hashlib.sha256(b"tripact/aes/1|" + seed + label.encode()).digest()[:16]
        # Blocks are hashed ids or rows of a matrix, each on its own: there is no message to hide.
        self._aes = Cipher(algorithms.AES128(key), modes.ECB()).encryptor()  # noqa: S305

    def __call__(self, blocks: Words) -> Words:
        """The image of each block; shape (n, 2)."""
        given = np.ascontiguousarray(blocks)
        room = np.empty(2 * len(given) + 2, dtype=np.uint64)  # the cipher wants a block more
        if len(given):
            self._aes.update_into(given.data.cast("B"), room.data.cast("B"))
        return room[:-2].reshape(-1, 2)


class Code:
    """A pseudorandom code: 128 bits to 448 or 512."""

    def __init__(self, seed: bytes, words: int) -> None:
        self._parts = [Permutation(seed, f"code {part}") for part in range(WORDS // 2)]
        self._words = words

    def __call__(self, blocks: Words) -> Words:
        """The word of each block, as rows."""
        rows = np.empty((len(blocks), WORDS), dtype=np.uint64)
        for part, permutation in enumerate(self._parts):
            rows[:, 2 * part : 2 * part + 2] = permutation(blocks)
        rows[:, self._words :] = 0
        return rows


class RowHash:
    """A hash of rows that differ in secret bits."""

    def __init__(self, seed: bytes) -> None:
        self._parts = [Permutation(seed, f"hash {part}") for part in range(WORDS // 2)]

    def __call__(self, rows: Words, tweaks: Words) -> Words:
        """The hash of each row together with its tweak, shape (n,); gives blocks."""
        state: Words = np.zeros((len(rows), 2), dtype=np.uint64)
        for part, permutation in enumerate(self._parts):
            state = state ^ rows[:, 2 * part : 2 * part + 2]
            if part == len(self._parts) - 1:
                state[:, 1] ^= tweaks
            state ^= permutation(state)
        return state


class Receiver:
    """Has a row of T0 for each codeword.

    Args:
        keys: both keys of each base transfer, 64 for each word of a row.
    """

    def __init__(self, keys: Sequence[tuple[bytes, bytes]]) -> None:
        self._zero = _Columns([zero for zero, _ in keys])
        self._one = _Columns([one for _, one in keys])
        self._words = len(keys) // _WORD_BITS

    def extend(self, codewords: Words) -> tuple[Words, Words]:
        """The next rows.

        Args:
            codewords: a multiple of 64.

        Returns:
            The rows of T0, and those of U for the sender, shape (n, words).
        """
        zero = self._zero.rows(len(codewords))
        told = self._one.rows(len(codewords))
        told ^= zero
        told ^= codewords
        return zero, np.ascontiguousarray(told[:, : self._words])


class Sender:
    """Has Q, which gives the row of any codeword.

    Args:
        bits: s.
        keys: of those bits, from the base transfers.
    """

    def __init__(self, bits: Sequence[int], keys: Sequence[bytes]) -> None:
        self._columns = _Columns(keys)
        self._words = len(keys) // _WORD_BITS
        packed = np.packbits(np.array(bits, dtype=np.uint8), bitorder="little")
        self._mask: Words = np.zeros(WORDS, dtype=np.uint64)
        self._mask[: self._words] = packed.view("<u8")

    def extend(self, told: Words) -> Words:
        """The next rows of Q, for rows of U."""
        rows = self._columns.rows(len(told))
        rows[:, : self._words] ^= told & self._mask[: self._words]
        return rows

    def masked(self, codewords: Words) -> Words:
        """C(y) & s."""
        return codewords & self._mask


class _Columns:
    """Pseudorandom columns, read on row by row."""

    def __init__(self, seeds: Sequence[bytes]) -> None:
        self._streams = [_stream(seed) for seed in seeds]

    def rows(self, count: int) -> Words:
        """The next `count` rows, a multiple of 64."""
        size = count // 8
        zeros = memoryview(bytes(size))
        drawn = np.empty((len(self._streams), size + 16), dtype=np.uint8)
        for stream, line in zip(self._streams, drawn, strict=True):
            stream.update_into(zeros, line.data)
        rows: Words = np.zeros((count, WORDS), dtype=np.uint64)
        by_grain = rows.reshape(-1, GRAIN, WORDS)
        for word in range(len(drawn) // _WORD_BITS):
            lines = drawn[word * _WORD_BITS : (word + 1) * _WORD_BITS, :size]
            by_grain[:, :, word] = transposed(lines.view("<u8").astype(np.uint64)).T
        return rows


def transposed(lines: Words) -> Words:
    """Blocks of 64 x 64 bits turned in place.

    Args:
        lines: shape (64, m): bit b of word j of line i.

    Returns:
        The same array: bit i of word j of line b.
    """
    for step, shift, mask in _ROUNDS:
        halves = lines.reshape(-1, 2, step, lines.shape[1])
        low, high = halves[:, 0], halves[:, 1]
        moved = low >> shift
        moved ^= high
        moved &= mask
        high ^= moved
        moved <<= shift
        low ^= moved
    return lines


def _stream(seed: bytes) -> CipherContext:
    # The key serves for this one stream, so it may begin at zero.
    return Cipher(algorithms.AES128(seed), modes.CTR(bytes(16))).encryptor()
