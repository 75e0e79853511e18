"""What is held between a seat and its peers: letters not yet read, parts not yet acknowledged.

Both are bounded in bytes. A full outbox is how a fast sender learns to wait; a full mailbox is an
error, since letters that nobody reads would otherwise fill the memory.
"""

from collections import OrderedDict, deque

from federation.errors import MailboxFull
from federation.spec.party import Party
from federation.wire.frames import Frame, FrameKind
from federation.wire.letters import Letter, Spares
from federation.wire.seal import Scope

WINDOW_BYTES = 8 << 20
MAILBOX_BYTES = 2 << 30
_LETTER_OVERHEAD = 512
PART_OVERHEAD = 512


class Mailbox:
    """Letters that were received, by sender, scope and tag; the oldest of each first."""

    def __init__(self, limit_bytes: int = MAILBOX_BYTES) -> None:
        self._limit = limit_bytes
        self._letters: dict[tuple[Party, Scope, str], deque[Letter]] = {}
        self.size_bytes = 0

    def put(self, letter: Letter) -> None:
        """Keep a letter.

        Raises:
            MailboxFull: with it, more than the limit would be held; one letter always fits.
        """
        size = len(letter.data) + _LETTER_OVERHEAD
        if self.size_bytes and self.size_bytes + size > self._limit:
            raise MailboxFull(str(letter.sender), self._limit)
        self.size_bytes += size
        self._letters.setdefault((letter.sender, letter.scope, letter.tag), deque()).append(letter)

    def take(self, sender: Party, scope: Scope, tag: str) -> Letter | None:
        """The oldest letter of that sender, scope and tag, if there is one."""
        waiting = self._letters.get((sender, scope, tag))
        if not waiting:
            return None
        letter = waiting.popleft()
        if not waiting:
            del self._letters[sender, scope, tag]
        self.size_bytes -= len(letter.data) + _LETTER_OVERHEAD
        return letter

    def __len__(self) -> int:
        """How many letters wait."""
        return sum(map(len, self._letters.values()))


class Outbox:
    """Sealed parts of one direction, kept until the receiver has them."""

    def __init__(self, window_bytes: int = WINDOW_BYTES) -> None:
        self._window = window_bytes
        self._frames: deque[Frame] = deque()
        self._first = 0
        self.size_bytes = 0
        self.spares = Spares()
        """Buffers of parts that the receiver has."""

    @property
    def acknowledged(self) -> int:
        """How many parts the receiver has."""
        return self._first

    def __len__(self) -> int:
        """How many parts are kept."""
        return len(self._frames)

    def has_room(self, size_bytes: int) -> bool:
        """Whether a part of that size may leave now; an empty outbox takes any."""
        return not self._frames or self.size_bytes + size_bytes <= self._window

    def keep(self, frame: Frame) -> None:
        """Keep a part, the next in order, that is about to leave."""
        self._frames.append(frame)
        self.size_bytes += len(frame.body) + PART_OVERHEAD

    def acknowledge(self, received: int) -> bool:
        """Let go of the first `received` parts of the direction; whether that was news."""
        news = False
        while self._frames and self._first < received:
            body = self._frames.popleft().body
            self.size_bytes -= len(body) + PART_OVERHEAD
            self.spares.give(body)
            self._first += 1
            news = True
        return news

    def get(self, sequence: int) -> Frame | None:
        """The part of that number, if it is kept."""
        index = sequence - self._first
        return self._frames[index] if 0 <= index < len(self._frames) else None


class FinalAcks:
    """For an agent: the last word of ended attempts, to repeat to peers that missed it.

    An acknowledgement may be lost with the coordinator after the task that gave it has ended well.
    The agent then answers in its place with the very same frame; it needs no key for that. It looks
    here before it hands a frame to a task, for a task that has said its last word reads no more. An
    agent whose way out was interrupted sends all `frames` once more, and forgets jobs that closed.
    """

    def __init__(self, limit: int = 4096) -> None:
        self._limit = limit
        self._acks: OrderedDict[tuple[str, ...], Frame] = OrderedDict()

    def note(self, frame: Frame) -> None:
        """Remember a frame that a task sent, if it is a last word; other frames do not matter."""
        if frame.kind is not FrameKind.LETTER_ACK or frame.header.get("closed") is not True:
            return
        key = _direction(frame, "from", "to")
        self._acks[key] = frame
        self._acks.move_to_end(key)
        while len(self._acks) > self._limit:
            self._acks.popitem(last=False)

    def answer(self, frame: Frame) -> Frame | None:
        """What to send back for a letter or a question that came after the attempt had ended."""
        asks = frame.kind is FrameKind.LETTER_ACK and frame.header.get("ask") is True
        if frame.kind is FrameKind.LETTER or asks:
            return self._acks.get(_direction(frame, "to", "from"))
        return None

    def frames(self) -> list[Frame]:
        """All last words, the oldest first."""
        return list(self._acks.values())

    def forget(self, job_id: str) -> None:
        """Drop the last words of a job that closed."""
        for key in [key for key in self._acks if key[0] == job_id]:
            del self._acks[key]


def _direction(frame: Frame, ours: str, theirs: str) -> tuple[str, ...]:
    header = frame.header
    return tuple(str(header.get(name)) for name in ("job", "task", "version", ours, theirs))
