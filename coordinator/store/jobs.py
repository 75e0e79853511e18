"""Jobs and their tasks. A job's state is kept as the difference that a step made.

Every change names what it was made from: the job's revision and each task's status stand in the
WHERE of their UPDATE. Unfinished jobs are also held in memory, so that a report costs no reading;
should another process have changed a job, its revision does not fit, the memory is thrown away and
`StaleState` says to try again.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from coordinator.domain.records import Job, JobEvent, JobFilter, Task, TaskFilter
from coordinator.domain.state import Changes, JobPlan, JobState, Outgoing, SeatKey
from coordinator.domain.step import next_due
from coordinator.store import rows
from coordinator.store.fields import record_of, values_of
from coordinator.store.outbox import SqlOutbox
from coordinator.store.plans import plan_from_json, plan_to_json
from coordinator.store.schema import events, jobs, members, outputs, seats, tasks
from coordinator.store.transaction import Transaction, insert_all
from federation.errors import StaleState
from federation.spec.orders import TableName
from federation.spec.party import Party, Role
from federation.spec.status import DONE_WELL, ENDED, JOB, TASK, Status, check_change

_OPEN = [status.value for status in Status if status not in ENDED]
_SEATS_PER_COMPONENT = 10_000
_ENDLESS = "serve"

_select_jobs = sa.select(*(column for column in jobs.c if column.name != "plan"))
_move_job = sa.update(jobs).where(
    jobs.c.job_id == sa.bindparam("this_job"),
    jobs.c.revision == sa.bindparam("old_revision"),
    jobs.c.status == sa.bindparam("old_status"),
)
_move_task = sa.update(tasks).where(
    tasks.c.job_id == sa.bindparam("this_job"),
    tasks.c.component == sa.bindparam("this_component"),
    tasks.c.version == sa.bindparam("this_version"),
    tasks.c.role == sa.bindparam("this_role"),
    tasks.c.party_id == sa.bindparam("this_party"),
    tasks.c.party_status == sa.bindparam("old_status"),
)
_move_member = sa.update(members).where(
    members.c.job_id == sa.bindparam("this_job"), members.c.party_id == sa.bindparam("this_party")
)


class SqlJobs:
    """Jobs within one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._tx = transaction

    # --- keeping ---------------------------------------------------------------------------------

    async def add(self, state: JobState, orders: Sequence[Outgoing]) -> None:
        """Keep a new job with its tasks and first orders."""
        await self._insert(
            state.job,
            plan=plan_to_json(state.plan),
            deadline_ms=state.deadline_ms,
            due_ms=next_due(state),
        )
        values = [rows.member_values(state.job.job_id, m) for m in state.members.values()]
        await insert_all(self._tx, members, values)
        await self._insert_tasks(state, state.tasks.values())
        await SqlOutbox(self._tx).add(orders, state.job.created_ms)
        await self._tell(state.job, [("job", {"status": state.job.status.value})])
        self._tx.hold(state.job.job_id, (0, state))

    async def add_refused(self, job: Job) -> None:
        """Keep a job that ended before it had any task."""
        await self._insert(job, plan=None, deadline_ms=None, due_ms=None)
        await self._tell(job, [("job", {"status": job.status.value})])

    async def apply(self, old: JobState, changes: Changes) -> None:
        """Keep what a step changed, each status by compare-and-set, and its orders."""
        new, job_id = changes.state, old.job.job_id
        held = self._tx.held(job_id)
        if held is None or held[1] is not old:
            raise StaleState(f"job {job_id}")
        revision = held[0]
        await self._move_job(old, new, revision)
        if new.tasks != old.tasks:
            await self._move_tasks(old, changes)
        await self._move_members(old, new)
        outbox = SqlOutbox(self._tx)
        if changes.withdraw:
            await outbox.withdraw(job_id)
        if changes.orders:
            await outbox.add(changes.orders, new.job.updated_ms)
        await self._tell(new.job, [(h.kind, dict(h.facts)) for h in changes.happened])
        self._tx.hold(job_id, (revision + 1, new))

    async def revise(
        self, old: JobState, conf: Mapping[str, Any], plan: JobPlan, now_ms: int
    ) -> None:
        """Give an ended job another conf, and the plan that follows from it."""
        job_id = old.job.job_id
        held = self._tx.held(job_id)
        if held is None or held[1] is not old:
            raise StaleState(f"job {job_id}")
        self._tx.forget(job_id)
        result = await self._tx.run(
            sa.update(jobs)
            .where(jobs.c.job_id == job_id, jobs.c.revision == held[0])
            .values(
                conf=dict(conf),
                plan=plan_to_json(plan),
                updated_ms=now_ms,
                revision=jobs.c.revision + 1,
            )
        )
        if result.rowcount != 1:
            raise StaleState(f"job {job_id}")

    async def describe(self, job_id: str, notes: str, now_ms: int) -> bool:
        """Set the description; whether the job exists."""
        self._tx.forget(job_id)
        result = await self._tx.run(
            sa.update(jobs)
            .where(jobs.c.job_id == job_id)
            .values(description=notes, updated_ms=now_ms, revision=jobs.c.revision + 1)
        )
        return bool(result.rowcount)

    async def _insert(self, job: Job, **values: Any) -> None:
        await self._tx.run(sa.insert(jobs), rows.job_values(job) | {"revision": 0} | values)
        taken = [
            {"job_id": job.job_id, "role": seat.role.value, "party_id": seat.party_id}
            for seat in job.seats
        ]
        await insert_all(self._tx, seats, taken)

    async def _insert_tasks(self, state: JobState, new: Iterable[Task]) -> None:
        places = {
            (task.component, seat.seat): number * _SEATS_PER_COMPONENT + index
            for number, task in enumerate(state.plan.tasks)
            for index, seat in enumerate(task.seats)
        }
        values = [
            values_of(task) | {"latest": True, "place": places[task.component, task.seat]}
            for task in new
        ]
        await insert_all(self._tx, tasks, values)

    async def _move_job(self, old: JobState, new: JobState, revision: int) -> None:
        if new.job.status is not old.job.status:
            check_change(JOB, old.job.status, new.job.status)
        result = await self._tx.run(
            _move_job,
            rows.moving_job_values(new.job)
            | {
                "this_job": old.job.job_id,
                "old_revision": revision,
                "old_status": old.job.status.value,
                "revision": revision + 1,
                "deadline_ms": new.deadline_ms,
                "retry_at_ms": new.retry_at_ms,
                "due_ms": next_due(new),
            },
        )
        if result.rowcount != 1:
            raise StaleState(f"job {old.job.job_id}")

    async def _move_tasks(self, old: JobState, changes: Changes) -> None:
        moves = [_task_move(old.tasks[t.component, t.seat], t, latest=False) for t in changes.past]
        fresh = []
        for key, task in changes.state.tasks.items():
            before = old.tasks[key]
            if task.version != before.version:
                fresh.append(task)
            elif task is not before and task != before:
                moves.append(_task_move(before, task, latest=True))
        if moves:
            result = await self._tx.run(_move_task, moves)
            if result.rowcount != len(moves):
                raise StaleState(f"a task of job {old.job.job_id}")
        await self._insert_tasks(changes.state, fresh)

    async def _move_members(self, old: JobState, new: JobState) -> None:
        moves = [
            rows.member_values(old.job.job_id, member)
            | {"this_job": old.job.job_id, "this_party": party_id}
            for party_id, member in new.members.items()
            if member != old.members[party_id]
        ]
        if moves:
            await self._tx.run(_move_member, moves)

    async def _tell(self, job: Job, happened: list[tuple[str, dict[str, Any]]]) -> None:
        values = [
            {"job_id": job.job_id, "time_ms": job.updated_ms, "kind": kind, "facts": facts}
            for kind, facts in happened
        ]
        await insert_all(self._tx, events, values)
        self._tx.ring(job.job_id)

    # --- looking ---------------------------------------------------------------------------------

    async def find(self, job_id: str) -> Job | None:
        """The job, if there is one."""
        row = (await self._tx.run(_select_jobs.where(jobs.c.job_id == job_id))).first()
        return rows.job_of(row) if row else None

    async def search(
        self, wanted: JobFilter, *, limit: int = 0, offset: int = 0, newest_first: bool = True
    ) -> list[Job]:
        """Jobs, by creation; `limit` 0 means all."""
        order = jobs.c.job_id.desc() if newest_first else jobs.c.job_id.asc()
        query = _select_jobs.where(*_job_conditions(wanted)).order_by(order).offset(offset)
        found = await self._tx.run(query.limit(limit) if limit > 0 else query)
        return [rows.job_of(row) for row in found]

    async def count(self, wanted: JobFilter) -> int:
        """How many jobs `search` would find."""
        query = sa.select(sa.func.count()).select_from(jobs).where(*_job_conditions(wanted))
        return int((await self._tx.run(query)).scalar_one())

    async def tasks(self, wanted: TaskFilter) -> list[Task]:
        """Tasks in the order of jobs, components, versions, roles and parties."""
        query = (
            sa.select(tasks)
            .where(*_task_conditions(wanted))
            .order_by(tasks.c.job_id, tasks.c.place, tasks.c.version)
        )
        return [record_of(Task, row) for row in await self._tx.run(query)]

    async def state(self, job_id: str) -> JobState | None:
        """The whole state of a job."""
        held = self._tx.held(job_id)
        if held is not None:
            return held[1]
        row = (await self._tx.run(sa.select(jobs).where(jobs.c.job_id == job_id))).first()
        if row is None or row.plan is None:
            return None
        job = rows.job_of(row)
        found = await self._tx.run(sa.select(members).where(members.c.job_id == job_id))
        by_party = {member.party_id: rows.member_of(member) for member in found}
        state = JobState(
            job=job,
            plan=plan_from_json(row.plan),
            members={party_id: by_party[party_id] for party_id in job.party_ids},
            tasks={
                (task.component, task.seat): task
                for task in await self.tasks(TaskFilter(job_id=job_id, latest=True))
            },
            deadline_ms=row.deadline_ms,
            outputs=await self._outputs(job_id),
            retry_at_ms=row.retry_at_ms,
        )
        self._tx.hold(job_id, (row.revision, state))
        return state

    async def _outputs(self, job_id: str) -> dict[SeatKey, dict[str, TableName]]:
        same = (name for name in ("job_id", "component", "version", "role", "party_id"))
        query = (
            sa.select(outputs)
            .join(tasks, sa.and_(*(tasks.c[name] == outputs.c[name] for name in same)))
            .where(
                outputs.c.job_id == job_id,
                tasks.c.latest,
                tasks.c.party_status.in_([status.value for status in DONE_WELL]),
            )
        )
        made: dict[SeatKey, dict[str, TableName]] = {}
        for row in await self._tx.run(query):
            key = (row.component, Party(Role(row.role), row.party_id))
            table = TableName(namespace=row.namespace, name=row.name)
            made.setdefault(key, {})[row.output] = table
        return made

    async def unfinished(self, party_id: str | None = None) -> list[str]:
        """Ids of jobs that have not ended (of this party), oldest first."""
        return await self._ids(*([] if party_id is None else [_has_seat(party_id=party_id)]))

    async def due(self, now_ms: int) -> list[str]:
        """Ids of unfinished jobs with something due at or before `now_ms`."""
        return await self._ids(jobs.c.due_ms <= now_ms)

    async def next_due(self) -> int | None:
        """When the next job has something due."""
        query = sa.select(sa.func.min(jobs.c.due_ms)).where(jobs.c.status.in_(_OPEN))
        found = (await self._tx.run(query)).scalar()
        return None if found is None else int(found)

    async def _ids(self, *conditions: sa.ColumnElement[bool]) -> list[str]:
        query = sa.select(jobs.c.job_id).where(jobs.c.status.in_(_OPEN), *conditions)
        return list((await self._tx.run(query.order_by(jobs.c.job_id))).scalars())

    async def events(self, job_id: str, after_seq: int = 0) -> list[JobEvent]:
        """What happened to the job after `after_seq`."""
        query = sa.select(events).where(events.c.job_id == job_id, events.c.seq > after_seq)
        found = await self._tx.run(query.order_by(events.c.seq))
        return [JobEvent(r.seq, r.job_id, r.time_ms, r.kind, r.facts) for r in found]


