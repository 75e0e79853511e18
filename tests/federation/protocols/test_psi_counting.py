"""Counting common ids: the right number, and nothing about which."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import pytest

from federation.channel import Channel
from federation.channel.memory import Together, run_together
from federation.crypto.byte_rows import ByteRows
from federation.crypto.curve25519 import hash_to_points
from federation.errors import BadIntersection
from federation.protocols.psi import (
    CARDINALITY_MESSAGES,
    EcdhOptions,
    count_as_guest,
    count_as_host,
    exchange,
)
from federation.spec.party import GUEST, HOST, Party

GUEST_PARTY = Party(GUEST, "9999")
HOSTS = [Party(HOST, "10000"), Party(HOST, "10001"), Party(HOST, "10002")]
DOMAIN = b"tripact-psi-3-"
Role = Callable[[Channel], Awaitable[Any]]


async def played(roles: dict[Party, Role]) -> Together:
    async with asyncio.timeout(60):
        return await run_together(roles, CARDINALITY_MESSAGES)


async def listen(ch: Channel, tag: str) -> None:
    """Keep the channel open until the other side has had enough."""
    peer = ch.guest if ch.me.role is HOST else ch.hosts[0]
    await peer.receive(tag)


def counted(sets: list[list[str]]) -> Together:
    roles: dict[Party, Role] = {
        GUEST_PARTY: lambda ch: count_as_guest(ch, sets[0], EcdhOptions(), tell=True)
    }
    for party, ids in zip(HOSTS, sets[1:], strict=False):
        roles[party] = lambda ch, ids=ids: count_as_host(  # type: ignore[misc]
            ch, ids, EcdhOptions(), tell=True
        )
    return asyncio.run(played(roles))


def test_counting_tells_every_party_one_number_and_no_host_of_another() -> None:
    together = counted([["a", "b", "c"], ["c", "b", "x", "y"], ["b", "z", "c"]])
    assert together[GUEST_PARTY] == (2, {"host:10000": 4, "host:10001": 3})
    assert together[HOSTS[0]] == together[HOSTS[1]] == (2, {"guest:9999": 3})
    pairs = {(row.sender, row.receiver) for row in together.ledger}
    assert not any(sender[:4] == receiver[:4] == "host" for sender, receiver in pairs)


def test_lists_that_pass_at_counting_are_shuffled_and_blinded_by_all() -> None:
    ids = [f"u{i:02}" for i in range(40)]

    async def curious(ch: Channel) -> tuple[Any, Any]:
        host = ch.hosts[0]
        await host.send("psi.count.guest_size", len(ids))
        await host.receive("psi.count.host_size")
        await host.send("psi.count.other_sizes", np.empty(0, dtype=np.int64))
        points = hash_to_points(DOMAIN, ByteRows.of(ids))
        passing = ch.scope("guest").hosts[0]
        await passing.send("psi.count.passing", points)
        theirs = await host.receive("psi.count.host_points")
        passed = await passing.receive("psi.count.passed")
        await host.send("psi.count.common", 0)
        return theirs, passed

    roles: dict[Party, Role] = {
        GUEST_PARTY: curious,
        HOSTS[0]: lambda ch: count_as_host(ch, ids, EcdhOptions(), tell=True),
    }
    theirs, passed = asyncio.run(played(roles))[GUEST_PARTY]
    places = exchange.positions(theirs, passed)
    assert sorted(places) == list(range(40))
    assert list(places) != list(range(40))


@pytest.mark.parametrize("lines", [1, 3])
def test_more_or_fewer_points_than_announced_end_a_count_by_name(lines: int) -> None:
    points = hash_to_points(DOMAIN, ByteRows.of(["x", "y", "z"]))

    async def host(ch: Channel) -> None:
        await ch.guest.send("psi.count.host_size", 2)
        await ch.guest.send("psi.count.host_points", points[:lines])
        await listen(ch, "psi.count.common")

    with pytest.raises(BadIntersection):
        roles: dict[Party, Role] = {
            GUEST_PARTY: lambda ch: count_as_guest(ch, ["a"], EcdhOptions(), tell=True),
            HOSTS[0]: host,
        }
        asyncio.run(played(roles))


@pytest.mark.parametrize("sizes", [[1, 1], [-1], []])
def test_other_hosts_sizes_that_do_not_fit_end_a_count_by_name(sizes: list[int]) -> None:
    async def guest(ch: Channel) -> None:
        for host in ch.hosts:
            await host.send("psi.count.guest_size", 1)
            told = sizes if host.party == HOSTS[1] else [0]
            await host.send("psi.count.other_sizes", np.array(told, dtype=np.int64))
        await listen(ch, "psi.count.passed")

    with pytest.raises(BadIntersection):
        roles: dict[Party, Role] = {
            GUEST_PARTY: guest,
            HOSTS[0]: lambda ch: count_as_host(ch, ["a"], EcdhOptions(), tell=False),
            HOSTS[1]: lambda ch: count_as_host(ch, ["a"], EcdhOptions(), tell=False),
        }
        asyncio.run(played(roles))
