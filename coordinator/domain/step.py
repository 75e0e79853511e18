"""The life of a job: one event in, the next state and orders out. Nothing here waits or reads.

An epoch of a job:

    asked    every party gets PrepareJob and answers JobReady, or refuses and the job ends
    open     OpenSession to all, and at once RunTask for what depends on nothing: an agent holds a
             task until its keys are there, so that sealing and starting overlap
    run      a component runs at all its seats, once all it depends on succeeded at all of theirs
    close    CloseJob to all

A failure ends the job, or, where the component may be tried again, the epoch: what runs is
cancelled, everything that ran becomes a new attempt, and after the delay all parties are asked
anew, because keys of the old epoch may be gone with a process. Reports name their epoch or version;
an old one changes nothing. An order has a name made from job, epoch or attempt, and seat, so the
same order can not be given twice.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from coordinator.domain.binding import brief_of, run_task
from coordinator.domain.draft import Draft
from coordinator.domain.records import Job, Task
from coordinator.domain.state import Changes, JobPlan, JobState, Member, Stage
from coordinator.domain.waiting import waiting_for
from federation.spec.orders import (
    CancelTasks,
    CloseJob,
    JobReady,
    JobRefused,
    OpenSession,
    PrepareJob,
    Reason,
    Report,
    SessionKeys,
    SessionOpened,
    TaskBrief,
    TaskEnded,
    TaskStarted,
)
from federation.spec.party import Party
from federation.spec.status import DONE_WELL, ENDED, Status

DOUBT_MS = 5_000
"""How long an agent that was started anew has to say what became of its tasks."""


@dataclass(frozen=True, slots=True)
class Told:
    """An agent reported."""

    party_id: str
    report: Report


@dataclass(frozen=True, slots=True)
class AgentUp:
    """An agent was linked; `restarted` if it is another process than the one last seen."""

    party_id: str
    restarted: bool = False


@dataclass(frozen=True, slots=True)
class AgentLost:
    """An agent stayed away longer than the grace."""

    party_id: str


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


@dataclass(frozen=True, slots=True)
class StopAsked:
    """Somebody wants the job to end with `status`."""

    status: Status
    reason: Reason


@dataclass(frozen=True, slots=True)
class RerunAsked:
    """Somebody wants an ended job to run again.

    Attributes:
        components: these and what depends on them; empty means all.
        force: also those that succeeded.
    """

    components: tuple[str, ...] = ()
    force: bool = False


Event = Told | AgentUp | AgentLost | Tick | StopAsked | RerunAsked


def begin(job: Job, plan: JobPlan, keys: Mapping[str, bytes], now_ms: int) -> Changes:
    """The first state of a checked job, with the orders that ask its parties.

    Args:
        keys: identity keys of all parties of the job.
    """
    tasks = {
        (task.component, seat.seat): Task(
            job_id=job.job_id,
            component=task.component,
            module=task.module,
            task_id=task.task_id,
            version=0,
            role=seat.role,
            party_id=seat.party_id,
            status=Status.WAITING,
            party_status=Status.WAITING,
            created_ms=now_ms,
            updated_ms=now_ms,
            params=seat.params,
            depends=task.depends,
            auto_retries_left=plan.auto_retries,
        )
        for task in plan.tasks
        for seat in task.seats
    }
    members = {party_id: Member(party_id, keys[party_id]) for party_id in job.party_ids}
    state = JobState(job, plan, members, tasks, deadline_ms=now_ms + plan.timeout_ms)
    draft = Draft(state, now_ms)
    draft.tell("job", status=job.status.value)
    _ask_all(draft)
    return _finished(draft)


def step(state: JobState, event: Event, now_ms: int) -> Changes:
    """What `event` does to a job."""
    draft = Draft(state, now_ms)
    match event:
        case RerunAsked():
            if draft.ended:
                _rerun(draft, event)
        case _ if draft.ended:
            pass
        case Told(party_id=party_id, report=report):
            if party_id in draft.members:
                _hear(draft, party_id, report)
        case AgentUp():
            _agent_up(draft, event)
        case AgentLost(party_id=party_id):
            _agent_lost(draft, party_id)
        case Tick():
            _tick(draft)
        case StopAsked():
            _end(draft, event.status, event.reason)
    return _finished(draft)


def next_due(state: JobState) -> int | None:
    """When a Tick has something to do; None if never."""
    if state.job.status in ENDED:
        return None
    doubts = [m.doubt_ms for m in state.members.values() if m.doubt_ms is not None]
    retry = [] if state.retry_at_ms is None else [state.retry_at_ms]
    return min([state.deadline_ms, *retry, *doubts])


def _finished(draft: Draft) -> Changes:
    draft.job = replace(draft.job, waiting_for=waiting_for(draft))
    return draft.changes()


# --- reports -------------------------------------------------------------------------------------


def _hear(draft: Draft, party_id: str, report: Report) -> None:
    match report:
        case JobReady():
            if _current(draft, party_id, report.epoch, Stage.ASKED):
                _ready(draft, party_id, report)
        case JobRefused():
            if _current(draft, party_id, report.epoch, Stage.ASKED):
                draft.set_member(party_id, stage=Stage.REFUSED)
                _end(draft, Status.FAILED, _refusal(party_id, report))
        case SessionOpened():
            if _current(draft, party_id, report.epoch, Stage.READY):
                draft.set_member(party_id, stage=Stage.OPENED, letters=report.letters)
                _hand_out_keys(draft)
        case TaskStarted():
            task = _attempt(draft, party_id, report)
            if task and task.party_status is Status.WAITING:
                draft.move_task(
                    task, Status.RUNNING, pid=report.pid, started_ms=report.time_ms or draft.now_ms
                )
        case TaskEnded():
            task = _attempt(draft, party_id, report)
            if task and task.party_status not in ENDED:
                _task_ended(draft, task, report)


def _current(draft: Draft, party_id: str, epoch: int, stage: Stage) -> bool:
    return epoch == draft.job.epoch and draft.members[party_id].stage is stage


def _attempt(draft: Draft, party_id: str, report: TaskStarted | TaskEnded) -> Task | None:
    """The attempt a report is about, if it was ordered and is still the newest."""
    for task in draft.tasks.values():
        if task.task_id == report.task_id and task.seat == Party(report.role, party_id):
            return task if task.ordered and task.version == report.version else None
    return None


def _ready(draft: Draft, party_id: str, report: JobReady) -> None:
    draft.set_member(party_id, stage=Stage.READY, offer=report.offer)
    for key, task in draft.tasks.items():
        resolved = report.params.get(f"{task.component}/{task.role}")
        if task.party_id == party_id and resolved is not None:
            draft.tasks[key] = replace(task, params=resolved)
    if any(member.stage is not Stage.READY for member in draft.members.values()):
        return
    if draft.job.status is Status.WAITING:
        draft.deadline_ms = draft.now_ms + draft.plan.timeout_ms
        draft.move_job(Status.RUNNING, started_ms=draft.now_ms)
    if len(draft.members) > 1:
        offers = {member.party_id: member.offer for member in draft.members.values()}
        opening = OpenSession(job_id=draft.job.job_id, epoch=draft.job.epoch, offers=offers)
        for member_id in draft.members:
            draft.order(member_id, _epoch_order(draft, "open"), opening)
    _advance(draft)


def _hand_out_keys(draft: Draft) -> None:
    """Give every party its letters, as soon as all its peers have sealed theirs."""
    for receiver in list(draft.members.values()):
        peers = [m for m in draft.members.values() if m.party_id != receiver.party_id]
        if receiver.keyed or any(peer.stage is not Stage.OPENED for peer in peers):
            continue
        letters = {
            peer.party_id: peer.letters[receiver.party_id]
            for peer in peers
            if receiver.party_id in peer.letters
        }
        keys = SessionKeys(job_id=draft.job.job_id, epoch=draft.job.epoch, letters=letters)
        draft.order(receiver.party_id, _epoch_order(draft, "keys"), keys)
        draft.set_member(receiver.party_id, keyed=True)


def _task_ended(draft: Draft, task: Task, report: TaskEnded) -> None:
    if report.status not in ENDED:
        return
    status = Status.SUCCESS if report.status in DONE_WELL else report.status
    facts: dict[str, Any] = {
        "started_ms": report.started_ms or task.started_ms,
        "ended_ms": report.ended_ms or draft.now_ms,
        "letters": report.letters,
        "letter_bytes": report.letter_bytes,
    }
    if status is Status.SUCCESS:
        made = {output.output: output.table for output in report.tables}
        draft.outputs[task.component, task.seat] = made
        draft.move_task(task, status, **facts)
        _advance(draft)
        return
    reason = report.reason or Reason(code=f"task_{status.value}", message=f"the task {status}")
    _task_failed(draft, task, status, reason, facts)


# --- running -------------------------------------------------------------------------------------


def _advance(draft: Draft) -> None:
    """Order what can run now; end the job when all has succeeded."""
    if all(task.party_status in DONE_WELL for task in draft.tasks.values()):
        _end(draft, Status.SUCCESS, None)
        return
    if draft.retry_at_ms is not None:
        return
    stages = {member.stage for member in draft.members.values()}
    if Stage.IDLE in stages:
        # An agent lost its keys with its process; what still runs elsewhere may end first.
        if not draft.active():
            _new_epoch(draft)
            _ask_all(draft)
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


def _task_failed(
    draft: Draft, task: Task, status: Status, reason: Reason, facts: Mapping[str, Any]
) -> None:
    draft.move_task(task, status, reason=reason, **facts)
    where = {"party_id": task.party_id, "role": task.role.value, "component": task.component}
    full = reason.model_copy(update={"facts": {**reason.facts, **where}})
    if task.auto_retries_left > 0:
        _retry(draft, task, full)
    else:
        _end(draft, status, full)


def _retry(draft: Draft, failed: Task, reason: Reason) -> None:
    """End the epoch: all that runs becomes a new attempt, to be asked for after the delay."""
    lost = {failed.component, *(task.component for task in draft.active())}
    _cancel_active(draft, Status.CANCELED, f"{failed.component} is tried again")
    draft.renew(
        [task.component for task in draft.plan.tasks if task.component in lost],
        {failed.component: failed.auto_retries_left - 1},
    )
    draft.tell("retry", component=failed.component, reason=reason.message)
    _new_epoch(draft)
    draft.retry_at_ms = draft.now_ms + draft.plan.retry_delay_ms


def _cancel_active(draft: Draft, status: Status, why: str) -> None:
    active = draft.active()
    draft.withdraw_orders()
    for party_id in dict.fromkeys(task.party_id for task in active):
        order = CancelTasks(job_id=draft.job.job_id, status=status, reason=why)
        draft.order(party_id, _epoch_order(draft, "cancel"), order)
    reason = Reason(code=status.value, message=why)
    for task in active:
        draft.move_task(task, status, reason=reason, ended_ms=draft.now_ms)


def _end(draft: Draft, status: Status, reason: Reason | None) -> None:
    """End the job: nothing of it runs any more, and nothing of it will."""
    if any(task.party_status not in ENDED for task in draft.tasks.values()):
        stopped = status if status is Status.TIMEOUT else Status.CANCELED
        why = reason.message if reason else "the job ended"
        _cancel_active(draft, stopped, why)
        for task in list(draft.tasks.values()):
            if task.party_status not in ENDED:
                draft.move_task(task, stopped, ended_ms=draft.now_ms)
    for party_id in draft.members:
        draft.order(party_id, _epoch_order(draft, "close"), CloseJob(job_id=draft.job.job_id))
        draft.set_member(party_id, letters={}, offer=b"", doubt_ms=None)
    draft.retry_at_ms = None
    draft.move_job(status, reason=reason, ended_ms=draft.now_ms)


# --- agents and the clock ------------------------------------------------------------------------


def _agent_up(draft: Draft, event: AgentUp) -> None:
    member = draft.members.get(event.party_id)
    if member is None:
        return
    draft.set_member(member.party_id, away=False)
    if event.restarted and member.stage is not Stage.IDLE:
        # Its session keys went with the process. What ran there is for the agent to tell; it may
        # have ended well, with the report still on its way.
        doubt_ms = draft.now_ms + DOUBT_MS if draft.active(member.party_id) else None
        draft.set_member(member.party_id, stage=Stage.IDLE, doubt_ms=doubt_ms)
        _advance(draft)


def _agent_lost(draft: Draft, party_id: str) -> None:
    if party_id not in draft.members:
        return
    draft.set_member(party_id, away=True)
    _lose_tasks(
        draft,
        draft.active(party_id),
        Reason(
            code="party_lost",
            message=f"the connection to party {party_id} was lost while its task ran; "
            "see that its agent runs, then rerun the job",
        ),
    )


def _lose_tasks(draft: Draft, tasks: Collection[Task], reason: Reason) -> None:
    for task in tasks:
        if draft.ended or draft.tasks[task.component, task.seat] is not task:
            return
        _task_failed(draft, task, Status.FAILED, reason, {"ended_ms": draft.now_ms})


def _tick(draft: Draft) -> None:
    if draft.now_ms >= draft.deadline_ms:
        seconds = draft.plan.timeout_ms / 1000
        message = f"the job ran longer than its timeout of {seconds:g} s"
        _end(draft, Status.TIMEOUT, Reason(code="job_timeout", message=message))
        return
    for member in list(draft.members.values()):
        if member.doubt_ms is not None and draft.now_ms >= member.doubt_ms and not draft.ended:
            _resolve_doubt(draft, member)
    if draft.retry_at_ms is not None and draft.now_ms >= draft.retry_at_ms and not draft.ended:
        draft.retry_at_ms = None
        _ask_all(draft)


def _resolve_doubt(draft: Draft, member: Member) -> None:
    """Give up tasks that were ordered before the agent's restart and are still not told of."""
    draft.set_member(member.party_id, doubt_ms=None)
    since = draft.now_ms - DOUBT_MS
    unknown = [t for t in draft.active(member.party_id) if t.updated_ms <= since]
    message = f"the agent of party {member.party_id} was started anew and does not know the task"
    _lose_tasks(draft, unknown, Reason(code="agent_restarted", message=message))


