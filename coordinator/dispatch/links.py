"""The door at which agents link: who is linked, what each link carries, and who is lost.

One link per party. A second one takes over if it is of the same agent process, or if the first no
longer answers; otherwise it is sent away, for two machines hold the same key. An agent that stays
away longer than the grace is lost: a timer of the event loop says so, nothing polls.
"""

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import structlog
from aiohttp import WSMsgType, web

from coordinator.dispatch.calls import Calls
from coordinator.dispatch.handshake import REFUSALS, Guard, Proof
from coordinator.dispatch.inbox import Inbox
from coordinator.dispatch.link import Link, say_goodbye
from coordinator.dispatch.meters import Meters
from coordinator.dispatch.outbox import Acknowledgements, Post
from coordinator.dispatch.persist import persist
from coordinator.dispatch.relay import Relay
from coordinator.domain.ports import Clock, JobEvents, Store
from coordinator.domain.records import Capacity
from federation.errors import MalformedMessage, PartyConnectedTwice
from federation.program.background import Background
from federation.spec.catalogue import Catalogue
from federation.spec.orders import Reason
from federation.wire.frames import MAX_FRAME_BYTES, Frame, FrameKind, unpack

log = structlog.get_logger(__name__)

CLOSE_S = 1.0


@dataclass(frozen=True, slots=True)
class LinkLimits:
    """How long and how much.

    Attributes:
        grace_s: how long an agent may be away before it is lost.
        heartbeat_s: how often a silent link is asked whether it lives.
        lane_bytes: letters that may wait for one agent.
    """

    grace_s: float = 3.0
    heartbeat_s: float = 10.0
    lane_bytes: int = 64 << 20


@dataclass(frozen=True, slots=True)
class Attached:
    """A link with what works for it."""

    link: Link
    inbox: Inbox
    work: Background


