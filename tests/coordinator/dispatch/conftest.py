"""A door with a real store behind it, and agents that follow a script over real websockets."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from coordinator.dispatch.handshake import AGENT_LABEL, COORDINATOR_LABEL, Guard
from coordinator.dispatch.join import join_handler
from coordinator.dispatch.links import LinkLimits, Links
from coordinator.dispatch.meters import Meters
from coordinator.domain.parties import Parties
from coordinator.domain.records import Job, PartyRecord
from coordinator.store import SqlStore, open_store
from federation.spec.orders import Reason
from federation.spec.party import GUEST, HOST, Party
from federation.spec.status import Status
from federation.wire.codec import encode
from federation.wire.frames import Frame, FrameKind, pack_bytes, unpack
from federation.wire.identity import Identity, verify

DEADLINE_S = 10.0
MODULE = {
    "module": "Reader",
    "class_name": "ReaderParam",
    "roles": ["guest", "host"],
    "needs": [],
    "aliases": [],
    "data_slots": [],
    "model_in": False,
    "isometric_in": False,
    "cache_in": False,
    "data_out": 1,
    "model_out": False,
    "cache_out": False,
    "params_schema": {},
    "legacy_fields": {},
    "need_deploy": True,
    "messages": [],
}


def now_ms() -> int:
    return time.time_ns() // 1_000_000


async def happens(ready: Callable[[], Any]) -> Any:
    """Let the loop turn until `ready`; every turn is an event, and there is a deadline."""
    async with asyncio.timeout(DEADLINE_S):
        while not (value := ready()):  # noqa: ASYNC110 - there is no event for all that is asked
            await asyncio.sleep(0.001)
    return value


class Diary:
    """What the jobs are told, in order; `fails` makes the next reports fail."""

    def __init__(self) -> None:
        self.entries: list[tuple[Any, ...]] = []
        self.fails = 0
        self.slow: asyncio.Event | None = None

    async def on_report(self, party_id: str, seq: int, report: Any) -> None:
        if self.slow is not None:
            await self.slow.wait()
        if self.fails:
            self.fails -= 1
            raise RuntimeError("as the script says")
        self.entries.append(("report", party_id, seq, report.kind))

    async def on_agent_up(self, party_id: str, boot_id: str) -> None:
        self.entries.append(("up", party_id, boot_id))

    async def on_agent_lost(self, party_id: str) -> None:
        self.entries.append(("lost", party_id))

    async def on_order_refused(self, party_id: str, order_id: str, reason: Reason) -> None:
        self.entries.append(("refused", party_id, order_id, reason.code))

    async def on_tick(self, now_ms: int) -> None:
        self.entries.append(("tick", now_ms))


@dataclass
class ScriptedAgent:
    """The other end of a link."""

    socket: aiohttp.ClientWebSocketResponse
    welcome: dict[str, Any]

    async def send(self, kind: FrameKind, header: dict[str, Any], body: bytes = b"") -> None:
        await self.socket.send_bytes(pack_bytes(Frame(kind, header, body)))

    async def receive(self, kind: FrameKind) -> Frame:
        """The next frame of that kind; others are passed over."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                frame = unpack(await self.socket.receive_bytes())
                if frame.kind is FrameKind.BYE:
                    await self.socket.close()
                if frame.kind is kind:
                    return frame

    async def report(self, seq: int, value: dict[str, Any]) -> None:
        await self.send(FrameKind.REPORT, {"seq": seq}, encode(value))


