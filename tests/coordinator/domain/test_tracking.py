"""What jobs made, as the coordinator knows it and as parties tell."""

from typing import Any

import pytest
import pytest_asyncio

from coordinator.domain.jobs import Jobs
from coordinator.domain.records import Submitted
from coordinator.domain.tables import Tables
from coordinator.domain.tracking import Tracking
from coordinator.store import SqlStore
from federation.errors import CallFailed, ComponentNotFound, JobNotFound
from federation.spec.orders import DropTable
from federation.spec.party import ARBITER, GUEST, HOST

Json = dict[str, Any]


@pytest.fixture
def tracking(store: SqlStore, agents: Any) -> Tracking:
    return Tracking(store, agents)


@pytest.fixture
def tables(store: SqlStore, agents: Any, clock: Any) -> Tables:
    return Tables(store, agents, clock)


@pytest_asyncio.fixture
async def done(jobs: Jobs, agents: Any, dsl: Json, conf: Json) -> Submitted:
    submitted = await jobs.submit(dsl, conf)
    await agents.quiet()
    return submitted


async def test_without_a_seat_the_initiator_is_meant(tracking: Tracking, done: Submitted) -> None:
    task = await tracking.task(done.job_id, "hetero_lr_0")
    assert (task.role, task.party_id) == (GUEST, "9999")
    task = await tracking.task(done.job_id, "hetero_lr_0", ARBITER)
    assert (task.role, task.party_id) == (ARBITER, "10000")
    task = await tracking.task(done.job_id, "hetero_lr_0", None, "10000")
    assert (task.role, task.party_id) == (HOST, "10000")
    with pytest.raises(ComponentNotFound):
        await tracking.task(done.job_id, "reader_0", ARBITER, "10000")
    with pytest.raises(JobNotFound):
        await tracking.task("1", "reader_0")


async def test_metrics_summary_and_outputs_are_those_of_the_newest_attempt(
    tracking: Tracking, jobs: Jobs, agents: Any, done: Submitted
) -> None:
    await jobs.rerun(done.job_id, ("hetero_lr_0",), force=True)
    await agents.quiet()
    seat = (done.job_id, HOST, "10000", "hetero_lr_0")
    [loss] = await tracking.metrics(*seat)
    assert (loss.namespace, loss.name, loss.data) == ("train", "loss", ((0, 0.5),))
    assert await tracking.summary(*seat) == {"done": True}
    [table] = await tracking.outputs(*seat)
    assert table.namespace == f"output_data_{done.job_id}_hetero_lr_0_1"
    assert await tracking.metrics("1", None, None, "hetero_lr_0") == []
    assert await tracking.summary(done.job_id, None, None, "lr_7") is None


async def test_parameters_have_the_defaults_that_the_party_resolved(
    tracking: Tracking, done: Submitted
) -> None:
    module, class_name, values = await tracking.parameters(done.job_id, None, None, "hetero_lr_0")
    assert (module, class_name) == ("HeteroLR", "HeteroLRParam")
    assert values == {"max_iter": 3, "resolved": True}


async def test_rows_are_asked_of_the_party_that_has_them(
    tracking: Tracking, agents: Any, done: Submitted
) -> None:
    agents.answers["rows"] = {"header": ["id", "x"], "rows": [["1", "0.5"]], "total": 3}
    [(table, header, rows)] = await tracking.rows(done.job_id, HOST, "10000", "dataio_0", 7)
    assert (header, rows) == (["id", "x"], [["1", "0.5"]])
    party_id, method, args = agents.asked[-1]
    assert (party_id, method, args["limit"]) == ("10000", "rows", 7)
    assert b"".join([chunk async for chunk in tracking.csv(table)]) == b"id,x\n"


async def test_a_model_is_asked_of_the_party_under_its_training_job(
    tracking: Tracking, agents: Any, done: Submitted
) -> None:
    agents.answers["output_model"] = {"param": {}, "meta": {}, "module": "HeteroLR"}
    model = await tracking.model(done.job_id, HOST, "10000", "hetero_lr_0")
    assert model == agents.answers["output_model"]
    assert agents.asked[-1][2]["model_version"] == done.job_id
    agents.answers["output_model"] = None
    assert await tracking.model(done.job_id, None, None, "reader_0") is None
    assert await tracking.model("1", None, None, "reader_0") is None


