"""Orders: taken once, kept before they are acknowledged, done in the order in which they came.

An order that was kept and not done when the agent stopped is done at the next start. An order that
can not be read is refused by name, so that its job fails instead of waiting.
"""

from collections.abc import Callable
from dataclasses import dataclass

import structlog
from pydantic import ValidationError

from federation.errors import AgentRestarted, MalformedMessage
from federation.spec.orders import (
    ORDER,
    CancelTasks,
    CloseJob,
    DropTable,
    JobReady,
    OpenSession,
    Order,
    PrepareJob,
    RunTask,
    SessionKeys,
    TaskEnded,
)
from federation.spec.party import Party, Role
from federation.spec.status import Status
from federation.wire.codec import Bytes, decode
from federation.wire.frames import Frame, FrameKind
from party_agent.audit import Audit
from party_agent.checks import reason_of
from party_agent.home import Home
from party_agent.journal import Journal, now_ms
from party_agent.logs import SeatLog
from party_agent.models import Models
from party_agent.reports import Reports
from party_agent.runner import Runner
from party_agent.sessions import Sessions
from party_agent.tables import TableStore

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Clerk:
    """Takes orders and has them done."""

    home: Home
    journal: Journal
    reports: Reports
    sessions: Sessions
    runner: Runner
    audit: Audit
    send: Callable[[Frame], None]

    def recover(self) -> None:
        """Say what became of attempts that ran when the agent stopped, and do what it had taken."""
        for row in self.journal.unended_attempts():
            ended = TaskEnded(
                job_id=row.job_id,
                task_id=row.key.task_id,
                version=row.key.version,
                role=Role(row.key.role),
                component=row.component,
                status=Status.FAILED,
                reason=reason_of(AgentRestarted()),
                started_ms=row.started_ms,
                ended_ms=now_ms(),
            )
            self.reports.end(row.key, ended)
        for order_id, body in self.journal.open_orders():
            order = _read(body)
            if order is not None:
                self._do(order_id, order)

    def take(self, frame: Frame) -> None:
        """Keep an order, acknowledge it, and do it if it is new.

        Raises:
            MalformedMessage: it has no order_id.
        """
        order_id = frame.header.get("order_id")
        if not isinstance(order_id, str):
            raise MalformedMessage("an ORDER has no order_id")
        body = bytes(frame.body)
        order = _read(body)
        if order is None:
            refused = {
                "code": "order_not_understood",
                "message": "the party's agent can not read an order; install the same version of "
                "Tripact on both sides",
            }
            self.send(Frame(FrameKind.ORDER_ACK, {"order_id": order_id, "refused": refused}))
            return
        news = self.journal.take_order(order_id, body)
        self.send(Frame(FrameKind.ORDER_ACK, {"order_id": order_id}))
        if news:
            self._do(order_id, order)

    def _do(self, order_id: str, order: Order) -> None:
        log.debug("order", order_id=order_id, kind=order.kind)
        match order:
            case PrepareJob():
                self._prepare(order)
            case OpenSession():
                opened = self.sessions.open(order)
                if opened is not None:
                    self.reports.tell(opened)
            case SessionKeys():
                self.sessions.take_keys(order)
            case RunTask():
                self.runner.run(order)
            case CancelTasks():
                self.runner.cancel(order.job_id, order.status, order.reason)
            case CloseJob():
                self._close(order)
            case DropTable():
                self._drop(order)
        self.journal.order_done(order_id)

    def _prepare(self, order: PrepareJob) -> None:
        answer = self.sessions.prepare(order)
        self.reports.tell(answer)
        ready = isinstance(answer, JobReady)
        log.info("job prepared", job_id=order.job_id, ready=ready)
        for seat in self._seats(order):
            seat_log = SeatLog(self.home.logs, order.job_id, seat)
            seat_log.touch()
            if isinstance(answer, JobReady):
                seat_log.write("INFO", "this party takes part", epoch=order.epoch)
            else:
                for reason in answer.reasons:
                    seat_log.write("ERROR", f"this party refuses: {reason.message}")
            seat_log.close()

    def _seats(self, order: PrepareJob) -> list[Party]:
        joined = self.sessions.party_id
        return [Party(role, joined) for role, ids in order.roles.items() if joined in ids]

    def _close(self, order: CloseJob) -> None:
        self.runner.cancel(order.job_id, Status.CANCELED, "the job ended")
        self.sessions.close(order.job_id)
        written = self.audit.close(order.job_id)
        if written is not None:
            self.journal.set_audit_head(order.job_id, *written)

    def _drop(self, order: DropTable) -> None:
        table = order.table
        TableStore(self.home.tables).drop(table.namespace, table.name)
        Models(self.home.models).drop_cache(table)
        self.journal.forget_table(table.namespace, table.name)
        log.info("table dropped", namespace=table.namespace, name=table.name)


def _read(body: Bytes) -> Order | None:
    """The order, if this version can read it."""
    try:
        return ORDER.validate_python(decode(body))
    except (ValidationError, MalformedMessage) as error:
        log.error("order not understood", why=type(error).__name__)
        return None
