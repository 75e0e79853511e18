"""Parties: who may join, by one-time codes, and who has.

A code is `<code id>-<secret>`: eight characters that name the invite and a 128-bit secret, in
base32. The secret never crosses the wire; each side shows with an HMAC over its public key that it
knows it, so that a man in the middle can exchange neither key:

    agent        HMAC-SHA256(secret, "tripact join agent" 0 public_key)
    coordinator  HMAC-SHA256(secret, "tripact join coordinator" 0 coordinator_key public_key
                             party_id)
"""

from collections.abc import Sequence

from coordinator.domain.ports import Clock, Store
from coordinator.domain.records import JoinAnswer, JoinRequest, PartyRecord
from federation.spec.catalogue import Catalogue, ModuleDecl


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
            Conflict: the party joined before.
        """

    async def join(self, request: JoinRequest) -> JoinAnswer:
        """Let an agent in; the same request twice gets the same answer.

        Raises:
            InviteUnknown: no such code, or the proof does not fit it.
            InviteExpired, InviteUsed: too late.
        """

    async def find(self) -> list[PartyRecord]:
        """Every party that joined, by id; `connected` is not set."""

    async def get(self, party_id: str) -> PartyRecord:
        """The party.

        Raises:
            PartyNotJoined: it did not join.
        """

    async def key(self, party_id: str) -> bytes | None:
        """The party's identity key, None if it did not join."""

    async def last_report(self, party_id: str) -> int:
        """The highest report seq that was taken in (WELCOME tells it)."""

    async def knows_catalogue(self, party_id: str, digest: str) -> bool:
        """Note what the party's agent can run; False if the declarations must be sent."""

    async def set_catalogue(
        self, party_id: str, digest: str, declarations: Sequence[ModuleDecl]
    ) -> None:
        """Keep what a party's agent can run."""

    async def catalogue(self) -> Catalogue:
        """Everything that some party can run, by module name and alias."""
