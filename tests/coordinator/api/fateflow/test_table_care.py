"""Tables that are bound to files, copied, written, disabled, described; where they come from."""

import io
import tarfile
import urllib.request
from typing import Any

import pytest

from coordinator.client import FlowError
from federation.spec.orders import Reason

TABLE = {"namespace": "care", "name": "rows"}
FILE = {"engine": "PATH", "address": {"path": "/data/rows.csv"}, "head": 1, "partitions": 2}


@pytest.fixture
def bound(live: Any) -> Any:
    """A table that party 0 has."""
    live.client.ask("table/bind", {**TABLE, **FILE, "drop": 1})
    live.agents.changed.clear()
    yield live
    live.client.call("table/delete", TABLE)


def test_a_file_of_the_party_is_a_table_when_the_answer_comes(live: Any) -> None:
    said = live.client.call("table/add", {**TABLE, **FILE, "drop": 1})
    assert (said["retcode"], said["retmsg"]) == (0, "success")
    assert said["data"] == {"table_name": "rows", "namespace": "care"}
    job = live.client.ask("data/upload/history", {"limit": 1})[0]
    (told,) = job.values()
    assert (told["upload_info"]["table_name"], told["upload_info"]["partition"]) == ("rows", 2)


def test_a_bound_table_is_replaced_only_where_drop_says_so(bound: Any) -> None:
    assert bound.client.call("table/bind", {**TABLE, **FILE})["retcode"] == 100
    assert bound.client.call("table/bind", {**TABLE, **FILE, "drop": 1})["retcode"] == 0


def test_a_file_that_is_no_table_is_told_by_its_reason(live: Any) -> None:
    live.agents.failing["upload_0"] = Reason(code="ragged_rows", message="line 2 has 3 values")
    said = live.client.call("table/bind", {**TABLE, **FILE, "drop": 1})
    assert said["retcode"] == 100
    assert "line 2 has 3 values" in said["retmsg"]


@pytest.mark.parametrize("engine", ["MYSQL", "HIVE", "EGGROLL"])
def test_storage_that_no_party_has_is_refused_by_name(live: Any, engine: str) -> None:
    asked = {**TABLE, **FILE, "engine": engine}
    assert engine in live.client.call("table/add", asked)["retmsg"]
    connector = {"connector_name": "c", "engine": engine, "connector_info": {"path": "/"}}
    assert engine in live.client.call("table/connector/create", connector)["retmsg"]


def test_a_connector_names_a_folder_and_nothing_outside_it(live: Any) -> None:
    info = {"path": "/data/in/"}
    made = {"connector_name": "inbox", "engine": "LOCALFS", "connector_info": info}
    live.client.ask("table/connector/create", made)
    found = live.client.ask("table/connector/query", {"connector_name": "inbox"})
    assert found == {"connector_name": "inbox", "engine": "LOCALFS", "connector_info": info}
    for path in ("/etc/passwd", "../secret.csv", "a/../../b.csv"):
        address = {"connector_name": "inbox", "path": path}
        said = live.client.call("table/bind", {**TABLE, **FILE, "address": address, "drop": 1})
        assert "below its folder" in said["retmsg"]
    address = {"connector_name": "inbox", "path": "a/b.csv"}
    live.client.ask("table/bind", {**TABLE, **FILE, "address": address, "drop": 1})
    assert live.client.call("table/connector/query", {"connector_name": "x"})["retcode"] == 101


def test_a_disabled_table_is_read_by_no_job_until_it_is_enabled(
    live: Any, lr_dsl: Any, lr_conf: Any
) -> None:
    reader = lr_conf["component_parameters"]["role"]["guest"]["0"]["reader_0"]["table"]
    asked = {**reader, "party_id": 9999, "file": "x.csv", "head": 1, "partition": 1, "drop": 1}
    job = live.client.call("data/upload", {**asked, "table_name": reader["name"]})["jobId"]
    live.client.wait(job, timeout_s=20)
    live.client.ask("table/bind", {**reader, **FILE, "party_id": 9999, "drop": 1})
    try:
        assert live.client.ask("table/disable", reader)
        assert live.client.ask("table/table_info", reader)["enable"] is False
        with pytest.raises(FlowError, match=r"reader_0.*party 9999 is disabled: see table/enable"):
            live.client.submit(lr_dsl, lr_conf)
    finally:
        live.client.ask("table/enable", reader)
    assert live.client.ask("table/table_info", reader)["enable"] is True
    live.client.submit(lr_dsl, lr_conf)
    live.client.ask("table/delete", reader)


