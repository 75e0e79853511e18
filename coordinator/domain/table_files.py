"""Tables and files of a party's machine: a file becomes a table, a table another one, or a file.

All of it is done by the party's agent, on its own disk and as far as its owner allows; nothing but
names and counts comes here. A connector is a name for a folder there, so that scripts need not know
where a party keeps its files.
"""

from collections.abc import Mapping
from typing import Any

from coordinator.domain.jobs import Jobs
from coordinator.domain.ports import Agents, Clock, Store
from coordinator.domain.records import (
    Connector,
    Job,
    Submitted,
    TableRecord,
    UploadRequest,
)
from coordinator.domain.tables import Tables
from federation.errors import BadRequest, DataProblem, NotFound, TripactError, Unavailable
from federation.spec.orders import Reason
from federation.spec.party import LOCAL, Party
from federation.spec.status import ENDED, Status

FILE_ENGINES = frozenset({"FILE", "HDFS", "LOCALFS", "PATH", "STANDALONE"})
"""FATE's words for storage in which a table can be a file; all are files of the party's machine."""

BIND_S = 600.0


class NoSuchStorage(BadRequest):
    """A storage engine that no party has."""

    code = "no_such_storage"

    def __init__(self, engine: str) -> None:
        super().__init__(
            f"no party reads tables of {engine or 'no engine'}: files are (engine "
            f"{', '.join(sorted(FILE_ENGINES))}, address.path on the party's machine)",
            engine=engine,
        )


class TableFiles:
    """Files and copies of tables."""

    def __init__(
        self, store: Store, agents: Agents, clock: Clock, jobs: Jobs, tables: Tables
    ) -> None:
        self._store = store
        self._agents = agents
        self._clock = clock
        self._jobs = jobs
        self._tables = tables

    async def connect(self, connector: Connector) -> None:
        """Keep a name for a folder of files.

        Raises:
            NoSuchStorage: it is for something else than files.
            BadRequest: it has no path.
        """
        _check_engine(connector.engine)
        if not isinstance(connector.info.get("path"), str):
            raise BadRequest("connector_info has a path: a folder of the party's machine")
        async with self._store.begin() as tx:
            await tx.table_notes.set_connector(connector)

    async def connector(self, name: str) -> Connector:
        """The connector of that name.

        Raises:
            NotFound: there is none.
        """
        async with self._store.read() as view:
            found = await view.table_notes.connector(name)
        if found is None:
            raise NotFound(f"there is no connector {name!r}")
        return found

    async def path_of(self, engine: str, address: Mapping[str, Any]) -> str:
        """The path that an address means.

        Raises:
            NoSuchStorage, BadRequest, NotFound: it means none.
        """
        name = address.get("connector_name")
        path = next((address[key] for key in ("path", "file", "name") if address.get(key)), "")
        if name:
            connector = await self.connector(str(name))
            folder = str(connector.info["path"]).rstrip("/")
            if str(path).startswith("/") or ".." in str(path).split("/"):
                raise BadRequest("with a connector the path is below its folder")
            return f"{folder}/{path}"
        _check_engine(engine)
        if not isinstance(path, str) or not path:
            raise BadRequest("address has a path: a file of the party's machine")
        return path

    async def bind(self, upload: UploadRequest) -> TableRecord:
        """Make a table of a file of the party's machine, and wait until it is there.

        Raises:
            JobRefused: the party's policy does not allow it.
            DataProblem: the file can not be read as a table.
        """
        submitted = await self._jobs.submit_upload(upload, None)
        job = await self._ended(submitted.job_id)
        if job.status is not Status.SUCCESS:
            raise _failure(job)
        return await self._tables.get(upload.namespace, upload.name, upload.party_id)

    async def copy(self, table: TableRecord, namespace: str, name: str, *, drop: bool) -> Submitted:
        """Give a table of a party another name, beside its own; an ended job tells of it.

        Raises:
            TableExists: there is one of that name, and `drop` is not set.
        """
        args = {
            "namespace": table.namespace,
            "name": table.name,
            "to_namespace": namespace,
            "to_name": name,
            "drop": drop,
        }
        await self._agents.call(table.party_id, "copy_table", args)
        copied = TableRecord(
            party_id=table.party_id,
            namespace=namespace,
            name=name,
            rows=table.rows,
            partitions=table.partitions,
            schema=table.schema,
            created_ms=self._clock(),
            header=table.header,
        )
        async with self._store.begin() as tx:
            await tx.tables.put(copied)
        return await self._told("writer_0", "Writer", table, {"output": f"{namespace}.{name}"})

    async def write(self, table: TableRecord, path: str, delimiter: str) -> Submitted:
        """Write a table into a file of its party's machine; an ended job tells of it."""
        args = {
            "namespace": table.namespace,
            "name": table.name,
            "path": path,
            "delimiter": delimiter,
        }
        await self._agents.call(table.party_id, "write_csv", args, timeout_s=BIND_S)
        return await self._told("download_0", "Download", table, {"output_path": path})

    async def _ended(self, job_id: str) -> Job:
        seen = 0
        until_ms = self._clock() + round(BIND_S * 1000)
        while (job := await self._jobs.get(job_id)).status not in ENDED:
            left_s = (until_ms - self._clock()) / 1000
            before, seen = seen, await self._store.await_event(job_id, seen, left_s)
            if before == seen:
                raise Unavailable(f"job {job_id} still makes the table; ask for it later")
        return job

    async def _told(
        self, component: str, module: str, table: TableRecord, params: Mapping[str, Any]
    ) -> Submitted:
        """A job that has done its one thing, for clients that ask how it went."""
        job_id, now_ms = self._jobs.next_id(), self._clock()
        seat = Party(LOCAL, table.party_id)
        named = {"namespace": table.namespace, "table_name": table.name}
        job = Job(
            job_id=job_id,
            kind="export",
            dsl={"components": {component: {"module": module}}},
            conf={
                "dsl_version": 2,
                "initiator": {"role": seat.role.value, "party_id": seat.party_id},
                "role": {seat.role.value: [seat.party_id]},
                "component_parameters": {"common": {component: {**named, **params}}},
            },
            roles={LOCAL: (table.party_id,)},
            initiator=seat,
            model_id=f"local-{table.party_id}#model",
            model_version=job_id,
            status=Status.SUCCESS,
            epoch=0,
            progress=100,
            description="",
            created_ms=now_ms,
            started_ms=now_ms,
            ended_ms=now_ms,
            updated_ms=now_ms,
        )
        async with self._store.begin() as tx:
            await tx.jobs.add_refused(job)
        return Submitted(job_id, job.model_id, job.model_version)


def _check_engine(engine: str) -> None:
    if engine.upper() not in FILE_ENGINES:
        raise NoSuchStorage(engine)


def _failure(job: Job) -> TripactError:
    reason = job.reason or Reason(code="failed", message=f"job {job.job_id} ended {job.status}")
    return DataProblem(reason.message, job_id=job.job_id, code=reason.code)
