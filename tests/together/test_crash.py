"""`kill -9` of anything: no job is lost, nothing takes effect twice, failures have names."""

import copy
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest

from coordinator.client import FlowClient, Unreachable
from examples.running import Standalone, standalone
from tests.together.parts import DEADLINE_S, Job, example, upload_breast

KILLS = 20
NAMED_FAILURE_S = 5.0
STOPPED_S = 2.0


@pytest.fixture(scope="module")
def victim() -> Iterator[Standalone]:
    """A coordinator that may be harmed."""
    with standalone() as running:
        upload_breast(FlowClient(running.url))
        yield running


def long_job(max_iter: int, **job_parameters: Any) -> Job:
    dsl, conf = copy.deepcopy(example("hetero_lr"))
    conf["component_parameters"]["common"]["hetero_lr_0"]["max_iter"] = max_iter
    conf["job_parameters"]["common"] |= job_parameters
    return dsl, conf


def until(ready: Callable[[], Any], limit_s: float, what: str) -> Any:
    """What `ready` gives once it is true; processes tell nobody, so it is asked again."""
    deadline = time.monotonic() + limit_s
    while not (value := ready()):
        assert time.monotonic() < deadline, f"{what}: not within {limit_s} s"
        time.sleep(0.01)
    return value


def coefficients(client: FlowClient, job_id: str) -> list[float]:
    seats = [client.summary(job_id, "hetero_lr_0", role) for role in ("guest", "host")]
    return [weight for seat in seats for weight in seat["coef"].values()]


def running_lr(client: FlowClient, job_id: str, role: str = "host") -> int:
    """Process id of the task that trains at `role`, 0 if none does now."""
    answer = client.call(
        "job/task/query",
        {"job_id": job_id, "component_name": "hetero_lr_0", "role": role, "status": "running"},
    )
    return int(answer["data"][0]["f_run_pid"]) if answer["retcode"] == 0 else 0


def test_the_coordinator_may_be_killed_at_any_moment(victim: Standalone) -> None:
    client = FlowClient(victim.url)
    calm = client.submit(*long_job(3))
    started = time.monotonic()
    assert client.wait(calm, timeout_s=DEADLINE_S) == "success"
    took_s = time.monotonic() - started
    expected = coefficients(client, calm.job_id)
    moments = random.Random(7)
    for kill in range(KILLS):
        taken = client.submit(*long_job(3))
        time.sleep(moments.uniform(0, took_s))
        victim.kill()
        victim.start()
        assert client.wait(taken, timeout_s=DEADLINE_S) == "success", f"kill {kill}"
        assert coefficients(client, taken.job_id) == pytest.approx(expected, abs=1e-12)
        tasks = client.tasks(taken.job_id)
        assert {task["f_task_version"] for task in tasks} == {0}
        assert len({(t["f_component_name"], t["f_role"]) for t in tasks}) == len(tasks)
        loss = client.metrics(taken.job_id, "hetero_lr_0", "arbiter")["train"]["loss"]["data"]
        assert [point[0] for point in loss] == [0, 1, 2]


def test_a_killed_task_is_a_failure_with_a_name(victim: Standalone) -> None:
    client = FlowClient(victim.url)
    taken = client.submit(*long_job(200))
    pid = until(lambda: running_lr(client, taken.job_id), DEADLINE_S, "training")
    os.kill(pid, signal.SIGKILL)
    assert client.wait(taken, timeout_s=NAMED_FAILURE_S) == "failed"
    why = client.ask("tripact/job/why", {"job_id": taken.job_id})
    assert why["reason"]["code"] == "task_process_died"


def test_a_killed_task_is_tried_again_if_the_job_says_so(victim: Standalone) -> None:
    client = FlowClient(victim.url)
    taken = client.submit(*long_job(4, auto_retries=2))
    pid = until(lambda: running_lr(client, taken.job_id), DEADLINE_S, "training")
    os.kill(pid, signal.SIGKILL)
    assert client.wait(taken, timeout_s=DEADLINE_S) == "success"
    versions = {task["f_task_version"] for task in client.tasks(taken.job_id)}
    assert versions == {0, 1}


def agents_of(victim: Standalone) -> dict[str, psutil.Process]:
    """The agents' daemons by party id."""
    found = {}
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if "party_agent" in " ".join(words[:4]) and "run" in words:
            home = words[words.index("--home") + 1]
            if str(victim.home) in home:
                found[home.rstrip("/").rsplit("/", 1)[1]] = process
    return found


def test_a_killed_agent_is_a_failure_with_a_name(victim: Standalone) -> None:
    client = FlowClient(victim.url)
    taken = client.submit(*long_job(200))
    task = until(lambda: running_lr(client, taken.job_id), DEADLINE_S, "training")
    agents_of(victim)["10000"].kill()
    assert client.wait(taken, timeout_s=NAMED_FAILURE_S) == "failed"
    why = client.ask("tripact/job/why", {"job_id": taken.job_id})
    assert why["reason"]["code"] in ("party_lost", "agent_restarted")
    until(lambda: not psutil.pid_exists(task), STOPPED_S, "the task of a dead agent has ended")


def test_a_killed_agent_is_started_again_if_the_job_says_so(victim: Standalone) -> None:
    client = FlowClient(victim.url)
    taken = client.submit(*long_job(4, auto_retries=3))
    until(lambda: running_lr(client, taken.job_id), DEADLINE_S, "training")
    agents_of(victim)["10000"].kill()
    assert client.wait(taken, timeout_s=DEADLINE_S) == "success"


def test_a_stopped_job_leaves_no_worker(victim: Standalone) -> None:
    client = FlowClient(victim.url)
    taken = client.submit(*long_job(500))
    roles = ("guest", "host", "arbiter")
    until(lambda: all(running_lr(client, taken.job_id, r) for r in roles), DEADLINE_S, "training")
    pids = [running_lr(client, taken.job_id, role) for role in roles]
    client.stop(taken.job_id)
    assert client.job(taken.job_id)["f_status"] == "canceled"
    until(lambda: not any(map(psutil.pid_exists, pids)), STOPPED_S, "all workers are gone")


def test_nothing_is_left_when_a_coordinator_stops() -> None:
    with standalone() as running:
        client = FlowClient(running.url)
        upload_breast(client)
        assert client.wait(client.submit(*long_job(1)), timeout_s=DEADLINE_S) == "success"
        home = running.home
        assert agents_of(running)
    assert not home.exists()
    left = [
        process.info["cmdline"]
        for process in psutil.process_iter(["cmdline"])
        if str(home) in " ".join(process.info["cmdline"] or [])
    ]
    assert left == []
    with pytest.raises(Unreachable):
        client.job("1")
