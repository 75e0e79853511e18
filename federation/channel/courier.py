"""Carries letters over a link that may lose, repeat or reorder: each arrives once, in order.

Between each pair of seats, in each direction: the sender numbers and seals parts, and keeps them
until the receiver acknowledges; it sends no more than a window ahead. The receiver acknowledges
every quarter of a window, and when it is asked: a sender asks when it has to wait. It refuses
replays (counted by name), asks once for what a gap lacks, and fails by name on a part that is
forged or altered. An acknowledgement also says how many parts its writer has sent, so a receiver
learns that the last ones are lost. Seats ask each other how it stands when they first wait, when
the way was interrupted, and when nothing was heard for some seconds.

A task that computes and waits for nothing stops acknowledging once much is unread, so its senders
wait; a task that waits for anything takes everything, so two tasks can not wait for each other's
windows. A seat that ended well says so; letters to it are then nobody's loss.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping
from time import monotonic

import structlog

from federation.channel.ledger import Entry
from federation.channel.link import LEDGER, Event, Link, Resumed
from federation.channel.message import Declarations
from federation.channel.seat import Bounds, PeerKeys, Seat
from federation.errors import (
    ForgedSender,
    LetterCutShort,
    LettersNotDelivered,
    LinkClosed,
    MalformedMessage,
    PeerLeft,
    ReorderedLetter,
    ReplayedLetter,
)
from federation.spec.party import Party
from federation.wire.frames import Frame, FrameKind
from federation.wire.letters import Letter, LetterReader, seal_letter
from federation.wire.mailbox import PART_OVERHEAD, Mailbox, Outbox
from federation.wire.seal import Ack, OpeningKey, Scope, SealingKey

log = structlog.get_logger()

Waiting = tuple[Party, str, float]
_Address = tuple[Party, Scope, str]


class _Peer:
    """What is known of one peer, in both directions."""

    def __init__(self, seat: Seat, party: Party, keys: PeerKeys, bounds: Bounds) -> None:
        direction = seat.towards(party)
        self.party = party
        self.sealing = SealingKey(keys.sending, direction)
        self.opening = OpeningKey(keys.receiving, direction.back())
        self.reader = LetterReader(self.opening, bounds.letter_bytes)
        self.outbox = Outbox(bounds.window_bytes)
        self.turn = asyncio.Lock()
        self.news = asyncio.Event()
        self.left = False
        self.next_out = 0
        self.never_left = 0
        self.ack_due = self.ask_due = self.resend_due = False
        self.granted = 0
        self.unacknowledged = 0
        self.gap_answered = -1
        self.progress = (0, 0)

    @property
    def has_work(self) -> bool:
        """Whether something is to be told to the peer, or sent to it again."""
        told = self.ack_due or self.ask_due or self.resend_due
        return told or self.outbox.get(self.next_out) is not None

    def ask(self) -> None:
        """Let the next acknowledgement ask the peer how it is with it."""
        self.ack_due = self.ask_due = True

    def miss(self) -> None:
        """Let the next acknowledgement ask for what is missing."""
        self.ack_due = self.resend_due = True
        self.gap_answered = self.opening.expected

    def next_ack(self, *, crowded: bool) -> Ack:
        """What to tell the peer now."""
        if not crowded:
            self.granted = self.opening.expected
            self.unacknowledged = 0
        ack = Ack(self.granted, self.sealing.sequence, self.resend_due, self.ask_due)
        self.ack_due = crowded and self.ack_due  # what was kept back is still to be told
        self.ask_due = self.resend_due = False
        return ack


class _Wait:
    """Something that is waited for, from entering to leaving."""

    __slots__ = ("_all", "_what")

    def __init__(self, everything: dict[object, Waiting], what: Waiting) -> None:
        self._all = everything
        self._what = what

    def __enter__(self) -> None:
        self._all[self] = self._what

    def __exit__(self, *_: object) -> None:
        del self._all[self]


class Courier:
    """The engine under a channel and all its scopes."""

    def __init__(
        self,
        link: Link,
        seat: Seat,
        keys: Mapping[Party, PeerKeys],
        declarations: Declarations,
        bounds: Bounds,
    ) -> None:
        self.seat = seat
        self.refused: Counter[str] = Counter()
        """Parts that were refused without harm, by the error's code."""
        self._link = link
        self._declarations = declarations
        self._bounds = bounds
        self._peers = {
            party: _Peer(seat, party, keys[party], bounds)
            for party in seat.others()
            if declarations.connect(seat.me, party)
        }
        self._by_name = {str(party): peer for party, peer in self._peers.items()}
        self._mailbox = Mailbox(bounds.mailbox_bytes)
        self._wanted: dict[_Address, list[asyncio.Future[None]]] = {}
        self._waiting: dict[object, Waiting] = {}
        self._work = asyncio.Event()
        self._failure: Exception | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._alarm: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to carry letters."""
        self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._write())]
        self._watch()

    @property
    def waiting(self) -> list[Waiting]:
        """Whom this task waits for, for which letter (or for room to send it), since how many s."""
        now = monotonic()
        return [(party, tag, now - since) for party, tag, since in self._waiting.values()]

    async def send(
        self, receiver: Party, scope: Scope, tag: str, data: bytes, entry: Entry
    ) -> None:
        """Send a letter; returns when all of it has left and at most a window is unacknowledged.

        Raises:
            LetterCutShort: it was given up half way; the channel can not be used any more.
            TripactError: the channel has failed.
        """
        peer, most = self._peers[receiver], self._bounds.part_bytes
        parts, kept = max(1, -(-len(data) // most)), 0
        async with peer.turn:
            spares, beside = peer.outbox.spares, {LEDGER: list(entry)}
            frames = seal_letter(peer.sealing, scope, tag, data, most, spares=spares, beside=beside)
            try:
                while kept < parts:
                    await self._room(peer, min(len(data), most), tag)
                    if peer.left:
                        return
                    peer.outbox.keep(next(frames))
                    kept += 1
                    await self._transmit(peer)
            except BaseException:
                if 0 < kept < parts:
                    self._fail(LetterCutShort(str(receiver)))
                raise

    async def receive(self, sender: Party, scope: Scope, tag: str) -> Letter:
        """The oldest unread letter of that sender, scope and tag; waits for it.

        Raises:
            PeerLeft: the sender's task has ended, and there is none.
            TripactError: the channel has failed.
        """
        peer = self._peers[sender]
        address = (peer.party, scope, tag)
        return self._take(address) or await self._wait_for(peer, address)

    async def close(self) -> None:
        """Wait until every letter was received, say that this task has ended, and stop.

        Raises:
            LettersNotDelivered: some were not received in time.
            TripactError: the channel has failed.
        """
        try:
            async with asyncio.timeout(self._bounds.flush_s):
                behind = [peer for peer in self._peers.values() if len(peer.outbox)]
                for peer in behind:
                    self._ask(peer)
                for peer in behind:
                    with self._waits(peer.party, ""):
                        while len(peer.outbox):
                            await self._news(peer)
            self._check()
            for peer in self._peers.values():
                await self._tell(peer, Ack(peer.opening.expected, closed=True))
        except TimeoutError:
            names = [str(peer.party) for peer in behind if len(peer.outbox)]
            raise LettersNotDelivered(names, self._bounds.flush_s) from None
        finally:
            await self.abort()

    async def abort(self) -> None:
        """Stop at once; letters that were not received are lost."""
        if self._alarm is not None:
            self._alarm.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._fail(LinkClosed())
        await self._link.close()

    # --- what the task waits for

    def _take(self, address: _Address) -> Letter | None:
        self._check()
        crowded = self._is_crowded()
        letter = self._mailbox.take(*address)
        if crowded and not self._is_crowded():
            self._work.set()
        return letter

    async def _wait_for(self, peer: _Peer, address: _Address) -> Letter:
        if not peer.opening.expected:
            self._ask(peer)  # what it sent before we were here may be lost
        with self._waits(peer.party, address[2]):
            while (letter := self._take(address)) is None:
                if peer.left:
                    raise PeerLeft(str(peer.party), address[2])
                await self._arrival(address)
            return letter

    async def _arrival(self, address: _Address) -> None:
        """Wait until a letter has come there, or none ever will."""
        arrived = asyncio.get_running_loop().create_future()
        wanted = self._wanted.setdefault(address, [])
        wanted.append(arrived)
        try:
            await arrived
        finally:
            wanted.remove(arrived)
            if not wanted:
                self._wanted.pop(address, None)

    async def _room(self, peer: _Peer, size_bytes: int, tag: str) -> None:
        """Wait until the window has room for a part, or the peer has left."""
        self._check()
        if peer.left or peer.outbox.has_room(size_bytes):
            return
        self._ask(peer)
        with self._waits(peer.party, tag):
            while not peer.left and not peer.outbox.has_room(size_bytes):
                await self._news(peer)

    async def _news(self, peer: _Peer) -> None:
        """Wait until something has changed in the outbox of a peer."""
        self._check()
        peer.news.clear()
        await peer.news.wait()
        self._check()

    def _waits(self, party: Party, tag: str) -> "_Wait":
        """While inside, the task takes all that arrives, and can say whom it waits for."""
        if self._is_crowded():
            self._work.set()
        return _Wait(self._waiting, (party, tag, monotonic()))

    def _is_crowded(self) -> bool:
        return not self._waiting and self._mailbox.size_bytes > self._bounds.quiet_bytes

    # --- what arrives

    async def _read(self) -> None:
        try:
            await self._link.serve(self._accept)
        except Exception as error:  # whatever it is, the task must hear of it
            self._fail(error)

    def _accept(self, event: Event) -> None:
        if isinstance(event, Resumed):
            for peer in self._peers.values():
                if peer.sealing.sequence or peer.opening.expected or self._waiting:
                    self._ask(peer)
            return
        peer = self._peer_of(event)
        if event.kind is FrameKind.LETTER:
            self._accept_part(peer, event)
        elif event.kind is FrameKind.LETTER_ACK:
            self._accept_ack(peer, event)
        else:
            raise MalformedMessage("a frame of this kind is not for a task")
        if peer.has_work:
            self._work.set()

    def _peer_of(self, frame: Frame) -> _Peer:
        claimed = frame.header.get("from")
        peer = self._by_name.get(claimed) if isinstance(claimed, str) else None
        if peer is None:
            raise ForgedSender(str(claimed)[:128])
        return peer

    def _accept_part(self, peer: _Peer, frame: Frame) -> None:
        peer.unacknowledged += len(frame.body) + PART_OVERHEAD
        peer.ack_due |= peer.unacknowledged * 4 >= self._bounds.window_bytes
        try:
            letter = peer.reader.read(frame)
        except (ReplayedLetter, ReorderedLetter) as error:
            peer.ack_due = True
            self.refused[error.code] += 1
            log.info("part refused", reason=error.code, **error.facts)
            gap = isinstance(error, ReorderedLetter)
            if gap and peer.gap_answered != peer.opening.expected:
                peer.miss()
            return
        if letter is not None:
            self._declarations.get(letter.tag, letter.sender, self.seat.me)
            self._mailbox.put(letter)
            self._wake((letter.sender, letter.scope, letter.tag))

    def _accept_ack(self, peer: _Peer, frame: Frame) -> None:
        ack = peer.sealing.check_ack(frame.header)
        if ack.closed:
            peer.left = True
            peer.outbox.acknowledge(peer.sealing.sequence)
            for address in [address for address in self._wanted if address[0] == peer.party]:
                self._wake(address)
        else:
            peer.outbox.acknowledge(ack.received)
            if ack.resend and ack.received == peer.outbox.acknowledged:
                peer.next_out = ack.received
            if ack.sent > peer.opening.expected:
                peer.miss()
            peer.ack_due |= ack.ask
        peer.news.set()

    def _wake(self, address: _Address) -> None:
        for arrived in self._wanted.get(address, ()):
            if not arrived.done():
                arrived.set_result(None)

    # --- what leaves beside letters

    async def _write(self) -> None:
        try:
            while True:
                await self._work.wait()
                self._work.clear()
                for peer in self._peers.values():
                    await self._write_to(peer)
        except Exception as error:  # whatever it is, the task must hear of it
            self._fail(error)

    async def _write_to(self, peer: _Peer) -> None:
        await self._transmit(peer)
        crowded = self._is_crowded()
        if peer.ask_due or peer.resend_due or (peer.ack_due and not crowded):
            await self._tell(peer, peer.next_ack(crowded=crowded))

    async def _transmit(self, peer: _Peer) -> None:
        """Send what is kept, in order, from where the peer has last asked for it.

        New parts and repeated ones leave in one order: a new part that overtook a repeated one
        would be refused, and nobody would know.
        """
        peer.next_out = max(peer.next_out, peer.outbox.acknowledged)
        while (frame := peer.outbox.get(peer.next_out)) is not None:
            if peer.next_out < peer.never_left:
                frame = _without_entry(frame)
            peer.next_out += 1
            peer.never_left = max(peer.never_left, peer.next_out)
            await self._link.send(frame)
            peer.next_out = max(peer.next_out, peer.outbox.acknowledged)

    def _ask(self, peer: _Peer) -> None:
        peer.ask()
        self._work.set()

    async def _tell(self, peer: _Peer, ack: Ack) -> None:
        await self._link.send(Frame(FrameKind.LETTER_ACK, peer.opening.acknowledge(ack)))

    def _watch(self) -> None:
        """Ask peers of whom nothing was heard for a while though it should be, again and again."""
        awaited = {party for party, _, _ in self._waiting.values()}
        for peer in self._peers.values():
            progress = (peer.outbox.acknowledged, peer.opening.expected)
            if (len(peer.outbox) or peer.party in awaited) and progress == peer.progress:
                self._ask(peer)
            peer.progress = progress
        loop = asyncio.get_running_loop()
        self._alarm = loop.call_later(self._bounds.resend_after_s, self._watch)

    def _fail(self, error: Exception) -> None:
        """Let everyone who waits, and whoever calls later, hear of the first failure."""
        self._failure = self._failure or error
        for address in self._wanted:
            self._wake(address)
        for peer in self._peers.values():
            peer.news.set()

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure


def _without_entry(frame: Frame) -> Frame:
    """A part as it leaves again: the ledger has its letter already."""
    header = {name: said for name, said in frame.header.items() if name != LEDGER}
    return Frame(frame.kind, header, frame.body)
