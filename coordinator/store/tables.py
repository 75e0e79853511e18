"""Tables the coordinator was told of, and its own small values."""

import sqlalchemy as sa

from coordinator.domain.records import TableRecord
from coordinator.store.fields import record_of, values_of
from coordinator.store.schema import settings, tables
from coordinator.store.transaction import Transaction, insert_for, upsert


class SqlTables:
    """Tables within one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._tx = transaction

    async def search(
        self,
        namespace: str | None = None,
        name: str | None = None,
        party_id: str | None = None,
        job_id: str | None = None,
    ) -> list[TableRecord]:
        """Tables, newest first."""
        conditions = _conditions(namespace=namespace, name=name, party_id=party_id, job_id=job_id)
        query = sa.select(tables).where(*conditions)
        found = await self._tx.run(query.order_by(tables.c.created_ms.desc(), tables.c.party_id))
        return [record_of(TableRecord, row) for row in found]

    async def put(self, table: TableRecord) -> None:
        """Keep a table, in place of one of that name at its party."""
        await self._tx.run(upsert(self._tx, tables), values_of(table))

    async def delete(self, namespace: str, name: str, party_id: str | None = None) -> int:
        """Forget tables; how many."""
        conditions = _conditions(namespace=namespace, name=name, party_id=party_id)
        return int((await self._tx.run(sa.delete(tables).where(*conditions))).rowcount)


class SqlSettings:
    """Small values within one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._tx = transaction

    async def get(self, name: str) -> bytes | None:
        """The value, if there is one."""
        query = sa.select(settings.c.value).where(settings.c.name == name)
        found = (await self._tx.run(query)).scalar()
        return None if found is None else bytes(found)

    async def put_once(self, name: str, value: bytes) -> bytes:
        """Keep a value unless there is one; the one that is kept."""
        statement = insert_for(self._tx, settings).on_conflict_do_nothing()
        await self._tx.run(statement, {"name": name, "value": value})
        return await self.get(name) or value


def _conditions(**wanted: str | None) -> list[sa.ColumnElement[bool]]:
    return [tables.c[name] == value for name, value in wanted.items() if value is not None]
