"""A peer that sends more or fewer entries than it announced ends a run by name, in every method."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import pytest

from federation.channel import Channel, Message
from federation.channel.memory import run_together
from federation.crypto.blind_rsa import EXPONENT, Signer
from federation.crypto.byte_rows import ByteRows
from federation.crypto.curve25519 import hash_to_points
from federation.crypto.ot_extension_base import chosen_keys
from federation.errors import BadIntersection, BadPoint
from federation.protocols.psi import (
    ECDH_MESSAGES,
    OPRF_MESSAGES,
    RAW_MESSAGES,
    RSA_MESSAGES,
    RawOptions,
    ecdh_guest,
    ecdh_host,
    oprf_guest,
    raw_guest,
    raw_host,
    rsa_guest,
)
from federation.protocols.psi.rsa import RsaKey
from federation.spec.party import GUEST, HOST, Party
from federation.wire.codec import BigIntVector, StringVector

GUEST_PARTY, HOST_PARTY = Party(GUEST, "9999"), Party(HOST, "10000")
IDS = ["a", "b"]
ANNOUNCED = len(IDS)
OTHER_COUNTS = (ANNOUNCED - 1, ANNOUNCED + 1, 40)
Side = Callable[[Channel], Awaitable[Any]]


def refused(guest: Side, host: Side, messages: tuple[Message, ...], match: str) -> None:
    async def played() -> None:
        async with asyncio.timeout(60):
            await run_together({GUEST_PARTY: guest, HOST_PARTY: host}, messages)

    with pytest.raises((BadIntersection, BadPoint), match=match):
        asyncio.run(played())


def points(count: int) -> np.ndarray:
    return hash_to_points(b"t", ByteRows.of([str(number) for number in range(count)]))


@pytest.mark.parametrize("count", OTHER_COUNTS)
def test_a_guest_that_blinds_another_number_of_points_is_refused_by_name(count: int) -> None:
    async def guest(ch: Channel) -> None:
        await ch.hosts[0].send("psi.ecdh.guest_size", ANNOUNCED)
        await ch.hosts[0].send("psi.ecdh.kept", b"")
        await ch.hosts[0].send("psi.ecdh.guest_points", points(count))
        await ch.hosts[0].receive("psi.ecdh.twice")

    refused(guest, lambda ch: ecdh_host(ch, IDS), ECDH_MESSAGES, "guest:9999 sent psi.ecdh")


@pytest.mark.parametrize("count", OTHER_COUNTS)
@pytest.mark.parametrize("tag", ["psi.ecdh.twice", "psi.ecdh.tokens"])
def test_a_host_that_returns_or_lists_another_number_of_points_is_refused_by_name(
    tag: str, count: int
) -> None:
    async def host(ch: Channel) -> None:
        await ch.guest.send("psi.ecdh.host_size", ANNOUNCED)
        counts = {"psi.ecdh.twice": ANNOUNCED, "psi.ecdh.tokens": ANNOUNCED} | {tag: count}
        await ch.guest.send("psi.ecdh.twice", points(counts["psi.ecdh.twice"]))
        tokens = np.ascontiguousarray(points(counts["psi.ecdh.tokens"])[:, :12])
        await ch.guest.send("psi.ecdh.tokens", tokens)
        await ch.guest.receive("psi.ecdh.common")

    refused(lambda ch: ecdh_guest(ch, IDS), host, ECDH_MESSAGES, f"host:10000 sent {tag}")


@pytest.mark.parametrize(
    ("first_bytes", "why"),
    [([2], "not on the curve"), ([1], "small order"), ([0xED] + [0xFF] * 30 + [0x7F], "canonical")],
)
def test_a_guest_whose_point_gives_something_away_is_refused_by_name(
    first_bytes: list[int], why: str
) -> None:
    bad = points(ANNOUNCED).copy()
    bad[1] = np.frombuffer(bytes(first_bytes).ljust(32, b"\0"), dtype=np.uint8)

    async def guest(ch: Channel) -> None:
        await ch.hosts[0].send("psi.ecdh.guest_size", ANNOUNCED)
        await ch.hosts[0].send("psi.ecdh.kept", b"")
        await ch.hosts[0].send("psi.ecdh.guest_points", bad)
        await ch.hosts[0].receive("psi.ecdh.twice")

    refused(guest, lambda ch: ecdh_host(ch, IDS), ECDH_MESSAGES, why)


@pytest.mark.parametrize("count", OTHER_COUNTS)
def test_a_host_that_evaluates_another_number_of_ids_is_refused_by_name(count: int) -> None:
    async def host(ch: Channel) -> None:
        await ch.guest.send("psi.oprf.host_size", ANNOUNCED)
        point = await ch.guest.receive("psi.oprf.base")
        await ch.guest.send("psi.oprf.choices", chosen_keys(point, [0, 1] * 224)[0])
        await ch.guest.send("psi.oprf.lines", np.zeros((count, 24), dtype=np.uint8))
        await ch.guest.receive("psi.oprf.common")

    refused(lambda ch: oprf_guest(ch, IDS), host, OPRF_MESSAGES, "host:10000 sent psi.oprf.lines")


@pytest.mark.parametrize("count", OTHER_COUNTS)
def test_a_host_that_signs_another_number_of_ids_is_refused_by_name(count: int) -> None:
    async def host(ch: Channel) -> None:
        signer = Signer.generate()
        proof = BigIntVector.from_ints(signer.proof(), signer.public.width)
        key = RsaKey(n=int(signer.public.n), e=EXPONENT, proof=proof)
        await ch.guest.send("psi.rsa.key", key)
        await ch.guest.send("psi.rsa.host_size", ANNOUNCED)
        numbers = BigIntVector.from_ints(range(1, count + 1), signer.public.width)
        await ch.guest.send("psi.rsa.signed", numbers)
        await ch.guest.receive("psi.rsa.common")

    refused(lambda ch: rsa_guest(ch, IDS), host, RSA_MESSAGES, "host:10000 sent psi.rsa.signed")


@pytest.mark.parametrize("count", OTHER_COUNTS)
def test_a_party_that_shows_another_number_of_raw_ids_is_refused_by_name(count: int) -> None:
    async def host(ch: Channel) -> None:
        await ch.guest.send("psi.raw.host_size", ANNOUNCED)
        ids = StringVector.from_strings([str(number) for number in range(count)])
        await ch.guest.send("psi.raw.host_ids", ids)
        await ch.guest.receive("psi.raw.host_common")

    refused(lambda ch: raw_guest(ch, IDS), host, RAW_MESSAGES, "another number of ids")

    async def guest(ch: Channel) -> None:
        await ch.hosts[0].send("psi.raw.guest_size", ANNOUNCED)
        ids = StringVector.from_strings([str(number) for number in range(count)])
        await ch.hosts[0].send("psi.raw.guest_ids", ids)
        await ch.hosts[0].receive("psi.raw.found")

    options = RawOptions(join_role="host")
    answer = "another number of ids"
    refused(guest, lambda ch: raw_host(ch, IDS, options), RAW_MESSAGES, answer)
