"""FeatureScale: features moved and stretched to a common size.

With lower and upper bound l and u of a column, and x' = min(max(x, l), u),

    min_max_scale    (x' - l) / (u - l)
    standard_scale   (x' - mean(x')) / std(x')      (population deviation)

where a width or deviation of 0 counts as 1. The bounds are the least and greatest value of the
fit, drawn in to feat_lower and feat_upper where those are given: as values, or in mode cap as
quantiles (the value at that rank). Later rows are cut to the bounds of the fit, except by
standard_scale without feat_lower and feat_upper, which cuts nothing. A missing value stays missing.

Local, nothing is sent. Learns: nobody anything; the model and the job's metrics show a party's own
bounds, means and deviations to whoever may read them.
Exact. Source: FATE 1.x FeatureScale, which rounds
to 6 digits; here nothing is rounded.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from pydantic import Field, ValidationInfo, field_validator, model_validator

from federation.components.common.columns import numbers_of, require_columns
from federation.components.component import Model, Report
from federation.components.features.columns import chosen, features_of, remade
from federation.components.features.params import ALL, OR_ONE, Indexes, Names, renamed
from federation.components.features.transformer import Learned, State, Transformer, transformer
from federation.components.params import Params, choice
from federation.errors import InvalidParameters, Problem
from federation.spec.party import Role
from federation.tables import Table
from federation.tables.table import Vector

if TYPE_CHECKING:
    Method = str
    Mode = str
else:
    Method = choice("standard_scale", "min_max_scale")
    Mode = choice("normal", "cap")

Bounds = Annotated[list[float], *OR_ONE]


class ScaleParams(Params):
    """FATE's ScaleParam."""

    LEGACY: ClassVar[Mapping[str, str]] = {
        "area": "columns are named by scale_col_indexes",
        "scale_column_idx": "read as scale_col_indexes",
    }

    method: Method | None = Field("standard_scale", description="null scales nothing")
    mode: Mode = Field("normal", description="what feat_upper and feat_lower are: cap, quantiles")
    scale_col_indexes: Indexes = Field([ALL], description="positions of features; -1 for all")
    scale_names: Names | None = Field(None, description="names of further features")
    feat_upper: Bounds | None = Field(None, description="one, or one for each scaled column")
    feat_lower: Bounds | None = Field(None, description="one, or one for each scaled column")
    with_mean: bool = Field(True, description="standard_scale: subtract the mean")
    with_std: bool = Field(True, description="standard_scale: divide by the deviation")
    need_run: bool = Field(True, description="false hands the input through")

    @model_validator(mode="before")
    @classmethod
    def _read_old_names(cls, value: Any) -> Any:
        return renamed(value, {"scale_column_idx": "scale_col_indexes"})

    @field_validator("feat_upper", "feat_lower")
    @classmethod
    def _quantiles_in_mode_cap(
        cls, bounds: list[float] | None, info: ValidationInfo
    ) -> list[float] | None:
        if info.data.get("mode") == "cap" and not all(0 <= share <= 1 for share in bounds or ()):
            raise ValueError("is a quantile, 0 to 1, in mode cap")
        return bounds

    @field_validator("feat_lower")
    @classmethod
    def _below_upper(cls, low: list[float] | None, info: ValidationInfo) -> list[float] | None:
        high = info.data.get("feat_upper")
        if low and high and len(low) == len(high) and bool(np.any(np.greater(low, high))):
            raise ValueError("is above feat_upper")
        return low

    @property
    def bounded(self) -> bool:
        """Whether bounds are given."""
        return self.feat_upper is not None or self.feat_lower is not None


def _learned(table: Table, p: ScaleParams, report: Report) -> Learned:
    """By what columns are scaled."""
    state = _bounds(table, p)
    report.metric("train", "scale", "SCALE", method=p.method or "", scale=_scales(state))
    report.log("columns are scaled", method=p.method or "none", columns=len(state["columns"]))
    return Learned(_meta(p, state), _param(table, state), state)


