"""What an upload asks for, out of the three generations of its form."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from federation.fateflow.reading import flag_of, number_of, read_upload, require, text_of
from federation.fateflow.seats import party_of, role_of
from federation.spec.party import Role

_PARAMS = (
    "id_delimiter",
    "extend_sid",
    "auto_increasing_sid",
    "with_meta",
    "meta",
    "schema",
    "partition",
    "head",
)


@dataclass(frozen=True, slots=True)
class UploadAsked:
    """One upload.

    Attributes:
        file: name of the file that comes, or a path on the party's machine.
        params: fields of the Upload component, in their own kinds.
        content: bytes of the file; None for a path.
    """

    namespace: str
    name: str
    file: str
    party_id: str | None
    role: Role
    drop: bool
    params: dict[str, Any]
    content: AsyncIterator[bytes] | None


async def upload_asked(request: web.Request) -> UploadAsked:
    """What a request to upload asks for.

    Raises:
        MissingArguments: namespace, table_name, file, head or partition is.
        WrongArgument: a value is of no kind that makes sense.
        BadRequest: the form is broken.
    """
    form = await read_upload(request)
    asked = form.parameters
    named = {**asked, "file": form.filename or asked.get("file")}
    if named.get("table_name") is None and named.get("name") is not None:
        named["table_name"] = named["name"]
    require(named, "namespace", "table_name", "file", "head", "partition")
    return UploadAsked(
        namespace=text_of(named, "namespace"),
        name=text_of(named, "table_name"),
        file=text_of(named, "file"),
        party_id=party_of(asked),
        role=role_of(asked) or Role.LOCAL,
        drop=flag_of(asked, "drop", default=False),
        params=upload_params(asked),
        content=form.content,
    )


def upload_params(asked: dict[str, Any]) -> dict[str, Any]:
    """The fields of an upload conf that the Upload component takes, in their own kinds.

    Old clients send every value as text.

    Raises:
        WrongArgument: a value is of no kind that makes sense.
    """
    params = {name: asked[name] for name in _PARAMS if asked.get(name) is not None}
    params["head"] = int(flag_of(asked, "head", default=True))
    params["partition"] = number_of(asked, "partition", 1)
    for name in ("extend_sid", "auto_increasing_sid", "with_meta"):
        if name in params:
            params[name] = flag_of(asked, name, default=False)
    return params
