"""Requests of FATEBoard's backend, word for word, about one training."""

from typing import Any

import pytest

from coordinator.client import FlowClient
from tests.clients.jobs import COMPONENTS, WAIT_S, training

SEAT = {"role": "guest", "party_id": "9999"}
LEVELS = ("partyError", "partyWarning", "partyInfo", "partyDebug")
SCHEDULES = ("jobSchedule", "jobScheduleError")
SOME_LINES = 3


@pytest.fixture(scope="module")
def job_id(server: FlowClient) -> str:
    """A training that ended well."""
    job = server.submit(*training())
    assert server.wait(job, timeout_s=WAIT_S) == "success"
    return job.job_id


def of(job_id: str, component: str) -> dict[str, Any]:
    return {"job_id": job_id, "component_name": component, **SEAT}


def test_the_board_lists_jobs_with_who_takes_part(server: FlowClient, job_id: str) -> None:
    page = server.ask("job/list/job", {"limit": 10, "page": 1, "job_id": job_id})
    (row,) = page["jobs"]
    assert (row["job_id"], row["status"], row["role"]) == (job_id, "success", "guest")
    assert (row["party_id"], row["partners"]) == (9999, [10000])
    assert page["count"] == 1
    by_status = server.ask("job/list/job", {"limit": 1, "page": 1, "status": ["failed", "success"]})
    assert by_status["jobs"][0]["status"] in ("failed", "success")


def test_the_board_draws_the_graph_and_the_course_of_a_job(server: FlowClient, job_id: str) -> None:
    dag = server.ask("pipeline/dag/dependency", {"job_id": job_id, **SEAT})
    assert dag["component_list"] == list(COMPONENTS)
    assert dag["component_module"]["hetero_lr_0"] == "HeteroLR"
    (need,) = dag["dependencies"]["evaluation_0"]
    assert need == {"component_name": "hetero_lr_0", "type": "data", "up_output_info": ["data", 0]}
    assert set(dag["component_need_run"].values()) == {True}
    report = server.ask("job/report", {"job_id": job_id, **SEAT})
    assert {row["component_name"]: row["status"] for row in report} == dict.fromkeys(
        COMPONENTS, "success"
    )
    assert all(row["elapsed"] == row["end_time"] - row["start_time"] for row in report)


def test_the_board_shows_what_data_a_job_reads(server: FlowClient, job_id: str) -> None:
    view = server.ask("tracking/job/data_view", {"job_id": job_id, **SEAT})
    assert set(view["dataset"]["guest"]["9999"].values()) == {"breast.guest"}
    assert view["partner"] == {"host": [10000], "arbiter": [10000]}
    assert view["roles"]["guest"] == [9999]
    assert view["model_summary"] == {}


def test_the_board_draws_every_metric_by_its_type(server: FlowClient, job_id: str) -> None:
    where = of(job_id, "evaluation_0")
    types = {}
    for name in server.ask("tracking/component/metrics", where)["train"]:
        body = {**where, "metric_namespace": "train", "metric_name": name}
        told = server.call("tracking/component/metric_data", body)
        types[name] = told["meta"]["metric_type"]
        keys = [key for key, _ in told["data"]]
        assert keys == sorted(keys)
    assert types["hetero_lr_0"] == "EVALUATION_SUMMARY"
    assert set(types.values()) >= {
        *("ROC_EVALUATION", "KS_EVALUATION", "LIFT_EVALUATION", "GAIN_EVALUATION"),
        *("ACCURACY_EVALUATION", "PRECISION_BINARY_EVALUATION", "RECALL_BINARY_EVALUATION"),
    }
    loss = {**of(job_id, "hetero_lr_0"), "role": "arbiter", "party_id": "10000"}
    body = {**loss, "metric_namespace": "train", "metric_name": "loss"}
    told = server.call("tracking/component/metric_data", body)
    assert told["meta"]["metric_type"] == "LOSS"
    assert [point[0] for point in told["data"]] == [0, 1, 2]


def test_the_board_shows_parameters_and_the_model(server: FlowClient, job_id: str) -> None:
    told = server.ask("tracking/component/parameters", of(job_id, "hetero_lr_0"))
    shown = [name for name in told if name.endswith("Param")]
    assert "ComponentParam" in shown
    assert all(told[name]["max_iter"] == 3 for name in shown)
    answer = server.call("tracking/component/output/model", of(job_id, "hetero_lr_0"))
    assert len(answer["data"]["weight"]) == 10
    assert answer["meta"]["module_name"] == "HeteroLR"
    assert answer["meta"]["meta_data"]["penalty"] == "L2"


def test_the_board_shows_the_first_rows_and_how_many_there_are(
    server: FlowClient, job_id: str
) -> None:
    answer = server.call("tracking/component/output/data", of(job_id, "hetero_lr_0"))
    (rows,), (header,) = answer["data"], answer["meta"]["header"]
    assert (answer["meta"]["total"], answer["meta"]["names"]) == ([569], ["data"])
    assert len(rows) == 100
    assert {len(row) for row in rows} == {len(header)}
    nothing = server.call("tracking/component/output/data", of(job_id, "evaluation_0"))
    assert (nothing["retcode"], nothing["retmsg"], nothing["data"]) == (0, "no data", [])


@pytest.mark.parametrize("log_type", [*SCHEDULES, *LEVELS, "componentInfo"])
def test_the_board_reads_a_log_in_pages(server: FlowClient, job_id: str, log_type: str) -> None:
    log = {**of(job_id, "hetero_lr_0"), "log_type": log_type}
    size = server.ask("log/size", log)["size"]
    lines = server.ask("log/cat", {**log, "begin": 1, "end": max(size, 1)})
    assert [line["line_num"] for line in lines] == list(range(1, size + 1))
    page = server.ask("log/cat", {**log, "begin": 2, "end": 1 + SOME_LINES})
    assert page == lines[1 : 1 + SOME_LINES]
    if log_type in ("jobSchedule", "partyInfo", "componentInfo"):
        assert any(line["content"] for line in lines)


def test_the_board_keeps_notes_and_knows_the_server(server: FlowClient, job_id: str) -> None:
    told = server.call("job/update", {"job_id": job_id, **SEAT, "notes": "for the board"})
    assert (told["retcode"], told["retmsg"]) == (0, "success")
    (row,) = server.ask("job/query", {"job_id": job_id, **SEAT})
    assert row["f_description"] == "for the board"
    found = server.ask("job/list/job", {"limit": 5, "page": 1, "description": "for the bo"})
    assert [job["job_id"] for job in found["jobs"]] == [job_id]
    (running,) = server.ask("server/fateflow/info")
    assert running["http_port"] == int(server.url.rpartition(":")[2])


def test_the_board_stops_a_job_and_runs_it_again(server: FlowClient) -> None:
    job = server.submit(*training(max_iter=15))
    stopped = server.call("job/stop", {"job_id": job.job_id})
    assert stopped["retcode"] == 0
    page = server.ask("job/list/job", {"limit": 1, "page": 1, "job_id": job.job_id})
    assert page["jobs"][0]["status"] == "canceled"
    again = server.call("job/rerun", {"job_id": job.job_id})
    assert (again["retcode"], again["retmsg"]) == (0, "rerun job success")
    assert server.wait(job, timeout_s=WAIT_S) == "success"
