"""The agents as the domain sees them, in a cluster."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from coordinator.dispatch.agents import LinkedAgents
from coordinator.dispatch.clock import Alarm
from coordinator.domain.state import Outgoing
from federation.errors import PartyNotConnected, PartyNotJoined
from federation.spec.orders import CloseJob
from federation.wire.frames import FrameKind


@pytest.fixture
async def agents(door: Any) -> AsyncIterator[LinkedAgents]:
    alarm = Alarm(lambda: time.time_ns() // 1_000_000)
    made = LinkedAgents(door.links, door.parties, alarm, grace_s=0.05)
    yield made
    await made.stop()


async def test_a_party_that_never_joined_is_named_so(agents: LinkedAgents) -> None:
    with pytest.raises(PartyNotJoined):
        await agents.ensure("777")


async def test_a_party_that_is_away_is_named_so(agents: LinkedAgents) -> None:
    with pytest.raises(PartyNotConnected):
        await agents.ensure("9999")


async def test_a_party_that_blinks_is_waited_for(
    door: Any, agents: LinkedAgents, until: Any
) -> None:
    agent = await door.linked("9999")
    await agent.socket.close()
    await until(lambda: not agents.connected("9999"))
    waiting = asyncio.ensure_future(agents.ensure("9999"))
    await door.linked("9999")
    await waiting


async def test_waking_sends_what_was_kept(door: Any, agents: LinkedAgents) -> None:
    agent = await door.linked("9999")
    async with door.store.begin() as tx:
        await tx.outbox.add([Outgoing("9999", "a", CloseJob(job_id="j"))], 1)
    agents.wake(["9999", "10000"])
    assert (await agent.receive(FrameKind.ORDER)).header["order_id"] == "a"


async def test_what_agents_can_run_is_known_once_one_is_linked(
    door: Any, agents: LinkedAgents
) -> None:
    assert agents.catalogue() == {}
    await door.linked("9999")
    assert set(agents.catalogue()) == {"Reader"}
