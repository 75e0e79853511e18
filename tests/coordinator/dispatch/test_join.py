"""Joining over HTTP: a code gets an agent in once, and nobody without it."""

import base64
import hashlib
import hmac
from typing import Any

import pytest

from federation.wire.identity import Identity


def request_of(code: str, key: bytes) -> tuple[dict[str, str], bytes]:
    """What an agent with this code posts, and the secret."""
    plain = code.replace("-", "").upper()
    secret = base64.b32decode(plain[8:] + "=" * (-len(plain[8:]) % 8))
    proof = hmac.new(secret, b"tripact join agent\0" + key, hashlib.sha256).hexdigest()
    body = {"code_id": plain[:8], "public_key": base64.b64encode(key).decode(), "proof": proof}
    return body, secret


async def post(door: Any, body: Any) -> tuple[int, dict[str, Any]]:
    url = door.server.make_url("/agent/v1/join")
    async with door.session.post(url, json=body) as answer:
        return answer.status, await answer.json()


async def test_a_code_lets_an_agent_in_and_names_the_coordinator(door: Any) -> None:
    identity = Identity.generate()
    body, secret = request_of(await door.parties.invite("8888"), identity.public)
    status, answer = await post(door, body)
    key = base64.b64decode(answer["coordinator_key"])
    said = b"tripact join coordinator\0" + key + identity.public + b"8888"
    expected = hmac.new(secret, said, hashlib.sha256).hexdigest()
    assert (status, answer["party_id"], key) == (200, "8888", door.identity.public)
    assert answer["proof"] == expected
    await door.linked("8888", identity=identity)


async def test_the_same_join_twice_gets_the_same_answer(door: Any) -> None:
    body, _ = request_of(await door.parties.invite("8888"), Identity.generate().public)
    assert await post(door, body) == await post(door, body)


async def test_a_used_code_is_refused_to_another_key(door: Any) -> None:
    code = await door.parties.invite("8888")
    await post(door, request_of(code, Identity.generate().public)[0])
    status, answer = await post(door, request_of(code, Identity.generate().public)[0])
    assert (status, answer["code"]) == (403, "invite_used")


async def test_a_code_nobody_gave_is_refused(door: Any) -> None:
    body, _ = request_of("ABCDEFGH" + "A" * 26, Identity.generate().public)
    status, answer = await post(door, body)
    assert (status, answer["code"]) == (403, "invite_unknown")


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"code_id": "ABCDEFGH", "public_key": "not base64!", "proof": "00"},
        {"code_id": "ABCDEFGH", "public_key": "AAAA", "proof": "00"},
        {"code_id": "A" * 9000, "public_key": "AAAA", "proof": "00"},
    ],
    ids=["a list", "nothing", "no base64", "a short key", "too long"],
)
async def test_what_is_no_join_is_refused_as_such(door: Any, body: Any) -> None:
    status, answer = await post(door, body)
    assert (status, answer["code"]) == (400, "not_a_join")
