"""Frames over a connected socket: the link of a task's process to its agent, of agents to others.

The agent gives the process one end of a socket pair. Letters and acknowledgements go both ways; a
WELCOME from the agent says that its way to the coordinator was interrupted and works again; a BYE,
or the end of the stream, closes the link. Frames of other kinds go to whoever asked for them.

Bytes are received into the place where they stay, and sent from where they are: neither end keeps a
buffer between the socket and a frame. A frame is written to the socket before `send` returns, so a
task that then computes for minutes holds nothing back: the agent has it.
"""

import asyncio
import socket
from collections import deque
from collections.abc import Callable
from typing import TypeVar

from federation.channel.link import Event, Resumed
from federation.errors import LinkClosed, MalformedMessage, TripactError
from federation.wire.frames import MAX_FRAME_BYTES, Frame, FrameKind, FrameReader, pack_stream

_SOCKET_BUFFER_BYTES = 1 << 20
_UNREAD_BYTES = 2 << 20
_READS_A_TURN = 16

_LETTERS = frozenset({FrameKind.LETTER, FrameKind.LETTER_ACK})

T = TypeVar("T")


class FrameStream:
    """Sends and receives frames over a socket, which it owns; both ends may use it."""

    def __init__(self, end: socket.socket, limit: int = MAX_FRAME_BYTES) -> None:
        """Read from now on; needs a running event loop."""
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            end.setsockopt(socket.SOL_SOCKET, option, _SOCKET_BUFFER_BYTES)
        end.setblocking(False)
        self._end = end
        self._loop = asyncio.get_running_loop()
        self._reader = FrameReader(limit)
        self._frames: deque[Frame] = deque()
        self._unread_bytes = 0
        self._arrived = asyncio.Event()
        self._failure: TripactError | None = None
        self._hand: Callable[[Frame], None] = self._hold
        self._fail_server: Callable[[TripactError], None] = _nobody
        self._reading = False
        self._unsent: deque[memoryview] = deque()
        self._left = asyncio.Event()
        self._left.set()
        self._closed = self._cut_off = False
        self._listen(wanted=True)

    @classmethod
    async def over(cls, end: socket.socket) -> "FrameStream":
        """A stream over one end of a connected socket."""
        return cls(end)

    @property
    def limit(self) -> int:
        """The largest frame that is taken and sent, in bytes; may be changed between frames."""
        return self._reader.limit

    @limit.setter
    def limit(self, size_bytes: int) -> None:
        self._reader.limit = size_bytes

    @property
    def unsent_bytes(self) -> int:
        """What was put and the socket has not taken yet."""
        return sum(map(len, self._unsent))

    def put(self, frame: Frame) -> None:
        """Write a frame without waiting; what the socket does not take yet is kept in memory.

        Raises:
            LinkClosed: the other end is gone.
            ValueError: the frame is over the limit.
        """
        if self._closed or self._cut_off:
            raise LinkClosed
        waits = bool(self._unsent)
        self._unsent.extend(memoryview(buffer) for buffer in pack_stream(frame, self.limit))
        if not waits:
            self._write()
            if self._unsent:
                self._left.clear()
                self._loop.add_writer(self._end, self._write)

    async def send(self, frame: Frame) -> None:
        """Write a frame; returns when the socket has taken all of it.

        Raises:
            LinkClosed: the other end is gone.
        """
        self.put(frame)
        if self._unsent:
            await self._left.wait()
        if self._cut_off:
            raise LinkClosed

    async def receive(self) -> Frame:
        """The next frame; whoever gives up waiting for it leaves the stream in order.

        Raises:
            LinkClosed: the other end is gone.
            MalformedMessage: it can not be read; the stream is then of no more use.
        """
        while not self._frames:
            if self._failure is not None:
                raise self._failure
            self._arrived.clear()
            await self._arrived.wait()
        return self._next()

    async def serve(self, take: Callable[[Frame], T | None]) -> T:
        """Hand each frame to `take` as it comes, at once and in order, until that gives something.

        No task has to be woken for a frame. What comes later is held for `receive`.

        Returns:
            What `take` gave.

        Raises:
            LinkClosed: the other end is gone.
            MalformedMessage: a frame can not be read; the stream is then of no more use.
            Exception: what `take` raised.
        """
        over: asyncio.Future[T] = self._loop.create_future()

        def end(error: Exception) -> None:
            if not over.done():
                over.set_exception(error)

        def hand(frame: Frame) -> None:
            if over.done():
                self._hold(frame)
                return
            try:
                given = take(frame)
            except Exception as error:  # whoever serves is to hear of it
                end(error)
                return
            if given is not None and not over.done():
                over.set_result(given)

        try:
            while self._frames and not over.done():
                hand(self._next())
            if self._failure is not None:
                end(self._failure)
            self._hand, self._fail_server = hand, end
            return await over
        finally:
            self._hand, self._fail_server = self._hold, _nobody
            if over.done() and not over.cancelled():
                over.exception()  # Marked as looked at: who serves may have been cancelled.

    async def close(self) -> None:
        """Close this end, after what was written has left."""
        self._closed = True
        self._fail(LinkClosed())
        await self._left.wait()
        self.abort()

    def abort(self) -> None:
        """Close this end at once; what the socket has not taken is lost."""
        self._closed = True
        self._cut_off |= bool(self._unsent)
        self._unsent.clear()
        self._fail(LinkClosed())
        if self._end.fileno() >= 0:
            self._loop.remove_writer(self._end)
            self._end.close()
        self._left.set()

    # --- what arrives

    def _listen(self, *, wanted: bool) -> None:
        if wanted and not self._reading:
            self._loop.add_reader(self._end, self._read)
        elif not wanted and self._reading:
            self._loop.remove_reader(self._end)
        self._reading = wanted

    def _read(self) -> None:
        """Take what the socket holds, up to what one turn may take and what is held unread."""
        for _ in range(_READS_A_TURN):
            room = self._reader.buffer()
            try:
                count = self._end.recv_into(room)
                frames = self._reader.filled(count)
            except BlockingIOError:
                return
            except OSError:
                self._fail(LinkClosed())
                return
            except MalformedMessage as error:
                self._fail(error)
                return
            if not count:
                self._fail(LinkClosed())
                return
            for frame in frames:
                self._hand(frame)
            if not self._reading or count < len(room):
                return

    def _hold(self, frame: Frame) -> None:
        """Keep a frame until somebody receives it, and read no more if there are too many."""
        self._frames.append(frame)
        self._unread_bytes += len(frame.body)
        self._arrived.set()
        if self._unread_bytes > _UNREAD_BYTES:
            self._listen(wanted=False)

    def _next(self) -> Frame:
        """The oldest frame that is held."""
        frame = self._frames.popleft()
        self._unread_bytes -= len(frame.body)
        if not self._reading and self._unread_bytes <= _UNREAD_BYTES:
            self._listen(wanted=self._failure is None)
        return frame

    def _fail(self, error: TripactError) -> None:
        """Read no more; who waits hears of the first failure."""
        self._failure = self._failure or error
        if self._end.fileno() >= 0:
            self._listen(wanted=False)
        self._arrived.set()
        self._fail_server(self._failure)

    # --- what leaves

    def _write(self) -> None:
        """Give the socket what it takes."""
        try:
            while self._unsent:
                if len(self._unsent) == 1:
                    self._sent(self._end.send(self._unsent[0]))
                else:
                    self._sent(self._end.sendmsg([self._unsent[0], self._unsent[1]]))
        except BlockingIOError:
            return
        except OSError:
            self._cut_off = True
            self._unsent.clear()
        if not self._left.is_set():
            self._loop.remove_writer(self._end)
            self._left.set()

    def _sent(self, count: int) -> None:
        while count:
            first = self._unsent.popleft()
            if count < len(first):
                self._unsent.appendleft(first[count:])
                return
            count -= len(first)


class StreamLink:
    """A channel's link over a frame stream."""

    def __init__(self, stream: FrameStream, other: Callable[[Frame], None] | None = None) -> None:
        """Take over the reading side of `stream`.

        Args:
            other: called with frames that are not for the channel; without it they are refused.
        """
        self._stream = stream
        self._other = other

    async def send(self, frame: Frame) -> None:
        """Hand one frame to the agent."""
        await self._stream.send(frame)

    async def serve(self, take: Callable[[Event], None]) -> None:
        """Hand letters, acknowledgements and news to `take` as they come."""

        def sort(frame: Frame) -> None:
            if frame.kind in _LETTERS:
                take(frame)
            elif frame.kind is FrameKind.WELCOME:
                take(Resumed())
            elif frame.kind is FrameKind.BYE:
                raise LinkClosed
            elif self._other is None:
                raise MalformedMessage("a frame of this kind is not for a task")
            else:
                self._other(frame)

        await self._stream.serve(sort)

    async def close(self) -> None:
        """Leave the stream open: a task has more to tell its agent than letters."""


def _nobody(_: TripactError) -> None:
    """Nobody serves."""
