"""Optimal binning: neighbouring fine bins are merged until the bins left tell the most.

From below (iv, gini, chi_square) the pair whose merging costs least goes first: with e and n the
rows of a bin that have the label and that have another,

    iv           iv(a) + iv(b) - iv(a and b)
    gini         r_ab g_ab - r_a g_a - r_b g_b      with r = e + n, g = 1 - (e/r)^2 - (n/r)^2
    chi_square   the statistic of the 2 x 2 table of the pair

first the pairs with a bin that is too small or, under `mixture`, of one class, then any while there
are more than `bin_num` bins. ks works from above: the part whose cut

    ks           max over cuts of |share of its e up to the cut - share of its n up to the cut|

is greatest is cut there, as long as both sides are large and mixed enough. A merged bin has at most
max_bin_pct of the rows wherever another merging is possible.

Greedy, so not the best of all partitions; the same counts give the same bins. Local.
Source: FATE 1.x OptimalBinning (which bins are merged is defined here; FATE's heap is not
documented); Kerber 1992 for chi_square.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from federation.components.features.binning.evidence import Counts
from federation.components.features.binning.params import OptimalBinningParam
from federation.tables.table import Vector

Groups = npt.NDArray[np.int64]
Pairs = npt.NDArray[np.int64]
"""Shape (2, b): of each bin the rows that have the label, and those that have another."""


@dataclass(frozen=True, slots=True)
class Merging:
    """How bins of one column are merged.

    Attributes:
        p: measure and constraints.
        bins: how many are left at most.
        adjustment: as of `Evidence`.
    """

    p: OptimalBinningParam
    bins: int
    adjustment: float

    def groups(self, events: Counts, rows: Counts) -> Groups:
        """The bin after merging of each fine bin: shape (b,), ascending from 0 in steps of 0 or 1.

        Args:
            events: shape (b,), rows with the label in each fine bin.
            rows: shape (b,), all rows in it.
        """
        total = int(rows.sum())
        least = max(1, int(np.ceil(self.p.min_bin_pct * total)))
        most = int(np.floor(self.p.max_bin_pct * total))
        search = _cut if self.p.metric_method == "ks" else _merged
        starts = search(np.stack([events, rows - events]), self, least, most)
        return np.asarray(np.cumsum(np.isin(np.arange(len(rows)), starts[1:])), dtype=np.int64)

    def unfit(self, counts: Pairs, least: int) -> npt.NDArray[np.bool_]:
        """Which bins are too small, or of one class where they are to be mixed."""
        unfit = counts.sum(axis=0) < least
        if self.p.mixture:
            unfit |= (counts == 0).any(axis=0)
        return np.asarray(unfit)

    def costs(self, totals: Counts) -> Callable[[Pairs, Pairs], Vector]:
        """What merging bins with their right neighbours costs; `totals` are events and others."""
        if self.p.metric_method == "gini":
            return _gini_cost
        if self.p.metric_method == "chi_square":
            return chi_square

        def loss(left: Pairs, right: Pairs) -> Vector:
            def value(counts: Pairs) -> Vector:
                return _iv(counts, totals, self.adjustment)

            return value(left) + value(right) - value(left + right)

        return loss

    def measured(self, events: Counts, rows: Counts) -> Vector:
        """The measure of each bin that is left (chi_square: of each pair), for people."""
        counts = np.stack([events, rows - events])
        totals = counts.sum(axis=1)
        if self.p.metric_method == "gini":
            return gini(counts)
        if self.p.metric_method == "chi_square":
            return chi_square(counts[:, :-1], counts[:, 1:])
        if self.p.metric_method == "ks":
            shares = np.cumsum(counts, axis=1) / np.maximum(totals, 1)[:, np.newaxis]
            return np.asarray(np.abs(shares[0] - shares[1]))
        return _iv(counts, totals, self.adjustment)


def _merged(counts: Pairs, merging: Merging, least: int, most: int) -> list[int]:
    """First fine bin of each bin left, from below."""
    costs = merging.costs(counts.sum(axis=1))
    starts = np.arange(counts.shape[1])
    cost = costs(counts[:, :-1], counts[:, 1:])
    while len(starts) > 1:
        unfit = merging.unfit(counts, least)
        if not unfit.any() and len(starts) <= merging.bins:
            break
        allowed = unfit[:-1] | unfit[1:] if unfit.any() else np.ones(len(cost), bool)
        rows = counts.sum(axis=0)
        small = rows[:-1] + rows[1:] <= most
        if (allowed & small).any():
            allowed = allowed & small
        at = int(np.argmin(np.where(allowed, cost, np.inf)))
        joined = counts[:, at] + counts[:, at + 1]
        counts = np.delete(counts, at + 1, axis=1)
        counts[:, at] = joined
        starts, cost = np.delete(starts, at + 1), np.delete(cost, at)
        low, high = max(at - 1, 0), min(at + 1, len(starts) - 1)
        cost[low:high] = costs(counts[:, low:high], counts[:, low + 1 : high + 1])
    return [int(start) for start in starts]


def _cut(counts: Pairs, merging: Merging, least: int, most: int) -> list[int]:
    """First fine bin of each bin left, from above."""
    parts = [(0, counts.shape[1])]
    best = {parts[0]: _best_cut(counts, merging, least)}
    while len(parts) < merging.bins:
        open_parts = [part for part in parts if best[part][1]]
        if not open_parts:
            break
        large = [part for part in open_parts if int(counts[:, slice(*part)].sum()) > most]
        low, high = chosen = max(large or open_parts, key=lambda part: best[part][0])
        middle = low + best[chosen][1]
        parts.remove(chosen)
        for half in ((low, middle), (middle, high)):
            parts.append(half)
            best[half] = _best_cut(counts[:, slice(*half)], merging, least)
    return sorted(start for start, _ in parts)


def _best_cut(counts: Pairs, merging: Merging, least: int) -> tuple[float, int]:
    """The ks of the best cut, and how many fine bins lie before it; 0 where none is allowed."""
    below = np.cumsum(counts, axis=1)
    every = below[:, -1:]
    shares = below / np.maximum(every, 1)
    unfit = merging.unfit(below, least) | merging.unfit(every - below, least)
    distance = np.where(unfit, -1.0, np.abs(shares[0] - shares[1]))[:-1]
    if not distance.size or distance.max() < 0:
        return -1.0, 0
    return float(distance.max()), 1 + int(np.argmax(distance))


# --- costs of merging neighbours -----------------------------------------------------------------


def _iv(counts: Pairs, totals: Counts, added: float) -> Vector:
    """What each bin adds to the information value."""
    one_class = (counts == 0).any(axis=0) & (counts > 0).any(axis=0)
    shares = (counts + np.where(one_class, added, 0.0)) / np.maximum(totals, 1)[:, np.newaxis]
    full = (shares > 0).all(axis=0)
    ratio = np.divide(shares[0], shares[1], where=full, out=np.ones(counts.shape[1]))
    return np.asarray((shares[0] - shares[1]) * np.log(ratio))


def _gini_cost(left: Pairs, right: Pairs) -> Vector:
    def weighted(counts: Pairs) -> Vector:
        return np.asarray(counts.sum(axis=0) * gini(counts))

    return weighted(left + right) - weighted(left) - weighted(right)


def gini(counts: Pairs) -> Vector:
    """Impurity of each bin, 0 in an empty one."""
    rows = counts.sum(axis=0)
    shares = counts / np.maximum(rows, 1)
    return np.asarray(np.where(rows > 0, 1 - (shares**2).sum(axis=0), 0.0))


def chi_square(left: Pairs, right: Pairs) -> Vector:
    """(ad - bc)^2 N / (product of the margins); 0 where a margin is empty."""
    a, b, c, d = (line.astype(np.float64) for line in (*left, *right))
    off = (a * d - b * c) ** 2 * (a + b + c + d)
    margins = (a + b) * (c + d) * (a + c) * (b + d)
    return np.asarray(np.divide(off, margins, where=margins > 0, out=np.zeros(len(off))))
