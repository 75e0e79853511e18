"""CacheLoader and ModelLoader: hand on what an earlier job made, a cache or a component's model.

The party's agent finds what the parameters name in its own store and binds it to the component's
port; nothing is sent.

Learns: nobody anything.
Tolerance: exact.
Source: FATE 1.x CacheLoader, ModelLoader.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from federation.channel import Channel
from federation.components.component import Component, Model, Report, Result
from federation.components.params import Params
from federation.errors import BadRequest
from federation.spec.dsl import CACHE_LOADER, MODEL_LOADER
from federation.spec.party import ARBITER, GUEST, HOST


class CacheLoaderParams(Params):
    """Which cache: an output of a job's component."""

    LEGACY: ClassVar[Mapping[str, str]] = {
        "cache_key": "caches have no key here: name job_id, component_name and cache_name",
    }

    job_id: str | None = Field(None, description="the job that made it")
    component_name: str | None = Field(None, description="the component that made it")
    cache_name: str | None = Field(None, description="which of its outputs, as `cache`")
    table: dict[str, str] | None = Field(None, description="filled in: where the cache is")
    need_run: bool = Field(True, description="false makes no output")


class ModelLoaderParams(Params):
    """Which model: of which training and component, and of which step of it."""

    model_id: str | None = Field(None, description="of the training")
    model_version: str | None = Field(None, description="of the training")
    component_name: str | None = Field(None, description="the component that was trained")
    model_alias: str | None = Field(None, description="accepted: a component makes one model")
    step_index: int | None = Field(None, ge=0, description="a checkpoint by number")
    step_name: str | None = Field(None, description="a checkpoint by name")
    need_run: bool = Field(True, description="false makes no output")


cache_loader = Component(
    CACHE_LOADER,
    CacheLoaderParams,
    class_name="CacheLoaderParam",
    data_out=0,
    cache_out=True,
    need_deploy=False,
)
model_loader = Component(
    MODEL_LOADER,
    ModelLoaderParams,
    class_name="ModelLoaderParam",
    data_out=0,
    model_out=True,
    need_deploy=False,
)


@cache_loader.on(GUEST, HOST)
async def hand_cache_on(
    ch: Channel, p: CacheLoaderParams, *, cache: Mapping[str, Any] | None, report: Report
) -> Result:
    """The cache, under the name of this component's output."""
    if cache is None:
        raise BadRequest("no cache is named: give job_id, component_name and cache_name")
    report.log("cache is handed on")
    return Result(cache=cache)


@model_loader.on(GUEST, HOST, ARBITER)
async def hand_model_on(
    ch: Channel, p: ModelLoaderParams, *, model: Model | None, report: Report
) -> Result:
    """The model, as this component's."""
    if model is None:
        raise BadRequest("no model is named: give model_id, model_version and component_name")
    report.log("model is handed on", module=model.module, component=model.component)
    return Result(model=model)
