"""Run a component's roles together in one process, and keep what they reported."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from federation.channel import Channel, LedgerRow
from federation.channel.memory import run_together
from federation.components.component import Component, JobFacts, Result
from federation.spec.party import Party, Role

Ports = Mapping[str, Any]
Handler = Callable[[Channel], Awaitable[Any]]


@dataclass
class Recorder:
    """A Report that remembers."""

    metrics: dict[tuple[str, str], list[tuple[Any, Any]]] = field(default_factory=dict)
    types: dict[tuple[str, str], str] = field(default_factory=dict)
    meta: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    lines: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    steps: list[tuple[int, int]] = field(default_factory=list)

    def metric(
        self,
        namespace: str,
        name: str,
        metric_type: str,
        /,
        data: list[tuple[Any, Any]] | None = None,
        **meta: Any,
    ) -> None:
        self.metrics.setdefault((namespace, name), []).extend(data or [])
        self.types[namespace, name] = metric_type
        self.meta[namespace, name] = meta

    def progress(self, done: int, total: int) -> None:
        self.steps.append((done, total))

    def log(self, message: str, **facts: Any) -> None:
        self.lines.append((message, facts))

    @property
    def text(self) -> str:
        return "\n".join(message for message, _ in self.lines)


@dataclass
class Played:
    """What came of a component that all parties ran."""

    results: Mapping[Party, Result]
    reports: Mapping[Party, Recorder]
    ledger: list[LedgerRow]

    def __getitem__(self, party: Party) -> Result:
        return self.results[party]


Play = Callable[..., Awaitable[Played]]


def facts_of(
    component: Component,
    party: Party,
    parties: Mapping[Role, tuple[str, ...]],
    **more: Any,
) -> JobFacts:
    index = parties[party.role].index(party.party_id)
    return JobFacts("job", "task", 0, f"{component.module}_0", party, index, parties, **more)


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture(scope="session")
def play() -> Play:
    """`await play(component, conf, {party: ports}, {party: other handler})`."""

    async def played(
        component: Component,
        conf: Mapping[str, Any],
        ports: Mapping[Party, Ports],
        instead: Mapping[Party, Handler] | None = None,
        confs: Mapping[Party, Mapping[str, Any]] | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> Played:
        reports = {party: Recorder() for party in ports}
        parties: dict[Role, tuple[str, ...]] = {}
        for party in ports:
            parties[party.role] = (*parties.get(party.role, ()), party.party_id)

        def handler(party: Party) -> Handler:
            params = component.params.parse({**conf, **(confs or {}).get(party, {})})
            seat = facts_of(component, party, parties, **(facts or {}))
            return lambda ch: component.run(ch, params, ports[party], reports[party], seat)

        roles = {party: (instead or {}).get(party) or handler(party) for party in ports}
        together = await run_together(roles, component.messages)
        return Played(together.results, reports, together.ledger)

    return played
