"""How well clusters agree with true classes, whatever the clusters are called.

Over all ordered pairs of rows, T of them together in both columns, P together in the true classes
and Q together in the clusters:

    Fowlkes-Mallows   T / sqrt(P Q)
    adjusted Rand     (T - P Q / all) / ((P + Q) / 2 - P Q / all)

Jaccard compares the names themselves, each class weighted by its true rows.
Source: Fowlkes and Mallows 1983; Hubert and Arabie 1985.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from federation.components.statistics.multi import Agreement

Vector = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Contingency:
    """Rows per true class and cluster.

    Attributes:
        classes: shape (k,), ascending.
        clusters: shape (m,), ascending.
        table: shape (k, m), rows of the class that fell into the cluster.
    """

    classes: Vector
    clusters: Vector
    table: Counts

    @classmethod
    def of(cls, labels: Vector, clusters: Vector) -> "Contingency":
        """Count the pairs of two columns of shape (n,)."""
        classes, row = np.unique(labels, return_inverse=True)
        found, column = np.unique(clusters, return_inverse=True)
        cells = np.bincount(row * len(found) + column, minlength=len(classes) * len(found))
        return cls(classes, found, cells.reshape(len(classes), len(found)))

    @property
    def pairs(self) -> tuple[int, int, int, int]:
        """Ordered pairs of rows: together in both, in the classes, in the clusters, and all."""
        rows = int(self.table.sum())
        together, classes, clusters = (
            sum(int(count) * (int(count) - 1) for count in counts.ravel())
            for counts in (self.table, self.table.sum(axis=1), self.table.sum(axis=0))
        )
        return together, classes, clusters, rows * (rows - 1)

    @property
    def fowlkes_mallows(self) -> float:
        """Geometric mean of pair precision and recall, from 0 to 1."""
        together, classes, clusters, _ = self.pairs
        return float(together / np.sqrt(float(classes) * float(clusters))) if together else 0.0

    @property
    def adjusted_rand(self) -> float:
        """Agreement of the pairs beyond chance: 1 for the same partition, about 0 by chance."""
        together, classes, clusters, every = self.pairs
        if together == classes == clusters:
            return 1.0
        chance = classes * clusters / every
        return (together - chance) / ((classes + clusters) / 2 - chance)


def jaccard(labels: Vector, clusters: Vector) -> float:
    """Both over either, each class weighted by its true rows."""
    return Agreement.of(labels, clusters).jaccard
