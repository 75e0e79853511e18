"""Our records in FATE-Flow's words: the `f_` rows of jobs, tasks and outputs. Pure.

Every key is in every row: the clients of FATE delete `f_dsl` and `f_runtime_conf` from job rows
without looking. `ready` and other words of later versions never appear, since the pipeline SDK
raises on a status that it does not know.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from coordinator.domain.records import Job, JobEvent, OutputTable, Task, Waiting
from federation.fateflow.tables import output_shown
from federation.spec.orders import Reason
from federation.spec.party import Party, Role, shown_party_id
from federation.spec.status import ENDED, Status


def roles_shown(roles: Mapping[Role, Sequence[str]]) -> dict[str, list[int | str]]:
    """Roles as FATE writes them: ids are ints where they are numeric."""
    return {role.value: [shown_party_id(party) for party in ids] for role, ids in roles.items()}


def date_of(time_ms: int | None) -> str | None:
    """`YYYY-MM-DD HH:MM:SS` in UTC."""
    if time_ms is None:
        return None
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def job_row(job: Job, seat: Party) -> dict[str, Any]:
    """One job as seen from one seat."""
    return {
        "f_job_id": job.job_id,
        "f_name": "",
        "f_description": job.description,
        "f_tag": "job_end" if job.status in ENDED else "",
        "f_dsl": dict(job.dsl),
        "f_runtime_conf": dict(job.conf),
        "f_runtime_conf_on_party": dict(job.conf),
        "f_train_runtime_conf": dict(job.train_conf or {}),
        "f_roles": roles_shown(job.roles),
        "f_work_mode": 0,
        "f_initiator_role": job.initiator.role.value,
        "f_initiator_party_id": job.initiator.party_id,
        "f_status": job.status.value,
        "f_status_code": None,
        "f_user": {},
        "f_user_id": "",
        "f_role": seat.role.value,
        "f_party_id": seat.party_id,
        "f_is_initiator": seat == job.initiator,
        "f_progress": job.progress,
        "f_ready_signal": False,
        "f_ready_time": None,
        "f_cancel_signal": job.status is Status.CANCELED,
        "f_cancel_time": job.ended_ms if job.status is Status.CANCELED else None,
        "f_rerun_signal": False,
        "f_end_scheduling_updates": int(job.status in ENDED),
        "f_engine_name": "TRIPACT",
        "f_engine_type": "computing",
        "f_cores": 0,
        "f_memory": 0,
        "f_remaining_cores": 0,
        "f_remaining_memory": 0,
        "f_resource_in_use": job.status is Status.RUNNING,
        "f_apply_resource_time": job.started_ms,
        "f_return_resource_time": job.ended_ms,
        "f_inheritance_info": (taken_over := _taken_over(job)),
        "f_inheritance_status": Status.SUCCESS.value if taken_over else "",
        "f_run_ip": "",
        "f_current_steps": None,
        "f_current_tasks": [],
        **_times(job),
    }


def _taken_over(job: Job) -> dict[str, Any]:
    """What the job takes over from an earlier one, as its conf says."""
    home = job.conf.get("job_parameters") or {}
    info = (home.get("common") or home).get("inheritance_info")
    return dict(info) if isinstance(info, Mapping) else {}


def task_row(task: Task, job: Job) -> dict[str, Any]:
    """One attempt of a task at one seat."""
    return {
        "f_job_id": task.job_id,
        "f_component_name": task.component,
        "f_component_module": task.module,
        "f_task_id": task.task_id,
        "f_task_version": task.version,
        "f_initiator_role": job.initiator.role.value,
        "f_initiator_party_id": job.initiator.party_id,
        "f_federated_mode": "MULTIPLE",
        "f_federated_status_collect_type": "PUSH",
        "f_status": task.status.value,
        "f_status_code": None,
        "f_auto_retries": task.auto_retries_left,
        "f_auto_retry_delay": 1,
        "f_role": task.role.value,
        "f_party_id": task.party_id,
        "f_run_on_this_party": True,
        "f_worker_id": "",
        "f_cmd": [],
        "f_run_ip": "",
        "f_run_port": 0,
        "f_run_pid": task.pid,
        "f_party_status": task.party_status.value,
        "f_provider_info": {},
        "f_component_parameters": dict(task.params),
        "f_engine_conf": {},
        "f_kill_status": task.party_status is Status.CANCELED,
        "f_error_report": "" if task.reason is None else sentence_of(task.reason),
        **_times(task),
    }


def output_row(output: OutputTable) -> dict[str, Any]:
    """One output table, by name."""
    return output_shown(output.output, output.namespace, output.name)


def view_row(output: OutputTable) -> dict[str, Any]:
    """One output table, as the data view lists it."""
    return {
        "f_job_id": output.job_id,
        "f_component_name": output.component,
        "f_task_id": output.task_id,
        "f_task_version": output.version,
        "f_data_name": output.output,
        "f_role": output.role.value,
        "f_party_id": output.party_id,
        "f_table_name": output.name,
        "f_table_namespace": output.namespace,
        "f_description": "",
    }


def listed_job(job: Job) -> dict[str, Any]:
    """A job of `job/list/job`: the initiator's row without `f_`, and its partners."""
    row = {key.removeprefix("f_"): value for key, value in job_row(job, job.initiator).items()}
    row["party_id"] = shown_party_id(job.initiator.party_id)
    row["partners"] = sorted(
        {shown_party_id(seat.party_id) for seat in job.seats if seat != job.initiator}, key=str
    )
    return row


