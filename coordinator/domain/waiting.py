"""What a job waits for, in words a person can act on."""

from coordinator.domain.draft import Draft
from coordinator.domain.records import Waiting
from coordinator.domain.state import Member, Stage


def waiting_for(draft: Draft) -> tuple[Waiting, ...]:
    """Everything the job waits for that is not simply a task at work."""
    if draft.ended:
        return ()
    found = [w for w in map(_of_member, draft.members.values()) if w is not None]
    if draft.retry_at_ms is not None:
        found.append(Waiting("", "a failed task is tried again after its delay", "retry"))
    return tuple(found)


def _of_member(member: Member) -> Waiting | None:
    if member.away:
        what = f"party {member.party_id} is not connected; start its agent: party-agent run"
        return Waiting(member.party_id, what, "party_not_connected")
    if member.stage is Stage.ASKED:
        what = f"party {member.party_id} has not answered yet whether it takes part"
        return Waiting(member.party_id, what, "party_answer")
    return None
