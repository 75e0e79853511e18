"""The smallest job, over real processes: three parties, of which two read a table."""

import contextlib
import statistics
import time
from typing import Any

import psutil

from coordinator.client import FlowClient
from examples.running import Standalone, standalone
from tests.together.parts import DEADLINE_S, Job, upload_breast

WARM_S = 1.0
"""Far above what it takes (benchmarks measure that), and far below a start of processes."""


def reader_job() -> Job:
    table = {"namespace": "breast"}
    dsl = {"components": {"reader_0": {"module": "Reader", "output": {"data": ["data"]}}}}
    conf: dict[str, Any] = {
        "dsl_version": 2,
        "initiator": {"role": "guest", "party_id": 9999},
        "role": {"guest": [9999], "host": [10000], "arbiter": [10001]},
        "job_parameters": {"common": {}},
        "component_parameters": {
            "role": {
                "guest": {"0": {"reader_0": {"table": table | {"name": "guest"}}}},
                "host": {"0": {"reader_0": {"table": table | {"name": "host"}}}},
            }
        },
    }
    return dsl, conf


def run(client: FlowClient) -> tuple[str, float]:
    """How a reader job ends, and after how many seconds."""
    started = time.perf_counter()
    status = client.wait(client.submit(*reader_job()), timeout_s=DEADLINE_S)
    return status, time.perf_counter() - started


def processes_of(running: Standalone) -> list[psutil.Process]:
    """All processes that were told of this home."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(str(running.home) in part for part in process.info["cmdline"] or ())
    ]


def test_a_reader_job_over_guest_host_and_arbiter_succeeds(client: FlowClient) -> None:
    assert run(client)[0] == "success"


def test_a_reader_job_takes_no_new_processes_once_warm(client: FlowClient) -> None:
    run(client)
    took_s = [run(client)[1] for _ in range(5)]
    assert statistics.median(took_s) < WARM_S


def test_each_party_is_a_process_and_no_join_code_is_on_a_command_line(
    running: Standalone, client: FlowClient
) -> None:
    run(client)
    homes = {
        command[command.index("--home") + 1]
        for command in (process.cmdline() for process in processes_of(running))
        if "party_agent" in command
    }
    assert {str(running.home / "parties" / party) for party in ("9999", "10000", "10001")} <= homes
    assert not any("--join" in process.cmdline() for process in processes_of(running))


def lives(process: psutil.Process) -> bool:
    """Whether a process runs; one that has ended may still be listed until init takes note."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.status() != psutil.STATUS_ZOMBIE
    return False


def test_stopping_ends_coordinator_agents_and_workers_within_two_seconds_and_a_bit() -> None:
    with standalone() as running:
        client = FlowClient(running.url)
        upload_breast(client)
        run(client)
        watched = processes_of(running)
        workers = [child for process in watched for child in process.children(recursive=True)]
        started = time.perf_counter()
        running.stop()
        took_s = time.perf_counter() - started
        _, left = psutil.wait_procs([*watched, *workers], timeout=1.0)
    assert len(watched) >= 4
    assert [process for process in left if lives(process)] == []
    assert took_s < 3.0
