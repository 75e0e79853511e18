"""A coordinator on loopback: real routes, domain and store; its agents answer as a script says."""

import asyncio
import io
import tarfile
import threading
import time
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from coordinator.api.fateflow import DIALECT
from coordinator.api.inference import ROUTES as INFERENCE
from coordinator.api.keys import (
    JOBS,
    MODELS,
    PARTIES,
    PRIVILEGES,
    PUBLIC_KEYS,
    PUBLIC_URL,
    SERVING,
    TABLE_FILES,
    TABLE_STATE,
    TABLES,
    TAGS,
    TRACKING,
    TRANSFERS,
)
from coordinator.api.mounting import mount
from coordinator.api.signed import signing
from coordinator.client import FlowClient
from coordinator.domain.access import Apps, OwnRows, PublicKeys
from coordinator.domain.deployment import Models
from coordinator.domain.jobs import Jobs
from coordinator.domain.parties import Parties
from coordinator.domain.ports import wall_clock
from coordinator.domain.privileges import Privileges
from coordinator.domain.records import App, Capacity, PartyRecord
from coordinator.domain.serving import Serving
from coordinator.domain.table_files import TableFiles
from coordinator.domain.table_state import TableState
from coordinator.domain.tables import Tables
from coordinator.domain.tags import Tags
from coordinator.domain.tracking import Tracking
from coordinator.domain.transfer import Transfers
from coordinator.store import SqlStore, open_store
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
from federation.spec.party import ARBITER, GUEST, HOST, LOCAL, Role
from federation.spec.status import Status
from federation.wire.codec import decode

DEADLINE_S = 20
PARTIES_JOINED = ("0", "9999", "10000")
ROWS = [["1", "0", "0.5"], ["2", "1", "-1.5"], ["3", "1", "\"{'0': 0.5, '1': 0.5}\""]]
CSV = b"id,y,x0\n" + b"".join(",".join(row).encode() + b"\n" for row in ROWS)
MODEL = {"param": {"weight": {"x0": 0.25}}, "meta": {"penalty": "L2"}, "module": "HeteroLR"}
LR_SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "max_iter": {"type": "integer", "minimum": 1},
        "learning_rate": {"type": "number"},
    },
}


def declare(module: str, roles: Collection[Role], **fields: Any) -> ModuleDecl:
    class_name = fields.pop("class_name", f"{module}Param")
    return ModuleDecl(module=module, class_name=class_name, roles=frozenset(roles), **fields)


CATALOGUE = by_module(
    (
        declare("Reader", (GUEST, HOST), data_out=1),
        declare(
            "Intersection",
            (GUEST, HOST),
            data_slots=(Slot("data", many=True),),
            data_out=1,
            cache_out=True,
        ),
        declare(
            "HeteroLR",
            (GUEST, HOST, ARBITER),
            class_name="HeteroLogisticParam",
            needs=frozenset((GUEST, HOST, ARBITER)),
            data_slots=(Slot("train_data"), Slot("validate_data"), Slot("test_data")),
            data_out=1,
            model_in=True,
            model_out=True,
            params_schema=LR_SCHEMA,
        ),
        declare("Evaluation", (GUEST,), data_slots=(Slot("data", many=True),), data_out=1),
        declare("Upload", (LOCAL,), data_out=1),
        declare("Serving", (GUEST, HOST), isometric_in=True),
    )
)


def log_of(role: str, party_id: str) -> bytes:
    """A party's log as its agent sends it."""
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w:gz") as tar:
        info = tarfile.TarInfo(f"{role}/{party_id}/INFO.log")
        text = f"a line of {role} {party_id}\n".encode()
        info.size = len(text)
        tar.addfile(info, io.BytesIO(text))
    return sink.getvalue()


