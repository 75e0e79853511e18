"""Requests of FATE's old client (1.2 and 1.4), word for word."""

import http.client
import io
import json
import tarfile
from copy import deepcopy
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from coordinator.client import FlowClient
from tests.clients.jobs import WAIT_S
from tests.together.parts import BREAST, example

LOCAL = {"party_id": "9999", "role": "guest"}
CSV = BREAST / "guest.csv"


def ask(server: FlowClient, method: str, path: str, body: bytes, kind: str) -> tuple[int, bytes]:
    parts = urlsplit(server.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=WAIT_S)
    try:
        connection.request(method, f"/v1/{path}", body, {"Content-Type": kind})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def get_file(server: FlowClient, path: str, body: dict[str, Any]) -> dict[str, bytes]:
    """The files of an archive that a GET with a JSON body brings."""
    content = json.dumps(body).encode()
    status, archive = ask(server, "GET", path, content, "application/json")
    assert status == 200, archive
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
        files = [(info.name, tar.extractfile(info)) for info in tar if info.isfile()]
        return {name: file.read() for name, file in files if file}


@pytest.fixture(scope="module")
def old_job(server: FlowClient) -> dict[str, Any]:
    """`-f submit_job` of a conf in DSL version 1; the answer, once the job has ended well."""
    dsl, conf = deepcopy(example("hetero_lr_v1"))
    conf["algorithm_parameters"]["hetero_lr_0"]["max_iter"] = 2
    noise = {"config": "/w/conf.json", "dsl": "/w/dsl.json", "function": "submit_job"}
    taken = server.call("job/submit", {"job_dsl": dsl, "job_runtime_conf": {**conf, **noise}})
    assert (taken["retcode"], taken["retmsg"]) == (0, "success")
    assert server.wait(taken["jobId"], timeout_s=WAIT_S) == "success"
    return taken


def named(old_job: dict[str, Any], function: str, component: str = "") -> dict[str, Any]:
    """What the old client sends of a seat."""
    body = {"function": function, "job_id": old_job["jobId"], **LOCAL, "local": LOCAL}
    return {**body, "component_name": component} if component else body


def test_a_job_of_version_1_is_queried_and_its_config_is_told(
    server: FlowClient, old_job: dict[str, Any]
) -> None:
    (row,) = server.ask("job/query", named(old_job, "query_job"))
    assert (row["f_status"], row["f_party_id"]) == ("success", "9999")
    config = server.ask("job/config", {**named(old_job, "job_config"), "output_path": "/w/out"})
    assert config["model_info"] == old_job["data"]["model_info"]
    running = server.ask("job/query", {"function": "query_job", "status": "running"})
    assert old_job["jobId"] not in {row["f_job_id"] for row in running}


def test_a_model_of_version_1_predicts_at_once(server: FlowClient, old_job: dict[str, Any]) -> None:
    _, conf = deepcopy(example("hetero_lr_v1"))
    conf["job_parameters"] |= {"job_type": "predict", **old_job["data"]["model_info"]}
    del conf["algorithm_parameters"]
    for role in ("guest", "host"):
        data = conf["role_parameters"][role]["args"]["data"]
        conf["role_parameters"][role] = {"args": {"data": {"eval_data": data["train_data"]}}}
    runtime = {**conf, "config": "/w/conf.json", "function": "submit_job"}
    taken = server.call("job/submit", {"job_dsl": {}, "job_runtime_conf": runtime})
    assert server.wait(taken["jobId"], timeout_s=WAIT_S) == "success"


def test_logs_and_rows_come_by_get_with_a_body(server: FlowClient, old_job: dict[str, Any]) -> None:
    logs = get_file(server, "job/log", named(old_job, "job_log"))
    assert {"guest/9999/INFO.log", "host/10000/INFO.log"} <= logs.keys()
    rows = get_file(
        server,
        "tracking/component/output/data/download",
        named(old_job, "component_output_data", "hetero_lr_0"),
    )
    (table,) = (content for name, content in rows.items() if name.endswith(".csv"))
    assert len(table.splitlines()) == 570


