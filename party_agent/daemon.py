"""The agent's process: everything wired together, from start to clean stop.

It dials out and serves; it listens only where its owner says so, for direct links of peers.
Whatever happens comes as a frame of the coordinator, of a peer or of a task, as the end of a
process, or from a timer; nothing is polled. On SIGTERM or SIGINT every task is killed and
reported, and the agent says goodbye.
"""

import asyncio
import hashlib
import secrets
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.metadata import PackageNotFoundError, version

import structlog

from federation.components.registry import catalogue
from federation.errors import MalformedMessage
from federation.program.background import Background
from federation.wire.codec import encode
from federation.wire.frames import Frame, FrameKind
from party_agent.addresses import Address
from party_agent.audit import Audit
from party_agent.calls import Calls, Desk, sweep_spool
from party_agent.checks import Checks
from party_agent.clerk import Clerk
from party_agent.devices import Gpus, Slots, gpus_of, lent_of, slots_of
from party_agent.direct import DirectLinks
from party_agent.gateway.desk import Desk as OwnDesk
from party_agent.gateway.outputs import Outputs
from party_agent.gateway.server import Gateway
from party_agent.gateway.stored import StoredTables
from party_agent.gateway.uploads import Uploads
from party_agent.gateway.users import Doorkeeper, Users
from party_agent.home import Home, Joined
from party_agent.journal import Journal, now_ms
from party_agent.link import CoordinatorLink, Offer, Pace
from party_agent.peers import Peers
from party_agent.policy import Rules
from party_agent.relay import Relay
from party_agent.reports import Reports
from party_agent.runner import Runner, Shop
from party_agent.serving import ServingDesk
from party_agent.serving.http import routes as serving_routes
from party_agent.sessions import Sessions
from party_agent.settings import Settings
from party_agent.table_calls import TableCalls
from party_agent.tables import TableStore
from party_agent.workers import Workers

log = structlog.get_logger(__name__)

_CALL_KINDS = frozenset({FrameKind.CALL, FrameKind.CHUNK, FrameKind.CREDIT, FrameKind.ANSWER})
_GOODBYE_S = 0.5


