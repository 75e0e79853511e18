"""What jobs made: metrics, summaries, parameters, outputs; rows and models are asked of parties."""

from collections.abc import AsyncIterator
from typing import Any

from coordinator.domain.deployment import training_of
from coordinator.domain.inheritance import model_origin
from coordinator.domain.ports import Agents, Store, Tx
from coordinator.domain.records import (
    PREDICTING,
    Job,
    JobEvent,
    MetricSet,
    OutputTable,
    Task,
    TaskFilter,
    Waiting,
)
from federation.errors import ComponentNotFound, JobNotFound, TripactError
from federation.spec.conf import read_version
from federation.spec.dsl import Dsl, read_dsl_into
from federation.spec.findings import Findings
from federation.spec.party import Party, Role
from federation.spec.status import ENDED, Status

_WHY_S = 5.0


class Tracking:
    """Outputs of jobs. Without role or party id, the job's initiator is meant."""

    def __init__(self, store: Store, agents: Agents) -> None:
        self._store = store
        self._agents = agents

    async def task(
        self, job_id: str, component: str, role: Role | None = None, party_id: str | None = None
    ) -> Task:
        """The newest attempt of a component at a seat.

        Raises:
            JobNotFound, ComponentNotFound: no such job, or the component has no task there.
        """
        async with self._store.read() as view:
            if await view.jobs.find(job_id) is None:
                raise JobNotFound(job_id)
            task = await _find_task(view, job_id, role, party_id, component)
        if task is None:
            raise ComponentNotFound(job_id, component)
        return task

    async def metrics(
        self, job_id: str, role: Role | None, party_id: str | None, component: str
    ) -> list[MetricSet]:
        """Metrics of the newest attempt; none is an empty list."""
        async with self._store.read() as view:
            task = await _find_task(view, job_id, role, party_id, component)
            return await view.tracking.metrics(task) if task else []

    async def summary(
        self, job_id: str, role: Role | None, party_id: str | None, component: str
    ) -> dict[str, Any] | None:
        """The summary of the newest attempt, None if it gave none."""
        async with self._store.read() as view:
            task = await _find_task(view, job_id, role, party_id, component)
            return await view.tracking.summary(task) if task else None

    async def parameters(
        self, job_id: str, role: Role | None, party_id: str | None, component: str
    ) -> tuple[str, str, dict[str, Any]]:
        """Module, FATE's parameter class, and all parameters with their defaults.

        Raises:
            JobNotFound, ComponentNotFound: no such task.
        """
        task = await self.task(job_id, component, role, party_id)
        declaration = self._agents.catalogue().get(task.module)
        class_name = declaration.class_name if declaration else f"{task.module}Param"
        return task.module, class_name, dict(task.params)

    async def outputs(
        self, job_id: str, role: Role | None, party_id: str | None, component: str
    ) -> list[OutputTable]:
        """Tables of the newest attempt, in the order of the DSL's outputs; caches are left out."""
        async with self._store.read() as view:
            task = await _find_task(view, job_id, role, party_id, component)
            found = await view.tracking.outputs(task) if task else []
        return [table for table in found if table.kind == "data"]

    async def rows(
        self,
        job_id: str,
        role: Role | None,
        party_id: str | None,
        component: str,
        limit: int = 100,
    ) -> list[tuple[OutputTable, list[str], list[list[str]]]]:
        """Header and first rows of each output table, asked of the party.

        Raises:
            Unavailable, CallFailed: the party is away, or says no.
        """
        result = []
        for table in await self.outputs(job_id, role, party_id, component):
            args = {
                "namespace": table.namespace,
                "name": table.name,
                "limit": limit,
                "offset": 0,
            }
            found = await self._agents.call(table.party_id, "rows", args)
            result.append((table, list(found["header"]), [list(row) for row in found["rows"]]))
        return result

    def csv(
        self, table: OutputTable, *, limit: int = -1, head: bool = True
    ) -> AsyncIterator[bytes]:
        """An output table as CSV, streamed from the party; `limit` -1 means all rows."""
        args = {"namespace": table.namespace, "name": table.name, "limit": limit, "head": head}
        return self._agents.receive_stream(table.party_id, "download_csv", args)

    async def model(
        self, job_id: str, role: Role | None, party_id: str | None, component: str
    ) -> dict[str, Any] | None:
        """The model a component made: {param, meta, module}, asked of the party; None if none.

        Raises:
            Unavailable, CallFailed: the party is away, or says no.
        """
        async with self._store.read() as view:
            job = await view.jobs.find(job_id)
            task = await _find_task(view, job_id, role, party_id, component)
            if job is None or task is None:
                return None
            origin = await model_origin(view, await training_of(view, job), component)
        args = {
            "model_id": origin.model_id,
            "model_version": origin.version,
            "role": task.role.value,
            "component": component,
        }
        found = await self._agents.call(task.party_id, "output_model", args)
        return dict(found) if found else None

    async def ledger(self, job_id: str) -> dict[str, list[dict[str, Any]]]:
        """What left each party, by party id; names and sizes only. Parties away are left out.

        Raises:
            JobNotFound: no such job.
        """
        job = await self._job(job_id)
        result: dict[str, list[dict[str, Any]]] = {}
        for party_id in job.party_ids:
            if self._agents.connected(party_id):
                found = await self._agents.call(party_id, "ledger", {"job_id": job_id})
                result[party_id] = [dict(row) for row in found["rows"]]
        return result

    def log(self, job_id: str, role: Role, party_id: str) -> AsyncIterator[bytes]:
        """The logs of a seat as tar.gz, streamed from the party."""
        args = {"job_id": job_id, "role": role.value}
        return self._agents.receive_stream(party_id, "log", args)

    async def components(self, job_id: str) -> list[str]:
        """Component names in topological order.

        Raises:
            JobNotFound: no such job.
        """
        return list((await self.dsl(job_id)).names)

    async def dsl(self, job_id: str) -> Dsl:
        """What feeds what in a job.

        Raises:
            JobNotFound: no such job.
        """
        job = await self._job(job_id)
        findings = Findings()
        version = read_version(findings, job.conf)
        return read_dsl_into(findings, job.dsl, version, predict=job.kind in PREDICTING)

    async def delete_metrics(
        self, job_id: str, role: Role | None, party_id: str | None, component: str | None
    ) -> int:
        """Forget metrics of all attempts; how many records there were.

        Raises:
            JobNotFound: no such job.
        """
        await self._job(job_id)
        wanted = TaskFilter(job_id=job_id, role=role, party_id=party_id, component=component)
        async with self._store.begin() as tx:
            tasks = await tx.jobs.tasks(wanted)
            return sum([await tx.tracking.delete_metrics(task) for task in tasks])

    async def course(self, job_id: str) -> list[JobEvent]:
        """What happened to a job, oldest first.

        Raises:
            JobNotFound: no such job.
        """
        await self._job(job_id)
        async with self._store.read() as view:
            return await view.jobs.events(job_id)

    async def why(self, job_id: str) -> list[Waiting]:
        """What an unfinished job waits for, with what its running tasks tell.

        Raises:
            JobNotFound: no such job.
        """
        job = await self._job(job_id)
        found = list(job.waiting_for)
        if job.status in ENDED:
            return found
        running = TaskFilter(job_id=job_id, latest=True, party_status=(Status.RUNNING,))
        async with self._store.read() as view:
            tasks = await view.jobs.tasks(running)
        for party_id in dict.fromkeys(task.party_id for task in tasks):
            found += await self._tells(party_id, job_id)
        return found

    async def _job(self, job_id: str) -> Job:
        async with self._store.read() as view:
            job = await view.jobs.find(job_id)
        if job is None:
            raise JobNotFound(job_id)
        return job

    async def _tells(self, party_id: str, job_id: str) -> list[Waiting]:
        """What a party says its tasks wait for; nothing if it can not say."""
        if not self._agents.connected(party_id):
            return []
        try:
            told = await self._agents.call(
                party_id, "waiting", {"job_id": job_id}, timeout_s=_WHY_S
            )
        except TripactError:
            return []
        lines = told if isinstance(told, list) else []
        return [Waiting(party_id, _sentence(line), "task") for line in lines]


async def _find_task(
    view: Tx, job_id: str, role: Role | None, party_id: str | None, component: str
) -> Task | None:
    """The newest attempt at a seat; what is not said is the initiator's, if that fits."""
    if role is None or party_id is None:
        job = await view.jobs.find(job_id)
        if job is None:
            return None
        seat = _seat(job, role, party_id)
        role, party_id = seat.role, seat.party_id
    found = await view.jobs.tasks(
        TaskFilter(job_id=job_id, component=component, role=role, party_id=party_id, latest=True)
    )
    return found[0] if found else None


def _seat(job: Job, role: Role | None, party_id: str | None) -> Party:
    fitting = [
        seat
        for seat in (job.initiator, *job.seats)
        if role in (None, seat.role) and party_id in (None, seat.party_id)
    ]
    return fitting[0] if fitting else Party(role or job.initiator.role, party_id or "")


def _sentence(line: object) -> str:
    return str(line.get("what", line)) if isinstance(line, dict) else str(line)
