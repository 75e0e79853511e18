"""`/v1/job/...`: submit, stop, query, rerun, notes, lists."""

from typing import Any

from aiohttp import web

from coordinator.api.dialect import Route
from coordinator.api.fateflow.documents import document_of
from coordinator.api.fateflow.filters import (
    job_filter,
    matches,
    page_filter,
    seats_shown,
    task_filter,
)
from coordinator.api.fateflow.rows import (
    job_row,
    listed_job,
    listed_task,
    sentence_of,
    task_row,
    waiting_row,
)
from coordinator.api.keys import BOARD, JOBS, OLD_LISTS, PUBLIC_URL, TRACKING
from coordinator.domain.records import KINDS, Job, JobFilter, Submitted, Task, TaskFilter
from federation.errors import NotFound, TripactError
from federation.fateflow.envelope import SUCCESS, Retcode, reply
from federation.fateflow.reading import (
    MissingArguments,
    WrongArgument,
    flag_of,
    number_of,
    read_body,
    require,
    text_of,
)
from federation.fateflow.seats import party_of, role_of
from federation.spec.documents import JsonObject
from federation.spec.party import Party
from federation.spec.status import ENDED, Status

MOST_PAGED = 1_000_000
MOST_ASKED_ALONE = 20
"""So many jobs are looked up one by one; for more, all are read at once."""


def submitted(request: web.Request, job: Submitted, seat: Party, **more: str) -> web.Response:
    """The answer to a job that was taken."""
    return reply(
        {
            **more,
            "job_id": job.job_id,
            "model_info": {"model_id": job.model_id, "model_version": job.model_version},
            "board_url": board_url(request, job.job_id, seat.role.value, seat.party_id),
            "logs_directory": "",
            "code": 0,
            "message": SUCCESS,
        },
        job_id=job.job_id,
    )


def board_url(request: web.Request, job_id: str, role: str, party_id: str) -> str:
    """Where a seat of a job can be watched."""
    board = request.app.get(BOARD, "")
    place = f"{f'http://{board}' if board else request.app[PUBLIC_URL]}/index.html#/dashboard"
    return f"{place}?job_id={job_id}&role={role}&party_id={party_id}"


async def submit(request: web.Request) -> web.Response:
    """Take a job."""
    try:
        body = await read_body(request, strict=True)
        conf = _first(body, "job_runtime_conf", "runtime_conf")
        if conf is None:
            raise MissingArguments(["job_runtime_conf"])
        taken = await request.app[JOBS].submit(_first(body, "job_dsl", "dsl") or {}, conf)
    except MissingArguments:
        raise
    except TripactError as error:
        # Whatever keeps a job from being taken is one code to FATE's clients.
        error.facts.setdefault("retcode", int(Retcode.OPERATING_ERROR))
        raise
    job = await request.app[JOBS].get(taken.job_id)
    return submitted(request, taken, job.initiator)


async def stop(request: web.Request) -> web.Response:
    """End a job at every party; an ended one stays as it is."""
    body = await read_body(request)
    job_id, status = text_of(body, "job_id"), body.get("stop_status") or Status.CANCELED
    if status not in list(Status):
        raise WrongArgument(f"stop_status is one of {', '.join(sorted(ENDED))}")
    try:
        await request.app[JOBS].stop(job_id, Status(status))
    except NotFound:
        return reply(retcode=Retcode.DATA_ERROR, retmsg="can not found job")
    return reply(
        retmsg="stop job on this party success; stop job on all party success", job_id=job_id
    )


async def rerun(request: web.Request) -> web.Response:
    """Run an ended job again, from given components on."""
    body = await read_body(request)
    job_id = text_of(body, "job_id")
    named = body.get("component_name") or []
    components = named.split(",") if isinstance(named, str) else named
    if not isinstance(components, list) or not all(isinstance(name, str) for name in components):
        raise WrongArgument("component_name is a name or a list of names")
    force = flag_of(body, "force", default=False)
    try:
        await request.app[JOBS].get(job_id)
    except NotFound:
        return reply(retcode=Retcode.DATA_ERROR, retmsg="can not found job")
    await request.app[JOBS].rerun(job_id, tuple(name.strip() for name in components), force)
    return reply(retmsg="rerun job success", job_id=job_id)


