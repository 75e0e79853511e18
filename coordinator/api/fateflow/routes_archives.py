"""`/v1/model/...` and `/v1/checkpoint/...`: shares of models that leave, come, or are converted."""

from typing import Any

from aiohttp import web

from coordinator.api.dialect import Route
from coordinator.api.fateflow.documents import http_no
from coordinator.api.fateflow.rows import date_of
from coordinator.api.keys import TRANSFERS
from coordinator.domain.migration import Migration, NothingToMigrate
from coordinator.domain.share import Share, Wanted
from federation.errors import CallFailed, Conflict, NotFound
from federation.fateflow import archive
from federation.fateflow.envelope import Retcode, reply
from federation.fateflow.reading import (
    MissingArguments,
    WrongArgument,
    flag_of,
    number_of,
    read_body,
    read_upload,
    require,
    text_of,
)
from federation.fateflow.seats import party_of, role_of
from federation.spec.party import Party, Role, party_id_of

HTTP_NOT_FOUND, HTTP_CONFLICT = 404, 409

_FRAMEWORKS = {"": "sklearn", "sklearn": "sklearn", "pytorch": "pytorch", "torch": "pytorch"}


async def export(request: web.Request) -> web.StreamResponse:
    """A seat's share of a model, as a zip that its party makes."""
    try:
        share = await _share(request, await read_body(request))
    except NotFound as error:
        return http_no(HTTP_NOT_FOUND, error.message)
    content = request.app[TRANSFERS].export(share)
    return await archive.attached(request, f"{share.name.replace('#', '_')}.zip", content)


async def take(request: web.Request) -> web.Response:
    """Give a share to its party, as `export` made it."""
    form = await read_upload(request)
    wanted = _wanted(form.parameters)
    if form.content is None:
        raise WrongArgument("send the archive as a part `file` of a multipart form")
    force = flag_of(form.parameters, "force_update", default=False)
    try:
        await request.app[TRANSFERS].take(wanted, form.content, force=force)
    except Conflict as error:
        return http_no(HTTP_CONFLICT, error.message)
    return reply(_told(wanted), job_id=wanted.model_version)


async def store(request: web.Request) -> web.Response:
    """Have a party keep an archive of its share."""
    body = await read_body(request)
    share = await _share(request, body)
    kept = await request.app[TRANSFERS].store(share)
    return reply({**_told(_wanted(body)), **kept}, job_id=share.model.model_version)


async def restore(request: web.Request) -> web.Response:
    """Have a party take in the archive of its share that it kept."""
    body = await read_body(request)
    wanted = _wanted(body)
    force = flag_of(body, "force_update", default=False)
    sha256 = text_of(body, "sha256") if body.get("sha256") else ""
    digest = await request.app[TRANSFERS].restore(wanted, sha256=sha256, force=force)
    return reply({**_told(wanted), "sha256": digest}, job_id=wanted.model_version)


async def packaging(request: web.Request) -> web.Response:
    """The same as `store`, of a seat's model id; path and hash of the archive at the party."""
    body = await read_body(request)
    require(body, "party_model_id", "model_version")
    role, _, rest = text_of(body, "party_model_id").partition("#")
    party_id, _, model_id = rest.partition("#")
    named = {"role": role, "party_id": party_id, "model_id": model_id}
    share = await _share(request, {**named, "model_version": body["model_version"]})
    kept = await request.app[TRANSFERS].store(share)
    return reply(
        {
            "party_model_id": body["party_model_id"],
            "model_version": share.model.model_version,
            "path": f"archives/{share.name}.zip",
            "hash": kept["sha256"],
        }
    )


async def migrate(request: web.Request) -> web.Response:
    """Give the parties of a model other ids."""
    body = await read_body(request)
    require(body, "migrate_initiator", "role", "migrate_role", "model_id", "model_version")
    initiator = body["migrate_initiator"]
    if not isinstance(initiator, dict):
        raise WrongArgument("migrate_initiator is {role, party_id}")
    require(initiator, "role", "party_id")
    execute = _roles(body, "execute_party")
    asked = Migration(
        text_of(body, "model_id"),
        text_of(body, "model_version"),
        _roles(body, "role"),
        _roles(body, "migrate_role"),
        Party(role_of(initiator) or Role.GUEST, party_of(initiator) or ""),
        frozenset(Party(role, each) for role, ids in execute.items() for each in ids),
        text_of(body, "unify_model_version") if body.get("unify_model_version") else "",
    )
    try:
        done = await request.app[TRANSFERS].migrate(asked)
    except NothingToMigrate as error:
        return reply(retcode=Retcode.EXCEPTION_ERROR, retmsg=error.message)
    data: dict[str, Any] = {"model_id": done.model_id, "model_version": done.model_version}
    detail: dict[str, Any] = {}
    for seat, wrong in done.told.items():
        code = int(Retcode.EXCEPTION_ERROR if wrong else Retcode.SUCCESS)
        data.setdefault(seat.role.value, {})[seat.party_id] = code
        said = {"retcode": code, "retmsg": wrong or f"migrated to {done.model_id}"}
        detail.setdefault(seat.role.value, {})[seat.party_id] = said
    return reply({**data, "detail": detail}, job_id=done.model_version)


async def homo_convert(request: web.Request) -> web.Response:
    """Have a party make files for other software of its share; they are in its exports then."""
    body = await read_body(request)
    share = await _share(request, body)
    name = str(body.get("framework_name") or "").lower()
    if name not in _FRAMEWORKS:
        raise WrongArgument("framework_name is sklearn or pytorch")
    made = await request.app[TRANSFERS].convert(share, _FRAMEWORKS[name])
    said = {"framework_name": _FRAMEWORKS[name], "components": made}
    return reply({**_told(_wanted(body)), **said})


