"""The line of jobs that wait for cores: who may start now, and what the others lack.

A job takes what it needs at all its parties at once, when it starts, and gives it back when it
ends; it never holds some while it waits for the rest, so no two jobs can wait for each other. Jobs
start in the order in which they began to wait. One may start before an older one only where there
is room for both: the older one finds no less than it would have found. So none waits for ever while
jobs end.

What is taken is not kept anywhere by itself: a job that runs has it. The change to `running` is the
taking and the change to an end is the giving back, each by compare-and-set, so that a crash or a
second delivery can neither lose nor double any of it.
Source: FATE-Flow 1.x, resource manager and waiting queue (task_cores x task_parallelism a seat).
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from coordinator.domain.records import Capacity, Waiting
from coordinator.domain.state import JobPlan, JobState
from federation.spec.status import Status

PARTY_BUSY, PARTY_UNKNOWN = "party_busy", "party_unknown"
NEVER_FITS = "never_fits"

Capacities = Mapping[str, Capacity | None]
"""What each party lends; None where its agent has not said so yet."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What a job needs while it runs.

    Attributes:
        cores: by party id.
        tasks: that run at a time at each of these parties.
    """

    job_id: str
    cores: Mapping[str, int]
    tasks: int

    @classmethod
    def of(cls, state: JobState) -> "Claim":
        """The claim of a job."""
        return cls(state.job.job_id, state.plan.claims, state.plan.parallelism)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a job in the line.

    Attributes:
        lacks: what it waits for; nothing if it may start.
        never: it asks for more than a party has, and will never start.
    """

    job_id: str
    lacks: tuple[Waiting, ...] = ()
    never: bool = False

    @property
    def starts(self) -> bool:
        """Whether it may start now."""
        return not self.lacks


class _Used:
    """What is taken at each party."""

    def __init__(self) -> None:
        self.cores: Counter[str] = Counter()
        self.tasks: Counter[str] = Counter()

    def take(self, claim: Claim) -> None:
        for party_id, cores in claim.cores.items():
            self.cores[party_id] += cores
            self.tasks[party_id] += claim.tasks


def in_turn(
    running: Iterable[Claim], line: Iterable[Claim], capacities: Capacities
) -> list[Verdict]:
    """A verdict for each job in the line.

    Args:
        running: jobs that have what they need.
        line: jobs that wait for nothing else, in the order in which they began to wait.
    """
    used = _Used()
    for claim in running:
        used.take(claim)
    verdicts = []
    for claim in line:
        verdict = _verdict(claim, used, capacities)
        verdicts.append(verdict)
        if not verdict.never and all(capacities.get(party_id) for party_id in claim.cores):
            # Also if it waits: what comes after it must leave room for it.
            used.take(claim)
    return verdicts


def misfits(plan: JobPlan, capacities: Capacities) -> list[str]:
    """A sentence for each party that has less than a job needs."""
    return [
        _never(party_id, cores, plan.parallelism, lent)
        for party_id, cores in plan.claims.items()
        if (lent := capacities.get(party_id)) is not None
        and (cores > lent.cores or plan.parallelism > lent.tasks)
    ]


def line_of(states: Iterable[JobState]) -> list[JobState]:
    """The jobs that wait for cores and nothing else, in the order in which they began to."""
    waiting = [state for state in states if state.in_line]
    return sorted(waiting, key=lambda state: (state.deadline_ms, state.job.job_id))


def holders(states: Iterable[JobState]) -> list[JobState]:
    """The jobs that have what they need."""
    return [state for state in states if state.job.status is Status.RUNNING]


def place_changed(old: JobState, new: JobState) -> bool:
    """Whether a job came into the line, left it, or gave back what it had."""
    return (old.in_line, old.job.status is Status.RUNNING) != (
        new.in_line,
        new.job.status is Status.RUNNING,
    )


def _verdict(claim: Claim, used: _Used, capacities: Capacities) -> Verdict:
    lacks, never = [], False
    for party_id, cores in claim.cores.items():
        lent = capacities.get(party_id)
        if lent is None:
            what = f"party {party_id} has not linked yet; see that its agent runs: party-agent run"
            lacks.append(Waiting(party_id, what, PARTY_UNKNOWN))
        elif cores > lent.cores or claim.tasks > lent.tasks:
            never = True
            lacks.append(Waiting(party_id, _never(party_id, cores, claim.tasks, lent), NEVER_FITS))
        elif used.cores[party_id] + cores > lent.cores:
            lacks.append(Waiting(party_id, _busy(party_id, cores, lent.cores, "cores"), PARTY_BUSY))
        elif used.tasks[party_id] + claim.tasks > lent.tasks:
            what = _busy(party_id, claim.tasks, lent.tasks, "tasks at a time")
            lacks.append(Waiting(party_id, what, PARTY_BUSY))
    return Verdict(claim.job_id, tuple(lacks), never)


def _busy(party_id: str, wanted: int, lent: int, what: str) -> str:
    return (
        f"party {party_id} lends {lent} {what} to jobs, and fewer than the {wanted} this job needs "
        "are free; it starts when jobs before it have ended"
    )


def _never(party_id: str, cores: int, tasks: int, lent: Capacity) -> str:
    return (
        f"party {party_id} lends {lent.cores} cores and {lent.tasks} tasks at a time to jobs, and "
        f"this one needs {cores} and {tasks}; lower task_cores or task_parallelism, or let the "
        "party lend more (cores, tasks in its party_agent.toml)"
    )
