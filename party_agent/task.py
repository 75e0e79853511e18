"""One attempt of one task at one role, in a process of its own.

The process is forked before it is needed and waits for its order. It then runs the component's
coroutine over a channel whose letters go through the agent, tells metrics as they come, and at the
end what it made or why it failed. It ends when the agent's end of its socket closes.

An unforeseen error leaves the machine as its type alone: its text may quote rows or keys. The
places in the code go to the job's ERROR log, all of it to `faults/`.
"""

import asyncio
import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from socket import socket
from typing import Any

from federation.channel import Channel, PeerKeys, Seat, open_channel
from federation.channel.link import Event
from federation.channel.stream import FrameStream, StreamLink
from federation.components.component import JobFacts
from federation.components.online.questions import Question, Questions
from federation.components.registry import find_component
from federation.errors import LinkClosed, MalformedMessage, TripactError
from federation.spec.orders import Reason, RunTask
from federation.spec.party import Party
from federation.wire.codec import Bytes, Limits, decode, encode
from federation.wire.frames import Frame, FrameKind
from party_agent.devices import show_gpu
from party_agent.logs import SeatLog, keep_fault, places_of
from party_agent.plain import json_like, plain
from party_agent.ports import Made, Stores, bind, checkpointing, hand_through, keep

MESSAGE_LIMITS = Limits(size_bytes=15 << 20, depth=40, elements=1 << 20)
ASK = "ask"
"""The method of a CALL that is for the component itself."""
_PROGRESS_EVERY_S = 0.1
_AGENT_GONE = 3


@dataclass(frozen=True, slots=True)
class Start:
    """Everything a process needs for its attempt.

    Attributes:
        keys: of this attempt, with each seat that the component exchanges letters with.
        gpu: which one it may use, counted among those that the agent sees.
    """

    order: RunTask
    party_id: str
    keys: dict[Party, PeerKeys]
    home: Path
    tables: Path
    cores: int = 1
    gpu: int | None = None

    def to_wire(self) -> bytes:
        """The message that starts a process; it only ever travels inside this machine."""
        return encode(
            {
                "order": self.order.model_dump(mode="python", by_alias=True),
                "party_id": self.party_id,
                "keys": [[str(p), k.sending, k.receiving] for p, k in self.keys.items()],
                "home": str(self.home),
                "tables": str(self.tables),
                "cores": self.cores,
                "gpu": self.gpu,
            },
            MESSAGE_LIMITS,
        )

    @classmethod
    def of(cls, body: Bytes) -> "Start":
        """What the agent sent."""
        said = decode(body, MESSAGE_LIMITS)
        return cls(
            RunTask.model_validate(said["order"]),
            said["party_id"],
            {Party.parse(p): PeerKeys(sent, got) for p, sent, got in said["keys"]},
            Path(said["home"]),
            Path(said["tables"]),
            said["cores"],
            said["gpu"],
        )

    @property
    def me(self) -> Party:
        """The seat the attempt runs at."""
        return Party(self.order.task.role, self.party_id)


async def work(end: socket) -> None:
    """The life of a task's process: wait for an order, carry it out, say how it ended."""
    stream = await FrameStream.over(end)
    stream.put(Frame(FrameKind.HELLO, {"pid": os.getpid()}))
    try:
        frame = await stream.receive()
    except LinkClosed:
        return
    start = Start.of(frame.body)
    show_gpu(start.gpu, os.environ)
    log = SeatLog(start.home / "logs", start.order.job_id, start.me, start.order.task.component)
    try:
        said = await _carried_out(stream, start, log)
    finally:
        log.close()
    await stream.send(Frame(FrameKind.REPORT, {"type": "end"}, encode(said, MESSAGE_LIMITS)))
    await _until_let_go(stream)
    await stream.close()


async def _until_let_go(stream: FrameStream) -> None:
    """Wait until the agent has hung up.

    It may be writing to us: a socket that is closed with bytes unread breaks the agent's end too,
    and our last words could be lost with it.
    """
    with contextlib.suppress(LinkClosed):
        while True:
            await stream.receive()


async def _carried_out(stream: FrameStream, start: Start, log: SeatLog) -> dict[str, Any]:
    """What is told at the end of an attempt, good or bad."""
    log.touch()
    task = start.order.task
    log.write("INFO", "task starts", module=task.module, role=task.role.value, pid=os.getpid())
    begun = time.monotonic()
    try:
        made = await _run(stream, start, log)
    except BaseException as error:
        reason = _reason_of(error, start, log)
        return {"reason": reason.model_dump(mode="python")}
    log.write("INFO", "task ends well", seconds=round(time.monotonic() - begun, 3))
    return {
        "tables": [table.model_dump(mode="python", by_alias=True) for table in made.tables],
        "model": None if made.model is None else made.model.model_dump(mode="python"),
        "summary": made.summary,
    }


async def _run(stream: FrameStream, start: Start, log: SeatLog) -> Made:
    order = start.order
    component = find_component(order.task.module)
    params = component.params.parse(order.task.params)
    stores = Stores(start.tables, start.home / "models", start.home / "spool")
    if getattr(params, "need_run", True) is False:
        log.write("INFO", "need_run is false: the input is handed through")
        return hand_through(stores, component, order)
    ports = bind(stores, component, order)
    report = TaskReport(stream, log)
    questions = AskedByAgent(stream) if component.resident else None
    link = _AgentLink(stream, questions)
    seat = Seat(
        job_id=order.job_id,
        task_id=order.task.task_id,
        version=order.version,
        component=order.task.component,
        me=start.me,
        parties=order.roles,
    )
    link.channel = open_channel(link, seat, start.keys, component.messages_with(params))
    async with link.channel as channel:
        facts = _facts(start, stores, questions)
        result = await component.run(channel, params, ports, report, facts)
        return keep(stores, order, result)


