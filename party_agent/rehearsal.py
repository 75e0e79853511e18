"""One small task, run before any process is forked, so that those start with warm code.

Python rewrites its code as it first runs it, and libraries build what they need at first use. What
is done before the fork is shared by all task processes; what each does again for itself costs it a
third of a short task's time (measured: a Reader takes 14 ms of processor time instead of 20).
"""

import asyncio
import socket
import tempfile
from pathlib import Path

import pyarrow as pa

from federation.channel.stream import FrameStream
from federation.program.loop import run_loop
from federation.spec.orders import RunTask, TableName, TaskBrief
from federation.spec.party import GUEST
from federation.tables import Schema, Table
from federation.wire.frames import Frame, FrameKind
from party_agent.home import Home
from party_agent.tables import TableStore
from party_agent.task import Start, work

_TABLE = TableName(namespace="rehearsal", name="rows")


def rehearse() -> None:
    """Run a Reader over one row, in a home that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="tripact-") as folder:
        home = Home(Path(folder))
        rows = Table(Schema("id", ("x",)), pa.table({"id": ["1"], "x": ["1"]}))
        TableStore(home.tables).write(_TABLE.namespace, _TABLE.name, rows)
        run_loop(play(Start(_order(), "0", {}, home.root, home.tables).to_wire()))


async def play(order: bytes) -> None:
    """Be the agent of one task.

    Raises:
        ExceptionGroup: the task broke off; it does not hang up then, and would be waited for.
    """
    mine, theirs = socket.socketpair()
    async with asyncio.TaskGroup() as group:
        group.create_task(work(theirs))
        stream = await FrameStream.over(mine)
        await stream.receive()
        stream.put(Frame(FrameKind.ORDER, {}, order))
        while (await stream.receive()).header.get("type") != "end":
            continue
        await stream.close()


def _order() -> RunTask:
    task = TaskBrief(
        task_id="rehearsal",
        component="reader_0",
        module="Reader",
        role=GUEST,
        index=0,
        tables=(_TABLE,),
    )
    return RunTask(
        job_id="rehearsal",
        epoch=0,
        task=task,
        version=0,
        roles={GUEST: ("0",)},
        model_id="",
        model_version="",
        data_outputs=("data",),
    )