class Daemon:
    """One agent at work; needs a running event loop."""

    def __init__(
        self,
        settings: Settings,
        home: Home,
        joined: Joined,
        workers: Callable[[Background], Workers] | None = None,
    ) -> None:
        """Wire an agent up.

        Args:
            workers: where processes for tasks come from, if not from a nursery of its own.
        """
        self._settings = settings
        self._home = home
        self._stopping = asyncio.Event()
        self._background = Background()
        self._journal = Journal(home.database)
        self._audit = Audit(home.audit)
        identity = home.identity()
        lent, gpus = lent_of(settings.cores), gpus_of(settings.gpus)
        slots = slots_of(settings.tasks, lent)
        pace = Pace(settings.backoff_first_s, settings.backoff_most_s, settings.heartbeat_s)
        self.link = CoordinatorLink(joined, identity, _offer(lent, slots, gpus), pace)
        rules = Rules(home.policy, home.root, standalone=settings.standalone)
        peers = Peers(self._journal, rules, home)
        anywhere = settings.standalone and settings.upload_from is None
        checks = Checks(
            party_id=joined.party_id,
            rules=rules,
            peers=peers,
            tables=TableStore(home.tables),
            upload_from=None if anywhere else tuple(settings.upload_from or ()),
        )
        self._reports = Reports(self._journal, self.link.send)
        self._direct = DirectLinks(identity, joined.party_id, self.link.send, self._background)
        self._sessions = Sessions(identity, joined.party_id, checks, self._direct)
        self._relay = Relay(joined.party_id, self._audit, self._direct.send)
        self._direct.on_frame = self._relay.arrive
        self._direct.on_change = self._relay.resumed
        made = workers(self._background) if workers is not None else None
        self._workers = made or Workers(settings.spare_workers, self._background)
        self._runner = Runner(
            Shop(
                home=home,
                party_id=joined.party_id,
                journal=self._journal,
                reports=self._reports,
                relay=self._relay,
                sessions=self._sessions,
                workers=self._workers,
                slots=Slots(slots),
                gpus=Gpus(gpus),
                background=self._background,
                metrics_every_s=settings.metrics_every_ms / 1000,
            )
        )
        self._clerk = Clerk(
            home=home,
            journal=self._journal,
            reports=self._reports,
            sessions=self._sessions,
            runner=self._runner,
            audit=self._audit,
            send=self.link.send,
        )
        serving = ServingDesk(home.root, self._runner)
        written = settings.download_to
        free = settings.standalone and written is None
        changes = TableCalls(checks.tables, rules, None if free else tuple(written or ()))
        desk = Desk(home, rules, self._audit, self._runner, serving, changes)
        self._calls = Calls(desk, self.link.send, self._background)
        self._gateway = self._gateway_for(joined.party_id, checks, serving)
        self.link.on_up = self._linked
        self.link.on_down = self._calls.link_lost
        self.link.on_frame = self._take

    async def run(self) -> None:
        """Serve until told to stop."""
        with self._signals():
            self._workers.start()
            self._listen()
            self._clerk.recover()
            self._clean()
            if self._gateway is not None:
                await self._gateway.start(self._home.root)
            dialing = self._background.start(self.link.run(), "dial the coordinator")
            if self._settings.standalone:
                self._background.start(self._leave_when_orphaned(), "watch for the coordinator")
            await asyncio.wait(
                [dialing, asyncio.ensure_future(self._stopping.wait())],
                return_when=asyncio.FIRST_COMPLETED,
            )
            await self._stop()

    def _listen(self) -> None:
        """Take direct links, where the owner wants it.

        Raises:
            AddressTaken: the port can not be had.
        """
        listen, told = self._settings.direct_listen, self._settings.direct_address
        if listen:
            self._direct.listen(Address.parse(listen), Address.parse(told) if told else None)

    def stop(self) -> None:
        """Ask the agent to stop."""
        self._stopping.set()

    async def _stop(self) -> None:
        log.info("agent stops")
        if self._gateway is not None:
            await self._gateway.stop()
        await self._runner.stop()
        await self._workers.stop()
        try:
            async with asyncio.timeout(_GOODBYE_S):
                await self.link.goodbye()
        except TimeoutError:
            log.debug("no time for a goodbye")
        self._direct.close()
        await self._background.stop()
        self._audit.close_all()
        self._journal.close()

    def _gateway_for(self, party_id: str, checks: Checks, serving: ServingDesk) -> Gateway | None:
        """The door for this party's users, where its owner wants one."""
        asked = self._settings.gateway
        if not asked.listen:
            return None
        desk = OwnDesk(
            party_id=party_id,
            home=self._home,
            journal=self._journal,
            audit=self._audit,
            tables=checks.tables,
            upload_from=checks.upload_from,
        )
        doorkeeper = None if asked.open else Doorkeeper(Users(self._home.root), now_ms)
        routes = (
            Uploads(desk).routes,
            Outputs(desk).routes,
            StoredTables(desk).routes,
            partial(serving_routes, serving),
        )
        return Gateway(Address.parse(asked.listen), doorkeeper, routes)

    def _linked(self, reports_read: int) -> None:
        """The way to the coordinator works (again)."""
        self._journal.acknowledged_to(reports_read)
        self._reports.resend()
        self._relay.resumed()

    def _take(self, frame: Frame) -> None:
        """Take a frame of the coordinator.

        Raises:
            MalformedMessage: a frame that no coordinator sends.
        """
        kind = frame.kind
        if kind in (FrameKind.LETTER, FrameKind.LETTER_ACK):
            self._relay.arrive(frame)
        elif kind is FrameKind.ORDER:
            self._clerk.take(frame)
        elif kind is FrameKind.REPORT_ACK:
            seq = frame.header.get("seq")
            if type(seq) is not int:
                raise MalformedMessage("a REPORT_ACK has no seq")
            self._reports.acknowledged(seq)
        elif kind in _CALL_KINDS:
            self._calls.take(frame)
        elif kind is FrameKind.NOTICE:
            if frame.header.get("event") == "peer_up":
                self._relay.resumed()
        else:
            raise MalformedMessage(f"a coordinator sends no {kind.name} here")

    async def _leave_when_orphaned(self) -> None:
        """Stop a local agent whose coordinator stays away."""
        limit_s = self._settings.orphan_timeout_s
        loop = asyncio.get_running_loop()
        while True:
            lost_at = self.link.lost_at
            left_s = limit_s if lost_at is None else lost_at + limit_s - loop.time()
            if left_s <= 0:
                log.warning("the coordinator stays away; a local agent ends with it")
                self.stop()
                return
            await asyncio.sleep(left_s)

    def _clean(self) -> None:
        """Let go of what is too old to matter."""
        settings = self._settings
        self._journal.forget_before(now_ms() - int(settings.keep_orders_h * 3_600_000))
        for path in sweep_spool(self._home.spool, settings.keep_spool_h * 3600, time.time()):
            log.info("unused upload deleted", file=path.name)
        TableStore(self._home.tables).sweep()

    @contextmanager
    def _signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        stops = (signal.SIGTERM, signal.SIGINT)
        for number in stops:
            loop.add_signal_handler(number, self.stop)
        try:
            yield
        finally:
            for number in stops:
                loop.remove_signal_handler(number)


def installed_version() -> str:
    """The version of Tripact that is installed."""
    try:
        return version("tripact")
    except PackageNotFoundError:
        return "unknown"


def _offer(cores: int, tasks: int, gpus: int) -> Offer:
    declarations = encode([declaration.to_json() for declaration in catalogue()])
    return Offer(
        boot_id=secrets.token_hex(16),
        version=installed_version(),
        cores=cores,
        tasks=tasks,
        gpus=gpus,
        catalogue=declarations,
        digest=hashlib.sha256(declarations).hexdigest(),
    )
