"""Bringing a database up and down, on SQLite and on PostgreSQL."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from coordinator.domain.records import JobFilter
from coordinator.domain.state import Changes
from coordinator.store import open_store
from coordinator.store.engine import create_engine
from coordinator.store.migrate import downgrade, upgrade
from coordinator.store.schema import METADATA
from federation.spec.status import Status


async def test_migrations_give_the_schema_that_the_code_expects(database_url: str) -> None:
    engine = create_engine(database_url)
    await upgrade(engine)
    async with engine.connect() as connection:
        found = await connection.run_sync(
            lambda c: compare_metadata(MigrationContext.configure(c), METADATA)
        )
    await engine.dispose()
    assert found == []


async def test_migrations_go_down_to_nothing_and_up_again(database_url: str) -> None:
    engine = create_engine(database_url)

    async def tables() -> set[str]:
        async with engine.connect() as connection:
            return set(await connection.run_sync(lambda c: sa.inspect(c).get_table_names()))

    await upgrade(engine)
    assert await tables() == {*METADATA.tables, "alembic_version"}
    await downgrade(engine)
    assert await tables() == {"alembic_version"}
    await upgrade(engine)
    assert await tables() == {*METADATA.tables, "alembic_version"}
    await engine.dispose()


async def test_models_that_were_loaded_as_predictions_become_a_kind_of_their_own(
    database_url: str, make_job: Callable[[str], Changes]
) -> None:
    async with await open_store(database_url) as store:
        for number, module in enumerate(("Serving", "HeteroLR")):
            made = make_job(f"2026010100000000000{number}").state.job
            dsl = {"components": {"serving_0": {"module": module}}}
            job = replace(made, kind="predict", dsl=dsl, status=Status.FAILED)
            async with store.begin() as tx:
                await tx.jobs.add_refused(job)
    engine = create_engine(database_url)
    await downgrade(engine, "0005")
    await upgrade(engine)
    await engine.dispose()
    async with await open_store(database_url) as store, store.read() as view:
        assert [job.kind for job in await view.jobs.search(JobFilter())] == ["predict", "serve"]


async def test_opening_again_keeps_what_is_there(database_url: str) -> None:
    async with await open_store(database_url) as store, store.begin() as tx:
        await tx.settings.put_once("name", b"value")
    async with await open_store(database_url) as store, store.read() as view:
        assert await view.settings.get("name") == b"value"


async def test_another_kind_of_database_is_refused() -> None:
    with pytest.raises(ValueError, match="not mysql"):
        await open_store("mysql://localhost/tripact")


async def test_sqlite_is_opened_for_many_readers_and_one_writer(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'coordinator.db'}")
    async with engine.connect() as connection:
        found = [
            (await connection.exec_driver_sql(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    await engine.dispose()
    assert found == ["wal", 1, 1]
