"""Questions to an agent: one answer each, and bytes either way at the pace of who takes them.

    CALL    call_id, method, arguments        ->
            <-  ANSWER  ok, result or (code, message)
    CHUNK   bytes, last                       either way
    CREDIT  how many more bytes may be sent   the other way

Whoever sends bytes may have as many under way as it has credit, a mebibyte at first; whoever takes
them grants more as it has done with them. Nothing is kept: a call ends with its link.
"""

import asyncio
import contextlib
import secrets
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any

from coordinator.dispatch.link import Link
from federation.errors import (
    CallFailed,
    MalformedMessage,
    NoAnswer,
    PartyNotConnected,
    TripactError,
)
from federation.wire.codec import decode, encode
from federation.wire.frames import Frame, FrameKind, pack_bytes

FIRST_CREDIT = 1 << 20
CHUNK_BYTES = 256 << 10
IDLE_S = 60.0


class Call:
    """One question under way."""

    def __init__(self, link: Link, method: str) -> None:
        self.call_id = secrets.token_hex(8)
        self.link = link
        self.method = method
        self._answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._changed = asyncio.Event()
        self._credit = FIRST_CREDIT
        self._granted = FIRST_CREDIT
        self._chunks: deque[bytes] = deque()
        self._last = False

    @property
    def party_id(self) -> str:
        """Whom the question is for."""
        return self.link.party_id

    @property
    def answered(self) -> bool:
        """Whether there is an answer, good or bad."""
        return self._answer.done()

    # --- what comes in ---------------------------------------------------------------------------

    def take(self, frame: Frame) -> None:
        """An ANSWER, CHUNK or CREDIT for this call.

        Raises:
            MalformedMessage: not of the shape of its kind, or more bytes than were granted.
        """
        if frame.kind is FrameKind.ANSWER:
            self._take_answer(frame)
        elif frame.kind is FrameKind.CREDIT:
            more = frame.header.get("bytes")
            if type(more) is not int or more < 0:
                raise MalformedMessage("a CREDIT grants no number of bytes")
            self._credit += more
        else:
            self._granted -= len(frame.body)
            if self._granted < 0:
                raise MalformedMessage("a CHUNK is larger than what was granted")
            if len(frame.body):
                self._chunks.append(bytes(frame.body))
            self._last = self._last or frame.header.get("last") is True
        self._changed.set()

    def fail(self, error: TripactError) -> None:
        """End the call from this side."""
        if not self._answer.done():
            self._answer.set_exception(error)
            self._answer.exception()  # Marked as looked at: nobody may be waiting any more.
        self._changed.set()

    def _take_answer(self, frame: Frame) -> None:
        if self._answer.done():
            return
        value = decode(frame.body) if len(frame.body) else None
        if frame.header.get("ok") is True:
            self._answer.set_result(value)
            return
        said = value if isinstance(value, dict) else {}
        code, message = str(said.get("code", "error")), str(said.get("message", "no reason given"))
        self.fail(CallFailed(self.party_id, self.method, code, message))

    # --- what goes out ---------------------------------------------------------------------------

    async def result(self, timeout_s: float) -> Any:
        """The answer.

        Raises:
            CallFailed, PartyNotConnected, NoAnswer: there is none.
        """
        try:
            async with asyncio.timeout(timeout_s):
                return await asyncio.shield(self._answer)
        except TimeoutError:
            raise NoAnswer(self.party_id, self.method, timeout_s) from None

    async def send(self, chunks: AsyncIterator[bytes]) -> None:
        """Send bytes at the agent's pace; ends early if it answers meanwhile."""
        async for chunk in chunks:
            view = memoryview(chunk)
            while view.nbytes and not self.answered:
                await self._until(lambda: self._credit > 0 or self.answered)
                piece = view[: min(self._credit, CHUNK_BYTES)]
                if not self.answered:
                    self._credit -= len(piece)
                    self._put(FrameKind.CHUNK, piece, last=False)
                view = view[len(piece) :]
            if self.answered:
                return
        self._put(FrameKind.CHUNK, b"", last=True)

    async def receive(self) -> AsyncIterator[bytes]:
        """The agent's bytes, then its answer is waited for.

        Raises:
            CallFailed, PartyNotConnected, NoAnswer: it broke off.
        """
        while True:
            await self._until(lambda: bool(self._chunks) or self._last or self._failed())
            if self._failed() or not self._chunks:
                break
            chunk = self._chunks.popleft()
            yield chunk
            self._granted += len(chunk)
            self._put(FrameKind.CREDIT, b"", bytes=len(chunk))
        await self.result(IDLE_S)

    def abort(self) -> None:
        """Tell the agent that nobody waits for this call any more."""
        if not self.answered:
            why = {"code": "call_given_up", "message": "nobody waits for it any more"}
            self._put(FrameKind.ANSWER, encode(why), ok=False)

    def _failed(self) -> bool:
        return self._answer.done() and self._answer.exception() is not None

    async def _until(self, ready: Callable[[], bool]) -> None:
        """Wait until `ready`.

        Raises:
            NoAnswer: the agent neither sent, took nor answered anything for a minute.
        """
        while not ready():
            self._changed.clear()
            try:
                async with asyncio.timeout(IDLE_S):
                    await self._changed.wait()
            except TimeoutError:
                raise NoAnswer(self.party_id, self.method, IDLE_S) from None

    def _put(self, kind: FrameKind, body: bytes | memoryview, **header: Any) -> None:
        frame = Frame(kind, {"call_id": self.call_id, **header}, body)
        if kind is FrameKind.CHUNK:
            self.link.send_bulk(pack_bytes(frame), may_drop=False)
        else:
            self.link.send(frame)


