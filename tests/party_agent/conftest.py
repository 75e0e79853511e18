"""The other end of an agent's link: a protocol peer that speaks real frames over a real socket."""

import asyncio
import contextlib
import secrets
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from federation.spec.orders import ORDER, REPORT, Order, PrepareJob, RunTask, TableName, TaskBrief
from federation.spec.party import GUEST, Role
from federation.wire.codec import decode, encode
from federation.wire.frames import Frame, FrameKind, pack_bytes, unpack
from federation.wire.identity import Identity, verify
from party_agent.home import Home, Joined

DEADLINE_S = 20.0
JOB = "202611210000000000000"


class Coordinator:
    """Challenges agents, sends what a test wants, and keeps what comes back."""

    def __init__(self) -> None:
        self.identity = Identity.generate()
        self.frames: asyncio.Queue[Frame] = asyncio.Queue()
        self.reports: dict[int, Any] = {}
        self.acks: list[str] = []
        self.acknowledge = True
        self.read_to = 0
        self.linked = asyncio.Event()
        self.socket: web.WebSocketResponse | None = None
        self.boots: list[str] = []
        self.url = ""
        self._news = asyncio.Event()

    async def endpoint(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(max_msg_size=17 << 20)
        await socket.prepare(request)
        nonce = secrets.token_bytes(32)
        hello = {"nonce": nonce, "coordinator_key": self.identity.public, "protocol": 1}
        await socket.send_bytes(pack_bytes(Frame(FrameKind.CHALLENGE, hello)))
        message = await socket.receive()
        if message.type is not aiohttp.WSMsgType.BINARY:
            return socket
        proof = unpack(message.data).header
        said = [nonce, self.identity.public, proof["party_id"], proof["boot_id"], proof["nonce"]]
        verify(proof["public_key"], "tripact agent link", encode(said), proof["signature"])
        answer = encode([proof["nonce"], proof["party_id"], proof["boot_id"]])
        welcome = {
            "signature": self.identity.sign("tripact coordinator link", answer),
            "catalogue_wanted": True,
            "report_seq": self.read_to,
        }
        await socket.send_bytes(pack_bytes(Frame(FrameKind.WELCOME, welcome)))
        assert unpack((await socket.receive()).data).kind is FrameKind.CATALOGUE
        self.boots.append(proof["boot_id"])
        self.socket = socket
        self.linked.set()
        self._news.set()
        async for message in socket:
            await self._take(unpack(message.data))
        self.linked.clear()
        return socket

    async def _take(self, frame: Frame) -> None:
        if frame.kind is FrameKind.REPORT:
            seq = frame.header["seq"]
            if seq not in self.reports:
                self.reports[seq] = REPORT.validate_python(decode(frame.body))
            if self.acknowledge:
                await self.send(Frame(FrameKind.REPORT_ACK, {"seq": seq}))
        elif frame.kind is FrameKind.ORDER_ACK:
            self.acks.append(frame.header["order_id"])
        else:
            self.frames.put_nowait(frame)
        self._news.set()

    async def send(self, frame: Frame) -> None:
        assert self.socket is not None
        await self.socket.send_bytes(pack_bytes(frame))

    async def order(self, order: Order, order_id: str | None = None) -> str:
        order_id = order_id or secrets.token_hex(8)
        body = encode(ORDER.dump_python(order, mode="python", by_alias=True))
        await self.send(Frame(FrameKind.ORDER, {"order_id": order_id}, body))
        return order_id

    async def until(self, ready: Any) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while not ready():
                self._news.clear()
                await self._news.wait()

    async def links(self, count: int) -> None:
        """Wait until an agent has linked that often."""
        await self.until(lambda: len(self.boots) >= count)

    async def report(self, kind: str, nth: int = 0) -> Any:
        """The nth report of that kind; waits for it."""
        await self.until(lambda: len(self.all(kind)) > nth)
        return self.all(kind)[nth]

    def all(self, kind: str) -> list[Any]:
        return [self.reports[seq] for seq in sorted(self.reports) if self.reports[seq].kind == kind]

    async def call(self, method: str, **args: Any) -> Any:
        """The answer of a call without bytes."""
        call_id = secrets.token_hex(4)
        await self.send(Frame(FrameKind.CALL, {"call_id": call_id, "method": method}, encode(args)))
        async with asyncio.timeout(DEADLINE_S):
            while True:
                frame = await self.frames.get()
                if frame.kind is FrameKind.ANSWER and frame.header["call_id"] == call_id:
                    return frame.header["ok"], decode(frame.body)


@pytest.fixture
async def coordinator() -> AsyncIterator[Coordinator]:
    end = Coordinator()
    app = web.Application()
    app.router.add_get("/agent/v1/link", end.endpoint)
    runner = web.AppRunner(app, shutdown_timeout=0.2)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    end.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield end
    if end.socket is not None:
        await end.socket.close()
    await runner.cleanup()


class Agent:
    """A real agent process on a home of its own."""

    def __init__(self, home: Path, coordinator: Coordinator, party_id: str) -> None:
        self.home = home
        kept = Home(home)
        kept.identity()
        kept.keep_joined(Joined(coordinator.url, party_id, coordinator.identity.public))
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *flags: str) -> None:
        command = [sys.executable, "-m", "party_agent", "run", "--home", str(self.home), *flags]
        with (self.home / "agent.out").open("ab") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=out)

    async def said(self, words: bytes) -> None:
        """Wait until the agent has logged these words."""
        await eventually(lambda: words in (self.home / "agent.out").read_bytes(), DEADLINE_S)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(DEADLINE_S)


