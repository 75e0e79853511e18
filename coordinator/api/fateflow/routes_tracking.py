"""`/v1/tracking/...`: metrics, parameters, summaries, outputs of components."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

from aiohttp import web

from coordinator.api.dialect import Route
from coordinator.api.fateflow.filters import task_filter
from coordinator.api.fateflow.rows import course_of, output_row, view_row
from coordinator.api.keys import JOBS, TRACKING
from coordinator.domain.records import Job, JobFilter, MetricSet, OutputTable
from federation.errors import NotFound, PartyRefused, Unavailable
from federation.fateflow import archive
from federation.fateflow.envelope import Retcode, as_json, reply
from federation.fateflow.files import attachment
from federation.fateflow.reading import flag_of, number_of, read_body, require, text_of
from federation.fateflow.seats import party_of, role_of
from federation.fateflow.tables import NO_DATA, NO_JOB, SHOWN_ROWS, Shown, rows_shown
from federation.spec.party import Role

COURSE_FILE = "fate_flow_schedule.log"
Seat = tuple[str, Role | None, str | None, str]


async def metrics(request: web.Request) -> web.Response:
    """Names of a component's metrics, by namespace."""
    found = await request.app[TRACKING].metrics(*await _seat(request))
    names: dict[str, list[str]] = {}
    for metric in found:
        names.setdefault(metric.namespace, []).append(metric.name)
    return reply(names, retmsg="success" if names else NO_DATA)


async def all_metrics(request: web.Request) -> web.Response:
    """Every metric of a component with its points."""
    found = await request.app[TRACKING].metrics(*await _seat(request))
    data: dict[str, dict[str, Any]] = {}
    for metric in found:
        data.setdefault(metric.namespace, {})[metric.name] = {
            "data": _points(metric),
            "meta": _meta(metric),
        }
    return reply(data, retmsg="success" if data else NO_DATA)


async def metric_data(request: web.Request) -> web.Response:
    """One metric's points, sorted by key; the published misspelling of its name counts too."""
    body = await read_body(request)
    if "metric_name" not in body and "meric_name" in body:
        body["metric_name"] = body["meric_name"]
    require(body, "job_id", "component_name", "metric_namespace", "metric_name")
    found = await request.app[TRACKING].metrics(*seat_of(body))
    for metric in found:
        if (metric.namespace, metric.name) == (body["metric_namespace"], body["metric_name"]):
            return reply(sorted(_points(metric), key=_by_key), meta=_meta(metric))
    return reply([], retmsg=NO_DATA, meta={})


async def parameters(request: web.Request) -> web.Response:
    """A component's parameters with every default."""
    try:
        module, class_name, values = await request.app[TRACKING].parameters(*await _seat(request))
    except NotFound:
        return reply(retcode=Retcode.ARGUMENT_ERROR, retmsg="can not found this task")
    # FATE <= 1.6 names the class, later ones say ComponentParam: readers of both are served.
    return reply({"module": module, "ComponentParam": values, class_name: values})


async def output_model(request: web.Request) -> web.Response:
    """The model a component made, asked of its party."""
    model = await request.app[TRACKING].model(*await _seat(request))
    if model is None:
        return reply(retmsg=NO_DATA, meta={})
    meta = {"meta_data": model["meta"], "module_name": model["module"]}
    return reply(model["param"], meta=meta)


async def output_data(request: web.Request) -> web.Response:
    """First rows of each output, asked of their party."""
    found = await request.app[TRACKING].rows(*await _seat(request), limit=SHOWN_ROWS)
    if not found:
        return reply([], retmsg=NO_DATA, meta={})
    shown = [Shown(table.output, header, rows, table.rows) for table, header, rows in found]
    data, meta = rows_shown(shown)
    return reply(data, meta=meta)


async def output_tables(request: web.Request) -> web.Response:
    """Names of the output tables."""
    seat = await _seat(request)
    if not await request.app[JOBS].find(JobFilter(job_id=seat[0])):
        return reply([], retcode=Retcode.EXCEPTION_ERROR, retmsg=NO_JOB)
    found = await request.app[TRACKING].outputs(*seat)
    return reply([output_row(table) for table in found])


async def download(request: web.Request) -> web.StreamResponse:
    """Output tables as tar.gz: `<output>.csv` and `<output>.meta` each."""
    body = await read_body(request)
    seat = seat_of(body)
    limit, head = number_of(body, "limit", -1), flag_of(body, "head", default=True)
    found = await request.app[TRACKING].outputs(*seat)
    if not found or limit == 0:
        return web.json_response({"retcode": 210, "retmsg": NO_DATA}, status=210)
    files = _csv_files(request, found, limit, head)
    name = f"job_{seat[0]}_{seat[3]}_output_data.tar.gz"
    return await archive.attached(request, name, archive.packed(files))


async def summary(request: web.Request) -> web.Response:
    """A component's summary; as a file when a file name is given."""
    body = await read_body(request)
    found = await request.app[TRACKING].summary(*seat_of(body))
    if found is None:
        return web.json_response({"retcode": 210, "retmsg": "no summary", "data": {}}, status=210)
    if body.get("filename"):
        return attachment(as_json(found).encode(), text_of(body, "filename"))
    return reply(found)


async def components(request: web.Request) -> web.Response:
    """Component names in topological order."""
    job_id = text_of(await read_body(request), "job_id")
    try:
        return reply({"components": await request.app[TRACKING].components(job_id)})
    except NotFound:
        return reply(retcode=Retcode.EXCEPTION_ERROR, retmsg=NO_JOB)


