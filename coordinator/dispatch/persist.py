"""Work on the store that must not be lost: tried again while the store is away.

What fails though the store answers would fail for ever and hold up all that comes after it, so it
is tried a few times, named in the log and given up.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import structlog

from coordinator.domain.ports import Store

log = structlog.get_logger(__name__)

DELAYS_S = (0.05, 0.2, 1.0)
LAST_WORK_S = 1.0


async def persist(store: Store, work: Callable[[], Awaitable[None]], **facts: object) -> bool:
    """Do `work` until it succeeds; False if it was given up."""
    tries = 0
    while True:
        try:
            await work()
            return True
        except Exception:
            if await answers(store):
                tries += 1
                if tries > len(DELAYS_S):
                    log.exception("given up: the jobs can not take it in", **facts)
                    return False
                log.warning("not taken in, trying again", exc_info=True, **facts)
            else:
                log.warning("the store is away, trying again", **facts)
        await asyncio.sleep(DELAYS_S[min(tries, len(DELAYS_S) - 1)])


async def finished(work: Coroutine[Any, Any, None]) -> None:
    """Wait for `work`; if the waiting is cancelled, give it a second to end well."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task], timeout=LAST_WORK_S)
        task.cancel()
        raise


async def answers(store: Store) -> bool:
    """Whether the store can be read now."""
    try:
        async with store.read() as view:
            await view.outbox.parties()
    except Exception:
        return False
    return True
