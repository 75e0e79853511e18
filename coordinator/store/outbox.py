"""Orders that wait for their agents."""

from collections.abc import Sequence

import sqlalchemy as sa

from coordinator.domain.records import PendingOrder
from coordinator.domain.state import WITHDRAWABLE, Outgoing
from coordinator.store.schema import orders
from coordinator.store.transaction import Transaction, insert_for
from federation.spec.orders import Order
from federation.wire.codec import encode


class SqlOutbox:
    """The outbox within one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._tx = transaction

    async def pending(self, party_id: str, after_seq: int = 0) -> list[PendingOrder]:
        """Unacknowledged orders of a party in sending order."""
        query = sa.select(orders).where(
            orders.c.party_id == party_id, orders.c.acked_ms.is_(None), orders.c.seq > after_seq
        )
        found = await self._tx.run(query.order_by(orders.c.seq))
        return [PendingOrder(r.seq, r.party_id, r.order_id, r.body) for r in found]

    async def parties(self) -> list[str]:
        """Parties that have unacknowledged orders."""
        query = sa.select(orders.c.party_id).where(orders.c.acked_ms.is_(None)).distinct()
        return list((await self._tx.run(query)).scalars())

    async def ack(self, party_id: str, order_id: str, now_ms: int) -> bool:
        """Mark an order as stored by its agent; acknowledging twice is fine."""
        result = await self._tx.run(
            sa.update(orders)
            .where(
                orders.c.party_id == party_id,
                orders.c.order_id == order_id,
                orders.c.acked_ms.is_(None),
            )
            .values(acked_ms=now_ms)
        )
        return bool(result.rowcount)

    async def job_of(self, party_id: str, order_id: str) -> str | None:
        """The job an order belongs to; None if there is no such order, "" if it has no job."""
        query = sa.select(orders.c.job_id).where(
            orders.c.party_id == party_id, orders.c.order_id == order_id
        )
        found = (await self._tx.run(query)).scalar()
        return None if found is None else str(found)

    async def add(self, new: Sequence[Outgoing], now_ms: int) -> None:
        """Keep orders; one that is there already stays as it is."""
        if not new:
            return
        values = [
            {
                "party_id": outgoing.party_id,
                "order_id": outgoing.order_id,
                "job_id": getattr(outgoing.order, "job_id", ""),
                "kind": outgoing.order.kind,
                "body": encode_order(outgoing.order),
                "created_ms": now_ms,
            }
            for outgoing in new
        ]
        statement = insert_for(self._tx, orders).on_conflict_do_nothing(
            index_elements=["party_id", "order_id"]
        )
        await self._tx.run(statement, values)

    async def withdraw(self, job_id: str) -> None:
        """Take back what a job wanted done and nobody has acknowledged."""
        await self._tx.run(
            sa.delete(orders).where(
                orders.c.job_id == job_id,
                orders.c.acked_ms.is_(None),
                orders.c.kind.in_(sorted(WITHDRAWABLE)),
            )
        )

    async def purge(self, before_ms: int) -> int:
        """Forget acknowledged orders of before; how many."""
        result = await self._tx.run(sa.delete(orders).where(orders.c.acked_ms < before_ms))
        return int(result.rowcount)


def encode_order(order: Order) -> bytes:
    """An order as the wire codec writes it."""
    return encode(order.model_dump(mode="python", by_alias=True))