class Calls:
    """All questions under way, by link."""

    def __init__(self, find_link: Callable[[str], Link | None]) -> None:
        self._find_link = find_link
        self._open: dict[tuple[str, str], Call] = {}

    async def call(
        self, party_id: str, method: str, args: Mapping[str, Any], timeout_s: float
    ) -> Any:
        """One question, one answer."""
        with self._opened(party_id, method, args) as call:
            return await call.result(timeout_s)

    async def send_stream(
        self, party_id: str, method: str, args: Mapping[str, Any], chunks: AsyncIterator[bytes]
    ) -> Any:
        """One question with bytes to send, one answer."""
        with self._opened(party_id, method, args) as call:
            await call.send(chunks)
            return await call.result(IDLE_S)

    async def receive_stream(
        self, party_id: str, method: str, args: Mapping[str, Any]
    ) -> AsyncIterator[bytes]:
        """One question, bytes as they come."""
        with self._opened(party_id, method, args) as call:
            async for chunk in call.receive():
                yield chunk

    def take(self, link: Link, frame: Frame) -> None:
        """An ANSWER, CHUNK or CREDIT that came over `link`; one of an ended call is ignored.

        Raises:
            MalformedMessage: see `Call.take`.
        """
        call = self._open.get((link.link_id, str(frame.header.get("call_id"))))
        if call is not None:
            call.take(frame)

    def link_ended(self, link: Link) -> None:
        """End every call of a link that is gone."""
        for (link_id, _), call in list(self._open.items()):
            if link_id == link.link_id:
                call.fail(PartyNotConnected(link.party_id))

    @contextlib.contextmanager
    def _opened(self, party_id: str, method: str, args: Mapping[str, Any]) -> Iterator[Call]:
        link = self._find_link(party_id)
        if link is None:
            raise PartyNotConnected(party_id)
        call = Call(link, method)
        self._open[link.link_id, call.call_id] = call
        header = {"call_id": call.call_id, "method": method}
        link.send(Frame(FrameKind.CALL, header, encode(dict(args))))
        try:
            yield call
        finally:
            call.abort()
            del self._open[link.link_id, call.call_id]
