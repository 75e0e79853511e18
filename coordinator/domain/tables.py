"""Tables by name: what the coordinator was told of, and what parties say when asked."""

import secrets
from collections.abc import AsyncIterator, Mapping
from typing import Any

from coordinator.domain.access import own_of
from coordinator.domain.ports import Agents, Clock, Store, wall_clock
from coordinator.domain.records import TableRecord
from coordinator.domain.state import Outgoing
from federation.errors import TableNotFound, TripactError
from federation.spec.orders import DropTable, TableName


class Tables:
    """Tables of all parties."""

    def __init__(self, store: Store, agents: Agents, clock: Clock = wall_clock) -> None:
        self._store = store
        self._agents = agents
        self._clock = clock

    async def info(
        self, namespace: str, name: str, party_id: str | None = None
    ) -> TableRecord | None:
        """A table as its party has it now; None if nobody has it.

        Parties that are not connected are believed as they last reported.
        """
        known = await self.find(namespace, name, party_id)
        for record in known:
            if not self._agents.connected(record.party_id):
                return record
            found = await self._ask(record.party_id, namespace, name)
            if found is None:
                return record
            if found.get("exist"):
                return _as_told(record, found)
        if party_id is not None and not known and self._agents.connected(party_id):
            found = await self._ask(party_id, namespace, name)
            if found and found.get("exist"):
                return _as_told(TableRecord(party_id, namespace, name, 0, 1, {}, 0), found)
        return None

    async def find(
        self,
        namespace: str | None = None,
        name: str | None = None,
        party_id: str | None = None,
        job_id: str | None = None,
    ) -> list[TableRecord]:
        """Tables the coordinator was told of, newest first."""
        async with self._store.read() as view:
            return await view.tables.search(namespace, name, party_id, job_id)

    async def rows(
        self, namespace: str, name: str, limit: int, party_id: str | None = None
    ) -> tuple[TableRecord, list[str], list[list[str]]]:
        """A table, its header and its first rows, asked of its party.

        Raises:
            TableNotFound: nobody has it.
            Unavailable, CallFailed: the party is away, or says no.
        """
        table = await self.get(namespace, name, party_id)
        args = {"namespace": namespace, "name": name, "limit": limit, "offset": 0}
        found = await self._agents.call(table.party_id, "rows", args)
        return table, list(found["header"]), [list(row) for row in found["rows"]]

    async def get(self, namespace: str, name: str, party_id: str | None = None) -> TableRecord:
        """A table as its party has it now.

        Raises:
            TableNotFound: nobody has it.
        """
        found = await self.info(namespace, name, party_id)
        if found is None:
            raise TableNotFound(namespace, name)
        return found

    def csv(
        self, table: TableRecord, *, limit: int = -1, head: bool = True
    ) -> AsyncIterator[bytes]:
        """A table as CSV, streamed from its party; `limit` -1 means all rows."""
        args = {"namespace": table.namespace, "name": table.name, "limit": limit, "head": head}
        return self._agents.receive_stream(table.party_id, "download_csv", args)

    async def delete(self, namespace: str, name: str) -> list[TableRecord]:
        """Order every party that has it to drop the table; what was known, empty if nothing.

        Raises:
            NotYourParty: whoever asks does so for one party, and only others have it.
        """
        return await self._drop(await self.find(namespace, name))

    async def delete_outputs(
        self, job_id: str, party_id: str | None = None, component: str | None = None
    ) -> list[TableRecord]:
        """Order parties to drop output tables of a job; what was known, empty if nothing."""
        found = await self.find(party_id=party_id, job_id=job_id)
        if component is not None:
            made = f"output_data_{job_id}_{component}_"
            found = [table for table in found if table.namespace.startswith(made)]
        return await self._drop(found)

    async def _drop(self, tables: list[TableRecord]) -> list[TableRecord]:
        tables = own_of(tables)
        if not tables:
            return []
        orders = [
            Outgoing(
                table.party_id,
                f"drop/{secrets.token_hex(8)}",
                DropTable(table=TableName(namespace=table.namespace, name=table.name)),
            )
            for table in tables
        ]
        async with self._store.begin() as tx:
            for table in tables:
                await tx.tables.delete(table.namespace, table.name, table.party_id)
                await tx.table_notes.enable(table.namespace, table.name)
            await tx.outbox.add(orders, self._clock())
        self._agents.wake({table.party_id for table in tables})
        return tables

    async def _ask(self, party_id: str, namespace: str, name: str) -> Mapping[str, Any] | None:
        """What the party says of a table; None if it can not say."""
        try:
            args = {"namespace": namespace, "name": name}
            found = await self._agents.call(party_id, "table_info", args, timeout_s=10.0)
        except TripactError:
            return None
        return found if isinstance(found, Mapping) else {}


def _as_told(known: TableRecord, told: Mapping[str, Any]) -> TableRecord:
    return TableRecord(
        party_id=known.party_id,
        namespace=known.namespace,
        name=known.name,
        rows=int(told.get("count", known.rows)),
        partitions=int(told.get("partitions", known.partitions)),
        schema=told.get("schema") or known.schema,
        created_ms=known.created_ms or int(told.get("created_ms", 0)),
        header=tuple(told.get("header") or known.header),
        job_id=known.job_id,
    )
