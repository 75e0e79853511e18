"""Other parameters for a job that has ended, to be run again with.

What changes is what components are told; the graph, the parties and what was taken over from
earlier jobs stay. Nothing runs by itself: `Jobs.rerun` starts what did not succeed, and what is
named with `force`.
Source: FATE-Flow 1.7 and later, job parameter update.
"""

from dataclasses import replace
from typing import Any, cast

from coordinator.domain.planned import plan_of
from coordinator.domain.planning import checked_plan
from coordinator.domain.ports import Clock, Tx
from coordinator.domain.records import Job
from coordinator.domain.state import JobPlan
from federation.errors import Conflict, InvalidJob, JobNotEnded, JobNotFound, Problem
from federation.spec.catalogue import Catalogue
from federation.spec.conf import CONF
from federation.spec.conf_update import as_version_1
from federation.spec.documents import JsonObject
from federation.spec.job import JobSpec, read_job
from federation.spec.parameters import merged
from federation.spec.status import ENDED


async def revise(
    tx: Tx, job_id: str, more: JsonObject, catalogue: Catalogue, clock: Clock
) -> tuple[Job, list[str]]:
    """Lay `more` over the conf of a job.

    Args:
        more: `component_parameters` and `job_parameters`, as a conf of DSL version 2 has them;
            a conf of version 1 is given the same in its own form.

    Returns:
        The job with its new conf, and the components that are told something else now.

    Raises:
        JobNotFound, JobNotEnded, Conflict: no such job, it runs, or it never had tasks.
        InvalidJob: it could not run like that.
    """
    job = await tx.jobs.find(job_id)
    if job is None:
        raise JobNotFound(job_id)
    if job.status not in ENDED:
        raise JobNotEnded(job_id, job.status)
    state = await tx.jobs.state(job_id)
    if state is None:
        raise Conflict(f"job {job_id} never had tasks; submit it anew", job_id=job_id)
    before = read_job(job.dsl, job.conf)
    conf = cast(JsonObject, dict(job.conf))
    if before.conf.dsl_version == 1:
        more = as_version_1(conf, more, {r.value: len(ids) for r, ids in job.roles.items()})
    revised = replace(job, conf=merged(conf, more))
    after = read_job(revised.dsl, revised.conf)
    _check_same(before, after)
    plan, _ = await plan_of(tx, after, revised, checked_plan(after, catalogue))
    changed = _changed(state.plan, plan)
    await tx.jobs.revise(state, revised.conf, plan, clock())
    return revised, changed


def _check_same(before: JobSpec, after: JobSpec) -> None:
    """See that the job is still the same job.

    Raises:
        InvalidJob: it would predict another thing, or take over from another job.
    """
    old, new = before.conf.job_parameters, after.conf.job_parameters
    names = ("job_type", "model_id", "model_version", "inheritance")
    problems = [
        Problem(f"{CONF}.job_parameters", f"{name} of a job does not change; submit another job")
        for name in names
        if getattr(old, name) != getattr(new, name)
    ]
    if problems:
        raise InvalidJob(problems)


def _changed(old: JobPlan, new: JobPlan) -> list[str]:
    def told(plan: JobPlan) -> dict[str, list[Any]]:
        return {
            t.component: [(s.seat, dict(s.params), s.tables) for s in t.seats] for t in plan.tasks
        }

    before, after = told(old), told(new)
    return [component for component, now in after.items() if before.get(component) != now]
