"""Fifty random steps in the lives of jobs: nothing is lost, doubled, or waits in silence.

Coordinator, database, links and the agents' daemons are real, in one process; only what tasks
compute is left out. Three hundred such steps are taken with real processes in tests/together.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import numpy as np
import pytest
import structlog

from coordinator.app import Coordinator, identity_of, now_ms, open_database
from coordinator.domain.records import PartyRecord
from coordinator.settings import Settings as CoordinatorSettings
from federation.tables import Table
from party_agent.daemon import Daemon
from party_agent.home import Home, Joined
from party_agent.settings import Settings as AgentSettings
from party_agent.tables import TableStore
from tests.scheduling.agreement import check_agreement, check_metrics
from tests.scheduling.documents import PARTIES
from tests.scheduling.driver import Driver, Lent
from tests.scheduling.http_target import HttpTarget, check_lives
from tests.scheduling.inline_workers import Effects, InlineWorkers

STEPS = 50
SEED = 20261121
LENT = Lent(4, 6)
SETTLE_S = 300.0


class Agent:
    """A party's agent in this loop."""

    def __init__(self, home: Home, party_id: str, effects: Effects) -> None:
        self.home = home
        self.party_id = party_id
        self.daemon: Daemon | None = None
        self._effects = effects
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        settings = AgentSettings(
            home=self.home.root,
            standalone=True,
            cores=LENT.cores,
            tasks=LENT.tasks,
            backoff_first_s=0.01,
            backoff_most_s=0.05,
            metrics_every_ms=1,
            spare_workers=0,
            orphan_timeout_s=3600,
        )
        joined = self.home.get_joined()
        self.daemon = Daemon(
            settings, self.home, joined, lambda background: InlineWorkers(background, self._effects)
        )
        self._running = asyncio.get_running_loop().create_task(self.daemon.run())

    def tell(self) -> str:
        if self.daemon is None or self._running is None or self._running.done():
            return f"ended: {self._running}"
        linked = "linked" if self.daemon.link.up else "not linked"
        return f"{linked}, {len(self.daemon._runner.attempts)} attempts"

    async def stop(self) -> None:
        assert self.daemon is not None
        assert self._running is not None
        self.daemon.stop()
        await self._running


class Wire:
    """A port that leads to another one, until it is cut; whoever was on it has to dial again."""

    def __init__(self) -> None:
        self.port = 0
        self._to: tuple[str, int] = ("127.0.0.1", 0)
        self._server: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()

    async def lay(self, to: int) -> None:
        self._to = ("127.0.0.1", to)
        self._server = await asyncio.start_server(self._join, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def cut(self) -> None:
        for end in list(self._ends):
            end.transport.abort()

    async def take_up(self) -> None:
        if self._server is not None:
            self._server.close()
            self.cut()
            await self._server.wait_closed()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there = await asyncio.open_connection(*self._to)
        except OSError:
            writer.close()
            return
        self._ends |= {writer, there[1]}
        try:
            await asyncio.gather(carry(reader, there[1]), carry(there[0], writer))
        finally:
            self._ends -= {writer, there[1]}


async def carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Pass on what comes, and the end of it."""
    with contextlib.suppress(ConnectionError):
        while block := await source.read(65536):
            sink.write(block)
            await sink.drain()
    sink.close()


class World(HttpTarget):
    """A coordinator and three agents in this loop."""

    def __init__(self, folder: Path, effects: Effects) -> None:
        super().__init__("")
        self.settings = CoordinatorSettings(
            home=folder / "coordinator", port=0, agent_grace_s=10.0, restart_grace_s=20.0
        )
        self.agents = {
            name: Agent(Home(folder / name, folder / "tables"), name, effects) for name in PARTIES
        }
        self.wires = {name: Wire() for name in PARTIES}
        self.coordinator: Coordinator | None = None

    async def start_all(self) -> None:
        key = identity_of(self.settings.home).public
        await self._start_coordinator()
        for agent in self.agents.values():
            wire = self.wires[agent.party_id]
            await wire.lay(self.settings.port)
            url = f"http://127.0.0.1:{wire.port}"
            agent.home.keep_joined(Joined(url, agent.party_id, key))
            lay_table(agent.home, agent.party_id)
            agent.start()

    async def join_all(self) -> None:
        """Let the parties join, as with codes: their keys are known."""
        identity_of(self.settings.home)
        async with await open_database(self.settings) as store, store.begin() as tx:
            for name, agent in self.agents.items():
                public = agent.home.identity().public
                await tx.parties.add(PartyRecord(name, public, now_ms()))

    async def stop_all(self) -> None:
        await self.close()
        for agent in self.agents.values():
            await agent.stop()
        if self.coordinator is not None:
            await self.coordinator.stop()
        for wire in self.wires.values():
            await wire.take_up()

    async def tell(self, job_id: str) -> str:
        agents = {name: agent.tell() for name, agent in self.agents.items()}
        return f"{await super().tell(job_id)} {agents}"

    async def harm(self, random: Random) -> str:
        agent = self.agents[random.choice(PARTIES)]
        what = random.choice(("cut a link", "cut a link", "restart an agent", "restart all"))
        if what == "cut a link":
            self.wires[agent.party_id].cut()
        elif what == "restart an agent":
            await agent.stop()
            agent.start()
        elif self.coordinator is not None:
            await self.coordinator.stop()
            await self._start_coordinator()
        return what

    async def _start_coordinator(self) -> None:
        self.coordinator = Coordinator(self.settings, standalone=False)
        address = await self.coordinator.start()
        self.url = address.url
        port = int(address.url.rpartition(":")[2])
        self.settings = self.settings.model_copy(update={"port": port})


def lay_table(home: Home, party_id: str) -> None:
    """Put a table of the party's into its store; no task here reads it."""
    table = Table.instances(["a", "b"], np.eye(2), ["x0", "x1"])
    TableStore(home.tables).write("lives", party_id, table, drop=True)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[tuple[World, Effects]]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    effects = Effects(Random(SEED))
    made = World(tmp_path, effects)
    await made.join_all()
    await made.start_all()
    yield made, effects
    await made.stop_all()


async def test_fifty_random_steps_lose_and_double_nothing(
    world: tuple[World, Effects],
) -> None:
    target, effects = world
    driver = Driver(target, LENT, effects.random)
    await driver.run(STEPS // 2)
    effects.faults = 0.02
    await driver.run(STEPS - STEPS // 2)
    effects.faults = 0.0
    statuses = await driver.settle(SETTLE_S)
    await check_lives(target, statuses)
    assert {"submit", "stop", "rerun", "inherit"} <= set(driver.taken)
    assert "success" in statuses.values()
    check_effects(effects)
    database = target.settings.home / "coordinator.db"
    parties = {name: agent.home.database for name, agent in target.agents.items()}
    assert check_agreement(database, parties) > STEPS
    assert check_metrics(database) > STEPS


def check_effects(effects: Effects) -> None:
    """No attempt was begun twice, and so none took effect twice."""
    assert effects.begun
    assert max(effects.begun.values()) == 1
    assert set(effects.ended) <= set(effects.begun)
