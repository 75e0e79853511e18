"""FATE-Serving's routes at the coordinator: questions are handed to the guest's agent.

Features and scores pass through here in the clear, so a party's agent answers only where its policy
lets it: by default in standalone mode, where all parties are one machine's. Elsewhere applications
ask the agent's own gateway.
"""

from typing import Any

from aiohttp import web

from coordinator.api.keys import SERVING
from federation.errors import BadRequest, PartyRefused, ServiceNotBound, TripactError
from federation.fateflow.reading import read_body

VERSIONS = ("v1", "1.0")
"""FATE-Serving takes any; its documents say the one, fate_test asks for the other."""

_PARAM_ERROR, _NET_ERROR, _SYSTEM_ERROR, _SERVICE_NOT_FOUND = 100, 105, 110, 122
"""FATE-Serving's status codes."""


async def inference(request: web.Request) -> web.Response:
    """One row."""
    return await _answered(request, batch=False)


async def batch_inference(request: web.Request) -> web.Response:
    """Many rows."""
    return await _answered(request, batch=True)


async def _answered(request: web.Request, *, batch: bool) -> web.Response:
    try:
        body = await read_body(request)
        head = body.get("head")
        service_id = head.get("serviceId") if isinstance(head, dict) else None
        if not isinstance(service_id, str) or not service_id:
            raise BadRequest("head.serviceId is missing: name the service")
        told = await request.app[SERVING].infer(service_id, body, batch=batch)
    except TripactError as error:
        told = _refusal(error)
    return web.json_response(told)


def _refusal(error: TripactError) -> dict[str, Any]:
    retcode = _NET_ERROR
    if isinstance(error, ServiceNotBound):
        retcode = _SERVICE_NOT_FOUND
    elif isinstance(error, BadRequest):
        retcode = _PARAM_ERROR
    elif isinstance(error, PartyRefused):
        retcode = _SYSTEM_ERROR
    return {"retcode": retcode, "retmsg": error.message, "data": {}, "flag": 0}


ROUTES = tuple(
    web.post(f"/federation/{version}/{name}", handler)
    for version in VERSIONS
    for name, handler in (("inference", inference), ("batchInference", batch_inference))
)
