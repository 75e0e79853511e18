"""Reports to the coordinator: kept first, then sent, and sent again until they are acknowledged."""

from collections.abc import Callable, Sequence

from federation.spec.orders import Report, TaskEnded
from federation.wire.codec import encode
from federation.wire.frames import Frame, FrameKind
from party_agent.journal import AttemptKey, Journal, MadeRow

Send = Callable[[Frame], None]
"""Puts a frame on its way to the coordinator; without a link it is dropped."""


class Reports:
    """All reports of one agent."""

    def __init__(self, journal: Journal, send: Send) -> None:
        self._journal = journal
        self._send = send

    def tell(self, report: Report) -> None:
        """Keep a report and send it."""
        body = body_of(report)
        self._send(_frame(self._journal.add_report(body), body))

    def end(self, key: AttemptKey, ended: TaskEnded, made: Sequence[MadeRow] = ()) -> None:
        """Keep the end of an attempt and send it; the first end of an attempt counts."""
        body = body_of(ended)
        seq = self._journal.end_attempt(key, body, made)
        if seq is not None:
            self._send(_frame(seq, body))

    def resend(self) -> None:
        """Send all that was not acknowledged, in order; for a new link."""
        for seq, body in self._journal.reports():
            self._send(_frame(seq, body))

    def acknowledged(self, seq: int) -> None:
        """Let go of a report."""
        self._journal.acknowledge(seq)


def body_of(report: Report) -> bytes:
    """A report as it travels."""
    return encode(report.model_dump(mode="python", by_alias=True))


def _frame(seq: int, body: bytes) -> Frame:
    return Frame(FrameKind.REPORT, {"seq": seq}, body)
