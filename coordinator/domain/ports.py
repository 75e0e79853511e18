"""What the domain needs of the outside: a store, and the parties' agents.

`coordinator.store` is the one `Store`. `coordinator.dispatch` is the `Agents` of a running
coordinator; tests bring a scripted one.
"""

import time
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from coordinator.domain.records import (
    App,
    Capacity,
    Connector,
    Deployment,
    Invite,
    Job,
    JobEvent,
    JobFilter,
    MetricSet,
    ModelSeat,
    OutputModel,
    OutputTable,
    PartyRecord,
    PendingOrder,
    Privilege,
    Service,
    TableRecord,
    Tag,
    Task,
    TaskFilter,
    Training,
)
from coordinator.domain.state import Changes, JobPlan, JobState, Outgoing
from federation.spec.catalogue import Catalogue, ModuleDecl
from federation.spec.orders import Metric, Reason, Report

Clock = Callable[[], int]
"""Now, in epoch milliseconds."""


def wall_clock() -> int:
    """The time of this machine."""
    return time.time_ns() // 1_000_000


class JobRows(Protocol):
    """Jobs, their tasks, and the state that `step` works on."""

    async def add(self, state: JobState, orders: Sequence[Outgoing]) -> None:
        """Keep a new job with its tasks and first orders."""

    async def add_refused(self, job: Job) -> None:
        """Keep a job that ended before it had any task, so that it can be asked for."""

    async def find(self, job_id: str) -> Job | None:
        """The job, if there is one."""

    async def search(
        self, wanted: JobFilter, *, limit: int = 0, offset: int = 0, newest_first: bool = True
    ) -> list[Job]:
        """Jobs, by creation; `limit` 0 means all."""

    async def count(self, wanted: JobFilter) -> int:
        """How many jobs `search` would find."""

    async def tasks(self, wanted: TaskFilter) -> list[Task]:
        """Tasks in the order of jobs, components, versions, roles and parties."""

    async def state(self, job_id: str) -> JobState | None:
        """The whole state of a job; in a write transaction nobody else can change it meanwhile."""

    async def apply(self, old: JobState, changes: Changes) -> None:
        """Keep what a step changed, each status by compare-and-set, and its orders.

        Raises:
            IllegalTransition: a status change the tables do not have.
            Conflict: the job is no longer as `old` says.
        """

    async def revise(
        self, old: JobState, conf: Mapping[str, Any], plan: JobPlan, now_ms: int
    ) -> None:
        """Give an ended job another conf, and the plan that follows from it.

        Raises:
            StaleState: the job is no longer as `old` says.
        """

    async def describe(self, job_id: str, notes: str, now_ms: int) -> bool:
        """Set the description; whether the job exists."""

    async def unfinished(self, party_id: str | None = None) -> list[str]:
        """Ids of jobs that have not ended (of this party), oldest first."""

    async def due(self, now_ms: int) -> list[str]:
        """Ids of unfinished jobs with something due at or before `now_ms`."""

    async def next_due(self) -> int | None:
        """When the next job has something due."""

    async def events(self, job_id: str, after_seq: int = 0) -> list[JobEvent]:
        """What happened to the job after `after_seq`."""


class TrackingRows(Protocol):
    """Metrics, summaries and the names of outputs."""

    async def add_metrics(self, task: Task, metrics: Sequence[Metric], now_ms: int) -> None:
        """Append points; points of the same metric join those before them."""

    async def metrics(self, task: Task) -> list[MetricSet]:
        """Metrics of one attempt at one seat."""

    async def delete_metrics(self, task: Task) -> int:
        """Forget the metrics of one attempt at one seat; how many records there were."""

    async def set_summary(self, task: Task, summary: Mapping[str, Any]) -> None:
        """Keep the summary of an attempt."""

    async def summary(self, task: Task) -> dict[str, Any] | None:
        """The summary of an attempt."""

    async def add_outputs(
        self, tables: Sequence[OutputTable], model: OutputModel | None, now_ms: int
    ) -> None:
        """Keep names of what an attempt made; the tables become known by name."""

    async def outputs(self, task: Task) -> list[OutputTable]:
        """Tables of an attempt, data before caches, in the order of its outputs."""

    async def models(self, model_id: str, model_version: str) -> list[OutputModel]:
        """All models of one training job."""


class Outbox(Protocol):
    """Orders that were kept with the change that caused them, until their agent has them."""

    async def pending(self, party_id: str, after_seq: int = 0) -> list[PendingOrder]:
        """Unacknowledged orders of a party in sending order."""

    async def parties(self) -> list[str]:
        """Parties that have unacknowledged orders."""

    async def ack(self, party_id: str, order_id: str, now_ms: int) -> bool:
        """Mark an order as stored by its agent; acknowledging twice is fine."""

    async def add(self, orders: Sequence[Outgoing], now_ms: int) -> None:
        """Keep orders that belong to no job change; an order that is there already stays."""

    async def job_of(self, party_id: str, order_id: str) -> str | None:
        """The job an order belongs to; None if there is no such order, "" if it has no job."""

    async def purge(self, before_ms: int) -> int:
        """Forget acknowledged orders of before; how many."""


