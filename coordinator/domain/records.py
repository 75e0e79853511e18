"""The nouns of the coordinator as frozen records; times are epoch milliseconds, party ids texts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from federation.spec.orders import Reason
from federation.spec.party import Party, Role
from federation.spec.status import Status

JobKind = Literal["train", "predict", "upload", "export", "serve"]
KINDS: tuple[JobKind, ...] = get_args(JobKind)
PREDICTING: frozenset[JobKind] = frozenset({"predict", "serve"})
"""Kinds of jobs that use the models of a training."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a job or task waits for, and what can be done about it.

    Attributes:
        party_id: whom it waits for; empty where it waits for no party.
        what: a sentence for people.
        code: `party_not_connected`, `party_answer`, `party_busy`, `retry`, `task`, ...
    """

    party_id: str
    what: str
    code: str


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a party lends to jobs at a time, as its agent says.

    Attributes:
        cores: over all tasks; a party may well lend more than its machine has, since most tasks
            wait for letters most of the time.
        tasks: all roles that a party has in one task count once.
    """

    cores: int
    tasks: int


@dataclass(frozen=True, slots=True)
class Job:
    """One job.

    Attributes:
        dsl, conf: exactly as posted. For a prediction `dsl` is the stored inference DSL.
        epoch: attempt of the whole job; session keys belong to one epoch.
        progress: percent of tasks that are done, 0 to 100.
        reason: why it did not end well.
        train_conf: for a prediction, the conf of the training job.
        upload: for an upload, its request: namespace, name, head, partition, ...
    """

    job_id: str
    kind: JobKind
    dsl: Mapping[str, Any]
    conf: Mapping[str, Any]
    roles: Mapping[Role, tuple[str, ...]]
    initiator: Party
    model_id: str
    model_version: str
    status: Status
    epoch: int
    progress: int
    description: str
    created_ms: int
    updated_ms: int
    started_ms: int | None = None
    ended_ms: int | None = None
    reason: Reason | None = None
    waiting_for: tuple[Waiting, ...] = ()
    upload: Mapping[str, Any] | None = None
    train_conf: Mapping[str, Any] | None = None

    @property
    def party_ids(self) -> tuple[str, ...]:
        """Every party once, in the order of the roles."""
        return tuple(dict.fromkeys(party_id for ids in self.roles.values() for party_id in ids))

    @property
    def seats(self) -> tuple[Party, ...]:
        """Every seat: each party in each of its roles."""
        return tuple(Party(role, party_id) for role, ids in self.roles.items() for party_id in ids)

    @property
    def elapsed_ms(self) -> int:
        """Time from start to end; 0 while it has not ended, or if it never started."""
        return self.ended_ms - self.started_ms if self.ended_ms and self.started_ms else 0


@dataclass(frozen=True, slots=True)
class Task:
    """One attempt of a component at one seat.

    Attributes:
        task_id: `<job_id>_<component>`, shared by all seats and attempts.
        version: attempt, from 0.
        status: over all seats of this attempt.
        party_status: at this seat.
        params: with every default resolved as soon as the party has answered.
        depends: components that must have succeeded before.
        ordered: the RunTask order of this attempt was given.
        auto_retries_left: how often a failure still starts it anew.
    """

    job_id: str
    component: str
    module: str
    task_id: str
    version: int
    role: Role
    party_id: str
    status: Status
    party_status: Status
    created_ms: int
    updated_ms: int
    started_ms: int | None = None
    ended_ms: int | None = None
    reason: Reason | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    depends: tuple[str, ...] = ()
    pid: int = 0
    ordered: bool = False
    auto_retries_left: int = 0
    letters: int = 0
    letter_bytes: int = 0

    @property
    def seat(self) -> Party:
        """Which party in which role."""
        return Party(self.role, self.party_id)

    @property
    def elapsed_ms(self) -> int:
        """Time from start to end; 0 while it has not ended, or if it never started."""
        return self.ended_ms - self.started_ms if self.ended_ms and self.started_ms else 0


@dataclass(frozen=True, slots=True)
class MetricSet:
    """One metric of a component at a seat: points in the order in which they came."""

    namespace: str
    name: str
    metric_type: str
    data: tuple[tuple[Any, Any], ...]
    meta: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class OutputTable:
    """A table that a component made; the rows are at the party.

    Attributes:
        output: the output's name in the DSL.
        kind: `data` or `cache`.
        header: id column and the others.
    """

    job_id: str
    component: str
    task_id: str
    version: int
    role: Role
    party_id: str
    output: str
    namespace: str
    name: str
    rows: int
    header: tuple[str, ...]
    schema: Mapping[str, Any]
    partitions: int = 1
    kind: str = "data"


@dataclass(frozen=True, slots=True)
class OutputModel:
    """A model that a component made; the model is at the party."""

    job_id: str
    component: str
    role: Role
    party_id: str
    model_id: str
    model_version: str
    output: str
    digest: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Deployment:
    """A version of a model that predicts with a DSL of its own, and its training's models.

    Attributes:
        model_version: in the form of a job id.
        train_version: the training job.
        dsl: what predictions with it run.
    """

    model_id: str
    model_version: str
    train_version: str
    dsl: Mapping[str, Any]
    created_ms: int


