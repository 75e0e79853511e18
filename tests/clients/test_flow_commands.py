"""`flow` of fate-client 1.11.3 and of 1.5.3: the commands that both have, and what they print."""

import csv
import json
from pathlib import Path
from typing import Any

from coordinator.client import FlowClient
from examples.running import Standalone
from tests.clients.flow import GUEST_SEAT, Flow, Trained, model, of
from tests.clients.jobs import COMPONENTS, WAIT_S, predicting, training
from tests.clients.recipes import FATE_CLIENT_1_11, boxed
from tests.together.parts import BREAST

# --- init ----------------------------------------------------------------------------------------


def test_flow_asks_nobody_before_it_was_told_where_the_server_is(
    running: Standalone, tmp_path: Path
) -> None:
    flow = Flow(boxed(FATE_CLIENT_1_11, tmp_path))
    assert 'Did you run "flow init"?' in flow.box.run("flow", "job", "query")
    flow.done("init", "--ip", "127.0.0.1", "--port", running.port)
    assert "data" in flow.done("job", "query")


# --- job -----------------------------------------------------------------------------------------


def test_job_query_prints_one_row_for_the_seat_without_dsl_and_conf(
    flow: Flow, trained: Trained
) -> None:
    (row,) = flow.done("job", "query", "-j", trained.job_id, *GUEST_SEAT)["data"]
    assert (row["f_status"], row["f_progress"]) == ("success", 100)
    assert (row["f_role"], row["f_party_id"]) == ("guest", "9999")
    assert not {"f_dsl", "f_runtime_conf"} & row.keys()
    assert row["f_elapsed"] > 0
    assert row["f_end_time"] >= row["f_start_time"] >= row["f_create_time"]


def test_job_query_by_another_status_finds_no_job(flow: Flow, trained: Trained) -> None:
    said = flow.done("job", "query", "-j", trained.job_id, "-s", "failed")
    assert said["data"] == []
    assert said["retmsg"] == "no job could be found"


def test_job_query_without_options_finds_every_seat_of_the_job(
    flow: Flow, trained: Trained
) -> None:
    rows = flow.done("job", "query")["data"]
    seats = {(r["f_role"], r["f_party_id"]) for r in rows if r["f_job_id"] == trained.job_id}
    assert seats == {("guest", "9999"), ("host", "10000"), ("arbiter", "10000")}


def test_job_list_prints_as_many_jobs_as_the_limit_says(flow: Flow, trained: Trained) -> None:
    data = flow.done("job", "list", "-l", 2)["data"]
    assert len(data["jobs"]) == 2
    assert data["count"] > 2
    assert {"job_id", "status", "partners", "role", "party_id"} <= data["jobs"][0].keys()


def test_job_view_prints_one_row_for_each_component_with_output_data(
    flow: Flow, trained: Trained
) -> None:
    rows = flow.done("job", "view", "-j", trained.job_id, *GUEST_SEAT)["data"]
    assert sorted(row["f_component_name"] for row in rows) == sorted(COMPONENTS[:-1])
    assert all(row["f_table_name"] and row["f_table_namespace"] for row in rows)


def test_job_config_writes_dsl_and_conf_as_they_were_submitted(
    flow: Flow, trained: Trained, tmp_path: Path
) -> None:
    said = flow.done("job", "config", "-j", trained.job_id, *GUEST_SEAT, "-o", tmp_path)
    folder = Path(said["directory"])
    dsl, conf = training()
    assert json.loads((folder / "dsl.json").read_text())["components"] == dsl["components"]
    kept = json.loads((folder / "runtime_conf.json").read_text())
    assert kept["component_parameters"] == conf["component_parameters"]
    assert json.loads((folder / "train_runtime_conf.json").read_text()) == {}
    assert json.loads((folder / "model_info.json").read_text())["model_id"] == trained.model_id


