"""The plan of a job with what it takes from earlier ones: tables, models, finished components."""

from coordinator.domain.deployment import training_of
from coordinator.domain.inheritance import Inherited, inherit, model_origin
from coordinator.domain.planning import Tables, foreign_tables, job_plan
from coordinator.domain.ports import Tx
from coordinator.domain.privileges import check_permitted
from coordinator.domain.records import PREDICTING, Job
from coordinator.domain.state import JobPlan
from federation.errors import InvalidJob, Problem
from federation.spec import plan as spec
from federation.spec.conf import CONF
from federation.spec.job import JobSpec, read_job
from federation.spec.orders import TableName
from federation.spec.party import Party
from federation.spec.plan import OutputRef


async def plan_of(tx: Tx, job: JobSpec, record: Job, tasks: spec.Plan) -> tuple[JobPlan, Inherited]:
    """What the steps of a job follow, and what it takes over.

    Args:
        job: the documents of `record`, read.

    Raises:
        InvalidJob: an earlier job did not make what this one needs, or a table is disabled.
        NotPrivileged, NotYourParty: its initiator may not have such a job.
    """
    tables = await _tables(tx, foreign_tables(tasks))
    inherited = await inherit(tx, job, record.roles)
    models = {name: (found.model_id, found.version) for name, found in inherited.models()}
    if record.kind in PREDICTING:
        models |= await _models_of(tx, await training_of(tx, record), record.model_version)
    plan = job_plan(
        record.job_id, job, tasks, models, tables=tables, posted=[record.dsl, record.conf]
    )
    await check_permitted(tx, record, plan)
    return plan, inherited


async def _tables(tx: Tx, wanted: list[tuple[OutputRef, Party]]) -> Tables:
    found: dict[tuple[OutputRef, Party], TableName] = {}
    problems = []
    for output, seat in wanted:
        state = await tx.jobs.state(output.job_id)
        made = state.outputs.get((output.component, seat), {}) if state else {}
        if output.output in made:
            found[output, seat] = made[output.output]
        else:
            what = f"{output.component}.{output.output} of job {output.job_id}"
            problems.append(Problem(CONF, f"{what} is no table that {seat} has"))
    if problems:
        raise InvalidJob(problems)
    return found


async def _models_of(tx: Tx, train: Job, version: str) -> dict[str, tuple[str, str]]:
    """Where the models of a training job are: with it, or with the job it took them over from.

    A version that was deployed with checkpoints has those of its own.
    """
    models = {"": (train.model_id, train.model_version)}
    job = read_job(train.dsl, train.conf)
    for name in job.dsl.names:
        origin = await model_origin(tx, train, name)
        models[name] = (origin.model_id, origin.version)
    if version != train.model_version:
        for own in await tx.tracking.models(train.model_id, version):
            models[own.component] = (own.model_id, own.model_version)
    return models
