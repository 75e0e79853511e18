"""One epoch of HeteroLR over 30,000 rows and 13 + 10 columns, 2048-bit Paillier, real processes.

The time of an epoch is the difference between a job of many epochs and one of one, so that keys,
joins and predictions do not count. Weights are compared with the same recurrence in the clear. The
limit is the same arithmetic on ciphertexts in one process that has all cores.
With FATE_EXAMPLES naming the folder of FATE's `examples/data`, its default_credit set is used;
otherwise numbers of the same shape are made. Peer: FATE's CoordinatedLR, see `fate_peer`.
"""

import copy
import csv
import itertools
import json
import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.fate_peer import Epoch, fate
from benchmarks.fate_peer import runs as fate_runs
from benchmarks.he_peers import counting_by
from benchmarks.measure import Benchmark, Figure
from coordinator.client import FlowClient
from examples import pooled
from examples.running import standalone
from federation.crypto import PublicKey, generate_keypair, kernels
from federation.crypto.inner_products import InnerSlots, slot_bits

ROWS, GUEST_COLUMNS, HOST_COLUMNS = 30_000, 13, 10
EPOCHS, SLOW_EPOCHS = 4, 2
RUNS, SLOW_RUNS = 5, 2
LIMIT_S = 1800.0
GOAL = 30.0
STORY = Path(__file__).parent.parent / "examples" / "hetero_lr"


@dataclass(frozen=True, slots=True)
class Way:
    """One way to encrypt.

    Attributes:
        epochs: of the longer of two jobs.
    """

    method: str
    path: str
    epochs: int = EPOCHS
    runs: int = RUNS


def run(size: int) -> list[Figure]:
    """Paillier by every path, the peer in turns with the first; then other schemes."""
    fast = kernels.status().path
    ways = [Way("Paillier", fast), Way("OU", fast)]
    if find_spec("tenseal"):
        ways.append(Way("BFV", fast))
    if fast != "portable":
        ways.append(Way("Paillier", "portable", SLOW_EPOCHS, SLOW_RUNS))
    with tables(size) as files, fate(files) as epoch_of_fate:
        figures = measured(ways[0], files, epoch_of_fate)
        for way in ways[1:]:
            figures += measured(way, files, None)
        return figures


def measured(way: Way, files: dict[str, Path], epoch_of_fate: Epoch | None) -> list[Figure]:
    """Measure one way to encrypt, and compare with the clear."""
    one, many, weights, theirs, alone = [], [], [], [], []
    features, labels = pooled.read_joined(files["guest"], files["host"])
    with counting_by(way.path), standalone() as running:
        client = FlowClient(running.url)
        for name, file in files.items():
            party = 9999 if name == "guest" else 10000
            taken = client.upload(file, namespace="credit", name=name, party_id=party)
            client.wait(taken, timeout_s=60)
        fit(client, 1, way.method)
        for number in range(way.runs):
            one.append(fit(client, 1, way.method)[0])
            seconds, found = fit(client, way.epochs, way.method)
            many.append(seconds)
            weights.append(found)
            if epoch_of_fate is not None and number < fate_runs():
                theirs.append(epoch_of_fate())
    if way.method == "Paillier":
        alone = [arithmetic_s(features, way)]
    clear = pooled.fit(features, labels, epochs=way.epochs, learning_rate=0.15, alpha=0.01)
    epochs = [(long - short) / (way.epochs - 1) for short, long in zip(one, many, strict=True)]
    away = [float(np.abs(np.array(found) - clear).max()) for found in weights]
    what = f"HeteroLR, one epoch over {len(labels):,} rows x (13 + 10), {way.method}, {way.path}"
    beside = {"fate": round(statistics.median(theirs), 2)} if theirs else {}
    limit = {"arithmetic alone": round(alone[0], 3)} if alone else {}
    figures = [
        Figure.of(what, "s", epochs, goal="", **beside).within(**limit),
        Figure.of(f"{what}: a job of one epoch, training in all", "s", one),
        Figure.of(f"{what}: weight difference to the clear", "", away, goal="at most 1e-4"),
    ]
    if theirs:
        ratios = [b / a for a, b in zip(epochs, theirs, strict=False)]
        goal = f"at least {GOAL:g}"
        figures.append(Figure.of(f"{what}: times as fast as FATE", "x", ratios, goal=goal))
    return figures


