"""Reports of one agent over one link: taken in one after the other, acknowledged once kept.

What can not be kept is tried again, see `persist`. A report that nobody can read would block all
later ones for ever, so it is named in the log and given up.
"""

import asyncio
from dataclasses import dataclass

import structlog
from pydantic import ValidationError

from coordinator.dispatch.link import Link
from coordinator.dispatch.meters import Meters
from coordinator.dispatch.persist import finished, persist
from coordinator.domain.ports import JobEvents, Store
from federation.errors import MalformedMessage
from federation.spec.orders import REPORT, Report
from federation.wire.codec import Bytes, decode
from federation.wire.frames import Frame, FrameKind

log = structlog.get_logger(__name__)

MOST_WAITING = 1024


@dataclass(frozen=True, slots=True)
class Taken:
    """A report that came: its number in the agent's life, and its bytes."""

    seq: int
    body: Bytes


class Inbox:
    """Takes in what one link brings; links of one party share its `turn`."""

    def __init__(
        self, store: Store, jobs: JobEvents, link: Link, meters: Meters, turn: asyncio.Lock
    ) -> None:
        self._store = store
        self._jobs = jobs
        self._link = link
        self._meters = meters
        self._turn = turn
        self._queue: asyncio.Queue[Taken] = asyncio.Queue(MOST_WAITING)

    async def put(self, frame: Frame) -> None:
        """Line a REPORT up; waits while too many wait.

        Raises:
            MalformedMessage: it has no number.
        """
        seq = frame.header.get("seq")
        if type(seq) is not int or seq < 1:
            raise MalformedMessage("a REPORT has no seq")
        await self._queue.put(Taken(seq, frame.body))

    async def greet(self) -> None:
        """Tell the jobs that the agent is linked; before any of its reports."""
        async with self._turn:
            await persist(
                self._store,
                lambda: self._jobs.on_agent_up(self._link.party_id, self._link.boot_id),
                party_id=self._link.party_id,
                what="agent up",
            )

    async def run(self) -> None:
        """Take reports in until cancelled; one that is being kept is finished."""
        while True:
            taken = await self._queue.get()
            await finished(self._take(taken))

    async def _take(self, taken: Taken) -> None:
        party_id = self._link.party_id
        async with self._turn:
            report = self._read(taken)
            if report is not None:
                await persist(
                    self._store,
                    lambda: self._jobs.on_report(party_id, taken.seq, report),
                    party_id=party_id,
                    what=report.kind,
                )
                self._meters.reports.inc()
        self._link.send(Frame(FrameKind.REPORT_ACK, {"seq": taken.seq}))

    def _read(self, taken: Taken) -> Report | None:
        """The report; None if nobody can read it, now or when it comes again."""
        try:
            return REPORT.validate_python(decode(taken.body))
        except (ValidationError, MalformedMessage) as error:
            log.error(
                "report given up: it can not be read",
                party_id=self._link.party_id,
                seq=taken.seq,
                why=type(error).__name__,
            )
            return None
