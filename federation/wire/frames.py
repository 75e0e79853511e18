"""The frame that travels on every link: what kind it is, a small header, a raw body.

    version (1 byte) | kind (1 byte) | header size (4 bytes, big-endian) | header | body

The header is one codec message; the body is opaque here (a sealed part, an upload's chunk, or a
codec message of its own). A websocket carries one frame per message; a byte stream puts the size
of each frame before it (4 bytes, big-endian). Who uses a frame checks the shape of its header.
"""

import struct
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import numpy as np

from federation.errors import MalformedMessage
from federation.wire.codec import Bytes, Limits, decode, encode_own

VERSION = 1
MAX_FRAME_BYTES = 16 << 20
HEADER_LIMITS = Limits(size_bytes=1 << 20, depth=32, elements=1 << 16)

_HEAD = struct.Struct(">BBI")
_SIZE = struct.Struct(">I")
_STREAM_HEAD = struct.Struct(">IBBI")
_WORTH_SHARING_BYTES = 4096
_SHARED_BYTES = 1 << 16


class FrameKind(IntEnum):
    """What a frame is for."""

    HELLO = 1
    CHALLENGE = 2
    PROOF = 3
    WELCOME = 4
    CATALOGUE = 5
    ORDER = 6
    ORDER_ACK = 7
    REPORT = 8
    REPORT_ACK = 9
    LETTER = 10
    LETTER_ACK = 11
    CALL = 12
    ANSWER = 13
    CHUNK = 14
    CREDIT = 15
    PING = 16
    PONG = 17
    BYE = 18
    NOTICE = 19


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame; the body of a received one is a read-only view into what was received."""

    kind: FrameKind
    header: dict[str, Any] = field(default_factory=dict)
    body: Bytes = b""


def pack(frame: Frame) -> list[Bytes]:
    """The frame as buffers to be sent one after the other; the body is not copied.

    Raises:
        TypeError, ValueError: the header can not be encoded.
    """
    header = encode_own(frame.header, HEADER_LIMITS)
    head = _HEAD.pack(VERSION, frame.kind, len(header)) + header
    return [head, frame.body] if len(frame.body) else [head]


def pack_bytes(frame: Frame) -> bytes:
    """The frame as one run of bytes, for a link that keeps messages apart."""
    return b"".join(pack(frame))


def pack_stream(frame: Frame, limit: int = MAX_FRAME_BYTES) -> list[Bytes]:
    """The frame as buffers for a byte stream, with its size before it; a short body is copied.

    Raises:
        ValueError: it is larger than `limit` bytes, so that nobody would read it.
    """
    header = encode_own(frame.header, HEADER_LIMITS)
    body = frame.body
    size = _HEAD.size + len(header) + len(body)
    if size > limit:
        raise ValueError(f"a frame of {size} bytes is over the limit of {limit}")
    start = _STREAM_HEAD.pack(size, VERSION, frame.kind, len(header))
    if len(body) <= _WORTH_SHARING_BYTES:
        return [b"".join((start, header, body))]
    return [start + header, body]


def unpack(data: Bytes, limit: int = MAX_FRAME_BYTES) -> Frame:
    """The frame of one whole message.

    Raises:
        MalformedMessage: not a frame of this version, or over a limit.
    """
    view = memoryview(data).cast("B").toreadonly()
    if len(view) > limit:
        raise MalformedMessage("a frame is larger than the limit")
    if len(view) < _HEAD.size:
        raise MalformedMessage("a frame is cut short")
    version, kind, header_size = _HEAD.unpack_from(view)
    if version != VERSION:
        raise MalformedMessage("a frame is of another version")
    if kind not in _KINDS:
        raise MalformedMessage("a frame is of an unknown kind")
    body = _HEAD.size + header_size
    if body > len(view):
        raise MalformedMessage("a frame is cut short")
    header = decode(view[_HEAD.size : body], HEADER_LIMITS)
    if type(header) is not dict:
        raise MalformedMessage("a frame's header is not a map")
    return Frame(_KINDS[kind], header, view[body:])


_KINDS = {int(kind): kind for kind in FrameKind}


class FrameReader:
    """Cuts a byte stream into frames; holds at most one unfinished frame.

    Bytes are received into place: `buffer` is where the next ones belong, `filled` says how many
    came. Small frames share a buffer and are copied out of it; a large one has its own, to which
    its body is a view. After a MalformedMessage the stream has no known boundary: close it.
    """

    def __init__(self, limit: int = MAX_FRAME_BYTES) -> None:
        self.limit = limit
        self._shared = memoryview(bytearray(_SHARED_BYTES))
        self._own: memoryview | None = None
        self._held = 0

    @property
    def pending_bytes(self) -> int:
        """Bytes of an unfinished frame that are held."""
        return self._held

    def buffer(self) -> memoryview:
        """Where the next bytes go; never empty."""
        return (self._shared if self._own is None else self._own)[self._held :]

    def filled(self, count: int) -> list[Frame]:
        """The frames that are complete with the next `count` bytes of `buffer`.

        Raises:
            MalformedMessage: a frame that can not be read, or announces more than the limit;
                refused as soon as its size is known.
        """
        self._held += count
        if self._own is None:
            return self._cut()
        if self._held < len(self._own):
            return []
        whole, self._own, self._held = self._own, None, 0
        return [unpack(whole, self.limit)]

    def feed(self, data: Bytes) -> list[Frame]:
        """The frames that `data` completes; errors as of `filled`."""
        frames: list[Frame] = []
        rest = memoryview(data)
        while rest:
            buffer = self.buffer()
            count = min(len(buffer), len(rest))
            buffer[:count] = rest[:count]
            frames += self.filled(count)
            rest = rest[count:]
        return frames

    def _cut(self) -> list[Frame]:
        """Take whole frames out of the shared buffer, and move an unfinished one to its place."""
        frames: list[Frame] = []
        shared, at = self._shared, 0
        while self._held - at >= _SIZE.size:
            size = frame_size(_SIZE.unpack_from(shared, at)[0], self.limit)
            start = at + _SIZE.size
            if start + size <= self._held:
                frames.append(unpack(bytes(shared[start : start + size]), self.limit))
                at = start + size
            elif _SIZE.size + size <= len(shared):
                break
            else:
                self._own = room(size)
                self._held -= start
                self._own[: self._held] = shared[start : start + self._held]
                return frames
        self._held -= at
        if at and self._held:
            shared[: self._held] = bytes(shared[at : at + self._held])
        return frames


def room(size_bytes: int) -> memoryview:
    """Bytes to be received into; what is in them is undefined, so that nobody spends time on it."""
    return np.empty(size_bytes, np.uint8).data


def frame_size(size: int, limit: int = MAX_FRAME_BYTES) -> int:
    """The size a stream announces for its next frame, once it is known to be acceptable.

    Raises:
        MalformedMessage: larger than the limit, or smaller than any frame.
    """
    if not _HEAD.size <= size <= limit:
        raise MalformedMessage("a frame announces a size outside the limits")
    return size
