"""The process that task processes are forked from: everything imported once, nothing started.

    python -m party_agent.nursery FD

The agent talks to it over FD, a socket that keeps messages apart:

    agent     ->  FORK, with one end of a socket pair   for the new process
    nursery   ->  READY                                 modules are imported
                  FORKED pid | REFUSED errno            in the order of the FORKs
                  ENDED pid, wait status                whenever a process has ended

This is what multiprocessing's forkserver does, with three differences that matter here: nothing is
pickled, the agent's event loop never waits for a fork, and it is told how each process ended. A
forked process ends when its agent's end of the pair closes, and dies with this one, which ends when
the agent is gone. torch is never imported here: a component that needs it imports it itself.

Machine code for ciphertexts is made here once no fork was asked for in a while: it costs 1.3 s of
processor time and 0.1 GB that all share, and saves each later task that encrypts as much. At the
start it would delay the first tasks, most of which need none.
"""

import ctypes
import gc
import os
import random
import selectors
import signal
import socket
import struct
import sys
from enum import IntEnum

from federation.program.loop import run_loop
from federation.program.memory import keep_freed_blocks

MESSAGE = struct.Struct("<iii")
QUIET_S = 20.0
_PR_SET_PDEATHSIG, _PR_SET_NAME = 1, 15


class News(IntEnum):
    """What the nursery tells."""

    READY = 1
    FORKED = 2
    REFUSED = 3
    ENDED = 4


def main() -> None:
    """Import, then fork on demand until the agent is gone."""
    control = socket.socket(fileno=int(sys.argv[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    keep_freed_blocks()
    _import_everything()
    _rehearse()
    gc.collect()
    gc.freeze()  # so that a collection in a child copies no page of what all share
    _Nursery(control).run()


class _Nursery:
    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._alarm, alarm = socket.socketpair()
        for end in (self._alarm, alarm):
            end.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(alarm.fileno(), warn_on_full_buffer=False)
        self._wakeup = alarm
        self._warm = False

    def run(self) -> None:
        self._tell(News.READY)
        with selectors.DefaultSelector() as ready:
            ready.register(self._control, selectors.EVENT_READ)
            ready.register(self._alarm, selectors.EVENT_READ)
            while True:
                found = ready.select(None if self._warm else QUIET_S)
                if not found:
                    self._warm = _make_kernels()
                for key, _ in found:
                    if key.fileobj is self._alarm:
                        self._reap()
                    elif not self._answer():
                        return

    def _answer(self) -> bool:
        """Fork once; False if the agent is gone."""
        try:
            data, descriptors, _, _ = socket.recv_fds(self._control, 16, 1)
        except ConnectionError:
            return False
        if not data:
            return False
        if not descriptors:
            return True
        try:
            pid = os.fork()
        except OSError as error:
            self._tell(News.REFUSED, error.errno or 0)
            os.close(descriptors[0])
            return True
        if pid == 0:
            self._become_worker(descriptors[0])
        os.close(descriptors[0])
        _lead_a_group(pid)
        self._tell(News.FORKED, pid)
        return True

    def _become_worker(self, descriptor: int) -> None:
        """The child's whole life."""
        status = 1
        try:
            nursery = os.getppid()
            _lead_a_group(0)
            _die_with_parent(nursery)
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for end in (self._control, self._alarm, self._wakeup):
                end.close()
            _seed()
            from party_agent.task import work

            run_loop(work(socket.socket(fileno=descriptor)))
            status = 0
        finally:
            os._exit(status)

    def _reap(self) -> None:
        while self._drained():
            pass
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            self._tell(News.ENDED, pid, status)

    def _drained(self) -> bool:
        try:
            return bool(self._alarm.recv(4096))
        except BlockingIOError:
            return False

    def _tell(self, news: News, first: int = 0, second: int = 0) -> None:
        try:
            self._control.send(MESSAGE.pack(news, first, second))
        except ConnectionError:
            sys.exit(0)


def _import_everything() -> None:
    import gmpy2
    import numpy
    import pyarrow.parquet

    import party_agent.task
    from federation.components.registry import components

    components()
    # What is imported here is imported for every task; each name is used so that none is dropped.
    assert gmpy2 and numpy and pyarrow.parquet and party_agent.task  # noqa: S101


def _rehearse() -> None:
    """Run a task once; that it fails is no reason not to serve, only to be slower."""
    from party_agent.rehearsal import rehearse

    try:
        rehearse()
    except Exception as error:
        print(f"no rehearsal: {type(error).__name__}", file=sys.stderr)


def _make_kernels() -> bool:
    """Have the machine code for ciphertexts; True, for it is not tried twice."""
    from federation.crypto import kernels

    kernels.warm()
    gc.collect()
    gc.freeze()
    return True


def _lead_a_group(pid: int) -> None:
    """Put a process at the head of its own group, so that it is killed with all it started."""
    try:
        os.setpgid(pid, pid)
    except (ProcessLookupError, PermissionError):
        return  # it has ended, or did so itself


def _die_with_parent(parent: int) -> None:
    libc = ctypes.CDLL(None)
    if hasattr(libc, "prctl"):
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        libc.prctl(_PR_SET_NAME, b"tripact-task")
    if os.getppid() != parent:
        os._exit(1)


def _seed() -> None:
    """Give this process random numbers of its own where a library keeps a state."""
    random.seed()
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed()


if __name__ == "__main__":
    main()
