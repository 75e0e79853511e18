"""What a channel needs of the way its letters travel.

A link may lose, repeat or reorder frames, and loses all that is in flight when the coordinator
restarts; the two channels at its ends make that good. It carries frames of two kinds:

- LETTER: one sealed part. The first part of a letter, when it leaves for the first time, has its
  ledger entry under `LEDGER` in the header; who carries it on (the party's agent) takes the entry
  out and writes the row down.
- LETTER_ACK: what was received; authenticated, without a body.

An agent that relays for a task does three more things: it never waits for the task to read (the
senders' windows bound what it holds), it tells the task when its own way out was interrupted
(Resumed), and it keeps `FinalAcks` of tasks that ended.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from federation.wire.frames import Frame

LEDGER = "ledger"


@dataclass(frozen=True, slots=True)
class Resumed:
    """The way out works again; what was in flight before may be lost."""


Event = Frame | Resumed


class Link(Protocol):
    """A way for frames between this seat and all its peers."""

    async def send(self, frame: Frame) -> None:
        """Hand over one frame; returns when it has left this process.

        Frames leave in the order of the calls, also when calls do not wait for each other.

        Raises:
            LinkClosed: it never will.
        """

    async def serve(self, take: Callable[[Event], None]) -> None:
        """Hand frames for this seat, and news of the link, to `take`, at once and in order.

        Goes on until it is cancelled.

        Raises:
            LinkClosed: nothing more will come.
            Exception: what `take` raises; it gets nothing more then.
        """

    async def close(self) -> None:
        """Give the link up."""
