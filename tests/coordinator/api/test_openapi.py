"""The OpenAPI document and what a dialect is."""

import json
import urllib.request
from typing import Any

import jsonschema
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from coordinator.api.dialect import Dialect, Route
from coordinator.api.fateflow import DIALECT
from coordinator.api.mounting import mount
from coordinator.api.openapi import document


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    return document([DIALECT], "1.2.3")


def test_every_route_is_described_once(described: dict[str, Any]) -> None:
    assert set(described["paths"]) == {f"/v1/{route.path}" for route in DIALECT.routes}
    names = [verb["operationId"] for path in described["paths"].values() for verb in path.values()]
    assert len(names) == len(set(names)) == len(DIALECT.routes)


def test_required_fields_are_marked(described: dict[str, Any]) -> None:
    body = described["paths"]["/v1/job/update"]["post"]["requestBody"]
    schema = body["content"]["application/json"]["schema"]
    assert schema["required"] == ["job_id", "notes"]
    assert schema["properties"]["role"] == {
        "type": "string",
        "enum": ["guest", "host", "arbiter", "local"],
    }


def test_bodies_and_answers_are_json_schemas(described: dict[str, Any]) -> None:
    schemas = list(described["components"]["schemas"].values())
    for path in described["paths"].values():
        for verb in path.values():
            contents = verb.get("requestBody", {}).get("content", {})
            schemas += [content["schema"] for content in contents.values()]
    for schema in schemas:
        jsonschema.Draft202012Validator.check_schema(schema)


def test_downloads_are_described_as_bytes(described: dict[str, Any]) -> None:
    answers = described["paths"]["/v1/job/log"]["post"]["responses"]["200"]["content"]
    assert "application/octet-stream" in answers


def test_the_document_is_served(live: Any) -> None:
    with urllib.request.urlopen(f"{live.url}/v1/openapi.json", timeout=20) as response:
        served = json.loads(response.read())
    assert served["openapi"] == "3.1.0"
    assert served["paths"] == document([DIALECT], "")["paths"]


def dialect(name: str, *paths: str) -> Dialect:
    async def handler(request: web.Request) -> web.Response:
        if "fail" in request.query:
            raise ValueError("unforeseen")
        return web.Response(text=name)

    def says_no(_: web.Request, error: Exception) -> web.Response:
        return web.Response(text=f"{name} says no: {type(error).__name__}")

    routes = tuple(Route(path, handler, f"{name} {path}") for path in paths)
    return Dialect(name, "/api", routes, says_no)


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/api/a", "first"),
        ("/api/b/", "second"),
        ("/api/b?fail", "second says no: ValueError"),
        ("/api/c", "first says no: UnknownRoute"),
    ],
)
async def test_two_dialects_may_share_a_prefix(path: str, answer: str) -> None:
    app = web.Application()
    mount(app, [dialect("first", "a"), dialect("second", "b")])
    async with TestClient(TestServer(app)) as client:
        assert await (await client.get(path)).text() == answer


async def test_head_runs_no_handler_that_acts() -> None:
    app = web.Application()
    mount(app, [dialect("first", "a")])
    async with TestClient(TestServer(app)) as client:
        response = await client.head("/api/a")
        assert response.headers["Content-Length"] == str(len("first says no: UnknownRoute"))
