"""Which event loop a program runs on: uvloop's where it is installed, asyncio's own elsewhere.

Both keep the same promises; uvloop's is compiled, and takes less time from a socket to whoever
waits for it. It comes with the extra `fast`.
"""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from importlib.util import find_spec
from typing import Any, TypeVar

T = TypeVar("T")


def run_loop(work: Coroutine[Any, Any, T]) -> T:
    """What `work` returns, run in a new loop; as `asyncio.run` in all else."""
    with asyncio.Runner(loop_factory=_find_factory()) as runner:
        return runner.run(work)


def loop_name() -> str:
    """The library that programs have their loop from."""
    return "asyncio" if _find_factory() is None else "uvloop"


def _find_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32" or find_spec("uvloop") is None:
        return None
    import uvloop

    return uvloop.new_event_loop
