"""How far clusters lie apart, from the tables that the arbiter of a clustering has.

With s_i the mean distance of the rows of cluster i to its centroid, d_ij that of two centroids,

    Davies-Bouldin index   mean_i max_j (s_i + s_j) / d_ij
    distance measure       of each cluster its radius, the largest distance of a row, and the
                           cluster whose centroid is nearest

The arbiter's tables are FATE's: one of clusters (cluster_index, cluster_sample_count,
cluster_inner_dist = s_i, inter_cluster_dist = d_ij^2 to the other clusters in order, as text such
as `[1.5, 4.0]`), one of rows (predicted_cluster_index, distance). Rows are joined by stage, the
`type` column. Local. Source: FATE 1.x evaluation; Davies and Bouldin 1979.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from federation.errors import DataProblem
from federation.tables import Table

Vector = npt.NDArray[np.float64]

CLUSTER_COLUMNS = ("cluster_index", "cluster_inner_dist", "inter_cluster_dist", "type")
ROW_COLUMNS = ("predicted_cluster_index", "distance", "type")


class NoClusters(DataProblem):
    """A table of clusters is not as a clustering writes it."""

    code = "no_clusters"

    def __init__(self, source: str) -> None:
        super().__init__(
            f"{source} does not give clusters with their distances; bind Evaluation to both "
            "outputs of a clustering",
            source=source,
        )


@dataclass(frozen=True, slots=True)
class Clusters:
    """The clusters of one component at one stage.

    Attributes:
        source: the component.
        stage: `train`, `validate` or `predict`.
        index: shape (k,), as the component numbers them.
        inner: shape (k,), mean distance of the rows to the centroid.
        apart: shape (k, k), distance of the centroids, infinite on the diagonal.
        radius: shape (k,), largest distance of a row; NaN where no table of rows is bound.
    """

    source: str
    stage: str
    index: npt.NDArray[np.int64]
    inner: Vector
    apart: Vector
    radius: Vector = field(default_factory=lambda: np.empty(0))

    @property
    def davies_bouldin(self) -> float:
        """The index, 0 or more; NaN of one cluster alone."""
        if len(self.index) < 2:
            return float("nan")
        with np.errstate(divide="ignore"):
            ratios = (self.inner[:, np.newaxis] + self.inner) / self.apart
        return float(ratios.max(axis=1).mean())

    @property
    def nearest(self) -> list[int]:
        """For each cluster the index of the nearest other one; its own where there is no other."""
        if len(self.index) < 2:
            return [int(one) for one in self.index]
        return [int(one) for one in self.index[self.apart.argmin(axis=1)]]


def read_clusters(tables: Sequence[Table]) -> list[Clusters]:
    """The clusters in all tables, by component and stage.

    Raises:
        NoClusters: a table of clusters is not as FATE's.
    """
    rows = [table for table in tables if _has(table, ROW_COLUMNS)]
    found = []
    for table in tables:
        if _has(table, CLUSTER_COLUMNS):
            of_rows = [other for other in rows if other.source == table.source]
            found += list(_by_stage(table, of_rows))
    return found


def _has(table: Table, columns: Sequence[str]) -> bool:
    return set(columns) <= set(table.schema.columns)


def _by_stage(table: Table, rows: Sequence[Table]) -> Iterator[Clusters]:
    source = table.source or table.name
    try:
        index = table.numbers("cluster_index").astype(np.int64)
        inner = table.numbers("cluster_inner_dist")
        inter = [json.loads(text) for text in table.frame["inter_cluster_dist"].to_pylist()]
    except (ValueError, TypeError, pa.ArrowInvalid):
        raise NoClusters(source) from None
    stages = np.array(table.frame["type"].to_pylist())
    for stage in dict.fromkeys(stages.tolist()):
        at = np.flatnonzero(stages == stage)
        apart = _apart([inter[i] for i in at], source)
        radius = _radius(index[at], rows, stage)
        yield Clusters(source, stage, index[at], inner[at], apart, radius)


def _apart(squares: list[list[float]], source: str) -> Vector:
    """Distances of centroids from the squares of each to the others."""
    k = len(squares)
    if any(not isinstance(line, list) or len(line) != k - 1 for line in squares):
        raise NoClusters(source)
    apart = np.full((k, k), np.inf)
    if k > 1:
        apart[~np.eye(k, dtype=bool)] = np.sqrt(np.array(squares, dtype=np.float64).ravel())
    return apart


def _radius(index: npt.NDArray[np.int64], rows: Sequence[Table], stage: str) -> Vector:
    radius = np.full(len(index), np.nan)
    for table in rows:
        here = np.array(table.frame["type"].to_pylist()) == stage
        cluster = table.numbers("predicted_cluster_index")[here]
        distance = table.numbers("distance")[here]
        for place, one in enumerate(index.tolist()):
            if (cluster == one).any():
                radius[place] = distance[cluster == one].max()
    return radius