class Links:
    """Every agent that is linked now."""

    def __init__(
        self, guard: Guard, store: Store, clock: Clock, meters: Meters, limits: LinkLimits
    ) -> None:
        self._guard = guard
        self.catalogue: Catalogue = {}
        self._capacities: dict[str, Capacity] = {}
        self._store = store
        self._meters = meters
        self._limits = limits
        self._background = Background()
        self._acks = Acknowledgements(store, clock, self._background)
        self._attached: dict[str, Attached] = {}
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._arrivals: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._jobs: JobEvents | None = None
        self._open = False
        self._opened_s = 0.0
        self.calls = Calls(self.find)
        self._post = Post(store, self.find, meters)
        self._relay = Relay(store, self.find, meters)

    # --- for the rest of the coordinator ---------------------------------------------------------

    async def open(self, jobs: JobEvents) -> None:
        """Let agents in; what they report goes to `jobs`."""
        self.catalogue = await self._guard.parties.catalogue()
        self._jobs = jobs
        self._opened_s = asyncio.get_running_loop().time()
        self._background.start(self._post.run(), "send orders")
        self._open = True

    async def close(self, code: str, message: str) -> None:
        """Say goodbye to every agent; none of them counts as lost."""
        self._open = False
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        links = [attached.link for attached in self._attached.values()]
        await asyncio.gather(*(link.close(code, message) for link in links))
        await asyncio.gather(*(self._detach(link) for link in links))
        await self._acks.flush()
        await self._background.stop()

    def find(self, party_id: str) -> Link | None:
        """The link of a party, if its agent is linked."""
        attached = self._attached.get(party_id)
        return attached.link if attached else None

    def capacity(self, party_id: str) -> Capacity | None:
        """What a party lends, as its agent said when it last linked since our start."""
        return self._capacities.get(party_id)

    @property
    def parties(self) -> list[str]:
        """Parties whose agents are linked now."""
        return list(self._attached)

    def expected(self, party_id: str) -> bool:
        """Whether the agent is away and not yet lost, or may still be dialling in at our start."""
        young = asyncio.get_running_loop().time() < self._opened_s + self._limits.grace_s
        return young or party_id in self._timers

    def wake(self, party_id: str) -> None:
        """The party's orders are to be looked at."""
        self._post.wake(party_id)

    def expect(self, party_id: str, within_s: float) -> None:
        """Count the party as lost unless its agent links in time."""
        if party_id in self._attached or not self._open:
            return
        loop = asyncio.get_running_loop()
        self._forget_timer(party_id)
        self._timers[party_id] = loop.call_later(within_s, self._time_is_up, party_id)

    async def arrival(self, party_id: str, within_s: float) -> bool:
        """Wait for the party's agent; whether it came."""
        if party_id in self._attached:
            return True
        try:
            async with asyncio.timeout(within_s):
                await self._arrivals[party_id].wait()
        except TimeoutError:
            return False
        return True

    # --- the door --------------------------------------------------------------------------------

    async def endpoint(self, request: web.Request) -> web.StreamResponse:
        """`GET /agent/v1/link`: one agent, from its first frame to its last."""
        if not self._open:
            raise web.HTTPServiceUnavailable(text="the coordinator is starting or stopping")
        socket = web.WebSocketResponse(
            compress=False,
            max_msg_size=MAX_FRAME_BYTES + 1,
            heartbeat=self._limits.heartbeat_s,
            autoping=False,
            timeout=CLOSE_S,
        )
        await socket.prepare(request)
        try:
            proof = await self._guard.admit(socket)
            self.catalogue = await self._guard.parties.catalogue()
            self._capacities[proof.party_id] = proof.lent
            link = Link(socket, proof.party_id, proof.boot_id, self._limits.lane_bytes)
            attached = await self._attach(link)
        except (*REFUSALS, PartyConnectedTwice) as error:
            log.warning("agent sent away", code=error.code, why=error.message)
            await say_goodbye(socket, error.code, error.message)
            return socket
        except (TimeoutError, ConnectionError):
            await socket.close()
            return socket
        log.info("agent linked", **_facts(proof))
        try:
            listening = attached.work.start(
                self._listen(socket, attached), f"listen to {link.party_id}"
            )
            await asyncio.wait([listening])
        finally:
            await self._detach(link, back_within_s=self._limits.grace_s)
        return socket

    async def _attach(self, link: Link) -> Attached:
        """Make this the party's link.

        Raises:
            PartyConnectedTwice: another process of the party is linked and alive.
        """
        first = self.find(link.party_id)
        if first is not None:
            if first.boot_id != link.boot_id and await first.alive():
                raise PartyConnectedTwice(link.party_id)
            await first.tell("link_replaced", "a newer link took over")
            await self._detach(first)  # Its endpoint ends with it, and closes the socket.
        if self._jobs is None or not self._open or link.party_id in self._attached:
            raise ConnectionResetError("the coordinator stops, or another link was quicker")
        self._forget_timer(link.party_id)
        attached = Attached(
            link,
            Inbox(self._store, self._jobs, link, self._meters, self._turns[link.party_id]),
            Background(),
        )
        self._attached[link.party_id] = attached
        self._meters.agents.set(len(self._attached))
        attached.work.start(link.write(), f"write to {link.party_id}")
        attached.work.start(self._serve(attached), f"serve {link.party_id}")
        self._arrivals.pop(link.party_id, asyncio.Event()).set()
        notice = Frame(FrameKind.NOTICE, {"event": "peer_up", "party_id": link.party_id})
        for other in self._attached.values():
            if other is not attached:
                other.link.send(notice)
        return attached

    async def _serve(self, attached: Attached) -> None:
        """Greet, then send orders and take reports in."""
        await attached.inbox.greet()
        attached.link.greeted = True
        self._post.wake(attached.link.party_id)
        await attached.inbox.run()

    async def _detach(self, link: Link, back_within_s: float | None = None) -> None:
        """Forget a link, unless another took its place; its agent may be expected back."""
        attached = self._attached.get(link.party_id)
        if attached is None or attached.link is not link:
            return
        del self._attached[link.party_id]
        if back_within_s is not None:
            self.expect(link.party_id, back_within_s)
        self._meters.agents.set(len(self._attached))
        self.calls.link_ended(link)
        log.info("agent gone", party_id=link.party_id, boot_id=link.boot_id)
        await attached.work.stop()

    async def _listen(self, socket: web.WebSocketResponse, attached: Attached) -> None:
        """Take frames until the socket closes."""
        link = attached.link
        async for message in socket:
            link.heard()
            if message.type is WSMsgType.PING:
                await socket.pong(message.data)
            elif message.type is WSMsgType.BINARY:
                try:
                    await self._take(attached, unpack(message.data), message.data)
                except MalformedMessage as error:
                    log.warning("link broken off", party_id=link.party_id, why=error.message)
                    await link.close(error.code, error.message)
                    return
            elif message.type is WSMsgType.TEXT:
                await link.close(MalformedMessage.code, "a link carries binary messages")
                return

    async def _take(self, attached: Attached, frame: Frame, message: bytes) -> None:
        kind = frame.kind
        if kind in (FrameKind.LETTER, FrameKind.LETTER_ACK):
            await self._relay.forward(attached.link, frame, message)
        elif kind is FrameKind.REPORT:
            await attached.inbox.put(frame)
        elif kind is FrameKind.ORDER_ACK:
            await self._order_stored(attached.link.party_id, frame.header)
        elif kind in (FrameKind.ANSWER, FrameKind.CHUNK, FrameKind.CREDIT):
            self.calls.take(attached.link, frame)
        elif kind is FrameKind.PING:
            attached.link.send(Frame(FrameKind.PONG))
        elif kind is FrameKind.BYE:
            log.info("agent says goodbye", party_id=attached.link.party_id, **_said(frame))
        elif kind is not FrameKind.PONG:
            raise MalformedMessage(f"an agent sends no {kind.name} here")

    async def _order_stored(self, party_id: str, header: dict[str, Any]) -> None:
        order_id = header.get("order_id")
        if not isinstance(order_id, str):
            raise MalformedMessage("an ORDER_ACK names no order")
        refused = header.get("refused")
        if isinstance(refused, dict) and self._jobs is not None:
            reason = Reason(
                code=str(refused.get("code", "order_refused")),
                message=str(refused.get("message", "the agent can not read this order")),
            )
            await self._jobs.on_order_refused(party_id, order_id, reason)
        self._acks.add(party_id, order_id)

    # --- who is lost -----------------------------------------------------------------------------

    def _forget_timer(self, party_id: str) -> None:
        timer = self._timers.pop(party_id, None)
        if timer is not None:
            timer.cancel()

    def _time_is_up(self, party_id: str) -> None:
        del self._timers[party_id]
        self._background.start(self._lost(party_id), f"lost {party_id}")

    async def _lost(self, party_id: str) -> None:
        async with self._turns[party_id]:
            if party_id in self._attached or self._jobs is None:
                return
            jobs = self._jobs
            log.warning("agent lost", party_id=party_id)
            await persist(
                self._store,
                lambda: jobs.on_agent_lost(party_id),
                party_id=party_id,
                what="agent lost",
            )


def _facts(proof: Proof) -> dict[str, Any]:
    return {
        "party_id": proof.party_id,
        "boot_id": proof.boot_id,
        "version": proof.version,
        "cores": proof.cores,
        "tasks": proof.tasks,
        "gpus": proof.gpus,
    }


def _said(frame: Frame) -> dict[str, str]:
    return {name: str(frame.header.get(name, ""))[:500] for name in ("code", "message")}
