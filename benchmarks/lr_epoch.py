"""One epoch of HeteroLR over 30,000 rows and 13 + 10 columns, 2048-bit Paillier, real processes.

The time of an epoch is the difference between a job of many epochs and one of one, so that keys,
joins and predictions do not count. Weights are compared with the same recurrence in the clear.
With FATE_EXAMPLES naming the folder of FATE's `examples/data`, its default_credit set is used;
otherwise numbers of the same shape are made.
"""

import copy
import csv
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import Benchmark, Figure
from coordinator.client import FlowClient
from examples import pooled
from examples.running import standalone

ROWS, GUEST_COLUMNS, HOST_COLUMNS = 30_000, 13, 10
EPOCHS = 4
RUNS = 5
LIMIT_S = 1800.0
STORY = Path(__file__).parent.parent / "examples" / "hetero_lr"


def run() -> list[Figure]:
    """Measure, and compare with the clear."""
    with tables() as files, standalone() as running:
        client = FlowClient(running.url)
        for name, file in files.items():
            party = 9999 if name == "guest" else 10000
            job = client.upload(file, namespace="credit", name=name, party_id=party)
            client.wait(job, timeout_s=60)
        one = [fit(client, 1)[0] for _ in range(RUNS)]
        many, weights = zip(*(fit(client, EPOCHS) for _ in range(RUNS)), strict=True)
        features, labels = pooled.read_joined(files["guest"], files["host"])
    clear = pooled.fit(features, labels, epochs=EPOCHS, learning_rate=0.15, alpha=0.01)
    epochs = [(long - short) / (EPOCHS - 1) for short, long in zip(one, many, strict=True)]
    away = [float(np.abs(np.array(found) - clear).max()) for found in weights]
    return [
        Figure.of("HeteroLR, one epoch over 30,000 rows x (13 + 10)", "s", epochs),
        Figure.of("the same job of one epoch, training in all", "s", one),
        Figure.of("largest weight difference to the clear", "", away, goal="at most 1e-5"),
    ]


def fit(client: FlowClient, epochs: int) -> tuple[float, list[float]]:
    """Seconds that the training took, and its weights: guest, host, intercept.

    Raises:
        RuntimeError: the job did not succeed.
    """
    dsl, conf = job(epochs)
    taken = client.submit(dsl, conf)
    if client.wait(taken, timeout_s=LIMIT_S) != "success":
        raise RuntimeError(f"job {taken.job_id} did not succeed")
    rows = client.tasks(taken.job_id, component_name="hetero_lr_0", role="guest")
    guest = client.summary(taken.job_id, "hetero_lr_0", "guest")
    host = client.summary(taken.job_id, "hetero_lr_0", "host")
    weights = [*guest["coef"].values(), *host["coef"].values(), guest["intercept"]]
    return rows[0]["f_elapsed"] / 1000, weights


def job(epochs: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """The example's job over the benchmark's tables."""
    dsl, conf = (json.loads((STORY / f"{name}.json").read_text()) for name in ("dsl", "conf"))
    conf = copy.deepcopy(conf)
    parameters = conf["component_parameters"]
    parameters["common"]["hetero_lr_0"] |= {"max_iter": epochs, "tol": 1e-12}
    for role in ("guest", "host"):
        parameters["role"][role]["0"]["reader_0"]["table"] = {"namespace": "credit", "name": role}
    return dsl, conf


@contextmanager
def tables() -> Iterator[dict[str, Path]]:
    """The guest's and the host's CSV files."""
    folder = os.environ.get("FATE_EXAMPLES")
    if folder:
        yield {
            role: Path(folder) / f"default_credit_hetero_{role}.csv" for role in ("guest", "host")
        }
        return
    with tempfile.TemporaryDirectory() as made:
        draw = np.random.default_rng(1)
        ids = np.arange(ROWS)
        guest = draw.normal(size=(ROWS, GUEST_COLUMNS))
        host = draw.normal(size=(ROWS, HOST_COLUMNS))
        chance = 1 / (1 + np.exp(-(guest[:, 0] + host[:, 0] - 1.3)))
        label = (draw.random(ROWS) < chance).astype(int)
        files = {"guest": Path(made) / "guest.csv", "host": Path(made) / "host.csv"}
        _write(files["guest"], ids, guest, label)
        _write(files["host"], ids, host, None)
        yield files


def _write(file: Path, ids: np.ndarray[Any, Any], values: np.ndarray[Any, Any], label: Any) -> None:
    heading = ["id", *([] if label is None else ["y"]), *(f"x{i}" for i in range(values.shape[1]))]
    with file.open("w", newline="") as sink:
        writer = csv.writer(sink)
        writer.writerow(heading)
        for position, row in enumerate(values):
            first = [int(ids[position]), *([] if label is None else [int(label[position])])]
            writer.writerow([*first, *(f"{value:.6f}" for value in row)])


BENCHMARK = Benchmark("lr-epoch", "hetero LR over 30,000 rows, per epoch", run)
