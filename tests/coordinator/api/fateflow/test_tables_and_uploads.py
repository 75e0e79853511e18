"""Uploads and tables, as FATE's clients of all generations ask for them."""

import http.client
import json
import zlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import pytest

CSV = b"id,y,x0\n1,0,0.5\n"
FORM = (
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="d.csv"\r\n'
    b"Content-Type: application/octet-stream\r\n\r\n" + CSV + b"\r\n--b--\r\n"
)


@pytest.fixture
def conf(request: pytest.FixtureRequest) -> dict[str, Any]:
    """An upload conf whose table no other test has."""
    name = f"t{zlib.crc32(request.node.name.encode())}"
    return {"file": "/w/d.csv", "head": 1, "partition": 4, "namespace": "exp", "table_name": name}


def send(live: Any, query: str, content: bytes = FORM) -> dict[str, Any]:
    parts = urlsplit(live.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    try:
        connection.request("POST", f"/v1/data/upload{query}", content, headers)
        answer: dict[str, Any] = json.loads(connection.getresponse().read())
        return answer
    finally:
        connection.close()


def as_key(conf: dict[str, Any]) -> str:
    return "?" + quote(json.dumps(conf))


def test_an_upload_of_the_newest_form_becomes_a_table(live: Any, conf: Any) -> None:
    answer = send(live, as_key({**conf, "drop": 0, "verbose": 0}))
    assert (answer["retcode"], answer["retmsg"]) == (0, "success")
    assert live.client.wait(answer["jobId"], timeout_s=20) == "success"
    assert live.agents.tables[("exp", conf["table_name"])] == CSV
    assert set(answer["data"]["model_info"]) == {"model_id", "model_version"}


def test_its_progress_is_asked_for_by_role_local(live: Any, conf: Any) -> None:
    answer = send(live, as_key(conf))
    body = {"job_id": answer["jobId"], "role": "local", "party_id": 0, "local": {"role": "local"}}
    (row,) = live.client.ask("job/query", body)
    assert (row["f_role"], row["f_party_id"]) == ("local", "0")


def test_an_upload_of_fate_1_4_comes_as_arguments(live: Any, conf: Any) -> None:
    query = urlencode({**conf, "work_mode": 0, "function": "upload", "drop": 1})
    answer = send(live, f"?{query}")
    assert live.client.wait(answer["jobId"], timeout_s=20) == "success"
    assert live.agents.tables[("exp", conf["table_name"])] == CSV


def test_an_upload_by_server_path_is_json(live: Any, conf: Any) -> None:
    answer = live.client.call("data/upload", {**conf, "use_local_data": 0})
    assert live.client.wait(answer["jobId"], timeout_s=20) == "success"


def test_a_party_may_be_named(live: Any, conf: Any) -> None:
    answer = send(live, as_key({**conf, "party_id": "9999"}))
    (row,) = live.client.ask("job/query", {"job_id": answer["jobId"]})
    assert (row["f_role"], row["f_party_id"]) == ("local", "9999")


@pytest.mark.parametrize("drop", [None, 0, 2, "2", False])
def test_a_table_is_not_replaced_unasked(live: Any, conf: Any, drop: Any) -> None:
    live.client.wait(send(live, as_key(conf))["jobId"], timeout_s=20)
    answer = send(live, as_key({**conf, **({} if drop is None else {"drop": drop})}))
    assert answer["retcode"] == 100
    assert answer["retmsg"].startswith("The data table already exists")
    assert "--drop" in answer["retmsg"]


@pytest.mark.parametrize("drop", [1, "1", True])
def test_a_table_is_replaced_when_asked(live: Any, conf: Any, drop: Any) -> None:
    for _ in range(2):
        answer = send(live, as_key({**conf, "drop": drop}))
        assert live.client.wait(answer["jobId"], timeout_s=20) == "success"


@pytest.mark.parametrize("name", ["namespace", "table_name", "head", "partition"])
def test_what_an_upload_lacks_is_named(live: Any, conf: Any, name: str) -> None:
    del conf[name]
    answer = send(live, as_key(conf))
    assert answer["retcode"] == 101
    assert answer["retmsg"].startswith(f"required parameters are missing: {name}")


def test_an_upload_without_a_file_says_so(live: Any, conf: Any) -> None:
    answer = send(live, as_key(conf), b"--b--\r\n")
    assert answer["retcode"] == 101
    assert "no part `file`" in answer["retmsg"]
    del conf["file"]
    assert "file" in live.client.call("data/upload", conf)["retmsg"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"partition": "many"},
        {"head": "perhaps"},
        {"drop": 3},
        {"party_id": []},
        {"role": "gest"},
        {"namespace": {}},
        {"extend_sid": "x"},
    ],
)
def test_an_upload_of_wrong_kinds_is_refused(live: Any, conf: Any, wrong: Any) -> None:
    answer = send(live, as_key({**conf, **wrong}))
    assert answer["retcode"] == 101
    assert next(iter(wrong)) in answer["retmsg"]


