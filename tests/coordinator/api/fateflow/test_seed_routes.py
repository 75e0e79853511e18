"""Every route of the published FATE-Flow reference is served, and no request to it is a crash."""

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from coordinator.api.fateflow import DIALECT
from coordinator.api.fateflow.routes_refused import REFUSED

SEED = (Path(__file__).parent / "seed_routes.txt").read_text().split()
SERVED = {route.path for route in DIALECT.routes}
UNKNOWN_JOB = "202001010000000000009"


def good_requests(job_id: str, model_id: str, dsl: Any, conf: Any) -> dict[str, dict[str, Any]]:
    """A request to each seed route as its reference describes it."""
    seat = {"job_id": job_id, "role": "guest", "party_id": 9999}
    lr, evaluation = ({**seat, "component_name": n} for n in ("hetero_lr_0", "evaluation_0"))
    table = {"namespace": "breast", "table_name": "guest", "work_mode": 0}
    model = {
        "initiator": {"party_id": 9999, "role": "guest"},
        "job_parameters": {"work_mode": 0, "model_id": model_id, "model_version": job_id},
        "role": {"guest": [9999], "host": [10000]},
    }
    return {
        "data/upload": {**table, "file": "guest.csv", "head": 1, "partition": 4, "drop": 1},
        "data/download": {**table, "output_path": "/tmp/x.csv"},
        "data/upload/history": {"limit": 1},
        "job/submit": {"job_dsl": dsl, "job_runtime_conf": conf},
        "job/stop": {"job_id": job_id},
        "job/query": {"job_id": job_id},
        "job/update": {**seat, "notes": "seen"},
        "job/config": {"job_id": job_id},
        "job/task/query": {"job_id": job_id},
        "tracking/job/data_view": seat,
        "tracking/component/metric/all": evaluation,
        "tracking/component/metrics": evaluation,
        "tracking/component/metric_data": {
            **evaluation,
            "meric_name": "loss",
            "metric_namespace": "train",
        },
        "tracking/component/parameters": lr,
        "tracking/component/output/model": lr,
        "tracking/component/output/data": lr,
        "pipeline/dag/dependency": seat,
        "model/load": {**model, "servings": ["127.0.0.1:8000"]},
        "model/bind": {**model, "service_id": "s", "servings": ["127.0.0.1:8000"]},
        "model/transfer": {"name": job_id, "namespace": f"guest#9999#{model_id}"},
        "table/table_info": {"create": False, **table},
        "table/delete": {"namespace": "breast", "table_name": "guest"},
    }


def post(live: Any, path: str, content: bytes) -> dict[str, Any]:
    """The answer, which must be FATE's envelope."""
    parts = urlsplit(live.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
    try:
        connection.request("POST", f"/v1/{path}", content)
        response = connection.getresponse()
        body = json.loads(response.read())
    finally:
        connection.close()
    assert response.status in (200, 210)
    assert isinstance(body["retcode"], int)
    assert isinstance(body["retmsg"], str)
    assert "data" in body
    assert "there was no answer" not in body["retmsg"], body
    return dict(body)


@pytest.fixture
def good(live: Any, done_job: str, lr_dsl: Any, lr_conf: Any) -> Iterator[dict[str, Any]]:
    model_id = live.client.ask("job/config", {"job_id": done_job})["model_info"]["model_id"]
    requests = good_requests(done_job, model_id, lr_dsl, lr_conf)
    version = live.client.deploy(model_id, done_job)
    for path in ("model/load", "model/bind"):
        requests[path]["job_parameters"] = {"model_id": model_id, "model_version": version}
    yield requests
    for job in live.client.ask("job/query", {"model_version": version, "kind": "serve"}):
        live.client.stop(job["f_job_id"])


def test_no_seed_route_is_without_a_row() -> None:
    assert len(SEED) == len(set(SEED)) > 20
    assert set(SEED) <= SERVED


@pytest.mark.parametrize("path", SEED)
def test_a_good_request_is_answered_or_honestly_refused(live: Any, good: Any, path: str) -> None:
    if path == "model/bind":
        post(live, "model/load", json.dumps(good["model/load"]).encode())
    answer = post(live, path, json.dumps(good[path]).encode())
    if path in REFUSED:
        assert (answer["retcode"], answer["data"]["code"]) == (100, "not_offered")
    elif path == "table/delete":
        assert (answer["retcode"], answer["retmsg"]) in ((0, "success"), (101, "no find table"))
    else:
        assert answer["retcode"] == 0, answer
        assert answer["data"] or path in ("job/stop", "job/update", "model/bind")


@pytest.mark.parametrize("path", SEED)
def test_no_bad_request_is_a_crash(live: Any, good: Any, path: str) -> None:
    unknown = {**good[path], "job_id": UNKNOWN_JOB} if "job_id" in good[path] else good[path]
    wrong = [dict.fromkeys(good[path], value) for value in ([], {"a": 1}, True, -1.5, "\0")]
    bad = [b"", b"{}", b'{"job_id": ', *(json.dumps(body).encode() for body in (unknown, *wrong))]
    for content in bad:
        post(live, path, content)


@pytest.mark.parametrize("path", sorted(set(SEED) - set(REFUSED)))
def test_a_job_that_is_not_there_is_told(live: Any, good: Any, path: str) -> None:
    if "job_id" not in good[path]:
        return
    answer = post(live, path, json.dumps({**good[path], "job_id": UNKNOWN_JOB}).encode())
    told = answer["retcode"] or answer["retmsg"] in ("no data", "no job could be found")
    assert told, answer


@pytest.mark.parametrize("path", sorted(REFUSED))
def test_what_is_not_offered_never_says_success(live: Any, path: str) -> None:
    answer = post(live, path, b"{}")
    assert answer["retcode"] == 100
    assert answer["retmsg"] == REFUSED[path] != "success"
