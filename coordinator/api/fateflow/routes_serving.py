"""`/v1/model/load` and `/v1/model/bind`: models that answer online."""

from typing import Any, cast

from aiohttp import web

from coordinator.api.dialect import Route
from coordinator.api.keys import SERVING
from coordinator.domain.records import Job
from federation.errors import TripactError
from federation.fateflow.envelope import Retcode, reply
from federation.fateflow.reading import read_body, require, text_of
from federation.spec.documents import JsonObject
from federation.spec.party import Role

_OVER = ("component_parameters", "role_parameters", "algorithm_parameters")


async def load(request: web.Request) -> web.Response:
    """Have the parties keep a deployed model in memory."""
    body = await read_body(request)
    model_id, version = _model_of(body)
    over = {name: body[name] for name in _OVER if isinstance(body.get(name), dict)}
    try:
        loaded = await request.app[SERVING].load(model_id, version, cast(JsonObject, over))
    except TripactError as error:
        return reply(
            _seats(None, int(Retcode.ARGUMENT_ERROR), error.message),
            retcode=Retcode.ARGUMENT_ERROR,
            retmsg=error.message,
            job_id=str(error.facts.get("job_id", "")) or None,
        )
    return reply(_seats(loaded.job, 0, "success"), job_id=loaded.job.job_id)


async def bind(request: web.Request) -> web.Response:
    """Let a loaded model answer under a name."""
    body = await read_body(request)
    require(body, "service_id")
    model_id, version = _model_of(body)
    service = await request.app[SERVING].bind(text_of(body, "service_id"), model_id, version)
    return reply(retmsg=f"service id is {service.service_id}")


def _model_of(body: dict[str, Any]) -> tuple[str | None, str]:
    """Model id and version: of `job_parameters` in either of its forms, or `job_id`."""
    if body.get("job_id") not in (None, ""):
        return None, text_of(body, "job_id")
    given = body.get("job_parameters")
    parameters = given if isinstance(given, dict) else {}
    common = parameters.get("common")
    named = {**(common if isinstance(common, dict) else {}), **parameters, **body}
    require(named, "model_id", "model_version")
    return text_of(named, "model_id"), text_of(named, "model_version")


def _seats(job: Job | None, retcode: int, retmsg: str) -> dict[str, Any]:
    roles = job.roles if job else {}
    return {
        **{role.value: {} for role in (Role.GUEST, Role.HOST)},
        **{role.value: dict.fromkeys(ids, retcode) for role, ids in roles.items()},
        "detail": {
            role.value: {party: {"retcode": retcode, "retmsg": retmsg} for party in ids}
            for role, ids in roles.items()
        },
    }


_LOADED = {
    "initiator": "{role, party_id}",
    "role": "{role: list of party ids}",
    "job_parameters": "{model_id, model_version}",
    "job_id": "a model version, instead of `job_parameters`",
    "servings": "accepted, no effect: the parties' agents serve",
}

ROUTES = (
    Route(
        "model/load",
        load,
        "Have the parties keep a deployed model in memory",
        {
            **_LOADED,
            "component_parameters": "over those of the training, such as a host's Reader table",
        },
    ),
    Route(
        "model/bind",
        bind,
        "Let a loaded model answer under a name",
        {"service_id*": "text", **_LOADED},
    ),
)
