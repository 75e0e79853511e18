"""Frames over a byte stream: the link of a task's process to its party's agent.

The agent gives the process one end of a socket pair. Letters and acknowledgements go both ways; a
WELCOME from the agent says that its way to the coordinator was interrupted and works again; a BYE,
or the end of the stream, closes the link. Frames of other kinds go to whoever asked for them.

A frame is written to the socket before `send` returns, so a task that then computes for minutes
holds nothing back: the agent has it.
"""

import asyncio
import socket
from collections.abc import Callable

from federation.channel.link import Event, Resumed
from federation.errors import LinkClosed, MalformedMessage
from federation.wire.frames import (
    MAX_FRAME_BYTES,
    Frame,
    FrameKind,
    frame_size,
    pack_stream,
    unpack,
)

_SOCKET_BUFFER_BYTES = 1 << 20
_JOINED_BYTES = 1 << 16


class FrameStream:
    """Sends and receives frames over a pair of asyncio streams; both ends may use it."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        limit: int = MAX_FRAME_BYTES,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._limit = limit
        self._announced: int | None = None
        writer.transport.set_write_buffer_limits(high=0)

    @classmethod
    async def over(cls, end: socket.socket) -> "FrameStream":
        """A stream over one end of a connected socket, which it owns from now on."""
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            end.setsockopt(socket.SOL_SOCKET, option, _SOCKET_BUFFER_BYTES)
        end.setblocking(False)
        reader, writer = await asyncio.open_connection(sock=end, limit=_SOCKET_BUFFER_BYTES)
        return cls(reader, writer)

    @property
    def unsent_bytes(self) -> int:
        """What was put and the socket has not taken yet."""
        return self._writer.transport.get_write_buffer_size()

    def put(self, frame: Frame) -> None:
        """Write a frame without waiting; what the socket does not take yet is kept in memory.

        Raises:
            LinkClosed: the other end is gone.
            ValueError: the frame is over the limit.
        """
        if self._writer.is_closing():
            raise LinkClosed
        buffers = pack_stream(frame, self._limit)
        if sum(map(len, buffers)) <= _JOINED_BYTES:
            buffers = [b"".join(buffers)]
        for buffer in buffers:
            self._writer.write(buffer)

    async def send(self, frame: Frame) -> None:
        """Write a frame; returns when the socket has taken all of it.

        Raises:
            LinkClosed: the other end is gone.
        """
        self.put(frame)
        try:
            await self._writer.drain()
        except ConnectionError:
            raise LinkClosed from None

    async def receive(self) -> Frame:
        """The next frame; whoever gives up waiting for it leaves the stream in order.

        Raises:
            LinkClosed: the other end is gone.
            MalformedMessage: it can not be read; the stream is then of no more use.
        """
        try:
            if self._announced is None:
                size = int.from_bytes(await self._reader.readexactly(4), "big")
                self._announced = frame_size(size, self._limit)
            data = await self._reader.readexactly(self._announced)
        except (asyncio.IncompleteReadError, ConnectionError):
            raise LinkClosed from None
        self._announced = None
        return unpack(data, self._limit)

    async def close(self) -> None:
        """Close this end, after what was written has left."""
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except ConnectionError:
            return


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

    async def receive(self) -> Event:
        """The next letter, acknowledgement or news."""
        while True:
            frame = await self._stream.receive()
            if frame.kind in (FrameKind.LETTER, FrameKind.LETTER_ACK):
                return frame
            if frame.kind is FrameKind.WELCOME:
                return Resumed()
            if frame.kind is FrameKind.BYE:
                raise LinkClosed
            if self._other is None:
                raise MalformedMessage("a frame of this kind is not for a task")
            self._other(frame)

    async def close(self) -> None:
        """Leave the stream open: a task has more to tell its agent than letters."""
