"""Other libraries' homomorphic encryption beside ours: how to find them, and how to take turns.

A peer lives in an environment of its own, under `$TRIPACT_PEERS` or `~/.cache/tripact-peers`:

    python3.11 -m venv ~/.cache/tripact-peers/heu
    ~/.cache/tripact-peers/heu/bin/pip install sf-heu==0.5.2b0 numpy
    python3.11 -m venv ~/.cache/tripact-peers/fate-utils
    ~/.cache/tripact-peers/fate-utils/bin/pip install fate_utils numpy
"""

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.measure import Figure
from benchmarks.peers import peer_python
from federation.crypto import kernels
from federation.crypto.kernels.choice import SWITCH

RUNS = 7
_PROGRAM = Path(__file__).with_name("he_peer_program.py")
_PLACES = {"heu": "heu", "fate": "fate-utils"}


class Peer:
    """A peer's process, which measures itself when asked."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._line()

    def __call__(self, operation: str) -> float:
        """CPU seconds per item."""
        assert self._process.stdin is not None
        self._process.stdin.write(operation + "\n")
        self._process.stdin.flush()
        return float(self._line())

    def _line(self) -> str:
        """The next answer; libraries print greetings in between."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            text = line.strip()
            if text == "ready" or text.replace(".", "").replace("e-", "").isdigit():
                return text
        raise RuntimeError("the peer has ended")


@contextmanager
def peer(library: str, scheme: str) -> Iterator[Peer | None]:
    """The running peer, or None with a line on stderr where it is not installed."""
    python = peer_python(_PLACES[library], "he_peers.py")
    if python is None:
        yield None
        return
    command = [str(python), str(_PROGRAM), library, scheme]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Peer(process)
        finally:
            process.kill()


@contextmanager
def counting_by(path: str) -> Iterator[None]:
    """Keys made within count by that path: "ifma" or "portable"; one thread."""
    before, threads = os.environ.get(SWITCH), kernels.status().threads
    os.environ[SWITCH] = "portable" if path == "portable" else ""
    kernels.set_threads(1)
    try:
        yield
    finally:
        kernels.set_threads(threads)
        os.environ.pop(SWITCH)
        if before is not None:
            os.environ[SWITCH] = before


def cpu_us(work: Callable[[], object], items: int) -> float:
    """CPU time of one item, in microseconds."""
    started = time.process_time()
    work()
    return (time.process_time() - started) / items * 1e6


def in_turns(
    what: str,
    ours: Callable[[], float],
    peers: Mapping[str, tuple[str, str, str]],
    goals: Mapping[str, float],
    **limits: float,
) -> list[Figure]:
    """Ours and each peer's, one after the other, `RUNS` times; one core each.

    Args:
        what: what is measured.
        ours: gives microseconds per item.
        peers: for each name its library, scheme and operation.
        goals: for each name how many times faster ours should be.
        limits: what the machine allows, in microseconds.
    """
    samples: dict[str, list[float]] = {"ours": []}
    ours()
    with ExitStack() as stack:
        running = {
            name: (found, operation)
            for name, (library, scheme, operation) in peers.items()
            if (found := stack.enter_context(peer(library, scheme))) is not None
        }
        for _ in range(RUNS):
            samples["ours"].append(ours())
            for name, (ask, operation) in running.items():
                samples.setdefault(name, []).append(ask(operation) * 1e6)
    medians = {name: statistics.median(values) for name, values in samples.items()}
    theirs = {name: round(medians[name], 3) for name in running}
    figures = [Figure.of(what, "us", samples["ours"], goal="", **theirs).within(**limits)]
    for name in running:
        ratios = [b / a for a, b in zip(samples["ours"], samples[name], strict=True)]
        goal = f"at least {goals[name]:g}" if name in goals else ""
        figures.append(Figure.of(f"{what}: times as fast as {name}", "x", ratios, goal=goal))
    return figures
