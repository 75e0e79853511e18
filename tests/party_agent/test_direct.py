"""Direct links: two agents, a real socket between them."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from federation.channel.stream import FrameStream
from federation.errors import LinkClosed
from federation.program.background import Background
from federation.wire.frames import Frame, FrameKind
from federation.wire.identity import Identity
from party_agent.addresses import Address
from party_agent.direct import DirectLinks

HERE = Address("127.0.0.1", 0)


class Agent:
    """The part of an agent that letters pass."""

    def __init__(self, party_id: str) -> None:
        self.party_id = party_id
        self.identity = Identity.generate()
        self.background = Background()
        self.relayed: list[Frame] = []
        self.got: list[Frame] = []
        self.changes = 0
        self.news = asyncio.Event()
        self.links = DirectLinks(self.identity, party_id, self.relayed.append, self.background)
        self.links.on_frame = self._take
        self.links.on_change = self._changed

    def letter(self, to: "Agent", body: bytes = b"sealed", sender: str = "") -> Frame:
        header = {"from": f"guest:{sender or self.party_id}", "to": f"host:{to.party_id}"}
        return Frame(FrameKind.LETTER, header, body)

    def meets(self, other: "Agent", key: bytes = b"") -> None:
        """What a session tells this agent of another."""
        self.links.learn(other.party_id, key or other.identity.public, other.links.address)

    async def until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            self.news.clear()
            await self.news.wait()

    def _take(self, frame: Frame) -> None:
        self.got.append(frame)
        self.news.set()

    def _changed(self) -> None:
        self.changes += 1
        self.news.set()


@asynccontextmanager
async def agents(*listening: bool) -> AsyncIterator[list[Agent]]:
    made = [Agent(str(9999 + number)) for number in range(len(listening))]
    for agent, listens in zip(made, listening, strict=True):
        if listens:
            agent.links.listen(HERE, None)
    try:
        async with asyncio.timeout(20):
            yield made
    finally:
        for agent in made:
            agent.links.close()
            await agent.background.stop()


async def linked(one: Agent, other: Agent) -> None:
    one.meets(other)
    other.meets(one)
    await one.until(lambda: other.party_id in one.links.up)
    await other.until(lambda: one.party_id in other.links.up)


@pytest.mark.parametrize("listening", [(True, True), (True, False), (False, True)])
async def test_letters_go_both_ways_without_the_coordinator(listening: tuple[bool, bool]) -> None:
    async with agents(*listening) as (one, other):
        await linked(one, other)
        one.links.send(one.letter(other, b"x" * 100_000))
        other.links.send(other.letter(one))
        await other.until(lambda: bool(other.got))
        await one.until(lambda: bool(one.got))
        assert other.got[0].body == b"x" * 100_000
        assert not one.relayed
        assert not other.relayed


async def test_letters_to_who_has_no_link_go_through_the_coordinator() -> None:
    async with agents(True, False, False) as (one, other, third):
        await linked(one, other)
        one.links.send(one.letter(third))
        assert [frame.header["to"] for frame in one.relayed] == ["host:10001"]
        assert third.links.up == ()


async def test_a_link_that_ends_is_dialed_again_and_tasks_hear_of_both() -> None:
    async with agents(True, False) as (one, other):
        await linked(one, other)
        heard = one.changes, other.changes
        await one.links._up[other.party_id].close()
        await one.until(lambda: one.changes == heard[0] + 2)
        await other.until(lambda: other.changes == heard[1] + 2)
        assert one.links.up == (other.party_id,)


async def test_while_a_link_is_gone_letters_go_through_the_coordinator() -> None:
    async with agents(True, False) as (one, other):
        await linked(one, other)
        one.links.close()
        await other.until(lambda: not other.links.up)
        other.links.send(other.letter(one))
        assert len(other.relayed) == 1


async def refused(listener: Agent, dialer: Agent) -> bool:
    """Whether the listener hangs up on what the dialer says of itself."""
    address = Address.parse(listener.links.address)
    stream = FrameStream(await address.connect())
    try:
        await dialer.links._prove(stream, listener.party_id, listener.identity.public)
    except LinkClosed:
        return True
    finally:
        await stream.close()
    return False


async def test_a_stranger_is_refused() -> None:
    async with agents(True, False) as (one, other):
        assert await refused(one, other)


async def test_who_has_not_the_key_of_the_session_is_refused() -> None:
    async with agents(True, False) as (one, other):
        one.meets(other, Identity.generate().public)
        assert await refused(one, other)
        one.meets(other)
        assert not await refused(one, other)


async def test_a_listener_without_the_key_of_the_session_gets_no_letter() -> None:
    async with agents(True, False) as (one, other):
        one.meets(other)
        stream = FrameStream(await Address.parse(one.links.address).connect())
        with pytest.raises(Exception, match="direct answer"):
            await other.links._prove(stream, one.party_id, Identity.generate().public)
        await stream.close()


async def test_a_letter_in_anothers_name_ends_the_link() -> None:
    async with agents(True, False) as (one, other):
        await linked(one, other)
        other.links.send(other.letter(one, sender="10001"))
        await one.until(lambda: not one.links.up)
        assert not one.got


async def test_a_stranger_can_not_make_the_agent_hold_a_large_frame() -> None:
    async with agents(True) as (one,):
        address = Address.parse(one.links.address)
        with socket.create_connection((address.host, address.port)) as end:
            end.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_sendall(end, (1 << 20).to_bytes(4, "big"))
            while await loop.sock_recv(end, 4096):
                continue
        assert not one.links.up
