"""What there is: components, providers, servers, keys; tables looked into; log lines."""

import io
import tarfile
from functools import partial
from importlib import metadata
from typing import Any

from aiohttp import web

from coordinator.api.dialect import Route
from coordinator.api.fateflow.documents import http_no
from coordinator.api.fateflow.routes_data import FATE_VERSION
from coordinator.api.fateflow.rows import course_of, went_wrong
from coordinator.api.keys import BOARD, JOBS, PARTIES, PUBLIC_URL, TABLES, TRACKING
from federation.errors import BadRequest, NotFound
from federation.fateflow import archive
from federation.fateflow.envelope import reply
from federation.fateflow.reading import (
    WrongArgument,
    flag_of,
    number_of,
    read_body,
    require,
    text_of,
)
from federation.fateflow.seats import party_of, role_of
from federation.spec.catalogue import ModuleDecl
from federation.spec.findings import shown_path
from federation.spec.job_parameters import JobParameters
from federation.spec.party import Role
from federation.spec.schema_problems import schema_problems, validator_of

HTTP_NOT_FOUND = 404
PROVIDER, SERVER = "tripact", "fateflow"
SHOWN_ROWS = 100
MOST_LOG_BYTES = 64 * 1024 * 1024
MOST_LINES = 10_000
LEVELS = {
    "partyError": "ERROR",
    "partyWarning": "WARNING",
    "partyInfo": "INFO",
    "partyDebug": "DEBUG",
    "componentInfo": "INFO",
}
"""FATE's words for logs -> the file that a seat or a component of it has."""
SCHEDULES = ("jobSchedule", "jobScheduleError")
LOG_TYPES = (*SCHEDULES, *LEVELS)


class NoSuchName(NotFound):
    """Nothing here is called that."""

    code = "no_such_name"


# --- components and providers --------------------------------------------------------------------


async def components(request: web.Request) -> web.Response:
    """Components that some agent can run."""
    modules = _modules(request)
    return reply({module.module: _component(module) for module in modules})


async def component(request: web.Request) -> web.Response:
    """One component."""
    name = request.match_info["name"]
    module = request.app[JOBS].catalogue().get(name)
    if module is None:
        raise NoSuchName(f"no agent has a component {name}")
    return reply({module.module: _component(module)})


async def validate(request: web.Request) -> web.Response:
    """Whether a component's parameters are good."""
    body = await read_body(request)
    name = text_of(body, "component_module_name")
    module = request.app[JOBS].catalogue().get(name)
    if module is None:
        raise NoSuchName(f"no agent has a component {name}")
    given = body.get("component_parameters") or {}
    if not isinstance(given, dict):
        raise WrongArgument("component_parameters is an object")
    found = list(schema_problems(validator_of(module), given))
    if found:
        raise WrongArgument("; ".join(f"{shown_path(path)}: {words}" for path, words in found))
    return reply()


async def providers(request: web.Request) -> web.Response:
    """Who brings components: the parties' agents, in one version."""
    return reply({PROVIDER: _provider(request)})


async def registry(request: web.Request) -> web.Response:
    """Providers, and which of them each component comes from."""
    modules = {module.module.lower(): [PROVIDER] for module in _modules(request)}
    return reply({"providers": {PROVIDER: _provider(request)}, "components": modules})


async def provider(request: web.Request) -> web.Response:
    """The components of one provider."""
    name = request.match_info["name"]
    if name != PROVIDER:
        raise NoSuchName(f"there is no provider {name}; there is {PROVIDER}")
    return reply(_provider(request))


def _modules(request: web.Request) -> list[ModuleDecl]:
    """Every module once, whatever else it is called."""
    known = request.app[JOBS].catalogue()
    return list({module.module: module for module in known.values()}.values())


def _component(module: ModuleDecl) -> dict[str, Any]:
    return {
        "default_provider": PROVIDER,
        "support_provider": [PROVIDER],
        "component_support_provider": [PROVIDER],
        "component_alias": sorted(module.aliases),
        "roles": sorted(role.value for role in module.roles),
        "parameters": dict(module.params_schema),
    }


