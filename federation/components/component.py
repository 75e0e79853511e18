"""What a component is: a module name, parameters, declared messages, ports, a coroutine per role.

A role's arguments are its ports, by name:

- `data`, `train_data`, `validate_data`, `test_data`, ...: the declared data slots; a Table, or a
  tuple of Tables for a `many` slot; None (or an empty tuple) where the job binds nothing;
- `model`, `isometric_model`, `cache`: models of earlier components;
- `report`: metrics, progress and log lines as they come;
- `facts`: which job, task and seat this is.

A handler names only what it uses. Which inputs are bound decides the stage (fit, transform,
predict), as FATE does.
"""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from federation.channel import Channel, Message
from federation.components.online.questions import Questions
from federation.components.params import Params
from federation.components.store import StoredTable, TableStore
from federation.spec.catalogue import MessageDecl, ModuleDecl, Slot
from federation.spec.orders import TableName
from federation.spec.party import Party, Role
from federation.tables import Table


@dataclass(frozen=True, slots=True)
class Model:
    """What a component learned.

    Attributes:
        module: the DSL module that made it.
        meta: FATE's `...Meta` message as JSON (how it was trained).
        param: FATE's `...Param` message as JSON (what it learned), shown by `output/model`.
        state: what prediction and warm start need, in types the wire codec has.
    """

    module: str
    meta: Mapping[str, Any]
    param: Mapping[str, Any]
    state: Mapping[str, Any]
    component: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """What one role gives at the end.

    Attributes:
        data: output tables by position; fewer than declared is fine. A table that is in the store
            already is given by name.
        summary: FATE's component summary.
    """

    data: tuple[Table | StoredTable, ...] = ()
    model: Model | None = None
    cache: Mapping[str, Any] | None = None
    summary: Mapping[str, Any] | None = None


class Report(Protocol):
    """Where a running component tells how it goes; never rows."""

    def metric(
        self,
        namespace: str,
        name: str,
        metric_type: str,
        /,
        data: list[tuple[Any, Any]] | None = None,
        **meta: Any,
    ) -> None:
        """Append points to a metric; numpy scalars become plain numbers."""

    def progress(self, done: int, total: int) -> None:
        """Say how much of the work is done."""

    def log(self, message: str, **facts: Any) -> None:
        """Write one line to the component's INFO log at this party."""


class Checkpointing(Protocol):
    """Keeps what a component has learned so far; the party's model store does, tests do not."""

    def __call__(self, step_index: int, step_name: str, model: Model) -> None:
        """Keep `model` as of a step, in place of one of that index.

        Args:
            step_index: which epoch or round, from 0.
            step_name: the same in words, as `epoch_3`; no two steps of a component share one.
        """


def keep_nothing(step_index: int, step_name: str, model: Model) -> None:
    """The checkpointing of a seat without a model store."""


@dataclass(frozen=True, slots=True)
class JobFacts:
    """Which job, task and seat a handler runs for."""

    job_id: str
    task_id: str
    version: int
    component: str
    party: Party
    index: int
    parties: Mapping[Role, tuple[str, ...]]
    model_id: str = ""
    model_version: str = ""
    cores: int = 1
    """How many cores the job may use at this party."""
    tables: tuple[TableName, ...] = ()
    """Stored tables that the job names for this task (only Reader asks)."""
    store: TableStore | None = None
    """The party's table store (only Reader and Upload ask)."""
    checkpoint: Checkpointing = keep_nothing
    """Keeps a model of the middle of the training, where the job asks for checkpoints."""
    questions: Questions | None = None
    """What the party asks of a resident component."""
    outputs: tuple[str, ...] | None = None
    """The data outputs that the job declares; None where all are wanted."""

    @property
    def wants_data(self) -> bool:
        """Whether anything becomes of a table that the component gives."""
        return self.outputs is None or bool(self.outputs)


Handler = Callable[..., Awaitable[Result]]


@dataclass(slots=True)
class Component:
    """A DSL module and how each role runs it.

    Attributes:
        module: name in the DSL.
        params: its parameter class.
        messages: every letter it may send; nothing else can leave.
        class_name: FATE's parameter class name.
        inputs: its data slots.
        needs: roles without which it can not run.
        resident: it runs until its job is stopped, mostly waiting: it takes no turn of its party,
            and its party may ask it questions.
        letters: those it may send besides `messages`, where they depend on the parameters.
    """

    module: str
    params: type[Params]
    messages: tuple[Message, ...] = ()
    class_name: str = ""
    aliases: tuple[str, ...] = ()
    inputs: tuple[Slot, ...] = ()
    model_in: bool = False
    isometric_in: bool = False
    cache_in: bool = False
    data_out: int = 1
    model_out: bool = False
    cache_out: bool = False
    needs: frozenset[Role] = frozenset()
    need_deploy: bool = True
    resident: bool = False
    letters: Callable[[Any], tuple[Message, ...]] | None = None
    roles: dict[Role, Handler] = field(default_factory=dict)

    def on(self, *roles: Role) -> Callable[[Handler], Handler]:
        """Register the decorated coroutine for `roles`."""

        def register(handler: Handler) -> Handler:
            for role in roles:
                self.roles[role] = handler
            return handler

        return register

    def messages_with(self, params: Params) -> tuple[Message, ...]:
        """Every letter it may send when it runs with `params`."""
        return (*self.messages, *(self.letters(params) if self.letters else ()))

    def declare(self) -> ModuleDecl:
        """What an agent publishes about this component."""
        return ModuleDecl(
            module=self.module,
            class_name=self.class_name or self.params.__name__,
            roles=frozenset(self.roles),
            needs=self.needs,
            aliases=self.aliases,
            data_slots=self.inputs,
            model_in=self.model_in,
            isometric_in=self.isometric_in,
            cache_in=self.cache_in,
            data_out=self.data_out,
            model_out=self.model_out,
            cache_out=self.cache_out,
            params_schema=self.params.schema_for_catalogue(),
            legacy_fields=self.params.LEGACY,
            need_deploy=self.need_deploy,
            messages=tuple(
                MessageDecl(m.tag, m.route[0], m.route[1], m.type_name, m.doc)
                for m in self.messages
            ),
        )

    async def run(
        self,
        channel: Channel,
        params: Params,
        ports: Mapping[str, Any],
        report: Report,
        facts: JobFacts,
    ) -> Result:
        """Run this component's share at the seat of `channel`.

        Args:
            ports: bound inputs by name; what is not bound is absent.
        """
        if getattr(params, "need_run", True) is False:
            return Result(data=_first_table(self.inputs, ports))
        handler = self.roles[channel.me.role]
        offered: dict[str, Any] = {slot.name: () if slot.many else None for slot in self.inputs}
        offered |= {"model": None, "isometric_model": (), "cache": None}
        offered |= {**ports, "report": report, "facts": facts}
        wanted = list(inspect.signature(handler).parameters)[2:]
        return await handler(channel, params, **{name: offered[name] for name in wanted})


def _first_table(inputs: tuple[Slot, ...], ports: Mapping[str, Any]) -> tuple[Table, ...]:
    """The first bound data input, handed through by a component that is not to run."""
    for slot in inputs:
        bound = ports.get(slot.name)
        if bound is not None and bound != ():
            return (bound[0] if isinstance(bound, tuple) else bound,)
    return ()