def test_a_party_that_is_not_there_takes_no_table(live: Any, conf: Any) -> None:
    answer = send(live, as_key({**conf, "party_id": 31337}))
    assert answer["retcode"] == 100
    assert "31337" in answer["retmsg"]


def test_a_table_is_told_with_its_count(live: Any, conf: Any) -> None:
    live.client.wait(send(live, as_key(conf))["jobId"], timeout_s=20)
    body = {"namespace": "exp", "table_name": conf["table_name"], "party_id": 0, "create": False}
    data = live.client.ask("table/table_info", body)
    assert (data["exist"], data["count"], data["partition"]) == (1, 3, 4)
    assert data["schema"]["header"] == "y,x0"
    assert data["schema"]["sid"] == "id"
    by_name = live.client.ask("table/table_info", {**body, "name": conf["table_name"]})
    assert by_name["count"] == 3


@pytest.mark.parametrize(
    "body", [{"namespace": "n", "table_name": "t"}, {"namespace": None, "name": "t"}]
)
def test_a_table_that_nobody_has_is_no_error(live: Any, body: Any) -> None:
    data = live.client.ask("table/table_info", body)
    assert (data["exist"], data["count"], data["table_name"]) == (0, 0, "t")
    assert {data[name] for name in ("partition", "schema", "enable", "origin")} == {None}


def test_the_history_has_uploads_newest_first_and_no_more_than_asked(live: Any, conf: Any) -> None:
    first = send(live, as_key(conf))["jobId"]
    live.client.wait(first, timeout_s=20)
    second = send(live, as_key({**conf, "drop": 1}))["jobId"]
    live.client.wait(second, timeout_s=20)
    told = live.client.ask("data/upload/history", {"limit": 2})
    assert [list(entry) for entry in told] == [[second], [first]]
    info = told[0][second]
    assert info["upload_info"] == {
        "table_name": conf["table_name"],
        "namespace": "exp",
        "partition": 4,
        "upload_count": 3,
    }
    assert info["schema"]["header"] == "y,x0"
    assert live.client.ask("data/upload/history", {"job_id": first}) == told[1:]


def test_outputs_of_a_job_may_be_cleaned_twice(live: Any, lr_dsl: Any, lr_conf: Any) -> None:
    job = live.client.submit(lr_dsl, lr_conf)
    live.client.wait(job, timeout_s=20)
    for _ in range(2):
        assert live.client.call("job/clean", {"job_id": job.job_id})["retmsg"] == "success"
    assert live.client.call("table/delete", {"job_id": job.job_id})["retcode"] == 101


def test_outputs_of_a_job_are_deleted_once(live: Any, lr_dsl: Any, lr_conf: Any) -> None:
    job = live.client.submit(lr_dsl, lr_conf)
    live.client.wait(job, timeout_s=20)
    assert live.client.call("table/delete", {"job_id": job.job_id})["retcode"] == 0
    again = live.client.call("table/delete", {"job_id": job.job_id})
    assert (again["retcode"], again["retmsg"]) == (101, "no find table")


def test_deleting_no_table_has_fates_words(live: Any) -> None:
    answer = live.client.call("table/delete", {"namespace": "n", "table_name": "t"})
    assert (answer["retcode"], answer["retmsg"]) == (101, "no find table")


@pytest.fixture
def slow_upload(live: Any) -> Iterator[http.client.HTTPConnection]:
    parts = urlsplit(live.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
    yield connection
    connection.close()


def test_an_upload_that_breaks_off_makes_no_table(
    live: Any, conf: Any, slow_upload: http.client.HTTPConnection
) -> None:
    slow_upload.request(
        "POST",
        f"/v1/data/upload{as_key(conf)}",
        FORM[:-20],
        {"Content-Type": "multipart/form-data; boundary=b"},
    )
    answer = json.loads(slow_upload.getresponse().read())
    assert answer["retcode"] == 100
    assert "broke off" in answer["retmsg"]
    assert ("exp", conf["table_name"]) not in live.agents.tables
