"""The store: transactions over all nouns, and a bell for those who wait for events.

There is one writer at a time; readers see the last state that was kept. What a transaction did is
learned by the memory of job states, and told to those who wait, only once it is kept.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

import sqlalchemy as sa

from coordinator.domain.ports import Tx
from coordinator.store.access import SqlAccess
from coordinator.store.engine import Engine, create_engine
from coordinator.store.jobs import SqlJobs
from coordinator.store.migrate import upgrade
from coordinator.store.models import SqlModels
from coordinator.store.notes import SqlTableNotes
from coordinator.store.outbox import SqlOutbox
from coordinator.store.parties import SqlParties
from coordinator.store.schema import events
from coordinator.store.tables import SqlSettings, SqlTables
from coordinator.store.tags import SqlTags
from coordinator.store.tracking import SqlTracking
from coordinator.store.transaction import Memory, Transaction


class SqlTx:
    """One transaction over all nouns."""

    def __init__(self, transaction: Transaction) -> None:
        self.jobs = SqlJobs(transaction)
        self.tracking = SqlTracking(transaction)
        self.outbox = SqlOutbox(transaction)
        self.parties = SqlParties(transaction)
        self.tables = SqlTables(transaction)
        self.models = SqlModels(transaction)
        self.tags = SqlTags(transaction)
        self.access = SqlAccess(transaction)
        self.table_notes = SqlTableNotes(transaction)
        self.settings = SqlSettings(transaction)


class SqlStore:
    """Everything the coordinator remembers."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        # SQLite's readers see one moment anyway.
        options = {"isolation_level": "REPEATABLE READ"} if engine.name == "postgresql" else {}
        self._reader = engine.execution_options(**options)
        self._writer = asyncio.Lock()
        self._memory = Memory()
        self._bells: set[tuple[str, asyncio.Event]] = set()

    async def __aenter__(self) -> Self:
        """The store itself, open."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it."""
        await self.close()

    async def close(self) -> None:
        """Let go of all connections."""
        await self._engine.dispose()

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Tx]:
        """A write transaction: all of it is kept, or (on any exception) nothing."""
        async with self._writer, self._engine.connect() as connection:
            await connection.execution_options(writes=True)
            transaction = Transaction(connection, self._memory)
            try:
                async with connection.begin():
                    yield SqlTx(transaction)
            except BaseException:
                self._memory.drop(list(transaction.touched))
                raise
            self._memory.take(transaction.touched)
        for job_id, bell in self._bells:
            if job_id in transaction.rung or (not job_id and transaction.rung):
                bell.set()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Tx]:
        """A view of one moment; several may be open while one writes."""
        async with self._reader.connect() as connection:
            yield SqlTx(Transaction(connection, None))

    async def await_event(self, job_id: str, after_seq: int, timeout_s: float) -> int:
        """Wait until the job has an event after `after_seq`; its last seq, or `after_seq`."""
        bell = asyncio.Event()
        entry = (job_id, bell)
        self._bells.add(entry)
        try:
            deadline = asyncio.get_running_loop().time() + timeout_s
            while (last := await self._last_event(job_id)) <= after_seq:
                async with asyncio.timeout_at(deadline):
                    await bell.wait()
                bell.clear()
            return last
        except TimeoutError:
            return after_seq
        finally:
            self._bells.discard(entry)

    async def _last_event(self, job_id: str) -> int:
        query = sa.select(sa.func.max(events.c.seq))
        async with self._engine.connect() as connection:
            last = await connection.scalar(
                query.where(events.c.job_id == job_id) if job_id else query
            )
        return last or 0


async def open_store(url: str) -> SqlStore:
    """The store at `sqlite:///path` or `postgresql://user@host/name`, brought up to date.

    Raises:
        ValueError: another kind of database.
    """
    engine = create_engine(url)
    try:
        await upgrade(engine)
    except BaseException:
        await engine.dispose()
        raise
    return SqlStore(engine)