def test_job_log_unpacks_the_logs_of_every_party_and_component(
    flow: Flow, trained: Trained, tmp_path: Path
) -> None:
    said = flow.done("job", "log", "-j", trained.job_id, "-o", tmp_path)
    folder = Path(said["directory"])
    for seat in ("guest/9999", "host/10000", "arbiter/10000"):
        for level in ("INFO", "ERROR", "WARNING", "DEBUG"):
            assert (folder / seat / f"{level}.log").is_file()
    assert (folder / "guest/9999/hetero_lr_0/INFO.log").is_file()
    assert (folder / "fate_flow_schedule.log").is_file()


def test_job_log_of_an_unknown_job_is_a_printed_no(flow: Flow, tmp_path: Path) -> None:
    assert "20990101" in flow.refused("job", "log", "-j", "20990101", "-o", tmp_path)


def test_job_dsl_prints_the_predict_dsl_and_writes_it_to_a_file(flow: Flow, tmp_path: Path) -> None:
    dsl, _ = training()
    path = flow.document("train_dsl.json", dsl)
    kept = "data_transform_0,intersection_0,hetero_lr_0"
    said = flow.done("job", "dsl", "--cpn-list", kept, "--train-dsl-path", path)
    components = said["data"]["components"]
    assert components["hetero_lr_0"]["input"]["model"] == ["pipeline.hetero_lr_0.model"]
    assert components["hetero_lr_0"]["input"]["data"] == {"test_data": ["intersection_0.data"]}
    flow.done("job", "dsl", "--cpn-list", kept, "--train-dsl-path", path, "-o", tmp_path)
    (written,) = tmp_path.glob("predict_dsl_*.json")
    assert json.loads(written.read_text()) == said["data"]


def test_job_dsl_of_a_component_that_is_not_there_is_a_printed_no(
    flow: Flow, tmp_path: Path
) -> None:
    path = flow.document("train_dsl.json", training()[0])
    for output in ((), ("-o", tmp_path)):
        no = flow.refused("job", "dsl", "--cpn-list", "ghost_0", "--train-dsl-path", path, *output)
        assert "ghost_0" in no
    assert not list(tmp_path.iterdir())


def test_job_submit_of_a_wrong_conf_names_the_problem_and_the_job(flow: Flow) -> None:
    dsl, conf = training()
    conf["component_parameters"]["common"]["hetero_lr_0"]["penalty"] = "L7"
    said = flow(
        *("job", "submit", "-c", flow.document("wrong.json", conf)),
        *("-d", flow.document("dsl.json", dsl)),
    )
    assert said["retcode"] == 103
    assert "penalty" in said["retmsg"]
    assert said["jobId"]


def test_job_stop_of_an_unknown_job_is_102(flow: Flow) -> None:
    said = flow("job", "stop", "-j", "20990101")
    assert (said["retcode"], said["retmsg"]) == (102, "can not found job")


# --- task ----------------------------------------------------------------------------------------


def test_task_query_prints_the_row_of_a_component(flow: Flow, trained: Trained) -> None:
    (row,) = flow.done("task", "query", *of(trained, "hetero_lr_0"), "-s", "success")["data"]
    assert row["f_task_id"] == f"{trained.job_id}_hetero_lr_0"
    assert (row["f_component_module"], row["f_task_version"]) == ("HeteroLR", 0)


def test_task_query_of_no_task_is_101(flow: Flow, trained: Trained) -> None:
    said = flow("task", "query", "-j", trained.job_id, "-s", "running")
    assert (said["retcode"], said["retmsg"]) == (101, "find task failed")


def test_task_list_prints_as_many_tasks_as_the_limit_says(flow: Flow, trained: Trained) -> None:
    data = flow.done("task", "list", "-l", 3)["data"]
    assert len(data["tasks"]) == 3
    assert data["count"] >= 13


# --- data and table ------------------------------------------------------------------------------


