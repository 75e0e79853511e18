"""Bad input gets a clear answer in FATE's envelope, and the daemon lives."""

import copy
import http.client
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from coordinator.client import FlowClient, FlowError
from examples.running import Standalone
from tests.together.parts import BREAST, DEADLINE_S, Job, example


@pytest.fixture(autouse=True)
def the_daemon_lives(running: Standalone) -> Any:
    yield
    assert running.process is not None
    assert running.process.poll() is None
    assert FlowClient(running.url).ask("version/get")["FATE"]


def raw_submit(running: Standalone, body: bytes) -> dict[str, Any]:
    parts = urlsplit(running.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    connection.request("POST", "/v1/job/submit", body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    assert response.status == 200
    return dict(json.loads(response.read()))


def refusal(client: FlowClient, job: Job) -> str:
    answer = client.call("job/submit", {"job_dsl": job[0], "job_runtime_conf": job[1]})
    assert answer["retcode"] == 103, answer
    return str(answer["retmsg"])


def test_broken_json_is_told_with_its_place(running: Standalone) -> None:
    answer = raw_submit(running, b'{"job_dsl": {,}}')
    assert answer["retcode"] != 0
    assert "line 1, column 14" in answer["retmsg"]


def test_ten_thousand_levels_are_too_deep(running: Standalone) -> None:
    deep = b'{"a":' * 10_000 + b"1" + b"}" * 10_000
    answer = raw_submit(running, b'{"job_runtime_conf": %s}' % deep)
    assert answer["retcode"] != 0
    assert "nested deeper" in answer["retmsg"]


def changed(change: Callable[[dict[str, Any], dict[str, Any]], None]) -> Job:
    dsl, conf = copy.deepcopy(example("hetero_lr"))
    change(dsl["components"], conf)
    return dsl, conf


def unknown_module(dsl: dict[str, Any], conf: dict[str, Any]) -> None:
    dsl["hetero_lr_0"]["module"] = "HeteroRL"


def unknown_field(dsl: dict[str, Any], conf: dict[str, Any]) -> None:
    conf["component_parameters"]["common"]["hetero_lr_0"]["learning_rat"] = 1


def loop(dsl: dict[str, Any], conf: dict[str, Any]) -> None:
    dsl["data_transform_0"]["input"]["data"]["data"] = ["intersection_0.data"]


def no_such_role(dsl: dict[str, Any], conf: dict[str, Any]) -> None:
    conf["role"]["hots"] = [10000]


def no_arbiter(dsl: dict[str, Any], conf: dict[str, Any]) -> None:
    del conf["role"]["arbiter"]


def missing_table(dsl: dict[str, Any], conf: dict[str, Any]) -> None:
    conf["component_parameters"]["role"]["host"]["0"]["reader_0"]["table"]["name"] = "nobody"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (unknown_module, ("HeteroRL", "did you mean", "HeteroLR")),
        (unknown_field, ("learning_rat", "did you mean", "learning_rate")),
        (loop, ("loop", "data_transform_0", "intersection_0")),
        (no_such_role, ("hots", "host")),
        (no_arbiter, ("HeteroLR", "arbiter")),
        (missing_table, ("breast.nobody", "does not exist", "10000")),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_wrong_job_is_refused_with_the_reason(
    client: FlowClient, change: Callable[..., None], words: tuple[str, ...]
) -> None:
    said = refusal(client, changed(change))
    assert [word for word in words if word not in said] == [], said


def test_all_problems_come_at_once(client: FlowClient) -> None:
    def all_of_them(dsl: dict[str, Any], conf: dict[str, Any]) -> None:
        unknown_field(dsl, conf)
        unknown_module(dsl, conf)
        conf["component_parameters"]["common"]["evaluation_0"]["eval_type"] = "binry"

    said = refusal(client, changed(all_of_them))
    assert "HeteroRL" in said
    assert "binry" in said


CSV_FAULTS = {
    "header_only": ("id,y,x0\n", "row"),
    "empty": ("", "empty"),
    "ragged": ("id,y,x0\n1,0,2\n2,1\n", "3"),
    "not_text": ("id,y,x0\n1,0,\udcff\n", "UTF-8"),
}


@pytest.mark.parametrize("fault", CSV_FAULTS)
def test_a_file_that_is_no_table_fails_the_upload_with_the_reason(
    client: FlowClient, tmp_path: Path, fault: str
) -> None:
    content, word = CSV_FAULTS[fault]
    file = tmp_path / "bad.csv"
    file.write_bytes(content.encode(errors="surrogateescape"))
    taken = client.upload(file, namespace="bad", name=fault, party_id=9999)
    assert client.wait(taken, timeout_s=DEADLINE_S) == "failed"
    why = client.ask("tripact/job/why", {"job_id": taken.job_id})
    assert word.lower() in why["reason"]["message"].lower(), why
    assert client.table("bad", fault)["exist"] == 0


def test_an_absent_file_is_told(client: FlowClient) -> None:
    answer = client.call(
        "data/upload",
        {
            "file": "/nowhere/at/all.csv",
            "namespace": "bad",
            "table_name": "absent",
            "head": 1,
            "partition": 1,
            "use_local_data": 0,
        },
    )
    if answer["retcode"] == 0:
        assert client.wait(answer["jobId"], timeout_s=DEADLINE_S) == "failed"
        answer = client.ask("tripact/job/why", {"job_id": answer["jobId"]})["reason"]
    assert "all.csv" in json.dumps(answer)


def test_a_table_that_exists_is_not_overwritten(client: FlowClient) -> None:
    with pytest.raises(FlowError, match="The data table already exists") as refused:
        client.upload(BREAST / "guest.csv", namespace="breast", name="guest", party_id=9999)
    assert "--drop" in str(refused.value)
    assert refused.value.retcode == 100


def job_over(client: FlowClient, tmp_path: Path, name: str, content: str) -> dict[str, Any]:
    """Why a job whose guest has this table fails."""
    file = tmp_path / f"{name}.csv"
    file.write_text(content)
    upload = client.upload(file, namespace="bad", name=name, party_id=9999, drop=True)
    assert client.wait(upload, timeout_s=DEADLINE_S) == "success"
    dsl, conf = copy.deepcopy(example("hetero_lr"))
    guest = conf["component_parameters"]["role"]["guest"]["0"]
    guest["reader_0"]["table"] = {"namespace": "bad", "name": name}
    taken = client.submit(dsl, conf)
    assert client.wait(taken, timeout_s=DEADLINE_S) == "failed"
    return dict(client.ask("tripact/job/why", {"job_id": taken.job_id}))


def test_duplicate_ids_are_told(client: FlowClient, tmp_path: Path) -> None:
    lines = (BREAST / "guest.csv").read_text().splitlines()
    why = job_over(client, tmp_path, "twice", "\n".join([*lines, lines[1]]) + "\n")
    assert why["failed"][0]["component"] == "intersection_0"
    assert "repeat an id" in why["reason"]["message"]
    assert lines[1].split(",")[2] not in json.dumps(why)


def test_a_label_that_is_no_number_is_told(client: FlowClient, tmp_path: Path) -> None:
    lines = (BREAST / "guest.csv").read_text().splitlines()
    cells = lines[1].split(",")
    blank = ",".join([cells[0], "", *cells[2:]])
    why = job_over(client, tmp_path, "nan", "\n".join([lines[0], blank, *lines[2:]]) + "\n")
    assert "label" in why["reason"]["message"].lower()
    assert "9999" in json.dumps(why)
