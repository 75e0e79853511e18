"""Find unwanted values of columns and put others in their place, column by column in Arrow.

What is put there is learned from the rows of the fit (least, greatest or mean value of a column
without its unwanted values) or given; it is kept as text, as FATE's models keep it. Local: nobody
learns anything. Source: FATE 1.x Imputer.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from federation.errors import DataProblem

DEFAULT_MISSING = ("", "none", "null", "na")
"""What counts as missing when nothing is named, in any case."""


@dataclass(frozen=True, slots=True)
class Replaced:
    """What a fit learned about one kind of unwanted values.

    Attributes:
        values: text that is put in their place, by column.
        shares: share of the rows they had in the fit, 0 to 1, by column.
    """

    values: Mapping[str, str]
    shares: Mapping[str, float]


NOTHING = Replaced({}, {})


def unwanted(column: pa.ChunkedArray, values: Iterable[Any]) -> pa.ChunkedArray:
    """Which rows of a text column hold one of `values`, as text in any case; null where it is."""
    words = pa.array([str(value).lower() for value in values], type=pa.string())
    return pc.is_in(pc.utf8_lower(column), value_set=words)


def share(found: pa.ChunkedArray) -> float:
    """Share of the rows that were found, 0 to 1."""
    return float(pc.mean(pc.cast(found, pa.float64())).as_py() or 0.0)


def emptied(column: pa.ChunkedArray, found: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column with nulls where something was found."""
    return pc.if_else(found, pa.scalar(None, column.type), column)


def replacement(
    column: pa.ChunkedArray, name: str, method: str | None, designated: Any
) -> str | None:
    """What goes where a column has nulls, as text.

    Args:
        column: numbers, or text for which only a designated value can stand.
        method: `min`, `max`, `mean`, or `designated`, which None means too.

    Returns:
        None for a text column under a method of numbers.

    Raises:
        DataProblem: a number is to be learned from a column that has none.
    """
    if method in (None, "designated"):
        return str(designated)
    if pa.types.is_string(column.type):
        return None
    numbers = np.asarray(column.to_numpy(), dtype=np.float64)
    numbers = numbers[~np.isnan(numbers)]
    if not numbers.size:
        raise DataProblem(
            f"column {name} has no value to take the {method} of; leave the column out, "
            "or use the method designated",
            column=name,
        )
    learned = {"min": np.min(numbers), "max": np.max(numbers), "mean": np.mean(numbers)}
    return repr(float(learned[str(method)]))


def filled(column: pa.ChunkedArray, name: str, text: str | None) -> pa.ChunkedArray:
    """The column with a value where it has nulls.

    Raises:
        DataProblem: the value is not of the column's type.
    """
    if text is None:
        return column
    try:
        value = text if pa.types.is_string(column.type) else float(text)
        return pc.fill_null(column, pa.scalar(value).cast(column.type))
    except (ValueError, pa.ArrowInvalid):
        raise DataProblem(
            f"column {name} holds {column.type} and can not be filled with the value given for it",
            column=name,
        ) from None


def designated_by_column(names: Sequence[str], value: Any) -> dict[str, Any]:
    """The given value of each column, from one for all or a list of one each.

    Raises:
        DataProblem: a list of another length than there are columns.
    """
    if not isinstance(value, list):
        return dict.fromkeys(names, value)
    if len(value) != len(names):
        raise DataProblem(
            f"{len(value)} replacement values are given for {len(names)} columns; "
            "give one for each feature, or a single one"
        )
    return dict(zip(names, value, strict=True))
