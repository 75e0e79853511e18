"""How runs of items are laid over 8 lanes, for products of many numbers each.

Long runs are cut into pieces that are multiplied apart and then with each other; pieces of like
length share a group, so that lanes seldom wait.

Learns: nobody anything.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from federation.crypto.kernels.shape import LANES

Indices = NDArray[np.int64]

_LONGEST = 16


def pieces_of(sizes: Indices) -> tuple[Indices, Indices]:
    """Runs cut into pieces of at most 16 items, as even as can be.

    Args:
        sizes: items of each run, at least 1.

    Returns:
        The lengths of all pieces in order, and how many pieces each run has.
    """
    parts = -(-sizes // _LONGEST)
    run = np.repeat(np.arange(len(sizes)), parts)
    number = np.arange(len(run)) - np.repeat(np.cumsum(parts) - parts, parts)
    size, count = sizes[run], parts[run]
    return (number + 1) * size // count - number * size // count, parts


@dataclass(frozen=True, slots=True)
class ChainPlan:
    """What the kernel `chains` is told.

    Attributes:
        picks: which row a lane takes at each step, -1 for none.
        starts: where each group's picks begin, in steps.
        lengths: steps of each group.
        places: the row of the result that holds each run's product.
    """

    picks: Indices
    starts: Indices
    lengths: Indices
    places: Indices


def chain_plan(items: Indices, lengths: Indices) -> ChainPlan:
    """The plan for runs of `items` that follow each other, none of them empty."""
    order = np.argsort(-lengths, kind="stable")
    places = np.empty_like(order)
    places[order] = np.arange(len(order))
    steps = lengths[order[::LANES]]
    starts = np.cumsum(steps) - steps
    picks = np.full(LANES * int(steps.sum()), -1, dtype=np.int64)
    run = np.repeat(np.arange(len(lengths)), lengths)
    step = np.arange(len(items)) - (np.cumsum(lengths) - lengths)[run]
    lane = places[run]
    picks[LANES * (starts[lane // LANES] + step) + lane % LANES] = items
    return ChainPlan(picks, starts, steps, places)
