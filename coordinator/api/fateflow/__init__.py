"""The FATE-Flow dialect: `/v1`, as the clients of FATE 1.2 to 1.11 speak it."""

from coordinator.api.dialect import Dialect
from coordinator.api.fateflow import (
    routes_data,
    routes_graph,
    routes_job,
    routes_model,
    routes_refused,
    routes_resource,
    routes_tags,
    routes_tracking,
    routes_world,
)
from federation.fateflow.envelope import ANSWER, says_no

DIALECT = Dialect(
    name="fateflow",
    prefix="/v1",
    routes=(
        *routes_data.ROUTES,
        *routes_job.ROUTES,
        *routes_tracking.ROUTES,
        *routes_graph.ROUTES,
        *routes_model.ROUTES,
        *routes_tags.ROUTES,
        *routes_resource.ROUTES,
        *routes_world.ROUTES,
        *routes_refused.ROUTES,
    ),
    says_no=says_no,
    answer=ANSWER,
)
