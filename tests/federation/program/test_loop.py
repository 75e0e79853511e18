import asyncio
import sys
from importlib.util import find_spec

import pytest

from federation.program.loop import loop_name, run_loop


async def library() -> str:
    """Where the running loop comes from."""
    await asyncio.sleep(0)
    return type(asyncio.get_running_loop()).__module__.partition(".")[0]


def test_programs_run_on_uvloop_where_it_is_installed() -> None:
    expected = "asyncio" if find_spec("uvloop") is None else "uvloop"
    assert (run_loop(library()), loop_name()) == (expected, expected)


def test_programs_run_without_uvloop_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)  # as if it were not installed
    assert (run_loop(library()), loop_name()) == ("asyncio", "asyncio")


def test_what_the_work_raises_is_raised() -> None:
    async def fail() -> None:
        raise KeyError("missing")

    with pytest.raises(KeyError, match="missing"):
        run_loop(fail())