def _provider(request: web.Request) -> dict[str, Any]:
    names = sorted(module.module.lower() for module in _modules(request))
    return {metadata.version("tripact"): {"path": "", "class_path": {}, "components": names}}


# --- the server ----------------------------------------------------------------------------------


async def server(request: web.Request) -> web.Response:
    """The one server there is."""
    name = request.match_info.get("name", SERVER)
    if name not in (SERVER, "service"):
        raise NoSuchName(f"there is no server {name}; there is {SERVER}")
    return reply({SERVER: _server(request)})


async def servers(request: web.Request) -> web.Response:
    """The running servers: one."""
    return reply([{"server": SERVER, **_server(request)}])


async def common(request: web.Request) -> web.Response:
    """Where the coordinator is, and what it speaks."""
    return reply({"version": FATE_VERSION, "party_id": None, "grpc_port": None, **_server(request)})


async def party(request: web.Request) -> web.Response:
    """A party that joined."""
    found = await request.app[PARTIES].get(request.match_info["party"])
    return reply({"party_id": found.party_id, "joined_time": found.joined_ms})


async def board(request: web.Request) -> web.Response:
    """Where the FATEBoard is that shows the jobs, if there is one."""
    place = request.app.get(BOARD, "")
    if not place:
        return http_no(
            HTTP_NOT_FOUND,
            'no FATEBoard is named in coordinator.toml (fateboard = "host:port"); '
            "flow-client follows jobs too",
        )
    host, _, port = place.rpartition(":")
    return reply({"host": host, "port": int(port)})


async def eggroll(_: web.Request) -> web.Response:
    """What computes: no Eggroll."""
    why = "there is no Eggroll: parties compute in processes of their agents"
    return http_no(HTTP_NOT_FOUND, why)


async def job_defaults(_: web.Request) -> web.Response:
    """What a job has whose conf does not say otherwise."""
    default = JobParameters()
    return reply(
        {
            "task_cores": default.task_cores,
            "task_parallelism": default.task_parallelism,
            "auto_retries": default.auto_retries,
            "auto_retry_delay": default.auto_retry_delay_s,
            "timeout": default.timeout_s,
        }
    )


def _server(request: web.Request) -> dict[str, Any]:
    return {"host": request.url.host, "http_port": request.url.port, "url": request.app[PUBLIC_URL]}


# --- tables --------------------------------------------------------------------------------------


async def preview(request: web.Request) -> web.Response:
    """First rows of a table, asked of its party."""
    body = _named(await read_body(request))
    limit = min(max(number_of(body, "limit", SHOWN_ROWS), 0), SHOWN_ROWS)
    table, header, rows = await request.app[TABLES].rows(
        text_of(body, "namespace"), text_of(body, "name"), limit, party_of(body)
    )
    return reply(rows, meta={"header": header, "total": table.rows})


async def download(request: web.Request) -> web.StreamResponse:
    """A table as tar.gz, streamed from its party: `table.csv` and `table.meta`."""
    body = _named(await read_body(request))
    head = flag_of(body, "head", default=True)
    tables = request.app[TABLES]
    table = await tables.get(text_of(body, "namespace"), text_of(body, "name"), party_of(body))
    schema = table.schema
    columns = list(table.header) or [schema.get("id_name", ""), *schema.get("columns", ())]
    files = archive.table_entries("table", columns, partial(tables.csv, table, head=head))
    return await archive.attached(request, "table.tar.gz", archive.packed(files))


def _named(body: dict[str, Any]) -> dict[str, Any]:
    body["name"] = body.get("name") or body.get("table_name")
    require(body, "namespace", "name")
    return body


# --- log lines -----------------------------------------------------------------------------------


async def log_size(request: web.Request) -> web.Response:
    """How many lines a log has."""
    return reply({"size": len(await _lines(request, await read_body(request)))})


