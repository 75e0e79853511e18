"""Online predictions asked at the coordinator, which hands them to the guest's agent."""

from collections.abc import Iterator
from typing import Any

import pytest

BODY = {"featureData": {"x": 1}, "sendToRemoteFeatureData": {"id": "7"}}


def request(service: Any = "s", body: Any = None) -> dict[str, Any]:
    return {"head": {"serviceId": service}, "body": BODY if body is None else body}


@pytest.fixture
def bound(live: Any, done_job: str) -> Iterator[str]:
    """A version that is loaded and bound as `s`."""
    model_id = live.client.ask("job/config", {"job_id": done_job})["model_info"]["model_id"]
    version = live.client.deploy(model_id, done_job)
    job_id = live.client.call("model/load", {"job_id": version})["jobId"]
    live.client.ask("model/bind", {"job_id": version, "service_id": "s"})
    yield version
    live.client.stop(job_id)


def test_a_question_gets_the_agents_answer(live: Any, bound: str) -> None:
    assert live.client.infer(request())["data"] == {"score": 0.5}
    assert live.client.infer(request(body={"batchDataList": [BODY]}))["retcode"] == 0


def test_an_unknown_service_is_named(live: Any) -> None:
    answer = live.client.infer(request("nobody's"))
    assert answer["retcode"] == 122
    assert "nobody's" in answer["retmsg"]


@pytest.mark.parametrize("wrong", [{}, {"head": []}, {"head": {"serviceId": 7}}, request("")])
def test_a_request_without_a_service_is_refused(live: Any, wrong: Any) -> None:
    answer = live.client.infer(wrong)
    assert answer["retcode"] == 100
    assert "serviceId" in answer["retmsg"]


def test_a_guest_that_is_away_is_named(live: Any, bound: str) -> None:
    live.agents.away.add("9999")
    answer = live.client.infer(request())
    live.agents.away.clear()
    assert answer["retcode"] == 105
    assert "9999" in answer["retmsg"]
