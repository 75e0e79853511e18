"""Components, providers, servers, keys, tables looked into, log lines."""

import io
import json
import tarfile
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from coordinator.api.fateflow.routes_job import board_url
from coordinator.api.fateflow.routes_world import board
from coordinator.api.keys import BOARD, PUBLIC_URL


def test_components_are_those_that_agents_can_run(live: Any) -> None:
    found = live.client.ask("component/get")
    assert {"Reader", "HeteroLR", "Upload"} <= set(found)
    assert found["HeteroLR"]["roles"] == ["arbiter", "guest", "host"]
    assert set(live.client.ask("component/HeteroLR/get")) == {"HeteroLR"}
    assert live.client.call("component/HeteroLX/get")["retcode"] == 101


def test_parameters_are_validated_without_a_job(live: Any) -> None:
    body = {"component_module_name": "HeteroLR", "component_parameters": {"max_iter": 3}}
    assert live.client.call("component/validate", body)["retcode"] == 0
    body["component_parameters"] = {"max_itr": 3}
    answer = live.client.call("component/validate", body)
    assert answer["retcode"] == 101
    assert "max_iter" in answer["retmsg"]


def test_the_provider_lists_components_in_small_letters(live: Any) -> None:
    versions = live.client.ask("provider/tripact/get")
    assert live.client.ask("provider/get") == {"tripact": versions}
    assert all("heterolr" in one["components"] for one in versions.values())
    assert live.client.call("provider/fate/get")["retcode"] == 101
    registry = live.client.ask("provider/registry/get")
    assert registry["providers"] == {"tripact": versions}
    assert registry["components"]["heterolr"] == ["tripact"]


def test_the_server_says_where_it_is(live: Any) -> None:
    port = int(live.url.rpartition(":")[2])
    assert live.client.ask("server/get")["fateflow"]["http_port"] == port
    assert live.client.ask("server/fateflow/info")[0]["http_port"] == port
    assert live.client.ask("server/fateflow/get") == live.client.ask("server/service/get")
    assert live.client.call("server/mysql/get")["retmsg"].startswith("there is no server mysql")
    assert live.client.ask("info/common")["version"].startswith("1.11")
    assert live.client.ask("server/config/job/default")["timeout"] == 259_200


@pytest.mark.parametrize("name", ["fateboard", "eggroll"])
def test_a_program_of_fates_that_is_not_there_is_a_no_with_404(live: Any, name: str) -> None:
    said = live.client.call(f"info/{name}")
    assert (said["retcode"], said["data"]) == (404, {})
    assert said["retmsg"]


async def test_a_board_that_is_named_is_where_jobs_are_watched(aiohttp_client: Any) -> None:
    async def url_of(request: web.Request) -> web.Response:
        return web.Response(text=board_url(request, "J", "guest", "9999"))

    app = web.Application()
    app[BOARD], app[PUBLIC_URL] = "board.example:8080", "http://coordinator.example"
    app.router.add_get("/url", url_of)
    app.router.add_get("/board", board)
    client = await aiohttp_client(app)
    told = await (await client.get("/board")).json()
    assert told["data"] == {"host": "board.example", "port": 8080}
    url = await (await client.get("/url")).text()
    place = "http://board.example:8080/index.html#/dashboard"
    assert url == f"{place}?job_id=J&role=guest&party_id=9999"


def test_a_party_and_its_key_are_known_once_it_has_joined(live: Any) -> None:
    assert live.client.ask("info/party/9999")["party_id"] == "9999"
    assert live.client.call("info/party/31337")["retcode"] != 0
    assert bytes.fromhex(live.client.ask("key/query", {"party_id": 9999})).strip() == b"9999"
    assert live.client.call("key/query", {"party_id": 31337})["retcode"] == 101


def test_running_jobs_say_what_they_asked_for(live: Any, lr_dsl: Any, lr_conf: Any) -> None:
    live.agents.busy.add("reader_0")
    job = live.client.submit(lr_dsl, lr_conf)
    live.await_status(job.job_id, "running", task="reader_0")
    rows = live.client.ask("resource/query")["use_resource_job"]
    mine = [row for row in rows if row["job_id"] == job.job_id]
    live.client.stop(job.job_id)
    assert {(row["role"], row["core"]) for row in mine} == {
        ("guest", 4),
        ("host", 4),
        ("arbiter", 0),
    }


def test_a_table_is_previewed_and_downloaded(live: Any, tmp_path: Path) -> None:
    table = {"namespace": "world", "name": "looked_into"}
    file = tmp_path / "looked_into.csv"
    file.write_bytes(b"id,y,x0\n1,0,0.5\n")
    assert live.client.wait(live.client.upload(file, **table), timeout_s=20) == "success"
    table["party_id"] = "0"
    answer = live.client.call("table/preview", {**table, "limit": 2})
    assert answer["meta"] == {"header": ["id", "y", "x0"], "total": 3}
    assert [row[0] for row in answer["data"]] == ["1", "2"]
    request = urllib.request.Request(f"{live.url}/v1/table/download", json.dumps(table).encode())
    with urllib.request.urlopen(request, timeout=20) as response:
        content = response.read()
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as tar:
        assert tar.getnames() == ["table.meta", "table.csv"]
        csv = tar.extractfile("table.csv")
        assert csv is not None
        assert csv.read().startswith(b"id,y,x0\n1,")


@pytest.mark.parametrize("route", ["table/preview", "table/download"])
def test_a_table_nobody_has_is_told(live: Any, route: str) -> None:
    answer = live.client.call(route, {"namespace": "no", "name": "such"})
    assert answer["retcode"] == 101


def test_log_lines_are_read_one_by_one(live: Any, done_job: str) -> None:
    body = {"job_id": done_job, "log_type": "partyInfo", "role": "guest", "party_id": 9999}
    assert live.client.ask("log/size", body) == {"size": 1}
    line = {"line_num": 1, "content": "a line of guest 9999"}
    assert live.client.ask("log/cat", {**body, "begin": 1, "end": 5}) == [line]
    assert live.client.ask("log/cat", {**body, "begin": 2}) == []
    assert live.client.ask("log/size", {**body, "log_type": "partyError"}) == {"size": 0}


def test_the_course_of_a_job_is_read_in_lines(live: Any, done_job: str) -> None:
    body = {"job_id": done_job, "log_type": "jobSchedule"}
    lines = [row["content"] for row in live.client.ask("log/cat", body)]
    assert lines[0].endswith("INFO job waiting")
    assert lines[-1].endswith("INFO job success")
    assert live.client.ask("log/size", body) == {"size": len(lines)}
    assert live.client.ask("log/size", {**body, "log_type": "jobScheduleError"}) == {"size": 0}
    assert live.client.call("log/cat", {**body, "job_id": "1"})["retcode"] == 101


@pytest.mark.parametrize("wrong", [{"log_type": "x"}, {"party_id": 31337}, {"job_id": "1"}])
def test_a_log_that_is_not_there_is_told(live: Any, done_job: str, wrong: Any) -> None:
    body = {"job_id": done_job, "log_type": "partyInfo", "role": "guest", "party_id": 9999}
    assert live.client.call("log/cat", {**body, **wrong})["retcode"] == 101