def _facts(start: Start, stores: Stores, questions: Questions | None) -> JobFacts:
    order = start.order
    return JobFacts(
        job_id=order.job_id,
        task_id=order.task.task_id,
        version=order.version,
        component=order.task.component,
        party=start.me,
        index=order.task.index,
        parties=order.roles,
        model_id=order.model_id,
        model_version=order.model_version,
        cores=start.cores,
        tables=order.task.tables,
        store=stores.uploading(),
        outputs=order.data_outputs,
        checkpoint=checkpointing(stores, order),
        questions=questions,
    )


class _AgentLink(StreamLink):
    """The way to the agent; a task whose agent is gone ends at once."""

    def __init__(self, stream: FrameStream, questions: "AskedByAgent | None" = None) -> None:
        super().__init__(stream, self._answer)
        self.channel: Channel | None = None
        self._agent = stream
        self._questions = questions

    async def serve(self, take: Callable[[Event], None]) -> None:
        """Hand letters and news to the channel."""
        try:
            await super().serve(take)
        except LinkClosed:
            os._exit(_AGENT_GONE)

    def _answer(self, frame: Frame) -> None:
        """Say whom this task waits for, and how long already; pass on what else is asked."""
        if frame.kind is not FrameKind.CALL:
            return
        if frame.header.get("method") == ASK:
            if self._questions is not None:
                self._questions.put(frame)
        elif self.channel is not None:
            waits = [[str(party), tag, waited] for party, tag, waited in self.channel.waiting]
            self._agent.put(Frame(FrameKind.ANSWER, frame.header, encode(waits)))


class AskedByAgent:
    """Questions that the agent passes to a resident component."""

    def __init__(self, stream: FrameStream) -> None:
        self._stream = stream
        self._waiting: list[Question] = []
        self._arrived = asyncio.Event()

    def put(self, frame: Frame) -> None:
        """Take a question in; one that can not be read is dropped, and its asker gives up."""
        with contextlib.suppress(MalformedMessage):
            asked = decode(frame.body, MESSAGE_LIMITS)
            self._waiting.append(_Asked(self._stream, frame, asked))
            self._arrived.set()

    async def take(self) -> list[Question]:
        """Everything that is asked and not taken; waits for the first."""
        await self._arrived.wait()
        self._arrived.clear()
        taken, self._waiting = self._waiting, []
        return taken


@dataclass(frozen=True, slots=True)
class _Asked:
    """One question of the agent."""

    stream: FrameStream
    frame: Frame
    asked: Any

    def answer(self, value: Any) -> None:
        body = encode(plain(value), MESSAGE_LIMITS)
        self.stream.put(Frame(FrameKind.ANSWER, self.frame.header, body))


class TaskReport:
    """A component's report: metrics go to the agent as they come, log lines into the files."""

    def __init__(self, stream: FrameStream, log: SeatLog) -> None:
        self._stream = stream
        self._log = log
        self._progress_at = 0.0

    def metric(
        self,
        namespace: str,
        name: str,
        metric_type: str,
        /,
        data: list[tuple[Any, Any]] | None = None,
        **meta: Any,
    ) -> None:
        """Append points to a metric."""
        said = {
            "namespace": namespace,
            "name": name,
            "metric_type": metric_type,
            "data": json_like(data or []),
            "meta": json_like(meta),
        }
        body = encode(said, MESSAGE_LIMITS)
        self._stream.put(Frame(FrameKind.REPORT, {"type": "metric"}, body))

    def progress(self, done: int, total: int) -> None:
        """Say how much of the work is done; told ten times a second at most."""
        now = time.monotonic()
        if now - self._progress_at >= _PROGRESS_EVERY_S or done >= total:
            self._progress_at = now
            header = {"type": "progress", "done": int(done), "total": int(total)}
            self._stream.put(Frame(FrameKind.REPORT, header))

    def log(self, message: str, **facts: Any) -> None:
        """Write one line to the component's INFO log."""
        self._log.write("INFO", message, **json_like(facts))


def _reason_of(error: BaseException, start: Start, log: SeatLog) -> Reason:
    """Why the attempt failed, for everyone; what may quote a row stays on this machine."""
    found = _on_purpose(error)
    component = start.order.task.component
    if found is not None:
        log.write("ERROR", found.message, code=found.code)
        log.write("DEBUG", places_of(found))
        return Reason(code=found.code, message=found.message, facts=json_like(found.facts))
    name = f"{start.order.task.task_id}_{start.order.version}_{start.me.role.value}"
    kept = keep_fault(start.home / "faults", name, error)
    log.write("ERROR", f"unforeseen error, all of it in {kept.name}\n{places_of(error)}")
    if isinstance(error, MemoryError):
        message = f"{component} ran out of memory at this party"
        return Reason(code="out_of_memory", message=message)
    kind = type(error).__name__
    return Reason(
        code="component_error",
        message=f"{component} ({start.order.task.module}) failed with {kind}; "
        "the party's ERROR log says where",
        facts={"type": kind, "component": component},
    )


def _on_purpose(error: BaseException) -> TripactError | None:
    """The error that was raised on purpose, if there is one; also inside a group of errors."""
    if isinstance(error, TripactError):
        return error
    if isinstance(error, BaseExceptionGroup):
        return next((found for e in error.exceptions if (found := _on_purpose(e))), None)
    return None
