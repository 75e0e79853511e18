"""`flow` of fate-client 1.11.3 on what stands around jobs: tables, rights, keys, the server."""

import csv
from pathlib import Path

import pytest

from coordinator.client import FlowClient
from tests.clients.flow import Flow, Trained
from tests.clients.jobs import WAIT_S
from tests.together.parts import BREAST

pytestmark = pytest.mark.parametrize("flow", ["fate-client-1.11.3"], indirect=True)


# --- tables --------------------------------------------------------------------------------------


def test_a_file_at_the_party_is_bound_as_a_table_twice_and_added_once(flow: Flow) -> None:
    conf = {
        "engine": "PATH",
        "name": "bound",
        "namespace": "files",
        "address": {"path": str(BREAST / "guest.csv")},
        "head": 1,
        "id_delimiter": ",",
        "partitions": 2,
    }
    path = flow.document("table.json", conf)
    for _ in range(2):
        said = flow.done("table", "bind", "-c", path, "--drop")
        assert said["data"] == {"table_name": "bound", "namespace": "files"}
        assert said["retmsg"] == "success"
    assert "already exists" in flow.refused("table", "add", "-c", path)
    assert flow.done("table", "info", "-n", "files", "-t", "bound")["data"]["count"] == 569


def test_a_disabled_table_is_enabled_or_deleted(flow: Flow, server: FlowClient) -> None:
    job = server.upload(
        BREAST / "host.csv", namespace="files", name="state", party_id=10000, drop=True
    )
    assert server.wait(job, timeout_s=WAIT_S) == "success"
    named = ("-n", "files", "-t", "state")
    for command in ("disable", "enable", "disable"):
        (table,) = flow.done("table", command, *named)["data"]
        assert table == {"table_name": "state", "namespace": "files"}
    assert flow.done("table", "disable-delete")["data"] == [table]
    assert flow.refused("table", "disable-delete") == "no find table"
    assert flow.done("table", "info", *named)["data"]["exist"] == 0


def test_a_connector_is_kept_and_told(flow: Flow) -> None:
    conf = {"connector_name": "inbox", "engine": "PATH", "connector_info": {"path": "/srv/in"}}
    flow.done("table", "connector-create", "-c", flow.document("connector.json", conf))
    assert flow.done("table", "connector-query", "--connector-name", "inbox")["data"] == conf
    mysql = flow.document("mysql.json", {**conf, "engine": "MYSQL"})
    assert "MYSQL" in flow.refused("table", "connector-create", "-c", mysql)


def test_a_table_is_tracked_to_its_sources_and_its_jobs(flow: Flow, trained: Trained) -> None:
    named = ("-n", "breast", "-t", "guest")
    assert flow.done("table", "tracking-source", *named)["data"] == []
    data = flow.done("table", "tracking-job", *named)["data"]
    assert trained.job_id in data["job"]
    assert data["count"] == len(data["job"])


# --- data ----------------------------------------------------------------------------------------


def test_a_table_is_downloaded_into_a_file_at_its_party(
    flow: Flow, server: FlowClient, tmp_path: Path
) -> None:
    target = tmp_path / "out.csv"
    conf = {"output_path": str(target), "namespace": "breast", "table_name": "guest"}
    said = flow.done("data", "download", "-c", flow.document("download.json", conf))
    assert server.wait(said["jobId"], timeout_s=WAIT_S) == "success"
    with target.open(newline="") as file:
        rows = list(csv.reader(file))
    assert (rows[0][:2], len(rows)) == (["id", "y"], 570)


def test_a_table_is_written_under_another_name_and_to_no_database(
    flow: Flow, server: FlowClient
) -> None:
    conf = {"namespace": "breast", "table_name": "guest"}
    copy = {**conf, "output_namespace": "files", "output_name": "copy"}
    said = flow.done("data", "writer", "-c", flow.document("writer.json", copy))
    assert server.wait(said["jobId"], timeout_s=WAIT_S) == "success"
    assert flow.done("table", "info", "-n", "files", "-t", "copy")["data"]["count"] == 569
    mysql = {**conf, "storage_engine": "MYSQL", "address": {"host": "db"}}
    assert "MYSQL" in flow.refused("data", "writer", "-c", flow.document("mysql.json", mysql))


# --- rights and keys -----------------------------------------------------------------------------


def test_privileges_are_granted_told_and_taken_back(flow: Flow) -> None:
    conf = flow.document("privilege.json", {"party_id": "10001", "component": "reader,dataio"})
    assert flow.done("privilege", "grant", "-c", conf)["retmsg"] == "success"
    said = flow.done("privilege", "query", "-p", 10001)
    assert said["data"] == {"component": ["dataio", "reader"], "dataset": []}
    flow.done("privilege", "delete", "-c", conf)
    said = flow.done("privilege", "query", "-p", 10001)
    assert said["data"] == {"component": [], "dataset": []}


def test_keys_are_saved_told_and_deleted(flow: Flow) -> None:
    conf = flow.document("key.json", {"party_id": "10001", "key": "-----BEGIN-----"})
    flow.done("key", "save", "-c", conf)
    assert flow.done("key", "query", "-p", 10001)["data"] == "-----BEGIN-----"
    flow.done("key", "delete", "-p", 10001)
    assert flow.refused("key", "query", "-p", 10001)


# --- resources, the server, templates ------------------------------------------------------------


def test_an_ended_job_holds_no_resources(flow: Flow, trained: Trained) -> None:
    rows = flow.done("resource", "return", "-j", trained.job_id)["data"]
    assert {(row["role"], row["resource_in_use"]) for row in rows} == {
        ("guest", False),
        ("host", False),
        ("arbiter", False),
    }


def test_what_is_not_done_here_is_said_in_a_sentence(flow: Flow, tmp_path: Path) -> None:
    conf = flow.document("provider.json", {"name": "fate", "version": "1.0", "path": str(tmp_path)})
    assert "none can be registered" in flow.refused("provider", "register", "-c", conf)
    assert "fate" in flow.refused("provider", "list", "-n", "fate")
    assert "settings are read once" in flow.refused("server", "reload")


def test_templates_are_unpacked_as_jobs_that_can_be_submitted(flow: Flow, tmp_path: Path) -> None:
    flow.done("template", "download", "-o", tmp_path)
    assert list(tmp_path.rglob("conf.json"))
    assert list(tmp_path.rglob("dsl.json"))