def upload_conf(name: str, **more: Any) -> dict[str, Any]:
    return {
        "file": str(BREAST / "guest.csv"),
        "head": 1,
        "partition": 4,
        "work_mode": 0,
        "namespace": "experiment",
        "table_name": name,
        **more,
    }


def test_data_upload_streams_the_file_and_names_its_job(flow: Flow, server: FlowClient) -> None:
    conf = flow.document("upload.json", upload_conf("streamed"))
    said = flow.done("data", "upload", "-c", conf, "--verbose", "--drop")
    assert server.wait(said["jobId"], timeout_s=WAIT_S) == "success"
    assert said["data"]["table_name"] == "streamed"
    info = flow.done("table", "info", "-n", "experiment", "-t", "streamed")["data"]
    assert (info["exist"], info["count"], info["partition"]) == (1, 569, 4)
    assert info["schema"]["sid"] == "id"
    assert info["schema"]["header"].startswith("y,x0,x1")
    (newest, *_) = flow.done("data", "upload-history", "-l", 1)["data"]
    assert newest[said["jobId"]]["upload_info"]["upload_count"] == 569
    again = flow("data", "upload", "-c", conf)
    assert again["retcode"] == 100
    assert again["retmsg"].startswith("The data table already exists.")
    assert "--drop" in again["retmsg"]
    assert flow.done("table", "delete", "-n", "experiment", "-t", "streamed")["data"] == {
        "table_name": "streamed",
        "namespace": "experiment",
    }
    gone = flow("table", "delete", "-n", "experiment", "-t", "streamed")
    assert (gone["retcode"], gone["retmsg"]) == (101, "no find table")
    info = flow.done("table", "info", "-n", "experiment", "-t", "streamed")["data"]
    assert (info["exist"], info["count"], info["partition"]) == (0, 0, None)


def test_data_upload_of_a_file_at_the_server_names_its_path(flow: Flow, server: FlowClient) -> None:
    conf = flow.document("local.json", upload_conf("at_server", use_local_data=0))
    said = flow.done("data", "upload", "-c", conf, "--drop")
    assert server.wait(said["jobId"], timeout_s=WAIT_S) == "success"
    history = flow.done("data", "upload-history", "-j", said["jobId"])["data"]
    assert [entry[said["jobId"]]["upload_info"]["table_name"] for entry in history] == ["at_server"]


# --- component and tracking ----------------------------------------------------------------------


def test_component_list_prints_the_components_in_dsl_order(flow: Flow, trained: Trained) -> None:
    said = flow.done("component", "list", "-j", trained.job_id)
    assert said["data"]["components"] == list(COMPONENTS)
    assert flow.refused("component", "list", "-j", "20990101") == "No found job"


def test_metrics_are_named_and_printed_with_their_points(flow: Flow, trained: Trained) -> None:
    names = flow.done("component", "metrics", *of(trained, "evaluation_0"))["data"]
    assert {"hetero_lr_0", "hetero_lr_0_roc", "hetero_lr_0_ks_fpr"} <= set(names["train"])
    data = flow.done("component", "metric-all", *of(trained, "evaluation_0"))["data"]
    points = data["train"]["hetero_lr_0"]["data"]
    assert points[0][0] == "auc"
    assert 0.9 < points[0][1] < 1


def test_metrics_of_a_component_without_any_are_no_data(flow: Flow, trained: Trained) -> None:
    said = flow.done("component", "metrics", *of(trained, "data_transform_0"))
    assert (said["data"], said["retmsg"]) == ({}, "no data")


def test_parameters_are_printed_with_defaults_under_both_names(
    flow: Flow, trained: Trained
) -> None:
    data = flow.done("component", "parameters", *of(trained, "hetero_lr_0"))["data"]
    assert data["module"] == "HeteroLR"
    assert data["ComponentParam"]["max_iter"] == 3
    assert data["ComponentParam"]["shuffle"] is True
    assert data["HeteroLogisticParam"] == data["ComponentParam"]