def test_disabled_tables_are_deleted_together(bound: Any) -> None:
    bound.client.ask("table/disable", TABLE)
    gone = bound.client.ask("table/disable/delete")
    assert {"table_name": "rows", "namespace": "care"} in gone
    assert bound.client.call("table/disable/delete")["retcode"] == 101


@pytest.mark.parametrize("path", ["table/disable", "table/enable"])
def test_a_table_nobody_has_can_not_be_disabled(live: Any, path: str) -> None:
    said = live.client.call(path, {"namespace": "no", "name": "such"})
    assert (said["retcode"], said["retmsg"]) == (101, "no find table")


def test_a_schema_is_changed_at_the_party(bound: Any) -> None:
    schema = {"header": "label,x1"}
    said = bound.client.ask("table/schema/update", {**TABLE, "schema": schema})
    assert said["sid"] == "id"
    assert bound.agents.changed == [("0", "set_schema", {**TABLE, "schema": schema})]


def test_a_table_is_kept_under_another_name(bound: Any) -> None:
    target = {"output_namespace": "care", "output_name": "copy"}
    said = bound.client.call("data/writer", {**TABLE, **target})
    assert said["retcode"] == 0
    assert bound.client.wait(said["jobId"], timeout_s=5) == "success"
    assert [method for _, method, _ in bound.agents.changed] == ["copy_table"]
    rows = bound.client.ask("job/query", {"job_id": said["jobId"], "role": "local"})
    assert rows[0]["f_status"] == "success"
    assert bound.client.ask("table/delete", {"namespace": "care", "name": "copy"})


def test_a_table_is_written_into_a_file_of_its_party(bound: Any) -> None:
    asked = {**TABLE, "output_path": "/data/out.csv", "delimiter": ";"}
    said = bound.client.call("data/download", asked)
    assert (said["retcode"], said["data"]["job_id"]) == (0, said["jobId"])
    written = {**TABLE, "path": "/data/out.csv", "delimiter": ";"}
    assert bound.agents.changed == [("0", "write_csv", written)]
    engine = {"storage_engine": "LOCALFS", "address": {"path": "/data/out2.csv"}}
    assert bound.client.call("data/writer", {**TABLE, **engine})["retcode"] == 0
    other = bound.client.call("data/writer", {**TABLE, "storage_engine": "MYSQL"})
    assert "MYSQL" in other["retmsg"]


def test_an_output_comes_from_what_its_job_read(live: Any, done_job: str, lr_conf: Any) -> None:
    asked = {"job_id": done_job, "component_name": "hetero_lr_0", "role": "guest", "party_id": 9999}
    (output,) = live.client.ask("tracking/component/output/data/table", asked)
    made = {"namespace": output["table_namespace"], "name": output["table_name"]}
    (row,) = live.client.ask("table/tracking/source", made)
    read = lr_conf["component_parameters"]["role"]["guest"]["0"]["reader_0"]["table"]
    assert (row["source_table_name"], row["source_table_namespace"]) == (
        read["name"],
        read["namespace"],
    )
    assert "intersection_0" in row["parent_table_namespace"]
    jobs = live.client.ask("table/tracking/job", read)
    assert done_job in jobs["job"]
    assert jobs["count"] == len(jobs["job"])


def test_an_uploaded_table_comes_from_none(bound: Any) -> None:
    assert bound.client.call("table/tracking/source", TABLE)["data"] == []
    unknown = bound.client.call("table/tracking/source", {"namespace": "no", "name": "such"})
    assert unknown["retcode"] == 101


def test_examples_can_be_fetched_with_and_without_their_data(live: Any) -> None:
    names = []
    for flag in ("1", "0"):
        url = f"{live.url}/v1/template/download"
        request = urllib.request.Request(url, data=f'{{"min_data": {flag}}}'.encode())
        with urllib.request.urlopen(request, timeout=20) as answer:
            packed = io.BytesIO(answer.read())
        with tarfile.open(fileobj=packed) as tar:
            names.append(set(tar.getnames()))
    with_data, without = names
    assert "examples/hetero_lr/dsl.json" in without
    assert without < with_data
    assert all(name.endswith(".csv") for name in with_data - without)


def test_logs_are_where_their_party_is(live: Any, done_job: str) -> None:
    said = live.client.ask("job/log/path", {"job_id": done_job, "role": "host"})
    assert said == {"logs_directory": f"logs/{done_job}/host/10000", "party_id": "10000"}
