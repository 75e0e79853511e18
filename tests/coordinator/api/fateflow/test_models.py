"""Models as FATE's clients deploy and ask for them."""

import copy
import json
import urllib.request
from typing import Any

import pytest


@pytest.fixture
def model(live: Any, done_job: str) -> dict[str, str]:
    """The model of a training that succeeded."""
    row = live.client.call("job/config", {"job_id": done_job})["data"]["model_info"]
    return dict(row)


@pytest.fixture
def deployed(live: Any, model: dict[str, str]) -> dict[str, str]:
    data = live.client.call("model/deploy", model)["data"]
    return {"model_id": data["model_id"], "model_version": data["model_version"]}


def fetch(live: Any, route: str, body: dict[str, Any]) -> Any:
    request = urllib.request.Request(f"{live.url}/v1/{route}", json.dumps(body).encode())
    return urllib.request.urlopen(request, timeout=20)


def test_deploying_gives_a_new_version_and_says_success(live: Any, model: Any) -> None:
    answer = live.client.call("model/deploy", model)
    assert (answer["retcode"], answer["retmsg"]) == (0, "success")
    data = answer["data"]
    assert data["model_id"] == model["model_id"]
    assert data["model_version"] != model["model_version"]
    assert (data["guest"], data["host"]) == ({"9999": 0}, {"10000": 0})
    assert data["detail"]["arbiter"]["10000"]["retcode"] == 0


@pytest.mark.parametrize("named", [["hetero_lr_0", "intersection_0"], "hetero_lr_0,intersection_0"])
def test_components_are_named_by_a_list_or_a_text(live: Any, model: Any, named: Any) -> None:
    data = live.client.call("model/deploy", {**model, "cpn_list": named})["data"]
    dsl = live.client.predict_dsl(data["model_id"], data["model_version"])
    assert set(dsl["components"]) == {"hetero_lr_0", "intersection_0"}


@pytest.mark.parametrize("key", ["predict_dsl", "dsl"])
def test_a_dsl_may_come_as_text(live: Any, model: Any, deployed: Any, key: str) -> None:
    dsl = live.client.predict_dsl(deployed["model_id"], deployed["model_version"])
    del dsl["components"]["evaluation_0"]
    data = live.client.call("model/deploy", {**model, key: json.dumps(dsl)})["data"]
    assert live.client.predict_dsl(data["model_id"], data["model_version"]) == dsl


def test_weights_of_evidence_are_taken_out_of_a_guests_binning_alone(
    live: Any, deployed: dict[str, str]
) -> None:
    asked = {**deployed, "role": "guest", "party_id": 9999, "component_name": "hetero_lr_0"}
    for change, why in (
        ({}, "hetero_lr_0 has no weights of evidence of hosts' columns"),
        ({"component_name": "reader_0"}, "there is no model"),
        ({"role": "host", "party_id": 10000}, "role is guest"),
    ):
        said = live.client.call("component/woe_array/extract", {**asked, **change})
        assert (said["retcode"], said["data"]) == (101, {})
        assert why in said["retmsg"]


def test_a_loaded_model_is_no_job_unless_it_is_asked_for(
    live: Any, deployed: dict[str, str]
) -> None:
    version = {"model_version": deployed["model_version"]}
    loaded = live.client.call("model/load", {"job_id": deployed["model_version"]})
    job = {"job_id": loaded["jobId"]}
    assert live.client.ask("job/query", version) == []
    assert job["job_id"] not in str(live.client.ask("job/list/job", {"limit": 0}))
    assert job["job_id"] not in str(live.client.ask("job/list/task", {"limit": 0}))
    for asked in (job, {**version, "kind": "serve"}):
        rows = live.client.ask("job/query", asked)
        assert {row["f_job_id"] for row in rows} == {job["job_id"]}
    live.client.stop(job["job_id"])


def test_a_deployed_model_predicts(live: Any, deployed: Any, lr_conf: Any) -> None:
    conf = copy.deepcopy(lr_conf)
    conf["job_parameters"]["common"] = {"job_type": "predict", **deployed}
    taken = live.client.submit({}, conf)
    assert live.client.wait(taken, timeout_s=20) == "success"
    assert taken.model_version == deployed["model_version"]
    config = live.client.ask("job/config", {"job_id": taken.job_id})
    assert config["train_runtime_conf"]["component_parameters"] == lr_conf["component_parameters"]


def test_an_undeployed_model_does_not_predict(live: Any, model: Any, lr_conf: Any) -> None:
    conf = copy.deepcopy(lr_conf)
    conf["job_parameters"]["common"] = {"job_type": "predict", **model}
    answer = live.client.call("job/submit", {"job_dsl": {}, "job_runtime_conf": conf})
    assert (answer["retcode"], answer["retmsg"]) == (103, "model has not been deployed yet")


def test_a_predict_dsl_is_a_file_where_a_name_is_given(live: Any, deployed: Any) -> None:
    with fetch(live, "model/get/predict/dsl", {**deployed, "filename": "dsl.json"}) as response:
        assert "filename=dsl.json" in response.headers["Content-Disposition"]
        assert "hetero_lr_0" in json.load(response)["components"]


def test_a_conf_to_fill_in_has_the_version_and_the_initiator(live: Any, deployed: Any) -> None:
    conf = live.client.predict_conf(deployed["model_id"], deployed["model_version"])
    assert deployed.items() <= conf["job_parameters"]["common"].items()
    assert conf["initiator"] == {"role": "guest", "party_id": 9999}


@pytest.mark.parametrize("route", ["model/get/predict/dsl", "model/get/predict/conf"])
def test_a_model_that_can_not_predict_has_no_document(live: Any, model: Any, route: str) -> None:
    for body in (model, {**model, "model_version": "1"}):
        with fetch(live, route, body) as response:
            assert response.status == 210
            assert json.load(response)["retcode"] == 210


def test_a_model_nobody_trained_is_not_deployed(live: Any, model: Any) -> None:
    answer = live.client.call("model/deploy", {**model, "model_version": "1"})
    assert answer["retcode"] == 404
    assert "there is no model" in answer["retmsg"]


def test_models_are_listed_by_seat(live: Any, model: Any, deployed: Any) -> None:
    rows = live.client.ask("model/query", {**deployed, "role": "guest", "party_id": 9999})
    assert len(rows) == 1
    assert (rows[0]["f_role"], rows[0]["f_party_id"]) == ("guest", "9999")
    assert rows[0]["f_parent_info"]["parent_model_version"] == model["model_version"]
    assert rows[0]["f_size"] > 0
    parents = live.client.ask("model/query", model)
    assert {row["f_parent"] for row in parents} == {True}
    assert live.client.call("model/query", {"model_version": "1"})["retcode"] == 100
