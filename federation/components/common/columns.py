"""Columns of a table as numbers, and what is said where they are not."""

from collections.abc import Container, Sequence

import numpy as np
import pyarrow as pa

from federation.errors import DataProblem
from federation.tables import Table
from federation.tables.table import Matrix, Vector


class NoSuchColumn(DataProblem):
    """A table lacks a column that the parameters or the model name."""

    code = "no_such_column"


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
    """Say no to a table without columns that the parameters or the model name.

    Raises:
        NoSuchColumn: some are absent; up to 20 are named.
    """
    refuse_absent(names, table.schema.columns)


def refuse_absent(names: Sequence[str], columns: Container[str]) -> None:
    """As `require_columns`, for columns that are no table.

    Raises:
        NoSuchColumn: some of `names` are not among `columns`; up to 20 are named.
    """
    absent = [name for name in names if name not in columns]
    if absent:
        more = f" and {len(absent) - 20} more" if len(absent) > 20 else ""
        raise NoSuchColumn(
            f"the table has no column {', '.join(absent[:20])}{more}, which the model or the "
            "parameters name",
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
