"""All seats of a job in one process: sealed for real, relayed in memory, faults on demand.

The relay stands for the agents and the coordinator together: it sees what they would see, writes
the ledger as agents do, and may be told to lose, repeat, swap or change frames.
"""

import asyncio
import random
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from federation.channel.channel import Channel, open_channel
from federation.channel.ledger import LedgerRow
from federation.channel.link import LEDGER, Event, Resumed
from federation.channel.message import Message
from federation.channel.seat import Bounds, PeerKeys, Seat
from federation.errors import LinkClosed
from federation.spec.party import Party, Role
from federation.wire.frames import Frame
from federation.wire.mailbox import FinalAcks
from federation.wire.session import SECRET_BYTES, derive

RoleCoroutine = Callable[[Channel], Awaitable[Any]]


@dataclass(slots=True)
class Faults:
    """How often, of all frames, something happens to one; each from 0 to 1.

    Attributes:
        cut: everything in flight is lost, and all links resume; or only what goes to and comes
            from one of the frame's two seats, and only its link does.
        swap: the frame overtakes the one before it.
    """

    seed: int = 0
    lose: float = 0.0
    repeat: float = 0.0
    swap: float = 0.0
    cut: float = 0.0
    _random: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311  (faults, not secrets)

    def victim(self, frame: Frame) -> str | None:
        """Whose link is cut: one end of the frame's way, or everybody's (None)."""
        ends = (None, str(frame.header.get("from")), str(frame.header.get("to")))
        return self._random.choice(ends)

    def strike(self, chance: float) -> bool:
        """Whether it happens this time."""
        return chance > 0 and self._random.random() < chance


class MemoryRelay:
    """Carries frames between the links of one process.

    Attributes:
        ledger: rows of all letters that left, in order.
        tamper: sees each frame, and gives what is carried in its place.
    """

    def __init__(
        self,
        faults: Faults | None = None,
        tamper: Callable[[Frame], Iterable[Frame]] | None = None,
    ) -> None:
        self.ledger: list[LedgerRow] = []
        self._faults = faults or Faults()
        self._tamper = tamper
        self._links: dict[str, MemoryLink] = {}
        self._final_acks = FinalAcks()

    def link(self, party: Party) -> "MemoryLink":
        """The link of one seat."""
        self._links[str(party)] = link = MemoryLink(self, str(party))
        return link

    def cut(self, name: str | None = None) -> None:
        """Lose what is in flight, as when the coordinator, or one seat's agent, is cut off."""
        for seat, link in self._links.items():
            if name in (None, seat):
                link.queue.clear()
                link.put(Resumed())
            else:
                kept = [event for event in link.queue if _sender(event) != name]
                link.queue.clear()
                link.queue.extend(kept)
        for frame in self._final_acks.frames():
            link_back = self._links.get(str(frame.header.get("to")))
            if name in (None, _sender(frame)) and link_back is not None:
                link_back.put(frame)

    def carry(self, frame: Frame) -> None:
        """Take a frame over from the link of its sender."""
        self._final_acks.note(frame)
        for carried in self._tamper(frame) if self._tamper else (frame,):
            self._carry(carried)

    def _carry(self, frame: Frame) -> None:
        faults = self._faults
        if faults.strike(faults.cut):
            self.cut(faults.victim(frame))
        elif not faults.strike(faults.lose):
            answer = self._final_acks.answer(frame)
            if answer is not None:
                self._carry(answer)
                return
            link = self._links.get(str(frame.header.get("to")))
            if link is None:
                return
            link.put(frame)
            if faults.strike(faults.repeat):
                link.put(frame)
            if faults.strike(faults.swap) and len(link.queue) > 1:
                link.queue[-1], link.queue[-2] = link.queue[-2], link.queue[-1]

    def forget(self, name: str) -> None:
        """A seat's link has closed."""
        self._links.pop(name, None)


def _sender(event: Event) -> str | None:
    return None if isinstance(event, Resumed) else str(event.header.get("from"))


class MemoryLink:
    """One seat's link to a relay in the same process."""

    def __init__(self, relay: MemoryRelay, name: str) -> None:
        self.queue: deque[Event] = deque()
        self._relay = relay
        self._name = name
        self._arrived = asyncio.Event()
        self._closed = False

    def put(self, event: Event) -> None:
        """Let the seat receive this."""
        self.queue.append(event)
        self._arrived.set()

    async def send(self, frame: Frame) -> None:
        """Hand a frame to the relay, its ledger row to the ledger."""
        if self._closed:
            raise LinkClosed
        if LEDGER in frame.header:
            self._relay.ledger.append(LedgerRow.of(frame.header))
            header = {name: said for name, said in frame.header.items() if name != LEDGER}
            frame = Frame(frame.kind, header, frame.body)
        self._relay.carry(frame)

    async def serve(self, take: Callable[[Event], None]) -> None:
        """Hand frames for this seat, and news of cuts, to `take`."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self.queue:
                take(self.queue.popleft())
            if self._closed:
                raise LinkClosed

    async def close(self) -> None:
        """Leave the relay."""
        self._closed = True
        self._relay.forget(self._name)
        self._arrived.set()


@dataclass(frozen=True, slots=True)
class Together:
    """What came of running all seats in one process."""

    results: dict[Party, Any]
    ledger: list[LedgerRow]

    def __getitem__(self, party: Party) -> Any:
        """What the coroutine of a seat returned."""
        return self.results[party]


async def run_together(
    roles: Mapping[Party, RoleCoroutine],
    messages: Iterable[Message],
    *,
    component: str = "component_0",
    bounds: Bounds | None = None,
    relay: MemoryRelay | None = None,
) -> Together:
    """Run the coroutines of all seats side by side, each with its own channel.

    Raises:
        Exception: the first that any of them raised; the others are cancelled.
    """
    relay, declared = relay or MemoryRelay(), tuple(messages)
    channels = {
        seat.me: open_channel(relay.link(seat.me), seat, keys, declared, bounds)
        for seat, keys in seats_of(list(roles), component)
    }
    tasks = {
        party: asyncio.create_task(_run(roles[party], channel), name=str(party))
        for party, channel in channels.items()
    }
    try:
        await asyncio.wait(tasks.values(), return_when=asyncio.FIRST_EXCEPTION)
        for task in tasks.values():
            if task.done():
                task.result()
    finally:
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)
    return Together({party: task.result() for party, task in tasks.items()}, relay.ledger)


async def _run(role: RoleCoroutine, channel: Channel) -> Any:
    async with channel:
        return await role(channel)


def seats_of(
    parties: Sequence[Party], component: str = "component_0"
) -> list[tuple[Seat, dict[Party, PeerKeys]]]:
    """A seat for each party of one attempt, with keys that fit together."""
    job_id, task_id = "job", f"job_{component}"
    by_role: dict[Role, tuple[str, ...]] = {}
    for party in parties:
        by_role[party.role] = (*by_role.get(party.role, ()), party.party_id)
    secret = secrets.token_bytes(SECRET_BYTES)

    def key(sender: Party, receiver: Party) -> bytes:
        return derive(secret, task_id, 0, sender, receiver)

    return [
        (
            Seat(job_id, task_id, 0, component, me, by_role),
            {peer: PeerKeys(key(me, peer), key(peer, me)) for peer in parties if peer != me},
        )
        for me in parties
    ]
