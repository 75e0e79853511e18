"""`/v1/table/...` and `/v1/data/...` beyond upload: files, states and descent of tables."""

from typing import Any

from aiohttp import web

from coordinator.api.dialect import Route
from coordinator.api.fateflow.documents import document_of
from coordinator.api.fateflow.routes_job import submitted
from coordinator.api.keys import TABLE_FILES, TABLE_STATE, TABLES
from coordinator.domain.records import Connector, TableRecord, UploadRequest
from coordinator.domain.table_files import FILE_ENGINES, NoSuchStorage
from federation.errors import TableNotFound, TripactError
from federation.fateflow.envelope import Retcode, reply
from federation.fateflow.reading import MissingArguments, flag_of, read_body, require, text_of
from federation.fateflow.seats import party_of
from federation.fateflow.tables import NO_TABLE, schema_shown
from federation.fateflow.uploads import upload_params
from federation.spec.party import LOCAL, Party

Body = dict[str, Any]

_LOCAL_PARTY = "0"


# --- files become tables -------------------------------------------------------------------------


async def bind(request: web.Request) -> web.Response:
    """Make a table of a file of the party's machine; the answer comes when it is there."""
    body = _named(await read_body(request))
    require(body, "engine", "address")
    address = document_of(body, "address") or {}
    path = await request.app[TABLE_FILES].path_of(text_of(body, "engine"), address)
    party_id = party_of(body) or party_of(address) or _LOCAL_PARTY
    asked = {**body, "partition": body.get("partition") or body.get("partitions")}
    asked["head"] = body.get("head", True)
    wanted = UploadRequest(
        namespace=text_of(body, "namespace"),
        name=text_of(body, "name"),
        file=path,
        party_id=party_id,
        role=LOCAL,
        drop=flag_of(body, "drop", default=False),
        params=upload_params(asked),
    )
    try:
        table = await request.app[TABLE_FILES].bind(wanted)
    except TripactError as error:
        error.facts.setdefault("retcode", int(Retcode.EXCEPTION_ERROR))
        raise
    return reply(_table_shown(table))


async def create_connector(request: web.Request) -> web.Response:
    """Name a folder of files at a party."""
    body = await read_body(request)
    require(body, "connector_name", "engine", "connector_info")
    info = document_of(body, "connector_info") or {}
    named = Connector(text_of(body, "connector_name"), text_of(body, "engine"), info)
    await request.app[TABLE_FILES].connect(named)
    return reply()


async def query_connector(request: web.Request) -> web.Response:
    """The folder that a connector names."""
    name = text_of(await read_body(request), "connector_name")
    found = await request.app[TABLE_FILES].connector(name)
    return reply(
        {
            "connector_name": found.name,
            "engine": found.engine,
            "connector_info": dict(found.info),
        }
    )


# --- tables become other ones, or files ----------------------------------------------------------


async def write(request: web.Request) -> web.Response:
    """Keep a table under another name, or write it into a file of its party's machine."""
    body = _named(await read_body(request))
    table = await _table(request, body)
    files = request.app[TABLE_FILES]
    if body.get("output_name"):
        namespace = text_of(body, "output_namespace")
        name, drop = text_of(body, "output_name"), flag_of(body, "drop", default=False)
        done = await files.copy(table, namespace, name, drop=drop)
    else:
        engine = str(body.get("storage_engine") or "")
        if engine.upper() not in FILE_ENGINES:
            if not engine:
                raise MissingArguments(["output_namespace", "output_name"])
            raise NoSuchStorage(engine)
        path = await files.path_of(engine, document_of(body, "address") or {})
        done = await files.write(table, path, _delimiter(body))
    return submitted(request, done, Party(LOCAL, table.party_id))


async def download(request: web.Request) -> web.Response:
    """Write a table into a file of its party's machine."""
    body = _named(await read_body(request))
    path = text_of(body, "output_path")
    table = await _table(request, body)
    done = await request.app[TABLE_FILES].write(table, path, _delimiter(body))
    return submitted(request, done, Party(LOCAL, table.party_id))


# --- states and descent --------------------------------------------------------------------------


async def disable(request: web.Request) -> web.Response:
    """Let no job read a table."""
    body = _named(await read_body(request))
    found = await request.app[TABLE_STATE].disable(*_key(body))
    return _each(found)


