"""Attempts of tasks at this party: each waits for its keys and its turn, runs, and is told of once.

    ordered -> keys of its peers -> a turn -> a process -> started ... metrics ... -> ended

However an attempt ends (well, with a reason, killed, or with its process), its end is kept in the
journal together with the report, and only the first end counts.
"""

import asyncio
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import structlog
from pydantic import ValidationError

from federation.components.registry import find_component
from federation.errors import (
    LinkClosed,
    MalformedMessage,
    SessionLost,
    TaskProcessDied,
    TripactError,
)
from federation.program.background import Background
from federation.spec.orders import Reason, RunTask, TaskEnded, TaskStarted
from federation.spec.party import Party
from federation.spec.status import Status
from federation.wire.codec import decode
from federation.wire.frames import Frame, FrameKind
from party_agent.attempt import Attempt, Ending
from party_agent.checks import reason_of
from party_agent.devices import Gpus, Slots
from party_agent.home import Home
from party_agent.journal import AttemptKey, AttemptRow, Journal, now_ms
from party_agent.promises import made_by, promise_key
from party_agent.relay import Relay
from party_agent.reports import Reports
from party_agent.sessions import Membership, Sessions, attempt_keys, partners
from party_agent.task import MESSAGE_LIMITS, Start
from party_agent.workers import Worker, Workers

log = structlog.get_logger(__name__)

_DEATH_NEWS_S = 1.0


@dataclass(frozen=True, slots=True)
class Shop:
    """What running attempts use."""

    home: Home
    party_id: str
    journal: Journal
    reports: Reports
    relay: Relay
    sessions: Sessions
    workers: Workers
    slots: Slots
    gpus: Gpus
    background: Background
    metrics_every_s: float


