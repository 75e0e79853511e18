"""Requests as FATE's clients of all generations send them."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from yarl import URL

from federation.errors import BadRequest, TripactError
from federation.fateflow import reading
from federation.fateflow.envelope import says_no

CSV = b"id,y,x0\r\n1,0,0.5\r\n2,1,-1\r\n"
CONF = {"file": "/w/d.csv", "head": 1, "partition": 4, "namespace": "n", "table_name": "t"}

Client = TestClient[web.Request, web.Application]
Serve = Callable[[Any], Awaitable[Client]]


@pytest.fixture
async def uploads(aiohttp_client: Serve) -> Client:
    """Answers what it read of an upload."""

    async def take(request: web.Request) -> web.Response:
        try:
            form = await reading.read_upload(request)
            blocks = None if form.content is None else [b async for b in form.content]
        except TripactError as error:
            return says_no(request, error)
        text = None if blocks is None else b"".join(blocks).decode()
        return web.json_response(
            {
                "parameters": form.parameters,
                "filename": form.filename,
                "content": text,
                "blocks": len(blocks or ()),
            }
        )

    app = web.Application()
    app.router.add_route("*", "/up", take)
    return await aiohttp_client(app)


@pytest.fixture
async def bodies(aiohttp_client: Serve) -> Client:
    """Answers what it read of a JSON body."""

    async def take(request: web.Request) -> web.Response:
        try:
            body = await reading.read_body(request, strict="strict" in request.query)
            return web.json_response(body)
        except TripactError as error:
            return says_no(request, error)

    app = web.Application()
    app.router.add_route("*", "/body", take)
    return await aiohttp_client(app)


def form_of(content: bytes = CSV, **fields: str) -> aiohttp.FormData:
    form = aiohttp.FormData()
    for name, value in fields.items():
        form.add_field(name, value)
    form.add_field("file", content, filename="d.csv", content_type="application/octet-stream")
    return form


async def test_a_json_upload_names_a_file_on_the_server(uploads: Client) -> None:
    answer = await (await uploads.post("/up", json={**CONF, "use_local_data": 0})).json()
    assert answer["parameters"]["file"] == "/w/d.csv"
    assert answer["filename"] == "/w/d.csv"
    assert answer["content"] is None


async def test_the_query_string_of_fate_1_4_gives_the_parameters(uploads: Client) -> None:
    query = urlencode({**CONF, "function": "upload", "config": "/w/up load.json"})
    answer = await (await uploads.post(f"/up?{query}", data=form_of())).json()
    assert answer["parameters"]["head"] == "1"
    assert answer["parameters"]["config"] == "/w/up load.json"
    assert answer["content"] == CSV.decode()
    assert answer["filename"] == "d.csv"


@pytest.mark.parametrize("ending", ["", "="])
@pytest.mark.parametrize("blanks", ["%20", "+"])
async def test_one_json_object_as_the_query_gives_the_parameters(
    uploads: Client, blanks: str, ending: str
) -> None:
    conf = {**CONF, "table_name": "breast + hetero & more = 100%", "verbose": 0}
    query = quote(json.dumps(conf)).replace("%20", blanks) + ending
    url = URL(f"/up?{query}", encoded=True)
    answer = await (await uploads.post(url, data=form_of())).json()
    assert answer["parameters"] == conf
    assert answer["content"] == CSV.decode()


async def test_form_fields_before_the_file_are_parameters(uploads: Client) -> None:
    form = form_of(namespace="n", table_name="t", file="/w/d.csv")
    answer = await (await uploads.post("/up", data=form)).json()
    assert answer["parameters"] == {"namespace": "n", "table_name": "t", "file": "/w/d.csv"}
    assert answer["content"] == CSV.decode()


async def test_a_large_file_comes_in_bounded_blocks_and_unaltered(uploads: Client) -> None:
    content = b"a-line,--b\r\n" * 200_000
    answer = await (await uploads.post("/up", data=form_of(content))).json()
    assert answer["content"] == content.decode()
    assert answer["blocks"] >= len(content) // reading.BLOCK_BYTES


async def test_an_empty_file_has_no_bytes(uploads: Client) -> None:
    answer = await (await uploads.post("/up", data=form_of(b""))).json()
    assert answer["content"] == ""


async def test_a_form_without_a_file_is_refused(uploads: Client) -> None:
    form = aiohttp.FormData({"namespace": "n"}, default_to_multipart=True)
    answer = await (await uploads.post("/up", data=form)).json()
    assert answer["retcode"] == 101
    assert "part `file`" in answer["retmsg"]


@pytest.mark.parametrize(
    ("boundary", "body"),
    [
        ("boundary=b", b""),
        ("", b"--b\r\n\r\nx"),
        ("boundary=b", b"nothing of a form"),
        ("boundary=b", b"--b\r\nContent-Disposition: form-data"),
        ("boundary=b", b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\nopen'),
        ("boundary=b", b'--b\r\nContent-Disposition: form-data; filename="d"\r\n\r\nrow,1'),
        ("boundary=b", b"--b\r\n" + b"A: b\r\n" * 9000 + b"\r\n--b--"),
        ("boundary=b", b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c--\r\n--b--"),
    ],
)
async def test_a_broken_form_is_refused_by_name(
    uploads: Client, boundary: str, body: bytes
) -> None:
    headers = {"Content-Type": f"multipart/form-data; {boundary}"}
    response = await uploads.post("/up", data=body, headers=headers)
    answer = await response.json()
    assert (response.status, answer["retcode"]) == (200, 101)
    assert answer["data"]["code"] == "bad_request"


async def test_a_file_that_breaks_off_is_not_taken_for_a_whole_one(uploads: Client) -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="file"; filename="d"\r\n\r\n1,2\r\n3'
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = await (await uploads.post("/up", data=body, headers=headers)).json()
    assert "broke off" in answer["retmsg"]


async def test_a_query_that_starts_like_json_must_be_json(uploads: Client) -> None:
    url = URL("/up?%7B%22file%22:", encoded=True)
    answer = await (await uploads.post(url, data=form_of())).json()
    assert "line 1" in answer["retmsg"]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("kind", ["application/json", "text/plain", "application/octet-stream"])
async def test_json_is_read_whatever_method_and_kind_say(
    bodies: Client, method: str, kind: str
) -> None:
    response = await bodies.request(
        method, "/body", data=b'{"job_id": "J"}', headers={"Content-Type": kind}
    )
    assert await response.json() == {"job_id": "J"}


@pytest.mark.parametrize("body", [b"", b"  ", b"{", b"[1]", b"7", b'"x"', b"null", b"\xff{}"])
async def test_a_route_that_can_do_without_a_body_ignores_noise(
    bodies: Client, body: bytes
) -> None:
    assert await (await bodies.post("/body", data=body)).json() == {}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b'{"a": 1,\n  b}', "line 2, column 3"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": 1e999}', "too large"),
        (b"[" * 10_000 + b"]" * 10_000, "deeper than 200 levels"),
        (b"[1, 2]", "not an object"),
        (b'{"a": ' + b"9" * 5000 + b"}", "digits"),
        (b'{"a": "\xff"}', "UTF-8"),
    ],
)
async def test_a_body_that_matters_is_told_what_is_wrong_with_it(
    bodies: Client, body: bytes, says: str
) -> None:
    answer = await (await bodies.post("/body?strict", data=body)).json()
    assert answer["retcode"] == 101
    assert says in answer["retmsg"]


async def test_a_body_without_end_is_refused_before_it_is_held(
    bodies: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MOST_JSON_BYTES", 1000)
    answer = await (await bodies.post("/body?strict", data=b" " * 2000)).json()
    assert "more than 1000 bytes" in answer["retmsg"]


def test_missing_arguments_are_named_all_at_once() -> None:
    with pytest.raises(reading.MissingArguments, match="required parameters are missing: a,c"):
        reading.require({"a": None, "b": 0, "c": ""}, "a", "b", "c")


@pytest.mark.parametrize(("value", "number"), [(3, 3), ("3", 3), (3.0, 3), (" 4 ", 4), ("", 9)])
def test_numbers_are_read_from_texts(value: object, number: int) -> None:
    assert reading.number_of({"n": value}, "n", 9) == number


@pytest.mark.parametrize("value", [1.5, True, [1], {}, "x", 10**300, "9" * 4000, "9" * 5000])
def test_what_is_no_whole_number_of_this_world_is_refused(value: object) -> None:
    with pytest.raises(reading.WrongArgument, match="n is a"):
        reading.number_of({"n": value}, "n", 9)


@pytest.mark.parametrize(
    ("value", "flag"),
    [(1, True), (0, False), (2, False), ("1", True), ("false", False), (True, True), (None, True)],
)
def test_flags_are_read_in_all_spellings(value: object, flag: bool) -> None:
    assert reading.flag_of({"f": value}, "f", default=True) is flag


@pytest.mark.parametrize("value", [3, "yes", [], {}, 1.0])
def test_a_flag_of_another_kind_is_refused(value: object) -> None:
    with pytest.raises(reading.WrongArgument):
        reading.flag_of({"f": value}, "f", default=True)


@pytest.mark.parametrize("value", [True, [], {}, None, ""])
def test_a_text_of_another_kind_is_refused(value: object) -> None:
    with pytest.raises(BadRequest):
        reading.text_of({"t": value}, "t")


async def test_a_client_that_goes_away_in_the_middle_is_told_from_the_end_of_a_file() -> None:
    began, gone = asyncio.Event(), asyncio.get_running_loop().create_future()

    async def take(request: web.Request) -> web.Response:
        form = await reading.read_upload(request)
        began.set()
        try:
            assert form.content is not None
            gone.set_result([block async for block in form.content])
        except BadRequest as error:
            gone.set_result(error.message)
        return web.Response()

    app = web.Application()
    app.router.add_post("/up", take)
    # As in production, and unlike aiohttp's test server: who goes away does not cancel the handler.
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        _, writer = await asyncio.open_connection(*runner.addresses[0])
        writer.write(
            b"POST /up HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
            b"Content-Type: multipart/form-data; boundary=b\r\n\r\n"
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="d"\r\n\r\n1,2,3\r\n'
        )
        await asyncio.wait_for(began.wait(), 5)
        writer.close()
        assert "broke off" in await asyncio.wait_for(gone, 5)
    finally:
        await runner.cleanup()
