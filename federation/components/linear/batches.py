"""Which rows make a batch, and whether batches are large enough to hide what is in them.

A host gets its step, from which the gradient of its columns follows, g = X^T d / n. With no more
rows in a batch than it has columns it can solve that for d, and d tells the labels. A last batch
that is too small is therefore joined to the one before, and where no batch is larger than every
host's width, training is refused before the first letter.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from federation.components.linear.params import LinearModelParams
from federation.errors import PartyRefused

Indices = npt.NDArray[np.int64]


class BatchTooSmall(PartyRefused):
    """A batch has no more rows than a host has columns, which would give the labels away."""

    code = "batch_too_small"

    def __init__(self, rows: int, party: str) -> None:
        # How many columns the host has stays with it and the guest.
        super().__init__(
            f"a batch of {rows} rows is not larger than the number of columns at {party}, which "
            "could compute the labels from its gradients; use a larger batch_size, more rows or "
            "fewer columns",
            party=party,
        )


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch.

    Attributes:
        rows: shape (r,), rows that take part, cover rows among them, ascending.
        real: shape (r,), which of `rows` count; None if all do.
        size: how many count.
    """

    rows: Indices
    real: npt.NDArray[np.bool_] | None
    size: int


def cut(order: Indices, size: int, least: int) -> list[Indices]:
    """Batches of `size` rows; a rest of fewer than `least` goes with the last full one.

    Args:
        order: shape (n,), the rows in the order in which they are cut.
        size: -1 for all rows.
    """
    if size == -1 or size >= len(order):
        return [order]
    parts = [order[start : start + size] for start in range(0, len(order), size)]
    if len(parts[-1]) < least:
        parts[-2:] = [np.concatenate(parts[-2:])]
    return parts


def check_batches(sizes: Sequence[int], widths: Sequence[int], hosts: Sequence[str]) -> None:
    """Say no to batches from which a host could learn labels.

    Args:
        sizes: rows of each batch.
        widths: columns of each host.
        hosts: their names, as `role:id`.

    Raises:
        BatchTooSmall: a batch is not larger than a host's width.
    """
    for width, host in zip(widths, hosts, strict=True):
        if min(sizes) <= width:
            raise BatchTooSmall(min(sizes), host)


def whole_batches(order: Indices, p: LinearModelParams, widest: int) -> list[Batch]:
    """The batches of every epoch, made once.

    Args:
        order: shape (n,), the guest's rows in its order.
        widest: columns of the widest host.
    """
    mixed = np.random.default_rng().permutation(order) if p.shuffle else order
    return [Batch(np.sort(part), None, len(part)) for part in cut(mixed, p.batch_size, widest + 1)]


def is_drawn(rows: int, p: LinearModelParams) -> bool:
    """Whether each epoch draws one batch anew, instead of going through all of them."""
    return p.batch_strategy == "random" and -1 < p.batch_size < rows


def drawn_batch(rows: int, p: LinearModelParams, random: np.random.Generator) -> Batch:
    """A batch drawn anew, hidden among `masked_rate` times as many rows that do not count."""
    cover = min(math.ceil(p.masked_rate * p.batch_size), rows - p.batch_size)
    taken = random.permutation(rows)[: p.batch_size + cover]
    order = np.argsort(taken)
    return Batch(taken[order].astype(np.int64), (order < p.batch_size), p.batch_size)