@dataclass
class Door:
    """The coordinator's side, and how to dial it."""

    links: Links
    store: SqlStore
    parties: Parties
    identity: Identity
    diary: Diary
    meters: Meters
    server: TestServer
    session: aiohttp.ClientSession
    keys: dict[str, Identity] = field(default_factory=dict)
    agents: list[ScriptedAgent] = field(default_factory=list)

    async def enrol(self, party_id: str) -> Identity:
        """Let a party have joined."""
        self.keys[party_id] = identity = Identity.generate()
        async with self.store.begin() as tx:
            await tx.parties.add(PartyRecord(party_id, identity.public, now_ms()))
        return identity

    async def dial(
        self,
        party_id: str,
        boot_id: str = "b1",
        *,
        digest: str = "digest",
        identity: Identity | None = None,
        label: str = AGENT_LABEL,
        **more: Any,
    ) -> ScriptedAgent:
        """Link as the party's agent; the welcome is {} if a BYE came, which is put in `bye`."""
        key = identity or self.keys[party_id]
        socket = await self.session.ws_connect(self.server.make_url("/agent/v1/link"))
        agent = ScriptedAgent(socket, {})
        self.agents.append(agent)  # A socket that nobody holds is closed.
        challenge = (await agent.receive(FrameKind.CHALLENGE)).header
        nonce = b"n" * 32
        signed = [challenge["nonce"], challenge["coordinator_key"], party_id, boot_id, nonce]
        proof = {
            "party_id": party_id,
            "public_key": key.public,
            "boot_id": boot_id,
            "nonce": nonce,
            "signature": key.sign(label, encode(signed)),
            "catalogue_digest": digest,
            "cores": 2,
            "gpus": 0,
            "version": "1",
            **more,
        }
        await agent.send(FrameKind.PROOF, proof)
        frame = unpack(await socket.receive_bytes(timeout=DEADLINE_S))
        if frame.kind is FrameKind.BYE:
            agent.welcome = {"bye": frame.header}
            await socket.close()
            return agent
        agent.welcome = frame.header
        verify(
            self.identity.public,
            COORDINATOR_LABEL,
            encode([nonce, party_id, boot_id]),
            frame.header["signature"],
        )
        if frame.header["catalogue_wanted"]:
            await agent.send(FrameKind.CATALOGUE, {"digest": digest}, encode([MODULE]))
        return agent

    async def linked(self, party_id: str, boot_id: str = "b1", **more: Any) -> ScriptedAgent:
        """Dial, and wait until the coordinator counts the agent in."""
        agent = await self.dial(party_id, boot_id, **more)
        assert await self.links.arrival(party_id, DEADLINE_S)
        return agent

    async def keep_job(self, job_id: str, *seats: Party, status: Status = Status.RUNNING) -> None:
        """Keep a job with these seats."""
        roles = {
            role: tuple(seat.party_id for seat in seats if seat.role is role)
            for role in (GUEST, HOST)
        }
        job = Job(job_id, "train", {}, {}, roles, seats[0], "m", job_id, status, 1, 0, "", 1, 1)
        async with self.store.begin() as tx:
            await tx.jobs.add_refused(job)


@asynccontextmanager
async def door_on(database: Path, identity: Identity, limits: LinkLimits) -> AsyncIterator[Door]:
    store = await open_store(f"sqlite:///{database}")
    parties, meters, diary = Parties(store, identity.public, now_ms), Meters(), Diary()
    links = Links(Guard(identity, parties), store, now_ms, meters, limits)
    app = web.Application()
    app.router.add_get("/agent/v1/link", links.endpoint)
    app.router.add_post("/agent/v1/join", join_handler(parties))
    server = TestServer(app)
    await server.start_server()
    await links.open(diary)
    async with aiohttp.ClientSession() as session:
        try:
            yield Door(links, store, parties, identity, diary, meters, server, session)
        finally:
            await links.close("bye", "the test ends")
            await server.close()
            await store.close()


@pytest.fixture
def limits() -> LinkLimits:
    return LinkLimits(grace_s=0.05, heartbeat_s=5.0, lane_bytes=1 << 20)


@pytest.fixture
async def door(tmp_path: Path, limits: LinkLimits) -> AsyncIterator[Door]:
    async with door_on(tmp_path / "c.db", Identity.generate(), limits) as opened:
        for party_id in ("9999", "10000"):
            await opened.enrol(party_id)
        yield opened


@pytest.fixture
def until() -> Any:
    return happens
