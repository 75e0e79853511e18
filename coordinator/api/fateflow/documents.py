"""JSON documents and lists of names within requests, and documents as answers."""

from collections.abc import Mapping
from typing import Any, cast

from aiohttp import web

from federation.fateflow.envelope import as_json, reply
from federation.fateflow.files import attachment
from federation.fateflow.reading import WrongArgument, text_of
from federation.spec.documents import JsonObject, parse_json


def names_of(body: Mapping[str, Any], name: str) -> list[str] | None:
    """A list of names, or one text with commas; None if there is none.

    Raises:
        WrongArgument: neither.
    """
    given = body.get(name)
    if given in (None, "", []):
        return None
    names = given.split(",") if isinstance(given, str) else given
    if not isinstance(names, list) or not all(isinstance(entry, str) for entry in names):
        raise WrongArgument(f"{name} is a list of names")
    return [entry.strip() for entry in names]


def document_of(body: Mapping[str, Any], name: str) -> JsonObject | None:
    """A JSON object, or the text of one; None if there is none.

    Raises:
        InvalidDocument: a text that is no JSON.
        WrongArgument: not an object.
    """
    given = body.get(name)
    if given in (None, "", {}):
        return None
    value = parse_json(given.encode("utf-8", "replace")) if isinstance(given, str) else given
    if not isinstance(value, dict):
        raise WrongArgument(f"{name} is a JSON object, or its text")
    return cast(JsonObject, value)


def document_or_file(body: Mapping[str, Any], document: JsonObject) -> web.Response:
    """A document in the envelope, or alone as a file where `filename` is given."""
    if body.get("filename"):
        return attachment(as_json(document).encode(), text_of(body, "filename"))
    return reply(document)


def http_no(status: int, sentence: str) -> web.Response:
    """A no that FATE's clients tell from a file by its HTTP status."""
    return web.json_response({"retcode": status, "retmsg": sentence, "data": {}}, status=status)
