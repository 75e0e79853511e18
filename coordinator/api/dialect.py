"""What a dialect is, and how several of them share one router.

A dialect names its routes under a prefix and says no in its own words: whatever a handler raises
goes through `says_no`, and so does a path under the prefix that nobody serves. Two dialects may
share a prefix; the first one mounted answers for unknown paths.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

import structlog
from aiohttp import web

from federation.errors import NotFound, TripactError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
SaysNo = Callable[[web.Request, Exception], web.StreamResponse]

log = structlog.get_logger(__name__)


class UnknownRoute(NotFound):
    """Nothing is served at a path."""

    code = "unknown_route"

    def __init__(self, method: str, path: str) -> None:
        super().__init__(f"nothing is served at {method} {path}", method=method, path=path)


@dataclass(frozen=True, slots=True)
class Route:
    """One path of a dialect.

    Attributes:
        path: below the dialect's prefix, without a leading slash; `{name}` parts are variable.
        handler: parse, one call into the domain, render.
        summary: one line for the OpenAPI document.
        body: fields a request may carry, name -> what it is; a `*` at the end of a name: required.
        methods: HTTP methods that reach the handler.
    """

    path: str
    handler: Handler
    summary: str
    body: dict[str, str] = field(default_factory=dict)
    methods: tuple[str, ...] = ("POST", "GET")


@dataclass(frozen=True, slots=True)
class Dialect:
    """A published REST interface over our own domain.

    Attributes:
        name: for logs and metrics.
        prefix: for instance `/v1`.
        says_no: the answer to an exception, in the dialect's words.
    """

    name: str
    prefix: str
    routes: tuple[Route, ...]
    says_no: SaysNo


def mount(app: web.Application, dialects: Iterable[Dialect]) -> None:
    """Serve the dialects' routes; a trailing slash reaches the same handler."""
    dialects = tuple(dialects)
    for dialect in dialects:
        for route in dialect.routes:
            handler = _answering(dialect, route.handler)
            for method in route.methods:
                # GET is registered alone, so that HEAD does not run a handler that acts.
                app.router.add_route(method, f"{dialect.prefix}/{route.path}", handler)
                app.router.add_route(method, f"{dialect.prefix}/{route.path}/", handler)
    speakers: dict[str, Dialect] = {}
    for dialect in dialects:
        speakers.setdefault(dialect.prefix, dialect)
    for prefix, dialect in speakers.items():
        app.router.add_route("*", f"{prefix}/{{tail:.*}}", _answering(dialect, _unknown))


def _answering(dialect: Dialect, handler: Handler) -> Handler:
    """The handler, with every exception answered in the dialect's words."""

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPException:
            raise
        except TripactError as error:
            return dialect.says_no(request, error)
        except Exception as error:
            log.exception("request failed", dialect=dialect.name, path=request.path)
            return dialect.says_no(request, error)

    return answer


async def _unknown(request: web.Request) -> web.StreamResponse:
    raise UnknownRoute(request.method, request.path)
