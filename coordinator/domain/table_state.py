"""What becomes of tables: disabled for a while, described anew, and where they come from.

A table that is disabled stays with its party; no job that reads it is taken.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from coordinator.domain.access import own_of
from coordinator.domain.ports import Agents, Store
from coordinator.domain.records import TableRecord, Task, TaskFilter
from coordinator.domain.tables import Tables
from coordinator.domain.tracking import Tracking
from federation.errors import NotYourParty, TableNotFound
from federation.spec.dsl import Dsl, PortKind
from federation.spec.orders import TableName

Made = tuple[Task, list[TableName]]
"""A task and the tables it made."""


class TableState:
    """Notes on all tables, and their descent."""

    def __init__(self, store: Store, agents: Agents, tables: Tables, tracking: Tracking) -> None:
        self._store = store
        self._agents = agents
        self._tables = tables
        self._tracking = tracking

    async def disable(self, namespace: str, name: str) -> list[TableRecord]:
        """Let no job read a table; as whom it is known, empty if nobody has it.

        Raises:
            NotYourParty: whoever asks does so for another party.
        """
        found = await self._own(namespace, name)
        if found:
            async with self._store.begin() as tx:
                await tx.table_notes.disable(namespace, name)
        return found

    async def enable(self, namespace: str, name: str) -> list[TableRecord]:
        """Let jobs read a table again; as whom it is known, empty if nobody has it.

        Raises:
            NotYourParty: whoever asks does so for another party.
        """
        found = await self._own(namespace, name)
        if found:
            async with self._store.begin() as tx:
                await tx.table_notes.enable(namespace, name)
        return found

    async def is_disabled(self, namespace: str, name: str) -> bool:
        """Whether jobs may not read a table."""
        async with self._store.read() as view:
            return (namespace, name) in await view.table_notes.disabled()

    async def delete_disabled(self) -> list[TableRecord]:
        """Order parties to drop all tables that are disabled; what was known of them.

        Whoever asks for one party leaves those of others.
        """
        async with self._store.read() as view:
            disabled = await view.table_notes.disabled()
        gone = []
        for namespace, name in sorted(disabled):
            with suppress(NotYourParty):
                gone += await self._tables.delete(namespace, name)
        return gone

    async def describe(self, table: TableRecord, schema: Mapping[str, Any]) -> dict[str, Any]:
        """Give the columns of a table other names or another meaning, at its party.

        Returns:
            The schema it has now.
        """
        args = {"namespace": table.namespace, "name": table.name, "schema": dict(schema)}
        return dict(await self._agents.call(table.party_id, "set_schema", args, timeout_s=600.0))

    async def readers(self, namespace: str, name: str) -> list[str]:
        """Jobs that read a table by name, newest first."""
        async with self._store.read() as view:
            tasks = await view.table_notes.readers(namespace, name)
        return list(dict.fromkeys(task.job_id for task in tasks))

    async def descent(self, namespace: str, name: str) -> list[tuple[TableName, TableName]]:
        """Of each table that a table was made from: it, and those read by name for it.

        A table that was uploaded comes from none.

        Raises:
            TableNotFound: nobody was told of it.
        """
        known = await self._tables.find(namespace, name)
        if not known:
            raise TableNotFound(namespace, name)
        for table in known:
            if table.job_id is not None:
                made = await self._made(table.job_id, table.party_id)
                dsl = await self._tracking.dsl(table.job_id)
                wanted = TableName(namespace=namespace, name=name)
                maker = next((task for task, names in made if wanted in names), None)
                if maker is not None:
                    return list(_descent(dsl, made, maker))
        return []

    async def _made(self, job_id: str, party_id: str) -> list[Made]:
        """Newest tasks of a party in a job, each with the tables it made."""
        async with self._store.read() as view:
            wanted = TaskFilter(job_id=job_id, party_id=party_id, latest=True)
            tasks = await view.jobs.tasks(wanted)
            outputs = [await view.tracking.outputs(task) for task in tasks]
        return [
            (task, [TableName(namespace=each.namespace, name=each.name) for each in made])
            for task, made in zip(tasks, outputs, strict=True)
        ]

    async def _own(self, namespace: str, name: str) -> list[TableRecord]:
        return own_of(await self._tables.find(namespace, name))


def _descent(dsl: Dsl, made: list[Made], maker: Task) -> Iterator[tuple[TableName, TableName]]:
    """Tables that fed a task, each with the tables that were read by name for it."""
    seat = {task.component: (task, names) for task, names in made if task.role == maker.role}
    for component in _fed_by(dsl, maker.component):
        if component in seat:
            sources = [
                TableName(namespace=str(table.get("namespace")), name=str(table.get("name")))
                for ancestor in _line_of(dsl, component)
                if ancestor in seat
                and isinstance(table := seat[ancestor][0].params.get("table"), dict)
                and table.get("name")
            ]
            for parent in seat[component][1]:
                yield from ((parent, source) for source in sources)


def _line_of(dsl: Dsl, component: str) -> list[str]:
    """A component and all that feed it, near ones first."""
    line = [component]
    for name in line:
        line += [each for each in _fed_by(dsl, name) if each not in line]
    return line


def _fed_by(dsl: Dsl, component: str) -> list[str]:
    """Components whose tables a component takes."""
    nodes = {node.name: node for node in dsl.components}
    return list(
        dict.fromkeys(
            ref.component
            for _, _, ref in nodes[component].inputs()
            if ref.kind is PortKind.DATA and ref.component in nodes
        )
    )
