"""The state of one job as `step` sees it, and what a step gives.

A state is a value: `step` gives a new one, and the store keeps the difference. The plan is fixed
when the job is checked; members and tasks move.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from coordinator.domain.records import Job, Task
from federation.spec.orders import Order, TableName
from federation.spec.party import Party, Role
from federation.spec.status import Status


@dataclass(frozen=True, slots=True)
class Source:
    """What feeds an input: an output of another component of the job, or of an earlier job.

    Attributes:
        component: the component that makes it.
        output: its name.
        model_id, model_version: of the training job, for a model that was stored before.
    """

    component: str
    output: str
    model_id: str = ""
    model_version: str = ""

    @property
    def stored(self) -> bool:
        """Whether an earlier job made it."""
        return bool(self.model_version)


@dataclass(frozen=True, slots=True)
class PlannedSeat:
    """A component at one seat.

    Attributes:
        index: the party's position among its role.
        params: as the conf gives them, without defaults.
        tables: tables of the party that it reads by name, for its policy to see.
        data: data slot -> what feeds it here. A slot that the job binds, but not at this seat, is
            there with nothing: the arbiter of a training learns from it that it is one.
    """

    role: Role
    party_id: str
    index: int
    params: Mapping[str, Any]
    tables: tuple[TableName, ...] = ()
    data: Mapping[str, tuple[Source, ...]] = field(default_factory=dict)
    model: tuple[Source, ...] = ()
    isometric_model: tuple[Source, ...] = ()
    cache: tuple[Source, ...] = ()

    @property
    def seat(self) -> Party:
        """Which party in which role."""
        return Party(self.role, self.party_id)


@dataclass(frozen=True, slots=True)
class PlannedTask:
    """A component of a job: who runs it, after what, and what it makes.

    Attributes:
        timeout_ms: how long an attempt may run at a seat; None: as long as the job.
    """

    component: str
    module: str
    task_id: str
    seats: tuple[PlannedSeat, ...]
    depends: tuple[str, ...] = ()
    data_outputs: tuple[str, ...] = ()
    model_outputs: tuple[str, ...] = ()
    cache_outputs: tuple[str, ...] = ()
    timeout_ms: int | None = None


@dataclass(frozen=True, slots=True)
class JobPlan:
    """What a checked job will do.

    Attributes:
        tasks: in topological order.
        digest: SHA-256 over DSL, conf and ids; parties sign it.
        cores: that one task may use at one seat.
        claims: cores that the job needs at each party while it runs.
    """

    tasks: tuple[PlannedTask, ...]
    digest: bytes
    cores: int = 1
    claims: Mapping[str, int] = field(default_factory=dict)
    parallelism: int = 1
    auto_retries: int = 0
    retry_delay_ms: int = 1_000
    timeout_ms: int = 259_200_000

    def task(self, component: str) -> PlannedTask:
        """The task of a component.

        Raises:
            KeyError: the plan has no such component.
        """
        for task in self.tasks:
            if task.component == component:
                return task
        raise KeyError(component)

    @property
    def parties(self) -> tuple[str, ...]:
        """Party ids that have something to run, each once."""
        return tuple(dict.fromkeys(seat.party_id for task in self.tasks for seat in task.seats))


class Stage(StrEnum):
    """How far a party is in getting ready for an epoch."""

    IDLE = "idle"
    ASKED = "asked"
    READY = "ready"
    OPENED = "opened"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Member:
    """A party in the present epoch of a job.

    Attributes:
        offer: its session offer, once ready.
        letters: secrets it sealed, by addressee, once opened.
        keyed: the SessionKeys order was given to it.
        away: its agent is known not to be linked.
        doubt_ms: its agent was started anew; tasks that by then still seem to run there are lost.
    """

    party_id: str
    key: bytes
    stage: Stage = Stage.IDLE
    offer: bytes = b""
    letters: Mapping[str, bytes] = field(default_factory=dict)
    keyed: bool = False
    away: bool = False
    doubt_ms: int | None = None


SeatKey = tuple[str, Party]
"""A component at a seat."""


@dataclass(frozen=True, slots=True)
class JobState:
    """A job with its members, the newest attempt of each task, and what these made.

    Attributes:
        tasks: newest attempt of each component at each seat.
        deadline_ms: when the job times out; while it waits, all jobs wait equally long at most, so
            that this is also their order.
        retry_at_ms: when the next epoch is to be prepared after a failure; None if none waits.
        outputs: tables of tasks that succeeded: name in the DSL -> table.
    """

    job: Job
    plan: JobPlan
    members: Mapping[str, Member]
    tasks: Mapping[SeatKey, Task]
    deadline_ms: int
    outputs: Mapping[SeatKey, Mapping[str, TableName]] = field(default_factory=dict)
    retry_at_ms: int | None = None

    @property
    def in_line(self) -> bool:
        """Whether all parties are ready, and only cores keep the job waiting."""
        return in_line(self.job, self.members)


def in_line(job: Job, members: Mapping[str, Member]) -> bool:
    """Whether all members are ready, and only cores keep the job waiting."""
    return job.status is Status.WAITING and all(
        member.stage is Stage.READY and not member.away for member in members.values()
    )


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An order for a party; one with an `order_id` that was kept before is the same order."""

    party_id: str
    order_id: str
    order: Order


WITHDRAWABLE = frozenset({"prepare_job", "open_session", "session_keys", "run_task"})
"""Orders that lose their sense with their epoch; an order to stop something never does."""


@dataclass(frozen=True, slots=True)
class Happened:
    """Something worth telling those who watch a job."""

    kind: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Changes:
    """What a step gives: the new state, orders to send, and what happened.

    Attributes:
        past: attempts that the new state no longer holds, as they ended.
        withdraw: orders of the job (of the `WITHDRAWABLE` kinds) that no agent has acknowledged
            before this step are not to be sent any more.
    """

    state: JobState
    orders: tuple[Outgoing, ...] = ()
    happened: tuple[Happened, ...] = ()
    past: tuple[Task, ...] = ()
    withdraw: bool = False