@pytest.fixture
def agents() -> Iterator[list[Agent]]:
    started: list[Agent] = []
    yield started
    for agent in started:
        if agent.process is not None and agent.process.poll() is None:
            agent.process.kill()
            agent.process.wait()


@pytest.fixture
async def agent(coordinator: Coordinator, agents: list[Agent], tmp_path: Path) -> Agent:
    """A standalone agent of party 9999 that is linked."""
    made = Agent(tmp_path / "home", coordinator, "9999")
    agents.append(made)
    made.start("--standalone")
    async with asyncio.timeout(DEADLINE_S):
        await coordinator.linked.wait()
    return made


@pytest.fixture
async def cluster_agent(coordinator: Coordinator, agents: list[Agent], tmp_path: Path) -> Agent:
    """An agent of party 9999 on a machine of its own, linked."""
    made = Agent(tmp_path / "home", coordinator, "9999")
    agents.append(made)
    made.start()
    async with asyncio.timeout(DEADLINE_S):
        await coordinator.linked.wait()
    return made


@pytest.fixture
def lonely_agent(agents: list[Agent], tmp_path: Path) -> Agent:
    """An agent, not started, that joined a coordinator that is not there."""
    nobody = Coordinator()
    nobody.url = "http://127.0.0.1:9"
    made = Agent(tmp_path / "home", nobody, "9999")
    agents.append(made)
    return made


def brief(component: str, module: str, role: Role = GUEST, **changes: Any) -> TaskBrief:
    given = {"task_id": f"{JOB}_{component}", "role": role, "index": 0, **changes}
    return TaskBrief(component=component, module=module, **given)


def reader_of(namespace: str, name: str) -> TaskBrief:
    return brief(
        "reader_0",
        "Reader",
        params={"table": {"namespace": namespace, "name": name}},
        tables=(TableName(namespace=namespace, name=name),),
    )


def prepare(*tasks: TaskBrief, epoch: int = 0, **changes: Any) -> PrepareJob:
    given = {
        "roles": {GUEST: ("9999",)},
        "keys": {},
        "initiator_role": GUEST,
        "initiator_party_id": "9999",
        **changes,
    }
    return PrepareJob(job_id=JOB, epoch=epoch, digest=bytes(32), tasks=tasks, **given)


def run_task(task: TaskBrief, version: int = 0, epoch: int = 0, **changes: Any) -> RunTask:
    given = {"roles": {GUEST: ("9999",)}, "data_outputs": ("data",), **changes}
    return RunTask(
        job_id=JOB,
        epoch=epoch,
        task=task,
        version=version,
        model_id="m",
        model_version=JOB,
        **given,
    )


@pytest.fixture
def orders() -> Any:
    """Shapes of orders, for tests to fill in."""

    class Orders:
        brief = staticmethod(brief)
        reader_of = staticmethod(reader_of)
        prepare = staticmethod(prepare)
        run_task = staticmethod(run_task)
        job = JOB

    return Orders


async def eventually(true: Callable[[], bool], within_s: float) -> None:
    """Wait until something that tells nobody has happened."""
    async with asyncio.timeout(within_s):
        while not true():  # noqa: ASYNC110 - neither a process nor a file sets an Event
            await asyncio.sleep(0.01)


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


@pytest.fixture
def processes() -> Any:
    class Processes:
        @staticmethod
        def alive(pid: int) -> bool:
            return alive(pid)

        @staticmethod
        async def gone(pids: list[int], within_s: float) -> None:
            await eventually(lambda: not any(map(alive, pids)), within_s)

    return Processes
