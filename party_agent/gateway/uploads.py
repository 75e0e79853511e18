"""Uploads through the gateway: a file becomes a table of this party, and is nowhere else.

FATE's clients take an upload for a job and ask how it goes, so each has a job id here; the table is
there before the answer, and what became of the last thousand uploads can be asked.
"""

import asyncio
import secrets
import time
from collections import OrderedDict
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
from aiohttp import web

from federation.components.store import Received
from federation.components.tables.upload import UploadParams, upload_of
from federation.errors import JobNotFound, TableExists
from federation.fateflow.envelope import SUCCESS, reply
from federation.fateflow.reading import number_of, read_body, text_of
from federation.fateflow.tables import schema_shown
from federation.fateflow.uploads import UploadAsked, upload_asked
from federation.spec.ids import next_job_id
from federation.spec.party import LOCAL, shown_party_id
from federation.spec.status import Status
from party_agent.gateway.desk import Desk
from party_agent.gateway.server import both
from party_agent.policy import check_file
from party_agent.spool import spool
from party_agent.tables import UploadingStore
from party_agent.tables.upload import SPOOL

log = structlog.get_logger(__name__)

_REMEMBERED = 1000


class Uploads:
    """Routes for uploads."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._done: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._last_id: str | None = None

    def routes(self) -> Iterable[web.RouteDef]:
        """All of them."""
        yield web.post("/v1/data/upload", self.upload)
        yield from both("data/upload/history", self.history)
        yield from both("job/query", self.query)

    async def upload(self, request: web.Request) -> web.Response:
        """Make a table of a file that comes, or of one of this machine."""
        started_ms = _now_ms()
        asked = await upload_asked(request)
        if asked.party_id is not None:
            self._desk.check_party({"party_id": asked.party_id})
        if not asked.drop and self._desk.tables.info(asked.namespace, asked.name) is not None:
            raise TableExists(asked.namespace, asked.name)
        received = await self._receive(asked)
        self._last_id = next_job_id(datetime.now(UTC), self._last_id)
        self._remember(self._last_id, asked, received, started_ms)
        log.info("table uploaded", namespace=asked.namespace, name=asked.name)
        data = {
            "job_id": self._last_id,
            "namespace": asked.namespace,
            "table_name": asked.name,
            "count": received.table.rows,
            "model_info": {"model_id": "", "model_version": self._last_id},
            "board_url": "",
            "logs_directory": "",
            "code": 0,
            "message": SUCCESS,
        }
        return reply(data, job_id=self._last_id)

    async def query(self, request: web.Request) -> web.Response:
        """What became of an upload; jobs are the coordinator's to tell of.

        Raises:
            JobNotFound: no upload through this gateway has that id.
        """
        job_id = text_of(await read_body(request), "job_id")
        if job_id not in self._done:
            raise JobNotFound(job_id)
        return reply([self._done[job_id]["row"]])

    async def history(self, request: web.Request) -> web.Response:
        """Uploads, newest first."""
        limit = number_of(await read_body(request), "limit", 0)
        shown = [{job_id: done["told"]} for job_id, done in reversed(self._done.items())]
        return reply(shown[:limit] if limit > 0 else shown)

    async def _receive(self, asked: UploadAsked) -> Received:
        """Make the table, in another thread.

        Raises:
            PolicyRefused: a file of this machine that is not in a folder of `upload_from`.
        """
        home = self._desk.home
        spooled: Path | None = None
        file = asked.file
        if asked.content is None:
            check_file(file, self._desk.upload_from)
        else:
            spooled = home.spool / secrets.token_hex(16)
            await spool(spooled, asked.content)
            file = f"{SPOOL}{spooled.name}"
        given = {
            "file": file,
            "namespace": asked.namespace,
            "table_name": asked.name,
            "drop": asked.drop,
        }
        try:
            params = UploadParams.parse({**asked.params, **given})
            store = UploadingStore(self._desk.tables, home.spool)
            return await asyncio.to_thread(store.receive, upload_of(params), _untold)
        finally:
            if spooled is not None:
                spooled.unlink(missing_ok=True)

    def _remember(
        self, job_id: str, asked: UploadAsked, received: Received, started_ms: int
    ) -> None:
        schema = schema_shown(received.table.schema.to_json())
        info = {
            "table_name": asked.name,
            "namespace": asked.namespace,
            "partition": received.table.partitions,
            "upload_count": received.table.rows,
        }
        row: dict[str, Any] = {
            "f_job_id": job_id,
            "f_role": LOCAL.value,
            "f_party_id": str(shown_party_id(self._desk.party_id)),
            "f_status": Status.SUCCESS.value,
            "f_progress": 100,
            "f_dsl": {},
            "f_runtime_conf": {},
            "f_start_time": started_ms,
            "f_end_time": _now_ms(),
            "f_elapsed": _now_ms() - started_ms,
        }
        told = {"upload_info": info, "notes": "", "schema": schema}
        self._done[job_id] = {"row": row, "told": told}
        while len(self._done) > _REMEMBERED:
            self._done.popitem(last=False)


def _untold(done: int, total: int) -> None:
    """Nobody watches: the answer waits for the end."""


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
