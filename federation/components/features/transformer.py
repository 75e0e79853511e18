"""A component that makes something of a party's own rows: its ports, and what a run of it does.

Where no model is bound it learns from the rows, and then applies what it learned to them; where one
is bound, it applies that. Local, nothing is sent; what the model shows, the header of each says.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from federation.channel import Channel
from federation.components.component import Component, JobFacts, Model, Report, Result
from federation.components.features.columns import instances_in
from federation.components.params import Params
from federation.spec.catalogue import Slot
from federation.spec.party import GUEST, HOST, Role
from federation.tables import Table

P = TypeVar("P", bound=Params)
State = Mapping[str, Any]
"""What the rows showed, in types the wire codec has."""


@dataclass(frozen=True, slots=True)
class Learned:
    """What a table showed; fields as of `Model`."""

    meta: Mapping[str, Any]
    param: Mapping[str, Any]
    state: State


@dataclass(frozen=True, slots=True)
class Transformer(Generic[P]):
    """What there is of a component beyond its ports.

    Attributes:
        learn: what a table shows, with the parameters of the job.
        apply: the table made anew by what was learned, at a seat of that role.
        rows: checks the bound table.
        summary: FATE's component summary of a model.
    """

    learn: Callable[[Table, P, Report], Learned]
    apply: Callable[[Table, State, Role], Table]
    rows: Callable[[Table | None], Table] = instances_in
    summary: Callable[[Model], Mapping[str, Any] | None] = lambda _: None


def transformer(module: str, params: type[P], class_name: str, does: Transformer[P]) -> Component:
    """The component.

    Args:
        class_name: of FATE's parameter class.
    """
    component = Component(
        module,
        params,
        class_name=class_name,
        inputs=(Slot("data"),),
        model_in=True,
        model_out=True,
    )

    @component.on(GUEST, HOST)
    async def run(
        ch: Channel,
        p: P,
        *,
        data: Table | None,
        model: Model | None,
        report: Report,
        facts: JobFacts,
    ) -> Result:
        """The rows made anew: by what they show, or by what the model was made with."""
        table = does.rows(data)
        if model is None:
            found = does.learn(table, p, report)
            model = Model(module, found.meta, found.param, found.state, facts.component)
        made = does.apply(table, model.state, ch.me.role)
        return Result(data=(made,), model=model, summary=does.summary(model))

    return component
