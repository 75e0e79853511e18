"""PositiveUnlabeled: unlabelled rows that a model scores highest become positive ones.

A row with the label 0 counts as unlabelled. Of m of n rows unlabelled, by falling score,

    probability     those with a score of threshold or more
    quantity        the first threshold
    proportion      the first floor(n threshold)
    distribution    the first floor(m threshold)

become 1; of equal scores the first in the table come first. A row without a prediction stays.

The guest does so with its own rows, nothing is sent; a host hands its rows through. Learns: nobody
anything.
Exact. Source: FATE 1.x PositiveUnlabeled.
"""

from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator

from federation.channel import Channel
from federation.components.component import Component, Report, Result
from federation.components.features.columns import remade
from federation.components.linear.rows import labels_of
from federation.components.params import Params, choice
from federation.errors import DataProblem, DuplicateIds
from federation.spec.catalogue import Slot
from federation.spec.party import GUEST, HOST
from federation.tables import Table, TableKind
from federation.tables.table import Vector

UNLABELED, POSITIVE = 0.0, 1.0
COUNT = "count of converted unlabeled"


class PositiveUnlabeledParams(Params):
    """FATE's PositiveUnlabeledParam."""

    strategy: choice("probability", "quantity", "proportion", "distribution") = "probability"  # type: ignore[valid-type]
    threshold: float = Field(0.9, gt=0, description="a share, or for quantity how many rows")

    @model_validator(mode="after")
    def _fits_strategy(self) -> Self:
        if self.strategy == "quantity":
            if self.threshold != int(self.threshold):
                raise ValueError(f"threshold of quantity is a whole number, not {self.threshold}")
        elif self.threshold > 1:
            raise ValueError(f"threshold of {self.strategy} is at most 1, not {self.threshold}")
        return self


positive_unlabeled = Component(
    "PositiveUnlabeled",
    PositiveUnlabeledParams,
    class_name="PositiveUnlabeledParam",
    inputs=(Slot("data", many=True),),
)


@positive_unlabeled.on(GUEST)
async def guest(
    ch: Channel, p: PositiveUnlabeledParams, *, data: tuple[Table, ...], report: Report
) -> Result:
    """Instances with more positive labels."""
    rows = _one(data, TableKind.INSTANCES, "a table of instances")
    predicted = _one(data, TableKind.PREDICTIONS, "a table of predictions")
    label = labels_of(rows.label)
    chosen = converted(label, _scores(rows, predicted), p)
    name = str(rows.schema.label)
    table = remade(rows, {name: np.where(chosen, POSITIVE, label)})
    count = int(np.count_nonzero(chosen))
    report.metric("train", "positive_unlabeled", "PU_MODEL", [(COUNT, count)])
    report.log("unlabelled rows are positive now", rows=count)
    return Result(data=(table,), summary={COUNT: count})


@positive_unlabeled.on(HOST)
async def host(ch: Channel, p: PositiveUnlabeledParams, *, data: tuple[Table, ...]) -> Result:
    """Own rows as they are."""
    own = [table for table in data if table.schema.kind is TableKind.INSTANCES]
    return Result(data=tuple(own[:1]))


def converted(label: Vector, score: Vector, p: PositiveUnlabeledParams) -> npt.NDArray[np.bool_]:
    """Which rows become positive, shape (n,).

    Args:
        label: shape (n,).
        score: shape (n,), NaN where a row has no prediction.
    """
    unlabelled = np.flatnonzero((label == UNLABELED) & ~np.isnan(score))
    by_score = unlabelled[np.argsort(-score[unlabelled], kind="stable")]
    if p.strategy == "probability":
        count = int(np.count_nonzero(score[unlabelled] >= p.threshold))
    elif p.strategy == "quantity":
        count = int(p.threshold)
    elif p.strategy == "proportion":
        count = int(len(label) * p.threshold)
    else:
        count = int(np.count_nonzero(label == UNLABELED) * p.threshold)
    return np.isin(np.arange(len(label)), by_score[:count])


def _one(tables: tuple[Table, ...], kind: TableKind, what: str) -> Table:
    found = [table for table in tables if table.schema.kind is kind]
    if len(found) != 1:
        raise DataProblem(
            f"PositiveUnlabeled needs {what} among its data inputs, and there are {len(found)}"
        )
    return found[0]


def _scores(rows: Table, predicted: Table) -> Vector:
    """The score of each row, NaN where it has none, shape (n,).

    Raises:
        DuplicateIds: an id is predicted more than once.
    """
    ids = pa.chunked_array(predicted.ids).combine_chunks()
    repeated = predicted.rows - int(pc.count_distinct(ids).as_py())
    if repeated:
        raise DuplicateIds(repeated)
    places = pc.index_in(pa.chunked_array(rows.ids).combine_chunks(), value_set=ids)
    at = np.asarray(pc.fill_null(places, predicted.rows).to_numpy(), dtype=np.int64)
    return np.append(predicted.numbers("predict_score"), np.nan)[at]
