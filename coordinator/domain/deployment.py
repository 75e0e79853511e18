"""Models that can predict: trainings that ended well, and the versions deployed from them.

A deployed version has a prediction DSL of its own and shares the models of its training, which
stay where they are: at the parties, under the training's version.
Source: FATE-Flow 1.5 and later, model deploy.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from coordinator.domain.ports import Agents, Clock, Store, Tx
from coordinator.domain.records import (
    PREDICTING,
    Deployment,
    Job,
    JobFilter,
    OutputModel,
    Training,
)
from federation.errors import Conflict, InvalidJob, ModelNotDeployed, ModelNotFound, Problem
from federation.spec.conf import read_version
from federation.spec.documents import JsonObject
from federation.spec.findings import Findings
from federation.spec.job import read_job
from federation.spec.party import Party, Role
from federation.spec.predict import check_deployed, deduce, deploy
from federation.spec.predict_conf import conf_template
from federation.spec.status import Status


class NothingToDeploy(Conflict):
    """A model of a DSL 1 job predicts as it is."""

    code = "nothing_to_deploy"

    def __init__(self, model_version: str) -> None:
        super().__init__(
            f"model version {model_version} is of dsl_version 1, which predicts without being "
            "deployed: submit a predict job with it",
            model_version=model_version,
        )


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a component's training, by its number or its name."""

    index: int | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Trained:
    """A version of a model: the training itself, or what was deployed from it."""

    train: Job
    deployed: Deployment | None = None

    @property
    def model_version(self) -> str:
        """The version's name."""
        return self.deployed.model_version if self.deployed else self.train.model_version

    @property
    def dsl_version(self) -> int:
        """Version of the training's documents."""
        return read_version(Findings(), self.train.conf)


class Models:
    """All models of a coordinator."""

    def __init__(
        self, store: Store, agents: Agents, clock: Clock, next_id: Callable[[], str]
    ) -> None:
        self._store = store
        self._agents = agents
        self._clock = clock
        self._next_id = next_id

    async def deploy(
        self,
        model_id: str,
        model_version: str,
        *,
        components: Collection[str] | None = None,
        dsl: JsonObject | None = None,
        steps: Mapping[str, Step] | None = None,
    ) -> Trained:
        """Make a version of a training that predicts.

        Args:
            model_version: of the training, or of what was deployed from it before.
            components: those to keep; all if None.
            dsl: the prediction DSL, if it was written by hand; `components` does not count then.
            steps: of which step of its training a component's model is to be; of the others it is
                the one at the end.

        Raises:
            ModelNotFound, Conflict: no such model, or it can not be deployed.
            InvalidJob: the DSL does not fit the training, or a component kept no such step.
            Unavailable, CallFailed: a party is away, or does not have the step.
        """
        train = (await self.get(model_id, model_version)).train
        if Trained(train).dsl_version == 1:
            raise NothingToDeploy(model_version)
        train_dsl = cast(JsonObject, dict(train.dsl))
        if dsl is None:
            dsl = deploy(train_dsl, components)
        check_deployed(dsl, train_dsl)
        deployment = Deployment(
            model_id=train.model_id,
            model_version=self._next_id(),
            train_version=train.model_version,
            dsl=dsl,
            created_ms=self._clock(),
        )
        kept = await self._checkpoints(train, deployment.model_version, steps or {})
        async with self._store.begin() as tx:
            await tx.models.deploy(deployment)
            for part in kept:
                await tx.tracking.add_outputs((), part, deployment.created_ms)
        return Trained(train, deployment)

    async def _checkpoints(
        self, train: Job, version: str, steps: Mapping[str, Step]
    ) -> list[OutputModel]:
        """Models of a version of its own: each seat takes them from its checkpoints."""
        parts = await self.parts(Trained(train))
        missing = sorted(set(steps) - {part.component for part in parts})
        if missing:
            problems = [
                Problem(f"components_checkpoint.{name}", "this component has no model")
                for name in missing
            ]
            raise InvalidJob(problems)
        made = []
        for part in parts:
            if part.component not in steps:
                continue
            args = {
                "model_id": part.model_id,
                "model_version": part.model_version,
                "role": part.role.value,
                "component": part.component,
                "to": [train.model_id, version],
                "step_index": steps[part.component].index,
                "step_name": steps[part.component].name,
                # An arbiter has no weights, and so nothing that could differ from step to step.
                "or_last": part.role is Role.ARBITER,
            }
            await self._agents.ensure(part.party_id)
            told = await self._agents.call(part.party_id, "use_checkpoint", args)
            made.append(
                replace(
                    part,
                    model_version=version,
                    digest=str(told["digest"]),
                    size_bytes=int(told["size_bytes"]),
                )
            )
        return made

    async def get(self, model_id: str | None, model_version: str) -> Trained:
        """A version of a model; without a model id, the one of that version.

        Raises:
            ModelNotFound: there is none.
            Conflict: its training did not succeed.
        """
        async with self._store.read() as view:
            return await trained(view, model_id, model_version)

    async def predict_dsl(self, model_id: str, model_version: str) -> JsonObject:
        """The DSL a version predicts with.

        Raises:
            ModelNotFound, ModelNotDeployed: there is none.
        """
        found = await self.get(model_id, model_version)
        return predict_dsl(found, self._agents)

    async def predict_conf(self, model_id: str, model_version: str) -> JsonObject:
        """A predict conf of a version to fill in.

        Raises:
            ModelNotFound, ModelNotDeployed: there is none.
        """
        found = await self.get(model_id, model_version)
        dsl = predict_dsl(found, self._agents)
        conf = cast(JsonObject, dict(found.train.conf))
        # Readers are filled in by the DSL that runs; one without any has those of the training.
        readers = dsl if _has_reader(dsl) else cast(JsonObject, dict(found.train.dsl))
        return conf_template(readers, conf, found.train.model_id, found.model_version)

    async def find(
        self, model_id: str | None = None, model_version: str | None = None
    ) -> list[Trained]:
        """Versions of models, newest first; a training before what was deployed from it."""
        async with self._store.read() as view:
            wanted = JobFilter(kind="train", status=(Status.SUCCESS,), model_id=model_id)
            jobs = {job.model_version: job for job in await view.jobs.search(wanted)}
            deployed = await view.models.deployments()
            jobs |= {
                training.model_version: job_of(training)
                for training in await view.models.trainings()
                if model_id in (None, training.model_id)
            }
        found = [Trained(job) for job in jobs.values()]
        found += [Trained(jobs[d.train_version], d) for d in deployed if d.train_version in jobs]
        fitting = [t for t in found if model_version in (None, t.model_version)]
        return sorted(fitting, key=lambda t: t.model_version, reverse=True)

    async def parts(self, model: Trained) -> list[OutputModel]:
        """The models of its components, at each seat."""
        async with self._store.read() as view:
            return await view.tracking.models(model.train.model_id, model.train.model_version)

    async def content(self, model: Trained, seat: Party) -> dict[str, Any]:
        """What a seat's components learned, by component, asked of the party.

        Raises:
            Unavailable, CallFailed: the party is away, or says no.
        """
        learned: dict[str, Any] = {}
        for part in await self.parts(model):
            if (part.role, part.party_id) == (seat.role, seat.party_id):
                args = {
                    "model_id": part.model_id,
                    "model_version": part.model_version,
                    "role": part.role.value,
                    "component": part.component,
                }
                learned[part.component] = await self._agents.call(
                    part.party_id, "output_model", args
                )
        return learned


