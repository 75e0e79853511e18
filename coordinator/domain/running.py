"""What a job does of itself: order what can run, try again, end, ask its parties anew.

Each function changes a draft; the order of calls within one step does not matter to parties, since
a step's orders are kept all together or not at all.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from coordinator.domain.binding import brief_of, run_task
from coordinator.domain.draft import Draft
from coordinator.domain.events import RerunAsked
from coordinator.domain.records import Task
from coordinator.domain.state import JobPlan, Member, Stage
from federation.spec.orders import CancelTasks, CloseJob, OpenSession, PrepareJob, Reason, TaskBrief
from federation.spec.status import DONE_WELL, ENDED, Status

LONGEST_WAIT_MS = 21_600_000
"""How long a job may wait for its parties and for cores (FATE's resource_waiting_timeout)."""


def advance(draft: Draft) -> None:
    """Order what can run now; end the job when all has succeeded."""
    if all(task.party_status in DONE_WELL for task in draft.tasks.values()):
        end(draft, Status.SUCCESS, None)
        return
    if draft.retry_at_ms is not None:
        return
    stages = {member.stage for member in draft.members.values()}
    if Stage.IDLE in stages:
        # An agent lost its keys with its process; what still runs elsewhere may end first.
        if not draft.active():
            new_epoch(draft)
            ask_all(draft)
        return
    if not stages <= {Stage.READY, Stage.OPENED}:
        return
    running = {task.component for task in draft.active()}
    for planned in draft.plan.tasks:
        if len(running) >= draft.plan.parallelism:
            return
        tasks = draft.of_component(planned.component)
        if not tasks or any(t.ordered or t.party_status in ENDED for t in tasks):
            continue
        if not all(draft.done_well(name) for name in planned.depends):
            continue
        running.add(planned.component)
        for task in tasks:
            ordered = replace(task, ordered=True, updated_ms=draft.now_ms)
            draft.tasks[task.component, task.seat] = ordered
            order_id = f"{task.task_id}/{task.version}/{task.role}/run"
            draft.order(task.party_id, order_id, run_task(draft, planned, task))


def task_failed(
    draft: Draft, task: Task, status: Status, reason: Reason, facts: Mapping[str, Any]
) -> None:
    """An attempt did not end well: try again, or end the job."""
    draft.move_task(task, status, reason=reason, **facts)
    where = {"party_id": task.party_id, "role": task.role.value, "component": task.component}
    full = reason.model_copy(update={"facts": {**reason.facts, **where}})
    if task.auto_retries_left > 0:
        _retry(draft, task, full)
    else:
        end(draft, status, full)


def admit(draft: Draft) -> None:
    """Start a job that has been in the line."""
    draft.deadline_ms = draft.now_ms + draft.plan.timeout_ms
    draft.move_job(Status.RUNNING, started_ms=draft.now_ms)
    open_epoch(draft)


def open_epoch(draft: Draft) -> None:
    """All parties are ready: have them agree on keys, and order what can run."""
    if len(draft.members) > 1:
        offers = {member.party_id: member.offer for member in draft.members.values()}
        opening = OpenSession(job_id=draft.job.job_id, epoch=draft.job.epoch, offers=offers)
        for member_id in draft.members:
            draft.order(member_id, epoch_order(draft, "open"), opening)
    advance(draft)


def _retry(draft: Draft, failed: Task, reason: Reason) -> None:
    """End the epoch: all that runs becomes a new attempt, to be asked for after the delay."""
    lost = {failed.component, *(task.component for task in draft.active())}
    # Also where it failed: what the coordinator gave up may still run there.
    why = f"{failed.component} is tried again"
    _cancel_active(draft, Status.CANCELED, why, (failed.party_id,))
    draft.renew(
        [task.component for task in draft.plan.tasks if task.component in lost],
        {failed.component: failed.auto_retries_left - 1},
    )
    draft.tell("retry", component=failed.component, reason=reason.message)
    new_epoch(draft)
    draft.retry_at_ms = draft.now_ms + draft.plan.retry_delay_ms


def _cancel_active(draft: Draft, status: Status, why: str, also_at: tuple[str, ...] = ()) -> None:
    active = draft.active()
    draft.withdraw_orders()
    for party_id in dict.fromkeys([*(task.party_id for task in active), *also_at]):
        order = CancelTasks(job_id=draft.job.job_id, status=status, reason=why)
        draft.order(party_id, epoch_order(draft, "cancel"), order)
    reason = Reason(code=status.value, message=why)
    for task in active:
        draft.move_task(task, status, reason=reason, ended_ms=draft.now_ms)


def end(draft: Draft, status: Status, reason: Reason | None) -> None:
    """End the job: nothing of it runs any more, and nothing of it will."""
    if any(task.party_status not in ENDED for task in draft.tasks.values()):
        stopped = status if status is Status.TIMEOUT else Status.CANCELED
        why = reason.message if reason else "the job ended"
        _cancel_active(draft, stopped, why)
        for task in list(draft.tasks.values()):
            if task.party_status not in ENDED:
                draft.move_task(task, stopped, ended_ms=draft.now_ms)
    for party_id in draft.members:
        draft.order(party_id, epoch_order(draft, "close"), CloseJob(job_id=draft.job.job_id))
        draft.set_member(party_id, letters={}, offer=b"", doubt_ms=None)
    draft.retry_at_ms = None
    draft.move_job(status, reason=reason, ended_ms=draft.now_ms)


# --- epochs --------------------------------------------------------------------------------------


def new_epoch(draft: Draft) -> None:
    """Let go of keys and answers of the present epoch."""
    draft.job = replace(draft.job, epoch=draft.job.epoch + 1)
    for party_id, member in draft.members.items():
        draft.members[party_id] = Member(party_id, member.key, away=member.away)


def ask_all(draft: Draft) -> None:
    """Ask every party to take part in the present epoch."""
    job, plan = draft.job, draft.plan
    keys = {member.party_id: member.key for member in draft.members.values()}
    for party_id in draft.members:
        draft.set_member(party_id, stage=Stage.ASKED)
        order = PrepareJob(
            job_id=job.job_id,
            epoch=job.epoch,
            digest=plan.digest,
            initiator_role=job.initiator.role,
            initiator_party_id=job.initiator.party_id,
            roles=dict(job.roles),
            keys=keys,
            tasks=_briefs(plan, party_id),
            cores=plan.cores,
        )
        draft.order(party_id, epoch_order(draft, "prepare"), order)


def _briefs(plan: JobPlan, party_id: str) -> tuple[TaskBrief, ...]:
    return tuple(
        brief_of(task, seat)
        for task in plan.tasks
        for seat in task.seats
        if seat.party_id == party_id
    )


def rerun(draft: Draft, event: RerunAsked) -> None:
    """Put an ended job back to waiting, if there is something to run again."""
    chosen = _to_rerun(draft, event)
    if not chosen:
        return
    retries = dict.fromkeys(chosen, draft.plan.auto_retries)
    draft.renew(chosen, retries)
    new_epoch(draft)
    for party_id in draft.members:
        # Who was away when the job ended may long be back: nobody told an ended job.
        draft.set_member(party_id, away=False)
    draft.deadline_ms = draft.now_ms + LONGEST_WAIT_MS
    draft.move_job(Status.WAITING, reason=None, started_ms=None, ended_ms=None)
    ask_all(draft)


def _to_rerun(draft: Draft, event: RerunAsked) -> list[str]:
    """Components to run again, in order.

    What did not succeed always is, or the job could not succeed; what depends on something that
    runs again, or it would keep results of inputs that are gone; and what made inputs that are
    gone themselves.
    """
    forced = set(event.components or [t.component for t in draft.plan.tasks] if event.force else ())
    while True:
        chosen: dict[str, None] = {}
        for task in draft.plan.tasks:
            again = not draft.done_well(task.component) or task.component in forced
            if task.seats and (again or any(name in chosen for name in task.depends)):
                chosen[task.component] = None
        needed = {name for chose in chosen for name in draft.plan.task(chose).depends}
        gone = (needed & event.lost) - set(chosen)
        if not gone:
            return list(chosen)
        forced |= gone


def epoch_order(draft: Draft, what: str) -> str:
    """The id of an order there is once per party and epoch."""
    return f"{draft.job.job_id}/{draft.job.epoch}/{what}"