class ScriptedAgents:
    """Agents of all parties; they take orders as they come and do well, unless told otherwise.

    Attributes:
        missing: parties that never connect.
        away: parties that joined a job and are away when asked for something.
        busy: components that start and never end.
        failing: why a component fails.
        refusing: why a party refuses every job.
        slow: parties that do not answer whether they take part.
        lent: what parties lend to jobs, where it is not more than anybody asks for.
        changed: party, question and arguments of tables that were changed or written.
        uploads: bytes that were streamed to parties, by `namespace.name` they became.
    """

    def __init__(self, store: SqlStore) -> None:
        self.store = store
        self.jobs: Jobs | None = None
        self.missing: set[str] = set()
        self.away: set[str] = set()
        self.busy: set[str] = set()
        self.failing: dict[str, Reason] = {}
        self.refusing: dict[str, Reason] = {}
        self.slow: set[str] = set()
        self.lent: dict[str, Capacity] = {}
        self.spooled: dict[str, bytes] = {}
        self.tables: dict[tuple[str, str], bytes] = {}
        self.changed: list[tuple[str, str, dict[str, Any]]] = []
        self._seq: dict[str, int] = {}
        self._taken: set[tuple[str, str]] = set()
        self._at_work = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    # --- the port --------------------------------------------------------------------------------

    def connected(self, party_id: str) -> bool:
        return party_id in PARTIES_JOINED and party_id not in self.missing | self.away

    async def ensure(self, party_id: str) -> None:
        if not self.connected(party_id):
            raise PartyNotConnected(party_id)

    async def call(
        self, party_id: str, method: str, args: Mapping[str, Any], *, timeout_s: float = 30.0
    ) -> Any:
        await self.ensure(party_id)
        match method:
            case "rows":
                rows = ROWS[: args["limit"]]
                return {"header": ["id", "y", "x0"], "rows": rows, "total": len(ROWS)}
            case "table_info":
                content = self.tables.get((args["namespace"], args["name"]))
                if content is None:
                    return {"exist": False}
                schema = {"id_name": "id", "columns": ["y", "x0"], "meta": {}}
                return {"exist": True, "count": 3, "partitions": 4, "schema": schema}
            case "output_model":
                return MODEL if args["component"] == "hetero_lr_0" else None
            case "ledger":
                row = {"component": "hetero_lr_0", "tag": "forward", "type": "Encrypted"}
                seats = {"sender": "host:10000", "receiver": "guest:9999"}
                return {"rows": [{**row, **seats, "bytes": 512, "time_ms": at} for at in (1, 2)]}
            case "copy_table" | "write_csv" | "set_schema":
                self.changed.append((party_id, method, dict(args)))
                return {"id_name": "id", "columns": ["y", "x0"], "rows": 3}
            case "waiting":
                return [{"what": "the key of host:10000"}]
            case "serving_ready" | "serving_bind":
                return None
            case "infer":
                return {"retcode": 0, "data": {"score": 0.5}}
        raise AssertionError(method)

    async def send_stream(
        self, party_id: str, method: str, args: Mapping[str, Any], chunks: AsyncIterator[bytes]
    ) -> Any:
        content = b"".join([chunk async for chunk in chunks])
        self.spooled[f"spool:{args['upload_id']}"] = content
        return {"size_bytes": len(content), "sha256": ""}

    async def receive_stream(
        self, party_id: str, method: str, args: Mapping[str, Any]
    ) -> AsyncIterator[bytes]:
        await self.ensure(party_id)
        if method == "log":
            yield log_of(args["role"], party_id)
            return
        lines = CSV.splitlines(keepends=True)
        rows = lines[1:] if args["limit"] < 0 else lines[1 : 1 + args["limit"]]
        for line in [*(lines[:1] if args["head"] else ()), *rows]:
            yield line

    def capacity(self, party_id: str) -> Capacity | None:
        return self.lent.get(party_id, Capacity(1_000, 1_000))

    def wake(self, party_ids: Collection[str]) -> None:
        task = asyncio.get_running_loop().create_task(self._work())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def remind(self, at_ms: int) -> None:
        pass

    def catalogue(self) -> Catalogue:
        return CATALOGUE

    # --- the script ------------------------------------------------------------------------------

    async def _work(self) -> None:
        """Take and answer orders until there are none."""
        async with self._at_work:
            while await self._work_once():
                pass

    async def _work_once(self) -> bool:
        async with self.store.read() as view:
            waiting = [
                order
                for party_id in await view.outbox.parties()
                if self.connected(party_id)
                for order in await view.outbox.pending(party_id)
                if (party_id, order.order_id) not in self._taken
            ]
        for pending in waiting:
            self._taken.add((pending.party_id, pending.order_id))
            async with self.store.begin() as tx:
                await tx.outbox.ack(pending.party_id, pending.order_id, wall_clock())
            order = ORDER.validate_python(decode(pending.body))
            for report in self._reports(pending.party_id, order):
                self._seq[pending.party_id] = seq = self._seq.get(pending.party_id, 0) + 1
                assert self.jobs is not None
                await self.jobs.on_report(pending.party_id, seq, report)
        return bool(waiting)

    def _reports(self, party_id: str, order: Order) -> list[Report]:
        match order:
            case PrepareJob() if party_id in self.slow:
                return []
            case PrepareJob() if party_id in self.refusing:
                reasons = (self.refusing[party_id],)
                return [JobRefused(job_id=order.job_id, epoch=order.epoch, reasons=reasons)]
            case PrepareJob():
                params = {
                    f"{task.component}/{task.role}": {"max_iter": 100, **task.params}
                    for task in order.tasks
                }
                offer = f"{party_id} {order.epoch}".encode()
                ready = JobReady(job_id=order.job_id, epoch=order.epoch, offer=offer, params=params)
                return [ready]
            case OpenSession():
                letters = {peer: b"sealed" for peer in order.offers if peer != party_id}
                return [SessionOpened(job_id=order.job_id, epoch=order.epoch, letters=letters)]
            case RunTask():
                return self._ran(order)
        return []

    def _ran(self, order: RunTask) -> list[Report]:
        task, now_ms = order.task, wall_clock()
        common: dict[str, Any] = {
            "job_id": order.job_id,
            "task_id": task.task_id,
            "version": order.version,
            "role": task.role,
        }
        started = TaskStarted(**common, pid=1, time_ms=now_ms)
        if task.component in self.busy or task.module == "Serving":
            return [started]
        common |= {"component": task.component, "started_ms": now_ms, "ended_ms": now_ms + 5}
        if task.component in self.failing:
            why = self.failing[task.component]
            return [started, TaskEnded(**common, status=Status.FAILED, reason=why)]
        if task.module == "Upload":
            named = (task.params["namespace"], task.params["table_name"])
            self.tables[named] = self.spooled.get(task.params["file"], b"")
        ended = TaskEnded(
            **common,
            status=Status.SUCCESS,
            tables=tuple(
                TableOutput(
                    output=name,
                    table=self._made(order),
                    rows=3,
                    header=("id", "y", "x0"),
                    schema_={"id_name": "id", "columns": ["y", "x0"]},
                )
                for name in order.data_outputs
                if task.role in (GUEST, HOST, LOCAL) and task.module != "Evaluation"
            ),
            model=ModelOutput(output="model", digest="d", size_bytes=3)
            if order.model_outputs
            else None,
            summary={"auc": 0.9} if task.module == "Evaluation" else None,
        )
        if task.module != "Evaluation":
            return [started, ended]
        metrics = (
            Metric(
                namespace="train",
                name="hetero_lr_0",
                metric_type="EVALUATION_SUMMARY",
                data=(("auc", 0.975186), ("ks", 0.9)),
                meta={"name": "hetero_lr_0"},
            ),
            Metric(
                namespace="train",
                name="loss",
                metric_type="LOSS",
                data=((10, 0.4), (2, 0.6), (1, float("inf"))),
            ),
        )
        return [started, TaskMetrics(**common, metrics=metrics), ended]

    def _made(self, order: RunTask) -> TableName:
        """The table that a task makes: an upload's has the name that was asked for."""
        task = order.task
        if task.module == "Upload":
            return TableName(namespace=task.params["namespace"], name=task.params["table_name"])
        return TableName(namespace=f"output_data_{task.task_id}", name=task.role)