class PartyRows(Protocol):
    """Parties, invites, what their agents can do, and how far their reports were read."""

    async def find(self, party_id: str) -> PartyRecord | None:
        """The party, if it joined."""

    async def all(self) -> list[PartyRecord]:
        """Every party that joined."""

    async def add(self, party: PartyRecord) -> None:
        """Keep a party; one that joins anew gets its new key and starts its reports at 0."""

    async def set_boot(self, party_id: str, boot_id: str) -> str:
        """Keep the agent process now seen; the one seen before, "" for none."""

    async def last_report(self, party_id: str) -> int:
        """The highest report seq that was taken in, 0 for none."""

    async def take_report(self, party_id: str, seq: int) -> bool:
        """Note a report as taken in; False if it (or a later one) was before."""

    async def add_invite(self, invite: Invite) -> None:
        """Keep an invite."""

    async def invite(self, code_id: str) -> Invite | None:
        """The invite with that code id."""

    async def use_invite(self, used: Invite) -> bool:
        """Consume it by compare-and-set, wiping its secret; False if it was used before."""

    async def set_catalogue(self, digest: str, declarations: Sequence[ModuleDecl]) -> None:
        """Keep what agents of this digest can run."""

    async def has_catalogue(self, digest: str) -> bool:
        """Whether the declarations of this digest are known."""

    async def use_catalogue(self, party_id: str, digest: str) -> None:
        """Note which declarations a party's agent has."""

    async def catalogues(self) -> dict[str, tuple[ModuleDecl, ...]]:
        """Declarations by party id."""


class TableRows(Protocol):
    """Tables the coordinator was told of."""

    async def search(
        self,
        namespace: str | None = None,
        name: str | None = None,
        party_id: str | None = None,
        job_id: str | None = None,
    ) -> list[TableRecord]:
        """Tables, newest first."""

    async def put(self, table: TableRecord) -> None:
        """Keep a table, in place of one of that name at its party."""

    async def delete(self, namespace: str, name: str, party_id: str | None = None) -> int:
        """Forget tables; how many."""


class ModelRows(Protocol):
    """Versions of models that were deployed, and what is bound."""

    async def deploy(self, deployment: Deployment) -> None:
        """Keep a new version of a model."""

    async def deployment(self, model_version: str) -> Deployment | None:
        """The deployed version of that name."""

    async def deployments(self, train_version: str | None = None) -> list[Deployment]:
        """Deployed versions (of one training), newest first."""

    async def add_training(self, training: Training) -> None:
        """Keep a training that was not run here."""

    async def training(self, model_version: str) -> Training | None:
        """The training of that name that was not run here."""

    async def trainings(self) -> list[Training]:
        """All that were not run here, newest first."""

    async def set_seat(self, seat: ModelSeat) -> None:
        """Keep how a seat came to a model."""

    async def seats(self, model_version: str) -> list[ModelSeat]:
        """Seats that came to a model otherwise than by training here."""

    async def bind(self, service: Service) -> None:
        """Keep what answers under a name, in place of what did."""

    async def service(self, service_id: str) -> Service | None:
        """What answers under that name."""

    async def services(self, model_version: str) -> list[Service]:
        """Names under which a version answers."""


class TagRows(Protocol):
    """Words that people put on models."""

    async def add(self, name: str, description: str, now_ms: int) -> bool:
        """Keep a new tag; False if there is one of that name."""

    async def all(self) -> list[Tag]:
        """Every tag, newest first."""

    async def find(self, name: str) -> Tag | None:
        """The tag of that name."""

    async def change(self, name: str, new_name: str, description: str) -> None:
        """Give a tag another name and description; models keep it."""

    async def drop(self, name: str) -> bool:
        """Forget a tag, at all models too; False if there was none."""

    async def put(self, name: str, model_version: str) -> bool:
        """Put a tag on a version of a model; False if it is there already."""

    async def take(self, name: str, model_version: str) -> bool:
        """Take a tag off a version of a model; False if it was not there."""

    async def of_model(self, model_version: str) -> list[Tag]:
        """Tags of a version of a model, newest first."""

    async def models(self, name: str) -> list[str]:
        """Versions of models that have a tag, newest first."""


class AccessRows(Protocol):
    """Who asks, and what they may."""

    async def add_app(self, app: App) -> None:
        """Keep a new app."""

    async def app(self, app_key: str) -> App | None:
        """The app of that key."""

    async def apps(self) -> list[App]:
        """Every app, newest first."""

    async def drop_app(self, app_key: str) -> bool:
        """Forget an app; False if there was none."""

    async def grant(self, given: Sequence[Privilege]) -> None:
        """Keep privileges; those that are there stay."""

    async def revoke(self, taken: Iterable[Privilege]) -> int:
        """Forget privileges; how many there were."""

    async def privileges(self, party_id: str) -> list[Privilege]:
        """All privileges of a party, by kind and name."""

    async def set_key(self, party_id: str, name: str, key: str) -> None:
        """Keep a key of a party, in place of one of that name."""

    async def keys(self, party_id: str) -> dict[str, str]:
        """Keys of a party by name."""

    async def drop_key(self, party_id: str, name: str) -> bool:
        """Forget a key; False if there was none."""