def _task_move(before: Task, after: Task, *, latest: bool) -> dict[str, Any]:
    if after.party_status is not before.party_status:
        check_change(TASK, before.party_status, after.party_status)
    return values_of(after) | {
        "latest": latest,
        "this_job": before.job_id,
        "this_component": before.component,
        "this_version": before.version,
        "this_role": before.role.value,
        "this_party": before.party_id,
        "old_status": before.party_status.value,
    }


def _has_seat(**wanted: str) -> sa.ColumnElement[bool]:
    same = [seats.c[name] == value for name, value in wanted.items()]
    return sa.exists().where(seats.c.job_id == jobs.c.job_id, *same)


def _job_conditions(wanted: JobFilter) -> list[sa.ColumnElement[bool]]:
    columns = {name: getattr(wanted, name) for name in ("job_id", "kind")}
    columns |= {name: getattr(wanted, name) for name in ("model_id", "model_version")}
    conditions = [jobs.c[name] == value for name, value in columns.items() if value is not None]
    if wanted.status is not None:
        conditions.append(jobs.c.status.in_([status.value for status in wanted.status]))
    seat = {"role": wanted.role and wanted.role.value, "party_id": wanted.party_id}
    if given := {name: value for name, value in seat.items() if value is not None}:
        conditions.append(_has_seat(**given))
    if wanted.partner is not None:
        conditions.append(_has_seat(party_id=wanted.partner))
    if wanted.initiator is not None:
        conditions.append(jobs.c.initiator_role == wanted.initiator.role.value)
        conditions.append(jobs.c.initiator_party_id == wanted.initiator.party_id)
    if wanted.description_has is not None:
        conditions.append(jobs.c.description.contains(wanted.description_has, autoescape=True))
    if wanted.job_id_has is not None:
        conditions.append(jobs.c.job_id.contains(wanted.job_id_has, autoescape=True))
    if wanted.ends:
        conditions.append(jobs.c.kind != _ENDLESS)
    return conditions


def _task_conditions(wanted: TaskFilter) -> list[sa.ColumnElement[bool]]:
    names = ("job_id", "component", "task_id", "version", "role", "party_id")
    given = {name: getattr(wanted, name) for name in names}
    conditions = [tasks.c[name] == value for name, value in given.items() if value is not None]
    if wanted.status is not None:
        conditions.append(tasks.c.status.in_([status.value for status in wanted.status]))
    if wanted.party_status is not None:
        statuses = [status.value for status in wanted.party_status]
        conditions.append(tasks.c.party_status.in_(statuses))
    if wanted.latest:
        conditions.append(tasks.c.latest)
    if wanted.ends:
        endless = sa.select(jobs.c.job_id).where(jobs.c.kind == _ENDLESS)
        conditions.append(tasks.c.job_id.not_in(endless))
    return conditions
