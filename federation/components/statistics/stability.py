"""PSI: how far each column of the actual rows has moved from the expected ones.

The expected rows (train_data) are parted at their quantiles into max_bin_num bins at most, missing
values, or values equal to dense_missing_val, into one more. With e_i and a_i the shares of expected
and actual rows in bin i,

    psi = sum_i (a_i - e_i) ln(a_i / e_i)

where an empty share counts as 1e-6. Quantiles are exact, so binning_error has no effect.

Local, nothing is sent. Learns: nobody anything; the model shows a party's own edges and shares to
whoever may read it.
Exact. Source: FATE 1.x PSI; Siddiqi 2006.
"""

import itertools
from typing import Any

import numpy as np
from pydantic import Field

from federation.channel import Channel
from federation.components.common.columns import numbers_of, require_columns
from federation.components.component import Component, JobFacts, Model, Report, Result
from federation.components.features.binning.edges import binned, quantile_edges
from federation.components.features.columns import features_of, instances_in
from federation.components.params import Params
from federation.components.statistics.psi import shares_of, shift
from federation.spec.catalogue import Slot
from federation.spec.party import GUEST, HOST
from federation.tables import Table
from federation.tables.table import Vector

MISSING = "missing"


class PSIParams(Params):
    """FATE's PSIParam."""

    max_bin_num: int = Field(20, ge=2, description="bins of the expected rows at most")
    need_run: bool = Field(True, description="false hands the input through")
    dense_missing_val: float | None = Field(None, description="a value that counts as missing")
    binning_error: float = Field(1e-4, ge=0, lt=1, description="accepted, no effect")


population_stability = Component(
    "PSI",
    PSIParams,
    class_name="PSIParam",
    inputs=(Slot("train_data"), Slot("validate_data")),
    model_out=True,
    need_deploy=False,
)


@population_stability.on(GUEST, HOST)
async def compare(
    ch: Channel,
    p: PSIParams,
    *,
    train_data: Table | None,
    validate_data: Table | None,
    report: Report,
    facts: JobFacts,
) -> Result:
    """The index of every column of the expected rows."""
    expected, actual = instances_in(train_data), instances_in(validate_data)
    names = features_of(expected)
    require_columns(actual, names)
    found = [
        moved(name, _column(expected, name, p), _column(actual, name, p), p.max_bin_num)
        for name in names
    ]
    scores = {one["featureName"]: float(sum(one["psi"])) for one in found}
    param = {"totalScore": scores, "featurePsi": found, "modelName": "psi"}
    meta = {"maxBinNum": p.max_bin_num}
    model = Model("PSI", meta, param, {"scores": scores}, facts.component)
    report.log("columns are compared", columns=len(names))
    return Result(model=model, summary={"psi_scores": scores})


def moved(name: str, expected: Vector, actual: Vector, bins: int) -> dict[str, Any]:
    """FATE's FeaturePsi of one column, NaN where a value is missing."""
    edges = quantile_edges(expected, bins)
    places = [binned(column, edges) for column in (expected, actual)]
    width = len(edges) + any(bool((at == len(edges)).any()) for at in places)
    before, after = (shares_of(np.bincount(at, minlength=width).astype(np.int64)) for at in places)
    return {
        "featureName": name,
        "psi": shift(before, after).tolist(),
        "interval": _intervals(edges, width),
        "expectPerc": before.tolist(),
        "actualPerc": after.tolist(),
    }


def _column(table: Table, name: str, p: PSIParams) -> Vector:
    values = numbers_of(table, name)
    if p.dense_missing_val is None:
        return values
    return np.where(values == p.dense_missing_val, np.nan, values)


def _intervals(edges: Vector, width: int) -> list[str]:
    """Text for each bin, that of missing values last."""
    if not len(edges):
        return [MISSING] * width
    ends = ["-inf", *(f"{edge:.6g}" for edge in edges[:-1]), "inf"]
    texts = [f"({low}, {high}]" for low, high in itertools.pairwise(ends)]
    texts[-1] = f"{texts[-1][:-1]})"
    return texts + [MISSING] * (width - len(edges))
