"""The RunTask order of an attempt: inputs bound to what the seat's own upstream tasks made.

A slot whose upstream made nothing at this seat (predictions at a host, say) is bound to nothing.
"""

from collections.abc import Iterator

from coordinator.domain.draft import Draft
from coordinator.domain.records import Task
from coordinator.domain.state import PlannedSeat, PlannedTask, Source
from federation.spec.orders import DataInput, ModelInput, RunTask, TaskBrief
from federation.spec.party import Party


def run_task(draft: Draft, planned: PlannedTask, task: Task) -> RunTask:
    """The order to run `task` at its seat."""
    job = draft.job
    seat = next(seat for seat in planned.seats if seat.seat == task.seat)
    data = {slot: tuple(_tables(draft, sources, task.seat)) for slot, sources in seat.data.items()}
    return RunTask(
        job_id=job.job_id,
        epoch=job.epoch,
        task=brief_of(planned, seat),
        version=task.version,
        roles=dict(job.roles),
        model_id=job.model_id,
        model_version=job.model_version,
        data=data,
        model=tuple(_models(draft, seat.model)),
        isometric_model=tuple(_models(draft, seat.isometric_model)),
        cache=tuple(_tables(draft, seat.cache, task.seat)),
        data_outputs=planned.data_outputs,
        model_outputs=planned.model_outputs,
        cache_outputs=planned.cache_outputs,
    )


def brief_of(planned: PlannedTask, seat: PlannedSeat) -> TaskBrief:
    """A task of a seat, as orders tell it."""
    return TaskBrief(
        task_id=planned.task_id,
        component=planned.component,
        module=planned.module,
        role=seat.role,
        index=seat.index,
        params=dict(seat.params),
        tables=seat.tables,
    )


def _tables(draft: Draft, sources: tuple[Source, ...], seat: Party) -> Iterator[DataInput]:
    for source in sources:
        made = draft.outputs.get((source.component, seat), {})
        if source.output in made:
            yield DataInput(
                component=source.component, output=source.output, table=made[source.output]
            )


def _models(draft: Draft, sources: tuple[Source, ...]) -> Iterator[ModelInput]:
    for source in sources:
        yield ModelInput(
            model_id=source.model_id or draft.job.model_id,
            model_version=source.model_version or draft.job.model_version,
            component=source.component,
        )
