"""Letters of one MiB and small ones from process to process, beside the same bytes unsealed.

Peer and limit: a TCP connection over loopback, `sendall` at one end, `recv_into` one buffer at the
other. Ours is the channel of a task: declared, encoded, sealed with AES-256-GCM, numbered, kept
until acknowledged, opened, decoded; over the same kind of connection.
"""

import json
import secrets
import socket
import subprocess
import sys
from pathlib import Path

from benchmarks.channel_party import BLOCK_BYTES
from benchmarks.measure import Benchmark, Figure

RUNS = 7
BLOCKS = 1000
_LIMIT_S = 120


def once(way: str, blocks: int) -> tuple[float, float]:
    """MB/s of the blocks, and microseconds there and back of a small message.

    Raises:
        RuntimeError: an end failed.
    """
    with socket.create_server(("127.0.0.1", 0)) as server:
        near = socket.create_connection(server.getsockname())
        far, _ = server.accept()
    secret = secrets.token_bytes(32).hex()
    processes = []
    for role, end in (("sender", near), ("receiver", far)):
        facts = [way, role, str(end.fileno()), secret, str(blocks)]
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
    found: dict[str, list[tuple[float, float]]] = {"raw": [], "letters": []}
    for _ in range(RUNS):
        for way, samples in found.items():
            samples.append(once(way, size))
    rates = {way: [rate for rate, _ in samples] for way, samples in found.items()}
    delays = {way: [delay for _, delay in samples] for way, samples in found.items()}
    middle = RUNS // 2
    tcp_rate, tcp_delay = sorted(rates["raw"])[middle], sorted(delays["raw"])[middle]
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
    ]


BENCHMARK = Benchmark("channel", "sealed letters beside raw TCP, process to process", run, BLOCKS)
