"""Taking a job: read it, see that its parties are there, check it, plan it, and keep it.

The job, its tasks and its first orders are kept in one transaction, so there is never a job nobody
was asked about.
"""

import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, cast

from coordinator.domain.deployment import Trained, predict_dsl, trained
from coordinator.domain.line import misfits
from coordinator.domain.planned import plan_of
from coordinator.domain.planning import checked_plan, upload_documents
from coordinator.domain.ports import Agents, Clock, Store, Tx
from coordinator.domain.records import Job, JobKind, Submitted, UploadRequest
from coordinator.domain.state import Changes, JobPlan
from coordinator.domain.step import begin, next_due
from federation.errors import (
    InvalidJob,
    PartyNotJoined,
    Problem,
    TableExists,
    TripactError,
)
from federation.spec.conf import CONF
from federation.spec.documents import JsonObject
from federation.spec.ids import model_id, next_job_id
from federation.spec.job import JobSpec, read_job, says_predict
from federation.spec.orders import Reason
from federation.spec.predict_conf import merge_predict_conf
from federation.spec.status import Status


@dataclass(frozen=True, slots=True)
class Posted:
    """Documents of a job, as they are to be read.

    Attributes:
        model: for a prediction, the model it uses.
        upload: for an upload, what was asked for.
    """

    dsl: Mapping[str, Any]
    conf: Mapping[str, Any]
    kind: JobKind = "train"
    model: Trained | None = None
    upload: Mapping[str, Any] | None = None


