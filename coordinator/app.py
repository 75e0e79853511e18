"""A running coordinator, built from its settings: store, domain, links to agents, REST dialects."""

import asyncio
import fcntl
import json
import logging
import os
import socket
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import structlog
from aiohttp import web
from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError

from coordinator.api.fateflow import DIALECT as FATEFLOW
from coordinator.api.inference import ROUTES as INFERENCE
from coordinator.api.keys import (
    BOARD,
    JOBS,
    MODELS,
    OLD_LISTS,
    PARTIES,
    PRIVILEGES,
    PUBLIC_KEYS,
    PUBLIC_URL,
    SERVING,
    TABLE_FILES,
    TABLE_STATE,
    TABLES,
    TAGS,
    TRACKING,
    TRANSFERS,
)
from coordinator.api.mounting import mount
from coordinator.api.signed import signing
from coordinator.dispatch.agents import LinkedAgents
from coordinator.dispatch.clock import Alarm
from coordinator.dispatch.handshake import Guard
from coordinator.dispatch.health import LINK_PATH, health_handler, metrics_handler, timing
from coordinator.dispatch.join import join_handler
from coordinator.dispatch.links import LinkLimits, Links
from coordinator.dispatch.local_agents import LocalAgents, LocalPlan
from coordinator.dispatch.meters import Meters
from coordinator.domain.access import Apps, OwnRows, PublicKeys
from coordinator.domain.deployment import Models
from coordinator.domain.jobs import Jobs
from coordinator.domain.parties import Parties
from coordinator.domain.privileges import Privileges
from coordinator.domain.serving import Serving
from coordinator.domain.table_files import TableFiles
from coordinator.domain.table_state import TableState
from coordinator.domain.tables import Tables
from coordinator.domain.tags import Tags
from coordinator.domain.tracking import Tracking
from coordinator.domain.transfer import Transfers
from coordinator.settings import Settings
from coordinator.store import SqlStore, open_store
from federation.errors import AddressTaken, DatabaseAway, HomeInUse
from federation.wire.identity import Identity, fingerprint

log = structlog.get_logger(__name__)

VERSION = version("tripact")
ACCESS_LOG = logging.getLogger("aiohttp.access")
ADDRESS_FILE = "coordinator.json"
STOP_S = 0.5
HOUSEKEEPING_S = 3600
MS_PER_HOUR = 3_600_000


def now_ms() -> int:
    """Epoch milliseconds."""
    return time.time_ns() // 1_000_000


def identity_of(home: Path) -> Identity:
    """The coordinator's key, made at the first start; only its owner may read the file."""
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = home / "identity.key"
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return Identity.from_bytes(file.read_bytes())
    identity = Identity.generate()
    with os.fdopen(descriptor, "wb") as sink:
        sink.write(identity.to_bytes())
    return identity


