"""`/v1/data/...`, `/v1/table/...`, `/v1/version/...`."""

from importlib import metadata
from typing import Any

from aiohttp import web

from coordinator.api.dialect import Route
from coordinator.api.fateflow.routes_job import submitted
from coordinator.api.keys import JOBS, TABLE_STATE, TABLES, TRACKING
from coordinator.domain.records import Job, JobFilter, UploadRequest
from federation.errors import TripactError
from federation.fateflow.envelope import Retcode, reply
from federation.fateflow.reading import (
    number_of,
    read_body,
    require,
    text_of,
)
from federation.fateflow.seats import party_of
from federation.fateflow.tables import NO_TABLE, no_table_shown, schema_shown, table_shown
from federation.fateflow.uploads import upload_asked
from federation.spec.party import Party
from federation.spec.status import Status

FATE_VERSION = "1.11.4"
"""The newest FATE-Flow whose `/v1` is spoken here; clients compare it."""


async def upload(request: web.Request) -> web.Response:
    """Store a table at a party; rows stream through and are not kept."""
    asked = await upload_asked(request)
    wanted = UploadRequest(
        namespace=asked.namespace,
        name=asked.name,
        file=asked.file,
        party_id=asked.party_id or "0",
        role=asked.role,
        drop=asked.drop,
        params=asked.params,
    )
    try:
        taken = await request.app[JOBS].submit_upload(wanted, asked.content)
    except TripactError as error:
        error.facts.setdefault("retcode", int(Retcode.EXCEPTION_ERROR))
        raise
    seat = Party(wanted.role, wanted.party_id)
    return submitted(request, taken, seat, table_name=wanted.name, namespace=wanted.namespace)


async def upload_history(request: web.Request) -> web.Response:
    """Uploads that became tables, newest first."""
    body = await read_body(request)
    wanted = JobFilter(
        job_id=None if body.get("job_id") is None else text_of(body, "job_id"),
        kind="upload",
        status=(Status.SUCCESS,),
    )
    limit = number_of(body, "limit", 0)
    jobs, _ = await request.app[JOBS].jobs_page(wanted, max(limit, 0))
    return reply([{job.job_id: await _uploaded(request, job)} for job in jobs])


async def _uploaded(request: web.Request, job: Job) -> dict[str, Any]:
    asked = job.upload or {}
    made = await request.app[TRACKING].outputs(job.job_id, None, None, "upload_0")
    return {
        "upload_info": {
            "table_name": asked.get("name"),
            "namespace": asked.get("namespace"),
            "partition": asked.get("params", {}).get("partition"),
            "upload_count": made[0].rows if made else 0,
        },
        "notes": job.description,
        "schema": schema_shown(made[0].schema) if made else {},
    }


async def table_info(request: web.Request) -> web.Response:
    """What is known of a table; a table nobody has is no error: `exist` is 0."""
    body = await read_body(request)
    name = body.get("table_name") or body.get("name")
    body["table_name"] = name
    require(body, "table_name")
    namespace = "" if body.get("namespace") is None else text_of(body, "namespace")
    found = await request.app[TABLES].info(namespace, text_of(body, "table_name"), party_of(body))
    if found is None:
        return reply(no_table_shown(body.get("namespace"), name))
    return reply(
        table_shown(
            found.namespace,
            found.name,
            rows=found.rows,
            partitions=found.partitions,
            schema=found.schema,
            party_id=found.party_id,
            enable=not await request.app[TABLE_STATE].is_disabled(found.namespace, found.name),
        )
    )


async def table_delete(request: web.Request) -> web.Response:
    """Delete a table, or the output tables of a job, at the parties that have them."""
    body = await read_body(request)
    if body.get("job_id"):
        gone = await request.app[TABLES].delete_outputs(
            text_of(body, "job_id"),
            party_of(body),
            None if body.get("component_name") is None else text_of(body, "component_name"),
        )
    else:
        body["table_name"] = body.get("table_name") or body.get("name")
        require(body, "table_name", "namespace")
        gone = await request.app[TABLES].delete(
            text_of(body, "namespace"), text_of(body, "table_name")
        )
    if not gone:
        return reply(retcode=Retcode.ARGUMENT_ERROR, retmsg=NO_TABLE)
    return reply({"table_name": gone[0].name, "namespace": gone[0].namespace})


async def clean(request: web.Request) -> web.Response:
    """Delete the output tables of a job at its parties; doing so twice is fine."""
    body = await read_body(request)
    component = None if body.get("component_name") is None else text_of(body, "component_name")
    job = await request.app[JOBS].get(text_of(body, "job_id"))
    await request.app[TABLES].delete_outputs(job.job_id, party_of(body), component)
    return reply()


async def version(request: web.Request) -> web.Response:
    """The FATE version whose routes are served."""
    body = await read_body(request)
    versions = {"FATE": FATE_VERSION, "API": "v1", "TRIPACT": metadata.version("tripact")}
    module = body.get("module")
    if isinstance(module, str) and module.upper() in versions:
        return reply({module.upper(): versions[module.upper()], "API": "v1"})
    return reply(versions)


_TABLE = {"namespace*": "text", "table_name*": "text"}

ROUTES = (
    Route(
        "data/upload",
        upload,
        "Store a table at a party",
        {
            **_TABLE,
            "file*": "text",
            "head*": "flag",
            "partition*": "number",
            "drop": "flag",
            "party_id": "number or text",
        },
        methods=("POST",),
        takes=("application/json", "multipart/form-data"),
    ),
    Route(
        "data/upload/history",
        upload_history,
        "Uploads that became tables",
        {"job_id": "text", "limit": "number, 0 is all"},
    ),
    Route(
        "job/clean",
        clean,
        "Delete the output tables of a job",
        {"job_id*": "text", "party_id": "number or text", "component_name": "text"},
    ),
    Route("table/table_info", table_info, "What is known of a table", _TABLE),
    Route("table/delete", table_delete, "Delete a table", _TABLE),
    Route("version/get", version, "The FATE version served", {"module": "text"}),
    Route("server/version/get", version, "The FATE version served", {"module": "text"}),
)
