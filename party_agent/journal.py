"""What an agent must not forget: orders, reports, attempts and what they made, pinned peers.

SQLite with a write-ahead log: what a transaction kept survives the end of this process; a power cut
may take the last moments, and the coordinator then gives its orders again. Every change is one
small transaction, so that doing it twice changes nothing:

- an order is known by its id, and is taken once;
- an attempt (task, version, role) is begun once and ended once, and its end is kept together with
  the report that tells of it, and with the names of what it made;
- reports are numbered over the agent's life and kept until acknowledged.
"""

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS orders (
    order_id TEXT PRIMARY KEY, seq INTEGER NOT NULL, body BLOB NOT NULL,
    taken_ms INTEGER NOT NULL, done INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS orders_open ON orders (done, seq);
CREATE TABLE IF NOT EXISTS reports (seq INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS attempts (
    task_id TEXT NOT NULL, version INTEGER NOT NULL, role TEXT NOT NULL,
    job_id TEXT NOT NULL, component TEXT NOT NULL, started_ms INTEGER NOT NULL,
    ended INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (task_id, version, role));
CREATE TABLE IF NOT EXISTS made (
    kind TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, job_id TEXT NOT NULL,
    component TEXT NOT NULL, version INTEGER NOT NULL, role TEXT NOT NULL, output TEXT NOT NULL,
    place INTEGER NOT NULL, promise BLOB NOT NULL, PRIMARY KEY (kind, namespace, name));
CREATE INDEX IF NOT EXISTS made_of ON made (job_id, component);
CREATE TABLE IF NOT EXISTS pins (
    party_id TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, how TEXT NOT NULL,
    since_ms INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS audits (
    job_id TEXT PRIMARY KEY, rows INTEGER NOT NULL, head TEXT NOT NULL);
INSERT OR IGNORE INTO counters VALUES ('report', 0), ('order', 0);
"""


@dataclass(frozen=True, slots=True)
class AttemptKey:
    """Which attempt: of which task, at which of this party's roles."""

    task_id: str
    version: int
    role: str


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """An attempt, as it is remembered."""

    key: AttemptKey
    job_id: str
    component: str
    started_ms: int


@dataclass(frozen=True, slots=True)
class MadeRow:
    """Something that an attempt made here.

    Attributes:
        kind: `data`, `cache` or `model`.
        namespace: of the table; of a model its id and version.
        name: of the table; of a model its role and component.
        place: among the outputs of the component.
        promise: under which it was made, as `promises.promise_key` gives it.
    """

    kind: str
    namespace: str
    name: str
    job_id: str
    component: str
    version: int
    role: str
    output: str
    place: int
    promise: bytes


@dataclass(frozen=True, slots=True)
class Pin:
    """The fingerprint of the key that a peer must show."""

    party_id: str
    fingerprint: str
    how: str


class Journal:
    """The agent's database; used from one thread."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, timeout=10.0)
        path.chmod(0o600)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    # --- orders ----------------------------------------------------------------------------------

    def take_order(self, order_id: str, body: bytes) -> bool:
        """Keep an order; whether it is new."""
        with self._writing():
            seq = self._next("order")
            taken = self._db.execute(
                "INSERT OR IGNORE INTO orders (order_id, seq, body, taken_ms) VALUES (?, ?, ?, ?)",
                (order_id, seq, body, now_ms()),
            )
            return taken.rowcount == 1

    def open_orders(self) -> list[tuple[str, bytes]]:
        """Orders that were taken and not done, in the order in which they came."""
        return self._db.execute(
            "SELECT order_id, body FROM orders WHERE done = 0 ORDER BY seq"
        ).fetchall()

    def order_done(self, order_id: str) -> None:
        """Note that an order needs no more doing; its content is let go, its id is not."""
        self._db.execute("UPDATE orders SET done = 1, body = x'' WHERE order_id = ?", (order_id,))

    def forget_before(self, time_ms: int) -> None:
        """Forget orders that were done, and attempts that began, before that time."""
        with self._writing():
            self._db.execute("DELETE FROM orders WHERE done = 1 AND taken_ms < ?", (time_ms,))
            self._db.execute("DELETE FROM attempts WHERE ended = 1 AND started_ms < ?", (time_ms,))

    # --- reports ---------------------------------------------------------------------------------

    def add_report(self, body: bytes) -> int:
        """Keep a report; its number."""
        with self._writing():
            return self._add_report(body)

    def reports(self, after: int = 0) -> list[tuple[int, bytes]]:
        """Reports that were not acknowledged, in order."""
        return self._db.execute(
            "SELECT seq, body FROM reports WHERE seq > ? ORDER BY seq", (after,)
        ).fetchall()

    def acknowledge(self, seq: int) -> None:
        """Let go of one report."""
        self._db.execute("DELETE FROM reports WHERE seq = ?", (seq,))

    def acknowledged_to(self, seq: int) -> None:
        """Let go of all reports up to `seq`, and number later ones above it."""
        with self._writing():
            self._db.execute("DELETE FROM reports WHERE seq <= ?", (seq,))
            self._db.execute(
                "UPDATE counters SET value = max(value, ?) WHERE name = 'report'", (seq,)
            )

    # --- attempts --------------------------------------------------------------------------------

    def begin_attempt(self, attempt: AttemptRow) -> bool:
        """Note that an attempt is to run; False if it was noted before."""
        key = attempt.key
        noted = self._db.execute(
            "INSERT OR IGNORE INTO attempts (task_id, version, role, job_id, component, started_ms)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (
                *(key.task_id, key.version, key.role),
                *(attempt.job_id, attempt.component, attempt.started_ms),
            ),
        )
        return noted.rowcount == 1

    def end_attempt(self, key: AttemptKey, body: bytes, made: Sequence[MadeRow] = ()) -> int | None:
        """Keep the report of an attempt's end, and the names of what it made.

        Returns:
            The report's number, or None if the attempt had ended before.
        """
        with self._writing():
            ended = self._db.execute(
                "UPDATE attempts SET ended = 1"
                " WHERE task_id = ? AND version = ? AND role = ? AND ended = 0",
                (key.task_id, key.version, key.role),
            )
            if ended.rowcount != 1:
                return None
            self._db.executemany(
                "INSERT OR REPLACE INTO made VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [astuple(row) for row in made],
            )
            return self._add_report(body)

    def unended_attempts(self) -> list[AttemptRow]:
        """Attempts whose end was never reported."""
        rows = self._db.execute(
            "SELECT task_id, version, role, job_id, component, started_ms FROM attempts"
            " WHERE ended = 0"
        )
        return [AttemptRow(AttemptKey(*row[:3]), *row[3:]) for row in rows]

    # --- what attempts made ----------------------------------------------------------------------

    def promise_of(self, kind: str, namespace: str, name: str) -> bytes | None:
        """The promise under which something was made here; None if no attempt made it."""
        row = self._db.execute(
            "SELECT promise FROM made WHERE kind = ? AND namespace = ? AND name = ?",
            (kind, namespace, name),
        ).fetchone()
        return bytes(row[0]) if row else None

    def tables_made(self, job_id: str, component: str = "", role: str = "") -> list[MadeRow]:
        """Tables of a job's newest attempts, by component and in the order of their outputs."""
        rows = self._db.execute(
            "SELECT * FROM made AS m WHERE kind = 'data' AND job_id = :job"
            " AND (:component = '' OR component = :component) AND (:role = '' OR role = :role)"
            " AND version = (SELECT max(version) FROM made WHERE kind = 'data'"
            " AND job_id = m.job_id AND component = m.component AND role = m.role)"
            " ORDER BY component, role, place",
            {"job": job_id, "component": component, "role": role},
        )
        return [MadeRow(*row) for row in rows]

    def forget_table(self, namespace: str, name: str) -> None:
        """Forget that a table, or a cache, was made here: it is gone."""
        self._db.execute(
            "DELETE FROM made WHERE kind <> 'model' AND namespace = ? AND name = ?",
            (namespace, name),
        )

    # --- pins and audits -------------------------------------------------------------------------

    def find_pin(self, party_id: str) -> Pin | None:
        """The pin of a peer, if there is one."""
        row = self._db.execute(
            "SELECT party_id, fingerprint, how FROM pins WHERE party_id = ?", (party_id,)
        ).fetchone()
        return Pin(*row) if row else None

    def set_pin(self, pin: Pin) -> None:
        """Pin a peer, in place of what was pinned before."""
        self._db.execute(
            "INSERT OR REPLACE INTO pins VALUES (?, ?, ?, ?)",
            (pin.party_id, pin.fingerprint, pin.how, now_ms()),
        )

    def pins(self) -> list[Pin]:
        """All pins."""
        rows = self._db.execute("SELECT party_id, fingerprint, how FROM pins ORDER BY party_id")
        return [Pin(*row) for row in rows]

    def set_audit_head(self, job_id: str, rows: int, head: str) -> None:
        """Note how long a job's audit file is and where its chain ends."""
        self._db.execute("INSERT OR REPLACE INTO audits VALUES (?, ?, ?)", (job_id, rows, head))

    def find_audit_head(self, job_id: str) -> tuple[int, str] | None:
        """Rows and last hash of a job's audit file, as noted when the job was closed."""
        row = self._db.execute(
            "SELECT rows, head FROM audits WHERE job_id = ?", (job_id,)
        ).fetchone()
        return (row[0], row[1]) if row else None

    def _add_report(self, body: bytes) -> int:
        seq = self._next("report")
        self._db.execute("INSERT INTO reports (seq, body) VALUES (?, ?)", (seq, body))
        return seq

    def _next(self, counter: str) -> int:
        row = self._db.execute(
            "UPDATE counters SET value = value + 1 WHERE name = ? RETURNING value", (counter,)
        ).fetchone()
        return int(row[0])

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")


def now_ms() -> int:
    """Epoch milliseconds."""
    return time.time_ns() // 1_000_000
