"""FederatedSample: some of the rows, or some of them several times.

downsample draws round(fraction * n) of n rows without putting back, upsample with; stratified does
so in each class with its own fraction, and a class without one is left out. exact_by_weight repeats
each row as often as its weight says, rounded. Rows of an upsample may repeat and get new ids
0, 1, ...; a downsample keeps ids and order.

Learns: with task_type hetero each host which ids the guest drew, in which order, and so how often
each one; by exact_by_weight that is the rounded weight. The guest learns nothing. With task_type
homo nothing is sent and each party draws from its own rows.
Exact. Source: FATE 1.x FederatedSample.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from pydantic import Field, ValidationInfo, field_validator

from federation.channel import Channel, Message
from federation.components.component import Component, Report, Result
from federation.components.linear.rows import SAMPLE_WEIGHT, class_name, labels_of
from federation.components.params import Params, choice
from federation.components.tables.following import Places, ids_at, places_of
from federation.errors import DataProblem
from federation.spec.catalogue import Slot
from federation.spec.party import GUEST, HOST
from federation.tables import Table
from federation.wire.vectors import StringVector

if TYPE_CHECKING:
    Mode = str
    Method = str
    Task = str
else:
    Mode = choice("random", "stratified", "exact_by_weight")
    Method = choice("downsample", "upsample")
    Task = choice("hetero", "homo")

RANDOM_FRACTION = 0.5
"""FATE's share of rows when none is given."""


class SampleParams(Params):
    """FATE's SampleParam."""

    mode: Mode = Field("random", description="how rows are drawn")
    method: Method = Field("downsample", description="upsample puts back what it draws")
    fractions: float | list[tuple[float | str, float]] | None = Field(
        None, description="a share; for stratified pairs of label and share; null: 0.5"
    )
    random_state: int | None = Field(None, ge=0, description="seed; null draws anew each time")
    task_type: Task = Field("hetero", description="hetero: hosts follow the guest")
    need_run: bool = Field(True, description="false hands the input through")

    @field_validator("fractions")
    @classmethod
    def _fits_the_mode(
        cls, given: float | list[tuple[float | str, float]] | None, info: ValidationInfo
    ) -> float | list[tuple[float | str, float]] | None:
        if given is None:
            return None
        pairs = isinstance(given, list)
        if pairs != (info.data.get("mode") == "stratified") and "mode" in info.data:
            raise ValueError("is one share, or for the mode stratified pairs of label and share")
        shares = [share for _, share in given] if isinstance(given, list) else [given]
        if min(shares, default=1.0) <= 0:
            raise ValueError("is above 0")
        if info.data.get("method") == "downsample" and max(shares, default=0.0) > 1:
            raise ValueError("is at most 1 for the method downsample")
        return given


federated_sample = Component(
    "FederatedSample",
    SampleParams,
    (Message("rows", (GUEST, HOST), StringVector, "ids of the drawn rows, in their order"),),
    class_name="SampleParam",
    inputs=(Slot("data"),),
)


@federated_sample.on(GUEST)
async def guest(ch: Channel, p: SampleParams, *, data: Table | None, report: Report) -> Result:
    """Draw rows, and tell the hosts which."""
    table = _bound(data)
    places = _drawn(table, p, report)
    if p.task_type == "hetero":
        await ch.hosts.send("rows", ids_at(table, places))
    return _result(table, places, p)


@federated_sample.on(HOST)
async def host(ch: Channel, p: SampleParams, *, data: Table | None, report: Report) -> Result:
    """Take the rows the guest drew, or draw own ones."""
    table = _bound(data)
    if p.task_type == "homo":
        return _result(table, _drawn(table, p, report), p)
    ids: StringVector = await ch.guest.receive("rows")
    return _result(table, places_of(table, ids), p)


def _bound(data: Table | None) -> Table:
    if data is None or not data.rows:
        raise DataProblem("no table with rows is bound to this component's input data")
    return data


def _drawn(table: Table, p: SampleParams, report: Report) -> Places:
    """Which rows are taken, and for an upsample how often."""
    generator = np.random.default_rng(p.random_state)
    if p.mode == "exact_by_weight":
        places = _by_weight(table)
        counts = {"count": len(places)}
    elif p.mode == "stratified":
        places, counts = _by_class(table, p, generator)
    else:
        share = p.fractions if isinstance(p.fractions, float) else RANDOM_FRACTION
        places = _some(np.arange(table.rows), share, p, generator)
        counts = {"count": len(places)}
    if not len(places):
        raise DataProblem("no row is drawn; give larger fractions")
    kind = "SAMPLE_TABLE" if p.mode == "stratified" else "SAMPLE_TEXT"
    report.metric("sample_count", p.mode, kind, list(counts.items()))
    return places if p.method == "upsample" or p.mode == "exact_by_weight" else np.sort(places)


def _some(rows: Places, share: float, p: SampleParams, generator: np.random.Generator) -> Places:
    count = round(share * len(rows))
    return generator.choice(rows, count, replace=p.method == "upsample")


def _by_class(
    table: Table, p: SampleParams, generator: np.random.Generator
) -> tuple[Places, dict[str, int]]:
    """Rows of each named class, and how many of each."""
    labels = labels_of(table.label)
    classes = np.unique(labels)
    shares = dict.fromkeys(map(class_name, classes.tolist()), RANDOM_FRACTION)
    if isinstance(p.fractions, list):
        given = {class_name(_number(label)): share for label, share in p.fractions}
        unknown = sorted(given.keys() - shares.keys())
        if unknown:
            raise DataProblem(f"fractions names labels no row has: {', '.join(unknown)}")
        shares = given
    drawn = {
        name: _some(np.flatnonzero(labels == float(name)), share, p, generator)
        for name, share in shares.items()
    }
    counts = {name: len(rows) for name, rows in drawn.items()}
    return np.concatenate([*drawn.values(), np.array([], np.int64)]), counts


def _number(label: float | str) -> float:
    try:
        return float(label)
    except ValueError:
        raise DataProblem(
            f"fractions names the label {label!r}, which is no number; put a LabelTransform "
            "before this component and use its new labels"
        ) from None


def _by_weight(table: Table) -> Places:
    """Each row as often as its weight says, rounded.

    Raises:
        DataProblem: rows have no weight.
    """
    name = table.schema.meta.get(SAMPLE_WEIGHT)
    if name is None:
        raise DataProblem("rows have no weight; put a SampleWeight before this component")
    return np.repeat(np.arange(table.rows), np.rint(table.numbers(str(name))).astype(np.int64))


def _result(table: Table, places: Places, p: SampleParams) -> Result:
    """The drawn rows, with new ids where they may repeat."""
    made = table.take(places)
    if p.method == "upsample" or p.mode == "exact_by_weight":
        ids = pa.array(np.arange(len(places))).cast(pa.string())
        made = replace(made, frame=made.frame.set_column(0, made.schema.id_name, ids))
    return Result(data=(made,), summary={"sample_count": made.rows})
