"""The parties' agents as the domain sees them: asked over their links, started where we may."""

from collections.abc import AsyncIterator, Collection, Mapping
from typing import Any

import structlog

from coordinator.dispatch.clock import Alarm
from coordinator.dispatch.links import Links
from coordinator.dispatch.local_agents import LocalAgents
from coordinator.domain.parties import Parties
from coordinator.domain.records import Capacity
from federation.errors import PartyNotConnected, PartyNotJoined, TripactError
from federation.program.background import Background
from federation.spec.catalogue import Catalogue

log = structlog.get_logger(__name__)


class LinkedAgents:
    """The `Agents` of a running coordinator.

    With `local` set (standalone), an agent that is needed and away is started here.
    """

    def __init__(
        self,
        links: Links,
        parties: Parties,
        alarm: Alarm,
        *,
        grace_s: float,
        local: LocalAgents | None = None,
    ) -> None:
        self._links = links
        self._parties = parties
        self._alarm = alarm
        self._grace_s = grace_s
        self._local = local
        self._background = Background()

    async def stop(self) -> None:
        """Start no more agents."""
        await self._background.stop()

    def connected(self, party_id: str) -> bool:
        """Whether the party's agent is linked now."""
        return self._links.find(party_id) is not None

    async def ensure(self, party_id: str) -> None:
        """Be sure the agent is linked.

        Raises:
            PartyNotJoined, PartyNotConnected: cluster, or it did not come in time.
            LocalAgentFailed: standalone, and it ended at once.
        """
        if self.connected(party_id):
            return
        if self._local is not None:
            await self._local.start(party_id)
        elif await self._parties.key(party_id) is None:
            raise PartyNotJoined(party_id)
        elif not (self._links.expected(party_id) and await self._returns(party_id)):
            raise PartyNotConnected(party_id)

    async def call(
        self, party_id: str, method: str, args: Mapping[str, Any], *, timeout_s: float = 30.0
    ) -> Any:
        """One question, one answer."""
        return await self._links.calls.call(party_id, method, args, timeout_s)

    async def send_stream(
        self, party_id: str, method: str, args: Mapping[str, Any], chunks: AsyncIterator[bytes]
    ) -> Any:
        """One question with bytes to send, one answer."""
        return await self._links.calls.send_stream(party_id, method, args, chunks)

    def receive_stream(
        self, party_id: str, method: str, args: Mapping[str, Any]
    ) -> AsyncIterator[bytes]:
        """One question, bytes as they come."""
        return self._links.calls.receive_stream(party_id, method, args)

    def capacity(self, party_id: str) -> Capacity | None:
        """What the party lends to jobs, as far as it has said."""
        return self._links.capacity(party_id)

    def wake(self, party_ids: Collection[str]) -> None:
        """The outbox has new orders for these."""
        for party_id in party_ids:
            if self.connected(party_id):
                self._links.wake(party_id)
            elif self._local is not None:
                self._background.start(self._start(party_id), f"start agent {party_id}")

    def remind(self, at_ms: int) -> None:
        """Ring the alarm then."""
        self._alarm.remind(at_ms)

    def catalogue(self) -> Catalogue:
        """Everything that some agent can run, by module name and alias."""
        return self._links.catalogue

    async def _returns(self, party_id: str) -> bool:
        return await self._links.arrival(party_id, self._grace_s)

    async def _start(self, party_id: str) -> None:
        try:
            await self.ensure(party_id)
        except TripactError as error:
            log.error("agent not started", party_id=party_id, why=error.message)
            self._links.expect(party_id, 0.0)
