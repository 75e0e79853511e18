"""Letters on their way through the agent: out by the audit, in to the task they are for.

A part that leaves a task is sealed; the agent sees who writes to whom under which tag, and no more.
The first part of a letter brings its ledger entry along; the row is written to the audit before the
part leaves. Letters between two roles of this party go from task to task and never leave the agent.

Nothing here waits: what a task does not read yet is held, within a bound, and what can not be held
or has no task is dropped, for its sender keeps it until it is acknowledged.
"""

from collections import Counter, deque
from collections.abc import Callable

import structlog

from federation.channel import LedgerRow
from federation.channel.link import LEDGER
from federation.channel.stream import FrameStream
from federation.errors import LinkClosed
from federation.spec.party import Party
from federation.wire.frames import Frame, FrameKind
from federation.wire.mailbox import FinalAcks
from party_agent.audit import Audit
from party_agent.journal import AttemptKey

log = structlog.get_logger(__name__)

EARLY_BYTES = 16 << 20
UNREAD_BYTES = 128 << 20
_PART_OVERHEAD = 512


class Box:
    """Where the letters of one attempt at one seat go, before and while its process runs."""

    def __init__(self, seat: Party) -> None:
        self.seat = seat
        self.letters = 0
        self.letter_bytes = 0
        self._stream: FrameStream | None = None
        self._early: deque[Frame] = deque()
        self._early_bytes = 0

    def open(self, stream: FrameStream) -> None:
        """The process is there: it gets what came before it."""
        self._stream = stream
        for frame in self._early:
            self.put(frame)
        self._early.clear()

    def put(self, frame: Frame) -> bool:
        """Hand a frame to the process, or hold it for one that comes; False if it was dropped."""
        if self._stream is not None:
            if frame.kind is FrameKind.LETTER and self._stream.unsent_bytes > UNREAD_BYTES:
                return False
            try:
                self._stream.put(frame)
            except LinkClosed:
                return False
            return True
        size = len(frame.body) + _PART_OVERHEAD
        if frame.kind is not FrameKind.LETTER or self._early_bytes + size > EARLY_BYTES:
            return False
        self._early.append(frame)
        self._early_bytes += size
        return True


class Relay:
    """Carries letters between the tasks of this party and the link to the coordinator."""

    def __init__(self, party_id: str, audit: Audit, send: Callable[[Frame], None]) -> None:
        self._party_id = party_id
        self._audit = audit
        self._send = send
        self._boxes: dict[AttemptKey, Box] = {}
        self._final_acks = FinalAcks()
        self.dropped: Counter[str] = Counter()
        """Parts that went nowhere, by reason."""

    def open(self, key: AttemptKey, seat: Party) -> Box:
        """Take letters for an attempt from now on."""
        box = self._boxes[key] = Box(seat)
        return box

    def close(self, key: AttemptKey) -> None:
        """The attempt has ended."""
        self._boxes.pop(key, None)

    def leave(self, box: Box, frame: Frame) -> None:
        """Take a frame from a task on its way to a peer.

        Raises:
            OSError: the audit can not be written; the letter did not leave.
            MalformedMessage: what it brings for the audit can not be read.
        """
        header = {name: said for name, said in frame.header.items() if name != LEDGER}
        receiver = _seat_of(header, "to")
        if receiver is None or header.get("from") != str(box.seat):
            self._drop("forged_sender", frame)
            return
        inside = receiver.party_id == self._party_id
        if LEDGER in frame.header:
            row = LedgerRow.of(frame.header)
            self._audit.note(row, inside=inside)
            if not inside:
                box.letters += 1
                box.letter_bytes += row.bytes
        out = Frame(frame.kind, header, frame.body)
        self._final_acks.note(out)
        if inside:
            self.arrive(out)
        else:
            self._send(out)

    def arrive(self, frame: Frame) -> None:
        """Take a frame for one of this party's tasks."""
        receiver = _seat_of(frame.header, "to")
        if receiver is None or receiver.party_id != self._party_id:
            self._drop("not_for_this_party", frame)
            return
        task, version = frame.header.get("task"), frame.header.get("version")
        if not isinstance(task, str) or type(version) is not int:
            self._drop("malformed", frame)
            return
        box = self._boxes.get(AttemptKey(task, version, receiver.role.value))
        if box is not None:
            if not box.put(frame):
                self._drop("not_held", frame)
            return
        answer = self._final_acks.answer(frame)
        if answer is None:
            self._drop("no_such_attempt", frame)
        elif (sender := _seat_of(answer.header, "to")) and sender.party_id == self._party_id:
            self.arrive(answer)
        else:
            self._send(answer)

    def resumed(self) -> None:
        """Tell every running task that what was on its way may be lost."""
        for box in self._boxes.values():
            box.put(Frame(FrameKind.WELCOME))

    def _drop(self, reason: str, frame: Frame) -> None:
        self.dropped[reason] += 1
        quiet = reason in ("no_such_attempt", "not_held")
        (log.debug if quiet else log.warning)(
            "letter dropped",
            reason=reason,
            job_id=str(frame.header.get("job"))[:64],
            sender=str(frame.header.get("from"))[:128],
            receiver=str(frame.header.get("to"))[:128],
        )


def _seat_of(header: dict[str, object], name: str) -> Party | None:
    value = header.get(name)
    if not isinstance(value, str):
        return None
    try:
        return Party.parse(value)
    except ValueError:
        return None
