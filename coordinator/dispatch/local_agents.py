"""Standalone: an agent process for each party, started when a job or an upload first needs it.

Each has a home of its own and its own key, and joins with a one-time code that it finds in its
environment, for a command line is there for everybody to read. It runs in a session of its own: a
coordinator that is killed leaves it running, and a coordinator that comes back finds it redialling.
The lock on an agent's home says whether one runs, whoever started it.
"""

import asyncio
import contextlib
import fcntl
import os
import signal
import sys
import urllib.parse
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TypeGuard

import structlog

from coordinator.dispatch.links import Links
from coordinator.domain.parties import Parties
from federation.errors import LocalAgentFailed, PartyNotConnected, TooManyLocalParties

log = structlog.get_logger(__name__)

CODE_VARIABLE = "TRIPACT_JOIN_CODE"
PASSED_ON = ("TRIPACT_KERNELS",)
"""Settings of ours that agents take from the coordinator's environment; all others are its own."""
CODE_VALID_S = 120
RUNNING_ALREADY = 75
LOCK_FILE = "lock"
JOINED_FILE = "joined.json"
LOG_FILE = "agent.out"
STOP_S = 1.5
LOOK_AGAIN_S = 1.0
TAIL_CHARS = 400


@dataclass(frozen=True, slots=True)
class LocalPlan:
    """Where local agents live, and how they are started.

    Attributes:
        homes: a folder with one home for each party.
        tables: the table store that they share, as FATE's standalone parties do.
        arrival_s: how long one may take to link.
        orphan_s: how long one stays without a coordinator.
        most: how many there may be at a time.
        command: what starts an agent.
    """

    homes: Path
    tables: Path
    arrival_s: float
    orphan_s: float
    most: int
    command: tuple[str, ...] = (sys.executable, "-m", "party_agent")

    def home(self, party_id: str) -> Path:
        """The home of a party's agent."""
        return self.homes / urllib.parse.quote(party_id, safe="").replace(".", "%2E")


class LocalAgents:
    """The agent processes of this machine."""

    def __init__(self, plan: LocalPlan, parties: Parties, links: Links) -> None:
        self._plan = plan
        self._parties = parties
        self._links = links
        self._url = ""
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._starting: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._open = False

    def open(self, url: str, last_url: str | None) -> None:
        """Agents may be started; they find the coordinator at `url`.

        Args:
            last_url: where the coordinator before this one was, if it did not stop by itself; its
                agents dial there for ever, so they are ended unless that is `url`.
        """
        if last_url not in (None, url):
            for party_id in self._known():
                self._end(party_id)
        self._url = url
        self._open = True

    async def start(self, party_id: str) -> None:
        """Be sure the party's agent is linked; one that runs already is waited for.

        Raises:
            LocalAgentFailed: it ended at once.
            PartyNotConnected: it did not link in time.
            TooManyLocalParties: this machine runs as many as it may.
        """
        async with self._starting[party_id]:
            if self._links.find(party_id) is not None:
                return
            if not self._open:
                raise PartyNotConnected(party_id)
            loop = asyncio.get_running_loop()
            deadline = loop.time() + self._plan.arrival_s
            while (left_s := deadline - loop.time()) > 0:
                if not self._pid(party_id):
                    await self._launch(party_id)
                if await self._arrives(party_id, min(left_s, LOOK_AGAIN_S)):
                    return
            raise PartyNotConnected(party_id)

    async def stop(self) -> None:
        """End every agent, and with it the processes of its tasks; within two seconds."""
        self._open = False
        pids = {pid for party_id in self._known() if (pid := self._end(party_id))}
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_S):
                await asyncio.gather(*(self._ended(party_id) for party_id in self._known()))
        for pid in pids:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)

    # --- one process -----------------------------------------------------------------------------

    async def _launch(self, party_id: str) -> None:
        if len(self._known() - {party_id}) >= self._plan.most:
            raise TooManyLocalParties(party_id, self._plan.most)
        home = self._plan.home(party_id)
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        environment = {
            name: value
            for name, value in os.environ.items()
            if name in PASSED_ON or not name.startswith("TRIPACT_")
        }
        if not ((home / JOINED_FILE).exists() and await self._parties.key(party_id)):
            environment[CODE_VARIABLE] = await self._parties.invite(
                party_id, CODE_VALID_S, replace=True
            )
            # What the home says of an earlier join is no longer true.
            (home / JOINED_FILE).unlink(missing_ok=True)
        command = ["run", "--home", str(home), "--coordinator", self._url, "--standalone"]
        command += ["--tables", str(self._plan.tables)]
        command += ["--orphan-timeout", f"{self._plan.orphan_s:g}"]
        with (home / LOG_FILE).open("ab") as output:
            self._processes[party_id] = process = await asyncio.create_subprocess_exec(
                *self._plan.command,
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment,
                start_new_session=True,
            )
        log.info("agent started", party_id=party_id, pid=process.pid, home=str(home))

    async def _arrives(self, party_id: str, within_s: float) -> bool:
        """Whether the agent links; one that was left by another coordinator may end meanwhile.

        Raises:
            LocalAgentFailed: the agent we started ended.
        """
        arrival = asyncio.ensure_future(self._links.arrival(party_id, within_s))
        process = self._processes.get(party_id)
        end = asyncio.ensure_future(process.wait()) if _lives(process) else None
        try:
            waiting = {arrival} if end is None else {arrival, end}
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if end is not None and end.done() and end.result() != RUNNING_ALREADY:
                raise self._failed(party_id, end.result())
            return await arrival
        finally:
            arrival.cancel()
            if end is not None:
                end.cancel()

    def _failed(self, party_id: str, exit_code: int) -> LocalAgentFailed:
        file = self._plan.home(party_id) / LOG_FILE
        with contextlib.suppress(OSError):
            tail = file.read_text(errors="replace")[-TAIL_CHARS:].strip()
            return LocalAgentFailed(party_id, exit_code, str(file), tail)
        return LocalAgentFailed(party_id, exit_code, str(file), "")

    def _end(self, party_id: str) -> int | None:
        """Tell an agent to end; its process."""
        pid = self._pid(party_id)
        if pid is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGTERM)
        return pid

    async def _ended(self, party_id: str) -> None:
        process = self._processes.get(party_id)
        if process is not None:
            await process.wait()
        while self._runs(party_id):  # noqa: ASYNC110 - not our child, nothing to wait on
            await asyncio.sleep(0.05)

    # --- whoever started it ----------------------------------------------------------------------

    def _known(self) -> set[str]:
        """Parties whose agents run, here or left over from a coordinator that was killed."""
        homes = self._plan.homes.iterdir() if self._plan.homes.is_dir() else ()
        named = {urllib.parse.unquote(home.name) for home in homes}
        return {party_id for party_id in named | set(self._processes) if self._pid(party_id)}

    def _pid(self, party_id: str) -> int | None:
        process = self._processes.get(party_id)
        if _lives(process):
            return process.pid
        return _lock_holder(self._plan.home(party_id) / LOCK_FILE)

    def _runs(self, party_id: str) -> bool:
        return _lock_holder(self._plan.home(party_id) / LOCK_FILE) is not None


def _lives(process: asyncio.subprocess.Process | None) -> TypeGuard[asyncio.subprocess.Process]:
    return process is not None and process.returncode is None


def _lock_holder(file: Path) -> int | None:
    """The process that holds the lock on an agent's home; None if nobody does."""
    try:
        with file.open("r") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                written = lock.read(20).strip()
                return int(written) if written.isdigit() else None
    except OSError:
        return None
    return None
