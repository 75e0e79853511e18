"""Joining by one-time codes."""

import base64
from typing import Any

import pytest

from coordinator.domain.parties import Parties, agent_proof, coordinator_proof
from coordinator.domain.records import JoinRequest
from coordinator.store import SqlStore
from federation.errors import (
    BadRequest,
    InviteExpired,
    InviteUnknown,
    InviteUsed,
    PartyJoinedBefore,
    PartyNotJoined,
)
from federation.spec.catalogue import ModuleDecl
from federation.spec.party import GUEST

COORDINATOR_KEY, KEY, OTHER_KEY = b"c" * 32, b"a" * 32, b"b" * 32


@pytest.fixture
def parties(store: SqlStore, clock: Any) -> Parties:
    return Parties(store, COORDINATOR_KEY, clock)


def secret_of(code: str) -> tuple[str, bytes]:
    code_id, *groups = code.split("-")
    return code_id, base64.b32decode("".join(groups) + "======")


def request(code: str, key: bytes = KEY) -> JoinRequest:
    code_id, secret = secret_of(code)
    return JoinRequest(code_id, key, agent_proof(secret, key))


async def test_a_party_joins_with_its_code_and_both_sides_prove_it(parties: Parties) -> None:
    code = await parties.invite("7")
    code_id, secret = secret_of(code)
    assert (len(code_id), len(secret)) == (8, 16)
    answer = await parties.join(request(code))
    assert (answer.party_id, answer.coordinator_key) == ("7", COORDINATOR_KEY)
    assert answer.proof == coordinator_proof(secret, COORDINATOR_KEY, KEY, "7")
    assert await parties.key("7") == KEY
    assert (await parties.get("7")).public_key == KEY
    assert "7" in [party.party_id for party in await parties.find()]


async def test_codes_may_be_typed_in_small_letters(parties: Parties) -> None:
    wanted = request(await parties.invite("7"))
    answer = await parties.join(
        JoinRequest(wanted.code_id.lower(), wanted.public_key, wanted.proof.upper())
    )
    assert answer.party_id == "7"


async def test_the_same_join_is_answered_the_same_again(parties: Parties) -> None:
    code = await parties.invite("7")
    first = await parties.join(request(code))
    assert await parties.join(request(code)) == first


async def test_a_used_code_lets_nobody_else_in(parties: Parties) -> None:
    code = await parties.invite("7")
    await parties.join(request(code))
    with pytest.raises(InviteUsed):
        await parties.join(request(code, OTHER_KEY))
    assert await parties.key("7") == KEY


async def test_a_proof_for_another_key_lets_nobody_in(parties: Parties) -> None:
    wanted = request(await parties.invite("7"))
    with pytest.raises(InviteUnknown):
        await parties.join(JoinRequest(wanted.code_id, OTHER_KEY, wanted.proof))
    with pytest.raises(InviteUnknown):
        await parties.join(JoinRequest("NOTACODE", KEY, wanted.proof))
    with pytest.raises(InviteUnknown):
        await parties.join(JoinRequest(wanted.code_id, KEY, "käse"))
    assert await parties.key("7") is None
    assert (await parties.join(wanted)).party_id == "7"


async def test_a_code_expires(parties: Parties, clock: Any) -> None:
    code = await parties.invite("7", valid_s=60)
    clock.now_ms += 60_001
    with pytest.raises(InviteExpired):
        await parties.join(request(code))
    assert await parties.key("7") is None


async def test_a_party_that_joined_is_invited_again_only_on_purpose(parties: Parties) -> None:
    await parties.join(request(await parties.invite("7")))
    with pytest.raises(PartyJoinedBefore):
        await parties.invite("7")
    await parties.join(request(await parties.invite("7", replace=True), OTHER_KEY))
    assert await parties.key("7") == OTHER_KEY


@pytest.mark.parametrize("party_id", ["", "a b", "../7", ".", "7" * 65, "käse"])
async def test_odd_party_ids_are_not_invited(parties: Parties, party_id: str) -> None:
    with pytest.raises(BadRequest):
        await parties.invite(party_id)


async def test_a_party_nobody_knows_has_not_joined(parties: Parties) -> None:
    assert await parties.key("7") is None
    with pytest.raises(PartyNotJoined):
        await parties.get("7")


async def test_a_catalogue_is_asked_for_once_per_digest(parties: Parties) -> None:
    reader = ModuleDecl("Reader", "ReaderParam", frozenset({GUEST}), aliases=("OldReader",))
    assert not await parties.knows_catalogue("9999", "d")
    await parties.set_catalogue("9999", "d", [reader])
    assert await parties.knows_catalogue("10000", "d")
    assert await parties.catalogue() == {"Reader": reader, "OldReader": reader}
