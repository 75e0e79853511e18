"""What every store must do, on SQLite and on a real PostgreSQL."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from coordinator.domain.events import (
    Admitted,
    AgentLost,
    Event,
    Held,
    RerunAsked,
    StopAsked,
    Told,
)
from coordinator.domain.records import (
    Invite,
    JobFilter,
    OutputModel,
    OutputTable,
    PartyRecord,
    Task,
    TaskFilter,
    Waiting,
)
from coordinator.domain.state import Changes, JobState, Outgoing
from coordinator.domain.step import step
from coordinator.store import SqlStore
from federation.errors import IllegalTransition, StaleState
from federation.spec.catalogue import ModuleDecl
from federation.spec.orders import (
    ORDER,
    DropTable,
    JobReady,
    Metric,
    PrepareJob,
    Reason,
    RunTask,
    TableName,
    TableOutput,
    TaskEnded,
)
from federation.spec.party import GUEST, HOST, Party
from federation.spec.status import Status
from federation.wire.codec import decode

Make = Callable[..., Changes]
NOW = 1_700_000_000_000
JOB = "20260101000000000000"


async def add(store: SqlStore, first: Changes) -> str:
    async with store.begin() as tx:
        await tx.jobs.add(first.state, first.orders)
    return first.state.job.job_id


async def happen(store: SqlStore, job_id: str, *told: Event) -> JobState:
    """Take steps, each in a transaction of its own."""
    for event in told:
        async with store.begin() as tx:
            old = await tx.jobs.state(job_id)
            assert old is not None
            changes = step(old, event, NOW + 5)
            await tx.jobs.apply(old, changes)
    return await load(store, job_id)


async def load(store: SqlStore, job_id: str) -> JobState:
    """The state as the database has it, without what the store remembers."""
    async with store.read() as view:
        state = await view.jobs.state(job_id)
    assert state is not None
    return state


def ready(job_id: str = JOB) -> tuple[Told, Told, Admitted]:
    params = {"reader/guest": {"alpha": 0.5, "fixed": True}}
    return (
        Told("9999", JobReady(job_id=job_id, epoch=0, offer=b"\0g", params=params)),
        Told("10000", JobReady(job_id=job_id, epoch=0, offer=b"\0h")),
        Admitted(),
    )


def ended(seat: Party, status: Status = Status.SUCCESS) -> Told:
    table = TableOutput(
        output="data",
        table=TableName(namespace="out", name=seat.role),
        rows=3,
        header=("id", "x"),
        schema_={},
    )
    report = TaskEnded(
        job_id=JOB,
        task_id=f"{JOB}_reader",
        version=0,
        role=seat.role,
        component="reader",
        status=status,
        tables=(table,) if status is Status.SUCCESS else (),
    )
    return Told(seat.party_id, report)


GUEST_SEAT, HOST_SEAT = Party(GUEST, "9999"), Party(HOST, "10000")


# --- jobs ----------------------------------------------------------------------------------------


async def test_a_job_is_read_as_it_was_kept(store: SqlStore, make_job: Make) -> None:
    first = make_job()
    await add(store, first)
    assert await load(store, JOB) == first.state


async def test_every_step_is_read_as_it_was_kept(store: SqlStore, make_job: Make) -> None:
    job_id = await add(store, make_job())
    state = make_job().state
    events: list[Event] = [
        *ready()[:2],
        Held((Waiting("10000", "cores", "party_busy"),)),
        Admitted(),
        AgentLost("10000"),
        StopAsked(Status.CANCELED, Reason(code="s", message="s")),
    ]
    events.append(RerunAsked())
    for event in events:
        state = step(state, event, NOW + 5).state
        assert await happen(store, job_id, event) == state


async def test_outputs_of_successful_tasks_belong_to_the_state(
    store: SqlStore, make_job: Make
) -> None:
    job_id = await add(store, make_job())
    await happen(store, job_id, *ready())
    async with store.begin() as tx:
        old = await tx.jobs.state(job_id)
        assert old is not None
        changes = step(old, ended(GUEST_SEAT), NOW)
        await tx.jobs.apply(old, changes)
        await tx.tracking.add_outputs([output_of(job_id)], None, NOW)
    state = await load(store, job_id)
    assert state == changes.state
    assert state.outputs["reader", GUEST_SEAT] == {"data": TableName(namespace="out", name="guest")}


async def test_nothing_of_a_broken_transaction_is_kept(store: SqlStore, make_job: Make) -> None:
    job_id = await add(store, make_job())
    before = await load(store, job_id)
    with pytest.raises(ZeroDivisionError):
        async with store.begin() as tx:
            old = await tx.jobs.state(job_id)
            assert old is not None
            assert await tx.parties.take_report("9999", 1)
            await tx.jobs.apply(old, step(old, AgentLost("9999"), NOW))
            raise ZeroDivisionError
    assert await load(store, job_id) == before
    async with store.begin() as tx:
        assert await tx.jobs.state(job_id) == before
        assert await tx.parties.take_report("9999", 1)


async def test_a_change_of_an_old_state_is_refused(store: SqlStore, make_job: Make) -> None:
    job_id = await add(store, make_job())
    other = SqlStore(store._engine)
    async with other.begin() as tx:
        old = await tx.jobs.state(job_id)
    await happen(store, job_id, ready()[0])
    assert old is not None
    with pytest.raises(StaleState):
        async with other.begin() as tx:
            held = await tx.jobs.state(job_id)
            assert held is not None
            await tx.jobs.apply(held, step(held, AgentLost("9999"), NOW))
    await happen(other, job_id, AgentLost("9999"))


async def test_a_status_moves_only_along_its_table(store: SqlStore, make_job: Make) -> None:
    job_id = await add(store, make_job())
    await happen(store, job_id, StopAsked(Status.FAILED, Reason(code="s", message="s")))
    async with store.begin() as tx:
        old = await tx.jobs.state(job_id)
        assert old is not None
        wrong = replace(old, job=replace(old.job, status=Status.RUNNING))
        with pytest.raises(IllegalTransition):
            await tx.jobs.apply(old, Changes(wrong))


async def test_two_writers_wait_for_each_other(store: SqlStore, make_job: Make) -> None:
    first = make_job()
    job_id = await add(store, first)

    async def note(number: int) -> None:
        async with store.begin() as tx:
            assert await tx.parties.take_report("9999", number)
            old = await tx.jobs.state(job_id)
            assert old is not None
            job = replace(old.job, progress=old.job.progress + 1)
            await tx.jobs.apply(old, Changes(replace(old, job=job)))

    await asyncio.gather(*(note(number) for number in range(1, 11)))
    assert (await load(store, job_id)).job.progress == 10


async def test_jobs_are_found_by_what_they_are(store: SqlStore, make_job: Make) -> None:
    ids = [f"2026010100000000000{n}" for n in range(4)]
    for job_id in ids:
        await add(store, make_job(job_id))
    await happen(store, ids[0], StopAsked(Status.CANCELED, Reason(code="s", message="s")))
    async with store.begin() as tx:
        assert await tx.jobs.describe(ids[1], "100% of it", NOW)
        assert not await tx.jobs.describe("none", "", NOW)
    async with store.read() as view:

        async def found(**wanted: object) -> list[int]:
            jobs = await view.jobs.search(JobFilter(**wanted))  # type: ignore[arg-type]
            assert len(jobs) == await view.jobs.count(JobFilter(**wanted))  # type: ignore[arg-type]
            return [ids.index(job.job_id) for job in jobs]

        assert await found() == [3, 2, 1, 0]
        assert await found(status=(Status.CANCELED,)) == [0]
        assert await found(role=HOST) == [3, 2, 1, 0]
        assert await found(role=HOST, party_id="9999") == []
        assert await found(partner="10000", initiator=GUEST_SEAT) == [3, 2, 1, 0]
        assert await found(description_has="0% o") == [1]
        assert await found(description_has="0_o") == []
        assert await found(job_id_has="0002") == [2]
        assert await found(model_id="m", model_version=ids[3]) == [3]
        page = await view.jobs.search(JobFilter(), limit=2, offset=1, newest_first=False)
        assert [job.job_id for job in page] == ids[1:3]
        assert await view.jobs.unfinished("10000") == ids[1:]
        assert await view.jobs.unfinished("7") == []


async def test_loaded_models_are_left_out_where_jobs_that_end_are_asked_for(
    store: SqlStore, make_job: Make
) -> None:
    job_id = await add(store, make_job("20260101000000000000"))
    serving = make_job("20260101000000000001")
    await add(
        store,
        replace(
            serving, state=replace(serving.state, job=replace(serving.state.job, kind="serve"))
        ),
    )
    async with store.read() as view:
        assert len(await view.jobs.search(JobFilter())) == 2
        assert [job.job_id for job in await view.jobs.search(JobFilter(ends=True))] == [job_id]
        assert {task.job_id for task in await view.jobs.tasks(TaskFilter(ends=True))} == {job_id}
        assert len({task.job_id for task in await view.jobs.tasks(TaskFilter())}) == 2


async def test_what_is_due_is_found_by_its_time(store: SqlStore, make_job: Make) -> None:
    job_id = await add(store, make_job())
    due_ms = (await load(store, job_id)).deadline_ms
    async with store.read() as view:
        assert await view.jobs.next_due() == due_ms
        assert await view.jobs.due(due_ms - 1) == []
        assert await view.jobs.due(due_ms) == [job_id]
    await happen(store, job_id, StopAsked(Status.CANCELED, Reason(code="s", message="s")))
    async with store.read() as view:
        assert await view.jobs.next_due() is None
        assert await view.jobs.due(due_ms) == []


async def test_tasks_are_found_in_the_order_of_the_plan(store: SqlStore, make_job: Make) -> None:
    job_id = await add(store, make_job())
    await happen(store, job_id, *ready(), ended(HOST_SEAT, Status.FAILED))
    async with store.read() as view:

        async def found(**wanted: object) -> list[tuple[str, int, str]]:
            tasks = await view.jobs.tasks(TaskFilter(**wanted))  # type: ignore[arg-type]
            return [(task.component, task.version, task.role) for task in tasks]

        assert await found(job_id=job_id) == [
            ("reader", 0, "guest"),
            ("reader", 1, "guest"),
            ("reader", 0, "host"),
            ("reader", 1, "host"),
            ("user", 0, "guest"),
            ("user", 0, "host"),
        ]
        assert await found(latest=True, component="reader", role=HOST) == [("reader", 1, "host")]
        assert await found(party_status=(Status.FAILED,)) == [("reader", 0, "host")]
        assert await found(status=(Status.FAILED,), role=GUEST) == [("reader", 0, "guest")]


async def test_a_job_that_was_refused_can_be_asked_for(store: SqlStore, make_job: Make) -> None:
    why = Reason(code="party_not_joined", message="party 10000 has not joined")
    job = replace(make_job().state.job, status=Status.FAILED, reason=why, ended_ms=NOW)
    async with store.begin() as tx:
        await tx.jobs.add_refused(job)
    async with store.read() as view:
        assert await view.jobs.find(JOB) == job
        assert await view.jobs.state(JOB) is None


async def test_a_reader_sees_one_moment_while_others_write(store: SqlStore, make_job: Make) -> None:
    job_id = await add(store, make_job())
    async with store.read() as view:
        before = await view.jobs.find(job_id)
        await happen(store, job_id, *ready())
        assert await view.jobs.find(job_id) == before
        assert {task.ordered for task in await view.jobs.tasks(TaskFilter())} == {False}


async def test_facts_of_any_kind_can_be_kept(store: SqlStore, make_job: Make) -> None:
    job_id = await add(store, make_job())
    facts = {"bytes": b"\xff", "huge": 2**80, "nested": [{"nan": float("nan")}]}
    why = Reason(code="odd", message="käse \0 \ud800", facts=facts)
    state = await happen(store, job_id, StopAsked(Status.FAILED, why))
    assert state.job.reason is not None
    assert state.job.reason.message == why.message
    assert state.job.reason.facts["huge"] == 2**80


async def test_those_who_wait_for_a_job_hear_of_it(store: SqlStore, make_job: Make) -> None:
    job_id = await add(store, make_job())
    seen = await store.await_event(job_id, 0, 5)
    assert seen > 0
    waiting = asyncio.ensure_future(store.await_event(job_id, seen, 5))
    any_job = asyncio.ensure_future(store.await_event("", seen, 5))
    await asyncio.sleep(0)
    await happen(store, job_id, *ready())
    assert await waiting > seen
    assert await any_job > seen
    async with store.read() as view:
        kinds = [event.kind for event in await view.jobs.events(job_id, seen)]
    assert "job" in kinds
    last = await store.await_event(job_id, 0, 0)
    assert await store.await_event(job_id, last, 0.01) == last


# --- orders and reports --------------------------------------------------------------------------


async def test_orders_wait_in_order_until_their_agent_has_them(
    store: SqlStore, make_job: Make
) -> None:
    job_id = await add(store, make_job())
    await happen(store, job_id, *ready())
    async with store.read() as view:
        assert set(await view.outbox.parties()) == {"9999", "10000"}
        pending = await view.outbox.pending("9999")
    orders = [ORDER.validate_python(decode(order.body)) for order in pending]
    assert [order.kind for order in orders] == ["prepare_job", "open_session", "run_task"]
    assert isinstance(orders[0], PrepareJob)
    assert orders[0].roles == {GUEST: ("9999",), HOST: ("10000",)}
    assert isinstance(orders[2], RunTask)
    assert orders[2].task.params == {"alpha": 0.01, "names": ["x", None]}
    async with store.begin() as tx:
        assert await tx.outbox.ack("9999", pending[0].order_id, NOW)
        assert not await tx.outbox.ack("9999", pending[0].order_id, NOW)
        assert not await tx.outbox.ack("10000", "none", NOW)
        assert await tx.outbox.pending("9999") == pending[1:]
        assert await tx.outbox.pending("9999", pending[1].seq) == pending[2:]
        assert await tx.outbox.job_of("9999", pending[0].order_id) == job_id
        assert await tx.outbox.job_of("9999", "none") is None
        assert await tx.outbox.purge(NOW) == 0
        assert await tx.outbox.purge(NOW + 1) == 1


async def test_the_same_order_is_not_kept_twice(store: SqlStore) -> None:
    order = DropTable(table=TableName(namespace="n", name="t"))
    for _ in range(2):
        async with store.begin() as tx:
            await tx.outbox.add([Outgoing("9999", "drop/1", order)], NOW)
    async with store.read() as view:
        assert len(await view.outbox.pending("9999")) == 1
        assert await view.outbox.job_of("9999", "drop/1") == ""


async def test_an_ended_job_withdraws_orders_that_nobody_has(
    store: SqlStore, make_job: Make
) -> None:
    job_id = await add(store, make_job())
    await happen(store, job_id, *ready())
    await happen(store, job_id, StopAsked(Status.CANCELED, Reason(code="s", message="s")))
    async with store.read() as view:
        pending = await view.outbox.pending("9999")
    kinds = [ORDER.validate_python(decode(order.body)).kind for order in pending]
    assert kinds == ["cancel_tasks", "close_job"]


async def test_a_report_is_taken_in_once_and_old_ones_never(store: SqlStore) -> None:
    async with store.begin() as tx:
        assert await tx.parties.take_report("9999", 3)
        assert not await tx.parties.take_report("9999", 3)
        assert not await tx.parties.take_report("9999", 2)
        assert await tx.parties.take_report("10000", 1)
        assert not await tx.parties.take_report("nobody", 1)
    async with store.read() as view:
        assert await view.parties.last_report("9999") == 3
        assert await view.parties.last_report("nobody") == 0


# --- what jobs make ------------------------------------------------------------------------------


def output_of(job_id: str, name: str = "guest", kind: str = "data") -> OutputTable:
    return OutputTable(
        job_id=job_id,
        component="reader",
        task_id=f"{job_id}_reader",
        version=0,
        role=GUEST,
        party_id="9999",
        output="data" if kind == "data" else "cache",
        namespace="out",
        name=name,
        rows=3,
        header=("id", "x"),
        schema={"id_name": "id"},
        kind=kind,
    )


async def the_task(store: SqlStore, make_job: Make) -> Task:
    job_id = await add(store, make_job())
    return (await load(store, job_id)).tasks["reader", GUEST_SEAT]


async def test_points_of_a_metric_join_in_the_order_they_came(
    store: SqlStore, make_job: Make
) -> None:
    task = await the_task(store, make_job)

    def loss(*data: tuple[object, object], **meta: object) -> Metric:
        return Metric(namespace="train", name="loss", metric_type="LOSS", data=data, meta=meta)

    async with store.begin() as tx:
        await tx.tracking.add_metrics(task, [loss((0, 0.7), unit="iters", n=1)], NOW)
        await tx.tracking.add_metrics(task, [loss((1, 0.5), ("a\0", float("inf")), n=2)], NOW)
        await tx.tracking.add_metrics(task, [], NOW)
        await tx.tracking.add_metrics(replace(task, version=1), [loss((9, 9))], NOW)
    async with store.read() as view:
        [found] = await view.tracking.metrics(task)
    assert found.data == ((0, 0.7), (1, 0.5), ("a\0", float("inf")))
    assert (found.metric_type, dict(found.meta)) == ("LOSS", {"unit": "iters", "n": 2})


async def test_a_summary_and_outputs_can_be_kept_again(store: SqlStore, make_job: Make) -> None:
    task = await the_task(store, make_job)
    model = OutputModel(JOB, "reader", GUEST, "9999", "m", JOB, "model", "abc", 10)
    for size in (1, 2):
        async with store.begin() as tx:
            await tx.tracking.set_summary(task, {"size": size})
            made = [output_of(JOB), output_of(JOB, kind="cache")]
            await tx.tracking.add_outputs(made, replace(model, size_bytes=size), NOW)
    async with store.read() as view:
        assert await view.tracking.summary(task) == {"size": 2}
        assert await view.tracking.summary(replace(task, version=1)) is None
        assert [t.kind for t in await view.tracking.outputs(task)] == ["data", "cache"]
        assert await view.tracking.models("m", JOB) == [replace(model, size_bytes=2)]
        [table] = await view.tables.search("out")
        assert (table.rows, table.header, table.job_id) == (3, ("id", "x"), JOB)


async def test_tables_are_found_and_forgotten_by_name(store: SqlStore) -> None:
    async with store.begin() as tx:
        await tx.tracking.add_outputs([output_of("1", "a")], None, NOW)
        await tx.tracking.add_outputs([output_of("1", "b")], None, NOW + 1)
    async with store.read() as view:
        assert [t.name for t in await view.tables.search()] == ["b", "a"]
        assert [t.name for t in await view.tables.search(name="a", party_id="9999")] == ["a"]
        assert await view.tables.search(job_id="2") == []
    async with store.begin() as tx:
        assert await tx.tables.delete("out", "a") == 1
        assert await tx.tables.delete("out", "a") == 0
        assert await tx.tables.delete("out", "b", "10000") == 0


# --- parties -------------------------------------------------------------------------------------


async def test_a_party_that_joins_anew_starts_its_reports_anew(store: SqlStore) -> None:
    async with store.begin() as tx:
        await tx.parties.take_report("9999", 5)
        await tx.parties.add(PartyRecord("9999", b"new key", NOW + 1))
    async with store.read() as view:
        assert await view.parties.find("9999") == PartyRecord("9999", b"new key", NOW + 1)
        assert await view.parties.last_report("9999") == 0
        assert await view.parties.find("7") is None
        assert [party.party_id for party in await view.parties.all()] == ["10000", "9999"]


async def test_a_new_agent_process_is_told_from_the_old_one(store: SqlStore) -> None:
    async with store.begin() as tx:
        assert await tx.parties.set_boot("9999", "a") == ""
        assert await tx.parties.set_boot("9999", "a") == "a"
        assert await tx.parties.set_boot("9999", "b") == "a"


async def test_an_invite_is_used_once_and_its_secret_wiped(store: SqlStore) -> None:
    invite = Invite("CODE", "9999", b"secret", NOW, NOW + 1)
    used = replace(invite, used_ms=NOW, public_key=b"key", proof="p", answer_proof="a")
    async with store.begin() as tx:
        await tx.parties.add_invite(invite)
        assert await tx.parties.invite("CODE") == invite
        assert await tx.parties.use_invite(used)
        assert not await tx.parties.use_invite(used)
        assert await tx.parties.invite("CODE") == replace(used, secret=b"")
        assert await tx.parties.invite("NONE") is None


async def test_catalogues_are_kept_by_digest_and_known_by_party(store: SqlStore) -> None:
    reader = ModuleDecl(
        "Reader", "ReaderParam", frozenset({GUEST}), params_schema={"type": "object"}
    )
    async with store.begin() as tx:
        assert not await tx.parties.has_catalogue("d")
        for _ in range(2):
            await tx.parties.set_catalogue("d", [reader])
        await tx.parties.use_catalogue("9999", "d")
    async with store.read() as view:
        assert await view.parties.has_catalogue("d")
        assert await view.parties.catalogues() == {"9999": (reader,)}


async def test_a_setting_is_put_once(store: SqlStore) -> None:
    async with store.begin() as tx:
        assert await tx.settings.get("identity") is None
        assert await tx.settings.put_once("identity", b"\0first") == b"\0first"
        assert await tx.settings.put_once("identity", b"second") == b"\0first"