async def enable(request: web.Request) -> web.Response:
    """Let jobs read a table again."""
    body = _named(await read_body(request))
    found = await request.app[TABLE_STATE].enable(*_key(body))
    return _each(found)


async def delete_disabled(request: web.Request) -> web.Response:
    """Delete all tables that are disabled."""
    return _each(await request.app[TABLE_STATE].delete_disabled())


async def update_schema(request: web.Request) -> web.Response:
    """Give the columns of a table other names, or another meaning."""
    body = _named(await read_body(request))
    schema = document_of(body, "schema")
    if schema is None:
        raise MissingArguments(["schema"])
    table = await _table(request, body)
    return reply(schema_shown(await request.app[TABLE_STATE].describe(table, schema)))


async def sources(request: web.Request) -> web.Response:
    """What a table was made from."""
    body = _named(await read_body(request))
    found = await request.app[TABLE_STATE].descent(*_key(body))
    return reply(
        [
            {
                "parent_table_name": parent.name,
                "parent_table_namespace": parent.namespace,
                "source_table_name": source.name,
                "source_table_namespace": source.namespace,
            }
            for parent, source in found
        ]
    )


async def readers(request: web.Request) -> web.Response:
    """Jobs that read a table by name."""
    body = _named(await read_body(request))
    jobs = await request.app[TABLE_STATE].readers(*_key(body))
    return reply({"count": len(jobs), "job": jobs})


def _each(found: list[TableRecord]) -> web.Response:
    """The tables that were affected; none is an error to FATE's clients."""
    if not found:
        return reply([], retcode=Retcode.ARGUMENT_ERROR, retmsg=NO_TABLE)
    return reply([_table_shown(table) for table in found])


def _table_shown(table: TableRecord) -> dict[str, str]:
    return {"table_name": table.name, "namespace": table.namespace}


async def _table(request: web.Request, body: Body) -> TableRecord:
    namespace, name = _key(body)
    found = await request.app[TABLES].info(namespace, name, party_of(body))
    if found is None:
        raise TableNotFound(namespace, name)
    return found


def _named(body: Body) -> Body:
    body["name"] = body.get("name") or body.get("table_name")
    require(body, "namespace", "name")
    return body


def _key(body: Body) -> tuple[str, str]:
    return text_of(body, "namespace"), text_of(body, "name")


def _delimiter(body: Body) -> str:
    return str(body.get("delimiter") or body.get("delimitor") or ",")


_NAME = {"namespace*": "text", "name*": "text, or table_name"}
_AT = {**_NAME, "party_id": "number or text"}
_FILE = {
    **_AT,
    "engine*": "text",
    "address*": "object",
    "head": "flag",
    "id_delimiter": "text",
    "partitions": "number",
    "drop": "flag",
}

ROUTES = (
    Route("table/add", bind, "Make a table of a file of the party's machine", _FILE),
    Route("table/bind", bind, "Make a table of a file of the party's machine", _FILE),
    Route(
        "table/connector/create",
        create_connector,
        "Name a folder of files at a party",
        {"connector_name*": "text", "engine*": "text", "connector_info*": "object"},
    ),
    Route(
        "table/connector/query",
        query_connector,
        "The folder that a connector names",
        {"connector_name*": "text"},
    ),
    Route("table/disable", disable, "Let no job read a table", _NAME),
    Route("table/enable", enable, "Let jobs read a table again", _NAME),
    Route("table/disable/delete", delete_disabled, "Delete all tables that are disabled"),
    Route(
        "table/schema/update",
        update_schema,
        "Give columns other names or meaning",
        {**_AT, "schema*": "object"},
    ),
    Route("table/tracking/source", sources, "What a table was made from", _NAME),
    Route("table/tracking/job", readers, "Jobs that read a table", _NAME),
    Route(
        "data/download",
        download,
        "Write a table into a file of its party's machine",
        {**_AT, "output_path*": "text", "delimiter": "text"},
    ),
    Route(
        "data/writer",
        write,
        "Keep a table under another name, or in a file of its party's machine",
        {
            **_AT,
            "output_namespace": "text",
            "output_name": "text",
            "storage_engine": "text",
            "address": "object",
        },
    ),
)