async def log_lines(request: web.Request) -> web.Response:
    """Lines of a log, from `begin` to `end`, counted from 1."""
    body = await read_body(request)
    first, last = number_of(body, "begin", 1), number_of(body, "end", MOST_LINES)
    lines = await _lines(request, body)
    numbered = list(enumerate(lines, 1))[max(first - 1, 0) : max(last, 0)][:MOST_LINES]
    return reply([{"line_num": number, "content": line} for number, line in numbered])


async def _lines(request: web.Request, body: dict[str, Any]) -> list[str]:
    """The lines of one of a seat's log files, asked of the party; none if it has no such file.

    The course of the job is known here.
    """
    require(body, "job_id", "log_type")
    log_type = str(body["log_type"])
    level = LEVELS.get(log_type)
    if level is None and log_type not in SCHEDULES:
        raise WrongArgument(f"log_type is one of {', '.join(LOG_TYPES)}")
    if level is None:
        course = course_of(await request.app[TRACKING].course(text_of(body, "job_id")))
        return [line for line in course if log_type != "jobScheduleError" or went_wrong(line)]
    job = await request.app[JOBS].get(text_of(body, "job_id"))
    role, party_id = role_of(body) or job.initiator.role, party_of(body) or job.initiator.party_id
    if party_id not in job.roles.get(role, ()):
        raise WrongArgument(f"job {job.job_id} has no such seat")
    names = [role.value, party_id]
    if body["log_type"] == "componentInfo":
        names.append(text_of(body, "component_name"))
    files = await _log(request, job.job_id, role, party_id)
    with tarfile.open(fileobj=io.BytesIO(files), mode="r:") as tar:
        wanted = "/".join((*names, f"{level}.log"))
        for info in tar:
            file = tar.extractfile(info) if info.name == wanted and info.isreg() else None
            if file is not None:
                return file.read().decode(errors="replace").splitlines()
    return []


async def _log(request: web.Request, job_id: str, role: Role, party_id: str) -> bytes:
    """A seat's log files as a tar, unpacked but bounded."""
    content = bytearray()
    packed = request.app[TRACKING].log(job_id, role, party_id)
    async for block in archive.entries(packed, f"{role.value}/{party_id}"):
        content += block
        if len(content) > MOST_LOG_BYTES:
            raise BadRequest("this log is too long to be shown in lines: fetch job/log/download")
    return bytes(content) + archive.END


_TABLE = {"namespace*": "text", "name*": "text", "party_id": "number or text"}
_LOG = {
    "job_id*": "text",
    "log_type*": " | ".join(LOG_TYPES),
    "role": "guest | host | arbiter | local",
    "party_id": "number or text",
    "component_name": "text",
}
_FILE = "application/octet-stream"

ROUTES = (
    Route("component/get", components, "Components that can be run"),
    Route("component/{name}/get", component, "One component"),
    Route(
        "component/validate",
        validate,
        "Whether parameters are good",
        {"component_module_name*": "text", "component_parameters": "object"},
    ),
    Route("provider/get", providers, "Who brings components"),
    Route("provider/registry/get", registry, "Providers and their components"),
    Route("provider/{name}/get", provider, "The components of a provider"),
    Route("server/get", server, "The server"),
    Route("server/{name}/get", server, "The server"),
    Route("server/fateflow/info", servers, "Running servers"),
    Route("server/config/job/default", job_defaults, "What a job has by default"),
    Route("info/common", common, "Where the coordinator is"),
    Route("info/version", common, "Where the coordinator is"),
    Route("info/fateboard", board, "Where the FATEBoard is"),
    Route("info/eggroll", eggroll, "What computes, if it were Eggroll"),
    Route("info/party/{party}", party, "A party that joined"),
    Route("table/preview", preview, "First rows of a table", {**_TABLE, "limit": "number"}),
    Route("table/download", download, "A table as tar.gz", {**_TABLE, "head": "flag"}, gives=_FILE),
    Route("log/size", log_size, "How many lines a log has", _LOG),
    Route("log/cat", log_lines, "Lines of a log", {**_LOG, "begin": "number", "end": "number"}),
)
