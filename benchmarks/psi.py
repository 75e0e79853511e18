"""Set intersection of two parties, half of whose ids are common, CSV to CSV, each a process.

Ours over a socket pair with sealed letters, SecretFlow's libpsi over loopback, one after the other.
The peer lives in an environment of its own, under `$TRIPACT_PEERS` or `~/.cache/tripact-peers`:

    python3.11 -m venv ~/.cache/tripact-peers/spu
    ~/.cache/tripact-peers/spu/bin/pip install --pre spu==0.9.5

`psi-ecdh` also compares the portable path with FATE's points, one core each, in the environment
`fate-utils` (`pip install fate_utils`). `psi-big` is ours alone, ten million ids a side.
"""

import json
import os
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.measure import Benchmark, Figure
from benchmarks.psi_party import SEATS

RUNS = 5
SIZE = 100_000
BIG = 10_000_000
_PORTABLE_IDS = 4_000
_LIMIT_S = 900
_FIRST_ID = 100_000_000
_PEER_PROGRAM = Path(__file__).with_name("psi_peer_program.py")
_POINTS_PROGRAM = Path(__file__).with_name("psi_points_program.py")


def run(method: str, peers: Sequence[str], goals: dict[str, float], size: int) -> list[Figure]:
    """Ours and the peers' protocols in turns.

    Args:
        method: of ours, `oprf` or `ecdh`.
        peers: libpsi's protocols.
        goals: for some of them what share of its time ours may take.
        size: ids of each party.
    """
    python = _peer_python()
    with tempfile.TemporaryDirectory() as folder:
        write_ids(Path(folder), size)
        ours: list[dict[str, Any]] = []
        theirs: dict[str, list[float]] = {name: [] for name in peers if python}
        for _ in range(RUNS):
            ours.append(run_ours(method, Path(folder), size))
            for name, walls in theirs.items():
                walls.append(run_peer(python, name, folder, size))
    return figures_of(f"{method} PSI of {size:,} ids each", ours, theirs, goals)


def run_ecdh(size: int) -> list[Figure]:
    """On points: beside libpsi's, and the portable path beside FATE's points."""
    figures = run("ecdh", ("ECDH-25519",), {"ECDH-25519": 0.7}, size)
    return [*figures, *portable_figures("generic"), *portable_figures("portable")]


def portable_figures(kernels: str) -> list[Figure]:
    """CPU time that an id costs a party.

    Args:
        kernels: `generic` for machine code without IFMA, `portable` for libsodium.
    """
    fate = _peer_python("fate-utils")
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(RUNS):
        ours.append(_points_us(Path(sys.executable), "ours", kernels))
        theirs += [_points_us(fate, "fate", kernels)] if fate else []
    what = f"points of an id, kernels {kernels}, one core"
    if not theirs:
        return [Figure.of(what, "us", ours)]
    figures = [Figure.of(what, "us", ours, fate_utils=round(statistics.median(theirs), 1))]
    ratios = [b / a for a, b in zip(ours, theirs, strict=True)]
    named = f"{what}: times as fast as FATE's"
    return [*figures, Figure.of(named, "x", ratios, goal="at least 1.5")]


def _points_us(python: Path, whose: str, kernels: str) -> float:
    done = subprocess.run(
        [str(python), str(_POINTS_PROGRAM), whose, str(_PORTABLE_IDS)],
        capture_output=True,
        text=True,
        check=True,
        timeout=_LIMIT_S,
        cwd=Path(__file__).parent.parent,
        env=os.environ | {"TRIPACT_KERNELS": kernels, "PYTHONPATH": "."},
    )
    return float(done.stdout)


def run_big(size: int) -> list[Figure]:
    """Ours alone, once: how long, and how much memory both parties hold."""
    with tempfile.TemporaryDirectory() as folder:
        write_ids(Path(folder), size)
        ours = [run_ours("oprf", Path(folder), size)]
    return figures_of(f"oprf PSI of {size:,} ids each", ours, {}, {}, memory="at most 8000")


