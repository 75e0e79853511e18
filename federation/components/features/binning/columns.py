"""One party's columns in bins: where each is cut, and how many rows each bin has. Local."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from federation.components.common.columns import NoSuchColumn, numbers_of, require_columns
from federation.components.features.binning.edges import EDGES, Bins, binned, category_edges
from federation.components.features.binning.evidence import Counts, Evidence
from federation.components.features.binning.merging import Groups, Merging
from federation.components.features.binning.params import BinningParams, HeteroBinningParams
from federation.components.features.columns import chosen, features_of, remade
from federation.errors import DataProblem, InvalidParameters, Problem
from federation.tables import Table
from federation.tables.table import Vector


@dataclass(frozen=True)
class BinnedColumn:
    """A column in bins, rows in the table's order.

    Attributes:
        edges: shape (m,), upper edges, ascending.
        bins: shape (n,), the bin of each row, m where it is missing.
        place: where it stands among the features.
        fine: whether these are bins that are still to be merged.
        metric: what optimal binning measured of each bin, for people.
    """

    name: str
    edges: Vector
    bins: Bins
    place: int
    fine: bool = False
    metric: Vector | None = None

    @cached_property
    def has_missing(self) -> bool:
        """Whether a value is missing, so that there is a last bin for it."""
        return bool((self.bins == len(self.edges)).any())

    @property
    def width(self) -> int:
        """How many bins there are, that of missing values included if there are such."""
        return len(self.edges) + self.has_missing

    @cached_property
    def rows(self) -> Counts:
        """Shape (width,), rows in each bin."""
        return np.bincount(self.bins, minlength=self.width).astype(np.int64)

    def events(self, is_event: Counts) -> Counts:
        """Shape (width,), rows in each bin where `is_event`, shape (n,), is 1."""
        return np.bincount(self.bins[is_event == 1], minlength=self.width).astype(np.int64)

    def merged(self, groups: Groups, metric: Vector | None = None) -> "BinnedColumn":
        """With the fine bins joined as `groups`, shape (m,), says."""
        kept = np.append(np.flatnonzero(np.diff(groups)), len(groups) - 1)
        into = np.append(groups, len(kept))
        return replace(
            self, edges=self.edges[kept], bins=into[self.bins], fine=False, metric=metric
        )

    def merged_by(self, merging: Merging, is_event: Counts) -> "BinnedColumn":
        """With fine bins merged by the labels at hand; the bin of missing values stays."""
        known = len(self.edges)
        if not known:
            return replace(self, fine=False)
        events, rows = self.events(is_event)[:known], self.rows[:known]
        groups = merging.groups(events, rows)
        return self.merged(groups, measure_of(merging, events, rows, groups))


def has_small(column: BinnedColumn, least: int) -> bool:
    """Whether a bin that is not empty has fewer rows."""
    return bool(((column.rows > 0) & (column.rows < least)).any())


def measure_of(merging: Merging, events: Counts, rows: Counts, groups: Groups) -> Vector:
    """The measure of the bins that `groups` makes of fine ones."""
    width = int(groups[-1]) + 1
    sums = [np.bincount(groups, counts, width).astype(np.int64) for counts in (events, rows)]
    return merging.measured(sums[0], sums[1])


def cut(table: Table, p: HeteroBinningParams) -> list[BinnedColumn]:
    """The chosen columns in bins, in the table's order; for method optimal in fine ones.

    Raises:
        NoSuchColumn: a column is named that is not there.
        InvalidParameters: given edges are not ascending.
        DataProblem: a column holds text, or has too many categories.
        NonFiniteValues: infinite values.
    """
    features = features_of(table)
    given = given_edges(features, p)
    categories = chosen(features, p.category_indexes, p.category_names)
    wanted = {*chosen(features, p.bin_indexes, p.bin_names), *categories, *given}
    fine = p.method == "optimal"
    method = p.optimal_binning_param.init_bucket_method if fine else p.method
    columns = []
    for place, name in enumerate(features):
        if name not in wanted:
            continue
        values = numbers_of(table, name)
        if name in given:
            edges = given[name]
        elif name in categories:
            edges = category_edges(values, name)
        else:
            edges = EDGES[method](values, _count(values, p))
        is_fine = fine and name not in given and name not in categories
        columns.append(BinnedColumn(name, edges, binned(values, edges), place, is_fine))
    return columns


def _count(values: Vector, p: HeteroBinningParams) -> int:
    """How many bins a column is cut into: for method optimal as many fine ones as are allowed."""
    if p.method != "optimal":
        return p.bin_num
    allowed = int(np.count_nonzero(~np.isnan(values))) // p.least_bin_rows
    return max(2, min(p.optimal_binning_param.init_bin_nums, allowed))


def given_edges(features: tuple[str, ...], p: HeteroBinningParams) -> dict[str, Vector]:
    """Edges that the job gives, by column.

    Raises:
        NoSuchColumn: of a column that is not there.
        InvalidParameters: they do not ascend.
    """
    by_index = {int(place): edges for place, edges in (p.split_points_by_index or {}).items()}
    by_name = p.split_points_by_col_name or {}
    absent: list[int | str] = [place for place in by_index if place >= len(features)]
    absent += [name for name in by_name if name not in features]
    if absent:
        raise NoSuchColumn(
            f"edges are given for {', '.join(map(str, absent[:20]))}, and the table has no such "
            "feature",
            columns=absent,
        )
    found = {features[place]: edges for place, edges in by_index.items()} | by_name
    wrong = [name for name, edges in found.items() if sorted(set(edges)) != edges]
    if wrong:
        at = "split_points_by_col_name"
        raise InvalidParameters([Problem(f"{at}.{name}", "does not ascend") for name in wrong])
    return {name: np.array(edges) for name, edges in found.items()}


def transform_names(
    table: Table, binned_names: list[str], p: BinningParams, *, has_woe: bool
) -> list[str]:
    """The binned columns that are to be rewritten.

    Raises:
        InvalidParameters: they are to be weights of evidence where there are none.
    """
    wish = p.transform_param
    if wish.transform_type is None:
        return []
    names = chosen(features_of(table), wish.transform_cols, wish.transform_names)
    wanted = [name for name in names if name in binned_names]
    if wanted and wish.transform_type == "woe" and not has_woe:
        raise InvalidParameters(
            [
                Problem(
                    "transform_param.transform_type",
                    "can be woe only at a party that has labels of two classes, and not with "
                    "skip_static; use bin_num here",
                )
            ]
        )
    return wanted


def rewritten(table: Table, state: Mapping[str, Any]) -> Table:
    """The rows with the columns of the model as bin numbers or weights of evidence.

    A value missing here where the fit had none has the number after the last one, and no weight.

    Raises:
        NoSuchColumn: a column of the model is not there.
    """
    names, kind = state["transform"]["names"], state["transform"]["type"]
    require_columns(table, names)
    made: dict[str, Any] = {}
    for name in names:
        places = binned(numbers_of(table, name), np.array(state["edges"][name], dtype=np.float64))
        made[name] = places
        if kind == "woe":
            made[name] = np.append(state["woe"][name], np.nan)[places]
    return remade(table, made)


def labels_as_places(label: Vector, classes: Vector) -> Bins:
    """The place of each label among the classes, shape (n,)."""
    return np.searchsorted(classes, label).astype(np.int64)


def own_evidence(
    columns: list[BinnedColumn], places: Bins, classes: int, adjustment: float
) -> list[dict[str, Evidence]]:
    """What each column tells: of two classes about the second one, of more about each."""
    labels = [1] if classes == 2 else range(classes)
    made = []
    for label in labels:
        is_event = (places == label).astype(np.int64)
        made.append({c.name: Evidence.of(c.events(is_event), c.rows, adjustment) for c in columns})
    return made


def two_classes(classes: Vector) -> None:
    """Say no to optimal binning by labels of more than two classes.

    Raises:
        DataProblem: there are more.
    """
    if len(classes) != 2:
        raise DataProblem(
            "method optimal needs labels of two classes; use quantile or bucket for more"
        )
