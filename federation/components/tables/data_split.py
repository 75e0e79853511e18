"""HeteroDataSplit and HomoDataSplit: rows for training, validation and test.

Sizes are numbers of rows or shares of them; a size that is not given takes what the others leave,
and without any they are 0.8, 0.2 and 0. stratified deals each class (or each bin of the label
between split_points) to the three in the same proportions, to within a row. Rows keep their order;
outputs are train, validate and test by position.

Learns: HeteroDataSplit tells each host which ids are in which part, and with that, stratified or
not, no label; the guest learns nothing. HomoDataSplit sends nothing.
Exact. Source: FATE 1.x DataSplit,
whose drawing of rows is scikit-learn's train_test_split; other rows are drawn here.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import Field, ValidationInfo, field_validator

from federation.channel import Channel, Message, Payload
from federation.components.component import Component, Report, Result
from federation.components.linear.rows import class_name, classes_of, labels_of
from federation.components.params import Params
from federation.components.tables.following import Places, ids_at, places_of
from federation.errors import DataProblem
from federation.spec.catalogue import Slot
from federation.spec.party import GUEST, HOST
from federation.tables import Table
from federation.tables.table import Vector
from federation.wire.vectors import StringVector

PARTS = ("train", "validate", "test")
DEFAULT_SHARES = (0.8, 0.2, 0.0)
ROUNDING = 1e-9
"""What shares may miss 1 by."""

DIGITS = 3
"""FATE rounds ratios to so many."""


class DataSplitParams(Params):
    """FATE's DataSplitParam."""

    random_state: int | None = Field(None, ge=0, description="seed; null draws anew each time")
    test_size: int | float | None = Field(None, ge=0, description="rows, or share below 1")
    train_size: int | float | None = Field(None, ge=0, description="rows, or share up to 1")
    validate_size: int | float | None = Field(None, ge=0, description="rows, or share below 1")
    stratified: bool = Field(False, description="keep the proportions of the label")
    shuffle: bool = Field(True, description="draw rows; false takes them as they come")
    split_points: list[float] | None = Field(
        None, description="bounds of bins of a continuous label, for stratified"
    )
    need_run: bool = Field(True, description="false hands the input through")

    @field_validator("test_size", "train_size", "validate_size")
    @classmethod
    def _a_share_is_at_most_one(cls, size: float | None) -> float | None:
        if isinstance(size, float) and size > 1:
            raise ValueError("is a share of the rows, 0 to 1, or a whole number of rows")
        return size

    @field_validator("validate_size")
    @classmethod
    def _one_kind_of_sizes(cls, size: float | None, info: ValidationInfo) -> float | None:
        sizes = [info.data.get("train_size"), size, info.data.get("test_size")]
        given = [value for value in sizes if value]
        if len({isinstance(value, float) for value in given}) > 1:
            raise ValueError("is a share where another size is a number of rows; give one kind")
        total = float(sum(given))
        shares = bool(given) and isinstance(given[0], float)
        if shares and (total > 1 + ROUNDING or (None not in sizes and total < 1 - ROUNDING)):
            raise ValueError("train_size, validate_size and test_size do not make 1 together")
        return size

    @field_validator("split_points")
    @classmethod
    def _ascending(cls, points: list[float] | None) -> list[float] | None:
        return None if points is None else sorted(points)


class SizesDoNotFit(DataProblem):
    """The sizes of the parts are not those of the table."""

    code = "sizes_do_not_fit"

    def __init__(self) -> None:
        super().__init__(
            "train_size, validate_size and test_size do not make the number of rows together; "
            "give shares, or leave one of them out"
        )


class Parts(Payload):
    """The ids of each part."""

    train: StringVector
    validation: StringVector
    test: StringVector


def _component(module: str, *messages: Message) -> Component:
    return Component(
        module,
        DataSplitParams,
        messages,
        class_name="DataSplitParam",
        inputs=(Slot("data"),),
        data_out=3,
        needs=frozenset({GUEST, HOST} if messages else ()),
    )


hetero_data_split = _component(
    "HeteroDataSplit", Message("parts", (GUEST, HOST), Parts, "ids of train, validate and test")
)
homo_data_split = _component("HomoDataSplit")


@hetero_data_split.on(GUEST)
async def lead(ch: Channel, p: DataSplitParams, *, data: Table | None, report: Report) -> Result:
    """Deal the rows and tell the hosts."""
    table = _bound(data)
    parts = _dealt(table, p)
    train, validate, test = (ids_at(table, places) for places in parts)
    await ch.hosts.send("parts", Parts(train=train, validation=validate, test=test))
    return _result(table, parts, p, report)


@hetero_data_split.on(HOST)
async def follow(ch: Channel, p: DataSplitParams, *, data: Table | None, report: Report) -> Result:
    """Deal the rows as the guest did."""
    table = _bound(data)
    told: Parts = await ch.guest.receive("parts")
    parts = [places_of(table, ids) for ids in (told.train, told.validation, told.test)]
    return _result(table, parts, p, report)