def figures_of(
    what: str,
    ours: Sequence[dict[str, Any]],
    theirs: dict[str, list[float]],
    goals: dict[str, float],
    *,
    memory: str = "",
) -> list[Figure]:
    """Wall time beside the peers', the ratios, and what ours took besides."""
    walls = [one["wall_s"] for one in ours]
    beside = {name: round(statistics.median(walls), 3) for name, walls in theirs.items()}
    figures = [Figure.of(f"{what}, CSV to CSV", "s", walls, goal="", **beside)]
    for name, samples in theirs.items():
        ratios = [a / b for a, b in zip(walls, samples, strict=True)]
        goal = f"at most {goals[name]:g}" if name in goals else ""
        figures.append(Figure.of(f"{what}: share of libpsi {name}'s time", "x", ratios, goal=goal))
    for fact, name, unit, scale in (
        ("cpu_s", "CPU time of both parties", "s", 1.0),
        ("sent_bytes", "letters of both parties", "MB", 1e-6),
        ("memory_bytes", "most memory of both parties", "MB", 1e-6),
    ):
        samples = [one[fact] * scale for one in ours]
        goal = memory if fact == "memory_bytes" else ""
        figures.append(Figure.of(f"{what}: {name}", unit, samples, goal=goal))
    return figures


def write_ids(folder: Path, size: int) -> None:
    """`guest.csv` and `host.csv`, with nine-digit ids of which half are common."""
    for number, role in enumerate(SEATS):
        first = _FIRST_ID + number * (size // 2)
        lines = (f"{first + row}\n" for row in range(size))
        with (folder / f"{role}.csv").open("w", encoding="utf-8") as file:
            file.write("id\n")
            file.writelines(lines)


def run_ours(method: str, folder: Path, size: int) -> dict[str, Any]:
    """One intersection of two processes of ours: the slower one's time, and sums of the rest.

    Raises:
        RuntimeError: a party failed, or found another number of ids.
    """
    ends, secret = socket.socketpair(), secrets.token_bytes(32).hex()
    processes = []
    for role, end in zip(SEATS, ends, strict=True):
        facts = [method, role, str(end.fileno()), secret, str(folder)]
        processes.append(
            subprocess.Popen(
                [sys.executable, "-m", "benchmarks.psi_party", *facts],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                pass_fds=[end.fileno()],
                cwd=Path(__file__).parent.parent,
            )
        )
        end.close()
    try:
        said = [_answer(process) for process in processes]
        for process in processes:
            process.communicate(timeout=_LIMIT_S)
    finally:
        for process in processes:
            process.kill()
            process.wait()
    if any(one["common"] != size - size // 2 for one in said):
        raise RuntimeError("the parties found another number of common ids")
    total = {fact: sum(one[fact] for one in said) for fact in said[0]}
    return total | {"wall_s": max(one["wall_s"] for one in said)}


def _answer(process: "subprocess.Popen[str]") -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError("a party ended without a result")
    answer: dict[str, Any] = json.loads(line)
    return answer


def run_peer(python: Path | None, protocol: str, folder: str, size: int) -> float:
    """Seconds of one intersection of the peer.

    Raises:
        RuntimeError: it found another number of ids.
    """
    done = subprocess.run(
        [str(python), str(_PEER_PROGRAM), protocol, folder],
        capture_output=True,
        text=True,
        check=True,
        timeout=_LIMIT_S,
        env=os.environ | {"SPDLOG_LEVEL": "off"},
    )
    said = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{")))
    if said["common"] != size - size // 2:
        raise RuntimeError("the peer found another number of common ids")
    return float(said["wall_s"])


def _peer_python(name: str = "spu") -> Path | None:
    """A peer's interpreter, or None with a line on stderr where it is not installed."""
    home = Path(os.environ.get("TRIPACT_PEERS", Path.home() / ".cache" / "tripact-peers"))
    python = home / name / "bin" / "python"
    if python.exists():
        return python
    sys.stderr.write(f"the peer {name} is not at {python}; see benchmarks/psi.py\n")
    return None


FAST = Benchmark(
    "psi-fast",
    "PSI from OT extension beside SecretFlow's RR22 and KKRT",
    partial(run, "oprf", ("RR22", "KKRT"), {"RR22": 1.0}),
    size=SIZE,
)
ECDH = Benchmark(
    "psi-ecdh",
    "PSI on Curve25519 beside SecretFlow's; the portable path beside FATE's points",
    run_ecdh,
    size=SIZE,
)
LARGE = Benchmark("psi-big", "PSI of ten million ids a side: time and memory", run_big, size=BIG)
