"""Orders on their way: sent in the order in which they were kept, and again after a reconnect.

The store is the outbox. A pump per link reads what its agent has not acknowledged and sends what
it has not sent over this link before. Acknowledgements are kept a moment later and many at a time:
one that is lost only means that its order is sent, and recognised, once more.
"""

import asyncio

import structlog

from coordinator.dispatch.background import Background
from coordinator.dispatch.link import Link
from coordinator.dispatch.meters import Meters
from coordinator.domain.ports import Clock, Store
from federation.wire.frames import Frame, FrameKind

log = structlog.get_logger(__name__)

ACK_DELAY_S = 0.05
RETRY_S = 1.0


class Pump:
    """Sends one agent its orders over one link."""

    def __init__(self, store: Store, link: Link, meters: Meters) -> None:
        self._store = store
        self._link = link
        self._meters = meters
        self._wanted = asyncio.Event()
        self._wanted.set()

    def wake(self) -> None:
        """There may be new orders."""
        self._wanted.set()

    async def run(self) -> None:
        """Send orders as they are kept, until cancelled."""
        sent = 0
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            try:
                sent = await self._send_after(sent)
            except Exception:
                log.exception("orders could not be read", party_id=self._link.party_id)
                await asyncio.sleep(RETRY_S)
                self._wanted.set()

    async def _send_after(self, seq: int) -> int:
        async with self._store.read() as view:
            pending = await view.outbox.pending(self._link.party_id, seq)
        for order in pending:
            self._link.send(Frame(FrameKind.ORDER, {"order_id": order.order_id}, order.body))
            self._meters.orders.inc()
            log.debug("order sent", party_id=order.party_id, order_id=order.order_id)
        return pending[-1].seq if pending else seq


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
