"""Records to rows and back."""

from typing import Any

from sqlalchemy.engine import Row

from coordinator.domain.records import Job, Waiting
from coordinator.domain.state import Member
from coordinator.store.fields import Values, reason_of, record_of, values_of
from coordinator.store.plans import roles_from_json, roles_to_json
from federation.spec.party import Party, Role
from federation.spec.status import Status
from federation.wire.codec import decode, encode


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
        "reason": None if job.reason is None else job.reason.model_dump(),
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


def member_values(job_id: str, member: Member) -> Values:
    """Columns of a member of a job."""
    return values_of(member, job_id=job_id, letters=encode(dict(member.letters)))


def member_of(row: Row[Any]) -> Member:
    """The member of a row."""
    return record_of(Member, row, letters=decode(row.letters))
