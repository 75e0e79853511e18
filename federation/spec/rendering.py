"""A job that was read, written again: one form for both versions, every section resolved.

What was posted is what a coordinator keeps; this is for those who ask what a party runs with, and
for readers that know DSL version 2 only.
"""

from federation.spec.documents import JsonObject, JsonValue
from federation.spec.dsl import ComponentNode, Dsl, PortRef
from federation.spec.job import JobSpec
from federation.spec.job_parameters import JobParameters
from federation.spec.party import Party, shown_party_id


def dsl_document(dsl: Dsl) -> JsonObject:
    """A DSL as a document of version 2; what version 1 calls `args.<key>` are Readers."""
    return {"components": {node.name: _component(node) for node in dsl.components}}


def conf_document(job: JobSpec, seat: Party | None = None) -> JsonObject:
    """A conf as a document of version 2.

    Args:
        seat: whose parameters to show; everybody's if None.
    """
    conf = job.conf
    by_role: JsonObject = {}
    for role, party_ids in conf.roles.items():
        places: JsonObject = {}
        for i, party_id in enumerate(party_ids):
            at = Party(role, party_id)
            given: JsonObject = {
                name: conf.parameters[name, at].values
                for name in job.dsl.names
                if (name, at) in conf.parameters
            }
            if given and seat in (None, at):
                places[str(i)] = given
        if places:
            by_role[role.value] = places
    parameters = conf.job_parameters if seat is None else conf.job_parameters_at(seat)
    initiator = conf.initiator
    return {
        "dsl_version": 2,
        "initiator": {
            "role": initiator.role.value,
            "party_id": shown_party_id(initiator.party_id),
        },
        "role": {r.value: [shown_party_id(p) for p in ids] for r, ids in conf.roles.items()},
        "job_parameters": {"common": _job_parameters(parameters)},
        "component_parameters": {"role": by_role},
    }


def _component(node: ComponentNode) -> JsonObject:
    inputs: JsonObject = {
        "data": {slot: _texts(refs) for slot, refs in node.data.items()},
        "model": _texts(node.model),
        "isometric_model": _texts(node.isometric_model),
        "cache": _texts(node.cache),
    }
    outputs: JsonObject = {
        "data": list(node.outputs.data),
        "model": list(node.outputs.model),
        "cache": list(node.outputs.cache),
    }
    document: JsonObject = {
        "module": node.module,
        "input": _filled(inputs),
        "output": _filled(outputs),
        "need_deploy": node.need_deploy,
    }
    return _filled(document)


def _texts(refs: tuple[PortRef, ...]) -> list[JsonValue]:
    return [f"{'pipeline.' if r.stored else ''}{r.component}.{r.output}" for r in refs]


def _filled(document: JsonObject) -> JsonObject:
    return {key: value for key, value in document.items() if value not in (None, [], {})}


def _job_parameters(given: JobParameters) -> JsonObject:
    inherited = given.inheritance
    document: JsonObject = {
        "job_type": given.job_type.value,
        "model_id": given.model_id,
        "model_version": given.model_version,
        "task_cores": given.task_cores,
        "task_parallelism": given.task_parallelism,
        "computing_partitions": given.computing_partitions,
        "auto_retries": given.auto_retries,
        "auto_retry_delay": given.auto_retry_delay_s,
        "timeout": given.timeout_s,
        "user": given.user or None,
    }
    if inherited is not None:
        names: list[JsonValue] = [*inherited.components]
        document["inheritance_info"] = {"job_id": inherited.job_id, "component_list": names}
    return _filled(document)
