"""Signed requests: what FATE's clients sign, and what of it is checked."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import FormData, web
from aiohttp.test_utils import TestClient

from federation.errors import TripactError
from federation.fateflow.envelope import says_no
from federation.fateflow.reading import MOST_FIELD_BYTES, MOST_FIELDS, read_upload
from federation.fateflow.signing import Signatures, stamp_of
from federation.fateflow.stamp import HEADERS, Stamp, signature_of

# As fate-client 1.11.3 signs: base64(HMAC-SHA1(secret, six parts joined by line ends)).
STAMP = Stamp("1700000000000", "00000000-0000-1000-8000-000000000000", "app", "")
NOW_MS = 1_700_000_000_500
SECRET = "secret"
FIELDS = {
    "model_id": "guest-1#host-2#model",
    "file": "/w/a b.zip",
    "note": "grün\r\n--",
    "empty": "",
}

Client = TestClient[web.Request, web.Application]
Serve = Callable[[Any], Awaitable[Client]]


def test_the_signature_is_that_of_fates_client() -> None:
    body = b'{"job_id": "J"}'
    # printf '%s' "$message" | openssl dgst -sha1 -hmac secret -binary | base64
    assert signature_of(SECRET, STAMP, "/v1/job/query", body) == "GDLutBtYWO1DO47srcLkXDIVn5k="


def test_fields_of_a_form_are_signed_in_order_and_encoded() -> None:
    form = {"b": "x y", "a": "~-._/"}
    assert (
        signature_of(SECRET, STAMP, "/v1/model/import", b"", form) == "ea2ei0XUA4VDvSJQRyF7f/T6LmQ="
    )


@pytest.fixture
async def door(aiohttp_client: Serve) -> Client:
    """Checks who signed an upload, then answers what it read of it."""
    times = iter((NOW_MS - 60_000, *[NOW_MS] * 100))
    signatures = Signatures(lambda: next(times))

    async def take(request: web.Request) -> web.Response:
        stamp = stamp_of(request.headers)
        assert stamp is not None
        try:
            await signatures.check(request, stamp, SECRET)
            form = await read_upload(request)
            assert form.content is not None
            content = b"".join([block async for block in form.content])
        except TripactError as error:
            return says_no(request, error)
        return web.json_response({"fields": form.parameters, "content": content.decode()})

    app = web.Application()
    app.router.add_post("/v1/model/import", take)
    return await aiohttp_client(app)


async def post(door: Client, signed: dict[str, str], sent: dict[str, str], path: str) -> Any:
    """Send a form of which other fields, or another path, may have been signed."""
    values = (STAMP.timestamp, STAMP.nonce, STAMP.app_key)
    signature = signature_of(SECRET, STAMP, path, b"", signed)
    form = FormData()
    for name, value in sent.items():
        form.add_field(name, value, content_type="text/plain; charset=utf-8")
    form.add_field("file", b"an archive", filename="a.zip")
    headers = dict(zip(HEADERS, (*values, signature), strict=True))
    answer = await door.post("/v1/model/import", data=form, headers=headers)
    return await answer.json()


async def test_a_form_whose_fields_are_signed_is_read_with_its_file(door: Client) -> None:
    said = await post(door, FIELDS, FIELDS, "/v1/model/import")
    assert said == {"fields": FIELDS, "content": "an archive"}


@pytest.mark.parametrize(
    "sent", [{}, {**FIELDS, "model_id": "other"}, {**FIELDS, "force_update": "1"}]
)
async def test_a_form_with_other_fields_than_were_signed_is_refused(
    door: Client, sent: dict[str, str]
) -> None:
    assert (await post(door, FIELDS, sent, "/v1/model/import"))["retcode"] == 109


async def test_a_form_signed_for_another_path_is_refused(door: Client) -> None:
    assert (await post(door, FIELDS, FIELDS, "/v1/model/export"))["retcode"] == 109


@pytest.mark.parametrize(
    "many",
    [
        {str(number): "" for number in range(MOST_FIELDS + 1)},
        {str(number): "x" * (MOST_FIELD_BYTES // 3) for number in range(4)},
    ],
)
async def test_a_form_of_too_much_text_is_not_read_to_its_end(
    door: Client, many: dict[str, str]
) -> None:
    said = await post(door, many, many, "/v1/model/import")
    assert "the form" in said["retmsg"]
    assert said["retcode"] == 101
