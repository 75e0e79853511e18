"""Letters of one MiB and small ones from process to process, beside the same bytes unsealed.

Peer and limit: a TCP connection over loopback, `sendall` at one end, `recv_into` one buffer at the
other. Ours is the channel of a task: declared, encoded, sealed with AES-256-GCM, numbered, kept
until acknowledged, opened, decoded; over the same kind of connection.

Each end has a core of its own, as ends of a connection between two machines have. Left to itself
the system puts two ends of raw TCP on one core now and then, where nothing has to be woken
elsewhere; small messages are measured that way too, as a line without a goal.
"""

import json
import os
import secrets
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.channel_party import BLOCK_BYTES
from benchmarks.measure import Benchmark, Figure

RUNS = 7
BLOCKS = 1000
_LIMIT_S = 120


@dataclass(frozen=True, slots=True)
class Place:
    """Which core each end runs on; none where that is left to the system."""

    sender: int | None = None
    receiver: int | None = None

    @classmethod
    def apart(cls) -> "Place":
        """A core for each end, where this process may use two."""
        cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
        return cls(cores[0], cores[1]) if len(cores) > 1 else cls()

    @property
    def together(self) -> "Place":
        """Both on the sender's core."""
        return Place(self.sender, self.sender)


def once(way: str, blocks: int, place: Place) -> tuple[float, float]:
    """MB/s of the blocks, and microseconds there and back of a small message.

    Raises:
        RuntimeError: an end failed.
    """
    with socket.create_server(("127.0.0.1", 0)) as server:
        near = socket.create_connection(server.getsockname())
        far, _ = server.accept()
    secret = secrets.token_bytes(32).hex()
    processes = []
    ends = (("sender", near, place.sender), ("receiver", far, place.receiver))
    for role, end, core in ends:
        facts = [way, role, str(end.fileno()), secret, str(blocks)]
        facts += [] if core is None else [str(core)]
        processes.append(
            subprocess.Popen(
                [sys.executable, "-m", "benchmarks.channel_party", *facts],
                stdout=subprocess.PIPE,
                text=True,
                pass_fds=[end.fileno()],
                cwd=Path(__file__).parent.parent,
            )
        )
        end.close()
    try:
        said = [process.communicate(timeout=_LIMIT_S)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
    if any(process.returncode for process in processes):
        raise RuntimeError("an end of the connection failed")
    answer = json.loads(said[0])
    return blocks * BLOCK_BYTES / answer["seconds"] / 1e6, answer["small_s"] * 1e6


def run(size: int) -> list[Figure]:
    """Both ways in turns; `size` blocks each."""
    apart = Place.apart()
    found = in_turns(size, apart)
    rates, delays = ({way: [pair[i] for pair in found[way]] for way in found} for i in (0, 1))
    shared = {way: [us for _, us in pairs] for way, pairs in in_turns(1, apart.together).items()}
    tcp_rate, tcp_delay = median(rates["raw"]), median(delays["raw"])
    return [
        Figure.of(
            "letters of 1 MiB, process to process",
            "MB/s",
            rates["letters"],
            goal=f"at least 0.35 of raw TCP, {0.35 * tcp_rate:.0f} MB/s",
            tcp=tcp_rate,
        ),
        Figure.of(
            "a small letter and its answer",
            "us",
            delays["letters"],
            goal=f"at most 3 times raw TCP, {3 * tcp_delay:.0f} us",
            tcp=tcp_delay,
        ),
        Figure.of(
            "a small letter and its answer: times raw TCP",
            "x",
            [ours / raw for ours, raw in zip(delays["letters"], delays["raw"], strict=True)],
            goal="at most 3",
        ),
        Figure.of(
            "a small letter and its answer, both ends on one core",
            "us",
            shared["letters"],
            tcp=median(shared["raw"]),
        ),
    ]


def in_turns(blocks: int, place: Place) -> dict[str, list[tuple[float, float]]]:
    """What each way took, run by run."""
    found: dict[str, list[tuple[float, float]]] = {"raw": [], "letters": []}
    for _ in range(RUNS):
        for way, samples in found.items():
            samples.append(once(way, blocks, place))
    return found


BENCHMARK = Benchmark("channel", "sealed letters beside raw TCP, process to process", run, BLOCKS)