class LiveCoordinator:
    """A coordinator in a thread of its own, so that blocking clients can be tried on it."""

    def __init__(self, folder: Path) -> None:
        self.url = ""
        self.agents: ScriptedAgents
        self._folder = folder
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(DEADLINE_S)
        assert self.url, "the coordinator did not start"

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(DEADLINE_S)
        assert not self._thread.is_alive()

    def reset(self) -> None:
        """Let the agents do well again."""
        agents = self.agents
        for said in (agents.missing, agents.away, agents.busy, agents.slow):
            said.clear()
        agents.failing.clear()
        agents.lent.clear()
        agents.refusing.clear()

    def await_status(self, job_id: str, status: str, *, task: str) -> None:
        """Return as soon as a task of a job has the status at its guest."""
        deadline = time.monotonic() + DEADLINE_S
        body = {"job_id": job_id, "component_name": task, "role": "guest"}
        while time.monotonic() < deadline:
            rows = self.client.call("job/task/query", body).get("data")
            if rows and rows[0]["f_party_status"] == status:
                return
            time.sleep(0.005)
        raise AssertionError(f"{task} did not become {status}")

    def app_of(self, party_id: str) -> App:
        """An app that signs for the users of a party."""
        made = asyncio.run_coroutine_threadsafe(self.apps.add(party_id), self._loop)
        return made.result(DEADLINE_S)

    @property
    def client(self) -> FlowClient:
        return FlowClient(self.url, timeout_s=DEADLINE_S)

    async def _serve(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        try:
            async with await open_store(f"sqlite:///{self._folder / 'coordinator.db'}") as store:
                await self._serve_with(store)
        finally:
            self._ready.set()

    async def _serve_with(self, store: SqlStore) -> None:
        self.agents = ScriptedAgents(store)
        async with store.begin() as tx:
            for party_id in PARTIES_JOINED:
                await tx.parties.add(PartyRecord(party_id, party_id.encode().rjust(32), 0))
        self.apps = Apps(store, wall_clock)
        app = web.Application(middlewares=[signing(self.apps, wall_clock, required=False)])
        asked = OwnRows(self.agents)
        app[JOBS] = self.agents.jobs = Jobs(store, asked, wall_clock)
        app[TRACKING], app[TABLES] = Tracking(store, asked), Tables(store, asked)
        app[MODELS] = Models(store, asked, wall_clock, app[JOBS].next_id)
        app[TRANSFERS] = Transfers(store, asked, wall_clock, app[MODELS], app[JOBS].next_id)
        app[SERVING] = Serving(store, asked, wall_clock, app[JOBS], app[MODELS])
        app[TAGS] = Tags(store, wall_clock)
        app[TABLE_FILES] = TableFiles(store, asked, wall_clock, app[JOBS], app[TABLES])
        app[TABLE_STATE] = TableState(store, asked, app[TABLES], app[TRACKING])
        app[PRIVILEGES], app[PUBLIC_KEYS] = Privileges(store), PublicKeys(store)
        app[PARTIES] = Parties(store, b"c" * 32, wall_clock)
        app[PUBLIC_URL] = "http://coordinator.example"
        app.router.add_routes(INFERENCE)
        mount(app, [DIALECT])
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        self._ready.set()
        await self._over.wait()
        await runner.cleanup()


@pytest.fixture(scope="session")
def running_coordinator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveCoordinator]:
    live = LiveCoordinator(tmp_path_factory.mktemp("coordinator"))
    live.start()
    yield live
    live.stop()


