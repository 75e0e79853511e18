"""Several dialects on one router.

A dialect names its routes under a prefix and says no in its own words: whatever a handler raises
goes through `says_no`, and so does a path under the prefix that nobody serves. Two dialects may
share a prefix; the first one mounted answers for unknown paths.
"""

import json
from collections.abc import Iterable
from importlib import metadata

import structlog
from aiohttp import web

from coordinator.api.dialect import JSON, Dialect, Handler
from coordinator.api.openapi import document
from federation.errors import NotFound, TripactError

HTTP_OK = 200

log = structlog.get_logger(__name__)


class UnknownRoute(NotFound):
    """Nothing is served at a path."""

    code = "unknown_route"

    def __init__(self, method: str, path: str) -> None:
        super().__init__(f"nothing is served at {method} {path}", method=method, path=path)


def mount(app: web.Application, dialects: Iterable[Dialect]) -> None:
    """Serve the dialects' routes; a trailing slash reaches the same handler.

    Each prefix also serves `openapi.json`, made from the route tables.
    """
    dialects = tuple(dialects)
    for dialect in dialects:
        for route in dialect.routes:
            handler = _answering(dialect, route.handler, gives=route.gives)
            for method in route.methods:
                # GET is registered alone, so that HEAD does not run a handler that acts.
                app.router.add_route(method, f"{dialect.prefix}/{route.path}", handler)
                app.router.add_route(method, f"{dialect.prefix}/{route.path}/", handler)
    sharing: dict[str, list[Dialect]] = {}
    for dialect in dialects:
        sharing.setdefault(dialect.prefix, []).append(dialect)
    for prefix, speakers in sharing.items():
        described = _answering(speakers[0], _describing(speakers))
        app.router.add_get(f"{prefix}/openapi.json", described, allow_head=False)
        app.router.add_route("*", f"{prefix}/{{tail:.*}}", _answering(speakers[0], _unknown))


def _describing(dialects: list[Dialect]) -> Handler:
    content = json.dumps(document(dialects, metadata.version("tripact")))

    async def describe(_: web.Request) -> web.Response:
        return web.json_response(text=content)

    return describe


def _answering(dialect: Dialect, handler: Handler, *, gives: str = JSON) -> Handler:
    """The handler, with every exception answered in the dialect's words.

    A client that expects a file takes whatever comes with HTTP 200 for it: a no never has that
    status there.
    """

    def no(request: web.Request, error: Exception) -> web.StreamResponse:
        said = dialect.says_no(request, error)
        if gives != JSON and said.status == HTTP_OK:
            said.set_status(dialect.no_file)
        return said

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPException:
            raise
        except TripactError as error:
            return no(request, error)
        except Exception as error:
            log.exception("request failed", dialect=dialect.name, path=request.path)
            return no(request, error)

    return answer


async def _unknown(request: web.Request) -> web.StreamResponse:
    raise UnknownRoute(request.method, request.path)