async def trained(view: Tx, model_id: str | None, model_version: str) -> Trained:
    """A version of a model.

    Raises:
        ModelNotFound: there is none.
        Conflict: its training did not succeed.
    """
    deployed = await view.models.deployment(model_version)
    version = deployed.train_version if deployed else model_version
    job = await _training(view, version)
    if job is None or job.kind != "train" or model_id not in (None, job.model_id):
        raise ModelNotFound(model_id or "", model_version)
    if job.status is not Status.SUCCESS:
        raise Conflict(
            f"the training job {version} is {job.status}; only a successful one can predict",
            model_version=version,
            status=job.status.value,
        )
    return Trained(job, deployed)


async def training_of(view: Tx, job: Job) -> Job:
    """The job whose models a job uses: its own, or, for a prediction, the training's."""
    if job.kind not in PREDICTING:
        return job
    deployed = await view.models.deployment(job.model_version)
    version = deployed.train_version if deployed else job.model_version
    return await _training(view, version) or job


async def _training(view: Tx, version: str) -> Job | None:
    """The job of that id, run here or elsewhere."""
    job = await view.jobs.find(version)
    if job is not None:
        return job
    training = await view.models.training(version)
    return None if training is None else job_of(training)


def job_of(training: Training) -> Job:
    """A training that was not run here, as the job it was."""
    conf = read_job(training.dsl, training.conf).conf
    return Job(
        job_id=training.model_version,
        kind="train",
        dsl=training.dsl,
        conf=training.conf,
        roles=conf.roles,
        initiator=conf.initiator,
        model_id=training.model_id,
        model_version=training.model_version,
        status=Status.SUCCESS,
        epoch=0,
        progress=100,
        description=training.description,
        created_ms=training.created_ms,
        updated_ms=training.ended_ms,
        ended_ms=training.ended_ms,
    )


def predict_dsl(model: Trained, agents: Agents) -> JsonObject:
    """The DSL a version predicts with: the deployed one, or what version 1 says of itself.

    Raises:
        ModelNotDeployed: a training of DSL version 2 does not predict.
    """
    if model.deployed is not None:
        return cast(JsonObject, dict(model.deployed.dsl))
    if model.dsl_version != 1:
        raise ModelNotDeployed(model.model_version)
    return deduce(cast(JsonObject, dict(model.train.dsl)), agents.catalogue())


def _has_reader(dsl: JsonObject) -> bool:
    components = dsl.get("components")
    nodes = components.values() if isinstance(components, dict) else ()
    return any(isinstance(node, dict) and node.get("module") == "Reader" for node in nodes)
