"""Plans and roles as JSON, as the store keeps them."""

from collections.abc import Mapping
from typing import Any

from coordinator.domain.state import JobPlan, PlannedSeat, PlannedTask, Source
from federation.spec.orders import TableName
from federation.spec.party import Role

Json = dict[str, Any]


def plan_to_json(plan: JobPlan) -> Json:
    """A plan as plain JSON."""
    return {
        "digest": plan.digest.hex(),
        "cores": plan.cores,
        "claims": dict(plan.claims),
        "parallelism": plan.parallelism,
        "auto_retries": plan.auto_retries,
        "retry_delay_ms": plan.retry_delay_ms,
        "timeout_ms": plan.timeout_ms,
        "tasks": [_task_to_json(task) for task in plan.tasks],
    }


def plan_from_json(value: Json) -> JobPlan:
    """The plan that was kept."""
    return JobPlan(
        tasks=tuple(_task_from_json(task) for task in value["tasks"]),
        digest=bytes.fromhex(value["digest"]),
        cores=value["cores"],
        claims=value.get("claims", {}),
        parallelism=value["parallelism"],
        auto_retries=value["auto_retries"],
        retry_delay_ms=value["retry_delay_ms"],
        timeout_ms=value["timeout_ms"],
    )


def roles_to_json(roles: Mapping[Role, tuple[str, ...]]) -> list[Any]:
    """Roles as a list of pairs: their order counts, and JSON objects promise none."""
    return [[role.value, list(ids)] for role, ids in roles.items()]


def roles_from_json(value: list[Any]) -> dict[Role, tuple[str, ...]]:
    """The roles that were kept."""
    return {Role(role): tuple(ids) for role, ids in value}


def _task_to_json(task: PlannedTask) -> Json:
    return {
        "component": task.component,
        "module": task.module,
        "task_id": task.task_id,
        "depends": list(task.depends),
        "data_outputs": list(task.data_outputs),
        "model_outputs": list(task.model_outputs),
        "cache_outputs": list(task.cache_outputs),
        "timeout_ms": task.timeout_ms,
        "seats": [_seat_to_json(seat) for seat in task.seats],
    }


def _task_from_json(value: Json) -> PlannedTask:
    return PlannedTask(
        component=value["component"],
        module=value["module"],
        task_id=value["task_id"],
        depends=tuple(value["depends"]),
        data_outputs=tuple(value["data_outputs"]),
        model_outputs=tuple(value["model_outputs"]),
        cache_outputs=tuple(value["cache_outputs"]),
        timeout_ms=value.get("timeout_ms"),
        seats=tuple(_seat_from_json(seat) for seat in value["seats"]),
    )


def _seat_to_json(seat: PlannedSeat) -> Json:
    return {
        "role": seat.role.value,
        "party_id": seat.party_id,
        "index": seat.index,
        "params": seat.params,
        "tables": [[table.namespace, table.name] for table in seat.tables],
        "data": {slot: _sources_to_json(sources) for slot, sources in seat.data.items()},
        "model": _sources_to_json(seat.model),
        "isometric_model": _sources_to_json(seat.isometric_model),
        "cache": _sources_to_json(seat.cache),
    }


def _seat_from_json(value: Json) -> PlannedSeat:
    return PlannedSeat(
        role=Role(value["role"]),
        party_id=value["party_id"],
        index=value["index"],
        params=value["params"],
        tables=tuple(TableName(namespace=n, name=m) for n, m in value["tables"]),
        data={slot: _sources_from_json(sources) for slot, sources in value["data"].items()},
        model=_sources_from_json(value["model"]),
        isometric_model=_sources_from_json(value["isometric_model"]),
        cache=_sources_from_json(value["cache"]),
    )


def _sources_to_json(sources: tuple[Source, ...]) -> list[list[str]]:
    return [[s.component, s.output, s.model_id, s.model_version] for s in sources]


def _sources_from_json(value: list[list[str]]) -> tuple[Source, ...]:
    return tuple(Source(*source) for source in value)
