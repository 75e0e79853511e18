"""Bringing a database to the newest schema, or back."""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from coordinator.store.engine import Engine

_SCRIPTS = Path(__file__).parent / "migrations"


async def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring the schema up to `revision`; on a current database this changes nothing."""
    async with engine.execution_options(writes=True).begin() as connection:
        await connection.run_sync(lambda c: command.upgrade(_config(c), revision))


async def downgrade(engine: Engine, revision: str = "base") -> None:
    """Bring the schema back to `revision`; what it has no place for is lost."""
    async with engine.execution_options(writes=True).begin() as connection:
        await connection.run_sync(lambda c: command.downgrade(_config(c), revision))


def _config(connection: sa.Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
