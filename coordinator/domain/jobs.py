"""Jobs from outside in: what people ask, and what agents and the clock report."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from coordinator.domain.ports import Agents, Clock, Store
from coordinator.domain.records import (
    Job,
    JobFilter,
    Submitted,
    Task,
    TaskFilter,
    UploadRequest,
    Waiting,
)
from federation.spec.orders import Reason, Report
from federation.spec.party import Role
from federation.spec.status import Status


class Jobs:
    """All jobs of a coordinator."""

    def __init__(self, store: Store, agents: Agents, clock: Clock) -> None:
        self._store = store
        self._agents = agents
        self._clock = clock

    async def resume(self) -> list[str]:
        """Take unfinished jobs up again after a start: sets reminders, wakes the outbox.

        Returns:
            Parties these jobs need. Call `on_agent_lost` for those that stay away.
        """

    # --- what people ask -------------------------------------------------------------------------

    async def submit(
        self, dsl: Mapping[str, Any], conf: Mapping[str, Any], *, wait_s: float = 15.0
    ) -> Submitted:
        """Check a job, keep it with its first orders, and wait until every party is ready.

        When `wait_s` has passed the job stays `waiting` with `waiting_for` saying for whom.

        Raises:
            InvalidJob: all problems at once; nothing is kept but the id.
            PartyRefused: a party said no; facts has `job_id` and the job is `failed`.
            Unavailable: a party did not join, or is not connected.
        """

    async def submit_upload(
        self, upload: UploadRequest, source: AsyncIterator[bytes] | None
    ) -> Submitted:
        """Stream a file to the party named, then submit the job that makes a table of it.

        Args:
            source: bytes of the file; None where `upload.file` is a path at the agent's machine.

        Raises:
            TableExists: a table of that name is there and `drop` is not set.
        """

    async def stop(self, job_id: str, status: Status = Status.CANCELED) -> None:
        """End a job at once with `status`; its tasks are killed. An ended job is left as it is.

        Raises:
            NotFound, BadRequest: no such job, or not a status a job can be stopped with.
        """

    async def rerun(
        self, job_id: str, components: tuple[str, ...] = (), force: bool = False
    ) -> bool:
        """Run tasks of an ended job again, each as a new attempt.

        Args:
            components: these and what depends on them; empty means all.
            force: also those that succeeded.

        Returns:
            Whether there was anything to run again.

        Raises:
            NotFound: no such job, or no such component.
            Conflict: the job has not ended.
        """

    async def describe(
        self, job_id: str, role: Role | None, party_id: str | None, notes: str
    ) -> int:
        """Set the description of a job; how many jobs (0 or 1) have that seat."""

    async def clean_queue(self) -> list[str]:
        """Cancel all jobs that wait; their ids."""

    async def get(self, job_id: str) -> Job:
        """The job.

        Raises:
            NotFound: there is none.
        """

    async def find(self, wanted: JobFilter) -> list[Job]:
        """Jobs, newest first."""

    async def tasks(self, wanted: TaskFilter) -> list[Task]:
        """Tasks; every version, unless `latest`."""

    async def jobs_page(
        self, wanted: JobFilter, limit: int, page: int = 1, *, newest_first: bool = True
    ) -> tuple[list[Job], int]:
        """One page (from 1) of jobs and how many there are; `limit` 0 means all."""

    async def waiting_for(self, job_id: str) -> tuple[Waiting, ...]:
        """What an unfinished job waits for now, and what to do."""

    # --- what happens ----------------------------------------------------------------------------

    async def on_report(self, party_id: str, seq: int, report: Report) -> None:
        """Take in a report of an agent, exactly once however often it comes."""

    async def on_agent_up(self, party_id: str, boot_id: str) -> None:
        """An agent was linked."""

    async def on_agent_lost(self, party_id: str) -> None:
        """An agent stayed away longer than the grace: its running tasks fail."""

    async def on_order_refused(self, party_id: str, order_id: str, reason: Reason) -> None:
        """An agent can not read an order: its job fails with that reason."""

    async def on_tick(self, now_ms: int) -> None:
        """Do what is due: retries, timeouts."""

    async def next_due(self) -> int | None:
        """When something is due next."""
