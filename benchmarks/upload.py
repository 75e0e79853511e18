"""What an upload and a download of a table cost: time, and memory of the coordinator and the agent.

Real processes: a standalone coordinator and the agent of one party. The file has an id and 20
columns of numbers with six digits. Peaks are VmHWM of each process, reset before each measurement,
so this runs on Linux alone. Rows pass the coordinator both ways; it must not grow with them.

Peer: FATE 2.2.0 standalone, on one file between our runs, where its server runs (`fate_peer.py`
says how to get it, and how many runs are made). It takes about 2.4 ms a row, so that file has at
most 50,000 rows.
"""

import json
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.fate_peer import answers, server_url
from benchmarks.fate_peer import runs as fate_runs
from benchmarks.measure import Benchmark, Figure
from benchmarks.peers import peer_python
from coordinator.client import FlowClient
from examples.running import Standalone, standalone

COLUMNS = 20
RUNS = 3
GOAL_MIB = 64.0
PARTY = "9999"
DEADLINE_S = 600.0
NAMESPACE, NAME = "bench", "wide"
MIB = float(1 << 20)
PIECE = 50_000
FATE_ROWS = 50_000


@dataclass(frozen=True, slots=True)
class Once:
    """One upload and one download.

    Attributes:
        coordinator_mib, agent_mib: by how much each peak was above what the process had before,
            over both.
    """

    upload_s: float
    download_s: float
    coordinator_mib: float
    agent_mib: float


def run(size: int) -> list[Figure]:
    """Measure; `size` is how many rows."""
    with tempfile.TemporaryDirectory() as folder, standalone() as running:
        once(running, make_file(Path(folder) / "small.csv", 1000))
        file = make_file(Path(folder) / "wide.csv", size)
        runs = [once(running, file) for _ in range(RUNS)]
        size_mib = file.stat().st_size / MIB
        shown = f"{size:,} rows x {COLUMNS} columns, {size_mib:.0f} MiB"
        return [
            Figure.of(f"upload of {shown}", "s", [r.upload_s for r in runs]),
            Figure.of("  at", "MiB/s", [size_mib / r.upload_s for r in runs]),
            Figure.of(f"download of {shown}", "s", [r.download_s for r in runs]),
            Figure.of(
                "growth of the coordinator",
                "MiB",
                [r.coordinator_mib for r in runs],
                goal=f"less than {GOAL_MIB:.0f} MiB",
            ),
            Figure.of("growth of the agent", "MiB", [r.agent_mib for r in runs]),
            *beside_fate(running, make_file(file, min(size, FATE_ROWS)), min(size, FATE_ROWS)),
        ]


def beside_fate(running: Standalone, file: Path, rows: int) -> list[Figure]:
    """Ours and FATE's uploads of one file in turns; nothing where FATE is not running."""
    python, url = peer_python("fate", "fate_peer.py"), server_url()
    if python is None or not answers(url):
        return []
    ours, theirs = [], []
    for _ in range(fate_runs()):
        ours.append(once(running, file).upload_s)
        theirs.append(fate_s(python, file))
        ours.append(once(running, file).upload_s)
    what = f"upload of {rows:,} rows x {COLUMNS} columns"
    ratios = [statistics.median(theirs) / one for one in ours]
    return [
        Figure.of(what, "s", ours, fate_2_2=round(statistics.median(theirs), 2)),
        Figure.of(f"{what}: times as fast as FATE 2.2", "x", ratios),
    ]


def fate_s(python: Path, file: Path) -> float:
    """Seconds of the same upload in FATE."""
    answer = subprocess.run(
        [str(python), "-m", "benchmarks.upload_peer_program", str(file)],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        check=True,
        timeout=1800,
    )
    return float(json.loads(answer.stdout.splitlines()[-1]))


def once(running: Standalone, file: Path) -> Once:
    """Upload a file, wait until it is a table, and fetch that.

    Raises:
        RuntimeError: it did not become one, or came back as another.
    """
    client = FlowClient(running.url, timeout_s=DEADLINE_S)
    assert running.process is not None
    pids = [running.process.pid]
    lock = running.home / "parties" / PARTY / "lock"
    if lock.exists():
        pids.append(int(lock.read_text()))
    before = [reset_peak_mib(pid) for pid in pids]
    began = time.perf_counter()
    job = client.upload(file, namespace=NAMESPACE, name=NAME, party_id=PARTY, drop=True)
    if client.wait(job, timeout_s=DEADLINE_S) != "success":
        raise RuntimeError("the upload failed")
    uploaded = time.perf_counter()
    asked = {"namespace": NAMESPACE, "name": NAME, "party_id": PARTY}
    client.save("table/download", asked, file.parent)
    ended = time.perf_counter()
    grown = [peak_mib(pid) - had for pid, had in zip(pids, before, strict=True)]
    agent_mib = grown[1] if len(grown) > 1 else 0.0
    return Once(uploaded - began, ended - uploaded, grown[0], agent_mib)


def reset_peak_mib(pid: int) -> float:
    """What a process has now, from where its peak counts from here on."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    return peak_mib(pid)


def peak_mib(pid: int) -> float:
    """The most a process has had."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def make_file(path: Path, rows: int) -> Path:
    """A CSV of that many rows; made in pieces."""
    generator = np.random.default_rng(7)
    with path.open("w") as file:
        file.write(",".join(["id", *(f"x{column}" for column in range(COLUMNS))]) + "\n")
        for first in range(0, rows, PIECE):
            count = min(PIECE, rows - first)
            numbers = generator.standard_normal((count, COLUMNS))
            ids = np.arange(first, first + count)[:, None]
            np.savetxt(file, np.hstack([ids, numbers]), ["%d"] + ["%.6f"] * COLUMNS, ",")
    return path


BENCHMARK = Benchmark(
    "upload", "time and memory of an upload, and a download, through both processes", run, 1_000_000
)
