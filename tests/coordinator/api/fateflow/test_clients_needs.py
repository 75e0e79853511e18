"""What FATE's clients stumble over: a no where a file was asked for, and answers by day."""

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from coordinator.api.fateflow.rows import course_of, went_wrong
from coordinator.domain.records import JobEvent

GUEST_SEAT = {"role": "guest", "party_id": 9999}


def ask(live: Any, route: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    parts = urlsplit(live.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
    try:
        connection.request("GET", f"/v1/{route}", json.dumps(body))
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("route", "body"),
    [
        ("tracking/component/output/data/download", {"job_id": "J"}),
        ("table/download", {"namespace": "n", "name": "nowhere"}),
        ("job/log/download", {}),
    ],
)
def test_a_no_is_never_taken_for_the_file_that_was_asked_for(
    live: Any, route: str, body: dict[str, Any]
) -> None:
    status, answer = ask(live, route, body)
    assert status == 210
    assert answer["retcode"] == 101


@pytest.mark.parametrize("route", ["component/hetero/merge", "component/woe_array/extract"])
def test_a_no_has_no_data_where_clients_write_the_data_to_a_file(live: Any, route: str) -> None:
    _, answer = ask(live, route, {})
    assert answer["retcode"] != 0
    assert answer["data"] == {}


def test_an_upload_names_its_table(live: Any) -> None:
    live.agents.tables.pop(("exp", "named"), None)
    conf = {"file": "/w/d.csv", "head": 1, "partition": 1, "namespace": "exp"}
    taken = live.client.call("data/upload", {**conf, "table_name": "named", "drop": 1})
    assert (taken["data"]["namespace"], taken["data"]["table_name"]) == ("exp", "named")


@pytest.fixture
def alone(running_coordinator: Any, tmp_path: Path) -> Iterator[Any]:
    """A coordinator that no other test asks."""
    live = type(running_coordinator)(tmp_path)
    live.start()
    yield live
    live.stop()


@pytest.mark.parametrize("name", ["date", "model"])
def test_metrics_of_a_day_are_forgotten_with_those_of_no_other(
    alone: Any, lr_dsl: Any, lr_conf: Any, name: str
) -> None:
    job = alone.client.submit(lr_dsl, lr_conf)
    assert alone.client.wait(job, timeout_s=20) == "success"
    forget = "tracking/component/metric/delete"
    assert alone.client.ask(forget, {name: "19990101"}) == "delete 0 records of metrics"
    kept = {"job_id": job.job_id, "component_name": "evaluation_0", **GUEST_SEAT}
    assert alone.client.ask("tracking/component/metrics", kept)
    alone.client.ask(forget, {name: job.job_id[:8]})
    assert alone.client.ask("tracking/component/metrics", kept) == {}


@pytest.mark.parametrize("body", [{}, {"date": "today"}, {"model": "2026"}, {"date": ["20260101"]}])
def test_metrics_of_no_job_and_no_day_are_left_alone(live: Any, body: dict[str, Any]) -> None:
    assert live.client.call("tracking/component/metric/delete", body)["retcode"] == 101


def test_the_course_of_a_job_is_told_in_order_with_its_reasons() -> None:
    seat = {"component": "lr_0", "version": 1, "role": "guest", "party_id": "9999"}
    happened: list[tuple[str, dict[str, Any]]] = [
        ("job", {"status": "waiting"}),
        ("waits", {"party_id": "9999", "reason": "party 9999 lends 4 cores"}),
        ("job", {"status": "running"}),
        ("task", {**seat, "status": "running"}),
        ("task", {**seat, "status": "failed", "reason": "3 rows have a blank id"}),
        ("retry", {"component": "lr_0", "reason": "3 rows have a blank id"}),
        ("renewed", {"component": "lr_0"}),
        ("job", {"status": "success"}),
    ]
    lines = course_of(
        JobEvent(at, "J", at * 1000, kind, facts) for at, (kind, facts) in enumerate(happened)
    )
    assert lines == [
        "1970-01-01 00:00:00 INFO job waiting",
        "1970-01-01 00:00:01 INFO job waits: party 9999 lends 4 cores",
        "1970-01-01 00:00:02 INFO job running",
        "1970-01-01 00:00:03 INFO lr_0 version 1 at guest:9999 running",
        "1970-01-01 00:00:04 ERROR lr_0 version 1 at guest:9999 failed: 3 rows have a blank id",
        "1970-01-01 00:00:05 ERROR lr_0 is tried again: 3 rows have a blank id",
        "1970-01-01 00:00:06 INFO lr_0 is to run anew",
        "1970-01-01 00:00:07 INFO job success",
    ]
    assert [went_wrong(line) for line in lines] == [False] * 4 + [True] * 2 + [False] * 2


def test_the_data_view_without_a_seat_has_one_row_for_each_output_of_the_initiator(
    live: Any, done_job: str
) -> None:
    rows = live.client.ask("job/data/view/query", {"job_id": done_job})
    assert {(row["f_role"], row["f_party_id"]) for row in rows} == {("guest", "9999")}
    assert len({row["f_component_name"] for row in rows}) == len(rows) > 1
    hosts = live.client.ask("job/data/view/query", {"job_id": done_job, "role": "host"})
    assert {row["f_role"] for row in hosts} == {"host"}