def test_output_data_is_unpacked_as_csv_with_its_header(
    flow: Flow, trained: Trained, tmp_path: Path
) -> None:
    for limit in (10, -1):
        said = flow.done(
            *("component", "output-data", *of(trained, "hetero_lr_0")),
            *("-o", tmp_path / str(limit), "-l", limit),
        )
        folder = Path(said["directory"])
        header = json.loads((folder / "data.meta").read_text())["header"]
        with (folder / "data.csv").open(newline="") as file:
            first, *rows = list(csv.reader(file))
        assert first == header
        assert header[1:] == ["label", "predict_result", "predict_score", "predict_detail", "type"]
        assert len(rows) == (10 if limit == 10 else 569)
        assert json.loads(rows[0][4].replace("'", '"')).keys() == {"0", "1"}


def test_output_data_of_a_component_without_any_is_a_printed_no(
    flow: Flow, trained: Trained, tmp_path: Path
) -> None:
    assert flow.refused("component", "output-data", *of(trained, "evaluation_0"), "-o", tmp_path)


def test_output_data_tables_are_named(flow: Flow, trained: Trained) -> None:
    (row,) = flow.done("component", "output-data-table", *of(trained, "hetero_lr_0"))["data"]
    assert row["data_name"] == "data"
    assert row["table_namespace"] == f"output_data_{trained.job_id}_hetero_lr_0_0"
    info = flow.done("table", "info", "-n", row["table_namespace"], "-t", row["table_name"])
    assert info["data"]["count"] == 569


def test_an_output_model_is_printed_with_all_fields(flow: Flow, trained: Trained) -> None:
    said = flow.done("component", "output-model", *of(trained, "hetero_lr_0"))
    assert len(said["data"]["weight"]) == 10
    assert said["meta"]["module_name"] == "HeteroLR"
    assert said["meta"]["meta_data"]


def test_a_summary_is_printed_or_written_to_a_file(
    flow: Flow, trained: Trained, tmp_path: Path
) -> None:
    said = flow.done("component", "get-summary", *of(trained, "hetero_lr_0"))
    assert len(said["data"]["coef"]) == 10
    assert {"intercept", "is_converged", "one_vs_rest"} <= said["data"].keys()
    flow.done("component", "get-summary", *of(trained, "hetero_lr_0"), "-o", tmp_path)
    (written,) = tmp_path.glob("summary_hetero_lr_0_*.json")
    assert json.loads(written.read_text()) == said["data"]


def test_a_summary_that_is_not_there_is_a_printed_no(
    flow: Flow, trained: Trained, tmp_path: Path
) -> None:
    for output in ((), ("-o", tmp_path)):
        assert flow.refused("component", "get-summary", *of(trained, "reader_0"), *output)
    assert not list(tmp_path.iterdir())


def test_metric_delete_forgets_the_metrics_of_the_job_alone(
    flow: Flow, server: FlowClient, trained: Trained
) -> None:
    dsl, conf = training(max_iter=1)
    job = server.submit(dsl, conf)
    assert server.wait(job, timeout_s=WAIT_S) == "success"
    where = ("-j", job.job_id, *GUEST_SEAT, "-cpn", "evaluation_0")
    assert flow.done("component", "metrics", *where)["data"]
    flow.done("component", "metric-delete", "-j", job.job_id)
    assert flow.done("component", "metrics", *where)["data"] == {}
    flow.done("component", "metric-delete", "-d", "20200101")
    assert flow.done("component", "metrics", *of(trained, "evaluation_0"))["data"]


# --- model and tag -------------------------------------------------------------------------------


