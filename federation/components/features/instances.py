"""From columns of text to instances: what a fit learns, and how rows are made by it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute as pc

from federation.components.common.columns import NoSuchColumn, refuse_absent
from federation.components.features.dense import (
    Columns,
    Parts,
    column_named,
    text_columns,
    typed,
)
from federation.components.features.params import DataIOParams, DataTransformParams
from federation.components.features.replacing import (
    DEFAULT_MISSING,
    NOTHING,
    Replaced,
    designated_by_column,
    emptied,
    filled,
    replacement,
    share,
    unwanted,
)
from federation.errors import DataProblem
from federation.tables import Schema, Table, TableKind


@dataclass(frozen=True, slots=True)
class Learned:
    """What a fit keeps for later rows.

    Attributes:
        features: names in order.
        label: name of the label column, if the rows of the fit had one.
        match_id: name of the match id column, if there is one.
        missing: what is put where a value is missing.
        outlier: what is put in place of an outlier.
    """

    features: tuple[str, ...]
    label: str | None
    match_id: str | None
    missing: Replaced = NOTHING
    outlier: Replaced = NOTHING

    def to_state(self) -> dict[str, Any]:
        """As a model keeps it."""
        return {
            "features": list(self.features),
            "label": self.label,
            "match_id": self.match_id,
            "missing": [dict(self.missing.values), dict(self.missing.shares)],
            "outlier": [dict(self.outlier.values), dict(self.outlier.shares)],
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """As `to_state` gave it."""
        return cls(
            tuple(state["features"]),
            state["label"],
            state["match_id"],
            Replaced(*state["missing"]),
            Replaced(*state["outlier"]),
        )


def parts_of(columns: Columns, p: DataIOParams) -> Parts:
    """Which column is the label, which the match id, and which are features.

    Raises:
        NoSuchColumn: the label or the match id is not there.
        DataProblem: no feature and no label is left.
    """
    match_id = _match_id(columns, p)
    label = column_named(p.label_name, columns, "label") if p.with_label else None
    features = tuple(name for name in columns if name not in (label, match_id))
    if not features and label is None:
        raise DataProblem("the table has no column besides its id")
    return Parts(columns, label, match_id, features)


def learn(parts: Parts, p: DataIOParams) -> Learned:
    """Replacement values from the rows of the fit.

    Raises:
        NotNumbers: values that are to be numbers are none.
        DataProblem: a column has no value to learn from.
    """
    if not p.missing_fill and not p.outlier_replace:
        return Learned(parts.features, parts.label, parts.match_id)
    cleaned, missing, outliers = _cleaned(parts, p)
    numbers = typed(cleaned, _types(parts.features, p))
    gaps = _replaced(numbers, missing, p.missing_fill_method, p.default_value)
    strays = _replaced(numbers, outliers, p.outlier_replace_method, p.outlier_replace_value)
    return Learned(
        parts.features,
        parts.label,
        parts.match_id,
        gaps if p.missing_fill else NOTHING,
        strays if p.outlier_replace else NOTHING,
    )


def make_instances(table: Table, p: DataIOParams, learned: Learned) -> Table:
    """The rows as instances with the label first, then the features of the fit in their order.

    A label that the fit had and this table has not is left out.

    Raises:
        NoSuchColumn: a feature of the fit is not there.
        NotNumbers: values that are to be numbers are none.
    """
    columns = text_columns(table, p.delimitor)
    refuse_absent(learned.features, columns)
    label = learned.label if learned.label in columns else None
    parts = Parts(columns, label, learned.match_id, learned.features)
    cleaned, _, outliers = _cleaned(parts, p)
    made: Columns = {}
    if learned.match_id is not None:
        made[learned.match_id] = columns[column_named(learned.match_id, columns, "match id")]
    if label is not None:
        made[label] = _label(columns[label], label, p)
    made |= _features(typed(cleaned, _types(learned.features, p)), outliers, learned)
    schema = Schema(
        table.schema.id_name,
        tuple(made),
        TableKind.INSTANCES,
        label=label,
        match_id=learned.match_id,
        meta=table.schema.meta,
    )
    frame = pa.table({table.schema.id_name: table.ids.cast(pa.string()), **made})
    return Table(schema, frame)


def _match_id(columns: Columns, p: DataIOParams) -> str | None:
    if not isinstance(p, DataTransformParams) or not p.with_match_id:
        return None
    if p.match_id_name:
        return column_named(p.match_id_name, columns, "match id")
    if p.match_id_index >= len(columns):
        raise NoSuchColumn(
            f"match_id_index is {p.match_id_index} and the table has {len(columns)} columns"
        )
    return list(columns)[p.match_id_index]


def _types(features: tuple[str, ...], p: DataIOParams) -> dict[str, str]:
    special = p.exclusive_data_type or {}
    return {name: special.get(name, p.data_type) for name in features}


def _missing_words(p: DataIOParams) -> list[str]:
    """What counts as missing, an empty cell always."""
    return ["", *(DEFAULT_MISSING if p.missing_impute is None else map(str, p.missing_impute))]


def _cleaned(parts: Parts, p: DataIOParams) -> tuple[Columns, Columns, Columns]:
    """Features as text with nulls for what is missing or an outlier, and which rows those are."""
    cleaned, missing, outliers = {}, {}, {}
    for name in parts.features:
        column = parts.columns[name]
        missing[name] = unwanted(column, _missing_words(p))
        cleaned[name] = emptied(column, missing[name])
        if p.outlier_replace:
            outliers[name] = pc.fill_null(unwanted(cleaned[name], p.outlier_impute or ()), False)
            cleaned[name] = emptied(cleaned[name], outliers[name])
    return cleaned, missing, outliers


def _replaced(numbers: Columns, found: Columns, method: str | None, designated: Any) -> Replaced:
    given = designated_by_column(tuple(numbers), designated)
    values = {
        name: replacement(column, name, method, given[name])
        for name, column in numbers.items()
        if name in found
    }
    shares = {name: share(rows) for name, rows in found.items()}
    known = {name: text for name, text in values.items() if text is not None}
    return Replaced(known, shares)


def _features(numbers: Columns, outliers: Columns, learned: Learned) -> Columns:
    """Features with replacement values where the fit says so, nulls where a value is missing."""
    made: Columns = {}
    for name, column in numbers.items():
        replaced = column
        if name in learned.outlier.values:
            every = filled(emptied(column, pc.is_valid(column)), name, learned.outlier.values[name])
            replaced = pc.if_else(outliers[name], every, column)
        made[name] = filled(replaced, name, learned.missing.values.get(name))
    return made


def _label(column: pa.ChunkedArray, name: str, p: DataIOParams) -> pa.ChunkedArray:
    known = emptied(column, unwanted(column, _missing_words(p)))
    return typed({name: known}, {name: p.label_type})[name]
