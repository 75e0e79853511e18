"""What attempts made: kept in the transaction that takes a report in, missed when it is gone."""

from coordinator.domain.events import Told
from coordinator.domain.ports import Tx
from coordinator.domain.records import OutputModel, OutputTable, Task
from coordinator.domain.state import JobState
from federation.spec.ids import cache_namespace
from federation.spec.orders import TaskEnded, TaskMetrics
from federation.spec.party import Party
from federation.spec.status import DONE_WELL

CACHES = cache_namespace("", 0).removesuffix("_0")
"""How namespaces of caches begin."""


async def keep_outcome(tx: Tx, old: JobState, new: JobState, told: Told, now_ms: int) -> None:
    """Keep metrics, and outputs and summary of an attempt that has just ended well.

    Reports about attempts that are not the newest are let go.
    """
    report = told.report
    if not isinstance(report, TaskMetrics | TaskEnded):
        return
    key = (report.component, Party(report.role, told.party_id))
    before, after = old.tasks.get(key), new.tasks.get(key)
    if before is None or after is None or before.version != report.version:
        return
    if isinstance(report, TaskMetrics):
        await tx.tracking.add_metrics(before, report.metrics, now_ms)
    elif before.party_status not in DONE_WELL and after.party_status in DONE_WELL:
        await _keep_outputs(tx, new, after, report, now_ms)


async def _keep_outputs(
    tx: Tx, state: JobState, task: Task, report: TaskEnded, now_ms: int
) -> None:
    if report.summary is not None:
        await tx.tracking.set_summary(task, report.summary)
    tables = [
        OutputTable(
            job_id=task.job_id,
            component=task.component,
            task_id=task.task_id,
            version=task.version,
            role=task.role,
            party_id=task.party_id,
            output=made.output,
            namespace=made.table.namespace,
            name=made.table.name,
            rows=made.rows,
            header=made.header,
            schema=made.schema_,
            partitions=made.partitions,
            kind=made.kind,
        )
        for made in report.tables
    ]
    model = None
    if report.model is not None:
        model = OutputModel(
            job_id=task.job_id,
            component=task.component,
            role=task.role,
            party_id=task.party_id,
            model_id=state.job.model_id,
            model_version=state.job.model_version,
            output=report.model.output,
            digest=report.model.digest,
            size_bytes=report.model.size_bytes,
        )
    if tables or model:
        await tx.tracking.add_outputs(tables, model, now_ms)


async def lost_outputs(tx: Tx, state: JobState) -> frozenset[str]:
    """Components that succeeded and of whose tables some were deleted since; caches are not asked.

    What is deleted at a party without the coordinator is not known here.
    """
    lost = set()
    for (component, seat), made in state.outputs.items():
        for table in made.values():
            if table.namespace.startswith(CACHES) or component in lost:
                continue
            if not await tx.tables.search(table.namespace, table.name, seat.party_id):
                lost.add(component)
    return frozenset(lost)
