"""HomoOneHotEncoder: one-hot columns that are the same at every party of a horizontal job.

    c_v[i] = 1 if x[i] = v else 0          for each value v that any party's fit saw

As OneHotEncoder, but over the union of all parties' values, so that columns agree: the arbiter
collects which values each encoded column has at each party, and sends back the union in ascending
order, as numbers if all of them are. Without need_alignment each party encodes its own values.

Learns: the arbiter every different value of the encoded columns at each party, in clear, but not
how often or in which row; a party all parties' values together, so at two parties the other's.
Exact. Source: FATE 1.x HomoOneHotEncoder.
"""

from collections.abc import Iterable

from pydantic import Field

from federation.channel import Channel, Message, Payload
from federation.components.component import Component, JobFacts, Model, Report, Result
from federation.components.features.columns import instances_in
from federation.components.features.one_hot import (
    MOST_VALUES,
    OneHotEncoderParams,
    encoded,
    learned_values,
    own_values,
)
from federation.errors import DataProblem
from federation.spec.catalogue import Slot
from federation.spec.party import ARBITER, GUEST, HOST
from federation.tables import Table

MODULE = "HomoOneHotEncoder"


class ColumnsDiffer(DataProblem):
    """Parties of a horizontal job encode other columns."""

    code = "columns_differ"

    def __init__(self) -> None:
        super().__init__(
            "parties encode columns of other names or in another order; give all tables the same "
            "columns, and the transform_col fields under common"
        )


class Values(Payload):
    """The different values of each encoded column, as text."""

    columns: list[str]
    values: list[list[str]]


class HomoOneHotParams(OneHotEncoderParams):
    """FATE's HomoOneHotParam."""

    need_alignment: bool = Field(True, description="the values of all parties, by the arbiter")


homo_one_hot_encoder = Component(
    MODULE,
    HomoOneHotParams,
    messages=(
        Message("values", (GUEST, ARBITER), Values, "the different values of each encoded column"),
        Message("values", (HOST, ARBITER), Values, "the different values of each encoded column"),
        Message("union", (ARBITER, GUEST), Values, "those of all parties, ascending"),
        Message("union", (ARBITER, HOST), Values, "those of all parties, ascending"),
    ),
    class_name="HomoOneHotParam",
    inputs=(Slot("data"),),
    model_in=True,
    model_out=True,
    needs=frozenset({GUEST}),
)


@homo_one_hot_encoder.on(GUEST, HOST)
async def client(
    ch: Channel,
    p: HomoOneHotParams,
    *,
    data: Table | None,
    model: Model | None,
    report: Report,
    facts: JobFacts,
) -> Result:
    """Encoded rows: by all parties' values, or by those the model was made with."""
    table = instances_in(data)
    if model is not None:
        return Result(data=(encoded(table, model.state["values"]),), model=model)
    values = own_values(table, p)
    if p.need_alignment and ARBITER in ch.parties:
        own = Values(columns=list(values), values=list(values.values()))
        await ch.arbiter.send("values", own)
        union: Values = await ch.arbiter.receive("union")
        values = dict(zip(union.columns, union.values, strict=True))
    report.log("columns are encoded", columns=len(values))
    found = learned_values(table, values, p)
    made = Model(MODULE, found.meta, found.param, found.state, facts.component)
    return Result(data=(encoded(table, values),), model=made)


@homo_one_hot_encoder.on(ARBITER)
async def arbiter(
    ch: Channel, p: HomoOneHotParams, *, model: Model | None, report: Report
) -> Result:
    """Unite the values of every column, unless there is a model already."""
    if model is not None or not p.need_alignment:
        return Result()
    letters: list[Values] = [*await ch.guests.gather("values"), *await ch.hosts.gather("values")]
    columns = letters[0].columns
    if any(one.columns != columns or len(one.values) != len(columns) for one in letters):
        raise ColumnsDiffer
    united = [ascending(*(one.values[at] for one in letters)) for at in range(len(columns))]
    if any(len(values) > MOST_VALUES for values in united):
        raise DataProblem(f"all parties together have more than {MOST_VALUES} values in a column")
    union = Values(columns=columns, values=united)
    await ch.guests.send("union", union)
    await ch.hosts.send("union", union)
    report.log("values are united", columns=len(columns))
    return Result()


def ascending(*lists: Iterable[str]) -> list[str]:
    """All different values, as numbers if all of them are, else as text."""
    together = {value for values in lists for value in values}
    try:
        return sorted(together, key=lambda value: (float(value), value))
    except ValueError:
        return sorted(together)
