"""Direct links between agents, where there is a way: letters then do without the coordinator.

An agent that listens tells its address in its session offers, which it signs. A peer that has
checked the offer dials it; where both listen, the one whose party id comes first dials. Both prove
the identity keys of that session:

    listener -> CHALLENGE  a nonce
    dialer   -> PROOF      its party id and a nonce, signed with the listener's nonce and id
    listener -> WELCOME    signs the dialer's nonce and id

A direct link carries letters and acknowledgements and nothing else, each of the party that proved
itself. They are sealed from task to task, as those that the coordinator relays; an onlooker sees
what the coordinator would have seen. Without a link, or when it breaks, letters take the way
through the coordinator; the channels make good what was lost.
"""

import asyncio
import contextlib
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from federation.channel.stream import FrameStream
from federation.errors import ForgedSender, LinkClosed, MalformedMessage, TripactError
from federation.program.background import Background
from federation.spec.party import Party
from federation.wire.codec import encode
from federation.wire.frames import MAX_FRAME_BYTES, Frame, FrameKind
from federation.wire.identity import Identity, verify
from party_agent.addresses import Address

log = structlog.get_logger(__name__)

_DIAL, _ANSWER = "tripact direct dial", "tripact direct answer"
_NONCE_BYTES = 32
_STRANGERS_FRAME_BYTES = 4096
_MOST_STRANGERS = 64
_HANDSHAKE_S = 5.0
_PAUSES_S = (0.02, 0.1, 0.5, 2.0, 5.0)
_SILENCE_MS = 10_000
_UNSENT_BYTES = 128 << 20


@dataclass(frozen=True, slots=True)
class Known:
    """A peer of a session: its identity key, and where it listens, if it does."""

    key: bytes
    address: Address | None


