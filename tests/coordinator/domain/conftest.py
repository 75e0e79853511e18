"""Small jobs over small plans, and agents that answer as a script says."""

import asyncio
import hashlib
import shutil
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from coordinator.domain.jobs import Jobs
from coordinator.domain.ports import Tx
from coordinator.domain.records import Capacity, Job, PartyRecord
from coordinator.domain.state import Changes, JobPlan, PlannedSeat, PlannedTask, Source
from coordinator.domain.step import begin
from coordinator.store import SqlStore, open_store
from coordinator.store.engine import create_engine
from federation.errors import PartyNotConnected
from federation.spec.catalogue import Catalogue, ModuleDecl, Slot, by_module
from federation.spec.orders import (
    ORDER,
    JobReady,
    JobRefused,
    Metric,
    ModelOutput,
    OpenSession,
    Order,
    PrepareJob,
    Reason,
    Report,
    RunTask,
    SessionOpened,
    TableName,
    TableOutput,
    TaskEnded,
    TaskMetrics,
    TaskStarted,
)
from federation.spec.party import ARBITER, GUEST, HOST, LOCAL, Party, Role
from federation.spec.status import Status
from federation.wire.codec import decode

NOW = 1_700_000_000_000
ROLES = {GUEST: ("9999",), HOST: ("10000",), ARBITER: ("10000",)}


def planned(
    component: str, depends: tuple[str, ...], seats: tuple[Party, ...], job_id: str = "j"
) -> PlannedTask:
    """A task whose `data` is fed by output `data` of each component it depends on."""
    sources = tuple(Source(name, "data") for name in depends)
    return PlannedTask(
        component=component,
        module="Module",
        task_id=f"{job_id}_{component}",
        seats=tuple(
            PlannedSeat(seat.role, seat.party_id, 0, {}, data={"data": sources}) for seat in seats
        ),
        depends=depends,
        data_outputs=("data",),
    )


def diamond(roles: Mapping[Role, tuple[str, ...]] = ROLES, **limits: Any) -> Changes:
    """A waiting job a -> (b, c) -> d; d runs at the guest alone."""
    seats = tuple(Party(role, party_id) for role, ids in roles.items() for party_id in ids)
    tasks = (
        planned("a", (), seats),
        planned("b", ("a",), seats),
        planned("c", ("a",), seats),
        planned("d", ("b", "c"), seats[:1]),
    )
    job = Job(
        job_id="j",
        kind="train",
        dsl={},
        conf={},
        roles=roles,
        initiator=seats[0],
        model_id="m",
        model_version="j",
        status=Status.WAITING,
        epoch=0,
        progress=0,
        description="",
        created_ms=NOW,
        updated_ms=NOW,
    )
    keys = {party_id: party_id.encode() for party_id in job.party_ids}
    return begin(job, JobPlan(tasks, b"digest", **limits), keys, NOW)


@pytest.fixture(scope="session")
def make_diamond() -> Callable[..., Changes]:
    return diamond


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now_ms = NOW

    def __call__(self) -> int:
        return self.now_ms


def declare(module: str, *roles: Role, **fields: Any) -> ModuleDecl:
    return ModuleDecl(module=module, class_name=f"{module}Param", roles=frozenset(roles), **fields)


CATALOGUE = by_module(
    (
        declare("Reader", GUEST, HOST, data_out=1),
        declare(
            "DataIO",
            GUEST,
            HOST,
            data_slots=(Slot("data"),),
            data_out=1,
            model_out=True,
            model_in=True,
        ),
        declare(
            "HeteroLR",
            GUEST,
            HOST,
            ARBITER,
            data_slots=(Slot("train_data"), Slot("validate_data"), Slot("test_data")),
            data_out=1,
            model_in=True,
            model_out=True,
        ),
        declare("Upload", LOCAL, data_out=1),
    )
)


