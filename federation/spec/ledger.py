"""What left a party, summed up: rows of an audit by kind of letter. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

KIND = ("component", "tag", "sender", "receiver", "type")
"""What makes letters be of one kind."""


@dataclass(frozen=True, slots=True)
class Total:
    """Letters of one kind, together.

    Attributes:
        kind: what `KIND` names.
        since_ms, until_ms: when the first and the last of them left, in epoch milliseconds.
    """

    kind: tuple[str, ...]
    letters: int
    bytes: int
    since_ms: int
    until_ms: int


def totals(rows: Iterable[Mapping[str, Any]]) -> list[Total]:
    """Rows of an audit by kind, in the order in which the first of each left."""
    found: dict[tuple[str, ...], Total] = {}
    for row in rows:
        kind, at = tuple(str(row[name]) for name in KIND), int(row["time_ms"])
        so_far = found.get(kind, Total(kind, 0, 0, at, at))
        size = so_far.bytes + int(row["bytes"])
        found[kind] = Total(kind, so_far.letters + 1, size, so_far.since_ms, at)
    return list(found.values())
