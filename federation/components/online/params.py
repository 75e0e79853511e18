"""What a loaded model runs for each request: the steps of its prediction, as they were planned.

The parties see them when the job is prepared: each step counts as its own component before a
party's policy.
"""

from typing import Any

from pydantic import Field

from federation.components.params import Params
from federation.components.tables.reader import TableParam

REQUEST = ""
"""As the source of an input: the rows that were asked about."""


class StepParams(Params):
    """One component of the prediction."""

    component: str = Field("", description="its name in the DSL")
    module: str = Field("", description="its module")
    params: dict[str, Any] = Field(default_factory=dict, description="its parameters at this seat")
    model: str = Field("", description="the component whose stored model it takes, if any")
    inputs: dict[str, str] = Field(
        default_factory=dict,
        description="data slot -> the component whose first output it takes, or nothing for the "
        "rows that were asked about",
    )


class ServingParams(Params):
    """A model that answers, and how."""

    model_id: str = Field("", description="model id")
    model_version: str = Field("", description="the version that was loaded")
    steps: tuple[StepParams, ...] = Field((), description="what is run, in this order")
    table: TableParam = Field(
        default_factory=TableParam, description="where a host looks features up by id"
    )
    most_rows: int = Field(1000, ge=1, le=100_000, description="rows that one pass takes")
    patience_s: float = Field(
        5.0, gt=0, le=600, description="how long a request waits for the hosts"
    )