class ScriptedAgents:
    """Agents that take every order from the outbox and answer it as a good agent does.

    Attributes:
        away: parties whose agents do not answer.
        failing: components that fail so many times.
        lent: what parties lend to jobs, where it is not more than anybody asks for.
        idle, hanging: components that never start, or never end.
        refusing: why a party refuses every job.
        answers: what a call of a method answers, or raises.
    """

    def __init__(self, store: SqlStore) -> None:
        self.store = store
        self.jobs: Jobs | None = None
        self.away: set[str] = set()
        self.missing: set[str] = set()
        self.lent: dict[str, Capacity | None] = {}
        self.failing: dict[str, int] = {}
        self.refusing: dict[str, Reason] = {}
        self.idle: set[str] = set()
        self.hanging: set[str] = set()
        self.answers: dict[str, Any] = {}
        self.asked: list[tuple[str, str, Mapping[str, Any]]] = []
        self.streamed = b""
        self.taken: list[tuple[str, Order]] = []
        self.reminders: list[int] = []
        self.seq: dict[str, int] = {}
        self.known: Catalogue = CATALOGUE
        self.woken: set[str] = set()
        self.tasks: list[asyncio.Future[None]] = []
        self.turn = asyncio.Lock()

    # --- the port --------------------------------------------------------------------------------

    def connected(self, party_id: str) -> bool:
        return party_id not in self.away | self.missing

    async def ensure(self, party_id: str) -> None:
        if party_id in self.missing:
            raise PartyNotConnected(party_id)

    async def call(
        self, party_id: str, method: str, args: Mapping[str, Any], *, timeout_s: float = 30.0
    ) -> Any:
        self.asked.append((party_id, method, args))
        answer = self.answers.get(method)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def send_stream(
        self, party_id: str, method: str, args: Mapping[str, Any], chunks: AsyncIterator[bytes]
    ) -> Any:
        self.asked.append((party_id, method, args))
        async for chunk in chunks:
            self.streamed += chunk
        return {"size_bytes": len(self.streamed), "sha256": ""}

    async def receive_stream(
        self, party_id: str, method: str, args: Mapping[str, Any]
    ) -> AsyncIterator[bytes]:
        self.asked.append((party_id, method, args))
        yield b"id,x\n"

    def capacity(self, party_id: str) -> Capacity | None:
        return self.lent.get(party_id, Capacity(1_000, 1_000))

    def wake(self, party_ids: Collection[str]) -> None:
        self.woken.update(party_ids)
        self.tasks.append(asyncio.ensure_future(self.work()))

    def remind(self, at_ms: int) -> None:
        self.reminders.append(at_ms)

    def catalogue(self) -> Catalogue:
        return self.known

    # --- the script ------------------------------------------------------------------------------

    async def work(self) -> None:
        """Take and answer orders until there are none."""
        async with self.turn:
            while await self.work_once():
                pass

    async def quiet(self) -> None:
        """Wait until nobody has anything to do."""
        while self.tasks:
            await self.tasks.pop()

    async def work_once(self) -> bool:
        """Let each party that is there take what waits for it; whether there was anything."""
        async with self.store.read() as view:
            waiting = [
                order
                for party_id in await view.outbox.parties()
                if party_id not in self.away
                for order in await view.outbox.pending(party_id)
            ]
        for pending in waiting:
            order = ORDER.validate_python(decode(pending.body))
            self.taken.append((pending.party_id, order))
            async with self.store.begin() as tx:
                await tx.outbox.ack(pending.party_id, pending.order_id, NOW)
            for report in self.reports(pending.party_id, order):
                await self.report(pending.party_id, report)
        return bool(waiting)

    async def report(self, party_id: str, report: Report) -> None:
        assert self.jobs is not None
        self.seq[party_id] = seq = self.seq.get(party_id, 0) + 1
        await self.jobs.on_report(party_id, seq, report)

    def reports(self, party_id: str, order: Order) -> list[Report]:
        match order:
            case PrepareJob():
                return [self._prepared(party_id, order)]
            case OpenSession():
                letters = {
                    peer: f"{party_id}>{peer}".encode() for peer in order.offers if peer != party_id
                }
                return [SessionOpened(job_id=order.job_id, epoch=order.epoch, letters=letters)]
            case RunTask() if order.task.component not in self.idle:
                return self._ran(order)
        return []

    def _prepared(self, party_id: str, order: PrepareJob) -> Report:
        if party_id in self.refusing:
            return JobRefused(
                job_id=order.job_id, epoch=order.epoch, reasons=(self.refusing[party_id],)
            )
        params = {
            f"{task.component}/{task.role}": {**task.params, "resolved": True}
            for task in order.tasks
        }
        offer = f"offer {party_id} {order.epoch}".encode()
        return JobReady(job_id=order.job_id, epoch=order.epoch, offer=offer, params=params)

    def _ran(self, order: RunTask) -> list[Report]:
        task = order.task
        common: dict[str, Any] = {
            "job_id": order.job_id,
            "task_id": task.task_id,
            "version": order.version,
            "role": task.role,
        }
        started = TaskStarted(**common, pid=1, time_ms=NOW + 1)
        if task.component in self.hanging:
            return [started]
        if self.failing.get(task.component, 0) > 0:
            self.failing[task.component] -= 1
            why = Reason(code="data_problem", message="label has a NaN")
            failed = TaskEnded(**common, component=task.component, status=Status.FAILED, reason=why)
            return [started, failed]
        point = Metric(namespace="train", name="loss", metric_type="LOSS", data=((0, 0.5),))
        ended = TaskEnded(
            **common,
            component=task.component,
            status=Status.SUCCESS,
            tables=tuple(self._table(order, name) for name in order.data_outputs),
            model=ModelOutput(output="model", digest="d", size_bytes=3)
            if order.model_outputs
            else None,
            summary={"done": True},
            letters=2,
            letter_bytes=100,
        )
        metrics = TaskMetrics(**common, component=task.component, metrics=(point,))
        return [started, metrics, ended]

    def _table(self, order: RunTask, name: str) -> TableOutput:
        namespace = f"output_data_{order.task.task_id}_{order.version}"
        made = hashlib.sha256(f"{order.task.role}{name}".encode()).hexdigest()[:8]
        return TableOutput(
            output=name,
            table=TableName(namespace=namespace, name=made),
            rows=3,
            header=("id", "x"),
            schema_={"id_name": "id", "columns": ["x"]},
        )


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def joined(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file in which all parties have joined, to make others from."""
    path = tmp_path_factory.mktemp("database") / "coordinator.db"

    async def make() -> None:
        async with await open_store(f"sqlite:///{path}") as opened, opened.begin() as tx:
            await join_all(tx)

    asyncio.run(make())
    return path


@pytest_asyncio.fixture
async def store(joined: Path, tmp_path: Path) -> AsyncIterator[SqlStore]:
    path = shutil.copy(joined, tmp_path)
    async with SqlStore(create_engine(f"sqlite:///{path}")) as opened:
        yield opened


async def join_all(tx: Tx) -> None:
    for party_id in ("0", "9999", "10000"):
        await tx.parties.add(PartyRecord(party_id, party_id.encode().rjust(32), NOW))


@pytest_asyncio.fixture
async def agents(store: SqlStore) -> AsyncIterator[ScriptedAgents]:
    scripted = ScriptedAgents(store)
    yield scripted
    await scripted.quiet()


@pytest.fixture
def jobs(store: SqlStore, agents: ScriptedAgents, clock: Clock) -> Jobs:
    agents.jobs = Jobs(store, agents, clock)
    return agents.jobs


@pytest.fixture
def dsl() -> dict[str, Any]:
    return {
        "components": {
            "reader_0": {"module": "Reader", "output": {"data": ["data"]}},
            "dataio_0": {
                "module": "DataIO",
                "input": {"data": {"data": ["reader_0.data"]}},
                "output": {"data": ["data"], "model": ["dataio"]},
            },
            "hetero_lr_0": {
                "module": "HeteroLR",
                "input": {"data": {"train_data": ["dataio_0.data"]}},
                "output": {"data": ["data"], "model": ["hetero_lr"]},
            },
        }
    }


@pytest.fixture
def conf() -> dict[str, Any]:
    def table(name: str) -> dict[str, Any]:
        return {"reader_0": {"table": {"name": name, "namespace": "breast"}}}

    return {
        "dsl_version": 2,
        "initiator": {"role": "guest", "party_id": 9999},
        "role": {"guest": [9999], "host": [10000], "arbiter": [10000]},
        "job_parameters": {"common": {"job_type": "train"}},
        "component_parameters": {
            "common": {"hetero_lr_0": {"max_iter": 3}},
            "role": {"guest": {"0": table("guest")}, "host": {"0": table("host")}},
        },
    }


@pytest.fixture
def dsl_1() -> dict[str, Any]:
    lr = {"data": {"train_data": ["dataio_0.data"]}}
    return {
        "components": {
            "dataio_0": {
                "module": "DataIO",
                "input": {"data": {"data": ["args.train_data"]}},
                "output": {"data": ["data"], "model": ["dataio"]},
            },
            "hetero_lr_0": {
                "module": "HeteroLR",
                "input": lr,
                "output": {"data": ["data"], "model": ["lr"]},
            },
        }
    }


@pytest.fixture
def conf_1() -> dict[str, Any]:
    def data(name: str) -> dict[str, Any]:
        return {"args": {"data": {"train_data": [{"name": name, "namespace": "breast"}]}}}

    return {
        "initiator": {"role": "guest", "party_id": 9999},
        "job_parameters": {"work_mode": 0},
        "role": {"guest": [9999], "host": [10000], "arbiter": [10000]},
        "role_parameters": {"guest": data("guest"), "host": data("host")},
        "algorithm_parameters": {"hetero_lr_0": {"max_iter": 3}},
    }
