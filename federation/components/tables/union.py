"""Union: the rows of several tables of one party, one below the other.

All tables have the same columns, in any order, and the same label; with allow_missing they may have
others, and a row is empty where its table lacks the column. Of rows with the same id the first is
kept, or all of them with the name of their input behind their id (keep_duplicate). Tables without
rows count for nothing.

Local, nothing is sent. Learns: nobody anything; the number of rows becomes a metric of the job.
Exact. Source: FATE 1.x Union.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from federation.channel import Channel
from federation.components.component import Component, Report, Result
from federation.components.params import Params
from federation.errors import DataProblem
from federation.spec.catalogue import Slot
from federation.spec.party import GUEST, HOST
from federation.tables import Table


class UnionParams(Params):
    """FATE's UnionParam."""

    need_run: bool = Field(True, description="false hands the first input through")
    allow_missing: bool = Field(False, description="tables may have different columns")
    keep_duplicate: bool = Field(False, description="keep rows whose id is there already")


class TablesDiffer(DataProblem):
    """Tables that are to become one have different columns or labels."""

    code = "tables_differ"


union = Component(
    "Union",
    UnionParams,
    class_name="UnionParam",
    inputs=(Slot("data", many=True),),
)


@union.on(GUEST, HOST)
async def unite(ch: Channel, p: UnionParams, *, data: tuple[Table, ...], report: Report) -> Result:
    """All rows in one table."""
    if not data:
        raise DataProblem("no table is bound to this component's input data")
    tables = [table for table in data if table.rows] or [data[0]]
    _check(tables, p)
    if p.keep_duplicate:
        tables = [_suffixed(table) for table in tables]
    made = _stacked(tables)
    table = made if p.keep_duplicate else _first_of_each_id(made)
    dropped = made.rows - table.rows
    report.metric("train", "union", "UNION", [("count", table.rows)])
    report.log("tables are united", tables=len(tables), rows=table.rows, dropped=dropped)
    return Result(data=(table,), summary={"count": table.rows})


def _check(tables: Sequence[Table], p: UnionParams) -> None:
    """Say no to tables that do not fit together.

    Raises:
        TablesDiffer: in kind, label or columns.
    """
    first = tables[0].schema
    for table in tables[1:]:
        other = table.schema
        if (other.kind, other.label, other.match_id) != (first.kind, first.label, first.match_id):
            raise TablesDiffer(
                f"{_name(tables[0])} and {_name(table)} differ in kind of rows, label or match id; "
                "make them by the same steps"
            )
        apart = sorted(set(other.columns) ^ set(first.columns))
        if apart and not p.allow_missing:
            raise TablesDiffer(
                f"{_name(tables[0])} and {_name(table)} do not have the same columns: "
                f"{', '.join(apart[:20])}; set allow_missing to fill them with nothing",
                columns=apart,
            )


def _name(table: Table) -> str:
    return table.source or table.name


def _suffixed(table: Table) -> Table:
    """The rows with `_<input name>` behind each id."""
    ids = pc.binary_join_element_wise(table.ids.cast(pa.string()), _name(table), "_")
    return replace(table, frame=table.frame.set_column(0, table.schema.id_name, ids))


def _stacked(tables: Sequence[Table]) -> Table:
    """Rows of all tables under the columns of the first, then further ones as they come."""
    first = tables[0].schema
    names = [first.id_name]
    frames = []
    for table in tables:
        frames.append(table.frame.rename_columns([first.id_name, *table.schema.columns]))
        names += [name for name in table.schema.columns if name not in names]
    stacked = pa.concat_tables(frames, promote_options="permissive").select(names)
    return replace(tables[0], schema=first.with_columns(tuple(names[1:])), frame=stacked)


def _first_of_each_id(table: Table) -> Table:
    numbered = pa.table({"id": table.ids, "place": pa.array(np.arange(table.rows))})
    first = numbered.group_by("id").aggregate([("place", "min")]).column("place_min")
    return table.take(np.sort(np.asarray(first.to_numpy(), dtype=np.int64)))