@dataclass(frozen=True, slots=True)
class Training:
    """A training that was not run here: its documents came with an archive, or were migrated.

    Attributes:
        model_version: the job id it had.
    """

    model_id: str
    model_version: str
    dsl: Mapping[str, Any]
    conf: Mapping[str, Any]
    created_ms: int
    ended_ms: int
    description: str = ""


@dataclass(frozen=True, slots=True)
class ModelSeat:
    """How a seat came to a model that was not trained here.

    Attributes:
        holder: the party whose agent has the files; after a migration still the old one.
        origin: `imported` or `migrated`.
    """

    model_version: str
    role: Role
    party_id: str
    holder: str
    origin: str
    sha256: str
    created_ms: int


@dataclass(frozen=True, slots=True)
class Service:
    """A name under which a loaded model answers.

    Attributes:
        party_id: the guest whose agent answers.
    """

    service_id: str
    model_id: str
    model_version: str
    party_id: str
    bound_ms: int


@dataclass(frozen=True, slots=True)
class Tag:
    """A word that people put on models.

    Attributes:
        models: how many versions of models have it.
    """

    name: str
    description: str
    models: int


@dataclass(frozen=True, slots=True)
class TableRecord:
    """A table some party has, as far as the coordinator was told."""

    party_id: str
    namespace: str
    name: str
    rows: int
    partitions: int
    schema: Mapping[str, Any]
    created_ms: int
    header: tuple[str, ...] = ()
    job_id: str | None = None


@dataclass(frozen=True, slots=True)
class PartyRecord:
    """A party that joined.

    Attributes:
        public_key: its Ed25519 identity, 32 bytes.
        boot_id: the agent process that was last seen.
        connected: whether its agent is linked now; derived, not stored.
    """

    party_id: str
    public_key: bytes
    joined_ms: int
    boot_id: str = ""
    catalogue_digest: str = ""
    connected: bool = False


@dataclass(frozen=True, slots=True)
class Invite:
    """A one-time code; the secret is wiped as soon as it was used.

    Attributes:
        proof: of the join that used it, so that the same request is answered the same again.
    """

    code_id: str
    party_id: str
    secret: bytes
    created_ms: int
    expires_ms: int
    used_ms: int | None = None
    public_key: bytes = b""
    proof: str = ""
    answer_proof: str = ""


@dataclass(frozen=True, slots=True)
class PendingOrder:
    """An order an agent has not acknowledged yet.

    Attributes:
        seq: gives the sending order.
        body: the order as the wire codec writes it, as an ORDER frame carries it.
    """

    seq: int
    party_id: str
    order_id: str
    body: bytes


@dataclass(frozen=True, slots=True)
class JobEvent:
    """Something that happened to a job; `seq` grows over all jobs."""

    seq: int
    job_id: str
    time_ms: int
    kind: str
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Submitted:
    """What a submit answers."""

    job_id: str
    model_id: str
    model_version: str


@dataclass(frozen=True, slots=True)
class UploadRequest:
    """A table to be stored at a party.

    Attributes:
        file: name of the file; a path on the agent's machine where nothing is streamed.
        drop: replace a table of that name.
        params: what else the Upload component takes (head, partition, id_delimiter, meta, ...),
            under FATE's field names.
    """

    namespace: str
    name: str
    file: str
    party_id: str = "0"
    role: Role = Role.LOCAL
    drop: bool = False
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class JoinRequest:
    """What an agent posts to join; `proof` is hex, see `parties.Parties.join`."""

    code_id: str
    public_key: bytes
    proof: str


@dataclass(frozen=True, slots=True)
class JoinAnswer:
    """What an accepted agent gets; `proof` shows that the coordinator knew the code."""

    party_id: str
    coordinator_key: bytes
    proof: str


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs; None means any, and a tuple any of its values.

    Attributes:
        ends: leave out those that go on until they are stopped: models that are loaded.
    """

    job_id: str | None = None
    status: tuple[Status, ...] | None = None
    role: Role | None = None
    party_id: str | None = None
    kind: JobKind | None = None
    initiator: Party | None = None
    model_id: str | None = None
    model_version: str | None = None
    description_has: str | None = None
    job_id_has: str | None = None
    partner: str | None = None
    ends: bool = False


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """Which tasks; None means any, and a tuple any of its values. `ends`: as of jobs."""

    job_id: str | None = None
    component: str | None = None
    task_id: str | None = None
    version: int | None = None
    role: Role | None = None
    party_id: str | None = None
    status: tuple[Status, ...] | None = None
    party_status: tuple[Status, ...] | None = None
    latest: bool = False
    ends: bool = False


@dataclass(frozen=True, slots=True)
class App:
    """A program that signs its requests for a party's users."""

    app_key: str
    secret: str
    party_id: str
    created_ms: int


@dataclass(frozen=True, slots=True)
class Privilege:
    """One name of one kind that a party was granted.

    Attributes:
        role: of the source party; empty for whichever.
    """

    party_id: str
    role: str
    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Connector:
    """Where files of tables are, under a name of its own.

    Attributes:
        info: what was said of it; `path` is a folder at the party.
    """

    name: str
    engine: str
    info: Mapping[str, Any]
