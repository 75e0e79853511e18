"""The conf a prediction runs with: the training's, overlaid with the small one that was posted.

Objects are merged key by key, everything else is replaced. Parties may be fewer than in the
training and in another order; what the training's conf says by index is re-indexed first.
Source: FATE-Flow 1.x, predict conf.
"""

from collections.abc import Mapping
from typing import cast

from federation.errors import InvalidJob, Problem
from federation.spec.conf import CONF, read_version
from federation.spec.documents import JsonObject, JsonValue, find_flaw
from federation.spec.dsl import MOST_NESTING, READER, read_dsl
from federation.spec.findings import Findings, kind_of
from federation.spec.parameters import merged, seats_of_key
from federation.spec.party import GUEST, HOST, party_id_of

_Roles = Mapping[str, tuple[str, ...]]


def merge_predict_conf(train_conf: JsonObject, posted: object) -> JsonObject:
    """The conf of a prediction, for `read_job`.

    Args:
        train_conf: the conf of the training, as it was accepted.
        posted: the conf of the submit request, as it came.

    Raises:
        InvalidJob: `posted` is no object, is of another DSL version, or names parties that did not
            take part in the training.
    """
    if flaw := find_flaw(posted, MOST_NESTING, (CONF,)):
        raise InvalidJob([flaw])
    if not isinstance(posted, dict):
        raise InvalidJob([Problem(CONF, f"is {kind_of(posted)}, must be an object")])
    over: JsonObject = posted
    findings = Findings()
    version = read_version(findings, train_conf)
    _check_version(findings, over, version)
    old = _roles_of(train_conf)
    new = _roles_of(over) if over.get("role") else old
    _check_roles(findings, over, old, new)
    findings.settle()
    under = _without_inheritance(train_conf)
    if over.get("role"):
        # A role that the prediction does not name takes no part in it.
        under.pop("role", None)
    if version == 1:
        return merged(_lists_reordered(under, old, new), over)
    return merged(_by_place(under, old, new), _by_place(over, new, new))


def conf_template(
    dsl: JsonObject, train_conf: JsonObject, model_id: str, model_version: str
) -> JsonObject:
    """A predict conf to fill in: everything but the names of the tables.

    Args:
        dsl: of the training or of the prediction; its Readers are to be filled in.

    Raises:
        InvalidJob: the DSL has problems.
    """
    version = read_version(Findings(), train_conf)
    model: JsonObject = {
        "model_id": model_id,
        "model_version": model_version,
        "job_type": "predict",
    }
    given = _without_inheritance(train_conf)
    template: JsonObject = {
        "dsl_version": version,
        "role": given.get("role"),
        "initiator": given.get("initiator"),
        "job_parameters": given.get("job_parameters"),
    }
    overlay: JsonObject = {"common": model}
    template = merged(template, {"job_parameters": model if version == 1 else overlay})
    counts = {role: len(ids) for role, ids in _roles_of(given).items() if role in (GUEST, HOST)}
    if version == 1:
        return {**template, "role_parameters": _lists_to_fill(counts)}
    nodes = read_dsl(dsl, version, predict=True).components
    readers = [node.name for node in nodes if node.module == READER]
    return {**template, "component_parameters": {"role": _readers_to_fill(counts, readers)}}


def _lists_to_fill(counts: Mapping[str, int]) -> JsonObject:
    return {
        role: {"args": {"data": {"eval_data": [_table_to_fill(0) for _ in range(count)]}}}
        for role, count in counts.items()
    }


def _readers_to_fill(counts: Mapping[str, int], readers: list[str]) -> JsonObject:
    tables: JsonObject = {name: {"table": _table_to_fill(i)} for i, name in enumerate(readers)}
    return {role: {str(i): tables for i in range(count)} for role, count in counts.items()}


def _table_to_fill(number: int) -> JsonObject:
    return {
        "name": f"name_to_be_filled_{number}",
        "namespace": f"namespace_to_be_filled_{number}",
    }


# --- what must hold ------------------------------------------------------------------------------