# --- epochs --------------------------------------------------------------------------------------


def _new_epoch(draft: Draft) -> None:
    draft.job = replace(draft.job, epoch=draft.job.epoch + 1)
    for party_id, member in draft.members.items():
        draft.members[party_id] = Member(party_id, member.key, away=member.away)


def _ask_all(draft: Draft) -> None:
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
        draft.order(party_id, _epoch_order(draft, "prepare"), order)


def _briefs(plan: JobPlan, party_id: str) -> tuple[TaskBrief, ...]:
    return tuple(
        brief_of(task, seat)
        for task in plan.tasks
        for seat in task.seats
        if seat.party_id == party_id
    )


def _rerun(draft: Draft, event: RerunAsked) -> None:
    chosen = _to_rerun(draft, event)
    if not chosen:
        return
    retries = dict.fromkeys(chosen, draft.plan.auto_retries)
    draft.renew(chosen, retries)
    _new_epoch(draft)
    draft.deadline_ms = draft.now_ms + draft.plan.timeout_ms
    draft.move_job(Status.WAITING, reason=None, started_ms=None, ended_ms=None)
    _ask_all(draft)


def _to_rerun(draft: Draft, event: RerunAsked) -> list[str]:
    """Components to run again, in order.

    What did not succeed always is, or the job could not succeed; and what depends on something
    that runs again, or it would keep results of inputs that are gone.
    """
    forced = set(event.components or [t.component for t in draft.plan.tasks] if event.force else ())
    chosen: dict[str, None] = {}
    for task in draft.plan.tasks:
        again = not draft.done_well(task.component) or task.component in forced
        if task.seats and (again or any(name in chosen for name in task.depends)):
            chosen[task.component] = None
    return list(chosen)


def _epoch_order(draft: Draft, what: str) -> str:
    return f"{draft.job.job_id}/{draft.job.epoch}/{what}"


def _refusal(party_id: str, report: JobRefused) -> Reason:
    first = report.reasons[0] if report.reasons else Reason(code="job_refused", message="no reason")
    message = "; ".join(reason.message for reason in report.reasons) or first.message
    return Reason(
        code=first.code,
        message=f"party {party_id} refuses: {message}",
        path=first.path,
        facts={
            "party_id": party_id,
            "refused": True,
            "reasons": [reason.model_dump(mode="json") for reason in report.reasons],
        },
    )
