"""Joining: the code does not cross the wire, and a false coordinator is found out."""

import base64
import hmac
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from federation.errors import BadRequest, BadSignature, PartyRefused, Unavailable
from federation.wire.identity import Identity
from party_agent.joining import Code, join

SECRET = bytes(range(16))
TEXT = "ABCD2345-" + base64.b32encode(SECRET).decode().rstrip("=")


class Coordinator:
    """Answers joins as the protocol says, with a secret of its own."""

    def __init__(self) -> None:
        self.secret = SECRET
        self.identity = Identity.generate()
        self.asked: list[dict[str, Any]] = []
        self.answer: tuple[int, Any] | None = None
        self.url = ""

    async def join(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.asked.append(body)
        if self.answer is not None:
            return web.json_response(self.answer[1], status=self.answer[0])
        theirs = base64.b64decode(body["public_key"])
        expected = hmac.digest(SECRET, b"tripact join agent\0" + theirs, "sha256").hex()
        assert body["proof"] == expected
        said = b"tripact join coordinator\0" + self.identity.public + theirs + b"9999"
        return web.json_response(
            {
                "party_id": "9999",
                "coordinator_key": base64.b64encode(self.identity.public).decode(),
                "proof": hmac.digest(self.secret, said, "sha256").hex(),
            }
        )


@pytest.fixture
async def other() -> AsyncIterator[Coordinator]:
    made = Coordinator()
    app = web.Application()
    app.router.add_post("/agent/v1/join", made.join)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


async def test_both_sides_know_each_others_key_afterwards(other: Coordinator) -> None:
    identity = Identity.generate()
    joined = await join(f"{other.url}/", Code.parse(TEXT), identity)
    assert (joined.party_id, joined.url) == ("9999", other.url)
    assert joined.coordinator_key == other.identity.public
    assert base64.b64decode(other.asked[0]["public_key"]) == identity.public


async def test_the_secret_does_not_cross_the_wire(other: Coordinator) -> None:
    await join(other.url, Code.parse(TEXT), Identity.generate())
    said = str(other.asked)
    assert SECRET.hex() not in said
    assert TEXT.split("-", 1)[1] not in said


async def test_a_coordinator_that_does_not_know_the_code_is_found_out(other: Coordinator) -> None:
    other.secret = bytes(16)
    with pytest.raises(BadSignature):
        await join(other.url, Code.parse(TEXT), Identity.generate())


async def test_a_refusal_is_told_in_the_coordinators_words(other: Coordinator) -> None:
    other.answer = (410, {"code": "invite_expired", "message": "the code has expired"})
    with pytest.raises(PartyRefused, match="has expired"):
        await join(other.url, Code.parse(TEXT), Identity.generate())


@pytest.mark.parametrize("answer", [{}, [], {"party_id": "1", "proof": "", "coordinator_key": "?"}])
async def test_something_else_that_answers_is_no_coordinator(
    other: Coordinator, answer: Any
) -> None:
    other.answer = (200, answer)
    with pytest.raises(Unavailable, match="does not answer as a coordinator"):
        await join(other.url, Code.parse(TEXT), Identity.generate())


async def test_nobody_there_is_told_with_the_address() -> None:
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:9"):
        await join("http://127.0.0.1:9", Code.parse(TEXT), Identity.generate())


@pytest.mark.parametrize("text", [TEXT.lower(), TEXT.replace("-", " "), f" {TEXT}\n"])
def test_how_a_code_is_typed_does_not_matter(text: str) -> None:
    assert Code.parse(text) == Code("ABCD2345", SECRET)


@pytest.mark.parametrize("text", ["", "ABCD2345", TEXT[:-1], f"{TEXT}A", TEXT[:-1] + "1"])
def test_a_slip_in_a_code_is_noticed_before_it_is_sent(text: str) -> None:
    with pytest.raises(BadRequest, match="not a code"):
        Code.parse(text)
