"""The ports of a task, inside its process: what its inputs are bound to, where its outputs go."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from federation.components.component import (
    Checkpointing,
    Component,
    Model,
    Result,
    keep_nothing,
)
from federation.components.store import StoredTable
from federation.components.tables.loaders import (
    ModelLoaderParams,
    cache_loader,
    model_loader,
)
from federation.spec.ids import cache_namespace, output_namespace
from federation.spec.orders import (
    DataInput,
    ModelInput,
    ModelOutput,
    RunTask,
    TableName,
    TableOutput,
)
from federation.tables import Table
from party_agent.models import ModelName, Models
from party_agent.plain import json_like
from party_agent.tables import TableStore, UploadingStore


@dataclass(frozen=True, slots=True)
class Stores:
    """The stores of the agent, as paths on its disk."""

    tables: Path
    models: Path
    spool: Path

    def uploading(self) -> UploadingStore:
        """The table store as a component sees it."""
        return UploadingStore(TableStore(self.tables), self.spool)


@dataclass(frozen=True, slots=True)
class Made:
    """What a task made, by name."""

    tables: tuple[TableOutput, ...] = ()
    model: ModelOutput | None = None
    summary: dict[str, Any] | None = None


def bind(stores: Stores, component: Component, order: RunTask) -> dict[str, Any]:
    """The inputs of a task by port name; what is not bound is absent.

    Raises:
        TableNotFound, ModelNotFound: an input is not here any more.
    """
    tables, models = TableStore(stores.tables), Models(stores.models)
    many = {slot.name: slot.many for slot in component.inputs}
    ports: dict[str, Any] = {}
    for slot, inputs in order.data.items():
        if inputs and slot in many:
            bound = tuple(_table(tables, each) for each in inputs)
            ports[slot] = bound if many[slot] else bound[0]
    role = order.task.role.value
    if order.model:
        ports["model"] = _model(models, order.model[0], role)
    if order.isometric_model:
        ports["isometric_model"] = tuple(_model(models, m, role) for m in order.isometric_model)
    if order.cache:
        ports["cache"] = models.get_cache(order.cache[0].table)
    return ports | _loaded(models, component, order)


def _loaded(models: Models, component: Component, order: RunTask) -> dict[str, Any]:
    """What a loader hands on, by port name: what an earlier job made."""
    if component is cache_loader and order.task.tables:
        return {"cache": models.get_cache(order.task.tables[0])}
    if component is not model_loader:
        return {}
    p = ModelLoaderParams.parse(order.task.params)
    if not (p.model_id and p.model_version and p.component_name):
        return {}
    name = ModelName(p.model_id, p.model_version, order.task.role.value, p.component_name)
    if p.step_index is None and p.step_name is None:
        return {"model": models.get(name)}
    return {"model": models.get_checkpoint(name, p.step_index, p.step_name)[1]}


def hand_through(stores: Stores, component: Component, order: RunTask) -> Made:
    """What a component that is not to run gives: its first input under a new name, not read."""
    inputs = (given for slot in component.inputs for given in order.data.get(slot.name, ()))
    first = next(inputs, None)
    if first is None:
        return Made()
    handed = TableStore(stores.tables).stored(first.table)
    return Made(tuple(_outputs(stores, order, Result(data=(handed,)))))


def checkpointing(stores: Stores, order: RunTask) -> Checkpointing:
    """Where a component keeps what it has learned so far; earlier attempts' steps are let go."""
    if not order.model_outputs:
        return keep_nothing
    models, name = Models(stores.models), _own_name(order)
    models.drop_checkpoints(name)

    def keep(step_index: int, step_name: str, model: Model) -> None:
        models.save_checkpoint(name, step_index, step_name, model)

    return keep


def keep(stores: Stores, order: RunTask, result: Result) -> Made:
    """Store what a component gave, as far as the job has outputs for it."""
    models = Models(stores.models)
    model = None
    if result.model is not None and order.model_outputs:
        saved = models.save(_own_name(order), result.model)
        model = ModelOutput(
            output=order.model_outputs[0], digest=saved.digest, size_bytes=saved.size_bytes
        )
    summary = None if result.summary is None else json_like(result.summary)
    return Made(tuple(_outputs(stores, order, result)), model, summary)


def _own_name(order: RunTask) -> ModelName:
    task = order.task
    return ModelName(order.model_id, order.model_version, task.role.value, task.component)


def _outputs(stores: Stores, order: RunTask, result: Result) -> Iterator[TableOutput]:
    tables = TableStore(stores.tables)
    for output, table in zip(order.data_outputs, result.data, strict=False):
        name = _new_name(output_namespace(order.task.task_id, order.version))
        if isinstance(table, StoredTable) and table.new:
            stored, name = table, table.name
        elif isinstance(table, StoredTable):
            stored = tables.link(table.name, name)
        else:
            stored = tables.write(name.namespace, name.name, table)
        yield TableOutput(
            output=output,
            table=name,
            rows=stored.rows,
            header=tuple(stored.schema.header),
            schema_=stored.schema.to_json(),
            partitions=stored.partitions,
        )
    if result.cache is not None and order.cache_outputs:
        name = _new_name(cache_namespace(order.task.task_id, order.version))
        Models(stores.models).save_cache(name, result.cache)
        yield TableOutput(
            output=order.cache_outputs[0], table=name, rows=0, header=(), schema_={}, kind="cache"
        )


def _new_name(namespace: str) -> TableName:
    """A name of its own, so that roles and parties that share a store do not meet."""
    return TableName(namespace=namespace, name=uuid.uuid4().hex)


def _table(tables: TableStore, given: DataInput) -> Table:
    table = tables.open(given.table.namespace, given.table.name)
    return table.named(given.component, given.output)


def _model(models: Models, given: ModelInput, role: str) -> Model:
    return models.get(ModelName(given.model_id, given.model_version, role, given.component))