async def test_components_come_in_topological_order(tracking: Tracking, done: Submitted) -> None:
    assert await tracking.components(done.job_id) == ["reader_0", "dataio_0", "hetero_lr_0"]
    with pytest.raises(JobNotFound):
        await tracking.components("1")


async def test_a_ledger_has_the_parties_that_are_there(
    tracking: Tracking, agents: Any, done: Submitted
) -> None:
    agents.answers["ledger"] = {"rows": [{"tag": "masked", "bytes": 10}]}
    agents.away = {"10000"}
    assert await tracking.ledger(done.job_id) == {"9999": [{"tag": "masked", "bytes": 10}]}


async def test_why_tells_what_running_tasks_wait_for(
    tracking: Tracking, jobs: Jobs, agents: Any, dsl: Json, conf: Json
) -> None:
    agents.idle = {"reader_0"}
    submitted = await jobs.submit(dsl, conf)
    await agents.quiet()
    assert await tracking.why(submitted.job_id) == []
    guest = next(o for p, o in agents.taken if p == "9999" and o.kind == "run_task")
    agents.idle = set()
    await agents.report("9999", agents.reports("9999", guest)[0])
    agents.answers["waiting"] = [{"what": "letter `masked` from host:10000"}]
    [line] = await tracking.why(submitted.job_id)
    assert (line.party_id, line.what) == ("9999", "letter `masked` from host:10000")


# --- tables --------------------------------------------------------------------------------------


async def test_a_table_is_shown_as_its_party_has_it_now(
    tables: Tables, tracking: Tracking, agents: Any, done: Submitted
) -> None:
    [made] = await tracking.outputs(done.job_id, HOST, "10000", "reader_0")
    agents.answers["table_info"] = {"exist": 1, "count": 42, "partitions": 2, "schema": {}}
    found = await tables.info(made.namespace, made.name)
    assert found is not None
    assert (found.party_id, found.rows, found.partitions) == ("10000", 42, 2)
    agents.answers["table_info"] = {"exist": 0}
    assert await tables.info(made.namespace, made.name) is None
    agents.away = {"10000"}
    found = await tables.info(made.namespace, made.name)
    assert found is not None
    assert found.rows == 3


async def test_a_party_is_asked_for_a_table_nobody_told_of(tables: Tables, agents: Any) -> None:
    assert await tables.info("breast", "guest", "9999") is None
    agents.answers["table_info"] = {"exist": 1, "count": 5}
    found = await tables.info("breast", "guest", "9999")
    assert found is not None
    assert (found.rows, found.party_id) == (5, "9999")
    assert await tables.info("breast", "guest") is None


async def test_a_party_that_can_not_answer_is_believed_as_it_last_reported(
    tables: Tables, tracking: Tracking, agents: Any, done: Submitted, monkeypatch: Any
) -> None:
    async def refuse(*_: Any, **__: Any) -> None:
        raise CallFailed("10000", "table_info", "busy", "try later")

    monkeypatch.setattr(agents, "call", refuse)
    [made] = await tracking.outputs(done.job_id, HOST, "10000", "reader_0")
    found = await tables.info(made.namespace, made.name)
    assert found is not None
    assert found.rows == 3


async def test_a_deleted_table_is_dropped_by_its_party(
    tables: Tables, tracking: Tracking, agents: Any, done: Submitted
) -> None:
    [made] = await tracking.outputs(done.job_id, HOST, "10000", "reader_0")
    [gone] = await tables.delete(made.namespace, made.name)
    await agents.quiet()
    party_id, order = agents.taken[-1]
    assert isinstance(order, DropTable)
    assert (party_id, order.table.name) == ("10000", gone.name)
    assert await tables.delete(made.namespace, made.name) == []


async def test_output_tables_are_deleted_by_component(
    tables: Tables, agents: Any, done: Submitted
) -> None:
    gone = await tables.delete_outputs(done.job_id, component="reader_0")
    assert {table.party_id for table in gone} == {"9999", "10000"}
    assert all("reader_0" in table.namespace for table in gone)
    rest = await tables.delete_outputs(done.job_id, party_id="9999")
    assert rest
    assert all(table.party_id == "9999" for table in rest)
