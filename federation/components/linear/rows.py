"""A party's rows as a linear model sees them: one order for all parties, numbers only.

Rows stand in the order of their ids' UTF-8 bytes, so that row i means the same id at every party
that has the same ids; a digest of the ids tells whether it has.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from federation.components.common.columns import matrix_of, numbers_of
from federation.components.common.row_order import RowOrder
from federation.errors import DataProblem, NonFiniteValues
from federation.tables import Table, TableKind
from federation.tables.table import Matrix, Vector

SAMPLE_WEIGHT = "sample_weight"
"""Key of a table's meta that names its column of row weights."""

MOST_CLASSES = 100
"""More different labels than this are no classes."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows in the common order.

    Attributes:
        table: as it was given.
        order: shape (n,): row i here is row order[i] of the table.
        names: of the features.
        features: shape (n, d), finite.
        digest: SHA-256 of the ids in the common order.
        offset: shape (n,), added to each row's score: the logarithm of its exposure.
    """

    table: Table
    order: npt.NDArray[np.int64]
    names: tuple[str, ...]
    features: Matrix
    digest: bytes
    offset: Vector | None = None

    @property
    def count(self) -> int:
        """How many rows."""
        return len(self.order)

    @property
    def width(self) -> int:
        """How many features."""
        return len(self.names)

    @property
    def label(self) -> Vector | None:
        """Labels in the common order, NaN where there is none; None without a label column."""
        name = self.table.schema.label
        return None if name is None else numbers_of(self.table, name)[self.order]

    @property
    def weight(self) -> Vector | None:
        """What each row counts, in the common order; None where all count the same."""
        name = self.table.schema.meta.get(SAMPLE_WEIGHT)
        return None if name is None else numbers_of(self.table, str(name))[self.order]

    @property
    def ranks(self) -> npt.NDArray[np.int64]:
        """Shape (n,): row i of the table is row ranks[i] here."""
        ranks = np.empty(self.count, dtype=np.int64)
        ranks[self.order] = np.arange(self.count)
        return ranks

    def check_digest(self, digest: bytes, party: str) -> None:
        """Compare another party's ids with these.

        Raises:
            IdsDiffer: they are others.
        """
        RowOrder(self.order, self.digest).check(digest, party)


def rows_of(
    table: Table, names: tuple[str, ...] | None = None, *, exposure: str | None = None
) -> Rows:
    """The rows of instances, with the features `names` or all.

    Args:
        names: features to take, in this order.
        exposure: the column that says how long or how much a row was exposed; it is no feature.

    Raises:
        WrongTableKind: not instances.
        DataProblem: no rows; a feature is text or not there; ids repeat; values are missing; an
            exposure is not above 0.
    """
    table.require(TableKind.INSTANCES)
    if not table.rows:
        raise DataProblem(f"{table.source or 'the table'} has no rows to learn from or to predict")
    common = RowOrder.of(table)
    wanted = names
    if wanted is None:
        wanted = tuple(name for name in _feature_names(table) if name != exposure)
    features = matrix_of(table, wanted)[common.order]
    wrong = int(np.count_nonzero(~np.isfinite(features)))
    if wrong:
        raise NonFiniteValues(wrong)
    offset = None if exposure is None else _log_exposure(table, exposure)[common.order]
    return Rows(table, common.order, wanted, features, common.digest, offset)


def classes_of(label: Vector | None) -> Vector:
    """The different labels, ascending; two or more.

    Raises:
        DataProblem: no label column, rows without a label, one class only, or too many.
    """
    classes: Vector = np.unique(labels_of(label))
    if len(classes) < 2:
        raise DataProblem("all rows have the same label, so there is nothing to learn")
    if len(classes) > MOST_CLASSES:
        raise DataProblem(
            f"the label has more than {MOST_CLASSES} different values; it is no class, but a "
            "number to predict by regression"
        )
    return classes


def labels_of(label: Vector | None) -> Vector:
    """The labels, one for each row.

    Raises:
        DataProblem: no label column, or rows without a label.
    """
    if label is None:
        raise DataProblem(
            "the guest's table has no label; set with_label and label_name in its DataTransform"
        )
    missing = int(np.count_nonzero(~np.isfinite(label)))
    if missing:
        raise DataProblem(
            f"{missing} rows have no label; fill the label in or drop these rows", rows=missing
        )
    return label


def class_name(label: float) -> str:
    """A class as text: `1` for 1.0."""
    return str(int(label)) if float(label).is_integer() else str(label)


def _feature_names(table: Table) -> tuple[str, ...]:
    weight = table.schema.meta.get(SAMPLE_WEIGHT)
    return tuple(name for name in table.feature_names if name != weight)


def _log_exposure(table: Table, name: str) -> Vector:
    exposure = matrix_of(table, (name,))[:, 0]
    wrong = int(np.count_nonzero(~(exposure > 0) | ~np.isfinite(exposure)))
    if wrong:
        raise DataProblem(
            f"{wrong} rows have an exposure in column {name} that is not above 0; drop them or "
            "fill them in",
            column=name,
            rows=wrong,
        )
    return np.asarray(np.log(exposure))
