"""The steps of a prediction, run over a few rows with the components that a predict job runs.

Ids in these tables are the rows' places in the request, the same at all parties: a real id may
stand twice in a request, and a lookup has matched them already. So an Intersection only hands its
rows on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from federation.channel import Channel, Message
from federation.components.common.quiet import Quiet
from federation.components.component import Component, JobFacts, Model
from federation.components.online.params import REQUEST, ServingParams, StepParams
from federation.components.params import Params
from federation.errors import DataProblem
from federation.spec.party import GUEST, HOST
from federation.tables import Table

MATCHES = frozenset({"Intersection"})
"""Modules that keep the rows all parties have; the lookup has done that already."""

READS = frozenset({"DataTransform", "DataIO"})
"""Modules that read rows as they come."""

NOT_ONLINE = frozenset(
    {
        "CacheLoader",
        "Evaluation",
        "FederatedSample",
        "HeteroDataSplit",
        "HomoDataSplit",
        "ModelLoader",
        "Reader",
        "Scorecard",
        "Union",
        "Upload",
    }
)
"""Modules that draw, unite or judge whole tables."""

_MEETING = ((GUEST, HOST), (HOST, GUEST), (HOST, HOST))


class NotServable(DataProblem):
    """A step of a prediction makes no sense for single rows."""

    code = "not_servable"

    def __init__(self, component: str, why: str) -> None:
        super().__init__(f"{component} can not be served online: {why}", component=component)


@dataclass(frozen=True, slots=True)
class Step:
    """One component of the prediction, with all it needs but the rows."""

    name: str
    component: Component
    params: Params
    model: Model | None
    inputs: Mapping[str, str]

    @property
    def meets(self) -> bool:
        """Whether parties exchange letters in it."""
        return any(message.route in _MEETING for message in self.component.messages)

    async def run(self, ch: Channel, made: dict[str, Table], facts: JobFacts) -> None:
        """Add what it makes of tables made before."""
        ports: dict[str, Any] = {}
        for slot in self.component.inputs:
            source = made.get(self.inputs[slot.name]) if slot.name in self.inputs else None
            if source is not None:
                ports[slot.name] = (source,) if slot.many else source
        if self.component.module in MATCHES:
            given = next(iter(ports.values()), None)
            if given is not None:
                made[self.name] = given[0] if isinstance(given, tuple) else given
            return
        if self.model is not None:
            ports["model"] = self.model
        where = replace(facts, component=self.name, outputs=None)
        there = ch.scope(self.name) if self.meets else ch
        result = await self.component.run(there, self.params, ports, Quiet(), where)
        if result.data and isinstance(result.data[0], Table):
            made[self.name] = result.data[0].named(self.name)


@dataclass(frozen=True, slots=True)
class Line:
    """All steps of a prediction at one seat, in order.

    Attributes:
        alone: those that each party does for itself.
        together: the rest, from the first on in which the parties meet.
    """

    alone: tuple[Step, ...]
    together: tuple[Step, ...]

    async def prepare(self, ch: Channel, rows: Table, facts: JobFacts) -> dict[str, Table]:
        """What this party makes of rows alone.

        Raises:
            DataProblem: the rows do not fit the model.
        """
        made = {REQUEST: rows}
        for step in self.alone:
            await step.run(ch, made, facts)
        return made

    async def finish(self, ch: Channel, made: dict[str, Table], facts: JobFacts) -> Table | None:
        """What all parties make of it; predictions at the guest."""
        for step in self.together:
            await step.run(ch, made, facts)
        last = (*self.alone, *self.together)[-1]
        return made.get(last.name)

    @property
    def meets(self) -> bool:
        """Whether other parties take part."""
        return bool(self.together)

    @property
    def entries(self) -> tuple[Step, ...]:
        """Steps that read the rows as they come."""
        return tuple(s for s in (*self.alone, *self.together) if REQUEST in s.inputs.values())


def line_of(p: ServingParams, models: Sequence[Model], registry: Mapping[str, Component]) -> Line:
    """The steps of `p` with their models.

    Raises:
        NotServable: a step needs more than single rows.
    """
    by_name = {model.component: model for model in models}
    steps = tuple(_step(given, by_name, registry) for given in p.steps)
    if not steps:
        raise NotServable("the model", "it has no step that predicts")
    first = next((i for i, step in enumerate(steps) if step.meets), len(steps))
    return Line(steps[:first], steps[first:])


def _step(
    given: StepParams, models: Mapping[str, Model], registry: Mapping[str, Component]
) -> Step:
    component = registry.get(given.module)
    if component is None or component.module in NOT_ONLINE:
        raise NotServable(given.component, f"{given.module} works on whole tables; deploy without")
    reads = REQUEST in given.inputs.values()
    if reads and component.module not in READS | MATCHES:
        raise NotServable(given.component, "a DataTransform must read the rows first")
    model = models.get(given.model) if given.model else None
    if given.model and model is None:
        raise NotServable(given.component, f"this party has no model of {given.model}")
    params = component.params.parse(given.params)
    return Step(given.component, component, params, model, given.inputs)


def messages_of(p: ServingParams, registry: Mapping[str, Component]) -> tuple[Message, ...]:
    """Letters of the steps' components.

    Raises:
        NotServable: two of them have one name for letters of different types.
    """
    found: dict[tuple[Any, ...], Message] = {}
    for step in p.steps:
        component = registry.get(step.module)
        if component is None or component.module in MATCHES:
            continue
        for message in component.messages:
            key = (message.tag, *message.route)
            if found.setdefault(key, message).payload is not message.payload:
                raise NotServable(step.component, f"its letter {message.tag} means something else")
    return tuple(found.values())


def with_ids(table: Table, places: npt.NDArray[np.int64]) -> Table:
    """The rows with their places in the request as ids; shape (n,)."""
    ids = pa.array([str(place) for place in places.tolist()], type=pa.string())
    return replace(table, frame=table.frame.set_column(0, table.schema.id_name, ids))


def kept(made: Mapping[str, Table], rows: npt.NDArray[np.bool_]) -> dict[str, Table]:
    """Of every table, the rows that go on; shape (n,)."""
    if rows.all():
        return dict(made)
    places = np.flatnonzero(rows)
    return {name: table.take(places) for name, table in made.items()}
