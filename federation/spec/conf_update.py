"""Other parameters for a job, as FATE's clients post them, in the form of a conf of version 1.

They are posted as version 2 has them, whatever the job is of: `common`, and by role and place.
Version 1 has algorithm parameters for all, and at every leaf of a role's parameters a list with
one value for each party of the role.
Source: FATE-Flow 1.7 and later, job parameter update; DSL version 1 of 1.2 to 1.7.
"""

import copy
from collections.abc import Mapping
from typing import cast

from federation.errors import InvalidJob, Problem
from federation.spec.documents import JsonObject, JsonValue
from federation.spec.parameters import merged, seats_of_key

_ROLE = "component_parameters.role"


def as_version_1(conf: JsonObject, more: JsonObject, parties: Mapping[str, int]) -> JsonObject:
    """What to lay over a conf of version 1.

    Args:
        more: component_parameters and job_parameters as of version 2; sections of version 1 go on
            as they are.
        parties: how many parties each role has.

    Raises:
        InvalidJob: a value is given for some parties of a role, and the others have none.
    """
    result = {name: value for name, value in more.items() if name not in _OF_VERSION_2}
    posted = _object(more.get("component_parameters"))
    if common := _object(posted.get("common")):
        result["algorithm_parameters"] = merged(_object(result.get("algorithm_parameters")), common)
    if by_role := _object(posted.get("role")):
        result["role_parameters"] = _role_parameters(conf, by_role, parties)
    job_parameters = _object(more.get("job_parameters"))
    if flat := _object(job_parameters.get("common")) or job_parameters:
        result["job_parameters"] = flat
    return result


_OF_VERSION_2 = ("component_parameters", "job_parameters")


def _role_parameters(
    conf: JsonObject, by_role: JsonObject, parties: Mapping[str, int]
) -> JsonObject:
    problems: list[Problem] = []
    now = _object(conf.get("role_parameters"))
    common = _object(conf.get("algorithm_parameters"))
    result: JsonObject = {}
    for role, by_place in by_role.items():
        count = parties.get(role, 0)
        changed = copy.deepcopy(_object(now.get(role)))
        for key, components in _object(by_place).items():
            for place in seats_of_key(key, count):
                _put(changed, common, _object(components), place, count)
        _find_gaps(changed, f"{_ROLE}.{role}", problems)
        result[role] = changed
    if problems:
        raise InvalidJob(problems)
    return result


_GAP = "\0 no value yet"


def _put(into: JsonObject, common: JsonObject, values: JsonObject, place: int, count: int) -> None:
    """Set the values of one party in lists that have one for each."""
    for name, value in values.items():
        if isinstance(value, dict):
            inner = into.setdefault(name, {})
            if isinstance(inner, dict):
                _put(inner, _object(common.get(name)), value, place, count)
                continue
        known = into.get(name)
        if not isinstance(known, list) or len(known) != count:
            known = [common.get(name, _GAP)] * count
        into[name] = [*known[:place], value, *known[place + 1 :]]


def _find_gaps(values: JsonValue, path: str, problems: list[Problem]) -> None:
    if isinstance(values, dict):
        for name, part in values.items():
            _find_gaps(part, f"{path}.{name}", problems)
    elif isinstance(values, list) and _GAP in values:
        message = "other parties of the role have no value for it; give one for each"
        problems.append(Problem(path, message))


def _object(value: object) -> JsonObject:
    return cast(JsonObject, value) if isinstance(value, dict) else {}
