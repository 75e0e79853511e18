"""One linked agent: what is known of it, and two lanes of messages on their way to it.

Orders, calls and acknowledgements go through the control lane and overtake letters and chunks of
files, which go through the bulk lane. The bulk lane is bounded: a letter that does not fit is
dropped, for its sender keeps it until its receiver has acknowledged it.
"""

import asyncio
import contextlib
import secrets
from collections import deque
from typing import Protocol

from federation.wire.frames import Frame, FrameKind, pack_bytes

PROBE_S = 2.0
TELL_S = 0.2


class Socket(Protocol):
    """What a link needs of a websocket."""

    @property
    def closed(self) -> bool: ...

    async def send_bytes(self, data: bytes) -> None: ...

    async def ping(self, message: bytes = b"") -> None: ...

    async def close(self) -> object: ...


class Link:
    """A websocket whose other end has proven to be the agent of `party_id`.

    Attributes:
        greeted: the jobs know of it, so it may have orders.
        sent_seq: the last order that was sent over it.
    """

    def __init__(self, socket: Socket, party_id: str, boot_id: str, bulk_bytes: int) -> None:
        self.party_id = party_id
        self.boot_id = boot_id
        self.link_id = secrets.token_hex(4)
        self.greeted = False
        self.sent_seq = 0
        self._socket = socket
        self._bulk_limit = bulk_bytes
        self._bulk_size = 0
        self._control: deque[bytes] = deque()
        self._bulk: deque[bytes] = deque()
        self._filled = asyncio.Event()
        self._heard = asyncio.Event()

    def send(self, frame: Frame) -> None:
        """Put a frame on the control lane."""
        self._control.append(pack_bytes(frame))
        self._filled.set()

    def send_bulk(self, message: bytes, *, may_drop: bool) -> bool:
        """Put a packed frame on the bulk lane; False if it is full and `may_drop`."""
        if may_drop and self._bulk and self._bulk_size + len(message) > self._bulk_limit:
            return False
        self._bulk.append(message)
        self._bulk_size += len(message)
        self._filled.set()
        return True

    async def write(self) -> None:
        """Send what the lanes hold, until the socket is gone or this is cancelled."""
        with contextlib.suppress(ConnectionError):
            await self._write()

    async def _write(self) -> None:
        while True:
            await self._filled.wait()
            while self._control or self._bulk:
                if self._control:
                    await self._socket.send_bytes(self._control.popleft())
                else:
                    message = self._bulk.popleft()
                    self._bulk_size -= len(message)
                    await self._socket.send_bytes(message)
            self._filled.clear()

    def heard(self) -> None:
        """Note that something came from the agent."""
        self._heard.set()

    async def alive(self) -> bool:
        """Whether the agent still answers, within two seconds."""
        if self._socket.closed:
            return False
        self._heard.clear()
        try:
            async with asyncio.timeout(PROBE_S):
                await self._socket.ping()
                await self._heard.wait()
        except (TimeoutError, ConnectionError):
            return False
        return True

    async def tell(self, code: str, message: str) -> None:
        """Say goodbye with a reason; whoever serves the link closes it."""
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(TELL_S):
                await self._socket.send_bytes(_goodbye(code, message))

    async def close(self, code: str, message: str) -> None:
        """Say goodbye with a reason, and close."""
        await say_goodbye(self._socket, code, message)


async def say_goodbye(socket: Socket, code: str, message: str) -> None:
    """Tell the other side why, and close; a socket that is gone already is fine."""
    with contextlib.suppress(TimeoutError, ConnectionError):
        async with asyncio.timeout(PROBE_S):
            await socket.send_bytes(_goodbye(code, message))
            await socket.close()


def _goodbye(code: str, message: str) -> bytes:
    return pack_bytes(Frame(FrameKind.BYE, {"code": code, "message": message}))
