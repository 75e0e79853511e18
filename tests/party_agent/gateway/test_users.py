import json
import stat
from pathlib import Path
from uuid import uuid1

import aiohttp
import pytest

from federation.errors import BadRequest, NotFound
from federation.fateflow.stamp import Stamp, signature_of
from party_agent.gateway.users import Users
from party_agent.journal import now_ms
from tests.party_agent.gateway.conftest import Door

TABLE = {"namespace": "n", "table_name": "t"}
PATH = "/v1/table/table_info"


def signed(door: Door, body: bytes, **changes: str) -> dict[str, str]:
    """Headers as FATE's client makes them."""
    given = {"timestamp": str(now_ms()), "nonce": str(uuid1()), "app_key": "ann", **changes}
    bare = Stamp(given["timestamp"], given["nonce"], given["app_key"], "")
    signature = given.get("signature") or signature_of(
        given.get("secret", door.secret), bare, given.get("path", PATH), body
    )
    return {
        "TIMESTAMP": bare.timestamp,
        "NONCE": bare.nonce,
        "APP_KEY": bare.app_key,
        "SIGNATURE": signature,
    }


async def retcode(door: Door, headers: dict[str, str], body: bytes = b"") -> int:
    async with (
        aiohttp.ClientSession() as client,
        client.post(f"{door.url}{PATH}", data=body, headers=headers) as answer,
    ):
        said = await answer.json()
        return int(said["retcode"])


BODY = json.dumps(TABLE).encode()
AS_JSON = {"Content-Type": "application/json"}


async def test_a_user_is_known_by_the_secret(door: Door) -> None:
    assert await retcode(door, {"Authorization": f"Bearer {door.secret}"}, BODY) == 0


@pytest.mark.parametrize("said", ["Bearer wrong", "Bearer ", "Basic YTpi", "Bearer \u00e9"])
async def test_whoever_has_no_secret_is_not_served(door: Door, said: str) -> None:
    assert await retcode(door, {"Authorization": said}, BODY) == 109
    assert await retcode(door, {}, BODY) == 109


async def test_a_user_who_signs_is_known_and_sends_no_secret(door: Door) -> None:
    assert await retcode(door, {**signed(door, BODY), **AS_JSON}, BODY) == 0


async def test_a_signed_request_counts_once(door: Door) -> None:
    headers = {**signed(door, BODY), **AS_JSON}
    assert [await retcode(door, headers, BODY) for _ in range(2)] == [0, 109]


@pytest.mark.parametrize(
    "changes",
    [
        {"secret": "another"},
        {"app_key": "bob"},
        {"path": "/v1/table/delete"},
        {"timestamp": "0"},
        {"timestamp": "now"},
        {"timestamp": "9" * 30},
        {"signature": "AAAA"},
    ],
)
async def test_a_signature_that_does_not_fit_is_refused(
    door: Door, changes: dict[str, str]
) -> None:
    assert await retcode(door, {**signed(door, BODY, **changes), **AS_JSON}, BODY) == 109


async def test_a_body_that_was_exchanged_is_refused(door: Door) -> None:
    other = json.dumps({**TABLE, "table_name": "other"}).encode()
    assert await retcode(door, {**signed(door, BODY), **AS_JSON}, other) == 109


async def test_a_stamp_without_one_of_its_headers_is_refused(door: Door) -> None:
    headers = signed(door, BODY)
    del headers["NONCE"]
    assert await retcode(door, {**headers, **AS_JSON}, BODY) == 109


async def test_an_open_gateway_serves_whoever_comes(door: Door) -> None:
    await door.serve(opened=True)
    assert await retcode(door, {}, BODY) == 0


async def test_a_user_who_was_dropped_comes_no_more(door: Door) -> None:
    door.users.drop("ann")
    assert await retcode(door, {"Authorization": f"Bearer {door.secret}"}, BODY) == 109


def test_secrets_can_be_read_by_their_owner_alone(tmp_path: Path) -> None:
    Users(tmp_path).add("ann")
    assert stat.S_IMODE((tmp_path / "users.json").stat().st_mode) == 0o600


def test_a_name_is_given_once_and_dropped_once(tmp_path: Path) -> None:
    users = Users(tmp_path)
    first = users.add("ann")
    with pytest.raises(BadRequest, match="already"):
        users.add("ann")
    users.drop("ann")
    with pytest.raises(NotFound):
        users.drop("ann")
    assert users.add("ann") != first


@pytest.mark.parametrize("name", ["", "a b", "\n", "\u00e4"])
def test_a_name_that_no_header_can_carry_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadRequest):
        Users(tmp_path).add(name)