@homo_data_split.on(GUEST, HOST)
async def alone(ch: Channel, p: DataSplitParams, *, data: Table | None, report: Report) -> Result:
    """Deal this party's own rows."""
    table = _bound(data)
    return _result(table, _dealt(table, p), p, report)


def _bound(data: Table | None) -> Table:
    if data is None or not data.rows:
        raise DataProblem("no table with rows is bound to this component's input data")
    return data


def _dealt(table: Table, p: DataSplitParams) -> list[Places]:
    """The rows of each part, ascending."""
    strata = np.zeros(table.rows, np.int64)
    if p.stratified:
        strata = _strata(labels_of(table.label), p)
    generator = np.random.default_rng(p.random_state)
    order = generator.permutation(table.rows) if p.shuffle else np.arange(table.rows)
    order = order[np.argsort(strata[order], kind="stable")]
    counts = np.bincount(strata)
    sizes = _sizes(table.rows, p)
    train = _shared(counts, sizes.train)
    validate = _shared(counts - train, sizes.validate)
    # Position of each row among those of its stratum, in the drawn order.
    nth = np.arange(table.rows) - np.repeat(np.cumsum(counts) - counts, counts)
    first, second = np.repeat(train, counts), np.repeat(train + validate, counts)
    part = (nth >= first).astype(int) + (nth >= second)
    return [np.sort(order[part == number]) for number in range(len(PARTS))]


def _strata(labels: Vector, p: DataSplitParams) -> Places:
    """The number of each row's class, or of its bin: up to a split point, or above all."""
    if p.split_points is None:
        return np.asarray(np.searchsorted(classes_of(labels), labels), dtype=np.int64)
    return np.asarray(np.searchsorted(p.split_points, labels), dtype=np.int64)


def _shared(counts: Places, total: int) -> Places:
    """`total` rows taken from strata of `counts` rows in proportion: whole numbers that sum up."""
    bounds = np.cumsum(counts) * (total / max(int(np.sum(counts)), 1))
    shares: Places = np.diff(np.floor(bounds + 0.5).astype(np.int64), prepend=0)
    return shares


@dataclass(frozen=True, slots=True)
class Sizes:
    """Rows of each part."""

    train: int
    validate: int
    test: int


def _sizes(rows: int, p: DataSplitParams) -> Sizes:
    """Rows of each part, all of which sum up to `rows`.

    Raises:
        SizesDoNotFit: numbers of rows that do not.
    """
    given = [p.train_size, p.validate_size, p.test_size]
    if given == [None, None, None]:
        given = list(DEFAULT_SHARES)
    shares = any(isinstance(size, float) and size for size in given)
    rest = (1.0 if shares else rows) - sum(size or 0 for size in given)
    # Train takes the rest if it is free, else test, else validate: as FATE has it.
    taker = next((part for part in (0, 2, 1) if given[part] is None), None)
    sizes = [size or 0 for size in given]
    if taker is not None:
        sizes[taker] = max(rest, 0.0) if shares else rest
    if shares:
        bounds = np.floor(np.cumsum(sizes) * rows + 0.5 + ROUNDING).astype(np.int64)
        sizes = np.diff(np.minimum(bounds, rows), prepend=0).tolist()
    if min(sizes) < 0 or sum(sizes) != rows:
        raise SizesDoNotFit
    train, validate, test = map(int, sizes)
    return Sizes(train, validate, test)


def _result(table: Table, parts: list[Places], p: DataSplitParams, report: Report) -> Result:
    """The three tables, and the counts as metrics and summary."""
    counts = {f"{name}_count": len(rows) for name, rows in zip(PARTS, parts, strict=True)}
    total = sum(counts.values())
    metas: dict[str, dict[str, Any]] = {
        "data_split_count_info": {"original_count": total, **counts},
        "data_split_ratio_info": {
            f"{name}_ratio": round(len(rows) / total, DIGITS)
            for name, rows in zip(PARTS, parts, strict=True)
        },
    }
    if p.stratified and table.label is not None:
        metas["data_split_label_info"] = _label_counts(table.label, parts, p)
    for name, meta in metas.items():
        report.metric("train", name, "DATA_SPLIT", list(meta.items()), **meta)
    report.log("rows are split", **counts)
    return Result(data=tuple(table.take(rows) for rows in parts), summary=metas)


def _label_counts(labels: Vector, parts: list[Places], p: DataSplitParams) -> dict[str, Any]:
    """How many rows of each class, or bin, all rows have and each part has."""
    strata = _strata(labels, p)
    if p.split_points is None:
        names = [class_name(label) for label in classes_of(labels).tolist()]
    else:
        names = [f"bin_{number}" for number in range(len(p.split_points) + 1)]
    every = {"original": np.arange(len(labels)), **dict(zip(PARTS, parts, strict=True))}
    return {
        f"{part}_count": dict(
            zip(names, np.bincount(strata[rows], minlength=len(names)).tolist(), strict=True)
        )
        for part, rows in every.items()
    }
