"""Task processes of an agent that are none: they run in the loop of the test and note what they do.

All around them is real: the agent's daemon hands out orders and keys, takes metrics and ends, and
kills them. What a task would compute is left out, and what it does to the world is counted.
"""

import asyncio
import contextlib
import itertools
import socket
import uuid
from collections import Counter
from random import Random
from typing import Any

from federation.channel.stream import FrameStream
from federation.errors import LinkClosed
from federation.program.background import Background
from federation.spec.orders import RunTask
from federation.wire.codec import encode
from federation.wire.frames import Frame, FrameKind
from party_agent.task import MESSAGE_LIMITS, Start
from party_agent.workers import Worker, Workers

_pids = itertools.count(1_000_000)

Key = tuple[str, int, str, str]
"""Task, version, role, party."""


class Effects:
    """What all tasks of all parties did: how often an attempt took effect."""

    def __init__(self, random: Random) -> None:
        self.begun: Counter[Key] = Counter()
        self.ended: Counter[Key] = Counter()
        self.random = random
        self.faults = 0.0

    def fails(self) -> bool:
        """Whether the next task is to fail."""
        return self.random.random() < self.faults


class InlineWorker(Worker):
    """A task that runs in this loop."""

    def __init__(self) -> None:
        super().__init__()
        self.pid = next(_pids)
        self.work: asyncio.Task[None] | None = None

    def kill(self) -> None:
        """End it at once."""
        if self.work is not None:
            self.work.cancel()


class InlineWorkers(Workers):
    """Hands out tasks that run in this loop."""

    def __init__(self, background: Background, effects: Effects) -> None:
        super().__init__(0, background)
        self._effects = effects
        self._tasks = background

    def start(self) -> None:
        """Nothing has to be started."""

    async def take(self) -> Worker:
        """A task that waits for its order."""
        mine, theirs = socket.socketpair()
        worker = InlineWorker()
        worker.stream.set_result(await FrameStream.over(mine))
        worker.work = self._tasks.start(_work(theirs, self._effects), "a task")
        worker.work.add_done_callback(lambda _: _end(worker))
        return worker

    async def stop(self) -> None:
        """Nothing outlives its owner's background work."""


def _end(worker: InlineWorker) -> None:
    if not worker.ended.done():
        worker.ended.set_result("exit status 0")


async def _work(end: socket.socket, effects: Effects) -> None:
    """The life of a task: wait for an order, take effect once, say how it ended."""
    stream = await FrameStream.over(end)
    try:
        start = Start.of((await stream.receive()).body)
        key = (start.order.task.task_id, start.order.version, start.me.role.value, start.party_id)
        effects.begun[key] += 1
        point = {
            "namespace": "train",
            "name": "attempt",
            "metric_type": "LOSS",
            "data": [[0, start.order.version]],
        }
        metric = Frame(FrameKind.REPORT, {"type": "metric"}, encode(point, MESSAGE_LIMITS))
        await stream.send(metric)
        await asyncio.sleep(effects.random.choice((0, 0, 0.002)))
        said = _failed() if effects.fails() else _made(start.order)
        await stream.send(Frame(FrameKind.REPORT, {"type": "end"}, encode(said, MESSAGE_LIMITS)))
        effects.ended[key] += 1
        with contextlib.suppress(LinkClosed):
            while True:
                await stream.receive()
    except LinkClosed:
        pass
    finally:
        await stream.close()


def _failed() -> dict[str, Any]:
    return {"reason": {"code": "data_problem", "message": "a row is odd", "path": "", "facts": {}}}


def _made(order: RunTask) -> dict[str, Any]:
    task = order.task
    namespace = f"output_data_{task.task_id}_{order.version}"
    tables = [
        {
            "output": name,
            "table": {"namespace": namespace, "name": uuid.uuid4().hex},
            "rows": 1,
            "header": ["id", "x"],
            "schema": {"id_name": "id", "columns": ["x"]},
            "partitions": 1,
            "kind": "data",
        }
        for name in order.data_outputs
    ]
    model = {"output": "model", "digest": "d", "size_bytes": 1} if order.model_outputs else None
    return {"tables": tables, "model": model, "summary": {"version": order.version}}
