"""Rows of one party, as a component sees them.

The first Arrow column is the row id (text). Raw tables hold text columns as uploaded; instances
hold numbers; predictions hold FATE's prediction columns. Nothing here loops over rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from federation.errors import DataProblem
from federation.tables.schema import Schema, TableKind

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]

PREDICTION_COLUMNS = ("label", "predict_result", "predict_score", "predict_detail", "type")


class WrongTableKind(DataProblem):
    """A component was given rows of another kind than it works on."""

    code = "wrong_table_kind"


@dataclass(frozen=True, slots=True)
class Table:
    """A schema and its rows.

    Attributes:
        frame: the id column, then one column for each name in `schema.columns`.
        source: name of the component that made the table, empty if it was uploaded.
        name: the data output it came from (`data`, `train_data`, ...).
    """

    schema: Schema
    frame: pa.Table
    source: str = ""
    name: str = "data"

    def __post_init__(self) -> None:
        expected = (self.schema.id_name, *self.schema.columns)
        if tuple(self.frame.column_names) != expected:
            raise ValueError("the rows do not have the columns of the schema")

    @property
    def rows(self) -> int:
        """How many rows."""
        return int(self.frame.num_rows)

    @property
    def ids(self) -> pa.ChunkedArray:
        """The row ids, text."""
        return self.frame.column(0)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the features, in order."""
        return self.schema.feature_names

    @property
    def features(self) -> Matrix:
        """Shape (rows, features), C order, NaN where missing.

        Raises:
            WrongTableKind: the rows are not instances.
        """
        self.require(TableKind.INSTANCES)
        matrix = np.empty((self.rows, len(self.feature_names)))
        for position, name in enumerate(self.feature_names):
            matrix[:, position] = self.numbers(name)
        return matrix

    @property
    def label(self) -> Vector | None:
        """Shape (rows,), or None where the party has no label."""
        return None if self.schema.label is None else self.numbers(self.schema.label)

    def numbers(self, column: str) -> Vector:
        """One numeric column, NaN where missing."""
        values = self.frame.column(column).cast(pa.float64())
        return np.asarray(values.to_numpy(zero_copy_only=False), dtype=np.float64)

    def require(self, kind: TableKind) -> None:
        """Say no to rows of another kind.

        Raises:
            WrongTableKind: the rows are of another kind.
        """
        if self.schema.kind is not kind:
            raise WrongTableKind(
                f"{self.source or 'the table'} gives {self.schema.kind} rows where {kind} rows "
                "are needed; put a DataTransform before this component",
                source=self.source,
            )

    def take(self, indices: npt.NDArray[np.int64] | Sequence[int]) -> "Table":
        """The rows at `indices`, in that order."""
        picked = self.frame.take(pa.array(np.asarray(indices, dtype=np.int64)))
        return replace(self, frame=picked)

    def named(self, source: str, name: str = "data") -> "Table":
        """The same rows, as output `name` of component `source`."""
        return replace(self, source=source, name=name)

    @classmethod
    def instances(
        cls,
        ids: pa.Array | pa.ChunkedArray | Sequence[str],
        features: Matrix,
        names: Sequence[str],
        *,
        label: Vector | None = None,
        label_name: str = "y",
        id_name: str = "id",
        meta: Mapping[str, Any] | None = None,
    ) -> "Table":
        """Labelled or unlabelled numbers, label first as FATE orders them.

        Args:
            ids: text, one a row.
            features: shape (rows, len(names)).
            names: feature names.
            label: shape (rows,).
        """
        columns: dict[str, Any] = {id_name: _text(ids)}
        if label is not None:
            columns[label_name] = pa.array(np.asarray(label, dtype=np.float64))
        for position, name in enumerate(names):
            columns[name] = pa.array(np.ascontiguousarray(features[:, position]))
        schema = Schema(
            id_name,
            tuple(columns)[1:],
            TableKind.INSTANCES,
            label=None if label is None else label_name,
            meta=meta or {},
        )
        return cls(schema, pa.table(columns))

    @classmethod
    def predictions(
        cls,
        ids: pa.Array | pa.ChunkedArray | Sequence[str],
        *,
        label: Vector,
        result: Vector,
        score: Vector,
        detail: Sequence[str],
        stage: str,
        id_name: str = "id",
    ) -> "Table":
        """FATE's prediction rows: label, predict_result, predict_score, predict_detail, type.

        Args:
            detail: text such as `{'0': 0.93, '1': 0.07}`, one a row.
            stage: `train`, `validate` or `predict`, the same for all rows.
        """
        rows = len(detail)
        values = (
            pa.array(label),
            pa.array(result),
            pa.array(score),
            pa.array(detail, type=pa.string()),
            pa.array([stage] * rows, type=pa.string()),
        )
        frame = pa.table(
            {id_name: _text(ids), **dict(zip(PREDICTION_COLUMNS, values, strict=True))}
        )
        schema = Schema(id_name, PREDICTION_COLUMNS, TableKind.PREDICTIONS, label="label")
        return cls(schema, frame)

    @classmethod
    def stacked(cls, tables: Sequence["Table"]) -> "Table":
        """Rows of tables with one schema, one after another."""
        return replace(tables[0], frame=pa.concat_tables([table.frame for table in tables]))


def _text(ids: pa.Array | pa.ChunkedArray | Sequence[str]) -> pa.Array | pa.ChunkedArray:
    if isinstance(ids, pa.Array | pa.ChunkedArray):
        return ids.cast(pa.string())
    return pa.array(ids, type=pa.string())
