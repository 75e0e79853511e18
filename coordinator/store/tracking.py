"""Metrics, summaries and names of outputs."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import sqlalchemy as sa

from coordinator.domain.records import MetricSet, OutputModel, OutputTable, TableRecord, Task
from coordinator.store.fields import record_of, values_of
from coordinator.store.schema import metrics, models, outputs, summaries, tables
from coordinator.store.transaction import Transaction, insert_all, upsert
from federation.spec.orders import Metric


class SqlTracking:
    """What jobs made, within one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._tx = transaction

    async def add_metrics(self, task: Task, new: Sequence[Metric], now_ms: int) -> None:
        """Append points; points of the same metric join those before them."""
        values = [
            _key(task)
            | {
                "namespace": metric.namespace,
                "name": metric.name,
                "metric_type": metric.metric_type,
                "data": metric.data,
                "meta": metric.meta,
                "time_ms": now_ms,
            }
            for metric in new
        ]
        await insert_all(self._tx, metrics, values)

    async def metrics(self, task: Task) -> list[MetricSet]:
        """Metrics of one attempt at one seat; a later word about type and meta wins."""
        query = sa.select(metrics).where(*_is(metrics, task)).order_by(metrics.c.seq)
        found: dict[tuple[str, str], MetricSet] = {}
        for row in await self._tx.run(query):
            before = found.get((row.namespace, row.name))
            found[row.namespace, row.name] = MetricSet(
                namespace=row.namespace,
                name=row.name,
                metric_type=row.metric_type,
                data=(*(before.data if before else ()), *((k, v) for k, v in row.data)),
                meta={**(before.meta if before else {}), **row.meta},
            )
        return list(found.values())

    async def delete_metrics(self, task: Task) -> int:
        """Forget the metrics of one attempt at one seat; how many records there were."""
        return int((await self._tx.run(sa.delete(metrics).where(*_is(metrics, task)))).rowcount)

    async def set_summary(self, task: Task, summary: Mapping[str, Any]) -> None:
        """Keep the summary of an attempt."""
        await self._tx.run(upsert(self._tx, summaries), _key(task) | {"summary": summary})

    async def summary(self, task: Task) -> dict[str, Any] | None:
        """The summary of an attempt."""
        query = sa.select(summaries.c.summary).where(*_is(summaries, task))
        return (await self._tx.run(query)).scalar()

    async def add_outputs(
        self, made: Sequence[OutputTable], model: OutputModel | None, now_ms: int
    ) -> None:
        """Keep names of what an attempt made; the tables become known by name."""
        if made:
            values = [values_of(table, place=place) for place, table in enumerate(made)]
            await self._tx.run(upsert(self._tx, outputs), values)
            known = [values_of(_known(t, now_ms)) for t in made if t.kind == "data"]
            if known:
                await self._tx.run(upsert(self._tx, tables), known)
        if model is not None:
            await self._tx.run(upsert(self._tx, models), values_of(model, created_ms=now_ms))

    async def outputs(self, task: Task) -> list[OutputTable]:
        """Tables of an attempt, data before caches, in the order of its outputs."""
        query = sa.select(outputs).where(*_is(outputs, task))
        found = await self._tx.run(query.order_by(outputs.c.kind.desc(), outputs.c.place))
        return [record_of(OutputTable, row) for row in found]

    async def models(self, model_id: str, model_version: str) -> list[OutputModel]:
        """All models of one training job."""
        query = sa.select(models).where(
            models.c.model_id == model_id, models.c.model_version == model_version
        )
        found = await self._tx.run(query.order_by(models.c.component, models.c.role))
        return [record_of(OutputModel, row) for row in found]


def _key(task: Task) -> dict[str, Any]:
    return {
        "job_id": task.job_id,
        "component": task.component,
        "version": task.version,
        "role": task.role.value,
        "party_id": task.party_id,
    }


def _is(table: sa.Table, task: Task) -> list[sa.ColumnElement[bool]]:
    return [table.c[name] == value for name, value in _key(task).items()]


def _known(table: OutputTable, now_ms: int) -> TableRecord:
    """An output table, as tables are known by name."""
    same = (field.name for field in fields(TableRecord) if field.name != "created_ms")
    return TableRecord(**{name: getattr(table, name) for name in same}, created_ms=now_ms)