async def update_parameters(request: web.Request) -> web.Response:
    """Other parameters for an ended job; `job/rerun` runs it with them."""
    body = await read_body(request)
    job_id = text_of(body, "job_id")
    more: JsonObject = {
        name: given
        for name in ("component_parameters", "job_parameters")
        if (given := document_of(body, name)) is not None
    }
    if not more:
        raise MissingArguments(["component_parameters"])
    try:
        job, changed = await request.app[JOBS].revise(job_id, more)
    except NotFound:
        return reply(retcode=Retcode.DATA_ERROR, retmsg="can not found job")
    return reply(
        {
            "component_parameters": job.conf.get("component_parameters")
            or {
                "common": job.conf.get("algorithm_parameters", {}),
                "role": job.conf.get("role_parameters", {}),
            },
            "job_parameters": job.conf.get("job_parameters", {}),
            "components": changed,
        },
        job_id=job_id,
    )


async def query(request: web.Request) -> web.Response:
    """Jobs, one row a seat."""
    body = await read_body(request)
    wanted = job_filter(body)
    rows = [
        row
        for job in await request.app[JOBS].find(wanted)
        for seat in seats_shown(job, wanted.role, wanted.party_id)
        if matches(row := job_row(job, seat), body)
    ]
    return reply(rows, retmsg=SUCCESS if rows else "no job could be found")


async def config(request: web.Request) -> web.Response:
    """The DSL and conf of a job as they were posted."""
    body = await read_body(request)
    require(body, "job_id")
    jobs = await request.app[JOBS].find(job_filter(body))
    if not jobs:
        return reply(retcode=Retcode.ARGUMENT_ERROR, retmsg="find job failed")
    job = jobs[0]
    return reply(
        {
            "job_id": job.job_id,
            "dsl": dict(job.dsl),
            "runtime_conf": dict(job.conf),
            "train_runtime_conf": dict(job.train_conf or {}),
            "model_info": {"model_id": job.model_id, "model_version": job.model_version},
        }
    )


async def update(request: web.Request) -> web.Response:
    """Set a job's notes."""
    body = await read_body(request)
    require(body, "job_id", "role", "party_id")
    if "notes" not in body:
        require(body, "notes")
    changed = await request.app[JOBS].describe(
        text_of(body, "job_id"), role_of(body), party_of(body), str(body["notes"] or "")
    )
    if not changed:
        return reply(retcode=Retcode.ARGUMENT_ERROR, retmsg="find job failed")
    return reply()


async def tasks(request: web.Request) -> web.Response:
    """Tasks, one row a seat and version."""
    body = await read_body(request)
    found = await request.app[JOBS].tasks(task_filter(body))
    jobs = await _jobs_of(request, found)
    rows = [row for task in found if matches(row := task_row(task, jobs[task.job_id]), body)]
    if not rows:
        return reply([], retcode=Retcode.ARGUMENT_ERROR, retmsg="find task failed")
    return reply(rows)


async def list_jobs(request: web.Request) -> web.Response:
    """A page of jobs, newest first."""
    body = await read_body(request)
    limit, page = _page_of(body)
    newest_first = str(body.get("order", "desc")).lower() != "asc"
    jobs, count = await request.app[JOBS].jobs_page(
        page_filter(body), limit, page, newest_first=newest_first
    )
    if request.app.get(OLD_LISTS, False):
        return reply([job_row(job, job.initiator) for job in jobs])
    return reply({"jobs": [listed_job(job) for job in jobs], "count": count})


async def list_tasks(request: web.Request) -> web.Response:
    """A page of tasks."""
    body = await read_body(request)
    limit, page = _page_of(body)
    found = await request.app[JOBS].tasks(task_filter(body))
    shown = found[(page - 1) * limit : page * limit] if limit else found
    jobs = await _jobs_of(request, shown)
    if request.app.get(OLD_LISTS, False):
        return reply([task_row(task, jobs[task.job_id]) for task in shown])
    rows = [listed_task(task, jobs[task.job_id]) for task in shown]
    return reply({"tasks": rows, "count": len(found)})


async def clean_queue(request: web.Request) -> web.Response:
    """Cancel every job that waits."""
    cleaned = await request.app[JOBS].clean_queue()
    return reply(dict.fromkeys(cleaned, 0))


async def watch(request: web.Request) -> web.Response:
    """Where a job can be watched."""
    body = await read_body(request)
    require(body, "job_id", "role", "party_id")
    job = await request.app[JOBS].get(text_of(body, "job_id"))
    seats = seats_shown(job, role_of(body), party_of(body))
    urls = [board_url(request, job.job_id, seat.role.value, seat.party_id) for seat in seats]
    return reply({"board_url": urls})


