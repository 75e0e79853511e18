"""Engines: SQLite in WAL mode, or PostgreSQL through psycopg."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from coordinator.store.inline import InlineConnection, InlineEngine

Engine = AsyncEngine | InlineEngine
Connection = AsyncConnection | InlineConnection

_DRIVERS = {
    "sqlite": "sqlite+pysqlite",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
}
_BUSY_TIMEOUT_MS = 5
"""How long SQLite itself waits for a lock; the rest is waited for by the event loop."""


def create_engine(url: str) -> Engine:
    """An engine for `sqlite:///path` or `postgresql://user@host/name`.

    Raises:
        ValueError: another database.
    """
    parsed = sa.make_url(url)
    backend = parsed.get_backend_name()
    if backend not in _DRIVERS:
        raise ValueError(f"the store speaks sqlite and postgresql, not {backend}")
    parsed = parsed.set(drivername=_DRIVERS[backend])
    if backend != "sqlite":
        return create_async_engine(parsed, pool_size=5, max_overflow=5, pool_pre_ping=True)
    engine = sa.create_engine(parsed, pool_size=4, max_overflow=12)
    sa.event.listen(engine, "connect", _prepare_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return InlineEngine(engine)


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # The driver's own BEGIN comes late and only before some statements; ours come always.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout={_BUSY_TIMEOUT_MS}",
        "journal_mode=WAL",
        "synchronous=NORMAL",
        "foreign_keys=ON",
        "cache_size=-16000",
        "temp_store=MEMORY",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    # A transaction that reads before it writes must take the write lock at once, or it may have to
    # be given up halfway.
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
