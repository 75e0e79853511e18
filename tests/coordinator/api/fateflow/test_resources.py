"""What is in use, who waits for it, and what is given back."""

from collections.abc import Iterator
from typing import Any

import pytest

from coordinator.domain.records import Capacity


@pytest.fixture
def line(live: Any, lr_dsl: Any, lr_conf: Any) -> Iterator[list[str]]:
    """Three jobs, of which the host has room for one; whatever ran before is over."""
    for status in ("waiting", "running"):
        for row in live.client.call("job/query", {"status": status})["data"]:
            live.client.stop(row["f_job_id"])
    live.agents.lent["10000"] = Capacity(5, 5)
    live.agents.lent["9999"] = Capacity(20, 20)
    live.agents.busy.add("reader_0")
    job_ids = [live.client.submit(lr_dsl, lr_conf).job_id for _ in range(3)]
    yield job_ids
    for job_id in reversed(job_ids):
        live.client.stop(job_id)


def test_a_queue_tells_its_order_and_what_each_job_waits_for(live: Any, line: Any) -> None:
    found = live.client.ask("tripact/queue/query")
    waiting = [job for job in found["jobs"] if job["job_id"] in line]
    assert [(job["job_id"], job["place"]) for job in waiting] == [(line[1], 1), (line[2], 2)]
    for job in waiting:
        assert [w["party_id"] for w in job["waiting_for"]] == ["10000"]
        assert "lends 5 cores" in job["waiting_for"][0]["what"]
        assert live.client.job(job["job_id"])["f_status"] == "waiting"
        why = live.client.ask("tripact/job/why", {"job_id": job["job_id"]})
        assert [w["code"] for w in why["waiting_for"]] == ["party_busy"]


def test_resources_in_use_and_left_add_up(live: Any, line: Any) -> None:
    found = live.client.ask("resource/query")
    held = {
        (row["role"], row["party_id"]): row["core"]
        for row in found["use_resource_job"]
        if row["job_id"] == line[0]
    }
    assert held == {("guest", "9999"): 4, ("host", "10000"): 4, ("arbiter", "10000"): 0}
    engine = found["computing_engine_resource"]
    host = next(party for party in engine["parties"] if party["party_id"] == "10000")
    assert (host["cores"], host["remaining_cores"], host["tasks"]) == (5, 1, 5)
    used = sum(row["core"] for row in found["use_resource_job"])
    assert engine["f_cores"] - engine["f_remaining_cores"] == used


def test_an_ended_job_has_given_all_back(live: Any, line: Any) -> None:
    answer = live.client.call("resource/return", {"job_id": line[0]})
    assert answer["retcode"] == 10
    assert all(row["resource_in_use"] for row in answer["data"])
    live.client.stop(line[0])
    answer = live.client.call("resource/return", {"job_id": line[0]})
    assert answer["retcode"] == 0
    assert [row["resource_return_status"] for row in answer["data"]] == [True] * 3
    assert live.client.job(line[1])["f_status"] == "running"
    assert live.client.call("resource/return", {"job_id": "1"})["retcode"] == 102


def test_a_clean_queue_leaves_those_that_run(live: Any, line: Any) -> None:
    cleaned = live.client.ask("job/clean/queue")
    assert {line[1], line[2]} <= set(cleaned)
    assert [live.client.job(job_id)["f_status"] for job_id in line] == [
        "running",
        "canceled",
        "canceled",
    ]
    assert live.client.ask("job/query", {"status": "waiting"}) == []
