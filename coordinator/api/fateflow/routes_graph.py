"""Jobs as wholes: `/v1/pipeline/dag/dependency`, data views, reports, the DSL generator."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from aiohttp import web

from coordinator.api.dialect import Route
from coordinator.api.fateflow.documents import document_of, document_or_file, http_no, names_of
from coordinator.api.fateflow.filters import seats_shown
from coordinator.api.fateflow.rows import roles_shown
from coordinator.api.keys import JOBS, TRACKING
from coordinator.domain.records import Job, JobFilter, Task, TaskFilter
from federation.errors import InvalidJob, NotFound
from federation.fateflow.envelope import Retcode, reply
from federation.fateflow.reading import (
    MissingArguments,
    WrongArgument,
    number_of,
    read_body,
    require,
    text_of,
)
from federation.fateflow.seats import party_of, role_of
from federation.spec.dag import dag_dependency, depths
from federation.spec.dsl import PortKind
from federation.spec.job import read_job
from federation.spec.party import Party, shown_party_id
from federation.spec.predict import deploy

HTTP_NOTHING_TO_SEND = 210
DIGITS_OF_DAY = 8


async def data_view(request: web.Request) -> web.Response:
    """Which tables a job reads where, and who takes part."""
    body = await read_body(request)
    try:
        job = await request.app[JOBS].get(text_of(body, "job_id"))
    except NotFound:
        return reply(retcode=Retcode.ARGUMENT_ERROR, retmsg="error")
    seat = _seat(job, body)
    tasks = await _tasks(request, job)
    # Who did not start the job sees its own tables, and nobody else's.
    shown = job.seats if seat == job.initiator else (seat,)
    dataset: dict[str, dict[str, dict[str, str]]] = {}
    for one in shown:
        tables = dict(_tables_read(tasks, one))
        dataset.setdefault(one.role.value, {})[one.party_id] = tables
    partner = {
        role: [party for party in ids if (role, str(party)) != (seat.role.value, seat.party_id)]
        for role, ids in roles_shown(job.roles).items()
    }
    own = {seat.role.value: [shown_party_id(seat.party_id)]}
    return reply(
        {
            "dataset": dataset,
            "partner": {role: ids for role, ids in partner.items() if ids},
            "roles": roles_shown(job.roles) if seat == job.initiator else own,
            "model_summary": {},
        }
    )


async def dependency(request: web.Request) -> web.Response:
    """What feeds what; of a job, or of documents that were not posted yet."""
    body = await read_body(request)
    if not body.get("job_id"):
        if not isinstance(body.get("job_dsl"), dict):
            raise MissingArguments(["job_id"])
        conf = body.get("job_runtime_conf") or body.get("job_train_runtime_conf")
        return reply(dag_dependency(read_job(body["job_dsl"], conf).dsl))
    job = await request.app[JOBS].get(text_of(body, "job_id"))
    seat = _seat(job, body)
    need_run = {
        task.component: bool(task.params.get("need_run", True))
        for task in await _tasks(request, job)
        if task.seat == seat
    }
    return reply(dag_dependency(await request.app[TRACKING].dsl(job.job_id), need_run))


async def report(request: web.Request) -> web.Response:
    """When each component of a seat ran, and how deep in the graph it stands."""
    body = await read_body(request)
    job = await request.app[JOBS].get(text_of(body, "job_id"))
    seat, depth = _seat(job, body), depths(await request.app[TRACKING].dsl(job.job_id))
    return reply(
        [
            {
                "component_name": task.component,
                "start_time": task.started_ms,
                "end_time": task.ended_ms,
                "elapsed": task.elapsed_ms,
                "status": task.party_status.value,
                "index": depth.get(task.component, 0),
            }
            for task in await _tasks(request, job)
            if task.seat == seat
        ]
    )


async def tables_of_job(request: web.Request) -> web.Response:
    """Tables that went into and came out of each component at a seat."""
    body = await read_body(request)
    job = await request.app[JOBS].get(text_of(body, "job_id"))
    require(body, "role", "party_id")
    seat, tracking = _seat(job, body), request.app[TRACKING]
    dsl = await tracking.dsl(job.job_id)
    made = {
        (name, table.output): {"namespace": table.namespace, "name": table.name}
        for name in dsl.names
        for table in await tracking.outputs(job.job_id, seat.role, seat.party_id, name)
    }
    shown: dict[str, Any] = {}
    for node in dsl.components:
        taken: dict[str, list[dict[str, str]]] = {}
        for slot, _, ref in node.inputs():
            if ref.kind is PortKind.DATA and (ref.component, ref.output) in made:
                taken.setdefault(slot, []).append(made[ref.component, ref.output])
        given = {output: table for (name, output), table in made.items() if name == node.name}
        shown[node.name] = {"input": taken, "output": given}
    return reply(shown)


async def delete_metrics(request: web.Request) -> web.Response:
    """Forget the metrics of a job, or of one of its components or seats, or of a day's jobs."""
    body = await read_body(request)
    component = None if not body.get("component_name") else text_of(body, "component_name")
    if body.get("job_id"):
        job_ids = [text_of(body, "job_id")]
    else:
        job_ids = await _jobs_of_day(request, _day(body))
    gone = 0
    for job_id in job_ids:
        # fate_test asks this of a deployed version, which is no job: there is nothing to forget.
        with suppress(NotFound):
            gone += await request.app[TRACKING].delete_metrics(
                job_id, role_of(body), party_of(body), component
            )
    return reply(f"delete {gone} records of metrics")


