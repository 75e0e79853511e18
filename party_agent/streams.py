"""Bytes of a call, either way, at the pace of who takes them.

    CHUNK   bytes, last                            from who sends
    CREDIT  how many more bytes may be sent        from who takes

A mebibyte may be under way at first; whoever takes bytes grants more as it has done with them.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable

from federation.errors import CallGivenUp, MalformedMessage
from federation.wire.frames import Frame, FrameKind

FIRST_CREDIT = 1 << 20
CHUNK_BYTES = 256 << 10
IDLE_S = 60.0

Send = Callable[[Frame], None]


class Stream:
    """The bytes of one call."""

    def __init__(self, call_id: str, send: Send) -> None:
        self.call_id = call_id
        self._send = send
        self._credit = FIRST_CREDIT
        self._granted = FIRST_CREDIT
        self._chunks: deque[bytes] = deque()
        self._last = False
        self._given_up = False
        self._changed = asyncio.Event()

    def take(self, frame: Frame) -> None:
        """A CHUNK, CREDIT or (nobody waits any more) ANSWER from the coordinator.

        Raises:
            MalformedMessage: not of the shape of its kind, or more bytes than were granted.
        """
        if frame.kind is FrameKind.CREDIT:
            more = frame.header.get("bytes")
            if type(more) is not int or more < 0:
                raise MalformedMessage("a CREDIT grants no number of bytes")
            self._credit += more
        elif frame.kind is FrameKind.CHUNK:
            self._granted -= len(frame.body)
            if self._granted < 0:
                raise MalformedMessage("a CHUNK is larger than what was granted")
            if len(frame.body):
                self._chunks.append(bytes(frame.body))
            self._last = self._last or frame.header.get("last") is True
        else:
            self._given_up = True
        self._changed.set()

    async def read(self) -> bytes:
        """The next bytes; empty at the end.

        Raises:
            CallGivenUp: nobody waits for the call any more, or nothing came for a minute.
        """
        await self._until(lambda: bool(self._chunks) or self._last)
        if not self._chunks:
            return b""
        chunk = self._chunks.popleft()
        self._granted += len(chunk)
        self._send(Frame(FrameKind.CREDIT, {"call_id": self.call_id, "bytes": len(chunk)}))
        return chunk

    async def blocks(self) -> AsyncIterator[bytes]:
        """All bytes, as they come.

        Raises:
            CallGivenUp: nobody waits for the call any more, or nothing came for a minute.
        """
        while chunk := await self.read():
            yield chunk

    async def write(self, data: bytes | memoryview) -> None:
        """Send bytes, as far as the other side has room.

        Raises:
            CallGivenUp: nobody waits for the call any more, or nothing was taken for a minute.
        """
        view = memoryview(data)
        while view:
            await self._until(lambda: self._credit > 0)
            piece = view[: min(self._credit, CHUNK_BYTES)]
            self._credit -= len(piece)
            header = {"call_id": self.call_id, "last": False}
            self._send(Frame(FrameKind.CHUNK, header, bytes(piece)))
            view = view[len(piece) :]

    async def write_all(self, pieces: Iterable[bytes]) -> None:
        """Send pieces that are made one by one in another thread, then the end."""
        async for piece in in_thread(pieces):
            await self.write(piece)
        self._send(Frame(FrameKind.CHUNK, {"call_id": self.call_id, "last": True}))

    async def _until(self, ready: Callable[[], bool]) -> None:
        while not ready():
            if self._given_up:
                raise CallGivenUp
            self._changed.clear()
            try:
                async with asyncio.timeout(IDLE_S):
                    await self._changed.wait()
            except TimeoutError:
                raise CallGivenUp from None
        if self._given_up:
            raise CallGivenUp


async def in_thread(pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
    """Pieces that are made one by one in another thread."""
    remaining = iter(pieces)
    while (piece := await asyncio.to_thread(next, remaining, None)) is not None:
        yield piece
