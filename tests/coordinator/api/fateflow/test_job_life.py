"""Jobs that take over, are stopped with a word of choice, and run again from where one says."""

import copy
from typing import Any

import pytest

from federation.spec.orders import Reason


def versions(live: Any, job_id: str) -> dict[str, int]:
    newest: dict[str, int] = {}
    for row in live.client.tasks(job_id):
        name = row["f_component_name"]
        newest[name] = max(newest.get(name, 0), row["f_task_version"])
    return newest


def inheriting(conf: Any, job_id: str, *components: str) -> Any:
    conf = copy.deepcopy(conf)
    info = {"job_id": job_id, "component_list": list(components)}
    conf["job_parameters"]["common"]["inheritance_info"] = info
    return conf


def test_what_is_taken_over_is_done_at_once_and_said(
    live: Any, done_job: str, lr_dsl: Any, lr_conf: Any
) -> None:
    conf = inheriting(lr_conf, done_job, "reader_0", "intersection_0")
    job_id = live.client.submit(lr_dsl, conf).job_id
    assert live.client.wait(job_id, timeout_s=20) == "success"
    row = live.client.job(job_id)
    assert row["f_inheritance_info"] == {
        "job_id": done_job,
        "component_list": ["reader_0", "intersection_0"],
    }
    ran = {row["f_component_name"] for row in live.client.tasks(job_id) if row["f_run_pid"]}
    assert ran == {"hetero_lr_0", "evaluation_0"}
    where = {"job_id": job_id, "component_name": "intersection_0"}
    there = {**where, "job_id": done_job}
    route = "tracking/component/output/data/table"
    assert live.client.ask(route, where) == live.client.ask(route, there) != []
    assert live.client.job(done_job)["f_inheritance_info"] == {}


@pytest.mark.parametrize(
    ("components", "says"),
    [
        (["intersection_0"], "reader_0"),
        (["reader_7"], "reader_7"),
    ],
)
def test_a_part_that_is_not_whole_is_not_taken_over(
    live: Any, done_job: str, lr_dsl: Any, lr_conf: Any, components: list[str], says: str
) -> None:
    conf = inheriting(lr_conf, done_job, *components)
    answer = live.client.call("job/submit", {"job_dsl": lr_dsl, "job_runtime_conf": conf})
    assert answer["retcode"] == 103
    assert says in answer["retmsg"]


@pytest.mark.parametrize("word", ["canceled", "failed", "success"])
def test_a_job_is_stopped_with_the_word_that_is_asked_for(
    live: Any, lr_dsl: Any, lr_conf: Any, word: str
) -> None:
    live.agents.busy.add("hetero_lr_0")
    job_id = live.client.submit(lr_dsl, lr_conf).job_id
    live.await_status(job_id, "running", task="hetero_lr_0")
    for _ in range(2):  # Stopping what has ended is harmless, and changes nothing.
        body = {"job_id": job_id, "stop_status": word, "role": "host", "party_id": 10000}
        assert live.client.call("job/stop", body)["retcode"] == 0
        assert {row["f_status"] for row in live.client.jobs.query(job_id=job_id)} == {word}
    tasks = live.client.tasks(job_id, component_name="hetero_lr_0")
    assert {row["f_party_status"] for row in tasks} == {"canceled"}


def test_a_job_is_run_again_from_a_component_on(live: Any, lr_dsl: Any, lr_conf: Any) -> None:
    job_id = live.client.submit(lr_dsl, lr_conf).job_id
    assert live.client.wait(job_id, timeout_s=20) == "success"
    live.client.jobs.rerun(job_id, ["hetero_lr_0"])
    assert live.client.job(job_id)["f_status"] == "success"
    live.client.jobs.rerun(job_id, ["hetero_lr_0"], force=True)
    assert live.client.wait(job_id, timeout_s=20) == "success"
    assert versions(live, job_id) == {
        "reader_0": 0,
        "intersection_0": 0,
        "hetero_lr_0": 1,
        "evaluation_0": 1,
    }
    live.agents.failing["evaluation_0"] = Reason(code="x", message="y")
    live.client.jobs.rerun(job_id, ["evaluation_0"], force=True)
    assert live.client.wait(job_id, timeout_s=20) == "failed"
    live.agents.failing.clear()
    live.client.call("job/rerun", {"job_id": job_id, "component_name": "evaluation_0"})
    assert live.client.wait(job_id, timeout_s=20) == "success"
    assert versions(live, job_id)["evaluation_0"] == 3
    assert versions(live, job_id)["hetero_lr_0"] == 1
