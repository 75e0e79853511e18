"""A coordinator as the driver asks it: by FATE's routes, over HTTP."""

import asyncio
from collections import defaultdict
from random import Random
from typing import Any

import aiohttp

from tests.scheduling.documents import Json

OPEN = ("waiting", "running")
ASK_S = 30.0


class HttpTarget:
    """The routes; what harms it is added by whoever runs it.

    A coordinator that is being started again is asked again: that is what its clients do.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.jobs: dict[str, str] = {}
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def call(self, route: str, body: Json) -> Json:
        """The answer of a route."""
        if self._session is None:
            self._session = aiohttp.ClientSession()
        async with asyncio.timeout(ASK_S):
            while True:
                try:
                    async with self._session.post(f"{self.url}/v1/{route}", json=body) as response:
                        return dict(await response.json())
                except aiohttp.ClientError:
                    await asyncio.sleep(0.01)

    async def ask(self, route: str, body: Json) -> Any:
        """The data of a route that must say yes."""
        answer = await self.call(route, body)
        assert answer["retcode"] == 0, (route, body, answer)
        return answer["data"]

    # --- for the driver --------------------------------------------------------------------------

    async def submit(self, dsl: Json, conf: Json) -> str | None:
        """The id of the job; None if a party was away, or what it takes over is gone by now."""
        answer = await self.call("job/submit", {"job_dsl": dsl, "job_runtime_conf": conf})
        if answer["retcode"] == 0:
            self.jobs[answer["jobId"]] = "waiting"
            return str(answer["jobId"])
        allowed = ("party_not_connected", "job_refused", "invalid_job", "conflict")
        assert answer["data"].get("code") in allowed, answer
        return None

    async def stop(self, job_id: str, status: str) -> None:
        await self.ask("job/stop", {"job_id": job_id, "stop_status": status})
        row = await self._row(job_id)
        assert row["f_status"] not in OPEN, row["f_status"]

    async def rerun(self, job_id: str, components: list[str], *, force: bool) -> None:
        body: Json = {"job_id": job_id, "force": force}
        if components:
            body["component_name"] = components
        await self.call("job/rerun", body)
        self.jobs[job_id] = "waiting"

    async def statuses(self) -> dict[str, str]:
        for job_id, status in list(self.jobs.items()):
            if status in OPEN:
                self.jobs[job_id] = str((await self._row(job_id))["f_status"])
        return dict(self.jobs)

    async def waiting(self) -> dict[str, list[str]]:
        found = await self.ask("tripact/queue/query", {})
        return {
            job["job_id"]: [waiting["what"] for waiting in job["waiting_for"]]
            for job in found["jobs"]
        }

    async def holding(self) -> list[tuple[str, str, int]]:
        found = await self.ask("resource/query", {})
        return [(r["job_id"], r["party_id"], r["core"]) for r in found["use_resource_job"]]

    async def done(self, job_id: str) -> list[str]:
        newest = await self.newest(job_id)
        seats: dict[str, list[str]] = defaultdict(list)
        for row in newest:
            seats[row["f_component_name"]].append(row["f_party_status"])
        return [name for name, found in seats.items() if set(found) == {"success"}]

    async def tell(self, job_id: str) -> str:
        why = await self.ask("tripact/job/why", {"job_id": job_id})
        tasks = [
            [
                row[f"f_{name}"]
                for name in ("component_name", "role", "task_version", "party_status")
            ]
            for row in await self.newest(job_id)
            if row["f_party_status"] in OPEN
        ]
        return f"{why} {tasks}"

    # --- for tests -------------------------------------------------------------------------------

    async def attempts(self, job_id: str) -> list[Json]:
        """All attempts of a job, a row a seat."""
        return list(await self.ask("job/task/query", {"job_id": job_id}))

    async def newest(self, job_id: str) -> list[Json]:
        """The newest attempts."""
        rows = await self.attempts(job_id)
        last: dict[str, int] = defaultdict(int)
        for row in rows:
            name = row["f_component_name"]
            last[name] = max(last[name], row["f_task_version"])
        return [row for row in rows if row["f_task_version"] == last[row["f_component_name"]]]

    async def rows(self, job_id: str) -> list[Json]:
        """The job as each of its seats shows it."""
        return list(await self.ask("job/query", {"job_id": job_id}))

    async def breathe(self, random: Random) -> None:
        await asyncio.sleep(random.choice((0.0, 0.005, 0.02)))

    async def _row(self, job_id: str) -> Json:
        found = await self.ask("job/query", {"job_id": job_id, "role": "guest"})
        return dict(found[0])


async def check_lives(target: HttpTarget, statuses: dict[str, str]) -> None:
    """What must hold once all jobs have ended: all seats say the same, and nothing still runs."""
    for job_id, status in statuses.items():
        rows = await target.rows(job_id)
        assert {row["f_status"] for row in rows} == {status}
        attempts = await target.attempts(job_id)
        assert {row["f_party_status"] for row in attempts} <= {
            "success",
            "failed",
            "canceled",
            "timeout",
        }
        seats = [
            (r["f_component_name"], r["f_task_version"], r["f_role"], r["f_party_id"])
            for r in attempts
        ]
        assert len(seats) == len(set(seats))
