"""What FATE's clients read out of the answers, over a job that went well."""

import io
import json
import tarfile
import urllib.error
import urllib.request
from typing import Any

import pytest

from federation.spec.orders import Reason


def guest(job_id: str, component: str, **more: Any) -> dict[str, Any]:
    return {
        "job_id": job_id,
        "role": "guest",
        "party_id": "9999",
        "component_name": component,
        **more,
    }


def fetch(live: Any, route: str, body: dict[str, Any], method: str = "GET") -> Any:
    request = urllib.request.Request(
        f"{live.url}/v1/{route}", json.dumps(body).encode(), method=method
    )
    return urllib.request.urlopen(request, timeout=20)


def files_of(content: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as tar:
        found = {info.name: tar.extractfile(info) for info in tar}
        return {name: file.read() for name, file in found.items() if file is not None}


def test_a_submit_names_job_model_and_board(live: Any, lr_dsl: Any, lr_conf: Any) -> None:
    answer = live.client.call("job/submit", {"job_dsl": lr_dsl, "job_runtime_conf": lr_conf})
    job_id = answer["jobId"]
    assert (answer["retcode"], answer["retmsg"]) == (0, "success")
    assert answer["data"]["job_id"] == job_id
    model = {"model_id": "guest-9999#host-10000#arbiter-10000#model", "model_version": job_id}
    assert answer["data"]["model_info"] | {"model_id": ""} == model | {"model_id": ""}
    assert answer["data"]["model_info"]["model_id"].endswith("#model")
    assert answer["data"]["board_url"] == (
        f"http://coordinator.example/index.html#/dashboard?job_id={job_id}&role=guest&party_id=9999"
    )
    assert live.client.wait(job_id, timeout_s=20) == "success"


def test_the_board_is_named_for_a_seat(live: Any, done_job: str) -> None:
    data = live.client.ask("job/url/get", {"job_id": done_job, "role": "host", "party_id": 10000})
    (url,) = data["board_url"]
    assert url.endswith(f"job_id={done_job}&role=host&party_id=10000")


def test_the_short_names_of_a_submit_are_understood(live: Any, lr_dsl: Any, lr_conf: Any) -> None:
    assert live.client.call("job/submit", {"dsl": lr_dsl, "runtime_conf": lr_conf})["retcode"] == 0


def test_a_job_has_a_row_for_each_seat(live: Any, done_job: str) -> None:
    rows = live.client.ask("job/query", {"job_id": done_job})
    seats = {(row["f_role"], row["f_party_id"]) for row in rows}
    assert seats == {("guest", "9999"), ("host", "10000"), ("arbiter", "10000")}
    assert all("f_dsl" in row and "f_runtime_conf" in row for row in rows)
    assert {(row["f_status"], row["f_progress"]) for row in rows} == {("success", 100)}


@pytest.mark.parametrize("party_id", [10000, "10000"])
def test_a_role_and_party_see_their_own_row(live: Any, done_job: str, party_id: Any) -> None:
    body = {"job_id": done_job, "role": "host", "party_id": party_id, "local": {"role": "guest"}}
    (row,) = live.client.ask("job/query", body)
    assert row["f_role"] == "host"


def test_no_job_is_no_error(live: Any) -> None:
    answer = live.client.call("job/query", {"job_id": "202001010000000000009"})
    assert answer == {"retcode": 0, "retmsg": "no job could be found", "data": []}


def test_the_config_is_what_was_posted(live: Any, done_job: str, lr_dsl: Any, lr_conf: Any) -> None:
    data = live.client.ask("job/config", {"job_id": done_job, "role": "guest", "party_id": 9999})
    assert (data["dsl"], data["runtime_conf"]) == (lr_dsl, lr_conf)
    assert data["model_info"]["model_version"] == done_job
    assert data["train_runtime_conf"] == {}


def test_notes_are_kept_and_the_answer_is_the_exact_word(live: Any, done_job: str) -> None:
    body = {"job_id": done_job, "role": "arbiter", "party_id": 10000, "notes": "lr@suite"}
    assert live.client.call("job/update", body)["retmsg"] == "success"
    assert live.client.job(done_job)["f_description"] == "lr@suite"


def test_tasks_have_a_row_for_each_seat_where_the_module_works(live: Any, done_job: str) -> None:
    rows = live.client.ask("job/task/query", {"job_id": done_job, "component_name": "hetero_lr_0"})
    assert {row["f_role"] for row in rows} == {"guest", "host", "arbiter"}
    assert {row["f_party_status"] for row in rows} == {"success"}


def test_no_running_task_is_101(live: Any, done_job: str) -> None:
    answer = live.client.call("job/task/query", {"job_id": done_job, "status": "running"})
    assert (answer["retcode"], answer["retmsg"]) == (101, "find task failed")


@pytest.mark.parametrize("route", ["job/list/job", "job/list/task"])
def test_a_page_has_exactly_as_many_rows_as_asked(live: Any, done_job: str, route: str) -> None:
    for limit in (1, 2):
        data = live.client.ask(route, {"limit": limit})
        rows = data.get("jobs", data.get("tasks"))
        assert len(rows) == min(limit, data["count"])
        assert not [name for row in rows for name in row if name.startswith("f_")]


def test_metric_names_are_listed_by_namespace(live: Any, done_job: str) -> None:
    data = live.client.ask("tracking/component/metrics", guest(done_job, "evaluation_0"))
    assert data == {"train": ["hetero_lr_0", "loss"]}


def test_the_auc_is_the_first_point_of_the_summary(live: Any, done_job: str) -> None:
    data = live.client.ask("tracking/component/metric/all", guest(done_job, "evaluation_0"))
    metric = data["train"]["hetero_lr_0"]
    assert metric["data"][0] == ["auc", 0.975186]
    assert metric["meta"] == {"name": "hetero_lr_0", "metric_type": "EVALUATION_SUMMARY"}


@pytest.mark.parametrize("name", ["metric_name", "meric_name"])
def test_points_of_one_metric_are_sorted_by_key_and_finite(
    live: Any, done_job: str, name: str
) -> None:
    body = guest(done_job, "evaluation_0", metric_namespace="train", **{name: "loss"})
    answer = live.client.call("tracking/component/metric_data", body)
    assert answer["data"] == [[1, -9999999], [2, 0.6], [10, 0.4]]
    assert answer["meta"]["metric_type"] == "LOSS"


@pytest.mark.parametrize(
    ("route", "empty"),
    [
        ("tracking/component/metrics", {}),
        ("tracking/component/metric/all", {}),
        ("tracking/component/output/model", {}),
    ],
)
def test_nothing_made_is_no_error(live: Any, done_job: str, route: str, empty: Any) -> None:
    answer = live.client.call(route, guest(done_job, "reader_0"))
    assert (answer["retcode"], answer["retmsg"], answer["data"]) == (0, "no data", empty)


def test_parameters_stand_under_both_names(live: Any, done_job: str) -> None:
    data = live.client.ask("tracking/component/parameters", guest(done_job, "hetero_lr_0"))
    assert data["module"] == "HeteroLR"
    assert data["ComponentParam"] == data["HeteroLogisticParam"]
    assert data["ComponentParam"]["max_iter"] == 3


def test_without_a_seat_the_initiator_is_meant(live: Any, done_job: str) -> None:
    body = {"job_id": done_job, "component_name": "evaluation_0"}
    assert "train" in live.client.ask("tracking/component/metrics", body)


def test_a_model_comes_with_its_meta(live: Any, done_job: str) -> None:
    answer = live.client.call("tracking/component/output/model", guest(done_job, "hetero_lr_0"))
    assert answer["data"] == {"weight": {"x0": 0.25}}
    assert answer["meta"] == {"meta_data": {"penalty": "L2"}, "module_name": "HeteroLR"}


def test_output_rows_come_with_header_total_and_name(live: Any, done_job: str) -> None:
    answer = live.client.call("tracking/component/output/data", guest(done_job, "hetero_lr_0"))
    assert answer["meta"] == {"header": [["id", "y", "x0"]], "total": [3], "names": ["data"]}
    assert answer["data"][0][0] == ["1", "0", "0.5"]


def test_outputs_are_a_tar_of_csv_and_meta(live: Any, done_job: str) -> None:
    route = "tracking/component/output/data/download"
    with fetch(live, route, guest(done_job, "hetero_lr_0", limit=-1)) as response:
        assert response.status == 200
        assert "attachment; filename=" in response.headers["Content-Disposition"]
        files = files_of(response.read())
    assert json.loads(files["data.meta"]) == {"header": ["id", "y", "x0"]}
    assert files["data.csv"].startswith(b"id,y,x0\n1,0,0.5\n")
    assert files["data.csv"].count(b"\n") == 4


def test_a_limit_counts_rows_and_the_head_may_be_left_out(live: Any, done_job: str) -> None:
    route = "tracking/component/output/data/download"
    body = guest(done_job, "hetero_lr_0", limit="2", head=False)
    with fetch(live, route, body, "POST") as response:
        assert files_of(response.read())["data.csv"] == b"1,0,0.5\n2,1,-1.5\n"


@pytest.mark.parametrize(("component", "limit"), [("hetero_lr_0", 0), ("evaluation_0", -1)])
def test_no_rows_to_download_is_210(live: Any, done_job: str, component: str, limit: int) -> None:
    route = "tracking/component/output/data/download"
    with fetch(live, route, guest(done_job, component, limit=limit)) as response:
        assert response.status == 210
        assert json.loads(response.read())["retcode"] == 210


def test_output_tables_are_named_under_both_spellings(live: Any, done_job: str) -> None:
    answer = live.client.call("tracking/component/output/data/table", guest(done_job, "reader_0"))
    assert answer["retmsg"] == "success"
    (row,) = answer["data"]
    assert row["table_namespace"] == row["namespace"]
    assert row["data_name"] == "data"


def test_output_tables_of_an_unknown_job_are_100(live: Any) -> None:
    answer = live.client.call("tracking/component/output/data/table", guest("J", "reader_0"))
    assert (answer["retcode"], answer["retmsg"]) == (100, "No found job")


def test_a_summary_is_data_or_a_file(live: Any, done_job: str) -> None:
    route, body = "tracking/component/summary/download", guest(done_job, "evaluation_0")
    assert live.client.ask(route, body) == {"auc": 0.9}
    with fetch(live, route, {**body, "filename": "sum mary/../x.json"}, "POST") as response:
        assert response.headers["Content-Disposition"] == "attachment; filename=summary..x.json"
        assert json.loads(response.read()) == {"auc": 0.9}


def test_no_summary_is_210(live: Any, done_job: str) -> None:
    route = "tracking/component/summary/download"
    with fetch(live, route, guest(done_job, "reader_0"), "POST") as response:
        assert response.status == 210


def test_components_are_listed_in_their_order(live: Any, done_job: str, lr_dsl: Any) -> None:
    data = live.client.ask("tracking/component/list", {"job_id": done_job})
    assert data["components"] == list(lr_dsl["components"])


def test_the_data_view_has_a_row_for_each_component_with_data(live: Any, done_job: str) -> None:
    rows = live.client.ask("job/data/view/query", {"job_id": done_job, "role": "guest"})
    names = [row["f_component_name"] for row in rows]
    assert sorted(names) == ["hetero_lr_0", "intersection_0", "reader_0"]


@pytest.mark.parametrize("route", ["job/log", "job/log/download"])
def test_logs_of_all_seats_are_in_one_archive(live: Any, done_job: str, route: str) -> None:
    with fetch(live, route, {"job_id": done_job}) as response:
        assert response.headers["Content-Disposition"].endswith(f"job_{done_job}_log.tar.gz")
        files = files_of(response.read())
    assert sorted(files) == [
        "arbiter/10000/INFO.log",
        "fate_flow_schedule.log",
        "guest/9999/INFO.log",
        "host/10000/INFO.log",
    ]


def test_logs_of_a_party_that_is_away_are_replaced_by_a_note(live: Any, done_job: str) -> None:
    live.agents.away.add("10000")
    with fetch(live, "job/log", {"job_id": done_job}) as response:
        files = files_of(response.read())
    assert files["guest/9999/INFO.log"]
    assert b"10000" in files["host/10000/NOT_FETCHED.log"]


def test_rows_of_a_party_that_is_away_are_104(live: Any, done_job: str) -> None:
    live.agents.away.add("9999")
    for route in ("output/data", "output/data/download", "output/model"):
        answer = json.loads(
            fetch(live, f"tracking/component/{route}", guest(done_job, "hetero_lr_0")).read()
        )
        assert answer["retcode"] == 104
        assert "9999" in answer["retmsg"]


def test_logs_of_no_job_are_404(live: Any) -> None:
    with pytest.raises(urllib.error.HTTPError) as raised:
        fetch(live, "job/log/download", {"job_id": "J"}, "POST")
    assert raised.value.code == 404
    assert json.loads(raised.value.read())["retcode"] == 404


def test_stopping_an_ended_job_changes_nothing(live: Any, done_job: str) -> None:
    answer = live.client.call("job/stop", {"job_id": done_job})
    assert (answer["retcode"], answer["jobId"]) == (0, done_job)
    assert live.client.job(done_job)["f_status"] == "success"


def test_a_stopped_job_is_canceled_at_once(live: Any, lr_dsl: Any, lr_conf: Any) -> None:
    live.agents.busy.add("hetero_lr_0")
    job = live.client.submit(lr_dsl, lr_conf)
    answer = live.client.call("job/stop", {"job_id": job.job_id})
    assert answer["retmsg"] == "stop job on this party success; stop job on all party success"
    assert live.client.job(job.job_id)["f_status"] == "canceled"


def test_stopping_no_job_is_102(live: Any) -> None:
    answer = live.client.call("job/stop", {"job_id": "J"})
    assert (answer["retcode"], answer["retmsg"]) == (102, "can not found job")


def test_a_rerun_of_a_success_is_success_again(live: Any, done_job: str) -> None:
    answer = live.client.call("job/rerun", {"job_id": done_job, "force": False})
    assert (answer["retcode"], answer["retmsg"]) == (0, "rerun job success")
    assert live.client.wait(done_job, timeout_s=20) == "success"


@pytest.mark.parametrize("named", ["hetero_lr_0, evaluation_0", ["hetero_lr_0"]])
def test_components_are_run_again_as_new_attempts(
    live: Any, lr_dsl: Any, lr_conf: Any, named: Any
) -> None:
    job = live.client.submit(lr_dsl, lr_conf)
    live.client.wait(job, timeout_s=20)
    body = {"job_id": job.job_id, "component_name": named, "force": True}
    assert live.client.call("job/rerun", body)["retcode"] == 0
    assert live.client.wait(job, timeout_s=20) == "success"
    rows = live.client.tasks(job.job_id, role="guest", component_name="hetero_lr_0")
    assert [row["f_task_version"] for row in rows] == [0, 1]


def test_a_failed_job_says_which_task_and_why(live: Any, lr_dsl: Any, lr_conf: Any) -> None:
    live.agents.failing["intersection_0"] = Reason(code="blank_ids", message="rows lack an id")
    job = live.client.submit(lr_dsl, lr_conf)
    assert live.client.wait(job, timeout_s=20) == "failed"
    why = live.client.ask("tripact/job/why", {"job_id": job.job_id})
    assert why["status"] == "failed"
    assert why["failed"][0]["component"] == "intersection_0"
    assert why["failed"][0]["reason"] == "rows lack an id (blank_ids)"


def test_waiting_jobs_are_cleaned_without_a_body(live: Any, lr_dsl: Any, lr_conf: Any) -> None:
    live.agents.busy.add("reader_0")
    live.client.submit(lr_dsl, lr_conf)
    with fetch(live, "job/clean/queue", {}, "POST") as response:
        assert json.loads(response.read())["retcode"] == 0
    assert live.client.ask("job/query", {"status": "waiting"}) == []


def test_the_ledger_names_what_left_each_party(live: Any, done_job: str) -> None:
    assert live.client.ledger(done_job)["10000"][0]["tag"] == "forward"


@pytest.mark.parametrize("route", ["version/get", "server/version/get"])
def test_the_fate_version_is_told(live: Any, route: str) -> None:
    answer = live.client.call(route, {"module": "FATE"})
    assert answer["retmsg"] == "success"
    assert answer["data"] == {"FATE": "1.11.4", "API": "v1"}
    assert live.client.ask(route)["TRIPACT"]


@pytest.mark.parametrize("ending", ["", "/"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_get_with_a_body_and_a_trailing_slash_reach_the_same(
    live: Any, done_job: str, method: str, ending: str
) -> None:
    with fetch(live, f"job/query{ending}", {"job_id": done_job}, method) as response:
        assert len(json.loads(response.read())["data"]) == 3


def test_a_path_that_nobody_serves_is_named_in_the_envelope(live: Any) -> None:
    answer = live.client.call("job/sumbit", {})
    assert answer["retcode"] == 101
    assert answer["retmsg"] == "nothing is served at POST /v1/job/sumbit"
