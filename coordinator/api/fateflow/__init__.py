"""The FATE-Flow dialect: `/v1`, as the clients of FATE 1.2 to 1.11 speak it."""

from aiohttp import web

from coordinator.api.dialect import Dialect
from coordinator.api.fateflow import (
    routes_access,
    routes_archives,
    routes_data,
    routes_graph,
    routes_job,
    routes_model,
    routes_refused,
    routes_resource,
    routes_serving,
    routes_tables,
    routes_tags,
    routes_template,
    routes_tracking,
    routes_world,
)
from federation.errors import TripactError
from federation.fateflow.envelope import ANSWER, reply, retcode_of, says_no

PREFIX = "/v1"
NO_FILE = 210
"""FATE-Flow's HTTP status of a download that failed."""
WRITTEN_AS_IT_IS = frozenset({"component/hetero/merge", "component/woe_array/extract"})
"""FATE's client writes any `data` of these to a file, whatever the retcode says."""


def _says_no(request: web.Request, error: Exception) -> web.Response:
    path = request.path.removeprefix(PREFIX).strip("/")
    if path in WRITTEN_AS_IT_IS and isinstance(error, TripactError):
        return reply(retcode=retcode_of(error), retmsg=error.message)
    return says_no(request, error)


DIALECT = Dialect(
    name="fateflow",
    prefix=PREFIX,
    routes=(
        *routes_data.ROUTES,
        *routes_job.ROUTES,
        *routes_tracking.ROUTES,
        *routes_graph.ROUTES,
        *routes_model.ROUTES,
        *routes_archives.ROUTES,
        *routes_serving.ROUTES,
        *routes_tags.ROUTES,
        *routes_access.ROUTES,
        *routes_tables.ROUTES,
        *routes_template.ROUTES,
        *routes_resource.ROUTES,
        *routes_world.ROUTES,
        *routes_refused.ROUTES,
    ),
    says_no=_says_no,
    answer=ANSWER,
    no_file=NO_FILE,
)
