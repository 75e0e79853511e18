"""Tables by name: what the coordinator was told of, and what parties say when asked."""

from coordinator.domain.ports import Agents, Store
from coordinator.domain.records import TableRecord


class Tables:
    """Tables of all parties."""

    def __init__(self, store: Store, agents: Agents) -> None:
        self._store = store
        self._agents = agents

    async def info(
        self, namespace: str, name: str, party_id: str | None = None
    ) -> TableRecord | None:
        """A table as its party has it now; None if nobody has it.

        Parties that are not connected are believed as they last reported.
        """

    async def find(
        self,
        namespace: str | None = None,
        name: str | None = None,
        party_id: str | None = None,
        job_id: str | None = None,
    ) -> list[TableRecord]:
        """Tables the coordinator was told of, newest first."""

    async def delete(self, namespace: str, name: str) -> list[TableRecord]:
        """Order every party that has it to drop the table; what was known, empty if nothing."""

    async def delete_outputs(
        self, job_id: str, party_id: str | None = None, component: str | None = None
    ) -> list[TableRecord]:
        """Order parties to drop output tables of a job; what was known, empty if nothing."""