def arithmetic_s(features: np.ndarray[Any, Any], way: Way) -> float:
    """Seconds that an epoch's arithmetic on ciphertexts takes, on all cores and in one process."""
    rows = len(features)
    with counting_by(way.path):
        kernels.set_threads(os.cpu_count() or 1)
        public, _ = generate_keypair(way.method)
        key = PublicKey.from_wire(public.to_wire())
        lines = InnerSlots.of(key, slot_bits(rows, 2, 23), 2, 23)
        assert lines is not None
        lines.encrypt(features[:8, 0])
        matrix = np.hstack([features, np.ones((rows, 1))])
        taken = []
        for _ in range(way.runs):
            began = time.perf_counter()
            residual = lines.plus(lines.encrypt(features[:, 0]), features[:, 1]).refreshed()
            for part in (matrix, matrix[:, :1]):
                lines.mean_products(part, residual, rows)
            taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def fit(client: FlowClient, epochs: int, method: str) -> tuple[float, list[float]]:
    """Seconds that the training took, and its weights: guest, host, intercept.

    Raises:
        RuntimeError: the job did not succeed.
    """
    dsl, conf = job(epochs, method)
    taken = client.submit(dsl, conf)
    if client.wait(taken, timeout_s=LIMIT_S) != "success":
        raise RuntimeError(f"job {taken.job_id} did not succeed")
    rows = client.tasks(taken.job_id, component_name="hetero_lr_0", role="guest")
    guest = client.summary(taken.job_id, "hetero_lr_0", "guest")
    host = client.summary(taken.job_id, "hetero_lr_0", "host")
    weights = [*guest["coef"].values(), *host["coef"].values(), guest["intercept"]]
    return rows[0]["f_elapsed"] / 1000, weights


def job(epochs: int, method: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The example's job over the benchmark's tables."""
    dsl, conf = (json.loads((STORY / f"{name}.json").read_text()) for name in ("dsl", "conf"))
    conf = copy.deepcopy(conf)
    parameters = conf["component_parameters"]
    parameters["common"]["hetero_lr_0"] |= {
        "max_iter": epochs,
        "tol": 1e-12,
        "encrypt_param": {"method": method, "key_length": 2048},
    }
    for role in ("guest", "host"):
        parameters["role"][role]["0"]["reader_0"]["table"] = {"namespace": "credit", "name": role}
    return dsl, conf


@contextmanager
def tables(rows: int) -> Iterator[dict[str, Path]]:
    """The guest's and the host's CSV files, of at most so many rows."""
    folder = os.environ.get("FATE_EXAMPLES")
    with tempfile.TemporaryDirectory() as made:
        files = {role: Path(made) / f"{role}.csv" for role in ("guest", "host")}
        if folder:
            for role, file in files.items():
                with (Path(folder) / f"default_credit_hetero_{role}.csv").open() as source:
                    file.write_text("".join(itertools.islice(source, rows + 1)))
        else:
            _draw(files, rows)
        yield files


def _draw(files: Mapping[str, Path], rows: int) -> None:
    draw = np.random.default_rng(1)
    ids = np.arange(rows)
    guest = draw.normal(size=(rows, GUEST_COLUMNS))
    host = draw.normal(size=(rows, HOST_COLUMNS))
    chance = 1 / (1 + np.exp(-(guest[:, 0] + host[:, 0] - 1.3)))
    label = (draw.random(rows) < chance).astype(int)
    _write(files["guest"], ids, guest, label)
    _write(files["host"], ids, host, None)


def _write(file: Path, ids: np.ndarray[Any, Any], values: np.ndarray[Any, Any], label: Any) -> None:
    heading = ["id", *([] if label is None else ["y"]), *(f"x{i}" for i in range(values.shape[1]))]
    with file.open("w", newline="") as sink:
        writer = csv.writer(sink)
        writer.writerow(heading)
        for position, row in enumerate(values):
            first = [int(ids[position]), *([] if label is None else [int(label[position])])]
            writer.writerow([*first, *(f"{value:.6f}" for value in row)])


BENCHMARK = Benchmark("lr-epoch", "hetero LR per epoch, beside FATE's", run, size=ROWS)
