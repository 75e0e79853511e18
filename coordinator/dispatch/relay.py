"""Letters across: parts pass from link to link as they came, sealed end to end.

Only the header of a part is read: its sender must be a party of the link it came over, and both
seats must be in that job while it runs. Everything else is dropped, counted and logged by name. A
part whose receiver is away, or whose receiver's lane is full, is dropped too: the sender's channel
keeps it until it is acknowledged, and sends it again.

Learns: the coordinator sees who writes to whom in which task, when, and how many bytes.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from coordinator.dispatch.link import Link
from coordinator.dispatch.meters import Meters
from coordinator.domain.ports import Store
from coordinator.domain.records import Job
from federation.errors import MalformedMessage
from federation.spec.party import Party
from federation.spec.status import ENDED
from federation.wire.frames import Frame

log = structlog.get_logger(__name__)

ROSTER_AGE_S = 30.0
NO_ROSTER_AGE_S = 0.5
MOST_ROSTERS = 256
MOST_ROUTES = 8192
LOG_EVERY_S = 10.0


@dataclass(frozen=True, slots=True)
class Roster:
    """Who sits in a job, as it was read; good until `until_s`.

    An ended job is looked at again soon, for a rerun starts it anew.
    """

    seats: frozenset[Party]
    ended: bool
    until_s: float


Address = tuple[str, str, str]
"""Job, sender's seat, receiver's seat, as a header writes them."""


class Relay:
    """Passes letters and their acknowledgements from one link to another."""

    def __init__(
        self, store: Store, find_link: Callable[[str], Link | None], meters: Meters
    ) -> None:
        self._store = store
        self._find_link = find_link
        self._meters = meters
        self._rosters: dict[str, Roster] = {}
        self._routes: dict[tuple[str, Address], tuple[str, float]] = {}
        self._logged: dict[tuple[str, str], float] = {}

    async def forward(self, link: Link, frame: Frame, message: bytes) -> None:
        """Pass `message`, of which `frame` is a view, to the agent it is addressed to.

        Raises:
            MalformedMessage: its header names no job, sender or receiver.
        """
        address = _address_of(frame)
        known = self._routes.get((link.party_id, address))
        if known is not None and known[1] > time.monotonic():
            receiver: str | None = known[0]
        else:
            receiver = await self._route(link.party_id, address)
        if receiver is None:
            return
        other = self._find_link(receiver)
        if other is None:
            self._drop("receiver_away", link.party_id, address)
        elif not other.send_bulk(message, may_drop=True):
            self._drop("lane_full", link.party_id, address)
        else:
            self._meters.letters.inc()
            self._meters.letter_bytes.inc(len(message))

    async def _route(self, party_id: str, address: Address) -> str | None:
        """The party a checked address leads to; None if the letter is dropped."""
        job_id = address[0]
        try:
            sender, receiver = Party.parse(address[1]), Party.parse(address[2])
        except ValueError:
            raise MalformedMessage("a letter's address is not a seat") from None
        roster = await self._roster(job_id)
        refusal = ""
        if sender.party_id != party_id:
            refusal = "forged_sender"
        elif sender not in roster.seats or receiver not in roster.seats:
            refusal = "not_in_job"
        elif roster.ended:
            refusal = "job_ended"
        if refusal:
            self._drop(refusal, party_id, address)
            return None
        if len(self._routes) >= MOST_ROUTES:
            self._routes.clear()
        self._routes[party_id, address] = receiver.party_id, roster.until_s
        return receiver.party_id

    async def _roster(self, job_id: str) -> Roster:
        roster = self._rosters.get(job_id)
        if roster is None or roster.until_s < time.monotonic():
            async with self._store.read() as view:
                job = await view.jobs.find(job_id)
            roster = _roster_of(job)
            if len(self._rosters) >= MOST_ROSTERS:
                del self._rosters[next(iter(self._rosters))]
            self._rosters[job_id] = roster
        return roster

    def _drop(self, reason: str, party_id: str, address: Address) -> None:
        """Count a dropped letter, and name it in the log unless it just was."""
        self._meters.dropped.labels(reason).inc()
        now = time.monotonic()
        if self._logged.get((reason, party_id), -LOG_EVERY_S) + LOG_EVERY_S > now:
            return
        self._logged[reason, party_id] = now
        quiet = reason in ("job_ended", "receiver_away")
        (log.debug if quiet else log.warning)(
            "letter dropped",
            reason=reason,
            party_id=party_id,
            job_id=address[0],
            sender=address[1],
            receiver=address[2],
        )


def _roster_of(job: Job | None) -> Roster:
    seats: frozenset[Party] = frozenset() if job is None else frozenset(job.seats)
    ended = job is not None and job.status in ENDED
    age_s = NO_ROSTER_AGE_S if ended or job is None else ROSTER_AGE_S
    return Roster(seats, ended, time.monotonic() + age_s)


def _address_of(frame: Frame) -> Address:
    header = frame.header
    job_id, sender, receiver = header.get("job"), header.get("from"), header.get("to")
    if not (isinstance(job_id, str) and isinstance(sender, str) and isinstance(receiver, str)):
        raise MalformedMessage("a letter's header names no job, sender or receiver")
    return job_id, sender, receiver