def listed_task(task: Task, job: Job) -> dict[str, Any]:
    """A task of `job/list/task`: its row without `f_`."""
    return {key.removeprefix("f_"): value for key, value in task_row(task, job).items()}


def sentence_of(reason: Reason) -> str:
    """A reason in one line."""
    where = f"{reason.path}: " if reason.path else ""
    return f"{where}{reason.message} ({reason.code})"


def course_of(events: Iterable[JobEvent]) -> list[str]:
    """The course of a job in lines, oldest first: what was decided when, and why."""
    return [f"{date_of(event.time_ms)} {_level(event)} {_happened(event)}" for event in events]


def went_wrong(line: str) -> bool:
    """Whether a line of the course of a job tells of something that went wrong."""
    return f" {_WRONG} " in line


_WRONG = "ERROR"
_BAD_ENDS = frozenset({Status.FAILED, Status.TIMEOUT})


def _level(event: JobEvent) -> str:
    bad = event.kind == "retry" or event.facts.get("status") in _BAD_ENDS
    return _WRONG if bad else "INFO"


def _happened(event: JobEvent) -> str:
    facts = event.facts
    match event.kind:
        case "job":
            said = f"job {facts['status']}"
        case "task":
            attempt = f"{facts['component']} version {facts['version']}"
            said = f"{attempt} at {facts['role']}:{facts['party_id']} {facts['status']}"
        case "waits":
            return f"job waits: {facts['reason']}"
        case "retry":
            said = f"{facts['component']} is tried again"
        case "renewed":
            return f"{facts['component']} is to run anew"
        case kind:
            return f"{kind} {dict(facts)}"
    return f"{said}: {facts['reason']}" if facts.get("reason") else said


def waiting_row(waiting: Waiting) -> dict[str, Any]:
    """What is waited for."""
    return {"party_id": waiting.party_id, "what": waiting.what, "code": waiting.code}


def _times(record: Job | Task) -> dict[str, Any]:
    return {
        "f_start_time": record.started_ms,
        "f_start_date": date_of(record.started_ms),
        "f_end_time": record.ended_ms,
        "f_end_date": date_of(record.ended_ms),
        "f_elapsed": record.elapsed_ms or None,
        "f_create_time": record.created_ms,
        "f_create_date": date_of(record.created_ms),
        "f_update_time": record.updated_ms,
        "f_update_date": date_of(record.updated_ms),
    }