async def generate_dsl(request: web.Request) -> web.Response:
    """A prediction DSL out of a training DSL and the components to keep."""
    body = await read_body(request)
    kept, train_dsl = names_of(body, "cpn_str"), document_of(body, "train_dsl")
    if kept is None or train_dsl is None:
        raise MissingArguments(
            [name for name, got in (("cpn_str", kept), ("train_dsl", train_dsl)) if not got]
        )
    version = number_of(body, "version", 2)
    if version not in (1, 2):
        raise WrongArgument("version is 1 or 2")
    try:
        return document_or_file(body, deploy(train_dsl, kept, version))
    except InvalidJob as error:
        return http_no(HTTP_NOTHING_TO_SEND, error.message)


def _day(body: dict[str, Any]) -> str:
    """The day a body names: in `date`, or in `model`, as `flow` sends it.

    Raises:
        MissingArguments: neither a job nor a day is named.
        WrongArgument: no day in eight digits.
    """
    name = "date" if body.get("date") else "model"
    if not body.get(name):
        raise MissingArguments(["job_id"])
    day = text_of(body, name)
    if not (len(day) == DIGITS_OF_DAY and day.isascii() and day.isdigit()):
        raise WrongArgument("a date is 8 digits, YYYYMMDD")
    return day


async def _jobs_of_day(request: web.Request, day: str) -> list[str]:
    """Jobs whose ids, which begin with the time they were taken, begin with a day."""
    jobs, _ = await request.app[JOBS].jobs_page(JobFilter(job_id_has=day), 0)
    return [job.job_id for job in jobs if job.job_id.startswith(day)]


async def _tasks(request: web.Request, job: Job) -> list[Task]:
    return await request.app[JOBS].tasks(TaskFilter(job_id=job.job_id, latest=True))


def _seat(job: Job, body: dict[str, Any]) -> Party:
    """The seat that asks; the initiator where nothing else is said.

    Raises:
        WrongArgument: nobody sits there.
    """
    role, party_id = role_of(body), party_of(body)
    if (role, party_id) == (None, None):
        return job.initiator
    seats = seats_shown(job, role, party_id)
    if not seats:
        raise WrongArgument(f"job {job.job_id} has no such seat")
    return job.initiator if job.initiator in seats else seats[0]


def _tables_read(tasks: list[Task], seat: Party) -> Iterator[tuple[str, str]]:
    for task in tasks:
        table = task.params.get("table")
        if task.seat == seat and isinstance(table, dict):
            yield task.component, f"{table.get('namespace')}.{table.get('name')}"


_JOB = {"job_id*": "text"}
_SEAT = {"role": "guest | host | arbiter | local", "party_id": "number or text"}

ROUTES = (
    Route("tracking/job/data_view", data_view, "Tables and parties of a job", {**_JOB, **_SEAT}),
    Route(
        "tracking/component/metric/delete",
        delete_metrics,
        "Forget metrics",
        {"job_id": "text", "date": "YYYYMMDD", **_SEAT, "component_name": "text"},
    ),
    Route(
        "pipeline/dag/dependency",
        dependency,
        "What feeds what",
        {"job_id": "text", **_SEAT, "job_dsl": "object", "job_runtime_conf": "object"},
    ),
    Route("job/report", report, "When each component ran", {**_JOB, **_SEAT}),
    Route(
        "job/dsl/generate",
        generate_dsl,
        "A prediction DSL out of a training DSL",
        {
            "cpn_str*": "names",
            "train_dsl*": "text of an object",
            "version": "number or text, 1 or 2",
            "filename": "text",
        },
    ),
    Route("table/list", tables_of_job, "Tables of a job by component", {**_JOB, **_SEAT}),
)
