"""Jobs from the submit to the end, over a real store and agents that follow a script."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from coordinator.domain.jobs import Jobs
from coordinator.domain.records import JobFilter, TaskFilter, UploadRequest
from coordinator.store import SqlStore
from federation.errors import (
    ComponentNotFound,
    InvalidJob,
    JobNotEnded,
    JobNotFound,
    JobRefused,
    ModelNotDeployed,
    ModelNotFound,
    NotAStopStatus,
    PartyNotConnected,
    PartyNotJoined,
    TableExists,
)
from federation.spec.orders import CancelTasks, PrepareJob, Reason, RunTask
from federation.spec.party import ARBITER, GUEST, HOST
from federation.spec.status import Status

Json = dict[str, Any]
LATEST = TaskFilter(latest=True)


def run_orders(agents: Any) -> list[RunTask]:
    return [order for _, order in agents.taken if isinstance(order, RunTask)]


async def test_a_good_job_ends_in_success(jobs: Jobs, agents: Any, dsl: Json, conf: Json) -> None:
    submitted = await jobs.submit(dsl, conf)
    await agents.quiet()
    job = await jobs.get(submitted.job_id)
    assert job.status is Status.SUCCESS
    assert (job.dsl, job.conf) == (dsl, conf)
    assert submitted.model_id == "arbiter-10000#guest-9999#host-10000#model"
    assert submitted.model_version == submitted.job_id
    tasks = await jobs.tasks(LATEST)
    assert [task.component for task in tasks] == ["reader_0"] * 2 + ["dataio_0"] * 2 + [
        "hetero_lr_0"
    ] * 3
    assert {task.status for task in tasks} == {Status.SUCCESS}
    assert all(task.params["resolved"] for task in tasks)


async def test_a_task_gets_the_tables_its_own_seat_made(
    jobs: Jobs, agents: Any, dsl: Json, conf: Json
) -> None:
    await jobs.submit(dsl, conf)
    await agents.quiet()
    lr = {o.task.role: o for o in run_orders(agents) if o.task.component == "hetero_lr_0"}
    made = {role: order.data["train_data"] for role, order in lr.items()}
    assert made[ARBITER] == ()
    assert made[GUEST][0].component == made[HOST][0].component == "dataio_0"
    assert made[GUEST][0].table != made[HOST][0].table


async def test_an_invalid_job_names_every_problem_and_its_id(
    jobs: Jobs, dsl: Json, conf: Json
) -> None:
    dsl["components"]["hetero_lr_0"]["module"] = "HeteroLr"
    del conf["component_parameters"]["role"]["host"]
    with pytest.raises(InvalidJob) as raised:
        await jobs.submit(dsl, conf)
    assert len(raised.value.problems) == 2
    assert "did you mean" in str(raised.value)
    assert raised.value.facts["job_id"]
    assert await jobs.find(JobFilter()) == []


async def test_a_party_that_is_away_fails_the_job_by_name(
    jobs: Jobs, agents: Any, dsl: Json, conf: Json
) -> None:
    agents.missing = {"10000"}
    with pytest.raises(PartyNotConnected) as raised:
        await jobs.submit(dsl, conf)
    job = await jobs.get(str(raised.value.facts["job_id"]))
    assert job.status is Status.FAILED
    assert job.reason is not None
    assert job.reason.code == "party_not_connected"


async def test_a_party_that_never_joined_can_not_take_part(
    jobs: Jobs, dsl: Json, conf: Json
) -> None:
    conf["role"]["host"] = [10001]
    with pytest.raises(PartyNotJoined):
        await jobs.submit(dsl, conf)


async def test_a_refusal_is_the_answer_of_the_submit(
    jobs: Jobs, agents: Any, dsl: Json, conf: Json
) -> None:
    agents.refusing["10000"] = Reason(code="table_too_small", message="too few rows")
    with pytest.raises(JobRefused) as raised:
        await jobs.submit(dsl, conf)
    assert raised.value.facts["reasons"] == [["10000", "table_too_small", "too few rows"]]
    job = await jobs.get(str(raised.value.facts["job_id"]))
    assert job.status is Status.FAILED


async def test_a_slow_party_leaves_the_job_waiting_for_it(
    jobs: Jobs, agents: Any, dsl: Json, conf: Json
) -> None:
    agents.away = {"10000"}
    agents.missing = set()
    submitted = await jobs.submit(dsl, conf, wait_s=0.05)
    job = await jobs.get(submitted.job_id)
    assert job.status is Status.WAITING
    assert [(w.party_id, w.code) for w in job.waiting_for] == [("10000", "party_answer")]


async def test_a_stopped_job_is_canceled_in_the_next_query(
    jobs: Jobs, agents: Any, dsl: Json, conf: Json
) -> None:
    agents.idle = {"hetero_lr_0"}
    submitted = await jobs.submit(dsl, conf)
    await agents.quiet()
    await jobs.stop(submitted.job_id)
    assert (await jobs.get(submitted.job_id)).status is Status.CANCELED
    await agents.quiet()
    assert {p for p, order in agents.taken if isinstance(order, CancelTasks)} == {"9999", "10000"}
    await jobs.stop(submitted.job_id)
    with pytest.raises(JobNotFound):
        await jobs.stop("1")
    with pytest.raises(NotAStopStatus):
        await jobs.stop(submitted.job_id, Status.RUNNING)


async def test_a_report_counts_once_however_often_it_comes(
    jobs: Jobs, agents: Any, store: SqlStore, dsl: Json, conf: Json
) -> None:
    submitted = await jobs.submit(dsl, conf)
    await agents.quiet()
    async with store.read() as view:
        before = await view.jobs.events(submitted.job_id)
    for party_id, last in agents.seq.items():
        order = next(o for p, o in agents.taken if p == party_id and isinstance(o, RunTask))
        for seq in range(1, last + 1):
            for report in agents.reports(party_id, order):
                await jobs.on_report(party_id, seq, report)
    async with store.read() as view:
        assert await view.jobs.events(submitted.job_id) == before
        task = (await view.jobs.tasks(TaskFilter(component="reader_0")))[0]
        assert [m.data for m in await view.tracking.metrics(task)] == [((0, 0.5),)]


async def test_a_failed_task_is_tried_again_when_the_clock_says_so(
    jobs: Jobs, agents: Any, clock: Any, dsl: Json, conf: Json
) -> None:
    conf["job_parameters"]["common"] |= {"auto_retries": 2, "auto_retry_delay": 3}
    agents.failing = {"dataio_0": 1}
    submitted = await jobs.submit(dsl, conf)
    await agents.quiet()
    assert (await jobs.get(submitted.job_id)).status is Status.RUNNING
    due_ms = await jobs.next_due()
    assert due_ms == clock.now_ms + 3_000
    assert due_ms in agents.reminders
    await jobs.on_tick(clock.now_ms)
    clock.now_ms = due_ms
    await jobs.on_tick(clock.now_ms)
    await agents.quiet()
    assert (await jobs.get(submitted.job_id)).status is Status.SUCCESS
    versions = {(t.component, t.version, t.status) for t in await jobs.tasks(TaskFilter())}
    assert ("dataio_0", 0, Status.FAILED) in versions
    assert ("dataio_0", 1, Status.SUCCESS) in versions
    assert ("reader_0", 1, Status.SUCCESS) not in versions


async def test_a_failed_job_says_which_component_where_and_why(
    jobs: Jobs, agents: Any, dsl: Json, conf: Json
) -> None:
    agents.failing = {"dataio_0": 1}
    submitted = await jobs.submit(dsl, conf)
    await agents.quiet()
    reason = (await jobs.get(submitted.job_id)).reason
    assert reason is not None
    assert (reason.code, reason.message) == ("data_problem", "label has a NaN")
    assert reason.facts["component"] == "dataio_0"


async def test_a_rerun_goes_on_where_the_job_failed(
    jobs: Jobs, agents: Any, dsl: Json, conf: Json
) -> None:
    agents.failing = {"hetero_lr_0": 1}
    submitted = await jobs.submit(dsl, conf)
    await agents.quiet()
    with pytest.raises(ComponentNotFound):
        await jobs.rerun(submitted.job_id, ("lr_7",))
    assert await jobs.rerun(submitted.job_id)
    await agents.quiet()
    assert (await jobs.get(submitted.job_id)).status is Status.SUCCESS
    newest = {t.component: t.version for t in await jobs.tasks(LATEST)}
    assert newest == {"reader_0": 0, "dataio_0": 0, "hetero_lr_0": 1}
    assert not await jobs.rerun(submitted.job_id)


async def test_a_running_job_is_not_rerun(jobs: Jobs, agents: Any, dsl: Json, conf: Json) -> None:
    agents.idle = {"reader_0"}
    submitted = await jobs.submit(dsl, conf)
    with pytest.raises(JobNotEnded):
        await jobs.rerun(submitted.job_id)


async def test_another_coordinator_process_goes_on_with_the_job(
    jobs: Jobs, agents: Any, store: SqlStore, clock: Any, dsl: Json, conf: Json
) -> None:
    agents.away = {"10000"}
    submitted = await jobs.submit(dsl, conf, wait_s=0.01)
    await agents.quiet()
    agents.away = set()
    again = SqlStore(store._engine)  # a memory that knows nothing
    agents.store, agents.jobs = again, Jobs(again, agents, clock)
    assert sorted(await agents.jobs.resume()) == ["10000", "9999"]
    await agents.quiet()
    assert (await agents.jobs.get(submitted.job_id)).status is Status.SUCCESS
    runs = [(o.task.task_id, o.version, o.task.role) for o in run_orders(agents)]
    assert len(runs) == len(set(runs))
    second = await agents.jobs.submit(dsl, conf)
    assert second.job_id > submitted.job_id


async def test_an_upload_streams_to_the_party_and_becomes_a_job(jobs: Jobs, agents: Any) -> None:
    async def rows() -> AsyncIterator[bytes]:
        yield b"id,x\n"
        yield b"1,2\n"

    wanted = UploadRequest("breast", "guest", "guest.csv", params={"head": 1, "partition": 4})
    submitted = await jobs.submit_upload(wanted, rows())
    await agents.quiet()
    job = await jobs.get(submitted.job_id)
    assert (job.kind, job.status) == ("upload", Status.SUCCESS)
    assert agents.streamed == b"id,x\n1,2\n"
    [order] = run_orders(agents)
    assert order.task.params["file"].startswith("spool:")
    assert order.task.params["table_name"] == "guest"


async def test_an_upload_does_not_replace_a_table_unasked(jobs: Jobs, agents: Any) -> None:
    agents.answers["table_info"] = {"exist": 1, "count": 3}
    with pytest.raises(TableExists, match=r"^The data table already exists"):
        await jobs.submit_upload(UploadRequest("breast", "guest", "/data/guest.csv"), None)
    await jobs.submit_upload(UploadRequest("breast", "guest", "/data/guest.csv", drop=True), None)
    await agents.quiet()
    assert run_orders(agents)[0].task.params["file"] == "/data/guest.csv"


async def test_jobs_are_found_by_seat_status_and_page(
    jobs: Jobs, agents: Any, dsl: Json, conf: Json
) -> None:
    ids = [(await jobs.submit(dsl, conf)).job_id for _ in range(3)]
    await agents.quiet()
    found, count = await jobs.jobs_page(JobFilter(role=HOST, party_id="10000"), 2, 1)
    assert ([job.job_id for job in found], count) == ([ids[2], ids[1]], 3)
    found, _ = await jobs.jobs_page(JobFilter(status=(Status.SUCCESS,)), 2, 2)
    assert [job.job_id for job in found] == [ids[0]]
    assert await jobs.find(JobFilter(role=GUEST, party_id="10000")) == []
    assert await jobs.describe(ids[0], GUEST, "9999", "the first one") == 1
    assert await jobs.describe(ids[0], GUEST, "10000", "not its seat") == 0
    [job] = await jobs.find(JobFilter(description_has="first"))
    assert job.job_id == ids[0]


async def test_the_queue_is_cleaned_of_jobs_that_wait(
    jobs: Jobs, agents: Any, dsl: Json, conf: Json
) -> None:
    agents.away = {"10000"}
    submitted = await jobs.submit(dsl, conf, wait_s=0.01)
    assert await jobs.clean_queue() == [submitted.job_id]
    assert (await jobs.get(submitted.job_id)).status is Status.CANCELED


async def test_an_order_an_agent_can_not_read_fails_its_job(
    jobs: Jobs, agents: Any, store: SqlStore, dsl: Json, conf: Json
) -> None:
    agents.away = {"9999", "10000"}
    submitted = await jobs.submit(dsl, conf, wait_s=0.01)
    async with store.read() as view:
        [order] = await view.outbox.pending("9999")
    why = Reason(code="order_not_understood", message="no such kind of order")
    await jobs.on_order_refused("9999", order.order_id, why)
    job = await jobs.get(submitted.job_id)
    assert job.status is Status.FAILED
    assert job.reason is not None
    assert job.reason.facts["party_id"] == "9999"
    await jobs.on_order_refused("9999", "no such order", why)


async def test_a_lost_agent_fails_the_job_and_a_retry_waits_for_it(
    jobs: Jobs, agents: Any, clock: Any, dsl: Json, conf: Json
) -> None:
    conf["job_parameters"]["common"]["auto_retries"] = 1
    agents.idle = {"hetero_lr_0"}
    submitted = await jobs.submit(dsl, conf)
    await agents.quiet()
    await jobs.on_agent_up("10000", "boot 1")
    agents.away, agents.idle = {"10000"}, set()
    await jobs.on_agent_lost("10000")
    clock.now_ms += 1_000
    await jobs.on_tick(clock.now_ms)
    await agents.quiet()
    waiting = await jobs.waiting_for(submitted.job_id)
    assert ("10000", "party_not_connected") in [(w.party_id, w.code) for w in waiting]
    agents.away = set()
    await jobs.on_agent_up("10000", "boot 2")
    agents.wake(["10000"])
    await agents.quiet()
    assert (await jobs.get(submitted.job_id)).status is Status.SUCCESS


# --- predictions and inheritance -----------------------------------------------------------------


def predict_conf(job_id: str, model_id: str) -> Json:
    def data(name: str) -> Json:
        return {"args": {"data": {"eval_data": [{"name": name, "namespace": "breast"}]}}}

    return {
        "initiator": {"role": "guest", "party_id": 9999},
        "job_parameters": {
            "job_type": "predict",
            "model_id": model_id,
            "model_version": job_id,
        },
        "role": {"guest": [9999], "host": [10000], "arbiter": [10000]},
        "role_parameters": {"guest": data("guest"), "host": data("host")},
    }


async def test_a_version_1_model_predicts_at_once(
    jobs: Jobs, agents: Any, dsl_1: Json, conf_1: Json
) -> None:
    train = await jobs.submit(dsl_1, conf_1)
    await agents.quiet()
    agents.taken.clear()
    predicted = await jobs.submit({}, predict_conf(train.job_id, train.model_id))
    await agents.quiet()
    job = await jobs.get(predicted.job_id)
    assert (job.kind, job.status) == ("predict", Status.SUCCESS)
    assert (job.model_version, job.train_conf) == (train.job_id, conf_1)
    lr = [o for o in run_orders(agents) if o.task.component == "hetero_lr_0"]
    assert {o.model[0].model_version for o in lr} == {train.job_id}
    assert {o.model[0].component for o in lr} == {"hetero_lr_0"}
    assert {"test_data"} == {slot for o in lr for slot in o.data}


async def test_a_version_2_model_must_be_deployed_first(
    jobs: Jobs, agents: Any, dsl: Json, conf: Json
) -> None:
    train = await jobs.submit(dsl, conf)
    await agents.quiet()
    with pytest.raises(ModelNotDeployed, match="model has not been deployed yet"):
        await jobs.submit({}, predict_conf(train.job_id, train.model_id))
    with pytest.raises(ModelNotFound):
        await jobs.submit({}, predict_conf("1", train.model_id))


async def test_inherited_components_are_done_at_once_with_their_old_outputs(
    jobs: Jobs, agents: Any, store: SqlStore, dsl: Json, conf: Json
) -> None:
    old = await jobs.submit(dsl, conf)
    await agents.quiet()
    agents.taken.clear()
    names = ["reader_0", "dataio_0"]
    inherit = {"inheritance_info": {"job_id": old.job_id, "component_list": names}}
    conf["job_parameters"]["common"] |= inherit
    new = await jobs.submit(dsl, conf)
    await agents.quiet()
    assert (await jobs.get(new.job_id)).status is Status.SUCCESS
    assert {o.task.component for o in run_orders(agents)} == {"hetero_lr_0"}
    guest = next(o for o in run_orders(agents) if o.task.role is GUEST)
    assert guest.data["train_data"][0].table.namespace == f"output_data_{old.job_id}_dataio_0_0"
    [task] = await jobs.tasks(TaskFilter(job_id=new.job_id, component="dataio_0", role=GUEST))
    async with store.read() as view:
        assert [t.output for t in await view.tracking.outputs(task)] == ["data"]
        assert await view.tracking.summary(task) == {"done": True}


async def test_only_closed_and_equal_parts_are_inherited(
    jobs: Jobs, agents: Any, dsl: Json, conf: Json
) -> None:
    old = await jobs.submit(dsl, conf)
    await agents.quiet()
    inherit = {"inheritance_info": {"job_id": old.job_id, "component_list": ["dataio_0"]}}
    conf["job_parameters"]["common"] |= inherit
    with pytest.raises(InvalidJob, match="reader_0"):
        await jobs.submit(dsl, conf)


async def test_parties_are_told_what_they_agree_to(
    jobs: Jobs, agents: Any, dsl: Json, conf: Json
) -> None:
    await jobs.submit(dsl, conf)
    await agents.quiet()
    asked = {p: order for p, order in agents.taken if isinstance(order, PrepareJob)}
    guest, host = asked["9999"], asked["10000"]
    assert guest.digest == host.digest
    assert len(guest.digest) == 32
    assert [(t.component, t.role) for t in host.tasks] == [
        ("reader_0", HOST),
        ("dataio_0", HOST),
        ("hetero_lr_0", HOST),
        ("hetero_lr_0", ARBITER),
    ]
    assert [t.name for t in guest.tasks[0].tables] == ["guest"]
    assert set(guest.keys) == {"9999", "10000"}


async def test_a_rerun_makes_tables_anew_that_were_deleted_and_are_needed(
    jobs: Jobs, agents: Any, store: SqlStore, dsl: Json, conf: Json
) -> None:
    agents.failing = {"hetero_lr_0": 1}
    job_id = (await jobs.submit(dsl, conf)).job_id
    await agents.quiet()
    async with store.begin() as tx:
        task = f"{job_id}_dataio_0"
        for table in await tx.tables.search(job_id=job_id):
            if table.namespace.startswith(f"output_data_{task}"):
                await tx.tables.delete(table.namespace, table.name)
    agents.failing = {"hetero_lr_0": 1}
    assert await jobs.rerun(job_id)
    await agents.quiet()
    newest = {t.component: t.version for t in await jobs.tasks(LATEST)}
    assert newest == {"reader_0": 0, "dataio_0": 1, "hetero_lr_0": 1}
    assert await jobs.rerun(job_id)
    await agents.quiet()
    newest = {t.component: t.version for t in await jobs.tasks(LATEST)}
    assert newest == {"reader_0": 0, "dataio_0": 1, "hetero_lr_0": 2}
    assert (await jobs.get(job_id)).status is Status.SUCCESS
    assert not await jobs.rerun(job_id)
