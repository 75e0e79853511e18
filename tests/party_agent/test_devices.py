"""Turns and devices."""

import asyncio

import pytest

from party_agent.devices import Gpus, Slots, gpus_of, lent_of, show_gpu, slots_of


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


class Task:
    """Holds a slot until released."""

    def __init__(self, slots: Slots, task_id: str) -> None:
        self.runs = False
        self.release = asyncio.Event()
        self.work = asyncio.create_task(self._hold(slots, task_id))

    async def _hold(self, slots: Slots, task_id: str) -> None:
        async with slots.hold((task_id, 0)):
            self.runs = True
            await self.release.wait()


async def test_all_roles_of_one_task_run_together_in_one_slot() -> None:
    slots = Slots(1)
    roles = [Task(slots, "a") for _ in range(3)]
    await settle()
    assert all(role.runs for role in roles)
    for role in roles:
        role.release.set()
    await asyncio.gather(*(role.work for role in roles))


async def test_tasks_that_wait_get_their_turn_in_order_and_with_all_their_roles() -> None:
    slots = Slots(1)
    first, b1, c, b2 = (Task(slots, name) for name in "abcb")
    await settle()
    assert [t.runs for t in (first, b1, c, b2)] == [True, False, False, False]
    first.release.set()
    await settle()
    assert [t.runs for t in (b1, c, b2)] == [True, False, True]
    for task in (b1, b2, c):
        task.release.set()
    await asyncio.gather(*(task.work for task in (first, b1, b2, c)))


async def test_a_task_that_gives_up_waiting_leaves_its_turn_to_the_next() -> None:
    slots = Slots(1)
    first, second, third = (Task(slots, name) for name in "abc")
    await settle()
    second.work.cancel()
    await settle()
    first.release.set()
    await settle()
    assert third.runs
    assert not second.runs
    third.release.set()
    await asyncio.gather(first.work, third.work)
    last = Task(slots, "d")
    await settle()
    assert last.runs
    last.release.set()
    await last.work


def test_a_task_gets_the_gpu_that_fewest_use() -> None:
    gpus = Gpus(2)
    with gpus.borrow() as one, gpus.borrow() as two, gpus.borrow() as three:
        assert (one, two, three) == (0, 1, 0)
    with Gpus(0).borrow() as none:
        assert none is None


@pytest.mark.parametrize(
    ("lent", "before", "after"),
    [(None, {}, ""), (1, {}, "1"), (1, {"CUDA_VISIBLE_DEVICES": "3,GPU-5f"}, "GPU-5f")],
)
def test_a_task_sees_no_gpu_but_the_one_it_was_lent(
    lent: int | None, before: dict[str, str], after: str
) -> None:
    environment = dict(before)
    show_gpu(lent, environment)
    assert environment == {"CUDA_VISIBLE_DEVICES": after}


def test_gpus_that_the_agent_may_not_see_are_not_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert gpus_of(-1) == 0
    assert gpus_of(2) == 2


def test_a_job_that_got_its_cores_finds_its_turns() -> None:
    assert lent_of(0) >= 20
    assert lent_of(3) == 3
    assert all(slots_of(0, lent) >= lent for lent in (1, 20, 64))
    assert slots_of(3, 64) == 3
