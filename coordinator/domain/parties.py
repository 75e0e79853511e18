"""Parties: who may join, by one-time codes, and who has.

A code is `<code id>-<secret>`: eight characters that name the invite and a 128-bit secret, in
base32, in groups of four to be read aloud. The secret never crosses the wire; each side shows with
an HMAC over its public key that it knows it, so that a man in the middle can exchange neither key:

    agent        HMAC-SHA256(secret, "tripact join agent" 0 public_key)
    coordinator  HMAC-SHA256(secret, "tripact join coordinator" 0 coordinator_key public_key
                             party_id)
"""

import base64
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import replace

from coordinator.domain.ports import Clock, Store
from coordinator.domain.records import Invite, JoinAnswer, JoinRequest, PartyRecord
from federation.errors import (
    BadRequest,
    InviteExpired,
    InviteUnknown,
    InviteUsed,
    PartyJoinedBefore,
    PartyNotJoined,
)
from federation.spec.catalogue import Catalogue, ModuleDecl, by_module

CODE_ID_CHARS = 8
SECRET_BYTES = 16
_AGENT = b"tripact join agent\0"
_COORDINATOR = b"tripact join coordinator\0"
_PARTY_ID = re.compile(r"(?!\.)[\w.-]{1,64}", re.ASCII)


class Parties:
    """The parties of a coordinator."""

    def __init__(self, store: Store, coordinator_key: bytes, clock: Clock) -> None:
        self._store = store
        self._coordinator_key = coordinator_key
        self._clock = clock

    async def invite(
        self, party_id: str, valid_s: int = 24 * 3600, *, replace: bool = False
    ) -> str:
        """A one-time code for a party.

        Args:
            replace: invite a party that joined before; it gets a new key.

        Raises:
            PartyJoinedBefore: the party joined before.
            BadRequest: not a party id.
        """
        if not _PARTY_ID.fullmatch(party_id):
            raise BadRequest("a party id has letters, digits, _ - and dots, at most 64 of them")
        code_id = _base32(secrets.token_bytes(5))
        secret = secrets.token_bytes(SECRET_BYTES)
        now_ms = self._clock()
        async with self._store.begin() as tx:
            if not replace and await tx.parties.find(party_id) is not None:
                raise PartyJoinedBefore(party_id)
            await tx.parties.add_invite(
                Invite(code_id, party_id, secret, now_ms, now_ms + valid_s * 1000)
            )
        return grouped(code_id + _base32(secret))

    async def join(self, request: JoinRequest) -> JoinAnswer:
        """Let an agent in; the same request twice gets the same answer.

        Raises:
            InviteUnknown: no such code, or the proof does not fit it.
            InviteExpired, InviteUsed: too late.
        """
        async with self._store.begin() as tx:
            invite = await tx.parties.invite(request.code_id.upper())
            if invite is None:
                raise InviteUnknown
            if invite.used_ms is not None:
                return self._again(invite, request)
            expected = agent_proof(invite.secret, request.public_key)
            if not _same(expected, request.proof):
                raise InviteUnknown
            now_ms = self._clock()
            if now_ms > invite.expires_ms:
                raise InviteExpired(invite.party_id)
            used = replace(
                invite,
                used_ms=now_ms,
                public_key=request.public_key,
                proof=expected,
                answer_proof=coordinator_proof(
                    invite.secret, self._coordinator_key, request.public_key, invite.party_id
                ),
            )
            if not await tx.parties.use_invite(used):
                raise InviteUsed(invite.party_id)
            await tx.parties.add(PartyRecord(invite.party_id, request.public_key, now_ms))
        return JoinAnswer(used.party_id, self._coordinator_key, used.answer_proof)

    def _again(self, invite: Invite, request: JoinRequest) -> JoinAnswer:
        same_key = hmac.compare_digest(invite.public_key, request.public_key)
        if not (same_key and _same(invite.proof, request.proof)):
            raise InviteUsed(invite.party_id)
        return JoinAnswer(invite.party_id, self._coordinator_key, invite.answer_proof)

    async def find(self) -> list[PartyRecord]:
        """Every party that joined, by id; `connected` is not set."""
        async with self._store.read() as view:
            return await view.parties.all()

    async def get(self, party_id: str) -> PartyRecord:
        """The party.

        Raises:
            PartyNotJoined: it did not join.
        """
        async with self._store.read() as view:
            party = await view.parties.find(party_id)
        if party is None:
            raise PartyNotJoined(party_id)
        return party

    async def key(self, party_id: str) -> bytes | None:
        """The party's identity key, None if it did not join."""
        async with self._store.read() as view:
            party = await view.parties.find(party_id)
        return party.public_key if party else None

    async def last_report(self, party_id: str) -> int:
        """The highest report seq that was taken in (WELCOME tells it)."""
        async with self._store.read() as view:
            return await view.parties.last_report(party_id)

    async def knows_catalogue(self, party_id: str, digest: str) -> bool:
        """Note what the party's agent can run; False if the declarations must be sent."""
        async with self._store.begin() as tx:
            known = await tx.parties.has_catalogue(digest)
            if known:
                await tx.parties.use_catalogue(party_id, digest)
        return known

    async def set_catalogue(
        self, party_id: str, digest: str, declarations: Sequence[ModuleDecl]
    ) -> None:
        """Keep what a party's agent can run."""
        async with self._store.begin() as tx:
            await tx.parties.set_catalogue(digest, declarations)
            await tx.parties.use_catalogue(party_id, digest)

    async def catalogue(self) -> Catalogue:
        """Everything that some party can run, by module name and alias."""
        async with self._store.read() as view:
            published = await view.parties.catalogues()
        return by_module(tuple(d for declarations in published.values() for d in declarations))


def grouped(code: str) -> str:
    """A code as it is shown: `<code id>-<secret in groups of four>`."""
    secret = code[CODE_ID_CHARS:]
    parts = [secret[i : i + 4] for i in range(0, len(secret), 4)]
    return "-".join([code[:CODE_ID_CHARS], *parts])


def agent_proof(secret: bytes, public_key: bytes) -> str:
    """What shows that an agent knows the secret, bound to its key; hex."""
    return hmac.digest(secret, _AGENT + public_key, "sha256").hex()


def coordinator_proof(
    secret: bytes, coordinator_key: bytes, public_key: bytes, party_id: str
) -> str:
    """What shows that the coordinator knows the secret, bound to both keys; hex."""
    message = _COORDINATOR + coordinator_key + public_key + party_id.encode()
    return hmac.digest(secret, message, "sha256").hex()


def _base32(data: bytes) -> str:
    return base64.b32encode(data).decode().rstrip("=")


def _same(expected: str, given: str) -> bool:
    return hmac.compare_digest(expected.encode(), given.lower().encode("utf-8", "replace"))
