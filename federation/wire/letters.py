"""Letters as sealed parts: cut at the sender, put together at the receiver.

A letter is one codec message under a scope and a tag. The parts of a letter follow each other
without another letter between, so a receiver holds at most one unfinished letter per sender. Its
size is declared in the first part, and checked before room is made for it.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from federation.errors import LetterTooLarge, MalformedMessage
from federation.spec.party import Party
from federation.wire.codec import Bytes
from federation.wire.frames import Frame, FrameKind, room
from federation.wire.seal import TAG_BYTES, OpeningKey, Part, Scope, SealingKey

PART_BYTES = (1 << 20) + (1 << 12)
"""One MiB of numbers and what describes them leave as one part."""
LETTER_BYTES = 1 << 30
_WORTH_KEEPING_BYTES = 64 << 10


class Letter(NamedTuple):
    """A whole letter as it was received, not decoded yet."""

    sender: Party
    scope: Scope
    tag: str
    data: Bytes


def sealed_size(size_bytes: int, part_bytes: int = PART_BYTES) -> int:
    """Bytes of all parts of a letter of `size_bytes` as they leave."""
    return size_bytes + TAG_BYTES * max(1, -(-size_bytes // part_bytes))


class Spares:
    """Buffers of parts that were received by the other side, to be sealed into again.

    A copy of such a part that is still on its way then carries other bytes; its number is an old
    one, and it is refused for that before anyone looks at them.
    """

    def __init__(self, most: int = 16) -> None:
        self._most = most
        self._buffers: list[memoryview] = []

    def take(self, size_bytes: int) -> memoryview:
        """Room of that size, from the last buffer given back if it is large enough."""
        if self._buffers and len(self._buffers[-1]) >= size_bytes:
            return self._buffers.pop()[:size_bytes]
        return room(size_bytes)

    def give(self, body: Bytes) -> None:
        """Take the body of a frame back, if it is a buffer worth keeping."""
        if isinstance(body, memoryview) and len(self._buffers) < self._most:
            self._buffers.append(memoryview(body.obj))


def seal_letter(
    key: SealingKey,
    scope: Scope,
    tag: str,
    data: Bytes,
    part_bytes: int = PART_BYTES,
    *,
    spares: Spares | None = None,
    beside: Mapping[str, Any] | None = None,
) -> Iterator[Frame]:
    """The frames of a letter, each sealed when it is asked for.

    Args:
        spares: room for large parts.
        beside: what the header of the first part says too; it is not sealed.
    """
    view, size = memoryview(data), len(data)
    for number, start in enumerate(range(0, max(size, 1), part_bytes)):
        last = start + part_bytes >= size
        part = Part(key.sequence, scope, tag, number, last, size)
        content = view[start : start + part_bytes]
        body: Bytes
        if spares is None or len(content) < _WORTH_KEEPING_BYTES:
            body = key.seal(part, content)
        else:
            body = spares.take(len(content) + TAG_BYTES)
            key.seal_into(part, content, body)
        header = {**key.address, **part.header()}
        if beside is not None and not number:
            header |= beside
        yield Frame(FrameKind.LETTER, header, body)


class LetterReader:
    """Puts the parts of one direction together."""

    def __init__(self, key: OpeningKey, limit_bytes: int = LETTER_BYTES) -> None:
        self.key = key
        self._limit = limit_bytes
        self._first: Part | None = None
        self._buffer = room(0)
        self._filled = 0
        self._number = 0

    def read(self, frame: Frame) -> Letter | None:
        """The letter that this part completes, if it does.

        Raises:
            ForgedSender, ReplayedLetter, ReorderedLetter, AlteredLetter: the part is refused, and
                nothing has changed.
            MalformedMessage, LetterTooLarge: the sender itself breaks the rules.
        """
        part = self.key.expect(frame.header)
        size = len(frame.body) - TAG_BYTES
        if self._is_whole(part, size):
            data = self.key.open(part, frame.body)
            return Letter(self.key.direction.sender, part.scope, part.tag, data)
        if self._continues(part, size):
            target = self._buffer[self._filled : self._filled + size]
            self.key.open_into(part, frame.body, target)
            return self._filled_by(part, size)
        if not 0 <= size <= part.size_bytes <= self._limit:
            self.key.open(part, frame.body)  # whoever did not seal it is refused for that first
            self._begin(part, size)
        buffer = room(part.size_bytes)
        self.key.open_into(part, frame.body, buffer[:size])
        self._begin(part, size)
        self._first, self._buffer = part, buffer
        return self._filled_by(part, size)

    def _is_whole(self, part: Part, size: int) -> bool:
        """Whether this part is a short letter by itself, for which no room need be made."""
        alone = self._first is None and part.last and not part.number
        return alone and size == part.size_bytes <= min(_WORTH_KEEPING_BYTES, self._limit)

    def _continues(self, part: Part, size: int) -> bool:
        """Whether this part is the next of the letter that has begun."""
        first = self._first
        if first is None or size < 1 or self._filled + size > first.size_bytes:
            return False
        same = (part.scope, part.tag, part.size_bytes) == (first.scope, first.tag, first.size_bytes)
        complete = self._filled + size == first.size_bytes
        return same and part.number == self._number and part.last == complete

    def _begin(self, part: Part, size: int) -> None:
        """Check a part that is sealed rightly and should begin a letter."""
        if self._first is not None or part.number:
            raise MalformedMessage("a part does not continue the letter before it")
        if part.size_bytes > self._limit:
            raise LetterTooLarge(str(self.key.direction.sender), self._limit)
        if size > part.size_bytes or part.last != (size == part.size_bytes):
            raise MalformedMessage("a letter's first part does not fit the size it declares")
        if not part.last and not size:
            raise MalformedMessage("a part is empty")

    def _filled_by(self, part: Part, size: int) -> Letter | None:
        self._filled += size
        self._number += 1
        if not part.last:
            return None
        data, self._buffer = self._buffer, room(0)
        self._first, self._filled, self._number = None, 0, 0
        return Letter(self.key.direction.sender, part.scope, part.tag, data)
