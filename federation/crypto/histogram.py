"""Sums of encrypted numbers by node, feature and bin, as trees need them; no parties here.

    H[t, j, b] = sum of E(x_i) over the rows i of node t whose feature j falls into bin b

Three things make sums fewer; the result is exact in any case.

- Features are taken s at a time where rows are many: first the sums over joint bins, bin of one
  feature by bin of the next, which each row enters once for all s; then each feature's sums from
  those, of which there are at most B**s a node.
- Of two siblings the one with more rows is parent - sibling: a difference for each bin, no row.
- Numbers that go together, such as gradient and hessian, share a ciphertext (`packing`).

Learns: nobody anything. Who holds the rows sees bins and nodes, which are its own, and ciphertexts.
Empty bins are ciphertexts without randomness until the channel refreshes them.
Source: Cheng et al. 2021 (SecureBoost), Algorithm 1; Ke et al. 2017, section 5.2 (subtraction).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from federation.crypto.scheme import Encrypted, concatenate

Indices = NDArray[np.int64]

_MOST_TOGETHER = 4
_BLOCK_ITEMS = 1 << 21


def histogram(
    bins: NDArray[Any],
    nodes: NDArray[Any],
    ciphertexts: Encrypted,
    *,
    node_count: int,
    bin_count: int,
) -> Encrypted:
    """Encrypted sums of what falls into each node, feature and bin.

    Args:
        bins: shape (n, f), the bin of each row and feature, in 0 .. bin_count - 1.
        nodes: shape (n,), the node of each row, in 0 .. node_count - 1, or negative for none.
        ciphertexts: shape (n,), or (n, k) for k sums at once.
        node_count: how many nodes.
        bin_count: how many bins each feature has at most.

    Returns:
        Shape (node_count, f, bin_count), or (node_count, f, bin_count, k).

    Raises:
        IndexError: a node or a bin is out of range.
        ValueError: shapes do not go together.
        SchemeLacks: the scheme can not sum what is picked.
    """
    _check(bins, nodes, ciphertexts, node_count, bin_count)
    features, further = bins.shape[1], ciphertexts.shape[1:]
    rows = np.flatnonzero(nodes >= 0)
    together = _together(len(rows), features, node_count, bin_count)
    starts = range(0, features, together)
    groups = [range(first, min(first + together, features)) for first in starts]
    line, width = ciphertexts.reshape(ciphertexts.size), int(np.prod(further, dtype=np.int64))
    taken = _Rows(bins[rows], nodes[rows].astype(np.int64), rows, bin_count)
    codes, sums = _joint_sums(taken, line, groups, width)
    labels = _feature_bins(codes, groups, features, bin_count)
    picks = np.concatenate([np.zeros(0, np.int64), *_spans(codes, groups)])
    count = node_count * features * bin_count
    flat = sums.bucket_sums(_widened(labels, width), count * width, _widened(picks, width))
    return flat.reshape(node_count, features, bin_count, *further)


class Layers:
    """Histograms of the layers of one tree, each made from the one before."""

    def __init__(self, bins: NDArray[Any], ciphertexts: Encrypted, *, bin_count: int) -> None:
        """As `histogram`."""
        self._bins = bins
        self._ciphertexts = ciphertexts
        self._bin_count = bin_count
        self._nodes = np.zeros(len(bins), dtype=np.int64)
        self._sums: Encrypted | None = None

    def root(self, nodes: NDArray[Any] | None = None) -> Encrypted:
        """The first layer, of one node with all rows, or those whose node is 0 and not negative."""
        self._nodes = np.zeros(len(self._bins), np.int64) if nodes is None else np.asarray(nodes)
        self._sums = self._counted(self._nodes, 1)
        return self._sums

    def grow(self, nodes: NDArray[Any], parents: NDArray[Any]) -> Encrypted:
        """The next layer. Where all rows of a node go to two children, fewer are counted.

        Args:
            nodes: shape (n,), the node of each row in the new layer, or negative for none.
            parents: shape (m,), the node of the layer before that each new node comes from.

        Returns:
            Shape (m, f, bin_count) or (m, f, bin_count, k).

        Raises:
            IndexError: a node, a parent or a bin is out of range.
            ValueError: there is no root yet, or a row is in a node that does not come from its own.
        """
        if self._sums is None:
            raise ValueError("a tree grows from its root")
        parents = np.asarray(parents, dtype=np.int64)
        if parents.size and not 0 <= parents.min() <= parents.max() < len(self._sums):
            raise IndexError("a parent is out of range")
        derived, siblings = self._derivable(np.asarray(nodes), parents)
        direct = np.setdiff1d(np.arange(len(parents)), derived)
        place = np.full(len(parents) + 1, -1, dtype=np.int64)  # the last is what -1 finds
        place[direct] = np.arange(len(direct))
        counted = self._counted(place[np.maximum(nodes, -1)], len(direct))
        sums = counted
        if len(derived):
            rest = self._sums[parents[derived]] - counted[place[siblings]]
            sums = concatenate([counted, rest])[np.argsort(np.concatenate([direct, derived]))]
        self._nodes, self._sums = np.asarray(nodes), sums
        return sums

    def _counted(self, nodes: NDArray[Any], count: int) -> Encrypted:
        return histogram(
            self._bins, nodes, self._ciphertexts, node_count=count, bin_count=self._bin_count
        )

    def _derivable(self, nodes: NDArray[Any], parents: Indices) -> tuple[Indices, Indices]:
        """Nodes that follow from parent and sibling, and those siblings."""
        inside = nodes >= 0
        if nodes.shape != self._nodes.shape:
            raise ValueError("every row needs a node, or none")
        if inside.any() and nodes[inside].max() >= len(parents):
            raise IndexError("a node is out of range")
        if not np.array_equal(parents[nodes[inside]], self._nodes[inside]):
            raise ValueError("a row is in a node that does not come from its own")
        rows = np.bincount(nodes[inside], minlength=len(parents))
        before = np.bincount(
            self._nodes[self._nodes >= 0], minlength=int(parents.max(initial=0)) + 1
        )
        order = np.argsort(parents, kind="stable")
        _, starts, sizes = np.unique(parents[order], return_index=True, return_counts=True)
        pairs = order[starts[sizes == 2][:, np.newaxis] + np.arange(2)]
        whole = rows[pairs].sum(axis=1) == before[parents[pairs[:, 0]]]
        pairs = pairs[whole]
        larger = np.argmax(rows[pairs], axis=1) if len(pairs) else np.zeros(0, dtype=np.int64)
        line = np.arange(len(pairs))
        return pairs[line, larger], pairs[line, 1 - larger]


def _check(
    bins: NDArray[Any], nodes: NDArray[Any], ciphertexts: Encrypted, node_count: int, bin_count: int
) -> None:
    if bins.ndim != 2 or bins.dtype.kind not in "iu" or nodes.shape != bins.shape[:1]:
        raise ValueError("bins have rows and features, and every row needs a node")
    if ciphertexts.ndim not in (1, 2) or len(ciphertexts) != len(bins):
        raise ValueError(f"ciphertexts of shape {ciphertexts.shape} are not one a row")
    if nodes.size and nodes.max() >= node_count:
        raise IndexError("a node is out of range")
    if bins.size and not 0 <= int(bins.min()) <= int(bins.max()) < bin_count:
        raise IndexError("a bin is out of range")


@dataclass(frozen=True, slots=True)
class _Rows:
    """The rows that are in nodes; `index` says where each stands among all."""

    bins: NDArray[Any]
    nodes: Indices
    index: Indices
    bin_count: int


def _joint_sums(
    rows: _Rows, line: Encrypted, groups: Sequence[range], width: int
) -> tuple[list[Indices], Encrypted]:
    """Sums over the joint bins that have rows, group after group.

    Returns:
        For each group the codes of its joint bins, node first and last feature last; and the sums
        of all groups, `width` for each code.
    """
    codes: list[Indices] = []
    labels: list[Indices] = []
    parts, found, most = [line[:0]], 0, max(1, _BLOCK_ITEMS // max(1, len(rows.index) * width))
    for number, group in enumerate(groups, 1):
        joint = rows.nodes
        for feature in group:
            joint = joint * rows.bin_count + rows.bins[:, feature]
        occupied = np.bincount(joint, minlength=1) > 0
        codes.append(np.flatnonzero(occupied))
        labels.append((np.cumsum(occupied) - 1)[joint] + found)
        found += len(codes[-1])
        if len(labels) == most or number == len(groups):
            where, picks = np.concatenate(labels), np.tile(rows.index, len(labels))
            parts.append(
                line.bucket_sums(_widened(where, width), found * width, _widened(picks, width))
            )
            labels, found = [], 0
    return codes, concatenate(parts)


def _feature_bins(
    codes: Sequence[Indices], groups: Sequence[range], features: int, bin_count: int
) -> Indices:
    """Where each joint bin counts, for each of its features: node, feature and bin in one."""
    labels = [np.zeros(0, dtype=np.int64)]
    for code, group in zip(codes, groups, strict=True):
        node = code // bin_count ** len(group)
        for feature in group:
            digit = code // bin_count ** (group.stop - 1 - feature) % bin_count
            labels.append((node * features + feature) * bin_count + digit)
    return np.concatenate(labels)


def _spans(codes: Sequence[Indices], groups: Sequence[range]) -> Iterator[Indices]:
    """Which joint bins `_feature_bins` speaks of, in the same order."""
    start = 0
    for code, group in zip(codes, groups, strict=True):
        yield np.tile(np.arange(start, start + len(code)), len(group))
        start += len(code)


def _widened(index: Indices, width: int) -> Indices:
    """The numbers of `width` columns that lie side by side at each place."""
    if width == 1:
        return index
    wide: Indices = (index[:, np.newaxis] * width + np.arange(width)).ravel()
    return wide


def _together(rows: int, features: int, node_count: int, bin_count: int) -> int:
    """How many features to take at once, for the fewest sums."""

    def sums(several: int) -> float:
        joint = node_count * bin_count**several
        return rows / several + (joint if several > 1 else 0)

    return min(range(1, min(_MOST_TOGETHER, max(1, features)) + 1), key=sums)
