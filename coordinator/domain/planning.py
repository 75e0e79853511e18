"""From a job that was read to the plan its steps follow: pure, so that it can be tried alone."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from coordinator.domain.records import UploadRequest
from coordinator.domain.state import JobPlan, PlannedSeat, PlannedTask, Source
from federation.errors import InvalidJob
from federation.spec import plan as spec
from federation.spec.catalogue import Catalogue
from federation.spec.check import check
from federation.spec.dsl import SERVING, PortRef
from federation.spec.ids import task_id
from federation.spec.job import JobSpec
from federation.spec.job_parameters import JobParameters
from federation.spec.orders import TableName
from federation.spec.party import Party, Role

UPLOAD = "upload_0"
_UPLOAD_OUTPUT = "upload"

Tables = Mapping[tuple[spec.OutputRef, Party], TableName]
"""Tables that other jobs made, found for the Readers that name them by what made them."""


def checked_plan(job: JobSpec, catalogue: Catalogue) -> spec.Plan:
    """The tasks of a job, if nothing is wrong with it.

    Raises:
        InvalidJob: all problems at once.
    """
    if problems := check(job, catalogue):
        raise InvalidJob(problems)
    return spec.plan(job, catalogue)


def foreign_tables(plan: spec.Plan) -> list[tuple[spec.OutputRef, Party]]:
    """What the job's Readers take from other jobs."""
    return [(t.table, t.seat) for t in plan.tasks if isinstance(t.table, spec.OutputRef)]


def job_plan(
    job_id: str,
    job: JobSpec,
    tasks: spec.Plan,
    stored_models: Mapping[str, tuple[str, str]],
    *,
    tables: Tables,
    posted: object,
) -> JobPlan:
    """What the steps of a job follow.

    Args:
        stored_models: model id and version of components whose models an earlier job made; ""
            stands for every component.
        tables: where the tables of `foreign_tables` are.
        posted: the documents that parties agree to, as they were posted.
    """
    parameters = job.conf.job_parameters
    limits_ms = {
        name: round(limit_s * 1000) for name, limit_s in parameters.task_timeouts_s.items()
    }
    planner = _Planner(job_id, tasks, stored_models, tables, limits_ms)
    return JobPlan(
        tasks=planner.tasks(),
        digest=digest_of(job_id, posted),
        cores=_cores(parameters),
        claims=_claims(job),
        parallelism=parameters.task_parallelism,
        auto_retries=parameters.auto_retries,
        retry_delay_ms=round(parameters.auto_retry_delay_s * 1000),
        timeout_ms=round(parameters.timeout_s * 1000),
    )


def _cores(parameters: JobParameters) -> int:
    """Cores of one task at one seat: no more than the parts its work may be split into."""
    return min(parameters.task_cores, parameters.computing_partitions or parameters.task_cores)


def _claims(job: JobSpec) -> dict[str, int]:
    """Cores a job needs at each party: of all its seats but arbiters', as FATE counts.

    A model that is served waits most of the time, and for as long as it likes: it claims none.
    """
    if any(node.module == SERVING for node in job.dsl.components):
        return {}
    claims = dict.fromkeys((seat.party_id for seat in job.conf.seats), 0)
    for seat in job.conf.seats:
        if seat.role is not Role.ARBITER:
            cores = _cores(job.conf.job_parameters_at(seat))
            claims[seat.party_id] += cores * job.conf.job_parameters.task_parallelism
    return claims


def digest_of(job_id: str, posted: object) -> bytes:
    """SHA-256 of what the parties of a job agree to."""
    text = json.dumps([job_id, posted], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).digest()


def upload_documents(upload: UploadRequest, file: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """DSL and conf of the job that makes a table of a file at a party."""
    params = {
        **upload.params,
        "file": file,
        "namespace": upload.namespace,
        "table_name": upload.name,
        "drop": upload.drop,
    }
    component = {"module": "Upload", "output": {"data": [_UPLOAD_OUTPUT]}}
    conf = {
        "dsl_version": 2,
        "initiator": {"role": upload.role.value, "party_id": upload.party_id},
        "role": {upload.role.value: [upload.party_id]},
        "job_parameters": {"common": {"job_type": "train", "task_cores": 1}},
        "component_parameters": {"role": {upload.role.value: {"0": {UPLOAD: params}}}},
    }
    return {"components": {UPLOAD: component}}, conf


class _Planner:
    def __init__(
        self,
        job_id: str,
        plan: spec.Plan,
        stored_models: Mapping[str, tuple[str, str]],
        tables: Tables,
        timeouts_ms: Mapping[str, int],
    ) -> None:
        self.job_id = job_id
        self.timeouts_ms = timeouts_ms
        self.plan = plan
        self.stored_models = stored_models
        self.found = tables

    def tasks(self) -> tuple[PlannedTask, ...]:
        components = dict.fromkeys(task.component for task in self.plan.tasks)
        return tuple(self._task(self.plan.of(component)) for component in components)

    def _task(self, shares: tuple[spec.PlannedTask, ...]) -> PlannedTask:
        one = shares[0]
        planned = {task.component for task in self.plan.tasks}
        return PlannedTask(
            component=one.component,
            module=one.module,
            task_id=task_id(self.job_id, one.component),
            seats=tuple(self._seat(share) for share in shares),
            depends=tuple(sorted(one.depends & planned)),
            data_outputs=one.outputs.data,
            model_outputs=one.outputs.model,
            cache_outputs=one.outputs.cache,
            timeout_ms=self.timeouts_ms.get(one.component),
        )

    def _seat(self, share: spec.PlannedTask) -> PlannedSeat:
        params, tables = self._tables(share)
        slots = sorted(share.slots - {"model", "isometric_model", "cache"})
        return PlannedSeat(
            role=share.seat.role,
            party_id=share.seat.party_id,
            index=share.index,
            params=params,
            tables=tables,
            data={slot: self._sources(share.data.get(slot, ())) for slot in slots},
            model=self._sources(share.model),
            isometric_model=self._sources(share.isometric_model),
            cache=self._sources(share.cache),
        )

    def _tables(self, share: spec.PlannedTask) -> tuple[dict[str, Any], tuple[TableName, ...]]:
        params: dict[str, Any] = dict(share.params)
        match share.table:
            case spec.TableRef(namespace, name):
                return params, (TableName(namespace=namespace, name=name),)
            case spec.OutputRef() as wanted:
                table = self.found[wanted, share.seat]
                for name in ("job_id", "component_name", "data_name"):
                    params.pop(name, None)
                params["table"] = {"namespace": table.namespace, "name": table.name}
                return params, (table,)
        return params, ()

    def _sources(self, refs: Iterable[PortRef]) -> tuple[Source, ...]:
        return tuple(self._source(ref) for ref in refs)

    def _source(self, ref: PortRef) -> Source:
        stored = self.stored_models.get(ref.component)
        if ref.stored and stored is None:
            stored = self.stored_models.get("")
        return Source(ref.component, ref.output, *(stored or ("", "")))
