"""FeatureImputation: something in place of values that are missing.

What goes into a gap is the least, greatest or mean known value of the column in the fit, or the
designated `default_value`; which of them is said by `col_missing_fill_method` for single columns
and by `missing_fill_method` for the others. With only the former, the others stay as they are.
Values listed in `missing_impute` count as missing too.

Local, nothing is sent. Learns: nobody anything; the model shows a party's replacement values and
how much of each column was missing.
Exact. Source: FATE 1.x FeatureImputation.
"""

import math
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from federation.components.common.columns import NoSuchColumn, require_columns
from federation.components.component import Model, Report
from federation.components.features.columns import features_of, remade, texts_of
from federation.components.features.params import Method, Words
from federation.components.features.replacing import (
    DEFAULT_MISSING,
    designated_by_column,
    emptied,
    filled,
    replacement,
    share,
    unwanted,
)
from federation.components.features.transformer import Learned, State, Transformer, transformer
from federation.components.params import Params
from federation.spec.party import Role
from federation.tables import Table


class FeatureImputationParams(Params):
    """FATE's FeatureImputationParam."""

    default_value: Any = Field(0, description="for the method designated: one, or one a column")
    missing_fill_method: Method | None = Field(None, description="null: designated")
    col_missing_fill_method: dict[str, Method] | None = Field(
        None, description="of single columns; others stay when missing_fill_method is null"
    )
    missing_impute: Words | None = Field(
        None, description="what counts as missing; null: none, null, na; an empty value always"
    )
    need_run: bool = Field(True, description="false hands the input through")


def _learned(table: Table, p: FeatureImputationParams, report: Report) -> Learned:
    """By which values gaps are filled."""
    state = _values(table, p)
    report.log("missing values are replaced", columns=len(state["values"]))
    return Learned(_meta(p, state), _param(table, state), state)


def _values(table: Table, p: FeatureImputationParams) -> dict[str, Any]:
    """Method, replacement value and share of missing rows of each column that is filled.

    Raises:
        NoSuchColumn: a method is given for a column that is not there.
    """
    features = features_of(table)
    single = p.col_missing_fill_method or {}
    absent = [name for name in single if name not in features]
    if absent:
        raise NoSuchColumn(
            f"col_missing_fill_method names columns the table does not have: {', '.join(absent)}",
            columns=absent,
        )
    rest = p.missing_fill_method or (None if single else "designated")
    methods = {name: single.get(name, rest) for name in features}
    words = ["", *(DEFAULT_MISSING if p.missing_impute is None else map(str, p.missing_impute))]
    given = designated_by_column(features, p.default_value)
    values: dict[str, str] = {}
    shares: dict[str, float] = {}
    for name, method in methods.items():
        if method is None:
            continue
        column, missing = _known(table, name, words)
        found = replacement(column, name, method, given[name])
        if found is not None:
            values[name], shares[name] = found, share(missing)
    used = {name: method for name, method in methods.items() if name in values}
    return {"methods": used, "values": values, "shares": shares, "words": words}


def _known(table: Table, name: str, words: list[str]) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    """The column with nulls where it is missing, and which rows that is."""
    column = table.frame.column(name)
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
    written = texts_of(column)
    missing = pc.or_(pc.is_null(written), unwanted(written, words))
    if not pa.types.is_string(column.type):
        missing = pc.or_(missing, _equal_numbers(column, words))
    return emptied(column, missing), missing


def _equal_numbers(column: pa.ChunkedArray, words: list[str]) -> pa.ChunkedArray:
    """Which numbers equal one of `words`, however it is written (`1e3`, `1000.0`)."""
    numbers = []
    for word in words:
        try:
            numbers.append(float(word))
        except ValueError:
            continue
    known = pc.fill_null(column.cast(pa.float64()), float("nan"))
    return pc.is_in(
        known, value_set=pa.array([n for n in numbers if not math.isnan(n)], pa.float64())
    )


def _filled(table: Table, state: State, role: Role) -> Table:
    require_columns(table, list(state["values"]))
    made = {}
    for name, text in state["values"].items():
        column, _ = _known(table, name, state["words"])
        if pa.types.is_integer(column.type) and not float(text).is_integer():
            column = column.cast(pa.float64())
        made[name] = filled(column, name, text)
    return remade(table, made)


def _skipped(header: tuple[str, ...], state: State) -> list[str]:
    return [name for name in header if name not in state["values"]]


def _meta(p: FeatureImputationParams, state: State) -> dict[str, Any]:
    """FATE's FeatureImputationMeta."""
    return {
        "imputerMeta": {
            "isImputer": True,
            "strategy": p.missing_fill_method or "",
            "missingValue": [str(value) for value in p.missing_impute or []],
            "missingValueType": [type(value).__name__ for value in p.missing_impute or []],
            "colsStrategy": dict(p.col_missing_fill_method or {}),
        },
        "needRun": p.need_run,
    }


def _param(table: Table, state: State) -> dict[str, Any]:
    """FATE's FeatureImputationParam message."""
    kinds = {
        name: "str" if pa.types.is_string(table.frame.column(name).type) else "float"
        for name in state["values"]
    }
    return {
        "header": list(features_of(table)),
        "imputerParam": {
            "missingReplaceValue": dict(state["values"]),
            "missingValueRatio": dict(state["shares"]),
            "missingReplaceValueType": kinds,
            "skipCols": _skipped(features_of(table), state),
            "colsReplaceMethod": dict(state["methods"]),
        },
    }


def _summary(model: Model) -> dict[str, Any]:
    return {
        "missing_impute_value": dict(model.state["values"]),
        "missing_impute_rate": dict(model.state["shares"]),
        "missing_value": list(model.meta["imputerMeta"]["missingValue"]),
        "skip_cols": list(model.param["imputerParam"]["skipCols"]),
    }


feature_imputation = transformer(
    "FeatureImputation",
    FeatureImputationParams,
    "FeatureImputationParam",
    Transformer(_learned, _filled, summary=_summary),
)
