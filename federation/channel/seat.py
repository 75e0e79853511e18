"""Where a channel stands: the attempt, the seat, everyone in the job, the keys, the bounds."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from federation.spec.party import Party, Role
from federation.wire.letters import LETTER_BYTES, PART_BYTES
from federation.wire.mailbox import MAILBOX_BYTES, WINDOW_BYTES
from federation.wire.seal import Direction


@dataclass(frozen=True, slots=True)
class Seat:
    """One seat in one attempt of a task."""

    job_id: str
    task_id: str
    version: int
    component: str
    me: Party
    parties: Mapping[Role, tuple[str, ...]]

    @property
    def index(self) -> int:
        """My position among my role.

        Raises:
            ValueError: I am not among the parties.
        """
        return self.parties[self.me.role].index(self.me.party_id)

    def others(self) -> Iterator[Party]:
        """Everyone else in the job."""
        for role, party_ids in self.parties.items():
            for party_id in party_ids:
                if (party := Party(role, party_id)) != self.me:
                    yield party

    def towards(self, peer: Party) -> Direction:
        """The direction from here to a peer."""
        return Direction(self.job_id, self.task_id, self.version, self.me, peer)


@dataclass(frozen=True, slots=True)
class PeerKeys:
    """The two keys of this attempt with one peer, as `derive` gives them."""

    sending: bytes = field(repr=False)
    receiving: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much a channel holds and how long it waits.

    Attributes:
        window_bytes: unacknowledged parts per peer; then sending waits.
        part_bytes: a longer letter is cut.
        letter_bytes: the longest letter that is taken.
        quiet_bytes: unread letters from which on a task that waits for nothing stops taking more.
        mailbox_bytes: unread letters at most; more is an error.
        resend_after_s: silence after which the oldest part is sent again.
        flush_s: how long a task that ended waits for its last letters to be received; long, for a
            peer that computes without a pause hears nothing meanwhile.
    """

    window_bytes: int = WINDOW_BYTES
    part_bytes: int = PART_BYTES
    letter_bytes: int = LETTER_BYTES
    quiet_bytes: int = 64 << 20
    mailbox_bytes: int = MAILBOX_BYTES
    resend_after_s: float = 5.0
    flush_s: float = 3600.0