def _bounds(table: Table, p: ScaleParams) -> dict[str, Any]:
    """Bounds, mean and deviation of each column."""
    features = features_of(table)
    names = chosen(features, p.scale_col_indexes, p.scale_names) if p.method else ()
    lows = _each("feat_lower", p.feat_lower, len(names))
    highs = _each("feat_upper", p.feat_upper, len(names))
    columns: dict[str, list[float]] = {
        name: _column(numbers_of(table, name), p, low, high)
        for name, low, high in zip(names, lows, highs, strict=True)
    }
    return {
        "method": p.method,
        "cut": p.bounded or p.method != "standard_scale",
        "columns": columns,
    }


def _each(path: str, given: list[float] | None, count: int) -> list[float | None]:
    """A bound for each of `count` columns."""
    if given is None:
        return [None] * count
    if len(given) not in (1, count):
        problem = Problem(
            path, f"has {len(given)} values for {count} columns; give one, or {count}"
        )
        raise InvalidParameters([problem])
    return [*given] * count if len(given) == 1 else [*given]


def _column(values: Vector, p: ScaleParams, low: float | None, high: float | None) -> list[float]:
    """Lower bound, upper bound, mean and deviation of one column; of an empty one 0, 0, 0, 1."""
    known = values[~np.isnan(values)]
    if not known.size:
        return [0.0, 0.0, 0.0, 1.0]
    least, most = -np.inf if low is None else low, np.inf if high is None else high
    if p.mode == "cap":
        shares = [0.0 if low is None else low, 1.0 if high is None else high]
        least, most = np.quantile(known, shares, method="inverted_cdf").tolist()
    cut = np.clip(known, least, most)
    mean, deviation = 0.0, 1.0
    if p.method == "standard_scale":
        mean = float(np.mean(cut)) if p.with_mean else 0.0
        deviation = (float(np.std(cut)) or 1.0) if p.with_std else 1.0
    if np.min(cut) == np.max(cut):
        deviation = 1.0
    return [float(np.min(cut)), float(np.max(cut)), mean, deviation]


def _scaled(table: Table, state: State, role: Role) -> Table:
    require_columns(table, list(state["columns"]))
    made = {}
    for name, (low, high, mean, deviation) in state["columns"].items():
        values = numbers_of(table, name)
        if state["cut"]:
            values = np.clip(values, low, high)
        if state["method"] == "standard_scale":
            made[name] = (values - mean) / deviation
        else:
            made[name] = (values - low) / ((high - low) or 1.0)
    return remade(table, made)


def _meta(p: ScaleParams, state: State) -> dict[str, Any]:
    """FATE's ScaleMeta."""
    return {
        "method": p.method or "",
        "mode": p.mode,
        "area": "",
        "scaleColumn": list(state["columns"]),
        "featUpper": [str(bound) for bound in p.feat_upper or []],
        "featLower": [str(bound) for bound in p.feat_lower or []],
        "withMean": p.with_mean,
        "withStd": p.with_std,
        "needRun": p.need_run,
    }


def _param(table: Table, state: State) -> dict[str, Any]:
    """FATE's ScaleParam message."""
    scales = {
        name: {"columnUpper": high, "columnLower": low, "mean": mean, "std": deviation}
        for name, (low, high, mean, deviation) in state["columns"].items()
    }
    return {"colScaleParam": scales, "header": list(features_of(table))}


def _summary(model: Model) -> dict[str, Any]:
    return _scales(model.state)


def _scales(state: State) -> dict[str, Any]:
    return {
        name: {"column_upper": high, "column_lower": low, "mean": mean, "std": deviation}
        for name, (low, high, mean, deviation) in state["columns"].items()
    }


feature_scale = transformer(
    "FeatureScale", ScaleParams, "ScaleParam", Transformer(_learned, _scaled, summary=_summary)
)