def test_what_a_component_has_is_told(server: FlowClient, old_job: dict[str, Any]) -> None:
    parameters = named(old_job, "component_parameters", "hetero_lr_0")
    told = server.ask("tracking/component/parameters", parameters)
    assert told["HeteroLogisticParam"]["max_iter"] == 2
    evaluation = named(old_job, "component_metrics", "evaluation_0")
    assert "hetero_lr_0" in server.ask("tracking/component/metrics", evaluation)["train"]
    everything = server.ask("tracking/component/metric/all", evaluation)
    assert everything["train"]["hetero_lr_0"]["data"][0][0] == "auc"
    trained = named(old_job, "component_output_model", "hetero_lr_0")
    assert len(server.ask("tracking/component/output/model", trained)["weight"]) == 10
    (table,) = server.ask("tracking/component/output/data/table", trained)
    assert table["table_namespace"].startswith(f"output_data_{old_job['jobId']}")
    view = {"function": "data_view_query", "job_id": old_job["jobId"], "role": "guest"}
    rows = server.ask("job/data/view/query", view)
    made = {row["f_component_name"] for row in rows}
    assert {"dataio_0", "intersection_0", "hetero_lr_0"} <= made
    (task,) = server.ask("job/task/query", {**view, "component_name": "dataio_0"})
    assert task["f_status"] == "success"


@pytest.mark.parametrize("form", ["1.2", "1.4"])
def test_an_upload_comes_as_a_path_or_as_arguments_of_text(
    server: FlowClient, form: str, tmp_path: Path
) -> None:
    name = f"old_{form.replace('.', '_')}"
    conf = {"file": str(CSV), "head": 1, "partition": 4, "work_mode": 0}
    conf |= {"namespace": "experiment", "table_name": name, "function": "upload", "drop": 1}
    if form == "1.2":
        taken = server.call("data/upload", conf)
    else:
        head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="d.csv"\r\n\r\n'
        content = head + CSV.read_bytes() + b"\r\n--b--\r\n"
        path = f"data/upload?{urlencode(conf)}"
        _, said = ask(server, "POST", path, content, "multipart/form-data; boundary=b")
        taken = json.loads(said)
    assert taken["retcode"] == 0, taken
    assert server.wait(taken["jobId"], timeout_s=WAIT_S) == "success"
    asked = {"function": "table_info", "namespace": "experiment", "table_name": name}
    assert server.ask("table/table_info", asked)["count"] == 569
    (newest,) = server.ask("data/upload/history", {"function": "upload_history", "limit": 1})
    assert newest[taken["jobId"]]["upload_info"]["table_name"] == name
    gone = server.call("table/delete", {**asked, "function": "table_delete"})
    assert (gone["retcode"], gone["retmsg"]) == (0, "success")


def test_privileges_of_a_role_are_granted_told_and_taken_back(server: FlowClient) -> None:
    source = {"src_party_id": "10001", "src_role": "guest"}
    grant = {"function": "grant_privilege", **source, "privilege_role": "all"}
    assert server.call("permission/grant/privilege", grant)["retcode"] == 0
    told = server.ask("permission/query/privilege", {"function": "query_privilege", **source})
    assert told["role"]
    assert server.call("permission/delete/privilege", grant)["retcode"] == 0
    told = server.ask("permission/query/privilege", {"function": "query_privilege", **source})
    assert told["role"] == []


def test_a_job_is_cleaned_stopped_and_the_queue_emptied(
    server: FlowClient, old_job: dict[str, Any]
) -> None:
    stop = {"function": "stop_job", "job_id": old_job["jobId"]}
    assert server.call("job/stop", stop)["retcode"] == 0
    assert server.call("job/clean/queue", {"function": "clean_queue"})["retcode"] == 0
    assert server.ask("job/query", {"status": "waiting"}) == []