class DirectLinks:
    """The direct links of one agent."""

    def __init__(
        self,
        identity: Identity,
        party_id: str,
        relayed: Callable[[Frame], None],
        background: Background,
    ) -> None:
        """Nothing listens yet.

        Args:
            relayed: sends a frame through the coordinator.
        """
        self._identity = identity
        self._party_id = party_id
        self._relayed = relayed
        self._background = background
        self._known: dict[str, Known] = {}
        self._up: dict[str, FrameStream] = {}
        self._dialing: set[str] = set()
        self._strangers = 0
        self._server: socket.socket | None = None
        self.address = ""
        """What peers are told; empty while nothing listens."""
        self.on_frame: Callable[[Frame], None] = lambda _: None
        self.on_change: Callable[[], None] = lambda: None
        """Called when a way came or went: what was under way may be lost."""

    @property
    def up(self) -> tuple[str, ...]:
        """Parties with a direct link now."""
        return tuple(self._up)

    def listen(self, at: Address, told: Address | None) -> None:
        """Take links at an address of this machine; port 0 is any free one.

        Args:
            told: what peers are to dial, if it is another address.

        Raises:
            AddressTaken: the port can not be had.
        """
        self._server = at.bind()
        bound = Address(at.host, self._server.getsockname()[1])
        self.address = str(told or bound)
        self._background.start(self._accept(self._server), "take direct links")
        log.info("listening for direct links", at=str(bound), told=self.address)

    def learn(self, party_id: str, key: bytes, address: str) -> None:
        """A peer of a session that opens: dial it if that is for this side to do."""
        known = self._known[party_id] = Known(key, Address.parse(address) if address else None)
        mine = not self.address or self._party_id < party_id
        if known.address and mine and party_id not in self._up and party_id not in self._dialing:
            self._dialing.add(party_id)
            self._background.start(self._dial(party_id), "dial a peer")

    def send(self, frame: Frame) -> None:
        """Send a letter or an acknowledgement the shortest way there is."""
        stream = self._up.get(_party_of(frame, "to"))
        if stream is not None and stream.unsent_bytes <= _UNSENT_BYTES:
            with contextlib.suppress(LinkClosed):
                stream.put(frame)
                return
        self._relayed(frame)

    def close(self) -> None:
        """End every link at once, and listen no more; a peer that does not read holds up nobody."""
        if self._server is not None:
            self._server.close()
        for stream in list(self._up.values()):
            stream.abort()

    # --- dialing

    async def _dial(self, party_id: str) -> None:
        """Dial, and dial again when a link ends, until a peer has not answered for a while."""
        failed = 0
        try:
            while failed < len(_PAUSES_S):
                linked = await self._dialed(party_id, self._known[party_id])
                failed = 0 if linked else failed + 1
                await asyncio.sleep(_PAUSES_S[max(failed, 1) - 1])
            log.info("no direct link; letters go through the coordinator", party_id=party_id)
        finally:
            self._dialing.discard(party_id)

    async def _dialed(self, party_id: str, known: Known) -> bool:
        """One attempt; whether there was a link, which has ended by now."""
        if known.address is None:
            return False
        try:
            async with asyncio.timeout(_HANDSHAKE_S):
                end = await known.address.connect()
                stream = _stream(end)
                try:
                    await self._prove(stream, party_id, known.key)
                except BaseException:
                    stream.abort()
                    raise
        except (OSError, TimeoutError, TripactError) as error:
            log.debug("no direct link", party_id=party_id, why=type(error).__name__)
            return False
        await self._serve(stream, party_id)
        return True

    async def _prove(self, stream: FrameStream, party_id: str, key: bytes) -> None:
        theirs = _nonce((await _next(stream, FrameKind.CHALLENGE)).header)
        ours = secrets.token_bytes(_NONCE_BYTES)
        said = encode([theirs, self._party_id, party_id, ours])
        proof = {
            "party_id": self._party_id,
            "to": party_id,
            "nonce": ours,
            "signature": self._identity.sign(_DIAL, said),
        }
        await stream.send(Frame(FrameKind.PROOF, proof))
        welcome = await _next(stream, FrameKind.WELCOME)
        answer = encode([ours, self._party_id, party_id, theirs])
        verify(key, _ANSWER, answer, _bytes(welcome.header, "signature"))

    # --- being dialed

    async def _accept(self, server: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                end, _ = await loop.sock_accept(server)
            except OSError:
                return
            if self._strangers < _MOST_STRANGERS:
                self._strangers += 1
                self._background.start(self._answer(end), "answer a direct link")
            else:
                end.close()

    async def _answer(self, end: socket.socket) -> None:
        stream = _stream(end)
        try:
            async with asyncio.timeout(_HANDSHAKE_S):
                party_id = await self._checked(stream)
        except (TimeoutError, TripactError) as error:
            log.info("direct link refused", why=getattr(error, "code", "silent"))
            stream.abort()
            return
        finally:
            self._strangers -= 1
        await self._serve(stream, party_id)

    async def _checked(self, stream: FrameStream) -> str:
        """Who dials, once it has proved that and knows who this is.

        Raises:
            LinkClosed, MalformedMessage, BadSignature, ForgedSender: it did not.
        """
        ours = secrets.token_bytes(_NONCE_BYTES)
        await stream.send(Frame(FrameKind.CHALLENGE, {"nonce": ours}))
        proof = (await _next(stream, FrameKind.PROOF)).header
        party_id, theirs = str(proof.get("party_id"))[:128], _nonce(proof)
        known = self._known.get(party_id)
        if known is None or proof.get("to") != self._party_id:
            raise ForgedSender(party_id)
        said = encode([ours, party_id, self._party_id, theirs])
        verify(known.key, _DIAL, said, _bytes(proof, "signature"))
        answer = encode([theirs, party_id, self._party_id, ours])
        signature = self._identity.sign(_ANSWER, answer)
        await stream.send(Frame(FrameKind.WELCOME, {"signature": signature}))
        return party_id

    # --- a link that is up

    async def _serve(self, stream: FrameStream, party_id: str) -> None:
        stream.limit = MAX_FRAME_BYTES
        before, self._up[party_id] = self._up.get(party_id), stream
        if before is not None:
            before.abort()
        log.info("direct link", party_id=party_id)
        self.on_change()

        def take(frame: Frame) -> None:
            letter = frame.kind in (FrameKind.LETTER, FrameKind.LETTER_ACK)
            if not letter or _party_of(frame, "from") != party_id:
                raise ForgedSender(str(frame.header.get("from"))[:128])
            self.on_frame(frame)

        try:
            await stream.serve(take)
        except LinkClosed:
            log.info("direct link ended", party_id=party_id)
        except TripactError as error:
            log.warning("direct link broken off", party_id=party_id, why=error.code)
        finally:
            if self._up.get(party_id) is stream:
                del self._up[party_id]
            stream.abort()
            self.on_change()


def _stream(end: socket.socket) -> FrameStream:
    """A stream to somebody who has proved nothing yet."""
    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    end.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _SILENCE_MS)
    return FrameStream(end, _STRANGERS_FRAME_BYTES)


async def _next(stream: FrameStream, kind: FrameKind) -> Frame:
    frame = await stream.receive()
    if frame.kind is not kind:
        raise MalformedMessage(f"a {kind.name} was expected, not a {frame.kind.name}")
    return frame


def _nonce(header: dict[str, object]) -> bytes:
    nonce = _bytes(header, "nonce")
    if len(nonce) != _NONCE_BYTES:
        raise MalformedMessage("a nonce has 32 bytes")
    return nonce


def _bytes(header: dict[str, object], name: str) -> bytes:
    value = header.get(name)
    if not isinstance(value, bytes):
        raise MalformedMessage(f"a frame has no {name}")
    return value


def _party_of(frame: Frame, name: str) -> str:
    """The party id of a seat that a frame names; empty if it names none."""
    try:
        return Party.parse(str(frame.header.get(name))).party_id
    except ValueError:
        return ""
