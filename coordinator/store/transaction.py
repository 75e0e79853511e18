"""One transaction, and the job states it holds until it is kept or given up."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import CursorResult

from coordinator.domain.state import JobState
from coordinator.store.engine import Connection
from federation.spec.status import ENDED

Held = tuple[int, JobState]
"""A state and the revision of its job's row."""

_MOST_HELD = 1_000


class Memory:
    """States of unfinished jobs as last kept, by job id."""

    def __init__(self) -> None:
        self._states: dict[str, Held] = {}

    def find(self, job_id: str) -> Held | None:
        """The state, if it is known here."""
        return self._states.get(job_id)

    def take(self, held: Mapping[str, Held | None]) -> None:
        """Learn what a transaction has kept; None where it knows only that the old is wrong."""
        for job_id, state in held.items():
            self._states.pop(job_id, None)
            if state is not None and state[1].job.status not in ENDED:
                self._states[job_id] = state
        while len(self._states) > _MOST_HELD:
            del self._states[next(iter(self._states))]

    def drop(self, job_ids: Sequence[str]) -> None:
        """Forget jobs that a transaction touched and did not keep."""
        for job_id in job_ids:
            self._states.pop(job_id, None)


class Transaction:
    """A connection within one transaction.

    Attributes:
        rung: jobs that got events.
    """

    def __init__(self, connection: Connection, memory: Memory | None) -> None:
        self.connection = connection
        self.rung: set[str] = set()
        self.touched: dict[str, Held | None] = {}
        self._memory = memory

    async def run(
        self,
        statement: sa.Executable,
        values: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    ) -> CursorResult[Any]:
        """Execute a statement, once for each set of values."""
        return await self.connection.execute(statement, values)

    def held(self, job_id: str) -> Held | None:
        """The state of a job as this transaction knows it without asking."""
        if job_id not in self.touched and self._memory is not None:
            self.touched[job_id] = self._memory.find(job_id)
        return self.touched.get(job_id)

    def hold(self, job_id: str, held: Held) -> None:
        """Keep in mind a state that was read or written."""
        self.touched[job_id] = held

    def forget(self, job_id: str) -> None:
        """Do not trust what is held of a job."""
        self.touched[job_id] = None

    def ring(self, job_id: str) -> None:
        """Tell those who wait for events of a job, once this is kept."""
        self.rung.add(job_id)


async def insert_all(
    transaction: Transaction, table: sa.Table, values: Sequence[Mapping[str, Any]]
) -> None:
    """Insert rows; none is fine."""
    if values:
        await transaction.run(sa.insert(table), values)


def upsert(transaction: Transaction, table: sa.Table, keep: Sequence[str] = ()) -> sa.Executable:
    """INSERT that replaces a row of the same primary key, except for the columns to `keep`."""
    key = [column.name for column in table.primary_key]
    statement = insert_for(transaction, table)
    replaced = {
        column.name: statement.excluded[column.name]
        for column in table.c
        if column.name not in {*key, *keep}
    }
    return statement.on_conflict_do_update(index_elements=key, set_=replaced)


def insert_for(transaction: Transaction, table: sa.Table) -> "sqlite.Insert | postgresql.Insert":
    """The INSERT of the connection's database, which can say what to do about conflicts."""
    if transaction.connection.dialect.name == "sqlite":
        return sqlite.insert(table)
    return postgresql.insert(table)
