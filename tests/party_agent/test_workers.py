"""Task processes as the agent sees them."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from federation.channel.stream import FrameStream
from federation.crypto import kernels
from federation.errors import LinkClosed, Unavailable
from federation.program.background import Background
from party_agent.workers import NURSERY, Worker, Workers

pytestmark = pytest.mark.together


@pytest.fixture
async def background() -> AsyncIterator[Background]:
    made = Background()
    yield made
    await made.stop()


async def test_a_process_that_speaks_before_its_id_is_known_is_handed_out_with_it() -> None:
    mine, theirs = socket.socketpair()
    worker, stream = Worker(), await FrameStream.over(mine)
    worker.greet(stream)
    assert not worker.stream.done()
    worker.made(7)
    assert (worker.pid, worker.stream.result()) == (7, stream)
    await stream.close()
    theirs.close()


async def test_a_process_that_spoke_and_is_lost_before_its_id_is_known_is_hung_up() -> None:
    mine, theirs = socket.socketpair()
    worker, stream = Worker(), await FrameStream.over(mine)
    worker.greet(stream)
    worker.give_up(LinkClosed())
    with pytest.raises(LinkClosed):
        worker.stream.result()
    assert theirs.recv(1) == b""
    theirs.close()


async def test_spares_wait_and_are_replaced_and_none_outlives_the_agent(
    background: Background,
) -> None:
    workers = Workers(1, background)
    workers.start()
    async with asyncio.timeout(20):
        one = await workers.take()
        two = await workers.take()
        assert one.pid != two.pid
        assert {one.pid, two.pid} <= set(workers.pids)
        one.kill()
        assert await one.ended == "SIGKILL"
        await workers.stop()
    assert two.ended.result() == "SIGKILL"
    assert workers.pids == []


async def test_a_nursery_that_can_not_start_is_told_instead_of_waited_for(
    background: Background,
) -> None:
    workers = Workers(1, background, (sys.executable, "-c", "raise SystemExit(1)"))
    workers.start()
    with pytest.raises(Unavailable, match="no process could be made"):
        async with asyncio.timeout(20):
            await workers.take()
    await workers.stop()


async def test_whoever_gives_up_waiting_for_a_process_leaves_none_behind(
    background: Background,
) -> None:
    workers = Workers(0, background, NURSERY)
    workers.start()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.001):
            await workers.take()
    async with asyncio.timeout(20):
        other = await workers.take()
        other.kill()
        await other.ended
        while workers.pids:  # noqa: ASYNC110 - the one given up ends by itself
            await asyncio.sleep(0.01)
        await workers.stop()


def has_machine_code(pid: int) -> bool:
    return "llvmlite" in Path(f"/proc/{pid}/maps").read_text()


async def test_a_quiet_nursery_makes_machine_code_that_its_tasks_have(
    background: Background,
) -> None:
    quick = "from party_agent import nursery; nursery.QUIET_S = 0.1; nursery.main()"
    workers = Workers(0, background, (sys.executable, "-c", quick))
    workers.start()
    made = kernels.status().path != "ifma"  # then there is none to be made
    async with asyncio.timeout(60):
        while not made:
            await asyncio.sleep(0.5)
            one = await workers.take()
            made = has_machine_code(one.pid)
            one.kill()
            await one.ended
    await workers.stop()
