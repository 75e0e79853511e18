"""Taking over components of an earlier job: marked as done at once, with what they made there.

Such components must be the same in both jobs, at the same seats, with nothing of theirs coming
from outside of them, and successful there.
Source: FATE-Flow 1.x, inheritance_info.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from coordinator.domain.ports import Tx
from coordinator.domain.records import Job, Task
from coordinator.domain.state import JobState, SeatKey
from federation.errors import InvalidJob, Problem
from federation.spec.conf import CONF
from federation.spec.dag import inheritance_problems
from federation.spec.job import JobSpec, read_job
from federation.spec.orders import Metric, TableName
from federation.spec.party import Role
from federation.spec.status import DONE_WELL

_PATH = f"{CONF}.job_parameters.inheritance_info"


@dataclass(frozen=True, slots=True)
class ModelOrigin:
    """The training job a component's model is stored under."""

    model_id: str
    version: str


@dataclass(frozen=True, slots=True)
class Inherited:
    """What a job takes over; nothing, for most.

    Attributes:
        outputs: tables of the components taken over, by component and seat.
        tasks: the attempts that made them.
    """

    outputs: Mapping[SeatKey, Mapping[str, TableName]] = field(default_factory=dict)
    tasks: Mapping[SeatKey, Task] = field(default_factory=dict)
    origins: Mapping[str, ModelOrigin] = field(default_factory=dict)

    def models(self) -> Iterator[tuple[str, ModelOrigin]]:
        """Where models of the components taken over are."""
        yield from self.origins.items()

    async def copy(self, tx: Tx, state: JobState) -> None:
        """Show metrics, summaries and outputs of what was taken over under the new job as well."""
        for key, old in self.tasks.items():
            new = state.tasks[key]
            metrics = [
                Metric(
                    namespace=m.namespace,
                    name=m.name,
                    metric_type=m.metric_type,
                    data=m.data,
                    meta=dict(m.meta),
                )
                for m in await tx.tracking.metrics(old)
            ]
            await tx.tracking.add_metrics(new, metrics, new.created_ms)
            summary = await tx.tracking.summary(old)
            if summary is not None:
                await tx.tracking.set_summary(new, summary)
            tables = [
                replace(table, job_id=new.job_id, task_id=new.task_id, version=new.version)
                for table in await tx.tracking.outputs(old)
            ]
            await tx.tracking.add_outputs(tables, None, new.created_ms)


async def inherit(tx: Tx, job: JobSpec, roles: Mapping[Role, tuple[str, ...]]) -> Inherited:
    """What a job takes over from the one its conf names.

    Raises:
        InvalidJob: it can not be taken over.
    """
    wanted = job.conf.job_parameters.inheritance
    if wanted is None:
        return Inherited()
    old = await tx.jobs.state(wanted.job_id)
    if old is None:
        raise InvalidJob([Problem(f"{_PATH}.job_id", f"there is no job {wanted.job_id}")])
    earlier = read_job(old.job.dsl, old.job.conf)
    problems = inheritance_problems(job.dsl, earlier.dsl, wanted.components)
    if dict(old.job.roles) != dict(roles):
        problems.append(Problem(f"{_PATH}.job_id", "that job has other parties"))
    for name in wanted.components:
        if name in earlier.dsl.names and not _succeeded(old, name):
            problems.append(Problem(f"{_PATH}.component_list", f"{name} did not succeed there"))
    if problems:
        raise InvalidJob(problems)
    taken = {key: task for key, task in old.tasks.items() if key[0] in wanted.components}
    return Inherited(
        outputs={key: old.outputs.get(key, {}) for key in taken},
        tasks=taken,
        origins={name: await model_origin(tx, old.job, name) for name in wanted.components},
    )


async def model_origin(tx: Tx, job: Job, component: str) -> ModelOrigin:
    """The job a component's model is stored under: its own, or the one it was taken over from."""
    while True:
        wanted = read_job(job.dsl, job.conf).conf.job_parameters.inheritance
        if wanted is None or component not in wanted.components:
            return ModelOrigin(job.model_id, job.model_version)
        earlier = await tx.jobs.find(wanted.job_id)
        if earlier is None:
            return ModelOrigin(job.model_id, wanted.job_id)
        job = earlier


def _succeeded(state: JobState, component: str) -> bool:
    tasks = [task for (name, _), task in state.tasks.items() if name == component]
    return bool(tasks) and all(task.party_status in DONE_WELL for task in tasks)
