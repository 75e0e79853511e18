"""SQLite on the event loop itself, under the names SQLAlchemy's async engine uses.

A statement of an embedded database takes some tens of microseconds; handing each to a thread and
back took several times that, and was most of what a small job cost. What may take long is waiting
for the write lock while another process (`coordinator invite`, say) holds it: that is waited for
without holding up the loop.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import CursorResult

T = TypeVar("T")

_LOCK_LIMIT_S = 10.0
_LOCK_PAUSE_S = 0.01


class InlineConnection:
    """One connection; every call is done when it returns."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    @property
    def dialect(self) -> sa.Dialect:
        """Of the database."""
        return self._connection.dialect

    async def execute(
        self,
        statement: sa.Executable,
        values: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    ) -> CursorResult[Any]:
        """Execute a statement, once for each set of values."""
        result: CursorResult[Any] = self._connection.execute(statement, values)
        return result

    async def exec_driver_sql(self, statement: str) -> CursorResult[Any]:
        """Execute a text as it is."""
        return self._connection.exec_driver_sql(statement)

    async def scalar(self, statement: sa.Executable) -> Any:
        """The first column of the first row."""
        return self._connection.scalar(statement)

    async def run_sync(self, function: Callable[[sa.Connection], T]) -> T:
        """What `function` gives for the connection."""
        return function(self._connection)

    async def execution_options(self, **options: Any) -> "InlineConnection":
        """Set options of this connection."""
        self._connection.execution_options(**options)
        return self

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[None]:
        """A transaction; waits for the write lock if it writes.

        Raises:
            sqlalchemy.exc.OperationalError: another process held the lock for ten seconds.
        """
        with await self._begun():
            yield

    async def _begun(self) -> sa.RootTransaction:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _LOCK_LIMIT_S
        while True:
            try:
                return self._connection.begin()
            except sa.exc.OperationalError as error:
                if "locked" not in str(error.orig) or loop.time() > deadline:
                    raise
            await asyncio.sleep(_LOCK_PAUSE_S)


class InlineEngine:
    """An engine whose connections work on the event loop."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    @property
    def name(self) -> str:
        """Of the database's dialect."""
        return self._engine.name

    def execution_options(self, **options: Any) -> "InlineEngine":
        """The same engine with options."""
        return InlineEngine(self._engine.execution_options(**options))

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[InlineConnection]:
        """A connection, given back at the end; the loop turns once, so that nobody is starved."""
        await asyncio.sleep(0)
        with self._engine.connect() as connection:
            yield InlineConnection(connection)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[InlineConnection]:
        """A connection in a transaction."""
        async with self.connect() as connection, connection.begin():
            yield connection

    async def dispose(self) -> None:
        """Close all connections."""
        self._engine.dispose()