def test_a_deployed_model_predicts(
    flow: Flow, server: FlowClient, trained: Trained, tmp_path: Path
) -> None:
    kept = ",".join(COMPONENTS[:-1])
    said = flow.done("model", "deploy", *model(trained), "--cpn-list", kept)
    version = said["data"]["model_version"]
    assert said["retmsg"] == "success"
    assert said["data"]["model_id"] == trained.model_id
    assert version != trained.model_version
    assert said["data"]["detail"]["guest"]["9999"]["retcode"] == 0
    child = ("--model-id", trained.model_id, "--model-version", version)
    flow.done("model", "get-predict-dsl", *child, "-o", tmp_path)
    flow.done("model", "get-predict-conf", *child, "-o", tmp_path)
    (dsl,) = (json.loads(path.read_text()) for path in tmp_path.glob("predict_dsl_*.json"))
    assert set(dsl["components"]) == set(COMPONENTS[:-1])
    (conf,) = (json.loads(path.read_text()) for path in tmp_path.glob("predict_conf_*.json"))
    assert conf["job_parameters"]["common"]["model_version"] == version
    assert conf["initiator"] == {"role": "guest", "party_id": 9999}
    taken = flow.done(
        *("job", "submit"),
        *("-c", flow.document("predict.json", predicting(trained.model_id, version))),
    )
    assert server.wait(taken["jobId"], timeout_s=WAIT_S) == "success"
    where = ("-j", taken["jobId"], *GUEST_SEAT, "-cpn", "hetero_lr_0")
    said = flow.done("component", "output-data", *where, "-o", tmp_path)
    assert len((Path(said["directory"]) / "data.csv").read_text().splitlines()) == 570


def test_an_undeployed_model_does_not_predict(flow: Flow, trained: Trained) -> None:
    conf = predicting(trained.model_id, trained.model_version)
    no = flow.refused("job", "submit", "-c", flow.document("undeployed.json", conf))
    assert "has not been deployed yet" in no


def test_predict_dsl_and_conf_of_an_unknown_model_are_a_printed_no(
    flow: Flow, tmp_path: Path
) -> None:
    for command in ("get-predict-dsl", "get-predict-conf"):
        flow.refused("model", command, "--model-id", "m", "--model-version", "v", "-o", tmp_path)
    assert not list(tmp_path.iterdir())


def test_model_info_is_printed_in_short_and_in_full(flow: Flow, trained: Trained) -> None:
    (row,) = flow.done("model", "get-model-info", *model(trained), *GUEST_SEAT)["data"]
    assert (row["f_model_id"], row["f_model_version"]) == (trained.model_id, trained.model_version)
    assert (row["f_role"], row["f_party_id"]) == ("guest", "9999")
    assert "f_train_dsl" not in row
    rows = flow.done(
        "model", "get-model-info", "--model-version", trained.model_version, "--detail"
    )["data"]
    assert len(rows) == 3
    assert set(rows[0]["f_train_dsl"]["components"]) == set(COMPONENTS)


def test_tags_are_made_put_on_models_renamed_and_removed(flow: Flow, trained: Trained) -> None:
    flow.done("tag", "create", "-t", "good", "-d", "for keeps")
    assert flow.refused("tag", "create", "-t", "good")
    (tag,) = flow.done("tag", "query", "-t", "good")["data"]["tags"]
    assert (tag["name"], tag["description"]) == ("good", "for keeps")
    flow.done("model", "tag-model", "-j", trained.job_id, "-t", "good")
    (listed,) = flow.done("model", "tag-list", "-j", trained.job_id)["data"]["tags"]
    assert listed["name"] == "good"
    models = flow.done("tag", "query", "-t", "good", "--with-model")["data"]["models"]
    assert {row["model_version"] for row in models} == {trained.model_version}
    flow.done("tag", "update", "-t", "good", "--new-tag-name", "better", "--new-tag-desc", "d2")
    assert [t["name"] for t in flow.done("tag", "list", "-l", 1)["data"]["tags"]] == ["better"]
    flow.done("model", "tag-model", "-j", trained.job_id, "-t", "better", "--remove")
    assert flow.done("model", "tag-list", "-j", trained.job_id)["data"]["tags"] == []
    flow.done("tag", "delete", "-t", "better")
    assert flow.refused("tag", "query", "-t", "better")