async def data_view(request: web.Request) -> web.Response:
    """One row for each data output of a job, at its initiator where no seat is named."""
    body = await read_body(request)
    job_id = text_of(body, "job_id")
    if (role_of(body), party_of(body)) == (None, None):
        for job in await request.app[JOBS].find(JobFilter(job_id=job_id)):
            # FATE's servers show their own party's outputs; its clients count the rows.
            body |= {"role": job.initiator.role.value, "party_id": job.initiator.party_id}
    tasks = await request.app[JOBS].tasks(task_filter(body))
    newest = {(t.component, t.role, t.party_id): t for t in tasks}
    found = [
        table
        for component, role, party in newest
        for table in await request.app[TRACKING].outputs(job_id, role, party, component)
    ]
    if not found:
        return reply([], retcode=Retcode.ARGUMENT_ERROR, retmsg="find task failed")
    return reply([view_row(table) for table in found])


async def log_archive(request: web.Request) -> web.StreamResponse:
    """The logs of every seat of a job, as its parties give them, in one tar.gz."""
    body = await read_body(request)
    try:
        job = await request.app[JOBS].get(text_of(body, "job_id"))
    except NotFound as error:
        return web.json_response({"retcode": 404, "retmsg": error.message}, status=404)
    files = archive.packed(_log_files(request, job))
    return await archive.attached(request, f"job_{job.job_id}_log.tar.gz", files)


def seat_of(body: dict[str, Any]) -> Seat:
    """Job, role, party and component of a tracking request."""
    require(body, "job_id", "component_name")
    return (
        text_of(body, "job_id"),
        role_of(body),
        party_of(body),
        text_of(body, "component_name"),
    )


async def _seat(request: web.Request) -> Seat:
    return seat_of(await read_body(request))


async def _csv_files(
    request: web.Request, tables: list[OutputTable], limit: int, head: bool
) -> AsyncIterator[bytes]:
    """Tar entries of the tables."""
    csv = request.app[TRACKING].csv
    for table in tables:
        read = partial(csv, table, limit=limit, head=head)
        async for block in archive.table_entries(table.output, table.header, read):
            yield block


async def _log_files(request: web.Request, job: Job) -> AsyncIterator[bytes]:
    """Tar entries of the course of the job and all seats' logs.

    A note stands in for the log of a party that can not be asked now.
    """
    events = await request.app[TRACKING].course(job.job_id)
    course = "".join(f"{line}\n" for line in course_of(events))
    yield archive.entry(COURSE_FILE, course.encode())
    for seat in job.seats:
        folder = f"{seat.role.value}/{seat.party_id}"
        sent = False
        try:
            logs = request.app[TRACKING].log(job.job_id, seat.role, seat.party_id)
            async for block in archive.entries(logs, folder):
                sent = True
                yield block
        except (Unavailable, PartyRefused) as error:
            if sent:
                raise
            yield archive.entry(f"{folder}/NOT_FETCHED.log", f"{error.message}\n".encode())


def _points(metric: MetricSet) -> list[list[Any]]:
    return [[key, value] for key, value in metric.data]


def _meta(metric: MetricSet) -> dict[str, Any]:
    return {"name": metric.name, "metric_type": metric.metric_type, **metric.meta}


def _by_key(point: list[Any]) -> tuple[int, float, str]:
    """Numbers before texts, each in their own order."""
    key = point[0]
    if isinstance(key, int | float):
        return (0, float(key), "")
    return (1, 0.0, str(key))


_SEAT = {
    "job_id*": "text",
    "role": "guest | host | arbiter | local",
    "party_id": "number or text",
    "component_name*": "text",
}
_ONE_METRIC = {**_SEAT, "metric_namespace*": "text", "metric_name*": "text"}
_COMPONENT = "tracking/component"
_JOB = {"job_id*": "text"}
_FILE = "application/octet-stream"

ROUTES = (
    Route(f"{_COMPONENT}/metrics", metrics, "Names of metrics", _SEAT),
    Route(f"{_COMPONENT}/metric/all", all_metrics, "Every metric with its points", _SEAT),
    Route(f"{_COMPONENT}/metric_data", metric_data, "One metric's points", _ONE_METRIC),
    Route(f"{_COMPONENT}/parameters", parameters, "Parameters with defaults", _SEAT),
    Route(f"{_COMPONENT}/output/model", output_model, "The model that was made", _SEAT),
    Route(f"{_COMPONENT}/output/data", output_data, "First rows of the outputs", _SEAT),
    Route(f"{_COMPONENT}/output/data/table", output_tables, "Names of output tables", _SEAT),
    Route(
        f"{_COMPONENT}/output/data/download",
        download,
        "Output tables as tar.gz",
        {**_SEAT, "limit": "number, -1 is all", "head": "flag"},
        gives=_FILE,
    ),
    Route(f"{_COMPONENT}/summary/download", summary, "A summary", {**_SEAT, "filename": "text"}),
    Route(f"{_COMPONENT}/list", components, "Components of a job", _JOB),
    Route("job/data/view/query", data_view, "Data outputs of a job", _JOB),
    Route("job/log/download", log_archive, "Logs as tar.gz", _JOB, gives=_FILE),
    Route("job/log", log_archive, "Logs as tar.gz (FATE <= 1.6)", _JOB, gives=_FILE),
)
