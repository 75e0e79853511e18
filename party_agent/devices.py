"""How much runs at a time on this machine: tasks wait their turn, first come, first served.

A slot belongs to an attempt of a task, not to a role of it: all roles that this party has in one
attempt run together, for they wait for each other's letters.

The coordinator is told how many cores and tasks this party lends, and starts a job only where every
party has room for all of it. So a task that comes here finds its slot, and tasks of different jobs
can not wait for peers that are busy with each other; the slots hold should a coordinator not keep
to that.
"""

import asyncio
import os
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterator, MutableMapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

_SEEN = "CUDA_VISIBLE_DEVICES"
_LENT_PER_CORE = 4
_LEAST_LENT = 20
"""What FATE's standalone lends; with its default of 4 cores a task, five jobs run side by side."""

Attempt = tuple[str, int]
"""A task and its version."""


class Slots:
    """Turns of task attempts."""

    def __init__(self, slots: int) -> None:
        self._free = slots
        self._holders: Counter[Attempt] = Counter()
        self._queue: deque[tuple[Attempt, asyncio.Event]] = deque()

    @asynccontextmanager
    async def hold(self, attempt: Attempt) -> AsyncIterator[None]:
        """Wait for a turn, and have it while inside."""
        await self._enter(attempt)
        try:
            yield
        finally:
            self._leave(attempt)

    async def _enter(self, attempt: Attempt) -> None:
        if not self._holders[attempt]:
            if self._free and not self._queue:
                self._free -= 1
            else:
                await self._wait(attempt)
                return
        self._holders[attempt] += 1

    async def _wait(self, attempt: Attempt) -> None:
        turn = asyncio.Event()
        self._queue.append((attempt, turn))
        try:
            await turn.wait()
        except asyncio.CancelledError:
            if turn.is_set():
                self._leave(attempt)
            else:
                self._queue = deque(entry for entry in self._queue if entry[1] is not turn)
            raise

    def _leave(self, attempt: Attempt) -> None:
        self._holders[attempt] -= 1
        if self._holders[attempt]:
            return
        del self._holders[attempt]
        self._free += 1
        self._admit()

    def _admit(self) -> None:
        """Give free slots to the oldest that wait, each with all roles that wait beside it."""
        while self._free and self._queue:
            first = self._queue[0][0]
            self._free -= 1
            admitted = [turn for attempt, turn in self._queue if attempt == first]
            self._queue = deque(entry for entry in self._queue if entry[0] != first)
            self._holders[first] += len(admitted)
            for turn in admitted:
                turn.set()


class Gpus:
    """Which GPU a task sees: the one that fewest tasks use."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._users: Counter[int] = Counter(dict.fromkeys(range(count), 0))

    @contextmanager
    def borrow(self) -> Iterator[int | None]:
        """A GPU's number while inside; None if there is none."""
        if not self.count:
            yield None
            return
        number = min(self._users, key=lambda gpu: (self._users[gpu], gpu))
        self._users[number] += 1
        try:
            yield number
        finally:
            self._users[number] -= 1


def lent_of(asked: int) -> int:
    """How many cores to lend to jobs; 0 asks for a number that suits this machine.

    More than it has: most tasks wait for letters most of the time.
    """
    return asked or max(_LEAST_LENT, _LENT_PER_CORE * len(os.sched_getaffinity(0)))


def gpus_of(asked: int) -> int:
    """How many GPUs to offer; -1 asks for all NVIDIA devices that are found and that we may see."""
    if asked >= 0:
        return asked
    found, seen = len(list(Path("/dev").glob("nvidia[0-9]*"))), _seen(os.environ)
    return found if seen is None else min(found, len(seen))


def show_gpu(gpu: int | None, environment: MutableMapping[str, str]) -> None:
    """Have a task see the GPU that was lent to it and no other, or none if none was."""
    if gpu is None:
        environment[_SEEN] = ""
        return
    seen = _seen(environment)
    environment[_SEEN] = seen[gpu] if seen and gpu < len(seen) else str(gpu)


def _seen(environment: MutableMapping[str, str]) -> list[str] | None:
    """The GPUs that are left to us, or None for all."""
    named = environment.get(_SEEN)
    return None if named is None else [name for name in named.split(",") if name.strip()]


def slots_of(asked: int, lent: int) -> int:
    """How many tasks run at a time; 0: as many as the lent cores, so that these are the limit."""
    return asked or lent
