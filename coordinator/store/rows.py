"""Records to rows and back."""

from dataclasses import fields
from typing import Any

from sqlalchemy.engine import Row

from coordinator.domain.records import Invite, Job, OutputTable, TableRecord, Task, Waiting
from coordinator.domain.state import Member, Stage
from coordinator.store.plans import roles_from_json, roles_to_json
from federation.spec.orders import Reason
from federation.spec.party import Party, Role
from federation.spec.status import Status
from federation.wire.codec import decode, encode

Values = dict[str, Any]

_TASK_FIELDS = tuple(f.name for f in fields(Task))


def job_values(job: Job) -> Values:
    """Columns of a job that its record has."""
    return {
        "job_id": job.job_id,
        "kind": job.kind,
        "dsl": job.dsl,
        "conf": job.conf,
        "roles": roles_to_json(job.roles),
        "initiator_role": job.initiator.role.value,
        "initiator_party_id": job.initiator.party_id,
        "model_id": job.model_id,
        "model_version": job.model_version,
        "description": job.description,
        "upload": job.upload,
        "train_conf": job.train_conf,
        "created_ms": job.created_ms,
        **moving_job_values(job),
    }


def moving_job_values(job: Job) -> Values:
    """Columns of a job that change while it lives."""
    return {
        "status": job.status.value,
        "epoch": job.epoch,
        "progress": job.progress,
        "reason": reason_json(job.reason),
        "waiting_for": [[w.party_id, w.what, w.code] for w in job.waiting_for],
        "updated_ms": job.updated_ms,
        "started_ms": job.started_ms,
        "ended_ms": job.ended_ms,
    }


def job_of(row: Row[Any]) -> Job:
    """The job of a row."""
    return Job(
        job_id=row.job_id,
        kind=row.kind,
        dsl=row.dsl,
        conf=row.conf,
        roles=roles_from_json(row.roles),
        initiator=Party(Role(row.initiator_role), row.initiator_party_id),
        model_id=row.model_id,
        model_version=row.model_version,
        status=Status(row.status),
        epoch=row.epoch,
        progress=row.progress,
        description=row.description,
        created_ms=row.created_ms,
        updated_ms=row.updated_ms,
        started_ms=row.started_ms,
        ended_ms=row.ended_ms,
        reason=reason_of(row.reason),
        waiting_for=tuple(Waiting(*waiting) for waiting in row.waiting_for),
        upload=row.upload,
        train_conf=row.train_conf,
    )


def task_values(task: Task) -> Values:
    """Columns of a task."""
    values = {name: getattr(task, name) for name in _TASK_FIELDS}
    return values | {
        "role": task.role.value,
        "status": task.status.value,
        "party_status": task.party_status.value,
        "reason": reason_json(task.reason),
        "depends": list(task.depends),
    }


def task_of(row: Row[Any]) -> Task:
    """The task of a row."""
    values = {name: getattr(row, name) for name in _TASK_FIELDS}
    return Task(
        **values
        | {
            "role": Role(row.role),
            "status": Status(row.status),
            "party_status": Status(row.party_status),
            "reason": reason_of(row.reason),
            "depends": tuple(row.depends),
        }
    )


def member_values(job_id: str, member: Member) -> Values:
    """Columns of a member of a job."""
    return {
        "job_id": job_id,
        "party_id": member.party_id,
        "key": member.key,
        "stage": member.stage.value,
        "offer": member.offer,
        "letters": encode(dict(member.letters)),
        "keyed": member.keyed,
        "away": member.away,
        "doubt_ms": member.doubt_ms,
    }


def member_of(row: Row[Any]) -> Member:
    """The member of a row."""
    return Member(
        party_id=row.party_id,
        key=row.key,
        stage=Stage(row.stage),
        offer=row.offer,
        letters=decode(row.letters),
        keyed=row.keyed,
        away=row.away,
        doubt_ms=row.doubt_ms,
    )


def output_of(row: Row[Any]) -> OutputTable:
    """The output table of a row."""
    return OutputTable(
        job_id=row.job_id,
        component=row.component,
        task_id=row.task_id,
        version=row.version,
        role=Role(row.role),
        party_id=row.party_id,
        output=row.output,
        namespace=row.namespace,
        name=row.name,
        rows=row.rows,
        header=tuple(row.header),
        schema=row.schema,
        partitions=row.partitions,
        kind=row.kind,
    )


def table_values(table: TableRecord) -> dict[str, Any]:
    """A table as a row."""
    return {
        "party_id": table.party_id,
        "namespace": table.namespace,
        "name": table.name,
        "rows": table.rows,
        "partitions": table.partitions,
        "header": list(table.header),
        "schema": table.schema,
        "job_id": table.job_id,
        "created_ms": table.created_ms,
    }


def table_of(row: Row[Any]) -> TableRecord:
    """The table of a row."""
    return TableRecord(
        party_id=row.party_id,
        namespace=row.namespace,
        name=row.name,
        rows=row.rows,
        partitions=row.partitions,
        schema=row.schema,
        created_ms=row.created_ms,
        header=tuple(row.header),
        job_id=row.job_id,
    )


def invite_of(row: Row[Any]) -> Invite:
    """The invite of a row."""
    return Invite(**row._mapping)


def reason_json(reason: Reason | None) -> Values | None:
    """A reason as a document."""
    return None if reason is None else reason.model_dump()


def reason_of(value: Values | None) -> Reason | None:
    """The reason that was kept."""
    return None if value is None else Reason.model_validate(value)