async def why(request: web.Request) -> web.Response:
    """What an unfinished job waits for, or why it did not end well; and what to do."""
    body = await read_body(request)
    job = await request.app[JOBS].get(text_of(body, "job_id"))
    failed = await request.app[JOBS].tasks(
        TaskFilter(job_id=job.job_id, latest=True, party_status=(Status.FAILED, Status.TIMEOUT))
    )
    return reply(
        {
            "job_id": job.job_id,
            "kind": job.kind,
            "status": job.status.value,
            "reason": None if job.reason is None else job.reason.model_dump(mode="json"),
            "waiting_for": [waiting_row(w) for w in await request.app[TRACKING].why(job.job_id)],
            "failed": [
                {
                    "component": task.component,
                    "role": task.role.value,
                    "party_id": task.party_id,
                    "reason": "" if task.reason is None else sentence_of(task.reason),
                }
                for task in failed
            ],
        }
    )


async def ledger(request: web.Request) -> web.Response:
    """What left each party during a job: names and sizes, never content."""
    body = await read_body(request)
    job = await request.app[JOBS].get(text_of(body, "job_id"))
    return reply(await request.app[TRACKING].ledger(job.job_id))


def _first(body: dict[str, Any], *names: str) -> dict[str, Any] | None:
    """The first of these fields that is there; it must be an object."""
    for name in names:
        value = body.get(name)
        if value is None:
            continue
        if not isinstance(value, dict):
            raise WrongArgument(f"{name} is an object, not {type(value).__name__}")
        return value
    return None


def _page_of(body: dict[str, Any]) -> tuple[int, int]:
    """How many rows a page has (0: all in one), and which page, from 1."""
    limit, page = number_of(body, "limit", 0), number_of(body, "page", 1)
    if not 0 <= limit <= MOST_PAGED or not 1 <= page <= MOST_PAGED:
        raise WrongArgument(f"limit is 0 to {MOST_PAGED}, page 1 to {MOST_PAGED}")
    return limit, page


async def _jobs_of(request: web.Request, tasks: list[Task]) -> dict[str, Job]:
    job_ids = {task.job_id for task in tasks}
    if len(job_ids) > MOST_ASKED_ALONE:
        return {job.job_id: job for job in await request.app[JOBS].find(JobFilter())}
    return {job_id: await request.app[JOBS].get(job_id) for job_id in job_ids}


_JOB = {"job_id*": "text"}
_SEAT = {"role": "guest | host | arbiter | local", "party_id": "number or text"}
_PAGE = {"limit": "number, 0 is all", "page": "number from 1"}

ROUTES = (
    Route(
        "job/submit",
        submit,
        "Take a job",
        {"job_runtime_conf*": "object", "job_dsl": "object"},
    ),
    Route("job/stop", stop, "End a job at every party", {**_JOB, "stop_status": "text"}),
    Route("job/cancel", stop, "End a job at every party (FATE 1.4)", _JOB),
    Route(
        "job/rerun",
        rerun,
        "Run an ended job again",
        {**_JOB, "component_name": "text or list", "force": "flag"},
    ),
    Route(
        "job/parameter/update",
        update_parameters,
        "Other parameters for an ended job",
        {**_JOB, "component_parameters": "object", "job_parameters": "object"},
    ),
    Route(
        "job/query",
        query,
        "Jobs, one row a seat",
        {"job_id": "text", **_SEAT, "kind": " | ".join(KINDS)},
    ),
    Route("job/config", config, "DSL and conf of a job", _JOB),
    Route("job/update", update, "Set a job's notes", {**_JOB, **_SEAT, "notes*": "text"}),
    Route("job/task/query", tasks, "Tasks of jobs", {"job_id": "text", **_SEAT}),
    Route("job/list/job", list_jobs, "A page of jobs", {**_PAGE, **_SEAT}),
    Route("job/list/task", list_tasks, "A page of tasks", {**_PAGE, "job_id": "text", **_SEAT}),
    Route("job/url/get", watch, "Where a job can be watched", {**_JOB, **_SEAT}),
    Route("job/clean/queue", clean_queue, "Cancel every job that waits"),
    Route("tripact/job/why", why, "What a job waits for, or why it failed", _JOB),
    Route("tripact/job/ledger", ledger, "What left each party during a job", _JOB),
)
