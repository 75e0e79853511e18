"""What FATE's board and clients read of jobs as wholes."""

import json
import urllib.request
from typing import Any


def seat(job_id: str, role: str = "guest", party_id: Any = 9999) -> dict[str, Any]:
    return {"job_id": job_id, "role": role, "party_id": party_id}


def test_the_initiator_sees_every_seats_tables(live: Any, done_job: str) -> None:
    view = live.client.ask("tracking/job/data_view", seat(done_job))
    assert view["dataset"]["guest"]["9999"] == {"reader_0": "breast.guest"}
    assert view["dataset"]["host"]["10000"] == {"reader_0": "breast.host"}
    assert view["roles"] == {"guest": [9999], "host": [10000], "arbiter": [10000]}
    assert view["partner"] == {"host": [10000], "arbiter": [10000]}


def test_a_host_sees_its_own_tables_alone(live: Any, done_job: str) -> None:
    view = live.client.ask("tracking/job/data_view", seat(done_job, "host", "10000"))
    assert view["dataset"] == {"host": {"10000": {"reader_0": "breast.host"}}}
    assert view["roles"] == {"host": [10000]}


def test_the_data_view_of_no_job_is_fates_error(live: Any) -> None:
    answer = live.client.call("tracking/job/data_view", seat("1"))
    assert (answer["retcode"], answer["retmsg"]) == (101, "error")


def test_the_graph_names_modules_and_what_feeds_what(live: Any, done_job: str) -> None:
    graph = live.client.ask("pipeline/dag/dependency", seat(done_job))
    assert graph["component_list"][0] == "reader_0"
    assert graph["component_module"]["hetero_lr_0"] == "HeteroLR"
    up = {"component_name": "intersection_0", "type": "train_data", "up_output_info": ["data", 0]}
    assert graph["dependencies"]["hetero_lr_0"] == [up]
    assert "reader_0" not in graph["dependencies"]
    assert set(graph["component_need_run"].values()) == {True}


def test_the_graph_of_documents_needs_no_job(live: Any, lr_dsl: Any, lr_conf: Any) -> None:
    body = {"job_dsl": lr_dsl, "job_runtime_conf": lr_conf}
    graph = live.client.ask("pipeline/dag/dependency", body)
    assert set(graph["component_list"]) == set(lr_dsl["components"])


def test_a_report_says_how_deep_each_component_stands(live: Any, done_job: str) -> None:
    rows = live.client.ask("job/report", seat(done_job))
    depth = {row["component_name"]: row["index"] for row in rows}
    assert depth == {"reader_0": 0, "intersection_0": 1, "hetero_lr_0": 2, "evaluation_0": 3}
    assert {row["status"] for row in rows} == {"success"}


def test_the_tables_of_a_job_are_named_by_component(live: Any, done_job: str) -> None:
    tables = live.client.ask("table/list", seat(done_job))
    made = tables["intersection_0"]["output"]["data"]
    assert tables["hetero_lr_0"]["input"]["train_data"] == [made]
    assert tables["reader_0"]["input"] == {}


def test_a_prediction_dsl_is_made_of_a_training_dsl(live: Any, lr_dsl: Any) -> None:
    body = {"cpn_str": "hetero_lr_0,intersection_0", "train_dsl": json.dumps(lr_dsl)}
    made = live.client.ask("job/dsl/generate", body)
    lr = made["components"]["hetero_lr_0"]
    assert lr["input"]["model"] == ["pipeline.hetero_lr_0.model"]
    assert lr["input"]["data"] == {"test_data": ["intersection_0.data"]}
    body["cpn_str"] = "hetero_lr_7"
    request = urllib.request.Request(
        f"{live.url}/v1/job/dsl/generate", json.dumps(body).encode(), method="POST"
    )
    with urllib.request.urlopen(request, timeout=20) as response:
        assert response.status == 210
        assert "hetero_lr_7" in json.load(response)["retmsg"]


def test_deleted_metrics_are_gone_at_that_component_alone(
    live: Any, lr_dsl: Any, lr_conf: Any
) -> None:
    job = live.client.submit(lr_dsl, lr_conf)
    assert live.client.wait(job, timeout_s=20) == "success"
    lr = {**seat(job.job_id), "component_name": "hetero_lr_0"}
    evaluation = {**seat(job.job_id), "component_name": "evaluation_0"}
    assert live.client.call("tracking/component/metric/delete", lr)["retcode"] == 0
    assert live.client.ask("tracking/component/metric/all", evaluation)
    assert live.client.call("tracking/component/metric/delete", evaluation)["retcode"] == 0
    assert live.client.ask("tracking/component/metric/all", evaluation) == {}