class TableNotes(Protocol):
    """What is noted of tables."""

    async def disable(self, namespace: str, name: str) -> None:
        """Let no job read a table; doing so twice is fine."""

    async def enable(self, namespace: str, name: str) -> bool:
        """Let jobs read a table again; False if they could."""

    async def disabled(self) -> set[tuple[str, str]]:
        """Namespace and name of tables that no job may read."""

    async def set_connector(self, connector: Connector) -> None:
        """Keep a connector, in place of one of that name."""

    async def connector(self, name: str) -> Connector | None:
        """The connector of that name."""

    async def readers(self, namespace: str, name: str) -> list[Task]:
        """Newest tasks whose parameters name a table, newest job first."""


class SettingRows(Protocol):
    """Small values the coordinator keeps for itself, such as its identity key."""

    async def get(self, name: str) -> bytes | None:
        """The value, if there is one."""

    async def put_once(self, name: str, value: bytes) -> bytes:
        """Keep a value unless there is one; the one that is kept."""


class Tx(Protocol):
    """One transaction over all nouns."""

    @property
    def jobs(self) -> JobRows: ...
    @property
    def tracking(self) -> TrackingRows: ...
    @property
    def outbox(self) -> Outbox: ...
    @property
    def parties(self) -> PartyRows: ...
    @property
    def tables(self) -> TableRows: ...
    @property
    def models(self) -> ModelRows: ...
    @property
    def tags(self) -> TagRows: ...
    @property
    def access(self) -> AccessRows: ...
    @property
    def table_notes(self) -> TableNotes: ...
    @property
    def settings(self) -> SettingRows: ...


class Store(Protocol):
    """Everything the coordinator remembers."""

    def begin(self) -> AbstractAsyncContextManager[Tx]:
        """A write transaction: all of it is kept, or (on any exception) nothing."""

    def read(self) -> AbstractAsyncContextManager[Tx]:
        """A view of one moment; several may be open while one writes."""

    async def await_event(self, job_id: str, after_seq: int, timeout_s: float) -> int:
        """Wait until the job has an event after `after_seq`; its last seq, or `after_seq`.

        `job_id` "" waits for events of any job.
        """


class Agents(Protocol):
    """The parties' agents, as far as they are connected.

    `call`, `send_stream` and `receive_stream` raise `PartyNotConnected` without a link, a
    `CallFailed` with the agent's code, message and facts where the agent answers no, and
    `Unavailable` when `timeout_s` has passed.
    """

    def connected(self, party_id: str) -> bool:
        """Whether the party's agent is linked now."""

    async def ensure(self, party_id: str) -> None:
        """Be sure the agent is linked: standalone starts it and waits, bounded.

        Raises:
            PartyNotJoined, PartyNotConnected: cluster, or it did not come in time.
        """

    async def call(
        self, party_id: str, method: str, args: Mapping[str, Any], *, timeout_s: float = 30.0
    ) -> Any:
        """One question, one answer."""

    async def send_stream(
        self, party_id: str, method: str, args: Mapping[str, Any], chunks: AsyncIterator[bytes]
    ) -> Any:
        """One question with bytes to send, one answer."""

    def receive_stream(
        self, party_id: str, method: str, args: Mapping[str, Any]
    ) -> AsyncIterator[bytes]:
        """One question, bytes as they come."""

    def capacity(self, party_id: str) -> Capacity | None:
        """What the party lends to jobs, as its agent last said; None: it has not said so yet."""

    def wake(self, party_ids: Collection[str]) -> None:
        """The outbox has new orders for these: send them; standalone starts agents that are away.

        Returns at once.
        """

    def remind(self, at_ms: int) -> None:
        """Call `Jobs.on_tick` at that time, or soon after; reminders may coincide."""

    def catalogue(self) -> Catalogue:
        """Everything that some agent can run, by module name and alias."""


class JobEvents(Protocol):
    """What dispatch tells the jobs; `jobs.Jobs` is it."""

    async def on_report(self, party_id: str, seq: int, report: Report) -> None:
        """A report of an agent; returns when it is kept, and may be called twice."""

    async def on_agent_up(self, party_id: str, boot_id: str) -> None:
        """An agent was linked; called before its reports."""

    async def on_agent_lost(self, party_id: str) -> None:
        """An agent stayed away longer than the grace."""

    async def on_order_refused(self, party_id: str, order_id: str, reason: Reason) -> None:
        """An agent can not read an order (another version): the job fails with that reason."""

    async def on_tick(self, now_ms: int) -> None:
        """A time that was asked for by `Agents.remind` has come."""
