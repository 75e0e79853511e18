"""The plan of a job: one task per component and seat at which its module runs, with bound ports.

A component whose module does nothing at a role has no task there. Which data slots are bound
decides the stage (fit, transform, predict) inside the component; the plan only delivers them.
A component that takes its model from one of the same module, and does not train, runs with the
whole parameters of that one.
Source: FATE-Flow DSL versions 1 and 2.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from federation.spec.catalogue import Catalogue, ModuleDecl
from federation.spec.documents import JsonObject
from federation.spec.dsl import CACHE_LOADER, READER, SERVING, ComponentNode, Dsl, Outputs, PortRef
from federation.spec.job import JobSpec
from federation.spec.party import Party, Role

_READING = (CACHE_LOADER, READER, SERVING)
_NUMBERED_SLOT = re.compile(r"data_\d{1,4}")


@dataclass(frozen=True, slots=True)
class TableRef:
    """A stored table by name."""

    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class OutputRef:
    """A table or cache that another job made, by what made it."""

    job_id: str
    component: str
    output: str


@dataclass(frozen=True, slots=True)
class PlannedTask:
    """The share of one component at one seat.

    Attributes:
        module: the module's own name, where the DSL used an alias.
        index: place of the seat among its role.
        params: as the conf gives them; null means the default.
        slots: every input the DSL gives the component, also those that have no table at this seat:
            the arbiter of a training learns from them that it is one.
        data: per data slot, the outputs that this seat has; models and caches likewise.
        depends: components that must have succeeded before.
        table: what a Reader or CacheLoader reads; for a Serving, where it looks features up.
    """

    component: str
    module: str
    seat: Party
    index: int = 0
    params: JsonObject = field(default_factory=dict)
    slots: frozenset[str] = frozenset()
    data: Mapping[str, tuple[PortRef, ...]] = field(default_factory=dict)
    model: tuple[PortRef, ...] = ()
    isometric_model: tuple[PortRef, ...] = ()
    cache: tuple[PortRef, ...] = ()
    outputs: Outputs = field(default_factory=Outputs)
    depends: frozenset[str] = frozenset()
    table: TableRef | OutputRef | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """All tasks of a job, each after those it depends on."""

    tasks: tuple[PlannedTask, ...]

    def of(self, component: str) -> tuple[PlannedTask, ...]:
        """Tasks of one component, in the order of the seats."""
        return tuple(task for task in self.tasks if task.component == component)

    def at(self, seat: Party) -> tuple[PlannedTask, ...]:
        """Tasks of one seat, in topological order."""
        return tuple(task for task in self.tasks if task.seat == seat)


def plan(job: JobSpec, catalogue: Catalogue) -> Plan:
    """The tasks of a job that `check` found no problem in."""
    known = {n.name: catalogue[n.module] for n in job.dsl.components if n.module in catalogue}
    return Plan(
        tuple(
            task
            for node in job.dsl.components
            if node.name in known
            for task in _tasks(job, catalogue, node, known)
        )
    )


def _tasks(
    job: JobSpec, catalogue: Catalogue, node: ComponentNode, known: Mapping[str, ModuleDecl]
) -> Iterator[PlannedTask]:
    """The tasks of one component, seat by seat."""
    declaration = known[node.name]
    owner = parameters_owner(job.dsl, catalogue, node)
    slots = bound_slots(node, declaration)
    for role in Role:
        if role not in declaration.roles:
            continue

        def here(refs: tuple[PortRef, ...], role: Role = role) -> tuple[PortRef, ...]:
            return tuple(r for r in refs if r.stored or role in known[r.component].roles)

        common = PlannedTask(
            component=node.name,
            module=declaration.module,
            seat=Party(role, ""),
            slots=frozenset(slots) | _model_slots(node),
            data={slot: found for slot, refs in slots.items() if (found := here(refs))},
            model=here(node.model),
            isometric_model=here(node.isometric_model),
            cache=here(node.cache),
            outputs=node.outputs,
            depends=node.upstream,
        )
        for index, party_id in enumerate(job.conf.roles.get(role, ())):
            seat = Party(role, party_id)
            params = job.conf.parameters_of(owner, seat).values
            table = find_table(params) if declaration.module in _READING else None
            yield replace(common, seat=seat, index=index, params=params, table=table)


def _model_slots(node: ComponentNode) -> frozenset[str]:
    given = {
        "model": node.model,
        "isometric_model": node.isometric_model,
        "cache": node.cache,
    }
    return frozenset(slot for slot, refs in given.items() if refs)


def bound_slots(node: ComponentNode, declaration: ModuleDecl) -> dict[str, tuple[PortRef, ...]]:
    """Data inputs by the slot of the module they go to; those that go nowhere are left out."""
    result: dict[str, tuple[PortRef, ...]] = {}
    for slot, refs in node.data.items():
        name = find_slot(slot, node, declaration)
        if name is not None:
            result[name] = (*result.get(name, ()), *refs)
    return result


def find_slot(slot: str, node: ComponentNode, declaration: ModuleDecl) -> str | None:
    """The slot of the module that a slot of the DSL means, if there is one.

    `eval_data` is the old name of `validate_data`, and of `test_data` where nothing is trained.
    `data_0`, `data_1`, ... are old names of a `data` that takes several tables.
    """
    has = {declared.name: declared for declared in declaration.data_slots}
    if slot in has:
        return slot
    if slot == "eval_data":
        wanted = ("validate_data", "test_data")
        order = wanted if "train_data" in node.data else wanted[::-1]
        return next((name for name in order if name in has), None)
    if _NUMBERED_SLOT.fullmatch(slot) and "data" in has and has["data"].many:
        return "data"
    return None


def parameters_owner(dsl: Dsl, catalogue: Catalogue, node: ComponentNode) -> str:
    """The component whose parameters `node` runs with: the first that trained its model."""
    nodes = {n.name: n for n in dsl.components}
    declaration = catalogue.get(node.module)
    while node.model and "train_data" not in node.data:
        ref = node.model[0]
        if ref.stored:
            return ref.component
        upstream = nodes[ref.component]
        if declaration is None or catalogue.get(upstream.module) != declaration:
            break
        node = upstream
    return node.name


def find_table(params: Mapping[str, object]) -> TableRef | OutputRef | None:
    """What a Reader or CacheLoader with these parameters reads, if they say so properly."""
    table = params.get("table")
    given = table if isinstance(table, Mapping) else params
    names = [given.get(key) for key in ("namespace", "name")]
    if isinstance(names[0], str) and isinstance(names[1], str) and all(names):
        return TableRef(names[0], names[1])
    made = [given.get(key) for key in ("job_id", "component_name")]
    made.append(given.get("data_name") or given.get("cache_name"))
    if all(isinstance(value, str) and value for value in made):
        return OutputRef(*map(str, made))
    return None
