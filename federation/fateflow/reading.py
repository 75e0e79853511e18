"""How FATE-Flow reads requests: JSON whatever the Content-Type, GET with a body, noise ignored.

A body that is absent or is no JSON object counts as "no body" on routes that can do without one;
where a body matters (`job/submit`) the flaw is told. Uploads come in three generations of forms
(JSON with a server path; multipart with query arguments; multipart with one url-encoded JSON
object as the only key of the query); all end as one dict of parameters and a stream of bytes.
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import parse_qsl, unquote_plus

from aiohttp import BodyPartReader, ClientPayloadError, web
from aiohttp.http import HttpProcessingError

from federation.errors import BadRequest, InvalidDocument
from federation.spec.documents import parse_json

MOST_JSON_BYTES = 16 * 1024 * 1024
MOST_FIELD_BYTES = 1024 * 1024
"""Of all text fields of a form together: they are held, even before it is known who sends them."""
MOST_FIELDS = 100
MOST_NUMBER = 2**53 - 1
"""The largest whole number that every reader of JSON understands the same (RFC 8259, section 6)."""
BLOCK_BYTES = 256 * 1024
_BODY: web.RequestKey[bytes] = web.RequestKey("tripact body", bytes)
BROKEN_FORM = (
    ValueError,
    AssertionError,
    RuntimeError,
    ConnectionError,
    ClientPayloadError,
    HttpProcessingError,
)
"""What aiohttp raises for a multipart body that is not one, or that breaks off."""


class MissingArguments(BadRequest):
    """Required fields of a request are absent."""

    code = "missing_arguments"

    def __init__(self, names: Iterable[str]) -> None:
        super().__init__(f"required parameters are missing: {','.join(names)}")


class WrongArgument(BadRequest):
    """A field of a request is of a kind that makes no sense there."""

    code = "wrong_argument"


async def read_body(request: web.Request, *, strict: bool = False) -> dict[str, Any]:
    """The JSON object of a request; `{}` where there is none.

    Args:
        request: any method; the Content-Type does not matter.
        strict: tell what is wrong with a body instead of taking it for none.

    Raises:
        InvalidDocument: the body is no JSON (only if strict).
        WrongArgument: the body is JSON, but no object (only if strict).
    """
    content = await _read_at_most(request, MOST_JSON_BYTES)
    if not content.strip():
        return {}
    try:
        value = parse_json(content)
    except InvalidDocument:
        if strict:
            raise
        return {}
    if not isinstance(value, dict):
        if strict:
            raise WrongArgument("the body is JSON, but not an object")
        return {}
    return cast("dict[str, Any]", value)


def require(body: Mapping[str, Any], *names: str) -> None:
    """Say no where one of `names` is absent or null.

    Raises:
        MissingArguments: it names all that are.
    """
    missing = [name for name in names if body.get(name) in (None, "")]
    if missing:
        raise MissingArguments(missing)


def text_of(body: Mapping[str, Any], name: str) -> str:
    """A required field as text; numbers are written out.

    Raises:
        MissingArguments: absent or null.
        WrongArgument: neither text nor number.
    """
    require(body, name)
    value = body[name]
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise WrongArgument(f"{name} is a text, not {type(value).__name__}")
    return str(value)


def number_of(body: Mapping[str, Any], name: str, default: int) -> int:
    """A field as an int; texts of digits count.

    Raises:
        WrongArgument: not a whole number, or one that no store can hold.
    """
    value = body.get(name)
    if value is None or value == "":
        return default
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise WrongArgument(f"{name} is a whole number, not {type(value).__name__}")
    try:
        number = int(value)
    except ValueError:
        raise WrongArgument(f"{name} is a whole number") from None
    if abs(number) > MOST_NUMBER:
        raise WrongArgument(f"{name} is a number of at most {MOST_NUMBER}")
    return number


def flag_of(body: Mapping[str, Any], name: str, *, default: bool) -> bool:
    """A field as a flag: true/false, 0/1, or their texts; 2 is FATE's word for "not given".

    Raises:
        WrongArgument: none of these.
    """
    value = body.get(name)
    if value is None or value == "":
        return default
    words = {"true": True, "1": True, "false": False, "0": False, "2": False, "none": default}
    known = words.get(str(value).lower())
    if known is None:
        raise WrongArgument(f"{name} is true or false (or 1 or 0)")
    return known


@dataclass(frozen=True, slots=True)
class UploadForm:
    """An upload, whatever form it came in.

    Attributes:
        parameters: FATE's upload conf.
        filename: what the client calls the file.
        content: the bytes as they come; None when the file lies on the server.
    """

    parameters: dict[str, Any]
    filename: str
    content: AsyncIterator[bytes] | None


@dataclass(frozen=True, slots=True)
class _Form:
    """A multipart body: its text fields, and the file after them."""

    fields: dict[str, str]
    file: BodyPartReader | None


_FORM: web.RequestKey[_Form] = web.RequestKey("tripact form", _Form)


async def read_upload(request: web.Request) -> UploadForm:
    """The parameters and the file of an upload.

    Fields of the form that stand before the file part are taken as parameters too; a file part
    is one with a filename, since some clients also send the path in a text field `file`.

    Raises:
        BadRequest: a multipart body without a file part, or a broken one. While the file is read,
            a body that breaks off raises it too.
    """
    # The raw query: aiohttp's `query_string` is decoded already, and `%2B` would turn to a blank.
    parameters = query_parameters(request.rel_url.raw_query_string)
    if not request.content_type.startswith("multipart/"):
        parameters |= await read_body(request, strict=True)
        return UploadForm(parameters, str(parameters.get("file", "")), None)
    form = await _open_form(request)
    if form.file is None:
        raise BadRequest("the form has no part `file` with a filename")
    parameters |= form.fields
    filename = form.file.filename or str(parameters.get("file", ""))
    return UploadForm(parameters, filename, _blocks(form.file))


async def form_fields(request: web.Request) -> dict[str, str]:
    """The text fields of a multipart body that stand before its file; `read_upload` may follow.

    Raises:
        BadRequest: the body is broken.
    """
    return (await _open_form(request)).fields


def query_parameters(query: str) -> dict[str, Any]:
    """The parameters of a query: arguments, or one JSON object in place of a key.

    FATE 1.5 and later send `?%7B%22file%22: ...%7D`: a url-encoded JSON object without a `=`.
    """
    if not query:
        return {}
    whole = unquote_plus(query.removesuffix("="))
    if whole.lstrip().startswith("{"):
        value = parse_json(whole.encode())
        if isinstance(value, dict):
            return cast("dict[str, Any]", value)
    return dict(parse_qsl(query, keep_blank_values=True))


async def keep_body(request: web.Request) -> bytes:
    """The body of a request as it came, which may be read again after this.

    Raises:
        BadRequest: it is too long.
    """
    body = request[_BODY] = await _read_at_most(request, MOST_JSON_BYTES)
    return body


async def _open_form(request: web.Request) -> _Form:
    """A multipart body read up to its file, once."""
    if _FORM in request:
        return request[_FORM]
    fields: dict[str, str] = {}
    left = MOST_FIELD_BYTES
    try:
        reader = await request.multipart()
        while (part := await reader.next()) is not None:
            if not isinstance(part, BodyPartReader):
                raise BadRequest("a part of the form holds parts itself")
            if part.filename is not None:
                break
            if len(fields) == MOST_FIELDS:
                raise BadRequest(f"the form has more than {MOST_FIELDS} fields")
            content = await _field(part, left)
            left -= len(content)
            fields[part.name or ""] = content.decode(errors="replace")
    except BROKEN_FORM as error:
        raise BadRequest(f"the multipart body is broken: {error}") from error
    form = request[_FORM] = _Form(fields, part)
    return form


async def _read_at_most(request: web.Request, limit: int) -> bytes:
    if _BODY in request:
        return bytes(request[_BODY])
    content = bytearray()
    async for block in request.content.iter_chunked(BLOCK_BYTES):
        content += block
        if len(content) > limit:
            raise BadRequest(f"the body has more than {limit} bytes")
    return bytes(content)


async def _field(part: BodyPartReader, limit: int) -> bytes:
    content = bytearray()
    while block := await part.read_chunk(BLOCK_BYTES):
        content += block
        if len(content) > limit:
            raise BadRequest(f"the form is too long up to its field {part.name}")
    return bytes(content)


async def _blocks(part: BodyPartReader) -> AsyncIterator[bytes]:
    # An empty block is not the end: a body without its last boundary would pass for whole.
    while not part.at_eof():
        if block := await _next_block(part):
            yield block


async def _next_block(part: BodyPartReader) -> bytes:
    try:
        return await part.read_chunk(BLOCK_BYTES)
    except BROKEN_FORM as error:
        raise BadRequest(f"the upload broke off: {error}") from error
