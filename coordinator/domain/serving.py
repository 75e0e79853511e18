"""Models that answer online: loaded as jobs that run until they are stopped, bound to names.

Loading submits a serving job: the parties' agents start one process each, which keeps the model and
a channel to the others. Binding gives it a name at the guest's agent, under which applications ask
that agent. The coordinator carries ciphertext between the agents and keeps which name is whose.
"""

from dataclasses import dataclass
from typing import Any

from coordinator.domain.deployment import Models, Trained, predict_dsl
from coordinator.domain.jobs import Jobs
from coordinator.domain.online import served
from coordinator.domain.ports import Agents, Clock, Store
from coordinator.domain.records import Job, JobFilter, Service
from coordinator.domain.submission import Posted
from federation.errors import ModelNotLoaded, ServiceNotBound, TripactError, Unavailable
from federation.spec.documents import JsonObject
from federation.spec.party import GUEST
from federation.spec.status import ENDED, Status

LOAD_S = 60.0
ANSWER_S = 40.0

_OPEN = (Status.WAITING, Status.RUNNING)


class LoadFailed(Unavailable):
    """A model could not be loaded at some party."""

    code = "load_failed"

    def __init__(self, model_version: str, job_id: str, why: str) -> None:
        super().__init__(
            f"model version {model_version} could not be loaded: {why}",
            model_version=model_version,
            job_id=job_id,
        )


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model in memory at its parties, and the job that keeps it there."""

    model: Trained
    job: Job


class Serving:
    """All models that are loaded, and all services that are bound."""

    def __init__(
        self, store: Store, agents: Agents, clock: Clock, jobs: Jobs, models: Models
    ) -> None:
        self._store = store
        self._agents = agents
        self._clock = clock
        self._jobs = jobs
        self._models = models

    async def load(
        self,
        model_id: str | None,
        model_version: str,
        over: JsonObject | None = None,
        *,
        wait_s: float = LOAD_S,
    ) -> Loaded:
        """Have the parties keep a model in memory, and wait until it can answer.

        A version that is loaded stays loaded as it is, unless `over` says something new.

        Args:
            over: `component_parameters` over those of the training, such as the table a host
                looks features up in.

        Raises:
            ModelNotFound, ModelNotDeployed, NothingToServe: it can not predict.
            InvalidJob, JobRefused, LoadFailed: a party does not serve it; says which and why.
        """
        model = await self._models.get(model_id, model_version)
        dsl = predict_dsl(model, self._agents)
        now = await self.find_loaded(model.model_version)
        if now is not None and not over:
            return Loaded(model, now)
        documents = served(model, dsl, over or {}, self._agents.catalogue())
        posted = Posted(documents.dsl, documents.conf, "serve", model)
        submitted = await self._jobs.submit_posted(posted)
        job = await self._ready(model, submitted.job_id, wait_s)
        if now is not None:
            await self._jobs.stop(now.job_id)
        return Loaded(model, job)

    async def bind(self, service_id: str, model_id: str | None, model_version: str) -> Service:
        """Let a loaded model answer under a name; what answered before is unloaded if unbound.

        Raises:
            ModelNotFound, ModelNotLoaded: no such model, or it is not loaded.
            PartyNotConnected: the guest's agent is away.
        """
        model = await self._models.get(model_id, model_version)
        job = await self.find_loaded(model.model_version)
        if job is None:
            raise ModelNotLoaded(model_version)
        party_id = job.roles[GUEST][0]
        service = Service(
            service_id, model.train.model_id, model.model_version, party_id, self._clock()
        )
        args = {
            "service_id": service_id,
            "model_id": service.model_id,
            "model_version": service.model_version,
        }
        await self._agents.call(party_id, "serving_bind", args)
        async with self._store.begin() as tx:
            before = await tx.models.service(service_id)
            await tx.models.bind(service)
            left = await tx.models.services(before.model_version) if before else []
        if before and before.model_version != service.model_version and not left:
            await self._unload(before.model_version)
        return service

    async def infer(self, service_id: str, body: object, *, batch: bool) -> Any:
        """Ask the guest's agent in the words of FATE-Serving, where that party allows it.

        Raises:
            ServiceNotBound, PartyNotConnected, CallFailed: nobody answers, or the party says no.
        """
        async with self._store.read() as view:
            service = await view.models.service(service_id)
        if service is None:
            raise ServiceNotBound(service_id)
        args = {"body": body, "batch": batch}
        return await self._agents.call(service.party_id, "infer", args, timeout_s=ANSWER_S)

    async def find_loaded(self, model_version: str) -> Job | None:
        """The job that serves a version now."""
        return next((job for job in await self._all(model_version) if job.status in _OPEN), None)

    async def times_loaded(self, model_version: str) -> int:
        """How often a version was loaded."""
        return len(await self._all(model_version))

    async def _all(self, model_version: str) -> list[Job]:
        wanted = JobFilter(kind="serve", model_version=model_version)
        async with self._store.read() as view:
            return await view.jobs.search(wanted)

    async def _unload(self, model_version: str) -> None:
        job = await self.find_loaded(model_version)
        if job is not None:
            await self._jobs.stop(job.job_id)

    async def _ready(self, model: Trained, job_id: str, wait_s: float) -> Job:
        """The job once its model can answer; a job that can not is stopped.

        Raises:
            LoadFailed: with the first thing that went wrong.
        """
        try:
            job = await self._running(job_id, wait_s)
            if job is not None:
                args = {"model_version": model.model_version, "timeout_s": wait_s}
                await self._agents.call(
                    job.roles[GUEST][0], "serving_ready", args, timeout_s=wait_s
                )
                return job
            why = await self._failure(job_id)
        except TripactError as error:
            why = await self._failure(job_id) or error.message
        await self._jobs.stop(job_id)
        late = f"it was not ready within {wait_s:g} s; flow-client job why {job_id}"
        raise LoadFailed(model.model_version, job_id, why or late)

    async def _running(self, job_id: str, wait_s: float) -> Job | None:
        """The job once all its tasks run; None if one failed, or it took too long."""
        until_ms, seen = self._clock() + wait_s * 1000, 0
        while True:
            async with self._store.read() as view:
                state = await view.jobs.state(job_id)
            if state and all(t.party_status is Status.RUNNING for t in state.tasks.values()):
                return state.job
            left_s = (until_ms - self._clock()) / 1000
            if left_s <= 0 or await self._failure(job_id):
                return None
            seen = await self._store.await_event(job_id, seen, left_s)

    async def _failure(self, job_id: str) -> str:
        """Why the first task of the job failed, or why it ended; nothing if all is well."""
        async with self._store.read() as view:
            events = await view.jobs.events(job_id)
        ends = [event for event in events if event.facts.get("status") in ENDED]
        return str(ends[0].facts.get("reason") or "its job was stopped") if ends else ""
