"""What the coordinator orders of an agent, and what the agent reports back.

Orders and reports are kept by their sender until the other side has acknowledged them, so each may
arrive twice: an order is known by its `order_id`, a report by the agent's `boot_id` and `seq`, and
an attempt by (task_id, version, role). An agent addresses one party id, which may hold several
roles of one job.

The sequence of a job, at each agent:

    PrepareJob   -> JobReady (with the agent's session offer) | JobRefused
    OpenSession  -> SessionOpened (with a sealed secret for each peer)
    SessionKeys     (the secrets its peers sealed for it; no report)
    RunTask      -> TaskStarted, TaskMetrics*, TaskEnded
    CancelTasks  -> TaskEnded with status canceled, for each attempt that still ran
    CloseJob        (keys are dropped; no report)
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from federation.spec.party import Role
from federation.spec.status import Status


class Shape(BaseModel):
    """Base of all shapes here: frozen; unknown fields are ignored, so that versions can differ."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class TableName(Shape):
    """A table of a party's store."""

    namespace: str
    name: str


class DataInput(Shape):
    """One table for a data slot, and the component output that made it."""

    component: str
    output: str
    table: TableName


class ModelInput(Shape):
    """A model of the party's model store."""

    model_id: str
    model_version: str
    component: str


class TaskBrief(Shape):
    """One task of this party: enough to check it, and later to run it."""

    task_id: str
    component: str
    module: str
    role: Role
    index: int
    params: dict[str, Any] = Field(default_factory=dict)
    tables: tuple[TableName, ...] = ()


class PrepareJob(Shape):
    """Check this job against the party's policy, tables and components; promise to take part."""

    kind: Literal["prepare_job"] = "prepare_job"
    job_id: str
    epoch: int
    digest: bytes
    initiator_role: Role
    initiator_party_id: str
    roles: dict[Role, tuple[str, ...]]
    keys: dict[str, bytes]
    """Identity keys of all parties as the coordinator knows them; an agent trusts its own pins."""
    tasks: tuple[TaskBrief, ...]
    cores: int = 1


class OpenSession(Shape):
    """Everybody is ready: here are the session offers; seal a secret for each peer."""

    kind: Literal["open_session"] = "open_session"
    job_id: str
    epoch: int
    offers: dict[str, bytes]


class SessionKeys(Shape):
    """Secrets that peers sealed for this party."""

    kind: Literal["session_keys"] = "session_keys"
    job_id: str
    epoch: int
    letters: dict[str, bytes]


class RunTask(Shape):
    """Run one attempt of a task."""

    kind: Literal["run_task"] = "run_task"
    job_id: str
    epoch: int
    task: TaskBrief
    version: int
    roles: dict[Role, tuple[str, ...]]
    model_id: str
    model_version: str
    data: dict[str, tuple[DataInput, ...]] = Field(default_factory=dict)
    model: tuple[ModelInput, ...] = ()
    isometric_model: tuple[ModelInput, ...] = ()
    cache: tuple[DataInput, ...] = ()
    data_outputs: tuple[str, ...] = ()
    model_outputs: tuple[str, ...] = ()
    cache_outputs: tuple[str, ...] = ()


class CancelTasks(Shape):
    """Kill every attempt of this job that still runs here."""

    kind: Literal["cancel_tasks"] = "cancel_tasks"
    job_id: str
    status: Status = Status.CANCELED
    reason: str = "canceled"


class CloseJob(Shape):
    """The job ended: drop its keys."""

    kind: Literal["close_job"] = "close_job"
    job_id: str


class DropTable(Shape):
    """Delete a table of the party's store; deleting what is gone is fine."""

    kind: Literal["drop_table"] = "drop_table"
    table: TableName


Order = Annotated[
    PrepareJob | OpenSession | SessionKeys | RunTask | CancelTasks | CloseJob | DropTable,
    Field(discriminator="kind"),
]
ORDER: TypeAdapter[Order] = TypeAdapter(Order)


class Reason(Shape):
    """Why something was refused or failed: for programs, for people, and what to do."""

    code: str
    message: str
    path: str = ""
    facts: dict[str, Any] = Field(default_factory=dict)


class JobReady(Shape):
    """This party takes part, and this is its session offer."""

    kind: Literal["job_ready"] = "job_ready"
    job_id: str
    epoch: int
    offer: bytes
    params: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Parameters with every default resolved, by `component/role`."""


class JobRefused(Shape):
    """This party does not take part, for all these reasons."""

    kind: Literal["job_refused"] = "job_refused"
    job_id: str
    epoch: int
    reasons: tuple[Reason, ...]


class SessionOpened(Shape):
    """Secrets sealed for each peer."""

    kind: Literal["session_opened"] = "session_opened"
    job_id: str
    epoch: int
    letters: dict[str, bytes]


class TaskStarted(Shape):
    """An attempt runs."""

    kind: Literal["task_started"] = "task_started"
    job_id: str
    task_id: str
    version: int
    role: Role
    pid: int
    time_ms: int


class Metric(Shape):
    """Points of one metric; points of the same name are appended."""

    namespace: str
    name: str
    metric_type: str
    data: tuple[tuple[Any, Any], ...] = ()
    meta: dict[str, Any] = Field(default_factory=dict)


class TaskMetrics(Shape):
    """Metrics of an attempt, as they come."""

    kind: Literal["task_metrics"] = "task_metrics"
    job_id: str
    task_id: str
    version: int
    role: Role
    component: str
    metrics: tuple[Metric, ...]


class TableOutput(Shape):
    """A table that an attempt made; the rows stay with the party."""

    output: str
    table: TableName
    rows: int
    header: tuple[str, ...]
    schema_: dict[str, Any] = Field(alias="schema")
    partitions: int = 1
    kind: str = "data"

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class ModelOutput(Shape):
    """A model that an attempt made; the model stays with the party."""

    output: str
    digest: str
    size_bytes: int


class TaskEnded(Shape):
    """An attempt ended, with what it made or why it failed."""

    kind: Literal["task_ended"] = "task_ended"
    job_id: str
    task_id: str
    version: int
    role: Role
    component: str
    status: Status
    reason: Reason | None = None
    tables: tuple[TableOutput, ...] = ()
    model: ModelOutput | None = None
    summary: dict[str, Any] | None = None
    letters: int = 0
    letter_bytes: int = 0
    started_ms: int = 0
    ended_ms: int = 0


Report = Annotated[
    JobReady | JobRefused | SessionOpened | TaskStarted | TaskMetrics | TaskEnded,
    Field(discriminator="kind"),
]
REPORT: TypeAdapter[Report] = TypeAdapter(Report)
