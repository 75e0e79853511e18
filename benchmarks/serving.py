"""Online predictions of a loaded HeteroLR: latency of one request, rows a second of many.

Real processes: a standalone coordinator, the agents of guest and host, and one serving process at
each; requests go through the coordinator's HTTP as FATE-Serving's clients send them. Letters to the
host and back go through both agents and the coordinator, sealed.
"""

import concurrent.futures
import csv
import http.client
import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.measure import Benchmark, Figure
from coordinator.client import FlowClient
from examples.running import standalone

SINGLES = 200
BATCH = 500
BATCHES = 5
SIDE_BY_SIDE = 16
EXAMPLES = Path(__file__).parent.parent / "examples"
DATA = EXAMPLES / "data" / "breast"
KEPT = ["reader_0", "data_transform_0", "intersection_0", "hetero_lr_0"]


def run(size: int) -> list[Figure]:
    """Measure single requests, one after the other and side by side, and batches.

    Args:
        size: single requests.
    """
    with standalone() as running:
        client = FlowClient(running.url)
        _bound(client)
        with (DATA / "guest.csv").open() as lines:
            rows = [(row.pop("id"), row) for row in csv.DictReader(lines)]
        asking = _Asking(running.url)
        for row_id, features in rows[:20]:
            asking.single(row_id, features)
        chosen = [rows[i % len(rows)] for i in range(size)]
        singles = [asking.single(*row) * 1000 for row in chosen]
        started = time.perf_counter()
        with concurrent.futures.ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            list(pool.map(lambda row: _Asking(running.url).single(*row), chosen))
        together = size / (time.perf_counter() - started)
        batches = [BATCH / asking.batch(rows[:BATCH]) for _ in range(BATCHES)]
    return [
        Figure.of("one request, guest and one host, HeteroLR of 30 columns", "ms", singles),
        Figure.of(f"single requests, {SIDE_BY_SIDE} side by side", "rows/s", [together]),
        Figure.of(f"batches of {BATCH} rows", "rows/s", batches),
    ]


def _bound(client: FlowClient) -> None:
    """Upload, train, deploy, load and bind."""
    for name, party in (("guest", 9999), ("host", 10000)):
        job = client.upload(DATA / f"{name}.csv", namespace="breast", name=name, party_id=party)
        client.wait(job, timeout_s=60)
    story = EXAMPLES / "hetero_lr"
    dsl, conf = (json.loads((story / f"{name}.json").read_text()) for name in ("dsl", "conf"))
    trained = client.submit(dsl, conf)
    status = client.wait(trained, timeout_s=120)
    if status != "success":
        raise RuntimeError(f"the training ended in {status}")
    version = client.deploy(trained.model_id, trained.model_version, components=KEPT)
    client.ask("model/load", {"job_id": version})
    client.ask("model/bind", {"job_id": version, "service_id": "bench"})


class _Asking:
    """One connection that stays open."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)

    def single(self, row_id: str, features: dict[str, str]) -> float:
        """Seconds that one row took."""
        body = {"featureData": features, "sendToRemoteFeatureData": {"id": row_id}}
        took, answer = self._post("inference", body)
        if answer["retcode"] not in (0, 113):
            raise RuntimeError(answer["retmsg"])
        return took

    def batch(self, rows: list[tuple[str, dict[str, str]]]) -> float:
        """Seconds that many rows took."""
        entries = [
            {"featureData": features, "sendToRemoteFeatureData": {"id": row_id}}
            for row_id, features in rows
        ]
        took, answer = self._post("batchInference", {"batchDataList": entries})
        if answer["retcode"] != 0:
            raise RuntimeError(answer["retmsg"])
        return took

    def _post(self, path: str, body: dict[str, Any]) -> tuple[float, dict[str, Any]]:
        content = json.dumps({"head": {"serviceId": "bench"}, "body": body})
        started = time.perf_counter()
        self._connection.request("POST", f"/federation/v1/{path}", content)
        answer = self._connection.getresponse().read()
        return time.perf_counter() - started, dict(json.loads(answer))


BENCHMARK = Benchmark("serving", "latency and rate of online predictions", run, size=SINGLES)
