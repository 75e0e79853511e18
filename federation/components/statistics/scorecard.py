"""Scorecard: credit points for a probability of default.

    score = offset + factor / ln(factor_base) * ln((1 - p) / p)

cut to lower_limit_value ... upper_limit_ratio * offset and rounded to 2 digits: `factor` points
more for odds `factor_base` times as good. p = 0 gives the upper limit and p = 1 the lower one.

Local, nothing is sent; a party without predictions has nothing to do. Learns: nobody anything.
Exact. Source: FATE 1.x Scorecard.
"""

from typing import Any

import numpy as np
import pyarrow as pa
from pydantic import Field

from federation.channel import Channel
from federation.components.component import Component, Report, Result
from federation.components.params import Params, choice
from federation.errors import DataProblem
from federation.spec.catalogue import Slot
from federation.spec.party import GUEST, HOST
from federation.tables import Schema, Table, TableKind
from federation.tables.table import Vector

KEPT = ("label", "predict_result", "predict_score")
SCORE = "credit_score"
DIGITS = 2
FORMULA = "Score = offset + factor / ln(factor_base) * ln((1 - p) / p)"


class ScorecardParams(Params):
    """FATE's ScorecardParam."""

    method: choice("credit") = "credit"  # type: ignore[valid-type]
    offset: float = Field(500, ge=0, description="points of even odds")
    factor: float = Field(20, ge=0, description="points for odds factor_base times as good")
    factor_base: float = Field(2, gt=1, description="see factor")
    upper_limit_ratio: float = Field(3, ge=0, description="the most points, times offset")
    lower_limit_value: float = Field(0, ge=0, description="the least points")
    need_run: bool = Field(True, description="false hands the input through")


scorecard = Component(
    "Scorecard",
    ScorecardParams,
    class_name="ScorecardParam",
    inputs=(Slot("data"),),
)


@scorecard.on(GUEST, HOST)
async def score(ch: Channel, p: ScorecardParams, *, data: Table | None, report: Report) -> Result:
    """Points for each predicted row."""
    if data is None and ch.me.role is HOST:
        return Result()
    if data is None:
        raise DataProblem("no table is bound to this component's input data")
    data.require(TableKind.PREDICTIONS)
    probability = data.numbers("predict_score")
    wrong = int(np.count_nonzero(~((probability >= 0) & (probability <= 1))))
    if wrong:
        raise DataProblem(
            f"{wrong} rows have a predict_score outside 0 to 1; bind Scorecard to the output of a "
            "binary classifier",
            rows=wrong,
        )
    columns = {name: data.frame.column(name) for name in KEPT}
    columns[SCORE] = pa.array(points(probability, p))
    schema = Schema(data.schema.id_name, tuple(columns), TableKind.PREDICTIONS, label="label")
    frame = pa.table([data.ids, *columns.values()], names=list(schema.header))
    formula: dict[str, Any] = {"scorecard_compute_formula": FORMULA}
    report.metric("train", "scorecard", "SCORECARD", **formula)
    report.log("points are given", rows=data.rows)
    return Result(data=(Table(schema, frame),), summary=formula)


def points(probability: Vector, p: ScorecardParams) -> Vector:
    """Points of each probability of default, shape (n,)."""
    with np.errstate(divide="ignore"):
        odds = np.log(1 - probability) - np.log(probability)
    slope = p.factor / np.log(p.factor_base)
    raw = p.offset + slope * odds if slope else np.full_like(odds, p.offset)
    most = max(p.upper_limit_ratio * p.offset, p.lower_limit_value)
    cut: Vector = np.clip(raw, p.lower_limit_value, most)
    return cut.round(DIGITS)
