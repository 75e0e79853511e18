"""ColumnExpand: further columns that hold the same value in every row.

Works on rows as uploaded, where FATE has it, and on instances. Later rows get the columns of the
model. Local, nothing is sent. Learns: nobody anything.
Exact. Source: FATE 1.x ColumnExpand.
"""

from typing import Annotated, Any

import pyarrow as pa
from pydantic import Field, ValidationInfo, field_validator

from federation.components.component import Report
from federation.components.features.columns import bound, remade
from federation.components.features.params import OR_ONE, Names
from federation.components.features.transformer import Learned, State, Transformer, transformer
from federation.components.params import Params, choice
from federation.errors import DataProblem
from federation.spec.party import Role
from federation.tables import Table, TableKind


class ColumnExpandParams(Params):
    """FATE's ColumnExpandParam."""

    append_header: Names | None = Field(None, description="names of the new columns")
    method: choice("manual") = "manual"  # type: ignore[valid-type]
    fill_value: Annotated[list[float | int | str], *OR_ONE] = Field(
        [1e-8], description="one value, or one for each new column"
    )
    need_run: bool = Field(True, description="false hands the input through")

    @field_validator("append_header")
    @classmethod
    def _names_differ(cls, names: list[str] | None) -> list[str] | None:
        if names is not None and (len(set(names)) < len(names) or "" in names):
            raise ValueError("names a column twice, or not at all")
        return names

    @field_validator("fill_value")
    @classmethod
    def _one_or_one_each(cls, values: list[Any], info: ValidationInfo) -> list[Any]:
        count = len(info.data.get("append_header") or ())
        if "append_header" in info.data and len(values) not in (1, count):
            raise ValueError(f"has {len(values)} values for {count} new columns")
        return values


def _learned(table: Table, p: ColumnExpandParams, report: Report) -> Learned:
    """Names and values of the new columns."""
    names = list(p.append_header or ())
    return Learned(
        meta={
            "appendHeader": names,
            "method": p.method,
            "fillValue": [str(value) for value in p.fill_value],
            "needRun": p.need_run,
        },
        param={"header": [*table.schema.columns, *names]},
        state={
            "names": names,
            "values": p.fill_value * len(names) if len(p.fill_value) == 1 else list(p.fill_value),
        },
    )


def _expanded(table: Table, state: State, role: Role) -> Table:
    """The table with constant columns: text in raw rows, else numbers where they are.

    Raises:
        DataProblem: a column of that name is there.
    """
    names, values = state["names"], state["values"]
    there = [name for name in names if name in table.schema.header]
    if there:
        raise DataProblem(
            f"the table has columns {', '.join(there)} already; choose other names in "
            "append_header",
            columns=there,
        )
    return remade(
        table,
        {
            name: _constant(value, table.rows, table.schema.kind)
            for name, value in zip(names, values, strict=True)
        },
    )


def _constant(value: Any, rows: int, kind: TableKind) -> pa.Array:
    text = kind is TableKind.RAW or isinstance(value, str)
    return pa.repeat(pa.scalar(str(value) if text else float(value)), rows)


column_expand = transformer(
    "ColumnExpand", ColumnExpandParams, "ColumnExpandParam", Transformer(_learned, _expanded, bound)
)
