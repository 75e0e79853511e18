"""Random lives of jobs: submitted, stopped, run again, inherited, retried, in any order.

The driver only knows what anybody could ask; what must hold after every step is checked against
that. Each step is drawn from a seed; what it meets depends on how far the jobs are by then, and
all must hold however far that is.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any, Protocol

from tests.scheduling.documents import COMPONENTS, DSL, Json, conf

OPEN = ("waiting", "running")
MOST_OPEN = 5
STOPS = ("canceled", "canceled", "failed", "success")


@dataclass(frozen=True)
class Lent:
    """What each party lends."""

    cores: int
    tasks: int


class Target(Protocol):
    """A coordinator that can be asked, and harmed."""

    async def submit(self, dsl: Json, conf: Json) -> str | None:
        """The id of the job; None if it could not be taken just now."""

    async def stop(self, job_id: str, status: str) -> None: ...

    async def rerun(self, job_id: str, components: list[str], *, force: bool) -> None: ...

    async def statuses(self) -> dict[str, str]:
        """The status of each job."""

    async def waiting(self) -> dict[str, list[str]]:
        """What each job that waits says it waits for."""

    async def holding(self) -> list[tuple[str, str, int]]:
        """Job, party and cores of all that runs."""

    async def done(self, job_id: str) -> list[str]:
        """Components that succeeded at all their seats, in order."""

    async def tell(self, job_id: str) -> str:
        """How a job stands, in words."""

    async def harm(self, random: Random) -> str:
        """Break something that heals by itself; what."""

    async def breathe(self, random: Random) -> None:
        """Let the jobs go on for a moment."""


@dataclass
class Driver:
    """Takes steps, and checks after each."""

    target: Target
    lent: Lent
    random: Random
    taken: Counter[str] = field(default_factory=Counter)

    async def run(self, steps: int) -> None:
        """Take that many steps."""
        for number in range(steps):
            name = await self.step()
            self.taken[name] += 1
            await self.check(f"step {number} ({name})")
            await self.target.breathe(self.random)

    async def step(self) -> str:
        """One step, of those that make sense now."""
        statuses = await self.target.statuses()
        open_ones = sorted(job for job, status in statuses.items() if status in OPEN)
        ended = sorted(set(statuses) - set(open_ones))
        draw = self.random.random()
        if len(open_ones) < MOST_OPEN and (draw < 0.25 or not ended):
            return await self._submit({})
        if draw < 0.40 and ended and len(open_ones) < MOST_OPEN:
            return await self._inherit(self.random.choice(ended))
        if draw < 0.55 and open_ones:
            await self.target.stop(self.random.choice(open_ones), self.random.choice(STOPS))
            return "stop"
        if draw < 0.90 and ended:
            return await self._rerun(self.random.choice(ended[-8:]))
        if draw < 0.96:
            return await self.target.harm(self.random)
        return "wait"

    async def check(self, where: str) -> None:
        """What must hold at any moment."""
        for job_id, reasons in (await self.target.waiting()).items():
            assert reasons, f"{where}: job {job_id} waits and does not say for what"
            assert all(reasons), f"{where}: job {job_id} has an empty reason"
        cores: Counter[str] = Counter()
        for _, party_id, count in await self.target.holding():
            cores[party_id] += count
        for party_id, count in cores.items():
            assert count <= self.lent.cores, f"{where}: {party_id} lends {count} cores"

    async def settle(self, limit_s: float) -> dict[str, str]:
        """Wait until all jobs have ended; their statuses."""
        try:
            async with asyncio.timeout(limit_s):
                while True:
                    statuses = await self.target.statuses()
                    if not any(status in OPEN for status in statuses.values()):
                        return statuses
                    await self.check("at the end")
                    await asyncio.sleep(0.1)
        except TimeoutError:
            left = [await self.target.tell(job) for job, s in statuses.items() if s in OPEN]
            raise AssertionError(f"{len(left)} jobs never end: {left}") from None

    async def _submit(self, more: Json) -> str:
        drawn: dict[str, Any] = {
            "task_cores": self.random.choice((1, 2)),
            "task_parallelism": self.random.choice((1, 1, 2)),
            "auto_retries": self.random.choice((0, 0, 1, 2)),
            "auto_retry_delay": 0,
        }
        taken = await self.target.submit(DSL, conf(**drawn, **more))
        return "submit" if taken else "submit in vain"

    async def _inherit(self, job_id: str) -> str:
        """A new job that takes over what an ended one has done, as far as that is whole."""
        done = set(await self.target.done(job_id))
        whole = []
        for name in COMPONENTS:
            if name not in done:
                break
            whole.append(name)
        count = self.random.randint(0, len(whole))
        if not count:
            return await self._submit({})
        info = {"job_id": job_id, "component_list": whole[:count]}
        await self._submit({"inheritance_info": info})
        return "inherit"

    async def _rerun(self, job_id: str) -> str:
        force = self.random.random() < 0.4
        named = self.random.sample(COMPONENTS, self.random.choice((0, 0, 1, 2)))
        await self.target.rerun(job_id, named, force=force)
        return "rerun"
