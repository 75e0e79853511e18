"""Giving turns: jobs of the line start as soon as there is room, in the transaction that made it.

Whatever ends a job, brings one into the line or tells what a party lends is kept together with the
starts that follow from it. So there is never room and somebody waiting for it, also after a crash.
"""

from coordinator.domain.events import Admitted, Event, Held, StopAsked
from coordinator.domain.line import (
    NEVER_FITS,
    Capacities,
    Claim,
    Verdict,
    holders,
    in_turn,
    line_of,
)
from coordinator.domain.ports import Agents, Clock, Tx
from coordinator.domain.state import Changes, JobState
from coordinator.domain.step import step
from federation.spec.orders import Reason
from federation.spec.status import Status


async def give_turns(tx: Tx, agents: Agents, clock: Clock) -> list[Changes]:
    """Start what can start, and note what the others lack; what that changed."""
    unfinished = await open_states(tx)
    line = line_of(unfinished)
    if not line:
        return []
    verdicts = in_turn(
        map(Claim.of, holders(unfinished)),
        map(Claim.of, line),
        capacities_of(line, agents),
    )
    found = []
    for state, verdict in zip(line, verdicts, strict=True):
        said = verdict.lacks == state.job.waiting_for
        if said and not (verdict.starts or verdict.never):
            continue
        changes = step(state, _event(verdict), clock())
        if changes.state is not state:
            await tx.jobs.apply(state, changes)
            found.append(changes)
    return found


async def open_states(tx: Tx) -> list[JobState]:
    """The states of all jobs that have not ended, oldest first."""
    states = [await tx.jobs.state(job_id) for job_id in await tx.jobs.unfinished()]
    return [state for state in states if state is not None]


def capacities_of(states: list[JobState], agents: Agents) -> Capacities:
    """What the parties of these jobs lend."""
    party_ids = {party_id for state in states for party_id in state.plan.claims}
    return {party_id: agents.capacity(party_id) for party_id in party_ids}


def _event(verdict: Verdict) -> Event:
    if verdict.never:
        why = "; ".join(lack.what for lack in verdict.lacks if lack.code == NEVER_FITS)
        return StopAsked(Status.FAILED, Reason(code=NEVER_FITS, message=why))
    return Admitted() if verdict.starts else Held(verdict.lacks)
