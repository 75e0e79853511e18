"""`/v1/permission/...` and `/v1/key/...`: what parties may, and their keys."""

import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from coordinator.api.dialect import Route
from coordinator.api.fateflow.documents import names_of
from coordinator.api.keys import JOBS, PARTIES, PRIVILEGES, PUBLIC_KEYS
from coordinator.domain.privileges import ALL
from federation.errors import BadRequest, NotFound
from federation.fateflow.envelope import Retcode, reply
from federation.fateflow.reading import (
    MissingArguments,
    WrongArgument,
    read_body,
    require,
    text_of,
)
from federation.fateflow.seats import party_of, role_of

ALL_WORD = "all"
KEY_NAME = "default"
OLD_KINDS = ("role", "command", "component")
Names = dict[str, list[str]]


async def grant(request: web.Request) -> web.Response:
    """Grant a party components and tables for its jobs."""
    party_id, names = _asked(await read_body(request))
    await request.app[PRIVILEGES].grant(party_id, "", names)
    return reply()


async def delete(request: web.Request) -> web.Response:
    """Take components and tables back."""
    party_id, names = _asked(await read_body(request))
    return _taken(await request.app[PRIVILEGES].revoke(party_id, "", names))


async def query(request: web.Request) -> web.Response:
    """Components and tables that a party was granted; none means that it is not held to any."""
    body = await read_body(request)
    require(body, "party_id")
    held = await request.app[PRIVILEGES].of(party_of(body) or "")
    return reply(
        {
            "component": held["component"],
            "dataset": [_dataset_shown(name) for name in held["dataset"]],
        }
    )


async def grant_privilege(request: web.Request) -> web.Response:
    """Grant one role of a party roles, commands and components (FATE <= 1.8)."""
    party_id, role, names = _asked_old(await read_body(request), needed=True)
    await request.app[PRIVILEGES].grant(party_id, role, names)
    return reply()


async def delete_privilege(request: web.Request) -> web.Response:
    """Take roles, commands and components back (FATE <= 1.8)."""
    party_id, role, names = _asked_old(await read_body(request), needed=True)
    return _taken(await request.app[PRIVILEGES].revoke(party_id, role, names))


async def query_privilege(request: web.Request) -> web.Response:
    """What one role of a party was granted (FATE <= 1.8)."""
    party_id, role, _ = _asked_old(await read_body(request), needed=False)
    held = await request.app[PRIVILEGES].of(party_id, role)
    modules = sorted({decl.module.lower() for decl in request.app[JOBS].catalogue().values()})
    components = modules if ALL in held["component"] else held["component"]
    data = {"role": held["role"], "command": held["command"], "component": components}
    return reply({f"privilege_{kind}": names for kind, names in data.items()} | data)


async def save_key(request: web.Request) -> web.Response:
    """Keep a key that a party said is its own, for others to look up."""
    body = await read_body(request)
    require(body, "party_id", "key")
    await request.app[PUBLIC_KEYS].save(party_of(body) or "", _key_name(body), text_of(body, "key"))
    return reply()


async def query_key(request: web.Request) -> web.Response:
    """A key that was saved for a party; else the one its agent joined with, in hex."""
    body = await read_body(request)
    require(body, "party_id")
    party_id = party_of(body) or ""
    saved = await request.app[PUBLIC_KEYS].find(party_id, _key_name(body))
    if saved is not None:
        return reply(saved)
    joined = await request.app[PARTIES].key(party_id)
    if joined is None:
        raise NotFound(f"no key of party {party_id} is known: it has not joined")
    return reply(joined.hex())


async def delete_key(request: web.Request) -> web.Response:
    """Forget a key that was saved; that of an agent stays."""
    body = await read_body(request)
    require(body, "party_id")
    if not await request.app[PUBLIC_KEYS].drop(party_of(body) or "", _key_name(body)):
        raise NotFound(f"no key of party {body['party_id']} was saved")
    return reply()


def _taken(count: int) -> web.Response:
    if not count:
        return reply(retcode=Retcode.NOT_EFFECTIVE, retmsg="none of these was granted")
    return reply()


def _asked(body: Mapping[str, Any]) -> tuple[str, Names]:
    """Party and names of a request of FATE >= 1.9.

    Raises:
        MissingArguments: no party, or neither component nor dataset.
    """
    require(body, "party_id")
    names: Names = {}
    if (components := names_of(body, "component")) is not None:
        names["component"] = components
    if body.get("dataset") not in (None, "", []):
        names["dataset"] = _datasets(body["dataset"])
    if not names:
        raise MissingArguments(["component", "dataset"])
    return party_of(body) or "", names


def _datasets(given: Any) -> list[str]:
    """Tables: `*`, or a list (or its JSON text) of {namespace, name}.

    Raises:
        WrongArgument: something else.
    """
    if given == ALL:
        return [ALL]
    try:
        value = json.loads(given) if isinstance(given, str) else given
    except ValueError:
        value = None
    tables = value if isinstance(value, list) else [value]
    found = []
    for table in tables:
        if not isinstance(table, dict):
            raise WrongArgument("dataset is *, or tables as {namespace, name}")
        found.append(f"{text_of(table, 'namespace')}/{text_of(table, 'name')}")
    return found


def _dataset_shown(name: str) -> str | dict[str, str]:
    if name == ALL:
        return ALL
    namespace, _, table = name.partition("/")
    return {"namespace": namespace, "name": table}


def _asked_old(body: Mapping[str, Any], *, needed: bool) -> tuple[str, str, Names]:
    """Party, role and names of a request of FATE <= 1.8.

    Raises:
        MissingArguments: no party or role, or no privilege where one is needed.
        BadRequest: no such privilege.
    """
    require(body, "src_party_id", "src_role")
    names: Names = {}
    for kind in OLD_KINDS:
        given = names_of(body, f"privilege_{kind}")
        if given is not None:
            names[kind] = [ALL if name == ALL_WORD else name for name in given]
    if needed and not names:
        raise MissingArguments([f"privilege_{kind}" for kind in OLD_KINDS])
    role = role_of(body, "src_role")
    if role is None:
        raise BadRequest("src_role is a role")
    return party_of(body, "src_party_id") or "", role.value, names


def _key_name(body: Mapping[str, Any]) -> str:
    return text_of(body, "key_name") if body.get("key_name") else KEY_NAME


_PARTY = {"party_id*": "number or text"}
_NEW = {**_PARTY, "component": "names", "dataset": "list"}
_SOURCE = {"src_party_id*": "number or text", "src_role*": "guest | host | arbiter | local"}
_OLD = {**_SOURCE, **{f"privilege_{kind}": "names" for kind in OLD_KINDS}}
_NAMED = {**_PARTY, "key_name": "text"}

ROUTES = (
    Route("permission/grant", grant, "Grant a party components and tables", _NEW),
    Route("permission/delete", delete, "Take components and tables back", _NEW),
    Route("permission/query", query, "What a party was granted", _PARTY),
    Route("permission/grant/privilege", grant_privilege, "Grant a role of a party", _OLD),
    Route("permission/delete/privilege", delete_privilege, "Take privileges back", _OLD),
    Route("permission/query/privilege", query_privilege, "What a role was granted", _SOURCE),
    Route("key/public/save", save_key, "Keep a party's key", {**_NAMED, "key*": "text"}),
    Route("key/query", query_key, "A party's key", _NAMED),
    Route("key/public/delete", delete_key, "Forget a key that was saved", _NAMED),
)
