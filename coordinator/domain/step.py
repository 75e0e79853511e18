"""The life of a job: one event in, the next state and orders out. Nothing here waits or reads.

An epoch of a job:

    asked    every party gets PrepareJob and answers JobReady, or refuses and the job ends
    in line  at first all are ready and there may be no room yet; see `line`
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
from dataclasses import replace
from typing import Any

from coordinator.domain.draft import Draft
from coordinator.domain.events import (
    Admitted,
    AgentLost,
    AgentUp,
    Event,
    Held,
    RerunAsked,
    StopAsked,
    Tick,
    Told,
)
from coordinator.domain.records import Job, Task, Waiting
from coordinator.domain.running import (
    LONGEST_WAIT_MS,
    admit,
    advance,
    ask_all,
    end,
    epoch_order,
    open_epoch,
    rerun,
    task_failed,
)
from coordinator.domain.state import Changes, JobPlan, JobState, Member, SeatKey, Stage
from coordinator.domain.waiting import waiting_for
from federation.spec.orders import (
    JobReady,
    JobRefused,
    Reason,
    Report,
    SessionKeys,
    SessionOpened,
    TableName,
    TaskEnded,
    TaskStarted,
)
from federation.spec.party import Party
from federation.spec.status import DONE_WELL, ENDED, Status

REFUSALS_MS = 3_000
"""How long a refusal waits for the other parties to tell theirs."""

DOUBT_MS = 5_000
"""How long an agent that was started anew has to say what became of its tasks."""


def begin(
    job: Job,
    plan: JobPlan,
    keys: Mapping[str, bytes],
    now_ms: int,
    done: Mapping[SeatKey, Mapping[str, TableName]] | None = None,
) -> Changes:
    """The first state of a checked job, with the orders that ask its parties.

    Args:
        keys: identity keys of all parties of the job.
        done: tasks taken over from an earlier job as successful, with the tables they made.
    """
    done = done or {}
    tasks = {
        (task.component, seat.seat): Task(
            job_id=job.job_id,
            component=task.component,
            module=task.module,
            task_id=task.task_id,
            version=0,
            role=seat.role,
            party_id=seat.party_id,
            status=_at_first((task.component, seat.seat) in done),
            party_status=_at_first((task.component, seat.seat) in done),
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
    state = JobState(job, plan, members, tasks, now_ms + LONGEST_WAIT_MS, outputs=done)
    draft = Draft(state, now_ms)
    draft.tell("job", status=job.status.value)
    ask_all(draft)
    return _finished(draft)


def step(state: JobState, event: Event, now_ms: int) -> Changes:
    """What `event` does to a job."""
    draft = Draft(state, now_ms)
    match event:
        case RerunAsked():
            if draft.ended:
                rerun(draft, event)
        case _ if draft.ended:
            pass
        case Told(party_id=party_id, report=report):
            if party_id in draft.members:
                _hear(draft, party_id, report)
        case AgentUp():
            _agent_up(draft, event)
        case AgentLost(party_id=party_id):
            _agent_lost(draft, party_id)
        case Admitted():
            if draft.in_line:
                admit(draft)
        case Held(lacks=lacks):
            _held(draft, lacks)
        case Tick():
            _tick(draft)
        case StopAsked():
            end(draft, event.status, event.reason)
    return _finished(draft)


def next_due(state: JobState) -> int | None:
    """When a Tick has something to do; None if never."""
    if state.job.status in ENDED:
        return None
    doubts = [m.doubt_ms for m in state.members.values() if m.doubt_ms is not None]
    retry = [] if state.retry_at_ms is None else [state.retry_at_ms]
    return min([state.deadline_ms, *retry, *doubts, *_overdue_at(state.plan, state.tasks).values()])


def _overdue_at(plan: JobPlan, tasks: Mapping[SeatKey, Task]) -> dict[SeatKey, int]:
    """When attempts that run now will have run too long, for components that have a timeout."""
    limits = {t.component: t.timeout_ms for t in plan.tasks if t.timeout_ms is not None}
    return {
        key: task.updated_ms + limits[task.component]
        for key, task in (tasks.items() if limits else ())
        if task.component in limits and task.party_status is Status.RUNNING
    }


def _at_first(done: bool) -> Status:
    return Status.SUCCESS if done else Status.WAITING


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
                _refused(draft, party_id, report)
        case SessionOpened():
            if _current(draft, party_id, report.epoch, Stage.READY):
                draft.set_member(party_id, stage=Stage.OPENED, letters=report.letters, away=False)
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
    # It speaks, so it is there.
    draft.set_member(party_id, stage=Stage.READY, offer=report.offer, away=False)
    for key, task in draft.tasks.items():
        resolved = report.params.get(f"{task.component}/{task.role}")
        # What has ended ran with the parameters it had then.
        open_here = task.party_id == party_id and task.party_status not in ENDED
        if open_here and resolved is not None:
            draft.tasks[key] = replace(task, params=resolved)
    if any(member.stage is not Stage.READY for member in draft.members.values()):
        _end_if_refused(draft)
        return
    # A job that has not started yet is in the line now, see `line`.
    if draft.job.status is Status.RUNNING:
        open_epoch(draft)


def _refused(draft: Draft, party_id: str, report: JobRefused) -> None:
    """Keep a party's reasons until the others have answered too, but not for long."""
    draft.set_member(party_id, stage=Stage.REFUSED)
    draft.job = replace(draft.job, reason=_with_refusal(draft.job.reason, party_id, report))
    draft.deadline_ms = min(draft.deadline_ms, draft.now_ms + REFUSALS_MS)
    _end_if_refused(draft)


