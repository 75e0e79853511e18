"""How a component talks: peers by role, scopes, declared letters.

    async for epoch in epochs:
        here = channel.scope("epoch", epoch)
        await here.hosts.send("model", weights)
        updates = await here.hosts.gather("update")

A letter is known by sender, receiver, scope and tag; repeated ones arrive in the order they were
sent. Every letter is checked against the component's declarations where it leaves and where it
arrives, and has a ledger row.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, overload

from federation.channel.courier import Courier, Waiting
from federation.channel.ledger import Entry
from federation.channel.link import Link
from federation.channel.message import Declarations, Message
from federation.channel.seat import Bounds, PeerKeys, Seat
from federation.crypto.scheme import KeyRing
from federation.errors import NotFound
from federation.spec.party import ARBITER, GUEST, HOST, Party, Role
from federation.wire.codec import Limits, decode, encode
from federation.wire.letters import sealed_size
from federation.wire.seal import Scope


class _Desk:
    """What a channel and all its scopes share."""

    def __init__(
        self, courier: Courier, declarations: Declarations, keyring: KeyRing, bounds: Bounds
    ) -> None:
        self.courier = courier
        self.declarations = declarations
        self.keyring = keyring
        self.bounds = bounds
        self.limits = Limits(size_bytes=bounds.letter_bytes)

    def written(self, tag: str, value: Any, to: Party) -> bytes:
        """The content of a letter to a seat, or to all of its role, ciphertexts refreshed."""
        me = self.courier.seat.me
        message = self.declarations.get(tag, me, to)
        return encode(message.dump(value, me), self.limits)

    def entry(self, tag: str, value: Any, to: Party, size_bytes: int) -> Entry:
        """What the ledger is to say of a letter of `size_bytes`."""
        seat = self.courier.seat
        message = self.declarations.get(tag, seat.me, to)
        size = sealed_size(size_bytes, self.bounds.part_bytes)
        return Entry(seat.component, message.type_name, message.form.describe(value), size)


class Peer:
    """One other seat of the job, in one scope."""

    def __init__(self, desk: _Desk, party: Party, scope: Scope) -> None:
        self.party = party
        self._desk = desk
        self._scope = scope

    async def send(self, tag: str, value: Any) -> None:
        """Send a letter.

        Raises:
            UndeclaredLetter: the component declares no such letter from here to there.
            WrongLetterType: the value is not of the declared type.
            Unavailable: the channel has failed.
        """
        desk = self._desk
        await self._post(tag, value, desk.written(tag, value, self.party))

    async def receive(self, tag: str) -> Any:
        """The oldest unread letter of this tag in this scope; waits for it.

        Raises:
            UndeclaredLetter: the component declares no such letter from there to here.
            WrongLetterType: what came is not of the declared type.
            PeerLeft: the peer has ended and will never send it.
            PeerMisbehaved: a letter was forged, altered, malformed, or holds a bad ciphertext.
            Unavailable: the channel has failed.
        """
        desk = self._desk
        message = desk.declarations.get(tag, self.party, desk.courier.seat.me)
        letter = await desk.courier.receive(self.party, self._scope, tag)
        return message.load(decode(letter.data, desk.limits), desk.keyring, self.party)

    async def _post(self, tag: str, value: Any, data: bytes) -> None:
        entry = self._desk.entry(tag, value, self.party, len(data))
        await self._desk.courier.send(self.party, self._scope, tag, data, entry)

    def __repr__(self) -> str:
        """The seat."""
        return f"Peer({self.party})"


class Peers(Sequence[Peer]):
    """All other seats of one role, in the order of the job."""

    def __init__(self, desk: _Desk, peers: Sequence[Peer], scope: Scope) -> None:
        self._desk = desk
        self._peers = peers
        self._scope = scope

    @overload
    def __getitem__(self, index: int) -> Peer: ...
    @overload
    def __getitem__(self, index: slice) -> "Peers": ...
    def __getitem__(self, index: int | slice) -> "Peer | Peers":
        """One of them, or some of them."""
        if isinstance(index, slice):
            return Peers(self._desk, self._peers[index], self._scope)
        return self._peers[index]

    def __len__(self) -> int:
        """How many."""
        return len(self._peers)

    async def send(self, tag: str, value: Any) -> None:
        """Send the same letter to all of them; errors as of `Peer.send`."""
        if self._peers:
            data = self._desk.written(tag, value, self._peers[0].party)
            await asyncio.gather(*(peer._post(tag, value, data) for peer in self._peers))

    async def gather(self, tag: str) -> list[Any]:
        """A letter of each of them, in the order of the job; errors as of `Peer.receive`."""
        return list(await asyncio.gather(*(peer.receive(tag) for peer in self._peers)))


class Channel:
    """A seat's way to its peers, in one scope; as a context it closes, or gives up on an error."""

    def __init__(self, desk: _Desk, scope: Scope = ()) -> None:
        self._desk = desk
        self._scope = scope
        self.keyring = desk.keyring
        """Public keys that received ciphertexts may belong to."""

    @property
    def me(self) -> Party:
        """The seat this channel belongs to."""
        return self._desk.courier.seat.me

    @property
    def parties(self) -> Mapping[Role, tuple[str, ...]]:
        """Everyone in the job."""
        return self._desk.courier.seat.parties

    @property
    def index(self) -> int:
        """My position among my role."""
        return self._desk.courier.seat.index

    @property
    def guest(self) -> Peer:
        """The job's first guest.

        Raises:
            NotFound: there is none, or it is me.
        """
        return self._first(GUEST)

    @property
    def arbiter(self) -> Peer:
        """The job's first arbiter.

        Raises:
            NotFound: there is none, or it is me.
        """
        return self._first(ARBITER)

    @property
    def hosts(self) -> Peers:
        """All hosts but me, in the order of the job."""
        return self.all(HOST)

    @property
    def guests(self) -> Peers:
        """All guests but me, in the order of the job."""
        return self.all(GUEST)

    def all(self, role: Role) -> Peers:
        """All seats of a role but mine, in the order of the job."""
        seats = [Party(role, party_id) for party_id in self.parties.get(role, ())]
        peers = [self.peer(seat) for seat in seats if seat != self.me]
        return Peers(self._desk, peers, self._scope)

    def peer(self, party: Party) -> Peer:
        """One other seat."""
        return Peer(self._desk, party, self._scope)

    def scope(self, *names: str | int) -> "Channel":
        """The same channel for letters under a longer path, as ("epoch", 3, "batch", 0)."""
        return Channel(self._desk, (*self._scope, *names))

    @property
    def waiting(self) -> list[Waiting]:
        """Whom this task waits for, for which letter (or for room to send it), since how many s."""
        return self._desk.courier.waiting

    @property
    def refused(self) -> Counter[str]:
        """Parts that were refused without harm (replays, gaps), by the error's code."""
        return self._desk.courier.refused

    async def close(self) -> None:
        """Wait until every letter was received, tell the peers that this task has ended, and stop.

        Raises:
            LettersNotDelivered: some were not received in time.
            TripactError: the channel has failed before.
        """
        await self._desk.courier.close()

    async def abort(self) -> None:
        """Stop at once, without telling anyone."""
        await self._desk.courier.abort()

    async def __aenter__(self) -> Self:
        """The channel itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        """Close, or give up where the block failed."""
        await (self.close() if kind is None else self.abort())

    def _first(self, role: Role) -> Peer:
        party_ids = self.parties.get(role, ())
        if not party_ids or Party(role, party_ids[0]) == self.me:
            raise NotFound(f"{self.me} has no {role.value} to talk to", role=role.value)
        return self.peer(Party(role, party_ids[0]))

    def __iter__(self) -> Iterator[Peer]:
        """Every other seat of the job."""
        return map(self.peer, self._desk.courier.seat.others())


def open_channel(
    link: Link,
    seat: Seat,
    keys: Mapping[Party, PeerKeys],
    messages: Iterable[Message],
    bounds: Bounds | None = None,
) -> Channel:
    """A channel over `link`, at work from now on; needs a running event loop.

    Args:
        keys: one pair for each other seat that any of `messages` goes to or comes from. They must
            never be used for a second channel.
    """
    bounds = bounds or Bounds()
    declarations = Declarations(messages)
    courier = Courier(link, seat, keys, declarations, bounds)
    courier.start()
    return Channel(_Desk(courier, declarations, KeyRing(), bounds))
