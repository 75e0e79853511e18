"""Binning, information values and selection over 30,000 rows and 13 + 10 columns, real processes.

One job: read, join, cut all columns into 10 quantile bins, find the information values of both
parties' columns under 2048-bit Paillier, keep those above a threshold. With FATE_EXAMPLES naming
the folder of FATE's `examples/data`, its default_credit set is used; otherwise numbers of the same
shape are made. Information values are compared with those of pooled columns. Agents make machine
code for ciphertexts when nobody asks them for a while; the first job does not wait for that, and
its time is told apart.

FATE 2.2.0 standalone runs the same beside us where it is installed and its server runs (see
`fate_peer`). Its job takes minutes, so `TRIPACT_FATE_RUNS` says how many are measured, 1 by
default. On default_credit it fails ("index 122 is out of bounds": columns repeat quantiles), so
leave FATE_EXAMPLES unset to compare.
"""

import copy
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.fate_peer import answers, runs, server_url
from benchmarks.lr_epoch import tables
from benchmarks.measure import Benchmark, Figure
from benchmarks.peers import peer_python
from coordinator.client import FlowClient
from examples.pooled import read_joined
from examples.running import standalone
from party_agent.nursery import QUIET_S

ROWS = 30_000
BINS, THRESHOLD, KEY_BITS = 10, 0.02, 2048
RUNS = 5
COMPILING_S = 5.0
LIMIT_S = 600.0
STORY = Path(__file__).parent.parent / "examples" / "hetero_feature_selection"
STEPS = ("hetero_feature_binning_0", "hetero_feature_selection_0")
GOAL = 10.0


def run() -> list[Figure]:
    """Measure ours, then FATE's, and compare information values with pooled columns'."""
    with tables(ROWS) as files:
        with standalone() as running:
            client = FlowClient(running.url)
            for name, file in files.items():
                party = 9999 if name == "guest" else 10000
                job = client.upload(file, namespace="credit", name=name, party_id=party)
                client.wait(job, timeout_s=60)
            cold = once(client)
            time.sleep(QUIET_S + COMPILING_S)
            ours, theirs = [], []
            for number in range(RUNS):
                ours.append(once(client))
                theirs += [fate(files)] if number < runs() else []
        away = distance(cold["iv"], files)
    what = "binning, IV and selection, 30,000 rows x (13 + 10)"
    figures = [Figure.of(f"{what}: the first job of new agents", "s", [cold["wall_s"]])]
    for key, name in (("wall_s", "the whole job"), ("steps_s", "the two components")):
        samples = [one[key] for one in ours]
        known = [one[key] for one in theirs if one is not None]
        if not known:
            figures.append(Figure.of(f"{what}: {name}", "s", samples))
        else:
            theirs_s = statistics.median(known)
            figures.append(Figure.of(f"{what}: {name}", "s", samples, fate_2_2=theirs_s))
            ratios = [theirs_s / sample for sample in samples]
            goal = f"at least {GOAL:g}"
            figures.append(Figure.of(f"{name}: times as fast as FATE 2.2", "x", ratios, goal=goal))
    figures.append(Figure.of("largest IV difference to pooled columns", "", [away], goal="1e-9"))
    return figures


def once(client: FlowClient) -> dict[str, Any]:
    """Seconds of one job from submission to its end, of the two components, and the guest's IV.

    Raises:
        RuntimeError: the job did not succeed.
    """
    dsl, conf = job_of_story()
    started = time.perf_counter()
    taken = client.submit(dsl, conf)
    if client.wait(taken, timeout_s=LIMIT_S) != "success":
        raise RuntimeError(f"job {taken.job_id} did not succeed")
    wall_s = time.perf_counter() - started
    rows = [client.tasks(taken.job_id, component_name=name, role="guest")[0] for name in STEPS]
    iv = client.summary(taken.job_id, STEPS[0], "guest")["iv"]
    return {"wall_s": wall_s, "steps_s": sum(row["f_elapsed"] for row in rows) / 1000, "iv": iv}


def job_of_story() -> tuple[dict[str, Any], dict[str, Any]]:
    """The story's job as far as the selection, over the benchmark's tables."""
    dsl, conf = (json.loads((STORY / f"{name}.json").read_text()) for name in ("dsl", "conf"))
    conf = copy.deepcopy(conf)
    for name in ("hetero_lr_0", "evaluation_0", "data_statistics_0"):
        del dsl["components"][name]
    selection = dsl["components"][STEPS[1]]
    selection["input"]["isometric_model"] = [f"{STEPS[0]}.model"]
    parameters = conf["component_parameters"]
    parameters["common"] = {
        "intersection_0": {},
        STEPS[0]: {
            "method": "quantile",
            "bin_num": BINS,
            "encrypt_param": {"method": "Paillier", "key_length": KEY_BITS},
            "transform_param": {"transform_cols": []},
        },
        STEPS[1]: {"filter_methods": ["iv_filter"], "iv_param": {"threshold": THRESHOLD}},
    }
    del conf["role"]["arbiter"]
    for role in ("guest", "host"):
        parameters["role"][role]["0"]["reader_0"]["table"] = {"namespace": "credit", "name": role}
    return dsl, conf


def distance(found: Mapping[str, float], files: Mapping[str, Path]) -> float:
    """The largest difference of the guest's information values to those of its definition."""
    columns, label = read_joined(files["guest"], files["host"])
    away = 0.0
    for at, iv in enumerate(found.values()):
        column = columns[:, at]
        ranks = -(-np.arange(1, BINS + 1) * len(column) // BINS) - 1
        edges = np.unique(np.sort(column)[ranks])
        places = np.searchsorted(edges[:-1], column)
        events = np.bincount(places, label == 1, len(edges))
        others = np.bincount(places, label != 1, len(edges))
        more = np.where((events == 0) | (others == 0), 0.5, 0.0)
        p, q = (events + more) / events.sum(), (others + more) / others.sum()
        away = max(away, abs(iv - float(np.sum((p - q) * np.log(p / q)))))
    return away


def fate(files: Mapping[str, Path]) -> dict[str, float] | None:
    """The same job in FATE, or None with a line on stderr where it is not running."""
    python, url = peer_python("fate", "fate_peer.py"), server_url()
    if python is None or not answers(url):
        return None
    options = [url, str(files["guest"]), str(files["host"]), str(BINS), str(KEY_BITS)]
    answer = subprocess.run(
        [str(python), "-m", "benchmarks.binning_peer_program", *options, str(THRESHOLD)],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=1800,
    )
    if answer.returncode:
        sys.stderr.write(f"FATE's job did not succeed: {answer.stderr[-300:]}\n")
        return None
    measured: dict[str, float] = json.loads(answer.stdout.splitlines()[-1])
    return measured


BENCHMARK = Benchmark("binning", "binning, IV and selection over 30,000 rows, beside FATE", run)
