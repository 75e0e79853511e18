"""Columns of instances: which of them a component works on, and a table with some made anew.

The column of row weights that SampleWeight names is no feature here, so that nothing scales,
encodes or replaces it. Local: nobody learns anything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from federation.components.common.columns import NoSuchColumn
from federation.components.features.params import ALL
from federation.components.linear.rows import SAMPLE_WEIGHT
from federation.errors import DataProblem
from federation.tables import Table, TableKind


def instances_in(data: Table | None) -> Table:
    """The bound input table, which holds instances and at least one row.

    Raises:
        DataProblem: none is bound, it has no rows, or it is of another kind.
    """
    table = bound(data)
    table.require(TableKind.INSTANCES)
    if not table.rows:
        raise DataProblem(f"{table.source or 'the table'} has no rows")
    return table


def bound(data: Table | None) -> Table:
    """The bound input table.

    Raises:
        DataProblem: none is bound.
    """
    if data is None:
        raise DataProblem("no table is bound to this component's input data")
    return data


def features_of(table: Table) -> tuple[str, ...]:
    """Names of the features without the column of row weights, in order."""
    weight = table.schema.meta.get(SAMPLE_WEIGHT)
    return tuple(name for name in table.feature_names if name != weight)


def chosen(
    features: Sequence[str], indexes: Sequence[int] | None, names: Sequence[str] | None
) -> tuple[str, ...]:
    """The features at `indexes` (-1 for all) and those called `names`, in the table's order.

    Raises:
        NoSuchColumn: an index or a name is of no feature; all of them are named.
    """
    places = list(indexes or ())
    known = set(features)
    absent: list[int | str] = [place for place in places if place >= len(features)]
    absent += [name for name in names or () if name not in known]
    if absent:
        raise NoSuchColumn(
            f"the table has {len(features)} features and none of them is "
            f"{', '.join(map(str, absent[:20]))}",
            columns=absent,
        )
    wanted = set(features) if ALL in places else {features[place] for place in places}
    return tuple(name for name in features if name in wanted or name in (names or ()))


def texts_of(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column as text: whole numbers without a point, nothing where it is missing."""
    if pa.types.is_string(column.type) or pa.types.is_integer(column.type):
        return column.cast(pa.string())
    values = np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False))
    missing = np.isnan(values)
    whole = np.where(missing | (np.abs(values) >= 2.0**62), 0.5, values)
    integers = np.where(whole == np.floor(whole), whole, 0).astype(np.int64)
    written = pc.if_else(
        pa.array(whole == np.floor(whole)),
        pc.cast(pa.array(integers), pa.string()),
        pc.cast(pa.array(values), pa.string()),
    )
    return pc.if_else(pa.array(missing), pa.scalar(None, pa.string()), written)


def remade(table: Table, columns: Mapping[str, Any], **meta: Any) -> Table:
    """The table with `columns` (vectors) in place of those of the same names, or appended.

    Args:
        meta: what is added to the schema's meta.
    """
    made = dict(zip(table.schema.columns, table.frame.columns[1:], strict=True))
    made |= {name: _arrow(values) for name, values in columns.items()}
    return with_columns(table, made, **meta)


def with_columns(table: Table, columns: Mapping[str, Any], **meta: Any) -> Table:
    """The same ids with exactly `columns` (Arrow), in that order."""
    schema = table.schema.with_columns(tuple(columns), meta={**table.schema.meta, **meta})
    return replace(
        table,
        schema=schema,
        frame=pa.table([table.ids, *columns.values()], names=list(schema.header)),
    )


def _arrow(values: Any) -> Any:
    return values if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values)
