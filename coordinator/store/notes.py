"""What is noted of tables: which are disabled, where files are, which jobs read them."""

from typing import Any

import sqlalchemy as sa

from coordinator.domain.records import Connector, Task
from coordinator.store.fields import record_of
from coordinator.store.schema import connectors, disabled_tables, tasks
from coordinator.store.transaction import Transaction, insert_for, upsert

TableKey = tuple[str, str]
"""Namespace and name."""


class SqlTableNotes:
    """Notes of tables within one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._tx = transaction

    async def disable(self, namespace: str, name: str) -> None:
        """Let no job read a table; doing so twice is fine."""
        statement = insert_for(self._tx, disabled_tables).on_conflict_do_nothing()
        await self._tx.run(statement, {"namespace": namespace, "name": name})

    async def enable(self, namespace: str, name: str) -> bool:
        """Let jobs read a table again; False if they could."""
        named = (disabled_tables.c.namespace == namespace, disabled_tables.c.name == name)
        return bool((await self._tx.run(sa.delete(disabled_tables).where(*named))).rowcount)

    async def disabled(self) -> set[TableKey]:
        """Tables that no job may read."""
        return {(row.namespace, row.name) for row in await self._tx.run(sa.select(disabled_tables))}

    async def set_connector(self, connector: Connector) -> None:
        """Keep a connector, in place of one of that name."""
        values = {"name": connector.name, "engine": connector.engine, "info": dict(connector.info)}
        await self._tx.run(upsert(self._tx, connectors), values)

    async def connector(self, name: str) -> Connector | None:
        """The connector of that name."""
        query = sa.select(connectors).where(connectors.c.name == name)
        row = (await self._tx.run(query)).first()
        return None if row is None else Connector(row.name, row.engine, row.info)

    async def readers(self, namespace: str, name: str) -> list[Task]:
        """Newest tasks whose parameters name a table, newest job first."""
        # JSON text: narrowed by what must stand in it, then looked at.
        query = sa.select(tasks).where(
            tasks.c.latest, sa.cast(tasks.c.params, sa.Text).contains('"table"', autoescape=True)
        )
        found = await self._tx.run(query.order_by(tasks.c.job_id.desc(), tasks.c.place))
        read = [record_of(Task, row) for row in found]
        return [task for task in read if _names(task.params.get("table"), namespace, name)]


def _names(given: Any, namespace: str, name: str) -> bool:
    return isinstance(given, dict) and (given.get("namespace"), given.get("name")) == (
        namespace,
        name,
    )
