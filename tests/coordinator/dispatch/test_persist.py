"""Work on the store: patient while the store is away, and not for ever otherwise."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from coordinator.dispatch import persist as module
from coordinator.dispatch.persist import persist


class Away:
    """A store that can not be read the first `times`."""

    def __init__(self, times: int) -> None:
        self.times = times

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Any]:
        self.times -= 1
        if self.times >= 0:
            raise OSError("no such database")
        yield SimpleNamespace(outbox=self)

    async def parties(self) -> list[str]:
        return []


class Work:
    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.calls = 0

    async def __call__(self) -> None:
        self.calls += 1
        if self.calls <= self.failures:
            raise RuntimeError("as the script says")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DELAYS_S", (0.0, 0.0, 0.0))


async def test_work_waits_as_long_as_the_store_is_away() -> None:
    work = Work(failures=50)
    assert await persist(Away(50), work)  # type: ignore[arg-type]
    assert work.calls == 51


async def test_work_that_fails_though_the_store_answers_is_given_up() -> None:
    work = Work(failures=50)
    assert not await persist(Away(0), work)  # type: ignore[arg-type]
    assert work.calls == 4
