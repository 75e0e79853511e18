"""One attempt of a task at one of this party's roles, from its order to its end."""

import asyncio
import secrets
from dataclasses import dataclass
from typing import Any

import structlog
from pydantic import ValidationError

from federation.errors import LinkClosed
from federation.spec.orders import (
    Metric,
    ModelOutput,
    Reason,
    RunTask,
    TableOutput,
    TaskMetrics,
)
from federation.spec.party import Party
from federation.spec.status import Status
from federation.wire.codec import decode, encode
from federation.wire.frames import Frame, FrameKind
from party_agent.journal import AttemptKey, now_ms
from party_agent.relay import Box
from party_agent.reports import Reports
from party_agent.task import ASK, MESSAGE_LIMITS
from party_agent.workers import Worker

log = structlog.get_logger(__name__)

_ANSWER_S = 0.3


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt ended, and what it made."""

    status: Status
    reason: Reason | None = None
    tables: tuple[TableOutput, ...] = ()
    model: ModelOutput | None = None
    summary: dict[str, Any] | None = None

    @classmethod
    def well(cls, said: dict[str, Any]) -> "Ending":
        """A good end, as the process tells it.

        Raises:
            ValidationError: it is not of the shape of one.
        """
        model = said.get("model")
        return cls(
            Status.SUCCESS,
            tables=tuple(TableOutput.model_validate(table) for table in said.get("tables", ())),
            model=None if model is None else ModelOutput.model_validate(model),
            summary=said.get("summary"),
        )


class Attempt:
    """What the agent knows of an attempt while it has not ended.

    Attributes:
        state: what it does or waits for, in words.
        stopped: how it ends, if the agent itself ended it.
        progress: work done and in all, as the component counts it.
        promise: what this party promised of the job, as `promises.promise_key` gives it.
    """

    def __init__(
        self, key: AttemptKey, order: RunTask, me: Party, box: Box, reports: Reports
    ) -> None:
        self.key = key
        self.order = order
        self.me = me
        self.box = box
        self.state = "was ordered"
        self.started_ms = 0
        self.stopped: Ending | None = None
        self.progress = (0, 0)
        self.promise = b""
        self.work: asyncio.Task[None] | None = None
        self._reports = reports
        self._worker: Worker | None = None
        self._metrics: list[Metric] = []
        self._metrics_every_s = 0.0
        self._flush_due: asyncio.TimerHandle | None = None
        self._asked: dict[str, asyncio.Future[Any]] = {}

    def begin(self, worker: Worker, metrics_every_s: float) -> None:
        """A process runs it from now on."""
        self._worker = worker
        self._metrics_every_s = metrics_every_s
        self.started_ms = now_ms()
        self.state = "runs"

    def stop(self, ending: Ending) -> None:
        """End it at once, as said; the first time counts."""
        if self.stopped is None:
            self.stopped = ending
        if self._worker is not None:
            self._worker.kill()
        elif self.work is not None:
            self.work.cancel()

    # --- metrics ---------------------------------------------------------------------------------

    def note_metric(self, said: Any) -> None:
        """Keep a metric until it is time to report; a malformed one is dropped by name."""
        try:
            self._metrics.append(Metric.model_validate(said))
        except ValidationError:
            log.error("metric dropped: it can not be read", task_id=self.key.task_id)
            return
        if self._flush_due is None:
            loop = asyncio.get_running_loop()
            self._flush_due = loop.call_later(self._metrics_every_s, self.flush)

    def flush(self) -> None:
        """Report the metrics that were kept."""
        if self._flush_due is not None:
            self._flush_due.cancel()
            self._flush_due = None
        if not self._metrics:
            return
        metrics, self._metrics = tuple(self._metrics), []
        self._reports.tell(
            TaskMetrics(
                job_id=self.order.job_id,
                task_id=self.key.task_id,
                version=self.key.version,
                role=self.order.task.role,
                component=self.order.task.component,
                metrics=metrics,
            )
        )

    # --- what it waits for -----------------------------------------------------------------------

    async def waits(self) -> list[dict[str, Any]]:
        """Whom its process waits for, with tag and seconds; empty if it computes."""
        if self._worker is None or not self._worker.stream.done():
            return []
        try:
            told = await self._call(self._worker, Frame(FrameKind.CALL), _ANSWER_S)
        except (TimeoutError, LinkClosed):
            return []
        return [{"peer": peer, "tag": tag, "seconds": waited} for peer, tag, waited in told]

    async def ask(self, question: Any, timeout_s: float) -> Any:
        """What its component, a resident one, answers.

        Raises:
            LinkClosed: it does not run, or ended meanwhile.
            TimeoutError: it took too long.
        """
        if self._worker is None or not self._worker.stream.done():
            raise LinkClosed
        frame = Frame(FrameKind.CALL, {"method": ASK}, encode(question, MESSAGE_LIMITS))
        return await self._call(self._worker, frame, timeout_s)

    async def _call(self, worker: Worker, frame: Frame, timeout_s: float) -> Any:
        """What the process answers.

        Raises:
            LinkClosed: it has ended.
            TimeoutError: it took too long.
        """
        mark = secrets.token_hex(8)
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._asked[mark] = future
        try:
            marked = Frame(frame.kind, {"call_id": mark, **frame.header}, frame.body)
            worker.stream.result().put(marked)
            async with asyncio.timeout(timeout_s):
                return await future
        finally:
            del self._asked[mark]

    def give_up_questions(self) -> None:
        """Its process has ended: nobody answers any more."""
        for future in self._asked.values():
            if not future.done():
                future.set_exception(LinkClosed())

    def answered(self, frame: Frame) -> None:
        """The process has said whom it waits for."""
        future = self._asked.get(str(frame.header.get("call_id")))
        if future is not None and not future.done():
            future.set_result(decode(frame.body, MESSAGE_LIMITS))