class Submission:
    """Takes jobs, one after the other or several at once."""

    def __init__(self, store: Store, agents: Agents, clock: Clock) -> None:
        self._store = store
        self._agents = agents
        self._clock = clock
        self._last_id: str | None = None

    def after(self, job_id: str) -> None:
        """Give ids larger than this one."""
        self._last_id = max(self._last_id or "", job_id)

    async def posted(self, dsl: Mapping[str, Any], conf: Mapping[str, Any]) -> Posted:
        """The documents of a submit request; a prediction's are made from its training's.

        Raises:
            ModelNotFound, ModelNotDeployed, Conflict: nothing to predict with.
            InvalidJob: the conf does not fit the training.
        """
        if not says_predict(conf):
            return Posted(dsl, conf)
        model = await self._model(conf)
        stored = predict_dsl(model, self._agents)
        merged = merge_predict_conf(cast(JsonObject, dict(model.train.conf)), dict(conf))
        return Posted(stored, merged, "predict", model)

    async def received(self, upload: UploadRequest, source: AsyncIterator[bytes] | None) -> Posted:
        """The documents of the job that makes a table of a file, once its party has the file.

        Args:
            source: bytes of the file; None where `upload.file` is a path at the agent's machine.

        Raises:
            TableExists: a table of that name is there and `drop` is not set.
        """
        party_id, name = upload.party_id, {"namespace": upload.namespace, "name": upload.name}
        await self._agents.ensure(party_id)
        if not upload.drop:
            found = await self._agents.call(party_id, "table_info", name)
            if found and found.get("exist"):
                raise TableExists(upload.namespace, upload.name)
        file = upload.file
        if source is not None:
            upload_id = secrets.token_hex(16)
            args = {"upload_id": upload_id, "filename": upload.file}
            await self._agents.send_stream(party_id, "receive_upload", args, source)
            file = f"spool:{upload_id}"
        dsl, conf = upload_documents(upload, file)
        asked = asdict(upload) | {"role": upload.role.value}
        return Posted(dsl, conf, "upload", upload=asked)

    async def take(self, posted: Posted) -> Submitted:
        """Check a job and keep it.

        Raises:
            InvalidJob: with every problem.
            PartyNotJoined, PartyNotConnected: a party is not there; the job is kept as failed.
        """
        job_id = self.next_id()
        try:
            job = read_job(posted.dsl, posted.conf)
            record = self._record(job_id, job, posted)
            try:
                await self._gather(record.party_ids)
            except TripactError as error:
                await self._keep_refused(record, error)
                raise
            changes = await self._keep(job, record)
        except TripactError as error:
            error.facts.setdefault("job_id", job_id)
            raise
        self._agents.wake(record.party_ids)
        due_ms = next_due(changes.state)
        if due_ms is not None:
            self._agents.remind(due_ms)
        return Submitted(job_id, record.model_id, record.model_version)

    def next_id(self) -> str:
        """An id for a job or a version of a model, larger than all before."""
        now = datetime.fromtimestamp(self._clock() / 1000)
        self._last_id = next_job_id(now, self._last_id)
        return self._last_id

    def _record(self, job_id: str, job: JobSpec, posted: Posted) -> Job:
        now_ms = self._clock()
        model = posted.model
        return Job(
            job_id=job_id,
            kind=posted.kind,
            dsl=posted.dsl,
            conf=posted.conf,
            roles=job.conf.roles,
            initiator=job.conf.initiator,
            model_id=_model_id(job, model),
            model_version=model.model_version if model else job_id,
            status=Status.WAITING,
            epoch=0,
            progress=0,
            description="",
            created_ms=now_ms,
            updated_ms=now_ms,
            upload=posted.upload,
            train_conf=model.train.conf if model else None,
        )

    async def _gather(self, party_ids: tuple[str, ...]) -> None:
        """See that every party's agent is linked; those that must be started start side by side."""
        away = [party_id for party_id in party_ids if not self._agents.connected(party_id)]
        if len(away) > 1:
            self._agents.wake(away)
        for party_id in away:
            await self._agents.ensure(party_id)

    async def _keep_refused(self, job: Job, error: TripactError) -> None:
        facts = {name: str(value) for name, value in error.facts.items()}
        reason = Reason(code=error.code, message=error.message, facts=facts)
        async with self._store.begin() as tx:
            await tx.jobs.add_refused(
                replace(job, status=Status.FAILED, reason=reason, ended_ms=job.created_ms)
            )

    async def _keep(self, job: JobSpec, record: Job) -> Changes:
        tasks = checked_plan(job, self._agents.catalogue())
        async with self._store.begin() as tx:
            keys = {party_id: await _key(tx, party_id) for party_id in record.party_ids}
            plan, inherited = await plan_of(tx, job, record, tasks)
            self._check_fits(plan)
            changes = begin(record, plan, keys, record.created_ms, inherited.outputs)
            await tx.jobs.add(changes.state, changes.orders)
            await inherited.copy(tx, changes.state)
        return changes

    def _check_fits(self, plan: JobPlan) -> None:
        """See that every party lends enough for the job at all.

        Raises:
            InvalidJob: a sentence for each that does not.
        """
        lent = {party_id: self._agents.capacity(party_id) for party_id in plan.claims}
        if sentences := misfits(plan, lent):
            path = f"{CONF}.job_parameters.task_cores"
            raise InvalidJob([Problem(path, sentence) for sentence in sentences])

    async def _model(self, conf: Mapping[str, Any]) -> Trained:
        home = conf["job_parameters"]
        common = home.get("common") or {}
        given = common if "job_type" in common else home
        names = ("model_id", "model_version")
        missing = [name for name in names if given.get(name) in (None, "")]
        if missing:
            at = f"{CONF}.job_parameters{'.common' if given is not home else ''}"
            raise InvalidJob(
                [Problem(f"{at}.{name}", "is missing: a prediction needs it") for name in missing]
            )
        wanted, version = (str(given[name]) for name in names)
        async with self._store.read() as view:
            return await trained(view, wanted, version)


def _model_id(job: JobSpec, model: Trained | None) -> str:
    if model is not None:
        return model.train.model_id
    return job.conf.job_parameters.model_id or model_id(job.conf.roles)


async def _key(tx: Tx, party_id: str) -> bytes:
    party = await tx.parties.find(party_id)
    if party is None:
        raise PartyNotJoined(party_id)
    return party.public_key
