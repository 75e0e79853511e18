"""Agent processes of standalone: started with a secret nobody reads, and ended with what they do.

The processes here are short scripts; real agents run in tests/together.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from coordinator.dispatch.local_agents import LocalAgents, LocalPlan
from federation.errors import LocalAgentFailed, PartyNotConnected, TooManyLocalParties

# Tells how it was started, takes the lock as an agent does, and stays until it is told to go.
AGENT = """
import fcntl, json, os, sys, time
home = sys.argv[sys.argv.index("--home") + 1]
lock = open(os.path.join(home, "lock"), "a")
fcntl.flock(lock, fcntl.LOCK_EX)
lock.truncate(0); lock.write(f"{os.getpid()}\\n"); lock.flush()
seen = {"argv": sys.argv, "environment": dict(os.environ), "pid": os.getpid()}
with open(os.path.join(home, "draft"), "w") as file:
    json.dump(seen, file)
os.rename(os.path.join(home, "draft"), os.path.join(home, "seen.json"))
time.sleep(60)
"""
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + AGENT
FAILING = "print('no disk left'); raise SystemExit(3)"

Make = Callable[..., LocalAgents]


@pytest.fixture
async def make(door: Any, tmp_path: Path) -> AsyncIterator[Make]:
    made: list[LocalAgents] = []

    def build(script: str, most: int = 4, arrival_s: float = 5.0) -> LocalAgents:
        plan = LocalPlan(
            tmp_path / "parties",
            tmp_path / "tables",
            arrival_s=arrival_s,
            orphan_s=30.0,
            most=most,
            command=(sys.executable, "-c", script),
        )
        local = LocalAgents(plan, door.parties, door.links)
        local.open("http://127.0.0.1:1", None)
        made.append(local)
        return local

    yield build
    for local in made:
        await local.stop()


async def seen(tmp_path: Path, party_id: str, until: Any) -> dict[str, Any]:
    file = tmp_path / "parties" / party_id / "seen.json"
    await until(file.exists)
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_the_code_is_in_the_environment_and_not_on_the_command_line(
    make: Make, tmp_path: Path, until: Any
) -> None:
    starting = asyncio.ensure_future(make(AGENT).start("777"))
    found = await seen(tmp_path, "777", until)
    code = found["environment"]["TRIPACT_JOIN_CODE"]
    assert len(code.replace("-", "")) == 8 + 26
    assert not any(code in argument for argument in found["argv"])
    starting.cancel()


async def test_of_our_settings_only_the_choice_of_kernels_is_handed_on(
    make: Make, tmp_path: Path, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRIPACT_KERNELS", "portable")
    monkeypatch.setenv("TRIPACT_DATABASE", "sqlite:///mine.db")
    starting = asyncio.ensure_future(make(AGENT).start("777"))
    ours = {
        name: value
        for name, value in (await seen(tmp_path, "777", until))["environment"].items()
        if name.startswith("TRIPACT_")
    }
    assert set(ours) == {"TRIPACT_KERNELS", "TRIPACT_JOIN_CODE"}
    assert ours["TRIPACT_KERNELS"] == "portable"
    starting.cancel()


async def test_an_agent_that_links_has_arrived(
    make: Make, tmp_path: Path, until: Any, door: Any
) -> None:
    starting = asyncio.ensure_future(make(AGENT).start("9999"))
    await seen(tmp_path, "9999", until)
    await door.linked("9999")
    await starting


async def test_two_who_need_it_start_one_process(
    make: Make, tmp_path: Path, until: Any, door: Any
) -> None:
    local = make(AGENT)
    starting = [asyncio.ensure_future(local.start("9999")) for _ in range(2)]
    await seen(tmp_path, "9999", until)
    await door.linked("9999")
    await asyncio.gather(*starting)
    assert (tmp_path / "parties" / "9999" / "agent.out").read_text() == ""


async def test_an_agent_left_by_another_coordinator_is_waited_for_and_not_doubled(
    make: Make, tmp_path: Path, until: Any, door: Any
) -> None:
    first = asyncio.ensure_future(make(AGENT).start("9999"))
    pid = (await seen(tmp_path, "9999", until))["pid"]
    first.cancel()
    second = asyncio.ensure_future(make("raise SystemExit(9)").start("9999"))
    await door.linked("9999")
    await second
    assert alive(pid)


async def test_an_agent_left_by_another_coordinator_is_ended_too(
    make: Make, tmp_path: Path, until: Any
) -> None:
    first = asyncio.ensure_future(make(AGENT).start("9999"))
    pid = (await seen(tmp_path, "9999", until))["pid"]
    first.cancel()
    await make(AGENT).stop()
    await until(lambda: not alive(pid))


async def test_an_agent_that_dials_where_nobody_is_any_more_is_ended(
    make: Make, tmp_path: Path, until: Any
) -> None:
    first = asyncio.ensure_future(make(AGENT).start("9999"))
    pid = (await seen(tmp_path, "9999", until))["pid"]
    first.cancel()
    make(AGENT).open("http://127.0.0.1:2", last_url="http://127.0.0.1:1")
    await until(lambda: not alive(pid))


async def test_an_agent_that_ends_at_once_is_told_with_its_last_words(make: Make) -> None:
    with pytest.raises(LocalAgentFailed, match=r"ended with code 3.*no disk left"):
        await make(FAILING).start("9999")


async def test_an_agent_that_never_links_is_given_up(make: Make) -> None:
    with pytest.raises(PartyNotConnected):
        await make(AGENT, arrival_s=0.01).start("9999")


async def test_no_more_parties_run_than_may(make: Make, tmp_path: Path, until: Any) -> None:
    local = make(AGENT, most=1)
    first = asyncio.ensure_future(local.start("9999"))
    await seen(tmp_path, "9999", until)
    with pytest.raises(TooManyLocalParties):
        await local.start("10000")
    first.cancel()


async def test_stopping_ends_even_an_agent_that_ignores_it_within_two_seconds(
    make: Make, tmp_path: Path, until: Any
) -> None:
    local = make(STUBBORN)
    first = asyncio.ensure_future(local.start("9999"))
    pid = (await seen(tmp_path, "9999", until))["pid"]
    first.cancel()
    async with asyncio.timeout(2.0):
        await local.stop()
    await until(lambda: not alive(pid))


@pytest.mark.parametrize("party_id", ["..", "a/b", "../../etc", ".", "\N{SNOWMAN}"])
def test_no_party_id_leads_out_of_the_folder_of_homes(tmp_path: Path, party_id: str) -> None:
    plan = LocalPlan(tmp_path, tmp_path, arrival_s=1, orphan_s=1, most=1)
    assert plan.home(party_id).resolve().parent == tmp_path.resolve()
