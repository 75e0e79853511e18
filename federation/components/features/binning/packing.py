"""Many small counts in one ciphertext: fewer to refresh, to send and to decrypt.

A row's label is a word with one slot of w bits for each class but the first, 1 in the slot of its
class. Sums of such words count rows by class, as no count reaches 2^w. Of b such sums, s at a time
go into one ciphertext, each s_bits = w * classes higher than the one before:

    packed_g = sum_k 2^(k s_bits) * sum_(g + k G),        G = ceil(b / s)

by Horner's rule, which costs s_bits squarings for each sum. Local; what a sum holds its receiver
can read.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from federation.components.features.binning.evidence import Counts
from federation.crypto import Encrypted, concatenate

_MOST_SHIFT = 32
_PLAIN_SHARE = 3
"""A plaintext has a third of the modulus' bits in the scheme that has the fewest."""
_SPARE_BITS = 64


@dataclass(frozen=True, slots=True)
class Words:
    """How labels are written into plaintexts.

    Attributes:
        width: bits of a slot.
        per_lane: classes in one word; classes beyond go into further words, called lanes.
        classes: how many classes are counted, one less than there are.
        slots: how many sums of words one plaintext holds.
    """

    width: int
    per_lane: int
    classes: int
    slots: int

    @classmethod
    def of(cls, rows: int, classes: int, key_bits: int) -> Self:
        """For labels of `rows` rows in `classes` classes, under a key of that length."""
        room = key_bits // _PLAIN_SHARE - _SPARE_BITS
        width = max(rows.bit_length(), 1)
        per_lane = min(classes - 1, room // width)
        return cls(width, per_lane, classes - 1, room // (width * per_lane))

    @property
    def lanes(self) -> int:
        """How many words a row has."""
        return -(-self.classes // self.per_lane)

    @property
    def word_bits(self) -> int:
        """Bits of one word."""
        return self.width * self.per_lane

    def written(self, places: npt.NDArray[np.int64]) -> list[list[int]]:
        """For each lane the word of each row.

        Args:
            places: shape (n,), the class of each row, from 0.
        """
        lanes = []
        for lane in range(self.lanes):
            first = 1 + lane * self.per_lane
            words = np.zeros(self.classes + 1, dtype=object)
            for slot in range(min(self.per_lane, self.classes + 1 - first)):
                words[first + slot] = 1 << (slot * self.width)
            lanes.append(words[places].tolist())
        return lanes

    def groups(self, count: int) -> int:
        """How many ciphertexts hold `count` sums."""
        return -(-count // self.slots)

    def packed(self, sums: Encrypted) -> Encrypted:
        """The sums of one lane, shape (b,), in shape (groups,)."""
        groups = self.groups(len(sums))
        starts = range(0, len(sums), max(groups, 1))
        total: Encrypted | None = None
        for start in reversed(starts):
            part = sums[start : start + groups]
            total = part if total is None else _above(_shifted(total, self.word_bits), part)
        return sums if total is None else total

    def counts(self, lanes: list[list[int]], count: int) -> Counts:
        """Rows of each counted class in each of `count` buckets, shape (classes, count).

        Args:
            lanes: for each lane what the packed ciphertexts decrypt to.
        """
        groups, mask = self.groups(count), (1 << self.width) - 1
        lines: list[list[int]] = []
        for lane, plain in enumerate(lanes):
            words = [
                plain[bucket % groups] >> (bucket // groups * self.word_bits)
                for bucket in range(count)
            ]
            used = min(self.per_lane, self.classes - lane * self.per_lane)
            lines += [
                [word >> (slot * self.width) & mask for word in words] for slot in range(used)
            ]
        return np.array(lines, dtype=np.int64).reshape(self.classes, count)


def _shifted(sums: Encrypted, bits: int) -> Encrypted:
    while bits:
        step = min(bits, _MOST_SHIFT)
        sums, bits = sums * (1 << step), bits - step
    return sums


def _above(high: Encrypted, low: Encrypted) -> Encrypted:
    """Sum of two lines, of which `high` may be the shorter one."""
    both = high + low[: len(high)]
    return both if len(high) == len(low) else concatenate([both, low[len(high) :]])
