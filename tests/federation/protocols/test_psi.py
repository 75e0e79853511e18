"""Set intersection between parties: right for any sets, and quiet about the rest."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.channel import Channel, Message
from federation.channel.memory import Together, run_together
from federation.crypto.blind_rsa import EXPONENT, Signer
from federation.crypto.byte_rows import ByteRows
from federation.crypto.curve25519 import hash_to_points
from federation.errors import (
    BadBlindSignature,
    BadIntersection,
    BadPoint,
    BadPublicKey,
    BlankIds,
    DuplicateIds,
)
from federation.protocols.psi import (
    ECDH_MESSAGES,
    RAW_MESSAGES,
    RSA_MESSAGES,
    EcdhOptions,
    Intersection,
    RawOptions,
    RsaOptions,
    ecdh_guest,
    ecdh_host,
    exchange,
    raw_guest,
    raw_host,
    rsa,
    rsa_guest,
    rsa_host,
)
from federation.protocols.psi.rsa import RsaKey
from federation.spec.party import GUEST, HOST, Party
from federation.wire.codec import BigIntVector, StringVector

GUEST_PARTY = Party(GUEST, "9999")
HOSTS = [Party(HOST, "10000"), Party(HOST, "10001"), Party(HOST, "10002")]
Role = Callable[[Channel], Awaitable[Any]]
Side = Callable[..., Awaitable[Intersection]]
DOMAIN = b"tripact-psi-3-"

Protocol = tuple[Side, Side, tuple[Message, ...], Any]

RSA: Protocol = (rsa_guest, rsa_host, RSA_MESSAGES, RsaOptions())
ECDH: Protocol = (ecdh_guest, ecdh_host, ECDH_MESSAGES, EcdhOptions())
RAW: Protocol = (raw_guest, raw_host, RAW_MESSAGES, RawOptions())
RAW_AT_HOST: Protocol = (raw_guest, raw_host, RAW_MESSAGES, RawOptions(join_role="host"))
ALL = {"rsa": RSA, "ecdh": ECDH, "raw": RAW, "raw at host": RAW_AT_HOST}

IDS = st.text(min_size=1, max_size=6).filter(lambda text: bool(text.strip()))


def party_sets(least_hosts: int, most_hosts: int, pool: int) -> st.SearchStrategy[list[list[str]]]:
    """The ids of a guest and some hosts, drawn from one pool so that many are common."""

    def sets(names: list[str]) -> st.SearchStrategy[list[list[str]]]:
        ids = st.lists(st.sampled_from(names), unique=True) if names else st.just([])
        return st.lists(ids, min_size=1 + least_hosts, max_size=1 + most_hosts)

    return st.lists(IDS, unique=True, max_size=pool).flatmap(sets)


async def played(roles: dict[Party, Role], messages: tuple[Message, ...]) -> Together:
    async with asyncio.timeout(60):
        return await run_together(roles, messages)


def intersected(protocol: Protocol, sets: list[list[str]]) -> Together:
    guest, host, messages, options = protocol
    roles: dict[Party, Role] = {GUEST_PARTY: lambda ch: guest(ch, sets[0], options)}
    for party, ids in zip(HOSTS, sets[1:], strict=False):
        roles[party] = lambda ch, ids=ids: host(ch, ids, options)  # type: ignore[misc]
    return asyncio.run(played(roles, messages))


def check_against_sets(protocol: Protocol, sets: list[list[str]]) -> None:
    together = intersected(protocol, sets)
    expected = sorted(set.intersection(*map(set, sets)), key=str.encode)
    for party, ids in zip([GUEST_PARTY, *HOSTS], sets, strict=False):
        found = together[party]
        assert [ids[row] for row in found.indices] == expected
        assert (found.common, found.own) == (len(expected), len(ids))


@settings(max_examples=15, deadline=None)
@given(party_sets(1, 3, 12))
def test_ecdh_finds_what_all_have_in_one_order(sets: list[list[str]]) -> None:
    check_against_sets(ECDH, sets)


@settings(max_examples=4, deadline=None)
@given(party_sets(1, 2, 6))
def test_rsa_finds_what_all_have_in_one_order(sets: list[list[str]]) -> None:
    check_against_sets(RSA, sets)


@settings(max_examples=15, deadline=None)
@given(party_sets(1, 3, 12), st.sampled_from(["guest", "host"]), st.booleans(), st.booleans())
def test_raw_finds_what_all_have_in_one_order(
    sets: list[list[str]], join_role: str, use_hash: bool, base64: bool
) -> None:
    options = RawOptions(use_hash, "salt", "sha1", base64, join_role)
    check_against_sets((*RAW[:3], options), sets)


@pytest.mark.parametrize("name", ALL)
def test_an_empty_side_has_nothing_in_common_with_anybody(name: str) -> None:
    ids = ["a", "b"]
    cases: list[list[list[str]]] = [[[], ids], [ids, []], [[], []], [ids, ids, []]]
    for sets in cases:
        check_against_sets(ALL[name], sets)


@pytest.mark.parametrize("name", ALL)
def test_sets_without_a_common_id_give_empty_rows(name: str) -> None:
    found = intersected(ALL[name], [["a", "b"], ["c"]])[GUEST_PARTY]
    assert found.indices.shape == (0,)
    assert found.indices.dtype == np.int64


@pytest.mark.parametrize("name", ALL)
def test_lists_longer_than_a_letter_are_cut(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange.parts, "__defaults__", (3,))
    monkeypatch.setattr(rsa, "_STEP", 2)
    sets = [[f"u{i}" for i in range(10)], [f"u{i}" for i in range(14, 2, -1)]]
    check_against_sets(ALL[name], sets)
    letters = Counter(row.tag for row in intersected(ALL[name], sets).ledger)
    assert max(letters.values()) >= 4


@pytest.mark.parametrize(
    "options",
    [
        RsaOptions(salt="s", hash_method="md5", final_hash_method="sha512"),
        RsaOptions(hash_method="none", final_hash_method="sm3", random_bit=8),
        RsaOptions(split_calculation=True, random_base_fraction=0.5, key_length=1024),
    ],
)
def test_rsa_takes_fates_options(options: RsaOptions) -> None:
    check_against_sets((*RSA[:3], options), [["a", "b", "c"], ["c", "d", "a"]])


def test_guest_and_hosts_learn_each_others_sizes_and_hosts_no_other_hosts() -> None:
    for protocol in (RSA, ECDH):
        together = intersected(protocol, [["a", "b"], ["b"], ["b", "c", "d"]])
        assert together[GUEST_PARTY].sizes == {"host:10000": 1, "host:10001": 3}
        assert together[HOSTS[0]].sizes == together[HOSTS[1]].sizes == {"guest:9999": 2}


@pytest.mark.parametrize("name", ALL)
def test_ids_that_do_not_stand_for_one_row_each_are_refused(name: str) -> None:
    with pytest.raises(DuplicateIds):
        intersected(ALL[name], [["a", "a"], ["a"]])
    with pytest.raises(BlankIds):
        intersected(ALL[name], [["a"], ["a", " "]])


@pytest.mark.parametrize("name", ALL)
def test_nothing_leaves_that_is_not_declared(name: str) -> None:
    together = intersected(ALL[name], [["a", "b"], ["b", "c"]])
    declared = {message.tag for message in ALL[name][2]}
    assert {row.tag for row in together.ledger} <= declared


# --- the curious party ----------------------------------------------------------------------------


def seen_by_host(protocol: Protocol, tags: list[str], ids: list[str]) -> list[list[Any]]:
    """What a host gets from the guest under some tags, in two runs."""
    guest, _, messages, options = protocol
    signer = Signer.generate()

    async def curious(ch: Channel) -> list[Any]:
        if protocol is RSA:
            await ch.guest.send("psi.rsa.key", key_of(signer))
            await ch.guest.send("psi.rsa.host_size", 0)
        else:
            await ch.guest.send("psi.ecdh.host_size", 0)
        seen = [await ch.guest.receive(tag) for tag in tags]
        if protocol is RSA:
            signed = signer.sign([*map(int, seen[0].to_ints())])
            await ch.guest.send("psi.rsa.signed", BigIntVector.from_ints(signed, 256))
        else:
            await ch.guest.send("psi.ecdh.twice", seen[0])
        return seen

    async def run() -> list[Any]:
        roles: dict[Party, Role] = {
            GUEST_PARTY: lambda ch: guest(ch, ids, options),
            HOSTS[0]: curious,
        }
        seen: list[Any] = (await played(roles, messages))[HOSTS[0]]
        return seen

    return [asyncio.run(run()), asyncio.run(run())]


def key_of(signer: Signer) -> RsaKey:
    proof = BigIntVector.from_ints(signer.proof(), 256)
    return RsaKey(n=int(signer.public.n), e=EXPONENT, proof=proof)


def test_an_ecdh_host_sees_points_that_are_no_hashes_and_change_each_run() -> None:
    ids = [f"u{i}" for i in range(8)]
    (first,), (second,) = seen_by_host(ECDH, ["psi.ecdh.guest_points"], ids)
    hashes = hash_to_points(DOMAIN, ByteRows.of(ids))
    lines = {line.tobytes() for line in (*first, *second, *hashes)}
    assert len(lines) == 24


def test_an_rsa_host_sees_numbers_that_are_no_hashes_and_change_each_run() -> None:
    ids = [f"u{i}" for i in range(8)]
    (first,), (second,) = seen_by_host(RSA, ["psi.rsa.blinded"], ids)
    assert len({*first.to_ints(), *second.to_ints()}) == 16


def test_a_guest_learns_of_a_host_only_tokens_without_its_order() -> None:
    ids = [f"u{i:02}" for i in range(30)]

    async def curious(ch: Channel) -> list[int]:
        host = ch.hosts[0]
        await host.send("psi.ecdh.guest_size", len(ids))
        await host.receive("psi.ecdh.host_size")
        await host.send("psi.ecdh.kept", b"")
        await host.send("psi.ecdh.guest_points", hash_to_points(DOMAIN, ByteRows.of(ids)))
        twice = await host.receive("psi.ecdh.twice")
        tokens = await host.receive("psi.ecdh.tokens")
        await host.send("psi.ecdh.common", np.zeros(len(ids), dtype=np.bool_))
        return list(exchange.positions(tokens, twice[:, :12]))

    roles: dict[Party, Role] = {
        GUEST_PARTY: curious,
        HOSTS[0]: lambda ch: ecdh_host(ch, ids),
    }
    order = asyncio.run(played(roles, ECDH_MESSAGES))[GUEST_PARTY]
    assert sorted(order) == list(range(30))
    assert order != list(range(30))


@pytest.mark.parametrize("name", ALL)
def test_a_host_that_is_not_told_gets_no_marks(name: str) -> None:
    guest, host, messages, options = ALL[name]
    roles: dict[Party, Role] = {
        GUEST_PARTY: lambda ch: guest(ch, ["a", "b"], options, tell=False),
        HOSTS[0]: lambda ch: host(ch, ["b", "c"], options, tell=False),
    }
    together = asyncio.run(played(roles, messages))
    assert [together[party].told for party in (GUEST_PARTY, HOSTS[0])] == (
        [False, True] if name == "raw at host" else [True, False]
    )
    joins = HOSTS[0] if name == "raw at host" else GUEST_PARTY
    assert together[joins].common == 1
    assert not any(row.tag.endswith(("common", "found")) for row in together.ledger)


@pytest.mark.parametrize("name", ["rsa", "ecdh"])
def test_letters_of_other_ids_and_another_overlap_have_the_same_sizes(name: str) -> None:
    """What passes depends on how many ids there are, and on nothing else of them."""
    seen = []
    for sets in ([["a", "b"], ["b", "c", "d"]], [["xyz" * 50, "é"], ["1", "2", "é" * 90]]):
        ledger = intersected(ALL[name], sets).ledger
        letters = [row for row in ledger if row.tag != "psi.rsa.key"]
        seen.append(Counter((row.sender, row.tag, row.shape) for row in letters))
    assert seen[0] == seen[1]


# --- the peer that breaks the protocol ------------------------------------------------------------


def guest_against(protocol: Protocol, host: Role) -> None:
    guest, _, messages, options = protocol
    roles: dict[Party, Role] = {
        GUEST_PARTY: lambda ch: guest(ch, ["a", "b"], options),
        HOSTS[0]: host,
    }
    asyncio.run(played(roles, messages))


def host_against(protocol: Protocol, guest: Role) -> None:
    _, host, messages, options = protocol
    roles: dict[Party, Role] = {
        GUEST_PARTY: guest,
        HOSTS[0]: lambda ch: host(ch, ["a", "b"], options),
    }
    asyncio.run(played(roles, messages))


async def listen(ch: Channel, tag: str) -> None:
    """Keep the channel open until the other side has had enough."""
    peer = ch.guest if ch.me.role is HOST else ch.hosts[0]
    await peer.receive(tag)


@pytest.mark.parametrize(
    ("points", "error"),
    [
        (np.zeros((2, 32), np.uint8), BadPoint),
        (np.full((2, 32), 255, np.uint8), BadPoint),
        (np.array([[1, *[0] * 31]] * 2, np.uint8), BadPoint),
        (np.zeros((2, 31), np.uint8), BadIntersection),
        (np.zeros((3, 32), np.uint8), BadIntersection),
        (np.zeros((2, 32), np.int8), BadIntersection),
    ],
)
def test_points_that_are_none_end_an_ecdh_run_by_name(
    points: np.ndarray, error: type[Exception]
) -> None:
    async def host(ch: Channel) -> None:
        await ch.guest.send("psi.ecdh.host_size", 0)
        await ch.guest.send("psi.ecdh.twice", points)
        await listen(ch, "psi.ecdh.common")

    async def guest(ch: Channel) -> None:
        await ch.hosts[0].send("psi.ecdh.guest_size", 2)
        await ch.hosts[0].send("psi.ecdh.kept", b"")
        await ch.hosts[0].send("psi.ecdh.guest_points", points)
        await listen(ch, "psi.ecdh.twice")

    with pytest.raises(error):
        guest_against(ECDH, host)
    with pytest.raises(error):
        host_against(ECDH, guest)


@pytest.mark.parametrize(
    "tokens",
    [
        np.zeros((2, 12), np.uint8),
        np.zeros((3, 12), np.uint8),
        np.zeros((1, 12), np.uint8),
        np.zeros((2, 32), np.uint8),
        np.zeros((2, 12), np.uint16),
    ],
)
def test_tokens_that_repeat_or_are_not_as_announced_end_an_ecdh_run_by_name(
    tokens: np.ndarray,
) -> None:
    async def host(ch: Channel) -> None:
        await ch.guest.send("psi.ecdh.host_size", 2)
        await ch.guest.send("psi.ecdh.twice", await ch.guest.receive("psi.ecdh.guest_points"))
        await ch.guest.send("psi.ecdh.tokens", tokens)
        await listen(ch, "psi.ecdh.common")

    with pytest.raises(BadIntersection):
        guest_against(ECDH, host)


@pytest.mark.parametrize("size", [-1, 1 << 40])
def test_an_impossible_size_ends_a_run_by_name(size: int) -> None:
    async def guest(ch: Channel) -> None:
        await ch.hosts[0].send("psi.ecdh.guest_size", size)
        await listen(ch, "psi.ecdh.twice")

    with pytest.raises(BadIntersection):
        host_against(ECDH, guest)


def test_a_signature_that_is_none_ends_an_rsa_run_by_name() -> None:
    async def host(ch: Channel) -> None:
        await ch.guest.send("psi.rsa.key", key_of(Signer.generate()))
        await ch.guest.send("psi.rsa.host_size", 0)
        blinded = await ch.guest.receive("psi.rsa.blinded")
        await ch.guest.send("psi.rsa.signed", blinded)
        await listen(ch, "psi.rsa.common")

    with pytest.raises(BadBlindSignature):
        guest_against(RSA, host)


def test_a_key_without_its_proof_ends_an_rsa_run_by_name() -> None:
    async def host(ch: Channel) -> None:
        key = key_of(Signer.generate())
        await ch.guest.send("psi.rsa.key", key.model_copy(update={"n": key.n + 2}))
        await listen(ch, "psi.rsa.common")

    with pytest.raises(BadPublicKey):
        guest_against(RSA, host)


@pytest.mark.parametrize("numbers", [[0, 1], [1], [1, 1 << 2048]])
def test_numbers_that_can_not_be_signed_end_an_rsa_run_by_name(numbers: list[int]) -> None:
    async def guest(ch: Channel) -> None:
        await ch.hosts[0].send("psi.rsa.guest_size", 2)
        await ch.hosts[0].send("psi.rsa.blinded", BigIntVector.from_ints(numbers, 257))
        await listen(ch, "psi.rsa.signed")

    with pytest.raises(BadIntersection):
        host_against(RSA, guest)


def test_a_mark_for_an_id_that_was_not_found_ends_a_raw_run_by_name() -> None:
    async def guest(ch: Channel) -> None:
        await ch.hosts[0].send("psi.raw.guest_size", 2)
        await ch.hosts[0].send("psi.raw.guest_ids", StringVector.from_strings(["a", "z"]))
        await ch.hosts[0].receive("psi.raw.found")
        await ch.hosts[0].send("psi.raw.guest_common", np.array([True, True]))
        await listen(ch, "psi.raw.found")

    with pytest.raises(BadIntersection):
        host_against(RAW_AT_HOST, guest)
