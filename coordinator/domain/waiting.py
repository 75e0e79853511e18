"""What a job waits for, in words a person can act on."""

from coordinator.domain.draft import Draft
from coordinator.domain.records import Waiting
from coordinator.domain.state import Member, Stage
from federation.spec.status import Status


def waiting_for(draft: Draft) -> tuple[Waiting, ...]:
    """Everything the job waits for that is not simply a task at work."""
    if draft.ended:
        return ()
    found = [w for w in map(_of_member, draft.members.values()) if w is not None]
    if draft.retry_at_ms is not None:
        found.append(Waiting("", "a failed task is tried again after its delay", "retry"))
    if draft.in_line:
        found += draft.lacks
    elif draft.job.status is Status.RUNNING and not found:
        found += _between_epochs(draft)
    return tuple(found)


def _between_epochs(draft: Draft) -> list[Waiting]:
    """Why a running job waits though nothing hinders it but its own tasks."""
    idle = [m.party_id for m in draft.members.values() if m.stage is Stage.IDLE]
    what = "its agent was started anew; tasks of other parties end first, then all are asked again"
    return [Waiting(party_id, what, "agent_restarted") for party_id in idle]


def _of_member(member: Member) -> Waiting | None:
    if member.away:
        what = f"party {member.party_id} is not connected; start its agent: party-agent run"
        return Waiting(member.party_id, what, "party_not_connected")
    if member.stage is Stage.ASKED:
        what = f"party {member.party_id} has not answered yet whether it takes part"
        return Waiting(member.party_id, what, "party_answer")
    return None
