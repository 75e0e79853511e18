"""Who asks: programs that sign their requests, each for the users of one party.

What a signed request asks is done for its party. Rows, models and logs of another party are refused
to it here, before that party's own policy is asked. Whoever does not sign is nobody in particular;
a coordinator of several parties' machines has its settings refuse them.
"""

import secrets
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextvars import ContextVar
from typing import Any

from coordinator.domain.ports import Agents, Clock, Store
from coordinator.domain.records import App, Capacity, TableRecord
from federation.errors import NotFound, NotYourParty
from federation.spec.catalogue import Catalogue

ASKER: ContextVar[str | None] = ContextVar("asker", default=None)
"""The party for which the present request was signed."""

OWN_ALONE = frozenset(
    {
        "checkpoint",
        "checkpoints",
        "convert_model",
        "copy_table",
        "download_csv",
        "export_model",
        "import_model",
        "infer",
        "log",
        "output_model",
        "receive_upload",
        "restore_model",
        "rows",
        "set_schema",
        "store_model",
        "write_csv",
    }
)
"""Questions to an agent that are for its own party's users."""

_KEY_BYTES = 12
_SECRET_BYTES = 32


class Apps:
    """All apps of a coordinator."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def add(self, party_id: str) -> App:
        """A new app for a party; its secret is told this once."""
        key, secret = secrets.token_hex(_KEY_BYTES), secrets.token_urlsafe(_SECRET_BYTES)
        app = App(key, secret, party_id, self._clock())
        async with self._store.begin() as tx:
            await tx.access.add_app(app)
        return app

    async def find(self, app_key: str) -> App | None:
        """The app of that key."""
        async with self._store.read() as view:
            return await view.access.app(app_key)

    async def all(self) -> list[App]:
        """Every app, newest first."""
        async with self._store.read() as view:
            return await view.access.apps()

    async def drop(self, app_key: str) -> None:
        """Let an app sign no more.

        Raises:
            NotFound: there is none of that key.
        """
        async with self._store.begin() as tx:
            if not await tx.access.drop_app(app_key):
                raise NotFound(f"there is no app {app_key}")


class PublicKeys:
    """Keys that were said to be parties'; those that agents joined with are `Parties.key`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def save(self, party_id: str, name: str, key: str) -> None:
        """Keep a key under a name, in place of one of that name."""
        async with self._store.begin() as tx:
            await tx.access.set_key(party_id, name, key)

    async def find(self, party_id: str, name: str) -> str | None:
        """The key of that name."""
        async with self._store.read() as view:
            return (await view.access.keys(party_id)).get(name)

    async def drop(self, party_id: str, name: str) -> bool:
        """Forget a key; False if there was none."""
        async with self._store.begin() as tx:
            return await tx.access.drop_key(party_id, name)


def check_own(party_id: str) -> None:
    """Say no where a signed request is for another party.

    Raises:
        NotYourParty: it is.
    """
    asker = ASKER.get()
    if asker is not None and asker != party_id:
        raise NotYourParty(party_id, asker)


def own_of(tables: Sequence[TableRecord]) -> list[TableRecord]:
    """Of tables that parties have under one name: those for which a signed request may speak.

    Raises:
        NotYourParty: there are some, and all are other parties'.
    """
    asker = ASKER.get()
    own = [table for table in tables if asker in (None, table.party_id)]
    if tables and not own:
        check_own(tables[0].party_id)
    return own


class OwnRows:
    """Agents as whoever asks may reach them: another party's rows, models and logs are refused."""

    def __init__(self, agents: Agents) -> None:
        self._agents = agents

    def connected(self, party_id: str) -> bool:
        """Whether the party's agent is linked now."""
        return self._agents.connected(party_id)

    async def ensure(self, party_id: str) -> None:
        """Be sure the agent is linked."""
        await self._agents.ensure(party_id)

    async def call(
        self, party_id: str, method: str, args: Mapping[str, Any], *, timeout_s: float = 30.0
    ) -> Any:
        """One question, one answer.

        Raises:
            NotYourParty: it is another party's to ask.
        """
        self._check(party_id, method)
        return await self._agents.call(party_id, method, args, timeout_s=timeout_s)

    async def send_stream(
        self, party_id: str, method: str, args: Mapping[str, Any], chunks: AsyncIterator[bytes]
    ) -> Any:
        """One question with bytes to send, one answer.

        Raises:
            NotYourParty: it is another party's to ask.
        """
        self._check(party_id, method)
        return await self._agents.send_stream(party_id, method, args, chunks)

    def receive_stream(
        self, party_id: str, method: str, args: Mapping[str, Any]
    ) -> AsyncIterator[bytes]:
        """One question, bytes as they come.

        Raises:
            NotYourParty: it is another party's to ask.
        """
        self._check(party_id, method)
        return self._agents.receive_stream(party_id, method, args)

    def wake(self, party_ids: Collection[str]) -> None:
        """The outbox has new orders for these."""
        self._agents.wake(party_ids)

    def remind(self, at_ms: int) -> None:
        """Ring the alarm then."""
        self._agents.remind(at_ms)

    def capacity(self, party_id: str) -> Capacity | None:
        """What the party lends."""
        return self._agents.capacity(party_id)

    def catalogue(self) -> Catalogue:
        """Everything that some agent can run, by module name and alias."""
        return self._agents.catalogue()

    def _check(self, party_id: str, method: str) -> None:
        if method in OWN_ALONE:
            check_own(party_id)
