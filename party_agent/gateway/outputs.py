"""What jobs made here: output tables, logs, and the ledger of what left."""

import tempfile
from collections.abc import AsyncIterator, Iterable
from typing import Any

from aiohttp import web

from federation.errors import JobNotFound
from federation.fateflow import archive
from federation.fateflow.envelope import Retcode, reply
from federation.fateflow.reading import flag_of, number_of, read_body, require, text_of
from federation.fateflow.seats import role_of
from federation.fateflow.tables import (
    NO_DATA,
    NO_JOB,
    SHOWN_ROWS,
    Shown,
    output_shown,
    rows_shown,
)
from federation.spec.orders import TableName
from party_agent import logs
from party_agent.gateway.desk import Desk
from party_agent.gateway.server import both
from party_agent.journal import MadeRow
from party_agent.names import file_name
from party_agent.streams import CHUNK_BYTES, in_thread

_COMPONENT = "tracking/component/output/data"


class Outputs:
    """Routes for what jobs made here."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> Iterable[web.RouteDef]:
        """All of them."""
        yield from both(_COMPONENT, self.rows)
        yield from both(f"{_COMPONENT}/table", self.names)
        yield from both(f"{_COMPONENT}/download", self.download)
        yield from both("table/list", self.tables_of_job)
        yield from both("job/log/download", self.log)
        yield from both("job/log", self.log)
        yield from both("tripact/job/ledger", self.ledger)

    async def rows(self, request: web.Request) -> web.Response:
        """First rows of each output table of a component."""
        store = self._desk.tables
        shown = []
        for made in self._made(await read_body(request)):
            header, rows = store.rows(made.namespace, made.name, 0, SHOWN_ROWS)
            shown.append(Shown(made.output, header, rows, store.stored(_name(made)).rows))
        if not shown:
            return reply([], retmsg=NO_DATA, meta={})
        data, meta = rows_shown(shown)
        return reply(data, meta=meta)

    async def names(self, request: web.Request) -> web.Response:
        """Names of the output tables of a component."""
        body = await read_body(request)
        made = self._made(body)
        if not made and not self._desk.journal.tables_made(text_of(body, "job_id")):
            return reply([], retcode=Retcode.EXCEPTION_ERROR, retmsg=NO_JOB)
        return reply([output_shown(row.output, row.namespace, row.name) for row in made])

    async def download(self, request: web.Request) -> web.StreamResponse:
        """Output tables of a component as tar.gz, each `<output>.csv` and `<output>.meta`."""
        body = await read_body(request)
        made = self._made(body)
        limit, head = number_of(body, "limit", -1), flag_of(body, "head", default=True)
        if not made or limit == 0:
            return web.json_response({"retcode": 210, "retmsg": NO_DATA}, status=210)

        async def files() -> AsyncIterator[bytes]:
            for row in made:
                entries = self._desk.table_entries(row.output, _name(row), limit, head=head)
                async for block in entries:
                    yield block

        name = f"job_{body['job_id']}_{body['component_name']}_output_data.tar.gz"
        return await archive.attached(request, name, archive.packed(files()))

    async def tables_of_job(self, request: web.Request) -> web.Response:
        """Tables that each component of a job made here."""
        body = await read_body(request)
        self._desk.check_party(body)
        role = role_of(body)
        shown: dict[str, Any] = {}
        for row in self._desk.journal.tables_made(text_of(body, "job_id"), role=role or ""):
            given = shown.setdefault(row.component, {"input": {}, "output": {}})["output"]
            given[row.output] = {"namespace": row.namespace, "name": row.name}
        return reply(shown)

    async def log(self, request: web.Request) -> web.StreamResponse:
        """This party's logs of a job as tar.gz."""
        body = await read_body(request)
        self._desk.check_party(body)
        job_id, home = text_of(body, "job_id"), self._desk.home
        if not (home.logs / file_name(job_id)).is_dir():
            message = JobNotFound(job_id).message
            return web.json_response({"retcode": 404, "retmsg": message}, status=404)
        with tempfile.TemporaryFile(dir=home.spool) as file:
            logs.archive(home.logs, job_id, role_of(body) or "", file)
            file.seek(0)
            blocks = in_thread(iter(lambda: file.read(CHUNK_BYTES) or None, None))
            return await archive.attached(request, f"job_{job_id}_log.tar.gz", blocks)

    async def ledger(self, request: web.Request) -> web.Response:
        """Names and sizes of the letters that left here during a job, by party."""
        body = await read_body(request)
        self._desk.check_party(body)
        rows = self._desk.audit.rows(text_of(body, "job_id"))
        return reply({self._desk.party_id: rows})

    def _made(self, body: dict[str, Any]) -> list[MadeRow]:
        """The tables of a component; of one role, where this party has several."""
        require(body, "job_id", "component_name")
        self._desk.check_party(body)
        found = self._desk.journal.tables_made(
            text_of(body, "job_id"), text_of(body, "component_name"), role_of(body) or ""
        )
        return [row for row in found if row.role == found[0].role]


def _name(made: MadeRow) -> TableName:
    return TableName(namespace=made.namespace, name=made.name)
