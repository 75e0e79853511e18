"""How an agent proves who it is, and the coordinator that it is the one that was joined.

    coordinator -> CHALLENGE  a nonce, its key
    agent       -> PROOF      signs both with the nonce of its own
    coordinator -> WELCOME    signs the agent's nonce; asks for the catalogue if it is new
    agent       -> CATALOGUE  what it can run

Signatures name their purpose, and cover both nonces, so that none can be shown twice or elsewhere.
Learns: whoever listens sees public keys, party id, version and number of cores.
"""

import secrets
from dataclasses import dataclass

from aiohttp import WSMsgType, web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from coordinator.domain.parties import Parties
from coordinator.domain.records import Capacity
from federation.errors import (
    BadSignature,
    MalformedMessage,
    PartyNotJoined,
    PeerMisbehaved,
    ProtocolNotSpoken,
    Unavailable,
)
from federation.spec.catalogue import ModuleDecl
from federation.wire.codec import decode, encode
from federation.wire.frames import Frame, FrameKind, pack_bytes, unpack
from federation.wire.identity import Identity, verify

PROTOCOL = 1
NONCE_BYTES = 32
ANSWER_S = 10.0
NO_LIMIT = 1_000_000
AGENT_LABEL = "tripact agent link"
COORDINATOR_LABEL = "tripact coordinator link"


class Proof(BaseModel):
    """Header of PROOF."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    party_id: str = Field(max_length=256)
    public_key: bytes
    boot_id: str = Field(min_length=1, max_length=64)
    nonce: bytes = Field(min_length=NONCE_BYTES, max_length=NONCE_BYTES)
    signature: bytes
    version: str = Field("", max_length=64)
    protocol: int = PROTOCOL
    cores: int = Field(0, ge=0)
    tasks: int = Field(0, ge=0)
    gpus: int = 0
    catalogue_digest: str = Field("", max_length=256)

    @property
    def lent(self) -> Capacity:
        """What it lends to jobs; what it does not limit has no limit."""
        return Capacity(self.cores or NO_LIMIT, self.tasks or NO_LIMIT)


@dataclass(frozen=True, slots=True)
class Guard:
    """Who may link: the coordinator's own key, and the parties that joined."""

    identity: Identity
    parties: Parties

    async def admit(self, socket: web.WebSocketResponse) -> Proof:
        """Exchange proofs over a fresh socket.

        Raises:
            PartyNotJoined, BadSignature, ProtocolNotSpoken: the agent is not let in.
            MalformedMessage: what it sends is not of the protocol.
            TimeoutError, ConnectionError: it went away, or took too long.
        """
        nonce = secrets.token_bytes(NONCE_BYTES)
        await _send(
            socket,
            FrameKind.CHALLENGE,
            {"nonce": nonce, "coordinator_key": self.identity.public, "protocol": PROTOCOL},
        )
        proof = _proof_of(await _receive(socket, FrameKind.PROOF))
        await self._check(proof, nonce)
        known = await self.parties.knows_catalogue(proof.party_id, proof.catalogue_digest)
        signed = encode([proof.nonce, proof.party_id, proof.boot_id])
        await _send(
            socket,
            FrameKind.WELCOME,
            {
                "signature": self.identity.sign(COORDINATOR_LABEL, signed),
                "catalogue_wanted": not known,
                "report_seq": await self.parties.last_report(proof.party_id),
            },
        )
        if not known:
            declarations = _declarations_of(await _receive(socket, FrameKind.CATALOGUE))
            await self.parties.set_catalogue(proof.party_id, proof.catalogue_digest, declarations)
        return proof

    async def _check(self, proof: Proof, nonce: bytes) -> None:
        if proof.protocol != PROTOCOL:
            raise ProtocolNotSpoken(proof.protocol, PROTOCOL)
        key = await self.parties.key(proof.party_id)
        if key is None:
            raise PartyNotJoined(proof.party_id)
        if key != proof.public_key:
            raise BadSignature(AGENT_LABEL)
        signed = [nonce, self.identity.public, proof.party_id, proof.boot_id, proof.nonce]
        verify(key, AGENT_LABEL, encode(signed), proof.signature)


async def _send(socket: web.WebSocketResponse, kind: FrameKind, header: dict[str, object]) -> None:
    await socket.send_bytes(pack_bytes(Frame(kind, header)))


async def _receive(socket: web.WebSocketResponse, kind: FrameKind) -> Frame:
    """The next frame, which is of that kind."""
    while True:
        message = await socket.receive(timeout=ANSWER_S)
        if message.type is WSMsgType.PING:
            await socket.pong(message.data)
        elif message.type is WSMsgType.BINARY:
            break
        elif message.type is not WSMsgType.PONG:
            raise ConnectionResetError("the agent went away while it was to prove itself")
    frame = unpack(message.data)
    if frame.kind is FrameKind.BYE:
        raise ConnectionResetError("the agent does not go on")
    if frame.kind is not kind:
        raise MalformedMessage(f"a {kind.name} was expected, not a {frame.kind.name}")
    return frame


def _proof_of(frame: Frame) -> Proof:
    try:
        return Proof.model_validate(frame.header)
    except ValidationError:
        raise MalformedMessage("a PROOF does not have the fields of one") from None


def _declarations_of(frame: Frame) -> list[ModuleDecl]:
    declarations = decode(frame.body)
    try:
        return [ModuleDecl.from_json(declaration) for declaration in declarations]
    except (KeyError, TypeError, ValueError):
        raise MalformedMessage("a CATALOGUE does not declare modules") from None


REFUSALS = (PeerMisbehaved, Unavailable)
"""What `admit` raises to be told to the agent."""
