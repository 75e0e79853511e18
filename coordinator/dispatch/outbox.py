"""Orders on their way: sent in the order in which they were kept, and again after a reconnect.

The store is the outbox. What an agent has not acknowledged, and what was not sent over its present
link before, is read and sent. Acknowledgements are kept a moment later and many at a time: one that
is lost only means that its order is sent, and recognised, once more.
"""

import asyncio
from collections.abc import Callable, Iterable

import structlog

from coordinator.dispatch.link import Link
from coordinator.dispatch.meters import Meters
from coordinator.domain.ports import Clock, Store
from federation.program.background import Background
from federation.wire.frames import Frame, FrameKind

log = structlog.get_logger(__name__)

ACK_DELAY_S = 0.5
RETRY_S = 1.0


class Post:
    """Sends agents their orders: one look into the store for all that were woken meanwhile."""

    def __init__(
        self, store: Store, find_link: Callable[[str], Link | None], meters: Meters
    ) -> None:
        self._store = store
        self._find_link = find_link
        self._meters = meters
        self._wanted: dict[str, None] = {}
        self._called = asyncio.Event()

    def wake(self, party_id: str) -> None:
        """There may be new orders for the party."""
        self._wanted[party_id] = None
        self._called.set()

    async def run(self) -> None:
        """Send orders as they are kept, until cancelled."""
        while True:
            await self._called.wait()
            self._called.clear()
            wanted, self._wanted = self._wanted, {}
            try:
                await self._send(wanted)
            except Exception:
                log.exception("orders could not be read, trying again")
                await asyncio.sleep(RETRY_S)
                self._wanted |= wanted
                self._called.set()

    async def _send(self, party_ids: Iterable[str]) -> None:
        links = [link for party_id in party_ids if (link := self._find_link(party_id))]
        greeted = [link for link in links if link.greeted]
        if not greeted:
            return
        async with self._store.read() as view:
            for link in greeted:
                for order in await view.outbox.pending(link.party_id, link.sent_seq):
                    link.send(Frame(FrameKind.ORDER, {"order_id": order.order_id}, order.body))
                    link.sent_seq = order.seq
                    self._meters.orders.inc()
                    log.debug("order sent", party_id=link.party_id, order_id=order.order_id)


class Acknowledgements:
    """Keeps, in few transactions, which orders their agents have stored."""

    def __init__(self, store: Store, clock: Clock, background: Background) -> None:
        self._store = store
        self._clock = clock
        self._background = background
        self._waiting: dict[tuple[str, str], None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, party_id: str, order_id: str) -> None:
        """The agent of `party_id` has stored the order."""
        self._waiting[party_id, order_id] = None
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(ACK_DELAY_S, self._flush_soon)

    async def flush(self) -> None:
        """Keep all that wait."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        waiting, self._waiting = self._waiting, {}
        if not waiting:
            return
        async with self._store.begin() as tx:
            for party_id, order_id in waiting:
                await tx.outbox.ack(party_id, order_id, self._clock())

    def _flush_soon(self) -> None:
        self._timer = None
        self._background.start(self.flush(), "keep acknowledgements")
