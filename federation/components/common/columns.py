"""Columns of a table as numbers, and what is said where they are not."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from federation.components.features.dense import NoSuchColumn
from federation.errors import DataProblem
from federation.tables import Table
from federation.tables.table import Matrix, Vector


def numbers_of(table: Table, name: str) -> Vector:
    """A column as numbers, shape (rows,), NaN where missing.

    Raises:
        DataProblem: it holds text.
    """
    try:
        return table.numbers(name)
    except pa.ArrowException:
        raise DataProblem(
            f"column {name} holds text; encode it as numbers or leave it out", column=name
        ) from None


def require_columns(table: Table, names: Sequence[str]) -> None:
    """Say no to a table without columns the model was made with.

    Raises:
        NoSuchColumn: some are absent; up to 20 are named.
    """
    absent = [name for name in names if name not in table.schema.columns]
    if absent:
        raise NoSuchColumn(
            f"the table lacks {len(absent)} columns the model was made with: "
            f"{', '.join(absent[:20])}",
            columns=absent,
        )


def matrix_of(table: Table, names: Sequence[str]) -> Matrix:
    """Some columns as numbers, shape (rows, len(names)).

    Raises:
        NoSuchColumn: some are absent; up to 20 are named.
        DataProblem: a column holds text.
    """
    require_columns(table, names)
    matrix = np.empty((table.rows, len(names)))
    for position, name in enumerate(names):
        matrix[:, position] = numbers_of(table, name)
    return matrix
