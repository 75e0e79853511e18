"""Reader: hands a table of the party's store on to the next components.

Nothing is copied and nothing is sent: the output is another name of the same rows. Learns: whoever
may read the job's metrics learns the table's name, columns and number of rows. FATE also shows the
first row's values there; they are the party's to tell, so each column only shows its type.
Exact. Source: FATE-Flow 1.x Reader.
"""

from pydantic import Field

from federation.channel import Channel
from federation.components.component import Component, JobFacts, Report, Result
from federation.components.params import Params
from federation.errors import BadRequest, Unavailable
from federation.spec.party import GUEST, HOST
from federation.tables import TableKind

STORAGE_ENGINE = "PARQUET"


class TableParam(Params):
    """A table by name."""

    namespace: str | None = Field(None, description="namespace of the table")
    name: str | None = Field(None, description="name of the table")


class ReaderParams(Params):
    """Which table: by name, or as the output of another job."""

    table: TableParam = Field(default_factory=TableParam)
    job_id: str | None = Field(None, description="the job that made it, instead of `table`")
    component_name: str | None = Field(None, description="the component that made it")
    data_name: str | None = Field(None, description="which of its outputs")


reader = Component("Reader", ReaderParams, class_name="ReaderParam", data_out=1)


@reader.on(GUEST, HOST)
async def hand_on(ch: Channel, p: ReaderParams, *, report: Report, facts: JobFacts) -> Result:
    """The stored table, under the name of this component's output."""
    if facts.store is None:
        raise Unavailable("this party has no table store")
    if not facts.tables:
        raise BadRequest("no table is named: give `table` a namespace and a name")
    # Not what the parameters name: the party's policy was asked about `facts.tables`.
    table = facts.store.stored(facts.tables[0])
    kind = "text" if table.schema.kind is TableKind.RAW else "number"
    report.metric(
        "reader_namespace",
        "reader_name",
        "data_info",
        name="reader",
        table_name=table.name.name,
        namespace=table.name.namespace,
        table_info=dict.fromkeys(table.schema.header, kind),
        partitions=table.partitions,
        storage_engine=STORAGE_ENGINE,
        count=table.rows,
        schema=table.schema.to_json(),
    )
    report.log("table is handed on", rows=table.rows, columns=len(table.schema.columns))
    return Result(data=(table,))
