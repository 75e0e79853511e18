"""A loaded and bound model answers online, with the scores of a predict job."""

import concurrent.futures
import copy
import csv
import json
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from coordinator.client import FlowClient
from tests.together.parts import (
    BREAST,
    DEADLINE_S,
    PREDICTING,
    done,
    example,
    predicted,
)

SERVICE = "breast"
KEPT = [*PREDICTING, "scale_0"]


def scaled() -> tuple[Any, Any]:
    """HeteroLR over scaled columns: a pipeline of several components that predict."""
    dsl, conf = copy.deepcopy(example("hetero_lr"))
    components = dsl["components"]
    components["scale_0"] = {
        "module": "FeatureScale",
        "input": {"data": {"data": ["intersection_0.data"]}},
        "output": {"data": ["data"], "model": ["model"]},
    }
    components["hetero_lr_0"]["input"]["data"] = {"train_data": ["scale_0.data"]}
    conf["component_parameters"]["common"]["scale_0"] = {"method": "standard_scale"}
    return dsl, conf


def rows_of(file: Path) -> dict[str, dict[str, str]]:
    """Features of the guest's rows by id, as the file has them."""
    with file.open() as lines:
        rows = {row.pop("id"): row for row in csv.DictReader(lines)}
    for row in rows.values():
        row.pop("y", None)
    return rows


def posted(url: str, path: str, body: Any) -> dict[str, Any]:
    request = urllib.request.Request(
        f"{url}/federation/v1/{path}",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=DEADLINE_S) as answer:
        return dict(json.loads(answer.read()))


@dataclass(frozen=True)
class Bound:
    """A bound model, and what a predict job says of the training's rows."""

    client: FlowClient
    model_id: str
    version: str
    scores: dict[str, float]
    rows: dict[str, dict[str, str]]

    def single(self, row_id: str, features: Any, service: str = SERVICE) -> dict[str, Any]:
        body = {
            "head": {"serviceId": service},
            "body": {"featureData": features, "sendToRemoteFeatureData": {"id": row_id}},
        }
        return posted(self.client.url, "inference", body)

    def batch(self, ids: list[str]) -> dict[str, Any]:
        entries = [
            {
                "index": i,
                "featureData": self.rows.get(each, next(iter(self.rows.values()))),
                "sendToRemoteFeatureData": {"id": each},
            }
            for i, each in enumerate(ids)
        ]
        body = {"head": {"serviceId": SERVICE}, "body": {"batchDataList": entries}}
        return posted(self.client.url, "batchInference", body)


@pytest.fixture(scope="module")
def bound(running: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bound]:
    client = FlowClient(running.url)
    dsl, conf = scaled()
    trained = done(client, dsl, conf)
    version = client.deploy(trained.model_id, trained.model_version, components=KEPT)
    folder = tmp_path_factory.mktemp("predicted")
    scores = predicted(client, conf, trained.model_id, version, folder)
    loaded = client.call("model/load", {"job_id": version})
    assert loaded["retcode"] == 0, loaded
    answer = client.call("model/bind", {"job_id": version, "service_id": SERVICE})
    assert answer["retmsg"] == f"service id is {SERVICE}"
    yield Bound(client, trained.model_id, version, scores, rows_of(BREAST / "guest.csv"))
    client.stop(loaded["jobId"])


def test_single_scores_are_those_of_a_predict_job(bound: Bound) -> None:
    for row_id in list(bound.scores)[:10]:
        answer = bound.single(row_id, bound.rows[row_id])
        assert answer["retcode"] == 0, answer
        assert answer["data"]["modelVersion"] == bound.version
        assert answer["data"]["score"] == pytest.approx(bound.scores[row_id], abs=1e-6)


def test_numbers_are_taken_as_well_as_texts(bound: Bound) -> None:
    row_id = next(iter(bound.scores))
    features = {name: float(text) for name, text in bound.rows[row_id].items()}
    score = bound.single(row_id, features)["data"]["score"]
    assert score == pytest.approx(bound.scores[row_id], abs=1e-6)


def test_batch_scores_are_those_of_a_predict_job(bound: Bound) -> None:
    ids = [*bound.scores, *list(bound.scores)[:3]]
    answer = bound.batch(ids)
    assert (answer["retcode"], len(answer["batchDataList"])) == (0, len(ids))
    for row_id, one in zip(ids, answer["batchDataList"], strict=True):
        assert one["data"]["score"] == pytest.approx(bound.scores[row_id], abs=1e-6)


def test_requests_side_by_side_get_their_own_scores(bound: Bound) -> None:
    ids = list(bound.scores)[:40]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda each: bound.single(each, bound.rows[each]), ids))
    for row_id, answer in zip(ids, answers, strict=True):
        assert answer["data"]["score"] == pytest.approx(bound.scores[row_id], abs=1e-6)


def test_an_id_the_host_does_not_have_is_told_and_harms_no_other(bound: Bound) -> None:
    known = next(iter(bound.scores))
    answer = bound.batch([known, "nobody"])
    first, second = answer["batchDataList"]
    assert first["data"]["score"] == pytest.approx(bound.scores[known], abs=1e-6)
    assert (second["retcode"], second["data"]) == (113, {})
    assert "host:10000 has no row of this id" in second["retmsg"]


def test_all_missing_features_are_listed_at_once(bound: Bound) -> None:
    row_id = next(iter(bound.scores))
    features = dict(bound.rows[row_id])
    gone = sorted(features)[:3]
    for name in gone:
        del features[name]
    answer = bound.single(row_id, features)
    assert answer["retcode"] == 102
    assert all(name in answer["retmsg"] for name in gone)


def test_a_value_that_is_no_number_is_told_and_harms_no_other(bound: Bound) -> None:
    known = next(iter(bound.scores))
    bad = {**bound.rows[known], "x0": "tall"}
    entries = [
        {"featureData": features, "sendToRemoteFeatureData": {"id": known}}
        for features in (bad, bound.rows[known])
    ]
    body = {"head": {"serviceId": SERVICE}, "body": {"batchDataList": entries}}
    answer = posted(bound.client.url, "batchInference", body)
    assert [one["retcode"] for one in answer["batchDataList"]] == [100, 0]
    assert "x0" in answer["batchDataList"][0]["retmsg"]
    assert "tall" not in json.dumps(answer)


def test_a_service_nobody_bound_is_named(bound: Bound) -> None:
    answer = bound.single("1", {}, service="other")
    assert answer["retcode"] == 122
    assert "other" in answer["retmsg"]


def test_a_request_without_an_id_for_the_host_is_refused(bound: Bound) -> None:
    row_id = next(iter(bound.scores))
    body = {"head": {"serviceId": SERVICE}, "body": {"featureData": bound.rows[row_id]}}
    answer = posted(bound.client.url, "inference", body)
    assert answer["retcode"] == 100
    assert "sendToRemoteFeatureData" in answer["retmsg"]


def test_a_model_that_is_not_loaded_can_not_be_bound(bound: Bound) -> None:
    version = bound.client.deploy(bound.model_id, bound.version, components=KEPT)
    answer = bound.client.call("model/bind", {"job_id": version, "service_id": "later"})
    assert answer["retcode"] != 0
    assert f"{version} is not loaded" in answer["retmsg"]


def test_loading_again_keeps_the_processes_that_answer(bound: Bound) -> None:
    first = bound.client.call("model/load", {"job_id": bound.version})
    again = bound.client.call("model/load", {"job_id": bound.version})
    assert first["jobId"] == again["jobId"]
