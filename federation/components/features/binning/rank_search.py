"""Quantiles of rows that nobody holds together, found by asking how many rows lie up to a point.

For q targets t of each column the search keeps points low < high with

    rank(low) < t <= rank(high),         rank(x) = how many rows of all parties are x or less

asks for ranks of points between, and narrows. Points are halved not by value but by their place
among all doubles, of which there are 2**64 in order, so the range of a column need not be known and
64 halvings always suffice; with k points at once fewer do. A target is met when rank(high) - t is
within the tolerance; with none, by a point between the exact quantile and the next value, so that
bins are those of the pooled rows. The last edge is the largest value, up to one part in a thousand.
Pure.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from federation.tables.table import Matrix, Vector

Keys = npt.NDArray[np.uint64]
Ranks = npt.NDArray[np.int64]

_SIGN = np.uint64(1 << 63)
_LAST_WIDTH = np.uint64(1 << 42)
"""How near the last edge is to the largest value, in doubles: 10 of 52 bits."""


def to_keys(values: npt.NDArray[np.float64]) -> Keys:
    """The place of each double among all of them, from the lowest."""
    bits = np.ascontiguousarray(values, dtype=np.float64).view(np.uint64)
    return np.where(bits & _SIGN, ~bits, bits | _SIGN)


def from_keys(keys: Keys) -> npt.NDArray[np.float64]:
    """The double at each place."""
    bits = np.where(keys & _SIGN, keys ^ _SIGN, ~keys)
    return np.ascontiguousarray(bits, dtype=np.uint64).view(np.float64)


LOWEST, HIGHEST = to_keys(np.array([-np.inf, np.inf]))


@dataclass(frozen=True, slots=True)
class RankSearch:
    """A search at one moment.

    Attributes:
        targets: shape (c, q), ranks from 1.
        low: shape (c, q), keys of points below the target.
        high: shape (c, q), keys of points that reach it.
        ranks: shape (c, q), rank of each high.
        slack: shape (c, 1), by how much a rank may exceed its target.
        points: how many points each target asks for at once.
    """

    targets: Ranks
    low: Keys
    high: Keys
    ranks: Ranks
    slack: Ranks
    points: int

    @classmethod
    def of(cls, rows: Ranks, bins: int, error: float, points: int) -> Self:
        """A search for the edges of `bins` bins.

        Args:
            rows: shape (c,), known values of each column at all parties together.
            error: how far a rank may be off, as a share of the rows.
            points: how many points each edge asks for at once.
        """
        targets = -(-np.arange(1, bins + 1) * rows[:, np.newaxis] // bins)
        return cls(
            targets,
            np.full(targets.shape, LOWEST),
            np.full(targets.shape, HIGHEST),
            np.broadcast_to(rows[:, np.newaxis], targets.shape).copy(),
            np.floor(error * rows).astype(np.int64)[:, np.newaxis],
            points,
        )

    @property
    def is_done(self) -> bool:
        """Whether every target is met."""
        return not self._is_open.any()

    @property
    def asked(self) -> Matrix:
        """Shape (c, q * points): where ranks are wanted."""
        keys = self._between
        return from_keys(keys.reshape(len(keys), -1))

    def told(self, ranks: Ranks) -> "RankSearch":
        """Narrowed by the ranks of `asked`, shape (c, q * points)."""
        keys = self._between
        ranks = ranks.reshape(keys.shape)
        reaches = ranks >= self.targets[:, :, np.newaxis]
        first = np.where(reaches.any(axis=2), reaches.argmax(axis=2), self.points)
        lows = np.concatenate([self.low[:, :, np.newaxis], keys], axis=2)
        highs = np.concatenate([keys, self.high[:, :, np.newaxis]], axis=2)
        known = np.concatenate([ranks, self.ranks[:, :, np.newaxis]], axis=2)

        def picked(values: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
            return np.take_along_axis(values, first[:, :, np.newaxis], axis=2)[:, :, 0]

        is_open = self._is_open
        return RankSearch(
            self.targets,
            np.where(is_open, picked(lows), self.low),
            np.where(is_open, picked(highs), self.high),
            np.where(is_open, picked(known), self.ranks),
            self.slack,
            self.points,
        )

    @property
    def edges(self) -> list[Vector]:
        """Of each column the ascending edges found so far; none where it has no value.

        Of edges with no row between them the lowest counts.
        """
        made = []
        for line, ranks in zip(from_keys(self.high), self.ranks, strict=True):
            kept = np.sort(np.unique(ranks, return_index=True)[1])
            made.append(np.unique(line[kept]) if ranks[-1] else line[:0])
        return made

    @property
    def _is_open(self) -> npt.NDArray[np.bool_]:
        width = self.high - self.low
        far = (self.ranks - self.targets > self.slack) & (width > 1)
        is_last = np.arange(self.targets.shape[1]) == self.targets.shape[1] - 1
        vague = (width > _LAST_WIDTH) & (is_last | (self.high == HIGHEST))
        return np.asarray((far | vague) & (self.targets > 0))

    @property
    def _between(self) -> Keys:
        """Shape (c, q, points): keys above low and below high, as far as there are any."""
        step = np.maximum((self.high - self.low) // np.uint64(self.points + 1), np.uint64(1))
        places = np.arange(1, self.points + 1, dtype=np.uint64)
        keys = self.low[:, :, np.newaxis] + step[:, :, np.newaxis] * places
        return np.asarray(np.minimum(keys, self.high[:, :, np.newaxis]))
