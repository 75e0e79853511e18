"""What jobs made: metrics, summaries, parameters, outputs; rows and models are asked of parties."""

from collections.abc import AsyncIterator
from typing import Any

from coordinator.domain.ports import Agents, Store
from coordinator.domain.records import MetricSet, OutputTable, Task, Waiting
from federation.spec.party import Role


class Tracking:
    """Outputs of jobs. Without role or party id, the job's initiator is meant."""

    def __init__(self, store: Store, agents: Agents) -> None:
        self._store = store
        self._agents = agents

    async def task(
        self, job_id: str, component: str, role: Role | None = None, party_id: str | None = None
    ) -> Task:
        """The newest attempt of a component at a seat.

        Raises:
            NotFound: no such job, component, or the component has no task there.
        """

    async def metrics(
        self, job_id: str, role: Role | None, party_id: str | None, component: str
    ) -> list[MetricSet]:
        """Metrics of the newest attempt; none is an empty list."""

    async def summary(
        self, job_id: str, role: Role | None, party_id: str | None, component: str
    ) -> dict[str, Any] | None:
        """The summary of the newest attempt, None if it gave none."""

    async def parameters(
        self, job_id: str, role: Role | None, party_id: str | None, component: str
    ) -> tuple[str, str, dict[str, Any]]:
        """Module, FATE's parameter class, and all parameters with their defaults.

        Raises:
            NotFound: no such task.
        """

    async def outputs(
        self, job_id: str, role: Role | None, party_id: str | None, component: str
    ) -> list[OutputTable]:
        """Tables of the newest attempt, in the order of the DSL's outputs."""

    async def rows(
        self,
        job_id: str,
        role: Role | None,
        party_id: str | None,
        component: str,
        limit: int = 100,
    ) -> list[tuple[OutputTable, list[str], list[list[str]]]]:
        """Header and first rows of each output table, asked of the party."""

    def csv(
        self, table: OutputTable, *, limit: int = -1, head: bool = True
    ) -> AsyncIterator[bytes]:
        """An output table as CSV, streamed from the party; `limit` -1 means all rows."""

    async def model(
        self, job_id: str, role: Role | None, party_id: str | None, component: str
    ) -> dict[str, Any] | None:
        """The model a component made: {param, meta, module}, asked of the party; None if none."""

    async def ledger(self, job_id: str) -> dict[str, list[dict[str, Any]]]:
        """What left each party, by party id; names and sizes only. Parties away are left out."""

    def log(self, job_id: str, role: Role, party_id: str) -> AsyncIterator[bytes]:
        """The logs of a seat as tar.gz, streamed from the party."""

    async def components(self, job_id: str) -> list[str]:
        """Component names in topological order.

        Raises:
            NotFound: no such job.
        """

    async def why(self, job_id: str) -> list[Waiting]:
        """What an unfinished job waits for, with what its running tasks tell."""