def _end_if_refused(draft: Draft, *, now: bool = False) -> bool:
    """End a job that some party refused, once all have answered (or `now`); whether it did."""
    members = draft.members.values()
    open_ones = [m for m in members if m.stage is Stage.ASKED and not m.away]
    if not any(m.stage is Stage.REFUSED for m in members) or (open_ones and not now):
        return False
    end(draft, Status.FAILED, draft.job.reason)
    return True


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
        draft.order(receiver.party_id, epoch_order(draft, "keys"), keys)
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
        advance(draft)
        return
    reason = report.reason or Reason(code=f"task_{status.value}", message=f"the task {status}")
    task_failed(draft, task, status, reason, facts)


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
        advance(draft)


def _agent_lost(draft: Draft, party_id: str) -> None:
    if party_id not in draft.members:
        return
    draft.set_member(party_id, away=True)
    if _end_if_refused(draft):
        return
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
        task_failed(draft, task, Status.FAILED, reason, {"ended_ms": draft.now_ms})


def _tick(draft: Draft) -> None:
    if draft.now_ms >= draft.deadline_ms:
        if _end_if_refused(draft, now=True):
            return
        end(draft, Status.TIMEOUT, _too_long(draft))
        return
    for key, at_ms in _overdue_at(draft.plan, draft.tasks).items():
        if draft.now_ms >= at_ms:
            _overdue(draft, draft.tasks[key])
    for member in list(draft.members.values()):
        if member.doubt_ms is not None and draft.now_ms >= member.doubt_ms and not draft.ended:
            _resolve_doubt(draft, member)
    if draft.retry_at_ms is not None and draft.now_ms >= draft.retry_at_ms and not draft.ended:
        draft.retry_at_ms = None
        ask_all(draft)


def _too_long(draft: Draft) -> Reason:
    if draft.job.status is Status.RUNNING:
        seconds = draft.plan.timeout_ms / 1000
        message = f"the job ran longer than its timeout of {seconds:g} s"
        return Reason(code="job_timeout", message=message)
    why = "; ".join(waiting.what for waiting in draft.job.waiting_for)
    message = f"the job waited for {LONGEST_WAIT_MS / 3_600_000:g} hours: {why}"
    return Reason(code="waited_too_long", message=message)


def _overdue(draft: Draft, task: Task) -> None:
    if draft.ended or task.party_status is not Status.RUNNING:
        return
    limit_s = (draft.plan.task(task.component).timeout_ms or 0) / 1000
    message = f"{task.component} ran longer than its timeout of {limit_s:g} s"
    reason = Reason(code="task_timeout", message=message)
    task_failed(draft, task, Status.TIMEOUT, reason, {"ended_ms": draft.now_ms})


def _held(draft: Draft, lacks: tuple[Waiting, ...]) -> None:
    """Note what a job in the line waits for."""
    if not draft.in_line or draft.lacks == lacks:
        return
    draft.lacks = lacks
    for lack in lacks:
        draft.tell("waits", party_id=lack.party_id, reason=lack.what)


def _resolve_doubt(draft: Draft, member: Member) -> None:
    """Give up tasks that were ordered before the agent's restart and are still not told of."""
    draft.set_member(member.party_id, doubt_ms=None)
    since = draft.now_ms - DOUBT_MS
    unknown = [t for t in draft.active(member.party_id) if t.updated_ms <= since]
    message = f"the agent of party {member.party_id} was started anew and does not know the task"
    _lose_tasks(draft, unknown, Reason(code="agent_restarted", message=message))


def _with_refusal(so_far: Reason | None, party_id: str, report: JobRefused) -> Reason:
    """The reasons of all parties that refused until now, and of this one."""
    given = report.reasons or (Reason(code="job_refused", message="no reason given"),)
    said = [{**reason.model_dump(mode="json"), "party_id": party_id} for reason in given]
    if so_far is not None and so_far.facts.get("refused"):
        said = [*so_far.facts["reasons"], *said]
    return Reason(
        code=str(said[0]["code"]),
        message="; ".join(f"party {one['party_id']} refuses: {one['message']}" for one in said),
        path=str(said[0]["path"]),
        facts={"party_id": said[0]["party_id"], "refused": True, "reasons": said},
    )