def _check_version(findings: Findings, posted: JsonObject, version: int) -> None:
    job_parameters = posted.get("job_parameters")
    flat = isinstance(job_parameters, dict) and "job_type" in job_parameters
    if version == 2 and flat and "common" not in cast(JsonObject, job_parameters):
        message = "the model is of dsl_version 2: write job_parameters.common"
        findings.problem((CONF, "job_parameters"), message)
    elif "dsl_version" in posted and read_version(findings, posted) != version:
        message = f"the model was trained with dsl_version {version}"
        findings.problem((CONF, "dsl_version"), message)


def _roles_of(conf: JsonObject) -> dict[str, tuple[str, ...]]:
    """Party ids by role; what is not of that form is left to `read_conf` to complain about."""
    given = conf.get("role")
    roles: dict[str, tuple[str, ...]] = {}
    for role, ids in given.items() if isinstance(given, dict) else ():
        try:
            roles[role] = tuple(party_id_of(entry) for entry in cast("list[object]", ids))
        except (TypeError, ValueError):
            continue
    return roles


def _check_roles(findings: Findings, posted: JsonObject, old: _Roles, new: _Roles) -> None:
    for role, parties in new.items():
        for i, party_id in enumerate(parties):
            if party_id not in old.get(role, ()):
                message = f"party {party_id} was no {role} of the training"
                findings.problem((CONF, "role", role, i), message)


# --- re-indexing ---------------------------------------------------------------------------------


def _without_inheritance(conf: JsonObject) -> JsonObject:
    """A training's conf without what it took over from a job before it."""
    result = dict(conf)
    parameters = conf.get("job_parameters")
    if isinstance(parameters, dict):
        kept = {key: v for key, v in parameters.items() if key != "inheritance_info"}
        common = kept.get("common")
        if isinstance(common, dict):
            kept["common"] = {key: v for key, v in common.items() if key != "inheritance_info"}
        result["job_parameters"] = kept
    return result


def _by_place(conf: JsonObject, old: _Roles, new: _Roles) -> JsonObject:
    """A conf of version 2 whose role parts have one key per place, in the order of `new`.

    With keys like `0|1` left in place, a later section of the training would win over the posted.
    """
    result = dict(conf)
    for name in ("component_parameters", "job_parameters"):
        section = conf.get(name)
        roles = section.get("role") if isinstance(section, dict) else None
        if isinstance(section, dict) and isinstance(roles, dict):
            parts: JsonObject = {r: _placed(r, part, old, new) for r, part in roles.items()}
            result[name] = {**section, "role": parts}
    return result


def _placed(role: str, part: JsonValue, old: _Roles, new: _Roles) -> JsonValue:
    if not isinstance(part, dict) or not all(isinstance(v, dict) for v in part.values()):
        return part
    before, after = old.get(role, ()), new.get(role, ())
    places: dict[str, JsonObject] = {}
    for key, values in part.items():
        for place in seats_of_key(key, len(before)):
            if before[place] in after:
                new_key = str(after.index(before[place]))
                places[new_key] = merged(places.get(new_key, {}), cast(JsonObject, values))
    return cast(JsonObject, places)


def _lists_reordered(conf: JsonObject, old: _Roles, new: _Roles) -> JsonObject:
    """A conf of version 1 whose lists per party are in the order of `new`."""
    parts = conf.get("role_parameters")
    if not isinstance(parts, dict):
        return conf
    reordered: JsonObject = {}
    for role, part in parts.items():
        before, after = old.get(role, ()), new.get(role, ())
        places = [before.index(party_id) for party_id in after if party_id in before]
        reordered[role] = _reordered(part, places, len(before))
    return {**conf, "role_parameters": reordered}


def _reordered(value: JsonValue, places: list[int], count: int) -> JsonValue:
    if isinstance(value, dict):
        return {key: _reordered(inner, places, count) for key, inner in value.items()}
    if isinstance(value, list) and len(value) == count:
        return [value[place] for place in places]
    return value
