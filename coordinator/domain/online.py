"""From a model version that predicts to the job that serves it: pure.

The steps of a prediction are planned as for a predict job, seat by seat, and given to one resident
component at the guest and each host. Horizontal models answer at the guest alone: it needs nobody's
columns but its own.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from coordinator.domain.deployment import Trained
from federation.errors import Conflict
from federation.spec import plan as spec
from federation.spec.catalogue import Catalogue
from federation.spec.documents import JsonObject, JsonValue
from federation.spec.dsl import READER, SERVING, ComponentNode
from federation.spec.job import JobSpec, read_job
from federation.spec.parameters import merged
from federation.spec.party import GUEST, HOST, Party
from federation.spec.plan import PlannedTask
from federation.spec.predict_conf import merge_predict_conf

TASK = "serving_0"
RETRIES = 1000
TIMEOUT_S = 10 * 365 * 86_400

_HORIZONTAL = "Homo"
"""How FATE begins the names of modules over one header and different rows."""

_ENTRY_SLOTS = ("data", "test_data")


class NothingToServe(Conflict):
    """A prediction has no last step, or several."""

    code = "nothing_to_serve"

    def __init__(self, model_version: str, found: list[str]) -> None:
        what = (
            f"ends in {len(found)} models ({', '.join(found)}); deploy one of them alone"
            if found
            else "has no component with a model; deploy one"
        )
        super().__init__(
            f"model version {model_version} {what}: model/deploy with its cpn_list",
            model_version=model_version,
        )


@dataclass(frozen=True, slots=True)
class Served:
    """The documents of a serving job."""

    dsl: JsonObject
    conf: JsonObject


def served(model: Trained, dsl: JsonObject, over: JsonObject, catalogue: Catalogue) -> Served:
    """The job that serves a model.

    Args:
        dsl: what the version predicts with.
        over: `component_parameters` of whoever loads it, over those of the training.

    Raises:
        InvalidJob: the documents do not fit.
        NothingToServe: it is not clear what answers.
    """
    seats = _seats(model, dsl, catalogue)
    conf = _predict_conf(model, seats, over)
    job = read_job(dsl, conf)
    planned = spec.plan(job, catalogue)
    nodes = {node.name: node for node in job.dsl.components}
    wanted = _ancestors(_target(model.model_version, nodes), nodes)
    chosen = [name for name in job.dsl.names if name in wanted and nodes[name].module != READER]
    params: dict[str, dict[str, JsonValue]] = {}
    for seat in seats:
        tasks = {task.component: task for task in planned.at(seat)}
        steps = [_step(tasks[n], nodes[n], nodes, catalogue) for n in chosen if n in tasks]
        place = str(job.conf.roles[seat.role].index(seat.party_id))
        said = {
            "model_id": model.train.model_id,
            "model_version": model.model_version,
            "steps": steps,
            **_table(seat, tasks, model, catalogue),
        }
        params.setdefault(seat.role.value, {})[place] = {TASK: cast(JsonValue, said)}
    refs = {f"pipeline.{r.component}.{r.output}": None for n in chosen for r in nodes[n].model}
    return Served(_dsl(list(refs)), _conf(model, job, cast(JsonObject, params)))


def _seats(model: Trained, dsl: JsonObject, catalogue: Catalogue) -> list[Party]:
    """The first guest; of a vertical model the hosts too."""
    roles = model.train.roles
    if not roles.get(GUEST):
        raise NothingToServe(model.model_version, [])
    guest = Party(GUEST, roles[GUEST][0])
    components = cast(dict[str, JsonObject], dsl.get("components") or {})
    if any(str(node.get("module")).startswith(_HORIZONTAL) for node in components.values()):
        return [guest]
    return [guest, *(Party(HOST, party_id) for party_id in roles.get(HOST, ()))]


def _predict_conf(model: Trained, seats: list[Party], over: JsonObject) -> JsonObject:
    """The conf of a predict job of these seats."""
    roles: dict[str, list[str]] = {}
    for seat in seats:
        roles.setdefault(seat.role.value, []).append(seat.party_id)
    names: JsonObject = {
        "job_type": "predict",
        "model_id": model.train.model_id,
        "model_version": model.model_version,
    }
    posted: JsonObject = {
        "initiator": {"role": GUEST.value, "party_id": seats[0].party_id},
        "role": cast(JsonObject, roles),
        "job_parameters": names if model.dsl_version == 1 else {"common": names},
        **{name: over[name] for name in _OVER if isinstance(over.get(name), dict)},
    }
    return merge_predict_conf(cast(JsonObject, dict(model.train.conf)), posted)


_OVER = ("component_parameters", "role_parameters", "algorithm_parameters")


def _target(model_version: str, nodes: Mapping[str, ComponentNode]) -> str:
    """The component whose predictions are the answer: the last that has a stored model."""
    stored = {name for name, node in nodes.items() if any(ref.stored for ref in node.model)}
    inner = {up for name in stored for up in _ancestors(name, nodes) if up != name}
    last = [name for name in nodes if name in stored - inner]
    if len(last) != 1:
        raise NothingToServe(model_version, last)
    return last[0]


def _ancestors(name: str, nodes: Mapping[str, ComponentNode]) -> set[str]:
    """A component and all it takes rows from."""
    found, open_ = {name}, [name]
    while open_:
        for refs in nodes[open_.pop()].data.values():
            new = {ref.component for ref in refs} - found
            found |= new
            open_ += new
    return found


def _step(
    task: PlannedTask,
    node: ComponentNode,
    nodes: Mapping[str, ComponentNode],
    catalogue: Catalogue,
) -> JsonObject:
    model = next((ref.component for ref in node.model if ref.stored), "")
    return {
        "component": task.component,
        "module": task.module,
        "params": dict(task.params),
        "model": model,
        "inputs": dict(_inputs(task, nodes, catalogue)),
    }


def _inputs(
    task: PlannedTask, nodes: Mapping[str, ComponentNode], catalogue: Catalogue
) -> Iterator[tuple[str, str]]:
    """Data slot -> what feeds it; nothing means the rows of the request."""
    for slot, refs in task.data.items():
        if refs:
            source = refs[0].component
            yield slot, "" if nodes[source].module == READER else source
    if not task.data:
        declared = {slot.name for slot in catalogue[task.module].data_slots}
        yield next((slot for slot in _ENTRY_SLOTS if slot in declared), _ENTRY_SLOTS[0]), ""


def _table(
    seat: Party, tasks: Mapping[str, PlannedTask], model: Trained, catalogue: Catalogue
) -> JsonObject:
    """Where a host looks features up: what its Reader reads, here or else in the training."""
    if seat.role is not HOST:
        return {}
    readers = [task.table for task in tasks.values() if task.module == READER]
    if not readers:
        train = read_job(model.train.dsl, model.train.conf)
        there = spec.plan(train, catalogue).at(seat)
        readers = [task.table for task in there if task.module == READER]
    named = next((table for table in readers if isinstance(table, spec.TableRef)), None)
    if named is None:
        return {}
    return {"table": {"namespace": named.namespace, "name": named.name}}


def _dsl(models: list[str]) -> JsonObject:
    given: JsonObject = {"isometric_model": cast(JsonValue, models)}
    return {"components": {TASK: {"module": SERVING, "input": given}}}


def _conf(model: Trained, job: JobSpec, params: JsonObject) -> JsonObject:
    roles = {role.value: list(ids) for role, ids in job.conf.roles.items()}
    initiator: JsonObject = {"role": GUEST.value, "party_id": roles[GUEST.value][0]}
    common: JsonObject = {
        "job_type": "predict",
        "model_id": model.train.model_id,
        "model_version": model.model_version,
        "task_cores": 1,
        "auto_retries": RETRIES,
        "timeout": TIMEOUT_S,
    }
    return merged(
        {"dsl_version": 2, "initiator": initiator, "role": cast(JsonObject, roles)},
        {"job_parameters": {"common": common}, "component_parameters": {"role": params}},
    )
