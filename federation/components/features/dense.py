"""Read columns of uploaded text as numbers, labels and texts, without a loop over rows.

What can not be read is counted and named by column; no value is ever shown. Local.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from federation.components.common.columns import NoSuchColumn
from federation.errors import DataProblem
from federation.tables import Table

Columns = dict[str, pa.ChunkedArray]

NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$|^(?i:[+-]?(nan|inf|infinity))$"
WHOLE_TYPES = ("int", "int64", "long")


class NotNumbers(DataProblem):
    """Text columns hold something else than numbers."""

    code = "not_numbers"

    def __init__(self, counts: Mapping[str, int]) -> None:
        named = ", ".join(f"{name} ({count} rows)" for name, count in list(counts.items())[:20])
        more = f" and {len(counts) - 20} further columns" if len(counts) > 20 else ""
        super().__init__(
            f"values are not numbers in {named}{more}; correct them, name them in missing_impute, "
            "or give the column the type str in exclusive_data_type",
            columns=dict(counts),
        )


@dataclass(frozen=True, slots=True)
class Parts:
    """Columns of a raw table by their meaning, all of them text.

    Attributes:
        label: name of the label column, if there is one.
        match_id: name of the match id column, if there is one.
        features: names of the features, in order.
    """

    columns: Columns
    label: str | None
    match_id: str | None
    features: tuple[str, ...]


def text_columns(table: Table, delimitor: str) -> Columns:
    """The columns after the id, trimmed; a single column that holds all of them is cut.

    Raises:
        DataProblem: rows of a cut column have more or fewer parts than its name.
    """
    names = table.schema.columns
    if len(names) == 1 and delimitor and delimitor in names[0]:
        return _cut(table.frame.column(1), names[0].split(delimitor), delimitor)
    return {name: _trimmed(table.frame.column(name)) for name in names}


def column_named(wanted: str, columns: Columns, what: str) -> str:
    """The column called `wanted`: in lower case as FATE looks, as written, or in any case.

    Raises:
        NoSuchColumn: there is none.
    """
    for name in (wanted.lower(), wanted):
        if name in columns:
            return name
    for name in columns:
        if name.lower() == wanted.lower():
            return name
    raise NoSuchColumn(
        f"the table has no {what} column {wanted!r}; its columns are "
        f"{', '.join(list(columns)[:20])}",
        column=wanted,
    )


def typed(columns: Columns, types: Mapping[str, str]) -> Columns:
    """Text columns as numbers (or, for the type str, as they are); nulls stay.

    Args:
        types: FATE's word for each column's type.

    Raises:
        NotNumbers: some values are none; every such column is named.
        DataProblem: a column of whole numbers has others.
    """
    numbers: Columns = {}
    wrong: dict[str, int] = {}
    for name, column in columns.items():
        if types[name] == "str":
            numbers[name] = column
            continue
        try:
            read = pc.cast(column, pa.float64())
            numbers[name] = pc.if_else(pc.is_nan(read), pa.scalar(None, pa.float64()), read)
        except pa.ArrowInvalid:
            numeric = pc.match_substring_regex(column, pattern=NUMBER)
            wrong[name] = int(pc.sum(pc.invert(numeric)).as_py() or 0)
    if wrong:
        raise NotNumbers(wrong)
    return {name: _whole(numbers[name], name, types[name]) for name in columns}


def _whole(column: pa.ChunkedArray, name: str, kind: str) -> pa.ChunkedArray:
    """Whole numbers as int64 where the type asks for them."""
    if kind not in WHOLE_TYPES:
        return column
    broken = pc.not_equal(column, pc.floor(column))
    count = int(pc.sum(broken).as_py() or 0)
    if count:
        raise DataProblem(
            f"column {name} is to hold whole numbers and has others in {count} rows; "
            "use the type float64",
            column=name,
            rows=count,
        )
    try:
        return pc.cast(column, pa.int64())
    except pa.ArrowInvalid:
        return column


def _trimmed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.utf8_trim_whitespace(column.cast(pa.string()))


def _cut(column: pa.ChunkedArray, names: list[str], delimitor: str) -> Columns:
    parts = pc.split_pattern(column.cast(pa.string()), pattern=delimitor)
    wrong = int(pc.sum(pc.not_equal(pc.list_value_length(parts), len(names))).as_py() or 0)
    if wrong:
        raise DataProblem(
            f"{wrong} rows do not have {len(names)} values between {delimitor!r} as the header has",
            rows=wrong,
        )
    return {
        name.strip(): pc.utf8_trim_whitespace(pc.list_element(parts, position))
        for position, name in enumerate(names)
    }
