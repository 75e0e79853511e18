"""A job id that is used again for something else, at a real agent of a cluster."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from federation.spec.orders import DataInput, TableName
from federation.spec.status import Status
from federation.tables import Schema, Table
from party_agent.policy import Rule, append_grant
from party_agent.tables import TableStore

pytestmark = pytest.mark.together


def store(home: Path, name: str) -> None:
    rows = pa.table({"id": ["1", "2"], "x": [name, name]})
    TableStore(home / "tables").write("n", name, Table(Schema("id", ("x",)), rows))


async def test_what_a_job_made_is_not_read_by_another_job_under_its_id(
    coordinator: Any, cluster_agent: Any, orders: Any
) -> None:
    home, union = cluster_agent.home, orders.brief("union_0", "Union")
    for name in ("secret", "harmless"):
        store(home, name)
    # Union may only see what jobs make of the harmless table; the secret one is for Reader alone.
    append_grant(home / "policy.toml", Rule(components=("Reader",), tables=("n/*",)))
    append_grant(home / "policy.toml", Rule(components=("Union",), tables=("none/*",)))

    async def run(task: Any, epoch: int, version: int, nth: int, **changes: Any) -> Any:
        await coordinator.order(orders.run_task(task, version=version, epoch=epoch, **changes))
        return await coordinator.report("task_ended", nth)

    secret = orders.reader_of("n", "secret")
    await coordinator.order(orders.prepare(secret, union))
    await coordinator.report("job_ready")
    made = await run(secret, 0, 0, 0)
    assert made.status is Status.SUCCESS
    (output,) = made.tables

    harmless = orders.reader_of("n", "harmless")
    await coordinator.order(orders.prepare(harmless, union, epoch=1))
    await coordinator.report("job_ready", 1)
    given = DataInput(component="reader_0", output="data", table=output.table)
    refused = await run(union, 1, 0, 1, data={"data": (given,)})
    assert refused.status is Status.FAILED
    assert refused.reason.code == "policy_refused"
    assert "party-agent grant --component Union --role guest --table" in refused.reason.message

    own = (await run(harmless, 1, 1, 2)).tables[0]
    given = DataInput(component="reader_0", output="data", table=own.table)
    joined = await run(union, 1, 1, 3, data={"data": (given,)})
    assert joined.status is Status.SUCCESS, joined.reason


async def test_an_updated_job_goes_on_with_what_it_has_made_after_a_restart(
    coordinator: Any, cluster_agent: Any, orders: Any
) -> None:
    home = cluster_agent.home
    store(home, "t")
    append_grant(home / "policy.toml", Rule(components=("Reader",), tables=("n/*",)))
    append_grant(home / "policy.toml", Rule(components=("Union",), tables=("none/*",)))
    reader = orders.reader_of("n", "t")
    await coordinator.order(orders.prepare(reader, orders.brief("union_0", "Union")))
    await coordinator.report("job_ready")
    await coordinator.order(orders.run_task(reader))
    (output,) = (await coordinator.report("task_ended")).tables
    cluster_agent.stop()
    cluster_agent.start()
    await coordinator.links(2)
    changed = orders.brief("union_0", "Union", params={"need_run": True})
    await coordinator.order(orders.prepare(reader, changed, epoch=1))
    await coordinator.report("job_ready", 1)
    table = TableName(namespace=output.table.namespace, name=output.table.name)
    given = DataInput(component="reader_0", output="data", table=table)
    await coordinator.order(orders.run_task(changed, epoch=1, data={"data": (given,)}))
    ended = await coordinator.report("task_ended", 1)
    assert ended.status is Status.SUCCESS, ended.reason
