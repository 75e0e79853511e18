"""Cross validation of hetero LR on breast, 5 folds, through real processes, submit to success."""

import copy
import json
import time
from pathlib import Path
from typing import Any

from benchmarks.measure import Benchmark, Figure
from coordinator.client import FlowClient
from examples.running import standalone
from examples.stories import HERE, Story, upload

FOLDS = 5
RUNS = 3
EPOCHS = 10
LIMIT_S = 600.0
STORY = HERE / "hetero_lr_cv"


def run(size: int) -> list[Figure]:
    """The wall time of a whole job with so many epochs a fold."""
    dsl, conf = job(size)
    samples = []
    with standalone() as running:
        client = FlowClient(running.url)
        upload(client, [Story(Path(STORY))])
        for _ in range(RUNS):
            started = time.perf_counter()
            taken = client.submit(dsl, conf)
            if client.wait(taken, timeout_s=LIMIT_S) != "success":
                raise RuntimeError(f"job {taken.job_id} did not succeed")
            samples.append(time.perf_counter() - started)
    what = f"HeteroLR, breast, {FOLDS} folds of {size} epochs, submit to success"
    return [Figure.of(what, "s", samples, goal="under 20 s")]


def job(epochs: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """The story's job, with five folds."""
    dsl, conf = (json.loads((STORY / f"{name}.json").read_text()) for name in ("dsl", "conf"))
    conf = copy.deepcopy(conf)
    fit = conf["component_parameters"]["common"]["hetero_lr_0"]
    fit |= {"max_iter": epochs, "tol": 1e-9}
    fit["cv_param"] = {"need_cv": True, "n_splits": FOLDS, "shuffle": True, "random_seed": 1}
    return dsl, conf


BENCHMARK = Benchmark("cv", "five folds of hetero LR on breast", run, size=EPOCHS)