@pytest.fixture
def live(running_coordinator: LiveCoordinator) -> Iterator[LiveCoordinator]:
    """A coordinator whose agents do well at first."""
    running_coordinator.reset()
    yield running_coordinator
    running_coordinator.reset()


@pytest.fixture(scope="session")
def lr_dsl() -> dict[str, Any]:
    return {
        "components": {
            "reader_0": {"module": "Reader", "output": {"data": ["data"]}, "provider": "fate_flow"},
            "intersection_0": {
                "module": "Intersection",
                "input": {"data": {"data": ["reader_0.data"]}},
                "output": {"data": ["data"], "cache": ["cache"]},
            },
            "hetero_lr_0": {
                "module": "HeteroLR",
                "input": {"data": {"train_data": ["intersection_0.data"]}},
                "output": {"data": ["data"], "model": ["model"]},
            },
            "evaluation_0": {
                "module": "Evaluation",
                "input": {"data": {"data": ["hetero_lr_0.data"]}},
                "output": {"data": ["data"]},
            },
        }
    }


@pytest.fixture(scope="session")
def lr_conf() -> dict[str, Any]:
    def table(name: str) -> dict[str, Any]:
        return {"reader_0": {"table": {"name": name, "namespace": "breast"}}}

    return {
        "dsl_version": 2,
        "initiator": {"role": "guest", "party_id": 9999},
        "role": {"guest": [9999], "host": ["10000"], "arbiter": [10000]},
        "job_parameters": {"common": {"job_type": "train", "work_mode": 0, "backend": 0}},
        "component_parameters": {
            "common": {"hetero_lr_0": {"max_iter": 3}},
            "role": {"guest": {"0": table("guest")}, "host": {"0": table("host")}},
        },
        "conf_path": "conf.json",
        "dsl_path": "dsl.json",
    }


@pytest.fixture(scope="session")
def done_job(
    running_coordinator: LiveCoordinator, lr_dsl: dict[str, Any], lr_conf: dict[str, Any]
) -> str:
    """A training job that has succeeded."""
    client = running_coordinator.client
    running_coordinator.reset()
    job = client.submit(lr_dsl, lr_conf)
    assert client.wait(job, timeout_s=DEADLINE_S) == "success"
    return job.job_id