async def open_database(settings: Settings) -> SqlStore:
    """The store of these settings, brought up to date.

    Raises:
        DatabaseAway: it does not answer, or its driver is not installed.
    """
    try:
        return await open_store(settings.database_url)
    except ModuleNotFoundError:
        why = "its driver is not installed; pip install 'tripact[postgres]'"
    except (SQLAlchemyError, OSError) as error:
        why = str(getattr(error, "orig", error)).partition("\n")[0]
    shown = make_url(settings.database_url).render_as_string(hide_password=True)
    raise DatabaseAway(shown, why)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a running coordinator is, and who it is."""

    url: str
    home: Path
    fingerprint: str
    pid: int = field(default_factory=os.getpid)


class Coordinator:
    """One coordinator process.

    With `standalone` it starts an agent on this machine for each party that is needed.
    """

    def __init__(self, settings: Settings, *, standalone: bool) -> None:
        self._settings = settings
        self._standalone = standalone
        self._home = settings.home.absolute()
        self._stack = AsyncExitStack()

    async def start(self) -> Address:
        """Serve; the address is also written to `<home>/coordinator.json`.

        Raises:
            HomeInUse, AddressTaken: another one runs here.
        """
        try:
            return await self._start()
        except BaseException:
            await self._stack.aclose()
            raise

    async def stop(self) -> None:
        """Say goodbye to agents, end local ones, and close the store; within two seconds."""
        log.info("coordinator stops")
        await self._stack.aclose()

    async def _start(self) -> Address:
        settings = self._settings
        identity = identity_of(self._home)
        self._stack.enter_context(_lock(self._home))
        store = await open_database(settings)
        self._stack.push_async_callback(store.close)
        parties = Parties(store, identity.public, now_ms)
        meters = Meters()
        links = Links(
            Guard(identity, parties),
            store,
            now_ms,
            meters,
            LinkLimits(settings.agent_grace_s, settings.heartbeat_s, settings.lane_mib << 20),
        )
        local = LocalAgents(self._local_plan(), parties, links) if self._standalone else None
        alarm = Alarm(now_ms)
        agents = LinkedAgents(links, parties, alarm, grace_s=settings.agent_grace_s, local=local)
        asked = OwnRows(agents)
        jobs = Jobs(store, asked, now_ms)

        signed = signing(Apps(store, now_ms), now_ms, required=settings.require_signature)
        app = web.Application(
            client_max_size=settings.largest_request_mib << 20,
            middlewares=[timing(meters), signed],
        )
        app[JOBS], app[PARTIES] = jobs, parties
        app[MODELS] = Models(store, asked, now_ms, jobs.next_id)
        app[TRANSFERS] = Transfers(store, asked, now_ms, app[MODELS], jobs.next_id)
        app[SERVING] = Serving(store, asked, now_ms, jobs, app[MODELS])
        app[TAGS] = Tags(store, now_ms)
        app[TRACKING], app[TABLES] = Tracking(store, asked), Tables(store, asked)
        app[TABLE_FILES] = TableFiles(store, asked, now_ms, jobs, app[TABLES])
        app[TABLE_STATE] = TableState(store, asked, app[TABLES], app[TRACKING])
        app[PRIVILEGES], app[PUBLIC_KEYS] = Privileges(store), PublicKeys(store)
        app.router.add_get(LINK_PATH, links.endpoint)
        app.router.add_post("/agent/v1/join", join_handler(parties))
        app.router.add_get("/healthz", health_handler(store, links, VERSION))
        app.router.add_get("/metrics", metrics_handler(store, meters))
        listener = listen(settings.host, settings.port)
        self._stack.callback(listener.close)
        address = Address(
            _url(settings.host, listener.getsockname()[1]),
            self._home,
            fingerprint(identity.public),
        )
        app[PUBLIC_URL] = settings.public_url or address.url
        app[BOARD] = settings.fateboard
        app[OLD_LISTS] = settings.old_lists
        app.router.add_routes(INFERENCE)
        mount(app, (FATEFLOW,))

        runner = web.AppRunner(
            app,
            access_log=ACCESS_LOG if settings.access_log else None,
            shutdown_timeout=STOP_S,
        )
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        self._stack.push_async_callback(self._part, agents, links, local)
        if local is not None:
            local.open(address.url, last_url(self._home))
        await links.open(jobs)
        await self._resume(jobs, agents, links)
        await web.SockSite(runner, listener).start()
        self._stack.callback(alarm.stop)
        await alarm.start(jobs.on_tick, jobs.next_due)
        alarm.every(HOUSEKEEPING_S, lambda: self._forget_old(store))
        self._stack.callback(_announce(address).unlink, missing_ok=True)
        return address

    async def _resume(self, jobs: Jobs, agents: LinkedAgents, links: Links) -> None:
        """Take unfinished jobs up again; agents they need have a while to dial in."""
        needed = await jobs.resume()
        for party_id in needed:
            links.expect(party_id, self._settings.restart_grace_s)
        agents.wake(needed)

    async def _part(self, agents: LinkedAgents, links: Links, local: LocalAgents | None) -> None:
        """Say goodbye to agents, and end those that are ours."""
        await agents.stop()
        goodbye = links.close("coordinator_stops", "the coordinator stops; dial again later")
        await asyncio.gather(goodbye, *([local.stop()] if local is not None else []))

    async def _forget_old(self, store: SqlStore) -> None:
        before_ms = now_ms() - round(self._settings.keep_orders_h * MS_PER_HOUR)
        async with store.begin() as tx:
            forgotten = await tx.outbox.purge(before_ms)
        log.debug("old orders forgotten", count=forgotten)

    def _local_plan(self) -> LocalPlan:
        return LocalPlan(
            homes=self._home / "parties",
            tables=self._home / "tables",
            arrival_s=self._settings.agent_start_s,
            orphan_s=self._settings.orphan_timeout_s,
            most=self._settings.most_local_parties,
        )


def listen(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        AddressTaken: the port is taken, not allowed, or the host is not this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        raise AddressTaken(host, port, error.strerror or "it failed") from None


def _url(host: str, port: int) -> str:
    """How this machine reaches what listens on `host`."""
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - to be replaced
    return f"http://[{reached}]:{port}" if ":" in reached else f"http://{reached}:{port}"


def last_url(home: Path) -> str | None:
    """Where the coordinator of this home is, or was when it was killed."""
    try:
        return str(json.loads((home / ADDRESS_FILE).read_text())["url"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _announce(address: Address) -> Path:
    """Write where the coordinator is for scripts to find; whole or not at all."""
    file = address.home / ADDRESS_FILE
    draft = file.with_suffix(".draft")
    draft.write_text(json.dumps({"pid": address.pid, "url": address.url}) + "\n")
    draft.replace(file)
    return file


@contextmanager
def _lock(home: Path) -> Iterator[None]:
    """Hold the home for this process alone.

    Raises:
        HomeInUse: another coordinator holds it.
    """
    with (home / "coordinator.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise HomeInUse(str(home)) from None
        yield
