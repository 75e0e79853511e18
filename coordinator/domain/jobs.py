"""Jobs from outside in: what people ask, and what agents and the clock report.

Each happening is one transaction: the state is read, `step` says what follows, state, orders and
the number of the report are kept together, and only then is anybody told.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

from coordinator.domain.access import check_own
from coordinator.domain.draft import LINE_CODES
from coordinator.domain.events import (
    AgentLost,
    AgentUp,
    Event,
    RerunAsked,
    StopAsked,
    Tick,
    Told,
)
from coordinator.domain.line import place_changed
from coordinator.domain.outcome import keep_outcome, lost_outputs
from coordinator.domain.ports import Agents, Clock, Store, Tx
from coordinator.domain.privileges import check_stop
from coordinator.domain.records import (
    Job,
    JobFilter,
    Submitted,
    Task,
    TaskFilter,
    UploadRequest,
    Waiting,
)
from coordinator.domain.resources import Holding, Survey, holdings_of, survey
from coordinator.domain.revision import revise
from coordinator.domain.state import Changes, JobState
from coordinator.domain.step import next_due, step
from coordinator.domain.submission import Posted, Submission
from coordinator.domain.turns import give_turns
from federation.errors import (
    ComponentNotFound,
    Conflict,
    JobNotEnded,
    JobNotFound,
    JobRefused,
    NotAStopStatus,
    StaleState,
)
from federation.spec.catalogue import Catalogue
from federation.spec.documents import JsonObject
from federation.spec.orders import Reason, Report
from federation.spec.party import Role
from federation.spec.status import ENDED, Status

_STOPS = (Status.CANCELED, Status.FAILED, Status.SUCCESS, Status.TIMEOUT)
_OPEN = tuple(status for status in Status if status not in ENDED)
_TRIES = 5

Work = Callable[[Tx], Awaitable[list[Changes]]]
"""What is done within one transaction; the changes it made to jobs."""


class Jobs:
    """All jobs of a coordinator."""

    def __init__(self, store: Store, agents: Agents, clock: Clock) -> None:
        self._store = store
        self._agents = agents
        self._clock = clock
        self._submission = Submission(store, agents, clock)

    async def resume(self) -> list[str]:
        """Take unfinished jobs up again after a start: sets reminders, wakes the outbox.

        Returns:
            Parties these jobs need. Call `on_agent_lost` for those that stay away.
        """
        async with self._store.read() as view:
            newest = await view.jobs.search(JobFilter(), limit=1)
            unfinished = await view.jobs.search(JobFilter(status=_OPEN))
            pending = await view.outbox.parties()
            due_ms = await view.jobs.next_due()
        if newest:
            self._submission.after(newest[0].job_id)
        self._agents.wake(pending)
        if due_ms is not None:
            self._agents.remind(due_ms)
        return list(dict.fromkeys(party_id for job in unfinished for party_id in job.party_ids))

    def next_id(self) -> str:
        """An id in the form of a job id, larger than all before."""
        return self._submission.next_id()

    def catalogue(self) -> Catalogue:
        """Everything that some agent can run, by module name and alias."""
        return self._agents.catalogue()

    # --- what people ask -------------------------------------------------------------------------

    async def submit(
        self, dsl: Mapping[str, Any], conf: Mapping[str, Any], *, wait_s: float = 15.0
    ) -> Submitted:
        """Check a job, keep it with its first orders, and wait until every party is ready.

        When `wait_s` has passed the job stays `waiting` with `waiting_for` saying for whom.

        Raises:
            InvalidJob: all problems at once; nothing is kept but the id.
            JobRefused: a party said no; facts has `job_id` and the job is `failed`.
            PartyNotJoined, PartyNotConnected: the job is `failed`.
            ModelNotFound, ModelNotDeployed: nothing to predict with.
        """
        return await self._submit(await self._submission.posted(dsl, conf), wait_s)

    async def submit_posted(self, posted: Posted, *, wait_s: float = 15.0) -> Submitted:
        """The same, of documents that were made here; errors as of `submit`."""
        return await self._submit(posted, wait_s)

    async def submit_upload(
        self, upload: UploadRequest, source: AsyncIterator[bytes] | None, *, wait_s: float = 15.0
    ) -> Submitted:
        """Stream a file to the party named, then submit the job that makes a table of it.

        Args:
            source: bytes of the file; None where `upload.file` is a path at the agent's machine.

        Raises:
            TableExists: a table of that name is there and `drop` is not set.
            NotYourParty: whoever asks does so for another party.
        """
        check_own(upload.party_id)
        return await self._submit(await self._submission.received(upload, source), wait_s)

    async def stop(self, job_id: str, status: Status = Status.CANCELED) -> None:
        """End a job at once with `status`; its tasks are killed. An ended job is left as it is.

        Raises:
            JobNotFound, NotAStopStatus: no such job, or a job can not be stopped with that.
            NotPrivileged, NotYourParty: whoever asks may not stop it.
        """
        if status not in _STOPS:
            raise NotAStopStatus(status, _STOPS)
        job = await self.get(job_id)
        async with self._store.read() as view:
            await check_stop(view, job)
        reason = Reason(code="stopped", message="the job was stopped")
        await self._change(job_id, StopAsked(status, reason))

    async def rerun(
        self, job_id: str, components: tuple[str, ...] = (), force: bool = False
    ) -> bool:
        """Run tasks of an ended job again, each as a new attempt.

        Args:
            components: with `force`, run these and what depends on them; empty means all.
            force: also run what succeeded. Without, all that did not succeed is run.

        Returns:
            Whether there was anything to run again.

        Raises:
            JobNotFound, ComponentNotFound: no such job or component.
            JobNotEnded: it still runs.
        """
        job = await self.get(job_id)
        known = job.dsl.get("components", {})
        for name in components:
            if name not in known:
                raise ComponentNotFound(job_id, name)
        if job.status not in ENDED:
            raise JobNotEnded(job_id, job.status)

        async def again(tx: Tx) -> list[Changes]:
            old = await tx.jobs.state(job_id)
            if old is None:
                return []
            lost = await lost_outputs(tx, old)
            return await self._step(tx, old, RerunAsked(components, force, lost))

        changed = await self._transact(again)
        self._follow(changed)
        if not changed and not await self.tasks(TaskFilter(job_id=job_id)):
            raise Conflict(f"job {job_id} never had tasks; submit it anew", job_id=job_id)
        return bool(changed)

    async def revise(self, job_id: str, more: JsonObject) -> tuple[Job, list[str]]:
        """Other parameters for an ended job, to be run again with.

        Args:
            more: `component_parameters` and `job_parameters`, laid over those of its conf.

        Returns:
            The job, and the components that are told something else now.

        Raises:
            JobNotFound, JobNotEnded, Conflict: no such job, it runs, or it never had tasks.
            InvalidJob: it could not run like that.
        """
        async with self._store.begin() as tx:
            return await revise(tx, job_id, more, self._agents.catalogue(), self._clock)

    async def describe(
        self, job_id: str, role: Role | None, party_id: str | None, notes: str
    ) -> int:
        """Set the description of a job; how many jobs (0 or 1) have that seat."""
        async with self._store.begin() as tx:
            wanted = JobFilter(job_id=job_id, role=role, party_id=party_id)
            if not await tx.jobs.count(wanted):
                return 0
            return int(await tx.jobs.describe(job_id, notes, self._clock()))

    async def clean_queue(self) -> list[str]:
        """Cancel all jobs that wait, loaded models aside; their ids."""
        wanted = JobFilter(status=(Status.WAITING,), ends=True)
        async with self._store.read() as view:
            waiting = [job.job_id for job in await view.jobs.search(wanted, newest_first=False)]
        for job_id in waiting:
            await self.stop(job_id)
        return waiting

    async def get(self, job_id: str) -> Job:
        """The job.

        Raises:
            JobNotFound: there is none.
        """
        async with self._store.read() as view:
            job = await view.jobs.find(job_id)
        if job is None:
            raise JobNotFound(job_id)
        return job

    async def find(self, wanted: JobFilter) -> list[Job]:
        """Jobs, newest first."""
        async with self._store.read() as view:
            return await view.jobs.search(wanted)

    async def tasks(self, wanted: TaskFilter) -> list[Task]:
        """Tasks; every version, unless `latest`."""
        async with self._store.read() as view:
            return await view.jobs.tasks(wanted)

    async def jobs_page(
        self, wanted: JobFilter, limit: int, page: int = 1, *, newest_first: bool = True
    ) -> tuple[list[Job], int]:
        """One page (from 1) of jobs and how many there are; `limit` 0 means all."""
        async with self._store.read() as view:
            offset = max(page - 1, 0) * limit
            found = await view.jobs.search(
                wanted, limit=limit, offset=offset, newest_first=newest_first
            )
            return found, await view.jobs.count(wanted)

    async def waiting_for(self, job_id: str) -> tuple[Waiting, ...]:
        """What an unfinished job waits for now, and what to do."""
        return (await self.get(job_id)).waiting_for

    async def survey(self) -> Survey:
        """What running jobs hold of what parties lend, and who waits."""
        return await survey(self._store, self._agents)

    async def holdings(self, job_id: str) -> tuple[Job, list[Holding]]:
        """A job, and what it holds while it runs.

        Raises:
            JobNotFound: there is none.
        """
        return await holdings_of(self._store, job_id)

    # --- what happens ----------------------------------------------------------------------------

    async def on_report(self, party_id: str, seq: int, report: Report) -> None:
        """Take in a report of an agent, exactly once however often it comes."""

        async def take(tx: Tx) -> list[Changes]:
            if not await tx.parties.take_report(party_id, seq):
                return []
            old = await tx.jobs.state(report.job_id)
            if old is None or party_id not in old.members:
                return []
            told = Told(party_id, report)
            changes = await self._step(tx, old, told)
            new = changes[0].state if changes else old
            await keep_outcome(tx, old, new, told, self._clock())
            return changes

        self._follow(await self._transact(take))

    async def on_agent_up(self, party_id: str, boot_id: str) -> None:
        """An agent was linked."""
        async with self._store.begin() as tx:
            before = await tx.parties.set_boot(party_id, boot_id)
            unfinished = await tx.jobs.unfinished(party_id)
        for job_id in unfinished:
            await self._change(job_id, AgentUp(party_id, restarted=before not in ("", boot_id)))
        # What it lends may be news.
        self._follow(await self._transact(self._give_turns))

    async def on_agent_lost(self, party_id: str) -> None:
        """An agent stayed away longer than the grace: its running tasks fail."""
        async with self._store.read() as view:
            unfinished = await view.jobs.unfinished(party_id)
        for job_id in unfinished:
            await self._change(job_id, AgentLost(party_id))

    async def on_order_refused(self, party_id: str, order_id: str, reason: Reason) -> None:
        """An agent can not read an order: its job fails with that reason."""
        async with self._store.read() as view:
            job_id = await view.outbox.job_of(party_id, order_id)
        if job_id:
            facts = {**reason.facts, "party_id": party_id, "order_id": order_id}
            why = reason.model_copy(update={"facts": facts})
            await self._change(job_id, StopAsked(Status.FAILED, why))

    async def on_tick(self, now_ms: int) -> None:
        """Do what is due: retries, timeouts."""
        async with self._store.read() as view:
            due = await view.jobs.due(now_ms)
        for job_id in due:
            await self._change(job_id, Tick())

    async def next_due(self) -> int | None:
        """When something is due next."""
        async with self._store.read() as view:
            return await view.jobs.next_due()

    # --- inside ----------------------------------------------------------------------------------

    async def _submit(self, posted: Posted, wait_s: float) -> Submitted:
        submitted = await self._submission.take(posted)
        job = await self._await_answers(submitted.job_id, wait_s)
        reason = job.reason
        if job.status is Status.FAILED and reason is not None and reason.facts.get("refused"):
            said = [
                (str(one["party_id"]), str(one["code"]), str(one["message"]))
                for one in reason.facts["reasons"]
            ]
            raise JobRefused(job.job_id, said)
        return submitted

    async def _await_answers(self, job_id: str, wait_s: float) -> Job:
        """The job once it no longer waits, or when the time is over."""
        until_ms, seen = self._clock() + wait_s * 1000, 0
        while True:
            job = await self.get(job_id)
            if job.status is not Status.WAITING or _in_line(job):
                return job
            left_s = max((until_ms - self._clock()) / 1000, 0)
            before, seen = seen, await self._store.await_event(job_id, seen, left_s)
            if seen == before:
                return await self.get(job_id)

    async def _change(self, job_id: str, event: Event) -> list[Changes]:
        async def change(tx: Tx) -> list[Changes]:
            old = await tx.jobs.state(job_id)
            return await self._step(tx, old, event) if old is not None else []

        changes = await self._transact(change)
        self._follow(changes)
        return changes

    async def _step(self, tx: Tx, old: JobState, event: Event) -> list[Changes]:
        """Change a job, and give turns to others (or itself) if that made room."""
        changes = step(old, event, self._clock())
        if changes.state is old:
            return []
        await tx.jobs.apply(old, changes)
        turns = await self._give_turns(tx) if place_changed(old, changes.state) else []
        return [changes, *turns]

    async def _give_turns(self, tx: Tx) -> list[Changes]:
        return await give_turns(tx, self._agents, self._clock)

    async def _transact(self, work: Work) -> list[Changes]:
        """Do `work` in a transaction, again if somebody else changed the same job meanwhile."""
        for left in reversed(range(_TRIES)):
            try:
                async with self._store.begin() as tx:
                    return await work(tx)
            except StaleState:
                if not left:
                    raise
        return []

    def _follow(self, changes: list[Changes]) -> None:
        """Once kept: send the orders, and set the alarm."""
        woken = {order.party_id for each in changes for order in each.orders}
        if woken:
            self._agents.wake(woken)
        due = [due_ms for each in changes if (due_ms := next_due(each.state)) is not None]
        if due:
            self._agents.remind(min(due))


def _in_line(job: Job) -> bool:
    """Whether only cores keep a job waiting: its parties have answered."""
    return bool(job.waiting_for) and all(w.code in LINE_CODES for w in job.waiting_for)
