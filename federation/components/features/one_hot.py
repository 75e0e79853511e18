"""OneHotEncoder: a column of 0 and 1 for each different value of a feature.

    c_v[i] = 1 if x[i] = v else 0          for each value v that the fit saw

The new columns, named `<column>_<value>`, stand in place of the feature, values in ascending
order. A value the fit did not see, and a missing one, is 0 in all of them.

Local, nothing is sent. Learns: nobody anything; the model shows a party's own values of the encoded
columns to whoever may read it.
Exact. Source: FATE 1.x OneHotEncoder.
"""

from collections.abc import Mapping
from itertools import chain
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator

from federation.components.common.columns import require_columns
from federation.components.component import Report
from federation.components.features.columns import (
    chosen,
    features_of,
    texts_of,
    with_columns,
)
from federation.components.features.params import ALL, Indexes, Names, renamed
from federation.components.features.transformer import Learned, State, Transformer, transformer
from federation.components.params import Params
from federation.errors import DataProblem
from federation.spec.party import Role
from federation.tables import Table

MOST_VALUES = 10_000
"""A column with more different values is a number, no category."""


class OneHotEncoderParams(Params):
    """FATE's OneHotEncoderParam."""

    LEGACY: ClassVar[Mapping[str, str]] = {"cols": "read as transform_col_indexes"}

    transform_col_indexes: Indexes = Field([ALL], description="positions of features; -1 for all")
    transform_col_names: Names | None = Field(None, description="names of further features")
    need_run: bool = Field(True, description="false hands the input through")

    @model_validator(mode="before")
    @classmethod
    def _read_old_names(cls, value: Any) -> Any:
        return renamed(value, {"cols": "transform_col_indexes"})


def learned_values(
    table: Table, values: Mapping[str, list[str]], p: OneHotEncoderParams
) -> Learned:
    """FATE's OneHotParam and OneHotMeta of an encoding by these values."""
    features, columns = features_of(table), column_map(values)
    made = (columns[n]["transformedHeaders"] if n in columns else [n] for n in features)
    return Learned(
        meta={
            "transformColNames": list(values),
            "header": list(features),
            "needRun": p.need_run,
        },
        param={"colMap": columns, "resultHeader": [*chain.from_iterable(made)]},
        state={"values": values},
    )


def own_values(table: Table, p: OneHotEncoderParams) -> dict[str, list[str]]:
    """The different values of each column that is encoded."""
    names = chosen(features_of(table), p.transform_col_indexes, p.transform_col_names)
    return {name: values_in(table, name) for name in names}


def values_in(table: Table, name: str) -> list[str]:
    """The different values as text, ascending: as numbers if they are.

    Raises:
        DataProblem: there are too many.
    """
    column = table.frame.column(name)
    different = pc.drop_null(pc.unique(column))
    if pa.types.is_floating(column.type):
        different = different.filter(pc.invert(pc.is_nan(different)))
    if len(different) > MOST_VALUES:
        raise DataProblem(
            f"column {name} has more than {MOST_VALUES} different values; bin it first or leave "
            "it out",
            column=name,
        )
    ascending = different.take(pc.sort_indices(different))
    return [str(text) for text in texts_of(ascending).to_pylist()]


def column_map(values: Mapping[str, list[str]]) -> dict[str, Any]:
    """FATE's ColsMap of each column."""
    return {
        name: {"values": list(texts), "transformedHeaders": [f"{name}_{text}" for text in texts]}
        for name, texts in values.items()
    }


def encoded(table: Table, values: Mapping[str, list[str]]) -> Table:
    """The table with columns of 0 and 1 in place of those that have values.

    Raises:
        DataProblem: a column that is made is there already.
    """
    require_columns(table, list(values))
    made: dict[str, Any] = {}
    for name in table.schema.columns:
        columns = {name: table.frame.column(name)}
        if name in values:
            columns = _indicators(table, name, values[name])
        clash = made.keys() & columns.keys()
        if clash:
            raise DataProblem(
                f"encoding {name} makes column {sorted(clash)[0]}, which there is already; "
                "rename one of them",
                column=name,
            )
        made |= columns
    return with_columns(table, made)


def _indicators(table: Table, name: str, texts: list[str]) -> dict[str, Any]:
    places = pc.index_in(texts_of(table.frame.column(name)), value_set=pa.array(texts, pa.string()))
    rows = np.asarray(pc.fill_null(places, -1).to_numpy())
    return {
        f"{name}_{text}": pa.array((rows == place).astype(np.float64))
        for place, text in enumerate(texts)
    }


def _learned(table: Table, p: OneHotEncoderParams, report: Report) -> Learned:
    values = own_values(table, p)
    report.log("columns are encoded", columns=len(values))
    return learned_values(table, values, p)


def _encoded(table: Table, state: State, role: Role) -> Table:
    return encoded(table, state["values"])


one_hot_encoder = transformer(
    "OneHotEncoder", OneHotEncoderParams, "OneHotEncoderParam", Transformer(_learned, _encoded)
)
