"""Questions about the graph of a DSL: what feeds what, how deep, what may be taken over."""

from collections.abc import Collection, Mapping

from federation.errors import Problem
from federation.spec.documents import JsonObject, JsonValue
from federation.spec.dsl import ComponentNode, Dsl, PortKind
from federation.spec.findings import did_you_mean

_SHOWN_SLOTS = {
    "train_data": "train_data",
    "validate_data": "validate_data",
    "eval_data": "validate_data",
    "test_data": "validate_data",
    "model": "model",
    "isometric_model": "model",
    "cache": "cache",
}


def dag_dependency(dsl: Dsl, need_run: Mapping[str, bool] | None = None) -> JsonObject:
    """The graph as FATE's board draws it.

    Args:
        need_run: by component, what its parameter `need_run` says at the party that asks.
    """
    dependencies: JsonObject = {}
    for node in dsl.components:
        items: list[JsonValue] = [
            {
                "component_name": ref.component,
                "type": _SHOWN_SLOTS.get(slot, PortKind.DATA.value),
                "up_output_info": [ref.kind.value, ref.index],
            }
            for slot, _, ref in node.inputs()
            if not ref.stored
        ]
        if items:
            dependencies[node.name] = items
    return {
        "component_list": list(dsl.names),
        "component_module": {node.name: node.module for node in dsl.components},
        "dependencies": dependencies,
        "component_need_run": {name: (need_run or {}).get(name, True) for name in dsl.names},
    }


def depths(dsl: Dsl) -> dict[str, int]:
    """How many components stand before each one on the longest way to it."""
    result: dict[str, int] = {}
    for node in dsl.components:
        result[node.name] = max((result[up] + 1 for up in node.upstream), default=0)
    return result


def downstream_of(dsl: Dsl, names: Collection[str]) -> frozenset[str]:
    """Components that directly take something from one of `names`."""
    wanted = frozenset(names)
    return frozenset(node.name for node in dsl.components if node.upstream & wanted)


def inheritance_problems(dsl: Dsl, old: Dsl, names: Collection[str]) -> list[Problem]:
    """Why a job may not take over the outputs of `names` from an earlier job with DSL `old`.

    They must be the same in both jobs, and nothing they take may come from outside of them.
    """
    path = "job_runtime_conf.job_parameters.inheritance_info.component_list"
    problems = []
    for name in names:
        here, there = dsl.find(name), old.find(name)
        if here is None or there is None:
            which, known = ("this job", dsl) if here is None else ("the earlier job", old)
            hint = did_you_mean(name, known.names)
            problems.append(Problem(path, f'{which} has no component "{name}"{hint}'))
        elif _ports(here) != _ports(there):
            message = f"{name} has another module, other inputs or other outputs in that job"
            problems.append(Problem(path, message))
        elif outside := here.upstream - set(names):
            message = f"{name} takes from {', '.join(sorted(outside))}: list that as well"
            problems.append(Problem(path, message))
    return problems


def _ports(node: ComponentNode) -> tuple[object, ...]:
    return node.module, frozenset(node.inputs()), node.outputs
