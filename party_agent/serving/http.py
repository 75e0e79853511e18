"""FATE-Serving's routes, for the gateway of the party that has the guest's features.

Features and scores go between whoever asks and this party alone: the coordinator sees neither.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from federation.fateflow.reading import read_body
from party_agent.serving.desk import ServingDesk
from party_agent.serving.fate import batch_inference, inference

SINGLE = "/federation/v1/inference"
BATCH = "/federation/v1/batchInference"
OLD_VERSION = "1.0"
"""FATE-Serving takes any version in the path; fate_test asks for this one."""

_Answering = Callable[[ServingDesk, object], Awaitable[dict[str, Any]]]


def routes(desk: ServingDesk) -> list[web.RouteDef]:
    """Routes that answer for the services of `desk`."""
    answered = {SINGLE: _handler(desk, inference), BATCH: _handler(desk, batch_inference)}
    return [
        web.post(path.replace("v1", version), handler)
        for path, handler in answered.items()
        for version in ("v1", OLD_VERSION)
    ]


def _handler(
    desk: ServingDesk, answering: _Answering
) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        # Whoever checked the signature has read the body already.
        return web.json_response(await answering(desk, await read_body(request)))

    return handle
