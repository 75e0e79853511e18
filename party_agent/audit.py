"""The audit: a line for every letter that left this party, written before it left.

One file per job, appended to and never changed. Each line holds the hash of the line before it, so
that a line can not be altered, added or taken out unseen:

    hash_n = SHA-256(hash_(n-1) || line n without its hash)

The agent notes how long a file is and how it ends when its job closes; then a cut end shows too.
Letters between two roles of this same party are noted as `inside`: they left a task, not the party.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from federation.channel import LedgerRow
from party_agent.journal import now_ms
from party_agent.names import file_name

_START = "0" * 64


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check of an audit file found.

    Attributes:
        rows: lines that hold, from the first on.
        flaw: what is wrong with the next line, empty if nothing is.
    """

    rows: int
    head: str
    flaw: str = ""


class Audit:
    """The audit files of one agent; the open ones are kept open."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: dict[str, _Chain] = {}

    def note(self, row: LedgerRow, *, inside: bool) -> None:
        """Write a letter down; returns when the line is in the file.

        Raises:
            OSError: it can not be written; the letter must not leave then.
        """
        chain = self._open.get(row.job_id)
        if chain is None:
            chain = self._open[row.job_id] = _Chain(self.path(row.job_id))
        chain.append({"time_ms": now_ms(), "inside": inside, **row.as_dict()})

    def close(self, job_id: str) -> tuple[int, str] | None:
        """End a job's file for now: its rows and last hash; None if nothing was written."""
        chain = self._open.pop(job_id, None)
        if chain is None:
            return None
        chain.close()
        return chain.rows, chain.head

    def close_all(self) -> None:
        """Let go of every open file."""
        for job_id in list(self._open):
            self.close(job_id)

    def path(self, job_id: str) -> Path:
        """The file of a job."""
        return self._folder / f"{file_name(job_id)}.jsonl"

    def rows(self, job_id: str) -> list[dict[str, Any]]:
        """What left the party for that job, letters inside it left out."""
        path = self.path(job_id)
        if not path.exists():
            return []
        found = [row for row in map(_row, _lines(path)) if row]
        hidden = ("hash", "previous", "inside")
        return [
            {name: value for name, value in row.items() if name not in hidden}
            for row in found
            if not row.get("inside")
        ]

    def jobs(self) -> list[str]:
        """Ids of the jobs that letters were written down for, oldest file first."""
        paths = sorted(self._folder.glob("*.jsonl"), key=lambda path: path.stat().st_mtime)
        firsts = [_row(next(_lines(path), "")) or {} for path in paths]
        return [str(first["job_id"]) for first in firsts if "job_id" in first]


def verify(path: Path, expected: tuple[int, str] | None = None) -> Verdict:
    """Check a file's chain, and its length where it was noted.

    Args:
        expected: rows and last hash, as `Journal.find_audit_head` gives them.
    """
    head, rows = _START, 0
    for number, line in enumerate(_lines(path), 1):
        try:
            said = json.loads(line)
            claimed = said.pop("hash")
        except (ValueError, KeyError, AttributeError):
            return Verdict(rows, head, f"line {number} is not a line of an audit")
        if said.get("previous") != head:
            return Verdict(rows, head, f"line {number} does not follow the line before it")
        if _hash(head, _written(said)) != claimed:
            return Verdict(rows, head, f"line {number} was altered")
        head, rows = claimed, rows + 1
        if expected is not None and rows == expected[0] and head != expected[1]:
            return Verdict(rows - 1, head, f"line {number} or one before it was written anew")
    if expected is not None and rows < expected[0]:
        return Verdict(rows, head, f"{expected[0] - rows} lines are missing at the end")
    return Verdict(rows, head)


class _Chain:
    """One open file."""

    def __init__(self, path: Path) -> None:
        known = verify(path) if path.exists() else Verdict(0, _START)
        self.rows, self.head = known.rows, known.head
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        size = os.fstat(self._file).st_size
        if size and os.pread(self._file, 1, size - 1) != b"\n":
            os.write(self._file, b"\n")  # what a power cut left of a line stays a line of its own

    def append(self, row: dict[str, Any]) -> None:
        row["previous"] = self.head
        written = _written(row)
        head = _hash(self.head, written)
        line = f'{written[:-1]},"hash":"{head}"}}\n'.encode()
        if os.write(self._file, line) != len(line):
            raise OSError("the audit file could not be written to its end")
        self.head = head
        self.rows += 1

    def close(self) -> None:
        os.close(self._file)


def _lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            yield line.rstrip("\n")


def _row(line: str) -> dict[str, Any] | None:
    """What a line says; None if it is none."""
    try:
        said = json.loads(line)
    except ValueError:
        return None
    return said if isinstance(said, dict) else None


def _written(row: dict[str, Any]) -> str:
    return json.dumps(row, separators=(",", ":"), ensure_ascii=False)


def _hash(previous: str, written: str) -> str:
    return hashlib.sha256(f"{previous}{written}".encode()).hexdigest()
