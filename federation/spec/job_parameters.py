"""The job parameters Tripact reads, with FATE's defaults; all others are ignored.

FATE's engines, partitions of engines and status collection have no meaning here. Numbers may come
as texts, null means the default.
Source: FATE-Flow 1.2 to 1.11, job_parameters and job default settings.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from federation.spec.findings import Findings, Path, did_you_mean, shown


class JobType(StrEnum):
    """What a job is for."""

    TRAIN = "train"
    PREDICT = "predict"


@dataclass(frozen=True, slots=True)
class Inheritance:
    """Components whose outputs are taken over from an earlier job."""

    job_id: str
    components: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class JobParameters:
    """How a job is to run.

    Attributes:
        model_id, model_version: of the model to predict with; a training job may name its own.
        task_cores: cores per task and party.
        task_parallelism: tasks of the job that may run side by side.
        computing_partitions: into how many parts a party may split its work.
        auto_retries: how often a failed task is tried again.
        timeout_s: of the whole job, from its start.
        task_timeouts_s: of each attempt of a component, for those that have one of their own.
    """

    job_type: JobType = JobType.TRAIN
    model_id: str | None = None
    model_version: str | None = None
    inheritance: Inheritance | None = None
    task_cores: int = 4
    task_parallelism: int = 1
    computing_partitions: int | None = None
    auto_retries: int = 0
    auto_retry_delay_s: float = 1.0
    timeout_s: float = 259_200.0
    task_timeouts_s: Mapping[str, float] = field(default_factory=dict)
    user: str = ""


_Read = Callable[[Findings, object, Path], Any]
_LONGEST_TIME_S = 10 * 366 * 86_400


def read_job_parameters(
    findings: Findings, given: Mapping[str, object], paths: Mapping[str, Path], home: Path
) -> JobParameters:
    """Job parameters from their merged JSON.

    Args:
        paths: where each parameter was written.
        home: where a parameter that is missing would be written.
    """
    values: dict[str, Any] = {}
    for name, (field_name, read) in _FIELDS.items():
        if given.get(name) is None or field_name in values:
            continue
        value = read(findings, given[name], paths.get(name, (*home, name)))
        if value is not None:
            values[field_name] = value
    parameters = JobParameters(**values)
    if parameters.job_type is JobType.PREDICT:
        for name in ("model_id", "model_version"):
            if name not in values and given.get(name) is None:
                findings.problem((*home, name), "is missing: a prediction needs it")
    return parameters


def _job_type(findings: Findings, value: object, path: Path) -> JobType | None:
    if isinstance(value, str) and value in set(JobType):
        return JobType(value)
    hint = did_you_mean(value, list(JobType)) if isinstance(value, str) else ""
    findings.problem(path, f"is {shown(value)}, must be train or predict{hint}")
    return None


def _text(findings: Findings, value: object, path: Path) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return None if value == "" else findings.text_at(value, path)


def _inheritance(findings: Findings, value: object, path: Path) -> Inheritance | None:
    given = findings.object_at(value, path)
    if not given:
        return None
    job_id = _text(findings, given.get("job_id"), (*path, "job_id"))
    listed = findings.list_at(given.get("component_list"), (*path, "component_list"))
    names = [findings.text_at(v, (*path, "component_list", i)) for i, v in enumerate(listed)]
    components = tuple(name for name in names if name is not None)
    return Inheritance(job_id, components) if job_id and components else None


def _task_timeouts(findings: Findings, value: object, path: Path) -> dict[str, float]:
    """`{component: {"timeout": seconds}}`; other settings of tasks are ignored, as unknown are."""
    timeouts: dict[str, float] = {}
    for name, settings in findings.object_at(value, path).items():
        given = settings.get("timeout") if isinstance(settings, Mapping) else None
        if given is not None:
            read = _number(1, _LONGEST_TIME_S)(findings, given, (*path, name, "timeout"))
            if read is not None:
                timeouts[name] = read
    return timeouts


def _number(least: int, most: int) -> _Read:
    def read(findings: Findings, value: object, path: Path) -> float | None:
        number = _as_number(value)
        if number is None:
            findings.problem(path, f"is {shown(value)}, must be a number")
        elif not least <= number <= most:
            findings.problem(path, f"is {shown(value)}, must be from {least} to {most}")
        else:
            return number
        return None

    return read


def _whole(least: int, most: int) -> _Read:
    def read(findings: Findings, value: object, path: Path) -> int | None:
        number = _as_number(value)
        if number is None or number != int(number):
            findings.problem(path, f"is {shown(value)}, must be a whole number")
        elif not least <= number <= most:
            findings.problem(path, f"is {shown(value)}, must be from {least} to {most}")
        else:
            return int(number)
        return None

    return read


def _as_number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


_FIELDS: Mapping[str, tuple[str, _Read]] = {
    "job_type": ("job_type", _job_type),
    "model_id": ("model_id", _text),
    "model_version": ("model_version", _text),
    "inheritance_info": ("inheritance", _inheritance),
    "task_cores": ("task_cores", _whole(1, 10_000)),
    # The name of task_cores in versions before 1.5; the newer name wins.
    "processors_per_node": ("task_cores", _whole(1, 10_000)),
    "task_parallelism": ("task_parallelism", _whole(1, 1_000)),
    "computing_partitions": ("computing_partitions", _whole(1, 100_000)),
    "auto_retries": ("auto_retries", _whole(0, 1_000)),
    "auto_retry_delay": ("auto_retry_delay_s", _number(0, 86_400)),
    "timeout": ("timeout_s", _number(1, _LONGEST_TIME_S)),
    "task_conf": ("task_timeouts_s", _task_timeouts),
    "user": ("user", _text),
}
