"""Who has which cores of whom: what running jobs hold, what parties lend, who waits in line."""

from collections import Counter
from dataclasses import dataclass

from coordinator.domain.line import holders, line_of
from coordinator.domain.ports import Agents, Store
from coordinator.domain.records import Capacity, Job
from coordinator.domain.state import JobState
from coordinator.domain.turns import open_states
from federation.errors import JobNotFound
from federation.spec.party import Party, Role
from federation.spec.status import Status


@dataclass(frozen=True, slots=True)
class Holding:
    """Cores that a seat of a job has, or had."""

    job_id: str
    seat: Party
    cores: int


@dataclass(frozen=True, slots=True)
class Lender:
    """A party, and how much of what it lends is in use.

    Attributes:
        lent: None while its agent has not linked since the coordinator's start.
    """

    party_id: str
    lent: Capacity | None
    used: Capacity


@dataclass(frozen=True, slots=True)
class Survey:
    """All of it at one moment.

    Attributes:
        line: jobs that wait for cores alone, those next to start first.
        asking: jobs that wait for answers of their parties, oldest first.
    """

    holdings: tuple[Holding, ...]
    lenders: tuple[Lender, ...]
    line: tuple[Job, ...]
    asking: tuple[Job, ...]


async def survey(store: Store, agents: Agents) -> Survey:
    """What is in use, and who waits."""
    # Not a mere view: a transaction knows unfinished jobs by heart, a view would read them all.
    async with store.begin() as tx:
        states = await open_states(tx)
        party_ids = [party.party_id for party in await tx.parties.all()]
    running, line = holders(states), [state.job for state in line_of(states)]
    cores: Counter[str] = Counter()
    tasks: Counter[str] = Counter()
    for state in running:
        cores.update(state.plan.claims)
        tasks.update(dict.fromkeys(state.plan.claims, state.plan.parallelism))
    waiting = [state.job for state in states if state.job.status is Status.WAITING]
    return Survey(
        holdings=tuple(each for state in running for each in _holdings(state)),
        lenders=tuple(
            Lender(name, agents.capacity(name), Capacity(cores[name], tasks[name]))
            for name in party_ids
        ),
        line=tuple(line),
        asking=tuple(job for job in waiting if job not in line),
    )


async def holdings_of(store: Store, job_id: str) -> tuple[Job, list[Holding]]:
    """A job, and what it holds while it runs; nothing of a job that never had tasks.

    Raises:
        JobNotFound: there is none.
    """
    async with store.read() as view:
        job, state = await view.jobs.find(job_id), await view.jobs.state(job_id)
    if job is None:
        raise JobNotFound(job_id)
    return job, [] if state is None else _holdings(state)


def _holdings(state: JobState) -> list[Holding]:
    """What each seat has: a party's cores go to its seats in equal parts, none to arbiters."""
    job = state.job
    counted = Counter(seat.party_id for seat in job.seats if seat.role is not Role.ARBITER)
    return [
        Holding(
            job.job_id,
            seat,
            0
            if seat.role is Role.ARBITER
            else state.plan.claims.get(seat.party_id, 0) // counted[seat.party_id],
        )
        for seat in job.seats
    ]
