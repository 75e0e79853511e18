"""Task processes, as the agent sees them: forked in advance, handed out, ended, accounted for.

A few processes wait, so that a task starts in the time of one message. Each leads a group of its
own, so that killing it kills what it started too.
"""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Sequence

import structlog

from federation.channel.stream import FrameStream
from federation.errors import LinkClosed, TripactError, Unavailable
from federation.program.background import Background
from party_agent.nursery import MESSAGE, News

log = structlog.get_logger(__name__)

NURSERY = (sys.executable, "-P", "-m", "party_agent.nursery")
_TOP_UP_AFTER_S = 0.03
_NURSERY_AGAIN_S = (0.2, 0.5, 1.0, 5.0)
_MOST_FAILED_STARTS = 3
_STOP_S = 1.0


class Worker:
    """One process: waiting, at work, or ended."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.pid = 0
        self._doomed = False
        self._greeted: FrameStream | None = None
        self.stream: asyncio.Future[FrameStream] = loop.create_future()
        """Open once the process has said that it is there and its id is known; fails if it never
        will be."""
        self.ended: asyncio.Future[str] = loop.create_future()
        """How the process ended: a signal's name, or its exit status."""

    def made(self, pid: int) -> None:
        """The process is there."""
        self.pid = pid
        if self._doomed:
            self.kill()
        self._open()

    def greet(self, stream: FrameStream) -> None:
        """The process has said that it is there; that may be heard before its id."""
        self._greeted = stream
        if self.stream.done():
            stream.abort()  # it was given up meanwhile
        self._open()

    def give_up(self, error: TripactError) -> None:
        """It never will be there, or has ended."""
        if self.stream.done():
            return
        self.stream.set_exception(error)
        self.stream.exception()  # Marked as looked at: it may have been a spare.
        if self._greeted is not None:
            self._greeted.abort()

    def _open(self) -> None:
        if self.pid and self._greeted is not None and not self.stream.done():
            self.stream.set_result(self._greeted)

    def kill(self) -> None:
        """End the process and all it started, at once; also one that is only being made."""
        self._doomed = True
        if not self.pid or self.ended.done():
            return
        for kill in (os.killpg, os.kill):
            try:
                kill(self.pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
            return


class Workers:
    """The nursery and all processes that came from it."""

    def __init__(
        self, spares: int, background: Background, command: Sequence[str] = NURSERY
    ) -> None:
        """Know how many processes are to wait.

        Args:
            command: starts the nursery; its last argument is the control socket.
        """
        self._wanted = spares
        self._command = command
        self._background = background
        self._spares: deque[Worker] = deque()
        self._forking: deque[Worker] = deque()
        self._unsent: deque[tuple[Worker, socket.socket]] = deque()
        self._alive: dict[int, Worker] = {}
        self._control: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._ready = False
        self._failed_starts = 0
        self._stopping = False
        self._top_up_due: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Start the nursery; it is ready some tenths of a second later."""
        mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        mine.setblocking(False)
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [*self._command, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._control, self._ready = mine, False
        asyncio.get_running_loop().add_reader(mine.fileno(), self._hear)
        self._top_up()

    async def take(self) -> Worker:
        """A process that waits for its order.

        Raises:
            Unavailable: none could be made.
        """
        worker = self._spares.popleft() if self._spares else self._fork()
        self._top_up_soon()
        try:
            await asyncio.shield(worker.stream)
        except asyncio.CancelledError:
            worker.kill()
            raise
        except TripactError as error:
            raise Unavailable(f"no process could be made for a task: {error.message}") from None
        return worker

    async def stop(self) -> None:
        """End every process; returns when they are gone."""
        self._stopping = True
        if self._top_up_due is not None:
            self._top_up_due.cancel()
        ended = [worker.ended for worker in self._alive.values()]
        for worker in list(self._alive.values()):
            worker.kill()
        if ended:
            await asyncio.wait(ended, timeout=_STOP_S)
        self._hang_up()
        if self._process is not None:
            await asyncio.to_thread(_wait, self._process)

    @property
    def pids(self) -> list[int]:
        """Processes that live, waiting ones too."""
        return list(self._alive)

    def _top_up_soon(self) -> None:
        """Make new spares once the task that took one is on its way."""
        if self._top_up_due is None:
            loop = asyncio.get_running_loop()
            self._top_up_due = loop.call_later(_TOP_UP_AFTER_S, self._top_up)

    def _top_up(self) -> None:
        self._top_up_due = None
        while not self._stopping and len(self._spares) < self._wanted:
            self._spares.append(self._fork())

    def _fork(self) -> Worker:
        mine, theirs = socket.socketpair()
        worker = Worker()
        self._unsent.append((worker, theirs))
        self._background.start(self._greet(worker, mine), "greet a task process")
        self._send()
        return worker

    def _send(self) -> None:
        """Ask the nursery for what is wanted, once it is ready."""
        while self._ready and self._control is not None and self._unsent:
            worker, end = self._unsent[0]
            try:
                socket.send_fds(self._control, [b"fork"], [end.fileno()])
            except BlockingIOError:
                asyncio.get_running_loop().call_later(_TOP_UP_AFTER_S, self._send)
                return
            except ConnectionError:
                return
            self._unsent.popleft()
            end.close()
            self._forking.append(worker)

    async def _greet(self, worker: Worker, end: socket.socket) -> None:
        """Wait until a process says that it is there."""
        stream = await FrameStream.over(end)
        try:
            await stream.receive()
        except TripactError as error:
            self._give_up(worker, error)
            await stream.close()
            return
        worker.greet(stream)

    def _give_up(self, worker: Worker, error: TripactError) -> None:
        if worker in self._spares:
            self._spares.remove(worker)
        worker.give_up(error)

    def _hear(self) -> None:
        """Take what the nursery tells."""
        while self._control is not None:
            try:
                data = self._control.recv(MESSAGE.size)
            except BlockingIOError:
                return
            except ConnectionError:
                data = b""
            if not data:
                self._lost()
                return
            news, first, second = MESSAGE.unpack(data)
            if news == News.READY:
                self._ready, self._failed_starts = True, 0
                self._send()
            elif news == News.FORKED:
                worker = self._forking.popleft()
                self._alive[first] = worker
                worker.made(first)
            elif news == News.REFUSED:
                error = Unavailable(f"the system refused it: {os.strerror(first)}")
                self._give_up(self._forking.popleft(), error)
            elif news == News.ENDED:
                self._note_end(first, _how(second))

    def _note_end(self, pid: int, how: str) -> None:
        worker = self._alive.pop(pid, None)
        if worker is None:
            return
        worker.ended.set_result(how)
        self._give_up(worker, LinkClosed())

    def _lost(self) -> None:
        """The nursery is gone, and all its processes with it."""
        self._hang_up()
        for pid in list(self._alive):
            self._note_end(pid, "SIGKILL")
        self._failed_starts += not self._ready
        lost = list(self._forking)
        self._forking.clear()
        if self._failed_starts >= _MOST_FAILED_STARTS:
            lost += [worker for worker, _ in self._unsent]
            for _, end in self._unsent:
                end.close()
            self._unsent.clear()
        for worker in lost:
            self._give_up(worker, LinkClosed())
        if not self._stopping:
            log.error("the process that makes task processes died; starting it again")
            wait = min(self._failed_starts, len(_NURSERY_AGAIN_S) - 1)
            asyncio.get_running_loop().call_later(_NURSERY_AGAIN_S[wait], self._again)

    def _again(self) -> None:
        if not self._stopping:
            if self._process is not None:
                self._process.poll()
            self.start()

    def _hang_up(self) -> None:
        if self._control is not None:
            asyncio.get_running_loop().remove_reader(self._control.fileno())
            self._control.close()
            self._control = None


def _how(status: int) -> str:
    """A wait status in a word."""
    if os.WIFSIGNALED(status):
        return signal.Signals(os.WTERMSIG(status)).name
    return f"exit status {os.waitstatus_to_exitcode(status)}"


def _wait(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
