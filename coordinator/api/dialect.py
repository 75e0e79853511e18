"""What a dialect is: a published REST interface as a table of routes."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
SaysNo = Callable[[web.Request, Exception], web.StreamResponse]

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Route:
    """One path of a dialect.

    Attributes:
        path: below the dialect's prefix, without a leading slash; `{name}` parts are variable.
        handler: parse, one call into the domain, render.
        summary: one line for the OpenAPI document.
        body: fields a request may carry, name -> what it is; a `*` at the end of a name: required.
        methods: HTTP methods that reach the handler.
        takes: media types of the body.
        gives: media type of a good answer.
    """

    path: str
    handler: Handler
    summary: str
    body: dict[str, str] = field(default_factory=dict)
    methods: tuple[str, ...] = ("POST", "GET")
    takes: tuple[str, ...] = (JSON,)
    gives: str = JSON


@dataclass(frozen=True, slots=True)
class Dialect:
    """A published REST interface over our own domain.

    Attributes:
        name: for logs and metrics.
        prefix: for instance `/v1`.
        says_no: the answer to an exception, in the dialect's words.
        answer: JSON Schema of its answers, for the OpenAPI document.
        no_file: HTTP status of a no where a file was asked for.
    """

    name: str
    prefix: str
    routes: tuple[Route, ...]
    says_no: SaysNo
    answer: Mapping[str, Any] = field(default_factory=dict)
    no_file: int = 404
