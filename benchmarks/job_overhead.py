"""What running a job costs beside its work: submit to success of jobs that do next to nothing.

Real processes: a standalone coordinator and an agent each for guest, host and arbiter, warm (one
job has run before). FATE 2.2 standalone once took 4.2 s for its no-op job on the same kind of
machine, which is no figure here: it was not measured beside ours.
"""

import time
from pathlib import Path
from typing import Any

from benchmarks.measure import Benchmark, Figure
from coordinator.client import FlowClient
from examples.running import standalone

RUNS = 15
CHAIN = 10
OWNERS = {"guest": 9999, "host": 10000}
DATA = Path(__file__).parent.parent / "examples" / "data" / "breast"


def run() -> list[Figure]:
    """Measure both goals."""
    with standalone() as running:
        client = FlowClient(running.url)
        for name, party in OWNERS.items():
            job = client.upload(DATA / f"{name}.csv", namespace="breast", name=name, party_id=party)
            client.wait(job, timeout_s=60)
        took_s(client, chain(1))
        short = [took_s(client, chain(1)) for _ in range(RUNS)]
        long = [took_s(client, chain(CHAIN)) for _ in range(RUNS)]
    each = [(many - one) / (CHAIN - 1) * 1000 for one, many in zip(short, long, strict=True)]
    return [
        Figure.of(
            "Reader-only job over three parties, submit to success",
            "s",
            short,
            goal="at most 0.2 s",
        ),
        Figure.of(
            f"each further trivial component of a chain of {CHAIN}",
            "ms",
            each,
            goal="at most 50 ms",
        ),
    ]


def chain(components: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """DSL and conf of a Reader and `components - 1` transforms that hand their rows through."""
    nodes: dict[str, Any] = {"reader_0": {"module": "Reader", "output": {"data": ["data"]}}}
    before = "reader_0"
    common: dict[str, Any] = {}
    for position in range(components - 1):
        name = f"data_transform_{position}"
        nodes[name] = {
            "module": "DataTransform",
            "input": {"data": {"data": [f"{before}.data"]}},
            "output": {"data": ["data"]},
        }
        common[name] = {"need_run": False}
        before = name
    tables = {
        role: {"0": {"reader_0": {"table": {"namespace": "breast", "name": role}}}}
        for role in OWNERS
    }
    conf = {
        "dsl_version": 2,
        "initiator": {"role": "guest", "party_id": 9999},
        "role": {"guest": [9999], "host": [10000], "arbiter": [10001]},
        "component_parameters": {"common": common, "role": tables},
    }
    return {"components": nodes}, conf


def took_s(client: FlowClient, job: tuple[dict[str, Any], dict[str, Any]]) -> float:
    """Seconds from submit to success.

    Raises:
        RuntimeError: it did not succeed.
    """
    started = time.perf_counter()
    taken = client.submit(*job)
    status = client.wait(taken, timeout_s=60)
    elapsed = time.perf_counter() - started
    if status != "success":
        raise RuntimeError(f"job {taken.job_id} ended in {status}")
    return elapsed


BENCHMARK = Benchmark("job-overhead", "what a job costs beside its work", run)
