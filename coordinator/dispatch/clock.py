"""The alarm clock: wakes the jobs when something of theirs is due, and at no other time.

APScheduler holds one date job at the earliest time asked for. Our table is the truth: after each
alarm, and at the start, the next time is asked of the jobs.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from coordinator.domain.ports import Clock

log = structlog.get_logger(__name__)

ALARM = "alarm"
RETRY_MS = 1_000

Ring = Callable[[int], Awaitable[None]]
NextDue = Callable[[], Awaitable[int | None]]


class Alarm:
    """Calls `ring` at the times asked for."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._scheduler = AsyncIOScheduler(timezone=UTC)
        self._at_ms: int | None = None
        self._ringing = False
        self._ring: Ring | None = None
        self._next_due: NextDue | None = None

    async def start(self, ring: Ring, next_due: NextDue) -> None:
        """Begin, with what is due next."""
        self._ring, self._next_due = ring, next_due
        self._scheduler.start()
        await self._look_ahead()
        if self._at_ms is not None:
            self._set(self._at_ms)

    def stop(self) -> None:
        """Ring no more."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def remind(self, at_ms: int) -> None:
        """Ring at that time, or at once if it has passed."""
        if self._at_ms is None or at_ms < self._at_ms:
            self._at_ms = at_ms
            if self._scheduler.running and not self._ringing:
                self._set(at_ms)

    def every(self, period_s: float, work: Callable[[], Awaitable[None]]) -> None:
        """Do `work` now and then; what goes wrong in it is only logged."""
        self._scheduler.add_job(work, "interval", seconds=period_s, coalesce=True)

    def _set(self, at_ms: int) -> None:
        self._scheduler.add_job(
            self._alarm,
            "date",
            run_date=datetime.fromtimestamp(at_ms / 1000, UTC),
            id=ALARM,
            replace_existing=True,
            misfire_grace_time=None,
            # The next one may be due before the scheduler has seen the end of the one that set it.
            max_instances=2,
        )

    async def _alarm(self) -> None:
        # A reminder that comes meanwhile is set afterwards: the scheduler would drop it.
        self._at_ms, self._ringing = None, True
        try:
            if self._ring is not None:
                await self._ring(self._clock())
            await self._look_ahead()
        except Exception:
            log.exception("what is due could not be done, trying again")
            self.remind(self._clock() + RETRY_MS)
        finally:
            self._ringing = False
            if self._at_ms is not None and self._scheduler.running:
                self._set(self._at_ms)

    async def _look_ahead(self) -> None:
        if self._next_due is not None and (due_ms := await self._next_due()) is not None:
            self.remind(due_ms)
