"""A job state while a step works on it: parts are replaced, orders and events pile up.

A draft belongs to one call of `step` and never leaves it; what leaves is a `Changes`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from coordinator.domain.records import Task
from coordinator.domain.state import (
    WITHDRAWABLE,
    Changes,
    Happened,
    JobState,
    Member,
    Outgoing,
    SeatKey,
    in_line,
)
from federation.spec.orders import Order, Reason, TableName
from federation.spec.status import DONE_WELL, ENDED, JOB, TASK, Status, check_change

LINE_CODES = frozenset({"party_busy", "party_unknown"})
"""What keeps a job in the line, though all its parties are ready."""


class Draft:
    """One job state on its way to the next.

    Attributes:
        lacks: what the job was last found to lack in the line.
    """

    def __init__(self, state: JobState, now_ms: int) -> None:
        self.job = state.job
        self.plan = state.plan
        self.now_ms = now_ms
        self.members: dict[str, Member] = dict(state.members)
        self.tasks: dict[SeatKey, Task] = dict(state.tasks)
        self.outputs: dict[SeatKey, Mapping[str, TableName]] = dict(state.outputs)
        self.deadline_ms = state.deadline_ms
        self.retry_at_ms = state.retry_at_ms
        self.withdraw = False
        self.lacks = tuple(w for w in state.job.waiting_for if w.code in LINE_CODES)
        self._orders: list[Outgoing] = []
        self._happened: list[Happened] = []
        self._past: list[Task] = []
        self._touched: set[str] = set()
        self._old = state

    # --- looking ---------------------------------------------------------------------------------

    @property
    def ended(self) -> bool:
        """Whether the job has ended."""
        return self.job.status in ENDED

    @property
    def in_line(self) -> bool:
        """Whether all parties are ready, and only cores keep the job waiting."""
        return in_line(self.job, self.members)

    def of_component(self, component: str) -> list[Task]:
        """The newest attempt of a component at all its seats."""
        return [self.tasks[component, seat.seat] for seat in self.plan.task(component).seats]

    def active(self, party_id: str | None = None) -> list[Task]:
        """Attempts (of one party) that were ordered and have not ended."""
        return [
            task
            for task in self.tasks.values()
            if task.ordered
            and task.party_status not in ENDED
            and (party_id is None or task.party_id == party_id)
        ]

    def done_well(self, component: str) -> bool:
        """Whether a component succeeded at all its seats."""
        return all(task.party_status in DONE_WELL for task in self.of_component(component))

    # --- changing --------------------------------------------------------------------------------

    def move_job(self, status: Status, **fields: Any) -> None:
        """Change the job's status along a legal edge."""
        check_change(JOB, self.job.status, status)
        self.job = replace(self.job, status=status, **fields)
        self.tell("job", status=status.value, reason=_shown(self.job.reason))

    def move_task(self, task: Task, status: Status, **fields: Any) -> Task:
        """Change an attempt's status at its seat along a legal edge."""
        check_change(TASK, task.party_status, status)
        moved = replace(task, party_status=status, updated_ms=self.now_ms, **fields)
        self.tasks[task.component, task.seat] = moved
        self._touched.add(task.component)
        self.tell(
            "task",
            component=task.component,
            version=task.version,
            role=task.role.value,
            party_id=task.party_id,
            status=status.value,
            reason=_shown(moved.reason),
        )
        return moved

    def renew(self, components: Iterable[str], retries_left: Mapping[str, int]) -> None:
        """Put components back to a new attempt at all their seats; what they made is let go."""
        for component in components:
            self._settle(component)
            for task in self.of_component(component):
                self._past.append(task)
                self.tasks[component, task.seat] = Task(
                    job_id=task.job_id,
                    component=component,
                    module=task.module,
                    task_id=task.task_id,
                    version=task.version + 1,
                    role=task.role,
                    party_id=task.party_id,
                    status=Status.WAITING,
                    party_status=Status.WAITING,
                    created_ms=self.now_ms,
                    updated_ms=self.now_ms,
                    params=task.params,
                    depends=task.depends,
                    auto_retries_left=retries_left.get(component, task.auto_retries_left),
                )
                self.outputs.pop((component, task.seat), None)
            self.tell("renewed", component=component)

    def set_member(self, party_id: str, **fields: Any) -> None:
        """Change what is known of a member."""
        self.members[party_id] = replace(self.members[party_id], **fields)

    def order(self, party_id: str, order_id: str, order: Order) -> None:
        """Give an order."""
        self._orders.append(Outgoing(party_id, order_id, order))

    def tell(self, kind: str, **facts: Any) -> None:
        """Note something for those who watch."""
        self._happened.append(Happened(kind, {k: v for k, v in facts.items() if v is not None}))

    def withdraw_orders(self) -> None:
        """Take back orders: those of this step, and (in the store) those not acknowledged."""
        self._orders = [o for o in self._orders if o.order.kind not in WITHDRAWABLE]
        self.withdraw = True

    def changes(self) -> Changes:
        """What the step gives."""
        for component in self._touched:
            self._settle(component)
        state = JobState(
            job=self.job,
            plan=self.plan,
            members=self.members,
            tasks=self.tasks,
            deadline_ms=self.deadline_ms,
            outputs=self.outputs,
            retry_at_ms=self.retry_at_ms,
        )
        if state == self._old:
            return Changes(self._old)
        state = replace(
            state,
            job=replace(self.job, updated_ms=self.now_ms, progress=_progress(self.tasks.values())),
        )
        return Changes(
            state, tuple(self._orders), tuple(self._happened), tuple(self._past), self.withdraw
        )

    def _settle(self, component: str) -> None:
        tasks = self.of_component(component)
        status = overall(task.party_status for task in tasks)
        for task in tasks:
            if task.status is not status:
                self.tasks[component, task.seat] = replace(
                    task, status=status, updated_ms=self.now_ms
                )


def overall(statuses: Iterable[Status]) -> Status:
    """The status of an attempt over all its seats."""
    found = set(statuses)
    for bad in (Status.FAILED, Status.TIMEOUT, Status.CANCELED):
        if bad in found:
            return bad
    if found <= DONE_WELL:
        return Status.SUCCESS
    return Status.WAITING if found == {Status.WAITING} else Status.RUNNING


def _progress(tasks: Iterable[Task]) -> int:
    done = [task.party_status in DONE_WELL for task in tasks]
    return 100 * sum(done) // len(done) if done else 0


def _shown(reason: Reason | None) -> str | None:
    return reason.message if reason else None
