"""An OpenAPI 3.1 document made from route tables. Pure.

Source: OpenAPI Specification 3.1.1; schemas are JSON Schema 2020-12.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from coordinator.api.dialect import JSON, Dialect, Route

KINDS: Mapping[str, Mapping[str, Any]] = {
    "text": {"type": "string"},
    "number": {"type": "integer"},
    "flag": {"type": ["boolean", "integer"]},
    "object": {"type": "object"},
    "list": {"type": "array"},
}
"""Words that route tables use for the kinds of fields; other descriptions leave the kind open."""


def document(dialects: Iterable[Dialect], version: str) -> dict[str, Any]:
    """The document of dialects that share a prefix."""
    dialects = tuple(dialects)
    paths: dict[str, dict[str, Any]] = {}
    for dialect in dialects:
        for route in dialect.routes:
            # GET with a body is old clients' habit and not a thing to recommend.
            method = route.methods[0].lower()
            here = paths.setdefault(f"{dialect.prefix}/{route.path}", {})
            here.setdefault(method, _operation(dialect, route))
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tripact coordinator", "version": version},
        "paths": paths,
        "components": {"schemas": {dialect.name: dict(dialect.answer) for dialect in dialects}},
    }


def _operation(dialect: Dialect, route: Route) -> dict[str, Any]:
    answer = {"$ref": f"#/components/schemas/{dialect.name}"}
    content: dict[str, Any] = {JSON: {"schema": answer}}
    # Clients of files read the status first; such an answer may lack what others have.
    loose = {name: part for name, part in dialect.answer.items() if name != "required"}
    no = {JSON: {"schema": loose}}
    if route.gives != JSON:
        content[route.gives] = {}
    operation: dict[str, Any] = {
        "operationId": f"{dialect.name}_{route.path.replace('/', '_')}",
        "summary": route.summary,
        "tags": [dialect.name],
        "responses": {
            "200": {"description": "the answer, also for most errors", "content": content},
            "210": {"description": "there is nothing to send", "content": no},
            "4XX": {"description": "a no to a request for a file", "content": no},
        },
    }
    if variables := re.findall(r"{(\w+)}", route.path):
        operation["parameters"] = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in variables
        ]
    if route.body:
        schema = _schema(route.body)
        operation["requestBody"] = {
            "required": bool(schema.get("required")),
            "content": {kind: {"schema": schema} for kind in route.takes},
        }
    return operation


def _schema(body: Mapping[str, str]) -> dict[str, Any]:
    """The schema of a body; fields that are not named are ignored, so they are allowed."""
    fields = {name.removesuffix("*"): _field(kind) for name, kind in body.items()}
    required = [name.removesuffix("*") for name in body if name.endswith("*")]
    return {"type": "object", "properties": fields, **({"required": required} if required else {})}


def _field(kind: str) -> dict[str, Any]:
    words = kind.split(" | ")
    if len(words) > 1:
        return {"type": "string", "enum": words}
    # "number, 0 is all" is a number with a remark, "number or text" may be either.
    known = [KINDS.get(word) for word in kind.partition(",")[0].split(" or ")]
    schemas = [dict(schema) for schema in known if schema is not None]
    if not schemas or len(schemas) < len(known):
        return {"description": kind}
    return {"description": kind, **(schemas[0] if len(schemas) == 1 else {"anyOf": schemas})}
