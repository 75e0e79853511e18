"""The alarm rings when something is due, once, and not before."""

import asyncio
import time
from typing import Any

import pytest

from coordinator.dispatch.clock import Alarm

DEADLINE_S = 20


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Rings:
    def __init__(self, *due: int) -> None:
        self.times: list[int] = []
        self.due = list(due)
        self.fails = 0

    async def ring(self, at_ms: int) -> None:
        if self.fails:
            self.fails -= 1
            raise RuntimeError("as the script says")
        self.times.append(at_ms)
        self.due = [due for due in self.due if due > at_ms]

    async def next_due(self) -> int | None:
        return min(self.due, default=None)


@pytest.fixture
async def alarm() -> Any:
    clock = Alarm(now_ms)
    yield clock
    clock.stop()


async def test_it_rings_at_what_is_due_when_it_starts(alarm: Alarm, until: Any) -> None:
    rings = Rings(now_ms() + 20)
    due = rings.due[0]
    await alarm.start(rings.ring, rings.next_due)
    await until(lambda: rings.times)
    assert rings.times[0] >= due


async def test_an_earlier_reminder_comes_before_a_later_one(alarm: Alarm, until: Any) -> None:
    rings = Rings()
    await alarm.start(rings.ring, rings.next_due)
    alarm.remind(now_ms() + 3_600_000)
    alarm.remind(now_ms() - 5)
    await until(lambda: rings.times)
    assert len(rings.times) == 1


async def test_it_goes_on_to_the_next_due_time_by_itself(alarm: Alarm, until: Any) -> None:
    start = now_ms()
    rings = Rings(start + 10, start + 40)
    await alarm.start(rings.ring, rings.next_due)
    await until(lambda: len(rings.times) == 2)
    assert not rings.due


async def test_a_reminder_before_the_start_is_kept(alarm: Alarm, until: Any) -> None:
    rings = Rings()
    alarm.remind(now_ms())
    await alarm.start(rings.ring, rings.next_due)
    await until(lambda: rings.times)


async def test_a_reminder_that_comes_while_it_rings_is_not_lost(alarm: Alarm, until: Any) -> None:
    rings = Rings(now_ms())
    begun, over = asyncio.Event(), asyncio.Event()

    async def long_ring(at_ms: int) -> None:
        begun.set()
        await over.wait()
        await rings.ring(at_ms)

    await alarm.start(long_ring, rings.next_due)
    async with asyncio.timeout(DEADLINE_S):
        await begun.wait()
    rings.due.append(now_ms() + 1)
    alarm.remind(rings.due[-1])
    await asyncio.sleep(0.05)  # The scheduler would have started, and dropped, it by now.
    over.set()
    await until(lambda: not rings.due)
    assert len(rings.times) == 2
