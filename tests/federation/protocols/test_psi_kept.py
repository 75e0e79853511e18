"""A host's side of an intersection that is kept for later runs."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import pytest

from federation.channel import Channel
from federation.channel.memory import Together, run_together
from federation.errors import InvalidParameters
from federation.protocols.psi import (
    ECDH_MESSAGES,
    GuestSide,
    HostSide,
    ecdh_guest,
    ecdh_host,
    ecdh_keep_guest,
    ecdh_keep_host,
)
from federation.spec.party import GUEST, HOST, Party

GUEST_PARTY = Party(GUEST, "9999")
HOSTS = [Party(HOST, "10000"), Party(HOST, "10001")]
Role = Callable[[Channel], Awaitable[Any]]


async def played(roles: dict[Party, Role]) -> Together:
    async with asyncio.timeout(60):
        return await run_together(roles, ECDH_MESSAGES)


def test_a_kept_side_serves_other_guests_ids_without_the_host_hashing_again() -> None:
    theirs = [f"u{i}" for i in range(20)]

    async def keep_guest(ch: Channel) -> dict[str, GuestSide]:
        return await ecdh_keep_guest(ch)

    roles: dict[Party, Role] = {
        GUEST_PARTY: keep_guest,
        HOSTS[0]: lambda ch: ecdh_keep_host(ch, theirs),
        HOSTS[1]: lambda ch: ecdh_keep_host(ch, theirs[5:]),
    }
    kept = asyncio.run(played(roles))
    for mine in (["u3", "x", "u7"], [], ["u9", "u19", "u5"]):
        again: dict[Party, Role] = {
            GUEST_PARTY: lambda ch, mine=mine: ecdh_guest(  # type: ignore[misc]
                ch, mine, kept=kept[GUEST_PARTY]
            ),
            HOSTS[0]: lambda ch: ecdh_host(ch, theirs, kept=kept[HOSTS[0]]),
            HOSTS[1]: lambda ch: ecdh_host(ch, theirs[5:], kept=kept[HOSTS[1]]),
        }
        together = asyncio.run(played(again))
        expected = sorted(set(mine) & set(theirs[5:]))
        assert [mine[row] for row in together[GUEST_PARTY].indices] == expected
        assert [theirs[row] for row in together[HOSTS[0]].indices] == expected
        assert not any(row.tag == "psi.ecdh.tokens" for row in together.ledger)


def test_two_halves_of_different_kept_sides_are_refused() -> None:
    theirs = ["a", "b"]
    other = {"host:10000": GuestSide(bytes(16), np.zeros((2, 12), dtype=np.uint8))}
    for kept, side in ((other, HostSide.new(2)), (other, None), (None, HostSide.new(2))):
        roles: dict[Party, Role] = {
            GUEST_PARTY: lambda ch, kept=kept: ecdh_guest(  # type: ignore[misc]
                ch, ["a"], kept=kept
            ),
            HOSTS[0]: lambda ch, side=side: ecdh_host(  # type: ignore[misc]
                ch, theirs, kept=side
            ),
        }
        with pytest.raises(InvalidParameters, match="do not hold the two sides of one cache"):
            asyncio.run(played(roles))
