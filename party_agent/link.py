"""The link to the coordinator: dialled out, proven both ways, dialled again whenever it ends.

    coordinator -> CHALLENGE  a nonce, its key          the key must be the one pinned at the join
    agent       -> PROOF      signs both with its own nonce
    coordinator -> WELCOME    signs the agent's nonce; how far it has read this agent's reports
    agent       -> CATALOGUE  what it can run, if that is news

What is sent without a link is dropped: reports and orders are kept elsewhere until acknowledged,
letters by the tasks that wrote them. Orders, reports and answers overtake letters and files.
"""

import asyncio
import random
import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import aiohttp
import structlog

from federation.errors import (
    CoordinatorKeyChanged,
    LinkRefused,
    MalformedMessage,
    TripactError,
)
from federation.wire.codec import Bytes, encode
from federation.wire.frames import MAX_FRAME_BYTES, Frame, FrameKind, pack_bytes, unpack
from federation.wire.identity import Identity, fingerprint, verify
from party_agent.home import Joined

log = structlog.get_logger(__name__)

PROTOCOL = 1
ROUTE = "/agent/v1/link"
AGENT_LABEL = "tripact agent link"
COORDINATOR_LABEL = "tripact coordinator link"
_NONCE_BYTES = 32
_ANSWER_S = 10.0
_BULK = frozenset({FrameKind.LETTER, FrameKind.CHUNK})


@dataclass(frozen=True, slots=True)
class Offer:
    """What the agent says of itself when it links.

    Attributes:
        cores, tasks: what it lends to all jobs together, see `devices`.
        boot_id: new with every start of the process.
        catalogue: declarations of all components, as they travel; `digest` names them.
    """

    boot_id: str
    version: str
    cores: int
    tasks: int
    gpus: int
    catalogue: bytes
    digest: str


@dataclass(frozen=True, slots=True)
class Pace:
    """How soon it dials again, and how often it asks whether the other side lives; in seconds."""

    first_s: float = 0.05
    most_s: float = 2.0
    heartbeat_s: float = 10.0


