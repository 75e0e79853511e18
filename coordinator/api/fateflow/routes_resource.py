"""`/v1/resource/...`, and the line of jobs that wait: what is in use, and who waits for it."""

from typing import Any

from aiohttp import web

from coordinator.api.dialect import Route
from coordinator.api.fateflow.rows import date_of, waiting_row
from coordinator.api.keys import JOBS
from coordinator.domain.records import Job
from coordinator.domain.resources import Holding, Lender
from federation.errors import NotFound
from federation.fateflow.envelope import Retcode, reply
from federation.fateflow.reading import read_body, text_of
from federation.spec.status import ENDED, Status


async def query(request: web.Request) -> web.Response:
    """What running jobs hold of what parties lend."""
    found = await request.app[JOBS].survey()
    known = [lender for lender in found.lenders if lender.lent is not None]
    cores = sum(lender.lent.cores for lender in known if lender.lent is not None)
    used = sum(lender.used.cores for lender in known)
    return reply(
        {
            "use_resource_job": [_holding(holding) for holding in found.holdings],
            "computing_engine_resource": {
                "f_engine_name": "TRIPACT",
                "f_engine_type": "computing",
                "f_engine_entrance": "party agents",
                "f_nodes": len(known),
                "f_cores": cores,
                "f_remaining_cores": cores - used,
                "f_memory": 0,
                "f_remaining_memory": 0,
                "parties": [_lender(lender) for lender in found.lenders],
            },
        }
    )


async def give_back(request: web.Request) -> web.Response:
    """Whether a job has given back what it held; it does so by itself when it ends."""
    job_id = text_of(await read_body(request), "job_id")
    try:
        job, holdings = await request.app[JOBS].holdings(job_id)
    except NotFound:
        return reply(retcode=Retcode.DATA_ERROR, retmsg="can not found job")
    holds = job.status is Status.RUNNING
    rows = [
        {
            "job_id": job_id,
            "role": holding.seat.role.value,
            "party_id": holding.seat.party_id,
            "resource_in_use": holds,
            "resource_return_status": job.status in ENDED,
        }
        for holding in holdings
    ]
    if job.status in ENDED:
        return reply(rows, job_id=job_id)
    told = "still runs and holds its cores" if holds else "waits and holds no cores"
    sentence = f"job {job_id} {told}; job/stop ends it, and cores come back with its end"
    return reply(rows, retcode=Retcode.NOT_EFFECTIVE, retmsg=sentence, job_id=job_id)


async def line(request: web.Request) -> web.Response:
    """Jobs that wait: those for cores in the order in which they start, then those for answers."""
    found = await request.app[JOBS].survey()
    places = [*enumerate(found.line, 1), *((None, job) for job in found.asking)]
    return reply({"jobs": [_waiting(job, place) for place, job in places], "count": len(places)})


def _holding(holding: Holding) -> dict[str, Any]:
    return {
        "job_id": holding.job_id,
        "role": holding.seat.role.value,
        "party_id": holding.seat.party_id,
        "core": holding.cores,
        "memory": 0,
    }


def _lender(lender: Lender) -> dict[str, Any]:
    lent, used = lender.lent, lender.used
    return {
        "party_id": lender.party_id,
        "cores": None if lent is None else lent.cores,
        "remaining_cores": None if lent is None else lent.cores - used.cores,
        "tasks": None if lent is None else lent.tasks,
        "remaining_tasks": None if lent is None else lent.tasks - used.tasks,
    }


def _waiting(job: Job, place: int | None) -> dict[str, Any]:
    return {
        "job_id": job.job_id,
        "place": place,
        "status": job.status.value,
        "create_time": job.created_ms,
        "create_date": date_of(job.created_ms),
        "waiting_for": [waiting_row(waiting) for waiting in job.waiting_for],
    }


ROUTES = (
    Route("resource/query", query, "What running jobs hold of what parties lend"),
    Route(
        "resource/return",
        give_back,
        "Whether a job has given back what it held",
        {"job_id*": "text"},
    ),
    Route("tripact/queue/query", line, "Jobs that wait, and for what"),
)
