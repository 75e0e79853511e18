"""`/healthz` and `/metrics`: whether the coordinator can work, and what it has counted."""

import time
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.hdrs import METH_ALL
from aiohttp.typedefs import Middleware
from prometheus_client import generate_latest

from coordinator.dispatch.links import Links
from coordinator.dispatch.meters import Meters
from coordinator.dispatch.persist import answers
from coordinator.domain.ports import Store
from coordinator.domain.records import JobFilter
from federation.spec.status import Status

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

LINK_PATH = "/agent/v1/link"


def health_handler(store: Store, links: Links, version: str) -> Handler:
    """200 while the store answers, 503 while it does not; which agents are linked."""

    async def health(_request: web.Request) -> web.StreamResponse:
        reachable = await answers(store)
        return web.json_response(
            {
                "status": "ok" if reachable else "store_away",
                "store": reachable,
                "agents": sorted(links.parties),
                "version": version,
            },
            status=200 if reachable else 503,
        )

    return health


def metrics_handler(store: Store, meters: Meters) -> Handler:
    """Prometheus' text format; jobs are counted when they are asked for."""

    async def metrics(_request: web.Request) -> web.StreamResponse:
        async with store.read() as view:
            for status in Status:
                count = await view.jobs.count(JobFilter(status=(status,)))
                meters.jobs.labels(status.value).set(count)
        return web.Response(
            body=generate_latest(meters.registry),
            headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"},
        )

    return metrics


def timing(meters: Meters) -> Middleware:
    """Middleware that times each request under the path of its route."""

    @web.middleware
    async def timed(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path == LINK_PATH:
            return await handler(request)
        started = time.perf_counter()
        status = 500
        try:
            response = await handler(request)
            status = response.status
            return response
        except web.HTTPException as answer:
            status = answer.status
            raise
        finally:
            resource = request.match_info.route.resource
            path = resource.canonical if resource is not None else "unknown"
            meters.requests.labels(_method(request), path, str(status)).observe(
                time.perf_counter() - started
            )

    return timed


def _method(request: web.Request) -> str:
    """The method as a label; whatever a stranger invents is one label."""
    return request.method if request.method in METH_ALL else "OTHER"
