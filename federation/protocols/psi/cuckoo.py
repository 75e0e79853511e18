"""A cuckoo table: each block goes into one of three bins, and no bin takes two.

Bin j of a block lies in the j-th third of the table, so that no two of its bins are one. With 1.33
bins a block and 3072 at least, a table exists but for a probability below 2**-40, and then another
seed is drawn.

Learns: nobody anything; which bin a block has depends on all others, and so must never be told.
Source: Kirsch, Mitzenmacher, Wieder 2009; Pinkas, Schneider, Zohner 2018, section 6, for the size.
"""

import secrets

import numpy as np
from numpy.typing import NDArray

from federation.crypto.ot_extension import GRAIN, Words

CHOICES = 3
_SPACE = 1.33
_LEAST_THIRD = 1024
_PATIENCE = 3000
_LOW = np.uint64(0xFFFFFFFF)

Indices = NDArray[np.int64]


def bin_count(count: int) -> int:
    """Bins of a table of so many blocks: three times a multiple of 64."""
    third = max(_LEAST_THIRD, int(count * _SPACE) // CHOICES + 1)
    return CHOICES * (-(-third // GRAIN) * GRAIN)


def bins_of(blocks: Words, bins: int) -> Indices:
    """The three bins of each block; shape (n, 3).

    Args:
        blocks: uniform, as `blocks_of` gives them.
        bins: from `bin_count`.
    """
    third = np.uint64(bins // CHOICES)
    shift = np.uint64(32)
    result = np.empty((len(blocks), CHOICES), dtype=np.int64)
    for choice in range(CHOICES):
        word = blocks[:, choice // 2]
        chunk = word & _LOW if choice % 2 == 0 else word >> shift
        result[:, choice] = ((chunk * third) >> shift) + np.uint64(choice) * third
    return result


def placed(choices: Indices, bins: int) -> Indices | None:
    """Where every block goes.

    Args:
        choices: from `bins_of`.
        bins: in all.

    Returns:
        For each bin the block in it or -1, shape (bins,); None where no table was found.
    """
    rng = np.random.default_rng(secrets.randbits(128))
    taken: Indices = np.full(bins, -1, dtype=np.int64)
    turn = np.zeros(len(choices), dtype=np.int8)
    waiting = np.arange(len(choices))
    for _ in range(_PATIENCE):
        if not len(waiting):
            return taken
        wanted = choices[waiting, turn[waiting]]
        before = taken[wanted]
        taken[wanted] = waiting  # of several the last one stays
        stays = taken[wanted] == waiting
        out = np.concatenate([waiting[~stays], before[stays & (before >= 0)]])
        turn[out] = (turn[out] + rng.integers(1, CHOICES, len(out), dtype=np.int8)) % CHOICES
        waiting = out
    return None