class CoordinatorLink:
    """The one link of an agent, through all its interruptions."""

    def __init__(self, joined: Joined, identity: Identity, offer: Offer, pace: Pace) -> None:
        self._joined = joined
        self._identity = identity
        self._offer = offer
        self._pace = pace
        self._control: deque[Frame] = deque()
        self._bulk: deque[Frame] = deque()
        self._filled = asyncio.Event()
        self.up = False
        self.lost_at: float | None = asyncio.get_running_loop().time()
        """When the link went, by the loop's clock; None while it is up."""
        self.on_up: Callable[[int], None] = lambda _: None
        """Called with how far the coordinator has read the reports, once it is linked."""
        self.on_down: Callable[[], None] = lambda: None
        self.on_frame: Callable[[Frame], None] = lambda _: None

    def send(self, frame: Frame) -> None:
        """Put a frame on its way; dropped while there is no link."""
        if self.up:
            (self._bulk if frame.kind in _BULK else self._control).append(frame)
            self._filled.set()

    async def run(self) -> None:
        """Link, serve, and link again, until cancelled."""
        wait_s = self._pace.first_s
        async with aiohttp.ClientSession() as session:
            while True:
                linked = await self._once(session)
                wait_s = self._pace.first_s if linked else min(2 * wait_s, self._pace.most_s)
                await asyncio.sleep(wait_s * random.uniform(0.8, 1.2))  # noqa: S311 - only a pause

    async def goodbye(self) -> None:
        """Send what waits, and say that the agent stops."""
        self.send(Frame(FrameKind.BYE, {"code": "agent_stopped", "message": "the agent stops"}))
        while self.up and (self._control or self._bulk):  # noqa: ASYNC110 - ends with the link
            await asyncio.sleep(0.005)

    async def _once(self, session: aiohttp.ClientSession) -> bool:
        """One link from beginning to end; whether it came up."""
        was_up = False
        try:
            async with session.ws_connect(
                f"{self._joined.url}{ROUTE}",
                compress=0,
                max_msg_size=MAX_FRAME_BYTES + 1,
                heartbeat=self._pace.heartbeat_s,
                timeout=aiohttp.ClientWSTimeout(ws_close=1.0),
            ) as socket:
                reports_read = await self._prove(socket)
                was_up = True
                await self._serve(socket, reports_read)
        except (aiohttp.ClientError, ConnectionError, TimeoutError) as error:
            log.debug("no link", why=type(error).__name__, url=self._joined.url)
        except TripactError as error:
            log.error("link refused", code=error.code, why=error.message)
        except Exception:
            # A full disk, say: orders can not be kept now, and come again over the next link.
            log.exception("link broken off")
        finally:
            self._down()
        return was_up

    async def _prove(self, socket: aiohttp.ClientWebSocketResponse) -> int:
        """Exchange proofs; how far the coordinator has read the reports.

        Raises:
            CoordinatorKeyChanged, BadSignature: it is not the coordinator that was joined.
            LinkRefused: it does not let this agent in.
            MalformedMessage: it does not speak this protocol.
        """
        challenge = await _receive(socket, FrameKind.CHALLENGE)
        theirs, key = challenge.header.get("nonce"), challenge.header.get("coordinator_key")
        if not isinstance(theirs, bytes) or not isinstance(key, bytes):
            raise MalformedMessage("a CHALLENGE has no nonce or key")
        if key != self._joined.coordinator_key:
            raise CoordinatorKeyChanged(fingerprint(self._joined.coordinator_key), fingerprint(key))
        ours, offer, party_id = (
            secrets.token_bytes(_NONCE_BYTES),
            self._offer,
            self._joined.party_id,
        )
        signed = encode([theirs, key, party_id, offer.boot_id, ours])
        proof = {
            "party_id": party_id,
            "public_key": self._identity.public,
            "boot_id": offer.boot_id,
            "nonce": ours,
            "signature": self._identity.sign(AGENT_LABEL, signed),
            "version": offer.version,
            "protocol": PROTOCOL,
            "cores": offer.cores,
            "tasks": offer.tasks,
            "gpus": offer.gpus,
            "catalogue_digest": offer.digest,
        }
        await socket.send_bytes(pack_bytes(Frame(FrameKind.PROOF, proof)))
        welcome = (await _receive(socket, FrameKind.WELCOME)).header
        signature, read = welcome.get("signature"), welcome.get("report_seq")
        if not isinstance(signature, bytes) or type(read) is not int:
            raise MalformedMessage("a WELCOME has no signature or no report_seq")
        verify(key, COORDINATOR_LABEL, encode([ours, party_id, offer.boot_id]), signature)
        if welcome.get("catalogue_wanted") is True:
            frame = Frame(FrameKind.CATALOGUE, {"digest": offer.digest}, offer.catalogue)
            await socket.send_bytes(pack_bytes(frame))
        return read

    async def _serve(self, socket: aiohttp.ClientWebSocketResponse, reports_read: int) -> None:
        self.up, self.lost_at = True, None
        log.info("linked", url=self._joined.url, party_id=self._joined.party_id)
        writing = asyncio.create_task(self._write(socket))
        try:
            self.on_up(reports_read)
            await self._listen(socket)
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)

    async def _listen(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            if message.type is not aiohttp.WSMsgType.BINARY:
                raise MalformedMessage("a link carries binary messages")
            frame = unpack(message.data)
            if frame.kind is FrameKind.BYE:
                log.info("coordinator says goodbye", **_said(frame))
                return
            if frame.kind is FrameKind.PING:
                self.send(Frame(FrameKind.PONG))
            elif frame.kind is not FrameKind.PONG:
                self.on_frame(frame)

    async def _write(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Send what the lanes hold, control before bulk, until the socket fails."""
        try:
            while True:
                await self._filled.wait()
                while self._control or self._bulk:
                    lane = self._control or self._bulk
                    await socket.send_bytes(pack_bytes(lane.popleft()))
                self._filled.clear()
        except ConnectionError:
            await socket.close()

    def _down(self) -> None:
        if self.up:
            log.warning("link lost", url=self._joined.url)
            self.up, self.lost_at = False, asyncio.get_running_loop().time()
            self.on_down()
        self._control.clear()
        self._bulk.clear()


async def _receive(socket: aiohttp.ClientWebSocketResponse, kind: FrameKind) -> Frame:
    """The next frame, which must be of that kind."""
    message = await socket.receive(timeout=_ANSWER_S)
    if message.type is not aiohttp.WSMsgType.BINARY:
        raise ConnectionResetError("the coordinator closed the link")
    data: Bytes = message.data
    frame = unpack(data)
    if frame.kind is FrameKind.BYE:
        raise LinkRefused(**_said(frame))
    if frame.kind is not kind:
        raise MalformedMessage(f"a {kind.name} was expected, not a {frame.kind.name}")
    return frame


def _said(frame: Frame) -> dict[str, str]:
    return {name: str(frame.header.get(name, ""))[:500] for name in ("code", "message")}
