"""The life of a job, a task and an attempt: the words, and the table of legal changes.

A status moves only along an edge of these tables, by compare-and-set in the store. The words are
FATE-Flow's, so that its clients read them unchanged.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from federation.errors import IllegalTransition


class Status(StrEnum):
    """Status of a job, a task, or a party's share of a task."""

    WAITING = "waiting"
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"
    CANCELED = "canceled"
    TIMEOUT = "timeout"
    PASS = "pass"  # noqa: S105 - a status, not a password


Table = Mapping[Status, frozenset[Status]]

ENDED: Final = frozenset(
    {Status.SUCCESS, Status.FAILED, Status.CANCELED, Status.TIMEOUT, Status.PASS}
)
DONE_WELL: Final = frozenset({Status.SUCCESS, Status.PASS})

_ENDS = frozenset({Status.SUCCESS, Status.FAILED, Status.CANCELED, Status.TIMEOUT})

JOB: Final[Table] = {
    Status.WAITING: frozenset({Status.RUNNING}) | _ENDS,
    Status.RUNNING: _ENDS,
    # A rerun puts an ended job back in the queue.
    Status.SUCCESS: frozenset({Status.WAITING}),
    Status.FAILED: frozenset({Status.WAITING}),
    Status.CANCELED: frozenset({Status.WAITING}),
    Status.TIMEOUT: frozenset({Status.WAITING}),
}
"""Legal changes of a job."""

TASK: Final[Table] = {
    Status.WAITING: frozenset({Status.RUNNING, Status.PASS}) | _ENDS,
    Status.RUNNING: frozenset({Status.PASS}) | _ENDS,
}
"""Legal changes of one attempt of a task; a rerun is a new attempt and starts at `waiting`."""


def check_change(table: Table, old: Status, new: Status) -> None:
    """Say no to a change that the table does not have.

    Raises:
        IllegalTransition: `old` does not lead to `new`.
    """
    if new not in table.get(old, frozenset()):
        raise IllegalTransition(f"{old} does not lead to {new}", old=str(old), new=str(new))
