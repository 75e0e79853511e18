"""Tables of this party by name: what is known of them, their rows, and their end."""

from collections.abc import Iterable
from typing import Any

from aiohttp import web

from federation.fateflow import archive
from federation.fateflow.envelope import Retcode, reply
from federation.fateflow.reading import flag_of, number_of, read_body, require, text_of
from federation.fateflow.tables import NO_TABLE, SHOWN_ROWS, no_table_shown, table_shown
from federation.spec.orders import TableName
from party_agent.gateway.desk import Desk
from party_agent.gateway.server import both


class StoredTables:
    """Routes for tables by name."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> Iterable[web.RouteDef]:
        """All of them."""
        yield from both("table/table_info", self.info)
        yield from both("table/preview", self.preview)
        yield from both("table/download", self.download)
        yield from both("table/delete", self.delete)

    async def info(self, request: web.Request) -> web.Response:
        """What is known of a table; one that is not here is no error: `exist` is 0."""
        name = self._name(await read_body(request))
        stored = self._desk.tables.info(name.namespace, name.name)
        if stored is None:
            return reply(no_table_shown(name.namespace, name.name))
        shown = table_shown(
            name.namespace,
            name.name,
            rows=stored.rows,
            partitions=stored.partitions,
            schema=stored.schema.to_json(),
            party_id=self._desk.party_id,
        )
        return reply(shown)

    async def preview(self, request: web.Request) -> web.Response:
        """First rows of a table."""
        body = await read_body(request)
        name = self._name(body)
        limit = min(max(number_of(body, "limit", SHOWN_ROWS), 0), SHOWN_ROWS)
        header, rows = self._desk.tables.rows(name.namespace, name.name, 0, limit)
        return reply(rows, meta={"header": header, "total": self._desk.tables.stored(name).rows})

    async def download(self, request: web.Request) -> web.StreamResponse:
        """A table as tar.gz: `table.csv` and `table.meta`."""
        body = await read_body(request)
        head = flag_of(body, "head", default=True)
        files = self._desk.table_entries("table", self._name(body), head=head)
        return await archive.attached(request, "table.tar.gz", archive.packed(files))

    async def delete(self, request: web.Request) -> web.Response:
        """Delete a table."""
        name = self._name(await read_body(request))
        if not self._desk.tables.drop(name.namespace, name.name):
            return reply(retcode=Retcode.ARGUMENT_ERROR, retmsg=NO_TABLE)
        self._desk.journal.forget_table(name.namespace, name.name)
        return reply({"table_name": name.name, "namespace": name.namespace})

    def _name(self, body: dict[str, Any]) -> TableName:
        self._desk.check_party(body)
        body["name"] = body.get("name") or body.get("table_name")
        require(body, "namespace", "name")
        return TableName(namespace=text_of(body, "namespace"), name=text_of(body, "name"))