class Runner:
    """All attempts that have not ended."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._attempts: dict[AttemptKey, Attempt] = {}

    @property
    def attempts(self) -> list[Attempt]:
        """Attempts that have not ended, oldest first."""
        return list(self._attempts.values())

    def run(self, order: RunTask) -> None:
        """Begin an attempt; one that was begun before is left as it is."""
        shop = self._shop
        me = Party(order.task.role, shop.party_id)
        key = AttemptKey(order.task.task_id, order.version, order.task.role.value)
        row = AttemptRow(key, order.job_id, order.task.component, now_ms())
        if not shop.journal.begin_attempt(row):
            return
        attempt = Attempt(key, order, me, shop.relay.open(key, me), shop.reports)
        self._attempts[key] = attempt
        membership = shop.sessions.find(order.job_id, order.epoch)
        attempt.work = shop.background.start(self._live(attempt, membership), f"task {key.task_id}")

    def cancel(self, job_id: str, status: Status, why: str) -> None:
        """Kill every attempt of a job; each is reported as ended with `status`."""
        for attempt in self.attempts:
            if attempt.order.job_id == job_id:
                attempt.stop(Ending(status, Reason(code=status.value, message=why)))

    async def stop(self) -> None:
        """Kill every attempt, since the agent stops; the coordinator is told why."""
        reason = Reason(code="agent_stopped", message="the party's agent was stopped")
        attempts = self.attempts
        for attempt in attempts:
            attempt.stop(Ending(Status.FAILED, reason))
        work = [attempt.work for attempt in attempts if attempt.work is not None]
        if work:
            await asyncio.wait(work, timeout=_DEATH_NEWS_S)

    async def _live(self, attempt: Attempt, membership: Membership | None) -> None:
        try:
            ending = await self._ending(attempt, membership)
        except asyncio.CancelledError:
            ending = attempt.stopped or Ending(Status.CANCELED)
        except TripactError as error:
            ending = Ending(Status.FAILED, reason_of(error))
        except Exception as error:
            log.exception("attempt failed in the agent", task_id=attempt.key.task_id)
            message = f"the party's agent failed with {type(error).__name__}; its log says where"
            ending = Ending(Status.FAILED, Reason(code="agent_error", message=message))
        finally:
            self._attempts.pop(attempt.key, None)
            self._shop.relay.close(attempt.key)
        self._tell_end(attempt, attempt.stopped or ending)

    async def _ending(self, attempt: Attempt, membership: Membership | None) -> Ending:
        """Run an attempt and say how it ended."""
        shop, order = self._shop, attempt.order
        component = find_component(order.task.module)
        seats = partners(order, component, attempt.me)
        if membership is None:
            raise SessionLost(order.job_id, order.epoch)
        shop.sessions.check(order, membership, shop.journal.promise_of)
        attempt.promise = promise_key(membership.order)
        if any(seat.party_id != shop.party_id for seat in seats):
            attempt.state = "waits for its peers' keys"
            await membership.settled.wait()
            if membership.failure is not None:
                return Ending(Status.FAILED, membership.failure)
        if component.resident:
            return await self._run(attempt, self._start(attempt, membership, seats, None))
        attempt.state = "waits for its turn"
        async with shop.slots.hold((attempt.key.task_id, attempt.key.version)):
            with shop.gpus.borrow() as gpu:
                start = self._start(attempt, membership, seats, gpu)
                return await self._run(attempt, start)

    def _start(
        self, attempt: Attempt, membership: Membership, seats: tuple[Party, ...], gpu: int | None
    ) -> Start:
        home = self._shop.home
        keys = attempt_keys(membership, attempt.order, attempt.me, seats)
        return Start(
            self._shop.sessions.adapted(attempt.order),
            self._shop.party_id,
            keys,
            home.root,
            home.tables,
            max(1, membership.order.cores),
            gpu,
        )

    async def _run(self, attempt: Attempt, start: Start) -> Ending:
        shop, order = self._shop, attempt.order
        worker = await shop.workers.take()
        stream = worker.stream.result()
        attempt.begin(worker, shop.metrics_every_s)
        try:
            stream.put(Frame(FrameKind.ORDER, {}, start.to_wire()))
            shop.reports.tell(
                TaskStarted(
                    job_id=order.job_id,
                    task_id=order.task.task_id,
                    version=order.version,
                    role=order.task.role,
                    pid=worker.pid,
                    time_ms=attempt.started_ms,
                )
            )
            attempt.box.open(stream)
            return await stream.serve(partial(self._take, attempt))
        except LinkClosed:
            return await self._died(attempt, worker)
        finally:
            worker.kill()
            attempt.give_up_questions()
            await stream.close()

    def _take(self, attempt: Attempt, frame: Frame) -> Ending | None:
        """Take what a task sends: how it ended, if that is what it says."""
        if frame.kind in (FrameKind.LETTER, FrameKind.LETTER_ACK):
            self._shop.relay.leave(attempt.box, frame)
        elif frame.kind is FrameKind.ANSWER:
            attempt.answered(frame)
        elif frame.header.get("type") == "metric":
            attempt.note_metric(decode(frame.body, MESSAGE_LIMITS))
        elif frame.header.get("type") == "progress":
            attempt.progress = (frame.header.get("done", 0), frame.header.get("total", 0))
        elif frame.header.get("type") == "end":
            return _ending_of(decode(frame.body, MESSAGE_LIMITS))
        return None

    async def _died(self, attempt: Attempt, worker: Worker) -> Ending:
        """A process that ended without a word: how, as the nursery tells in a moment."""
        if attempt.stopped is not None:
            return attempt.stopped
        done, _ = await asyncio.wait([worker.ended], timeout=_DEATH_NEWS_S)
        how = worker.ended.result() if done else "no word of how"
        return Ending(Status.FAILED, reason_of(TaskProcessDied(attempt.order.task.component, how)))

    def _tell_end(self, attempt: Attempt, ending: Ending) -> None:
        attempt.flush()
        order, box = attempt.order, attempt.box
        well = ending.status is Status.SUCCESS
        self._shop.reports.end(
            attempt.key,
            TaskEnded(
                job_id=order.job_id,
                task_id=order.task.task_id,
                version=order.version,
                role=order.task.role,
                component=order.task.component,
                status=ending.status,
                reason=ending.reason,
                tables=ending.tables if well else (),
                model=ending.model if well else None,
                summary=ending.summary if well else None,
                letters=box.letters,
                letter_bytes=box.letter_bytes,
                started_ms=attempt.started_ms,
                ended_ms=now_ms(),
            ),
            made_by(order, attempt.promise, ending.tables, ending.model) if well else (),
        )
        facts: dict[str, Any] = {"task_id": attempt.key.task_id, "role": attempt.key.role}
        if ending.reason is not None:
            facts |= {"reason": ending.reason.code, "message": ending.reason.message}
        log.info("task ended", status=ending.status.value, **facts)
        if well:
            _let_go_of_upload(self._shop.home.spool, order)


def _ending_of(said: dict[str, Any]) -> Ending:
    """What a task's last message says."""
    try:
        if said.get("reason") is not None:
            return Ending(Status.FAILED, Reason.model_validate(said["reason"]))
        return Ending.well(said)
    except (ValidationError, TypeError) as error:
        raise MalformedMessage(f"a task's end ({type(error).__name__})") from None


def _let_go_of_upload(spool: Path, order: RunTask) -> None:
    """A file that was streamed here has become a table."""
    file = order.task.params.get("file")
    if order.task.module == "Upload" and isinstance(file, str) and file.startswith("spool:"):
        (spool / Path(file.removeprefix("spool:")).name).unlink(missing_ok=True)
