"""Three hundred random steps in the lives of jobs of twelve components, with real processes.

Tasks, agents and the coordinator are killed meanwhile. What must hold is what the same steps show
without processes, see tests/scheduling.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from random import Random

import psutil
import pytest

from coordinator.client import FlowClient
from examples.running import Standalone, standalone
from tests.scheduling.agreement import check_agreement
from tests.scheduling.documents import PARTIES, csv_of
from tests.scheduling.driver import Driver, Lent
from tests.scheduling.http_target import HttpTarget, check_lives
from tests.together.parts import DEADLINE_S

STEPS = 300
SEED = 20261121
LENT = Lent(4, 6)
SETTLE_S = 600.0
HARMS = (*["task"] * 6, "agent", "coordinator")


@pytest.fixture
def narrow(tmp_path: Path) -> Iterator[Standalone]:
    """A coordinator whose parties lend little, so that jobs have to wait for each other."""
    with standalone() as running:
        for party_id in PARTIES:
            home = running.home / "parties" / party_id
            home.mkdir(parents=True)
            settings = f"cores = {LENT.cores}\ntasks = {LENT.tasks}\n"
            (home / "party_agent.toml").write_text(settings)
        client = FlowClient(running.url)
        for party_id in PARTIES:
            file = tmp_path / f"{party_id}.csv"
            file.write_text(csv_of(party_id))
            job = client.upload(file, namespace="lives", name=party_id, party_id=party_id)
            assert client.wait(job, timeout_s=DEADLINE_S) == "success"
        yield running


class Processes(HttpTarget):
    """A coordinator and agents that are processes, and may be killed."""

    def __init__(self, running: Standalone) -> None:
        super().__init__(running.url)
        self._running = running

    async def harm(self, random: Random) -> str:
        what = random.choice(HARMS)
        if what == "coordinator":
            self._running.kill()
            self._running.start()
        else:
            victims = sorted(await (self._tasks() if what == "task" else self._agents()))
            if victims:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(random.choice(victims), signal.SIGKILL)
        return f"kill a {what}"

    async def breathe(self, random: Random) -> None:
        await asyncio.sleep(random.choice((0.0, 0.01, 0.03)))

    async def _tasks(self) -> list[int]:
        answer = await self.call("job/task/query", {"status": "running"})
        pids = [row["f_run_pid"] for row in answer["data"] or [] if row["f_run_pid"]]
        return [pid for pid in pids if psutil.pid_exists(pid)]

    async def _agents(self) -> list[int]:
        parties = str(self._running.home / "parties")
        return [
            process.pid
            for process in psutil.process_iter(["cmdline"])
            if parties in " ".join(process.info["cmdline"] or []) and "run" in process.cmdline()
        ]


async def test_three_hundred_random_steps_with_kills_lose_and_double_nothing(
    narrow: Standalone,
) -> None:
    target = Processes(narrow)
    try:
        driver = Driver(target, LENT, Random(SEED))
        await driver.run(STEPS)
        statuses = await driver.settle(SETTLE_S)
        await check_lives(target, statuses)
        assert {"submit", "stop", "rerun", "inherit"} <= set(driver.taken)
        assert "success" in statuses.values()
    finally:
        await target.close()
    parties = {name: narrow.home / "parties" / name / "agent.db" for name in PARTIES}
    assert check_agreement(narrow.home / "coordinator.db", parties) > STEPS
