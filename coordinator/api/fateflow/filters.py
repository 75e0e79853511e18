"""From the fields of a query to our filters. Pure.

Query routes filter on every column named in the body (without `f_`) that they know and ignore the
rest; a value of a wrong kind is an error, not an empty answer. A model that is loaded is kept in
memory by a job; to FATE's users loading is no job, so that it is found by its id, or by the kind
`serve`, alone.
"""

from collections.abc import Mapping
from typing import Any

from coordinator.domain.records import KINDS, Job, JobFilter, JobKind, TaskFilter
from federation.fateflow.reading import number_of, text_of
from federation.fateflow.seats import party_of, role_of
from federation.spec.party import Party, Role
from federation.spec.status import Status

_FILTERED = frozenset(
    {"job_id", "status", "party_status", "role", "party_id", "model_id", "model_version"}
    | {"component_name", "task_id", "task_version"}
)
"""Columns that the store filters by."""


def job_filter(body: Mapping[str, Any]) -> JobFilter:
    """Which jobs a body asks for."""
    job_id, kind = _text(body, "job_id"), _kind(body)
    return JobFilter(
        job_id=job_id,
        kind=kind,
        ends=job_id is None and kind is None,
        status=statuses(body, "status"),
        role=role_of(body),
        party_id=party_of(body),
        model_id=_text(body, "model_id"),
        model_version=_text(body, "model_version"),
    )


def page_filter(body: Mapping[str, Any]) -> JobFilter:
    """Which jobs a page shows; job id, description and partner match in part."""
    kind = _kind(body)
    return JobFilter(
        kind=kind,
        ends=kind is None,
        job_id_has=_text(body, "job_id"),
        description_has=_text(body, "description"),
        party_id=party_of(body),
        partner=party_of(body, "partner"),
        role=role_of(body),
        status=statuses(body, "status"),
    )


def task_filter(body: Mapping[str, Any]) -> TaskFilter:
    """Which tasks a body asks for."""
    version = number_of(body, "task_version", -1)
    job_id, task_id = _text(body, "job_id"), _text(body, "task_id")
    return TaskFilter(
        job_id=job_id,
        ends=job_id is None and task_id is None,
        component=_text(body, "component_name"),
        task_id=task_id,
        version=None if version < 0 else version,
        role=role_of(body),
        party_id=party_of(body),
        status=statuses(body, "status"),
        party_status=statuses(body, "party_status"),
    )


def matches(row: Mapping[str, Any], body: Mapping[str, Any]) -> bool:
    """Whether a row has what the body says of its columns, beyond what the filters know.

    Only columns that hold one value count: `dsl` or `user` in a body is noise of a client.
    """
    for name, value in body.items():
        held = row.get(f"f_{name}")
        if name in _FILTERED or value is None or not isinstance(held, str | int | bool):
            continue
        if str(held).lower() != str(value).lower():
            return False
    return True


def seats_shown(job: Job, role: Role | None, party_id: str | None) -> list[Party]:
    """The seats of a job that a query with this role and party sees."""
    return [
        seat
        for seat in job.seats
        if role in (None, seat.role) and party_id in (None, seat.party_id)
    ]


def statuses(body: Mapping[str, Any], name: str) -> tuple[Status, ...] | None:
    """Statuses, given as a word or a list of words; unknown words match nothing."""
    value = body.get(name)
    if value in (None, "", []):
        return None
    words = value if isinstance(value, list) else [value]
    return tuple(Status(word) for word in words if word in list(Status))


def _kind(body: Mapping[str, Any]) -> JobKind | None:
    return next((kind for kind in KINDS if kind == body.get("kind")), None)


def _text(body: Mapping[str, Any], name: str) -> str | None:
    return None if body.get(name) in (None, "") else text_of(body, name)