async def woe_arrays(request: web.Request) -> web.Response:
    """Weights of evidence of the hosts' columns, by host and column, out of a guest's binning."""
    body = await read_body(request)
    component = text_of(body, "component_name")
    wanted = _wanted(body)
    if wanted.seat.role is not Role.GUEST:
        raise WrongArgument("role is guest: no other party has weights of evidence")
    share = await request.app[TRANSFERS].share(wanted)
    model = await request.app[TRANSFERS].model(share, component)
    found = {
        result["partyId"]: {
            name: bins["woeArray"] for name, bins in result["binningResult"].items()
        }
        for result in model["param"].get("hostResults") or ()
    }
    if not any(found.values()):
        raise NotFound(f"{component} has no weights of evidence of hosts' columns")
    return reply(found)


async def checkpoints(request: web.Request) -> web.Response:
    """What a component kept of its training, step by step."""
    body = await read_body(request)
    component = text_of(body, "component_name")
    try:
        share = await _share(request, body)
        found = await request.app[TRANSFERS].checkpoints(share, component)
    except NotFound as error:
        return http_no(HTTP_NOT_FOUND, error.message)
    return reply([_step(step) for step in found])


async def checkpoint(request: web.Request) -> web.Response:
    """One step of a component's training, with the model."""
    body = await read_body(request)
    component = text_of(body, "component_name")
    index = number_of(body, "step_index", -1)
    name = text_of(body, "step_name") if body.get("step_name") else None
    if index < 0 and name is None:
        raise MissingArguments(["step_index or step_name"])
    try:
        share = await _share(request, body)
        found = await request.app[TRANSFERS].checkpoint(
            share, component, None if index < 0 else index, name
        )
    except NotFound as error:
        return http_no(HTTP_NOT_FOUND, error.message)
    except CallFailed as error:
        if error.facts.get("agent_code") != "checkpoint_not_found":
            raise
        return http_no(HTTP_NOT_FOUND, error.message)
    return reply({**_step(found), "models": found["models"]})


async def _share(request: web.Request, body: dict[str, Any]) -> Share:
    return await request.app[TRANSFERS].share(_wanted(body))


def _wanted(body: dict[str, Any]) -> Wanted:
    require(body, "model_id", "model_version", "role", "party_id")
    role, party_id = role_of(body), party_of(body)
    if role is None or party_id is None:
        raise WrongArgument("role and party_id name a seat")
    return Wanted(text_of(body, "model_id"), text_of(body, "model_version"), Party(role, party_id))


def _roles(body: dict[str, Any], name: str) -> dict[Role, tuple[str, ...]]:
    given = body.get(name) or {}
    try:
        return {Role(role): tuple(party_id_of(each) for each in ids) for role, ids in given.items()}
    except (AttributeError, TypeError, ValueError):
        raise WrongArgument(f"{name} is {{role: list of party ids}}") from None


def _told(wanted: Wanted) -> dict[str, Any]:
    return {
        "job_id": wanted.model_version,
        "role": wanted.seat.role.value,
        "party_id": wanted.seat.party_id,
        "model_id": wanted.model_id,
        "model_version": wanted.model_version,
    }


def _step(step: dict[str, Any]) -> dict[str, Any]:
    return {
        "step_index": step["step_index"],
        "step_name": step["step_name"],
        "create_time": date_of(step["created_ms"]),
    }


_SEAT = {
    "model_id*": "text",
    "model_version*": "text",
    "role*": "guest | host | arbiter",
    "party_id*": "number or text",
}
_COMPONENT = {**_SEAT, "component_name*": "text"}
_ROLES = "{role: list of party ids}"

ROUTES = (
    Route(
        "model/export",
        export,
        "A seat's share of a model, as a zip that its party makes",
        _SEAT,
        gives="application/octet-stream",
    ),
    Route(
        "model/import",
        take,
        "Give a share to its party, as export made it",
        {**_SEAT, "file*": "the archive", "force_update": "0 | 1"},
        takes=("multipart/form-data",),
    ),
    Route("model/store", store, "Have a party keep an archive of its share", _SEAT),
    Route(
        "model/restore",
        restore,
        "Have a party take in the archive of its share that it kept",
        {**_SEAT, "sha256": "text", "force_update": "0 | 1"},
    ),
    Route(
        "model/archive/packaging",
        packaging,
        "Have a party keep an archive of its share",
        {"party_model_id*": "<role>#<party id>#<model id>", "model_version*": "text"},
    ),
    Route(
        "model/migrate",
        migrate,
        "Give the parties of a model other ids",
        {
            "model_id*": "text",
            "model_version*": "text",
            "migrate_initiator*": "{role, party_id}",
            "role*": _ROLES,
            "migrate_role*": _ROLES,
            "execute_party": _ROLES,
            "unify_model_version": "text",
        },
    ),
    Route(
        "model/homo/convert",
        homo_convert,
        "Have a party make files for scikit-learn or PyTorch of its horizontal models",
        {**_SEAT, "framework_name": "sklearn | pytorch"},
    ),
    Route(
        "component/woe_array/extract",
        woe_arrays,
        "Weights of evidence of the hosts' columns, out of a guest's binning",
        _COMPONENT,
    ),
    Route(
        "checkpoint/list",
        checkpoints,
        "What a component kept of its training, step by step",
        _COMPONENT,
    ),
    Route(
        "checkpoint/get",
        checkpoint,
        "One step of a component's training, with the model",
        {**_COMPONENT, "step_index": "number", "step_name": "text"},
    ),
)
