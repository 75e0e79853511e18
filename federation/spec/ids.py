"""Names of jobs, tasks, sessions, models and the tables that tasks make.

Source: FATE-Flow 1.x naming. Clients sort and compare job ids as texts, so a job id has a fixed
width and grows as a text exactly as it grows as a number.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from federation.spec.party import Party, Role

_STAMP = "%Y%m%d%H%M%S%f"
_STAMP_DIGITS = 20


def next_job_id(now: datetime, last: str | None = None) -> str:
    """A job id: the time to the microsecond (20 digits) and one counter digit.

    It is larger than `last` whatever the clock does: within a microsecond, and while the clock is
    behind `last`, the id counts on from `last`.

    Raises:
        ValueError: `last` is no job id.
    """
    stamp = now.replace(tzinfo=None).strftime(_STAMP).rjust(_STAMP_DIGITS, "0")
    if last is None or stamp > last[:_STAMP_DIGITS]:
        return f"{stamp}0"
    counter = last[_STAMP_DIGITS:]
    if len(counter) == 1 and counter in "012345678":
        return f"{last[:_STAMP_DIGITS]}{int(counter) + 1}"
    after = datetime.strptime(last[:_STAMP_DIGITS], _STAMP) + timedelta(microseconds=1)
    return f"{after.strftime(_STAMP)}0"


def task_id(job_id: str, component: str) -> str:
    """The id of a component's task within a job, the same at all parties."""
    return f"{job_id}_{component}"


def session_id(task: str, version: int, seat: Party) -> str:
    """The id of one seat's share of one attempt."""
    return f"{task}_{version}_{seat.role}_{seat.party_id}"


def output_namespace(task: str, version: int) -> str:
    """The namespace of tables an attempt makes."""
    return f"output_data_{task}_{version}"


def cache_namespace(task: str, version: int) -> str:
    """The namespace of caches an attempt makes."""
    return f"output_cache_{task}_{version}"


def model_id(roles: Mapping[Role, tuple[str, ...]]) -> str:
    """The model id of a job: `arbiter-10000#guest-9999#host-10000_10001#model`."""
    parts = [f"{role}-{'_'.join(roles[role])}" for role in sorted(roles) if roles[role]]
    return "#".join((*parts, "model"))


def party_model_id(seat: Party, model: str) -> str:
    """The name of one seat's share of a model: `guest#9999#<model id>`."""
    return f"{seat.role}#{seat.party_id}#{model}"
