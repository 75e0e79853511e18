import io
import json
import tarfile
from collections.abc import Iterable
from pathlib import Path

import aiohttp
import pyarrow as pa
import pytest
from aiohttp import web

from federation.spec.party import GUEST, HOST, Party
from federation.tables import Schema, Table
from party_agent.journal import AttemptKey, AttemptRow, MadeRow
from party_agent.logs import SeatLog
from tests.party_agent.gateway.conftest import Door

CSV = b"id,y,x0\n1,0,0.5\n2,1,-1.5\n3,1,2\n"
ROWS = [["1", "0", "0.5"], ["2", "1", "-1.5"], ["3", "1", "2"]]
JOB = "202611210000000000000"
TABLE = {"namespace": "n", "table_name": "t"}


def files_of(content: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        found = {info.name: tar.extractfile(info) for info in tar}
        return {name: file.read() for name, file in found.items() if file is not None}


def make_output(door: Door, component: str = "lr_0", version: int = 0, role: str = "guest") -> None:
    """A table that an attempt of a job made here."""
    key = AttemptKey(f"{JOB}_{component}", version, role)
    space = f"output_data_{JOB}_{component}_{version}"
    schema = Schema("id", ("y",))
    rows = pa.table({"id": ["1", "2"], "y": [str(version), "1"]})
    door.desk.tables.write(space, role, Table(schema, rows))
    door.journal.begin_attempt(AttemptRow(key, JOB, component, 1))
    made = MadeRow("data", space, role, JOB, component, version, role, "data", 0, b"p")
    door.journal.end_attempt(key, b"", [made])


async def test_an_uploaded_file_is_a_table_when_the_answer_comes(door: Door) -> None:
    said = await door.upload(CSV)
    assert (said["retcode"], said["retmsg"], said["data"]["count"]) == (0, "success", 3)
    info = (await door.ask("table/table_info", TABLE))["data"]
    assert (info["exist"], info["count"], info["partition"]) == (1, 3, 4)
    assert info["schema"]["header"] == "y,x0"
    preview = await door.ask("table/preview", {**TABLE, "limit": 2})
    assert preview["data"] == ROWS[:2]
    assert preview["meta"] == {"header": ["id", "y", "x0"], "total": 3}
    assert list(door.home.spool.iterdir()) == []


async def test_a_table_is_downloaded_as_it_was_uploaded(door: Door) -> None:
    await door.upload(CSV)
    status, packed = await door.fetch("table/download", TABLE)
    assert status == 200
    assert files_of(packed)["table.csv"] == CSV
    assert json.loads(files_of(packed)["table.meta"]) == {"header": ["id", "y", "x0"]}


async def test_a_table_is_replaced_only_where_drop_says_so(door: Door) -> None:
    await door.upload(CSV)
    again = await door.upload(b"id,y\n7,1\n")
    assert again["retcode"] != 0
    assert "already" in again["retmsg"]
    assert (await door.upload(b"id,y\n7,1\n", drop="1"))["retcode"] == 0
    assert (await door.ask("table/preview", TABLE))["data"] == [["7", "1"]]


async def test_a_deleted_table_is_gone_and_stays_unknown(door: Door) -> None:
    await door.upload(CSV)
    assert (await door.ask("table/delete", TABLE))["data"] == TABLE
    assert (await door.ask("table/delete", TABLE))["retmsg"] == "no find table"
    info = (await door.ask("table/table_info", TABLE))["data"]
    assert (info["exist"], info["count"]) == (0, 0)


async def test_clients_that_ask_how_an_upload_goes_are_told_it_succeeded(door: Door) -> None:
    job_id = (await door.upload(CSV))["jobId"]
    rows = (await door.ask("job/query", {"job_id": job_id, "role": "local", "party_id": 0}))["data"]
    assert [(row["f_status"], row["f_progress"]) for row in rows] == [("success", 100)]
    assert {"f_dsl", "f_runtime_conf"} <= set(rows[0])
    second = (await door.upload(CSV, drop="1"))["jobId"]
    history = (await door.ask("data/upload/history", {"limit": 1}))["data"]
    assert [list(row) for row in history] == [[second]]
    assert (await door.ask("job/query", {"job_id": "1"}))["retcode"] == 101


async def test_a_broken_file_is_named_and_leaves_nothing(door: Door) -> None:
    said = await door.upload(b"id,y\n1,2,3\n")
    assert said["retcode"] == 100
    assert "line 2" in said["retmsg"]
    assert list(door.home.spool.iterdir()) == []
    assert (await door.ask("table/table_info", TABLE))["data"]["exist"] == 0


async def test_only_files_of_upload_from_can_be_named(door: Door, tmp_path: Path) -> None:
    inside, outside = door.incoming / "in.csv", tmp_path / "out.csv"
    inside.write_bytes(CSV)
    outside.write_bytes(CSV)
    link = door.incoming / "link.csv"
    link.symlink_to(outside)
    asked = {**TABLE, "head": 1, "partition": 1}
    for path in (outside, link, door.incoming / ".." / ".." / "out.csv"):
        said = await door.ask("data/upload", {**asked, "file": str(path)})
        assert said["retcode"] == 108
        assert "upload_from" in said["retmsg"]
    assert (await door.ask("data/upload", {**asked, "file": str(inside)}))["retcode"] == 0


async def test_the_newest_output_of_a_component_is_shown(door: Door) -> None:
    make_output(door, version=0)
    make_output(door, version=1)
    asked = {"job_id": JOB, "component_name": "lr_0", "role": "guest", "party_id": 9999}
    shown = await door.ask("tracking/component/output/data", asked)
    assert shown["data"] == [[["1", "1"], ["2", "1"]]]
    assert shown["meta"] == {"header": [["id", "y"]], "total": [2], "names": ["data"]}
    names = (await door.ask("tracking/component/output/data/table", asked))["data"]
    assert [row["table_namespace"] for row in names] == [f"output_data_{JOB}_lr_0_1"]
    tables = (await door.ask("table/list", {"job_id": JOB}))["data"]
    assert tables["lr_0"]["output"]["data"]["name"] == "guest"
    status, packed = await door.fetch("tracking/component/output/data/download", asked)
    assert (status, files_of(packed)["data.csv"]) == (200, b"id,y\n1,1\n2,1\n")


async def test_a_party_with_two_roles_shows_the_one_that_is_named(door: Door) -> None:
    make_output(door, role="guest")
    make_output(door, role="host")
    asked = {"job_id": JOB, "component_name": "lr_0", "role": "host"}
    names = (await door.ask("tracking/component/output/data/table", asked))["data"]
    assert [row["table_name"] for row in names] == ["host"]


async def test_what_no_job_made_is_no_data(door: Door) -> None:
    asked = {"job_id": JOB, "component_name": "lr_0"}
    shown = await door.ask("tracking/component/output/data", asked)
    assert (shown["retcode"], shown["retmsg"], shown["data"]) == (0, "no data", [])
    named = await door.ask("tracking/component/output/data/table", asked)
    assert (named["retcode"], named["retmsg"]) == (100, "No found job")
    status, _ = await door.fetch("tracking/component/output/data/download", asked)
    assert status == 210
    status, _ = await door.fetch("job/log/download", {"job_id": JOB})
    assert status == 404


@pytest.mark.parametrize(
    "path",
    [
        "tracking/component/output/data",
        "tracking/component/output/data/table",
        "tracking/component/output/data/download",
        "table/list",
        "table/table_info",
        "table/preview",
        "table/download",
        "table/delete",
        "job/log/download",
        "tripact/job/ledger",
    ],
)
async def test_what_is_another_partys_is_refused(door: Door, path: str) -> None:
    asked = {"job_id": JOB, "component_name": "lr_0", "party_id": "10000", **TABLE}
    said = await door.ask(path, asked)
    assert (said["retcode"], said["data"]["code"]) == (108, "not_your_party")


async def test_logs_of_this_party_are_one_archive(door: Door) -> None:
    for role in (GUEST, HOST):
        seat_log = SeatLog(door.home.logs, JOB, Party(role, "9999"))
        seat_log.write("INFO", f"a line of {role}")
        seat_log.close()
    _, packed = await door.fetch("job/log/download", {"job_id": JOB})
    assert {"guest/9999/INFO.log", "host/9999/INFO.log"} <= set(files_of(packed))
    _, packed = await door.fetch("job/log/download", {"job_id": JOB, "role": "host"})
    assert b"a line of host" in files_of(packed)["host/9999/INFO.log"]
    assert not [name for name in files_of(packed) if name.startswith("guest")]


async def test_the_ledger_is_that_of_this_party(door: Door) -> None:
    assert (await door.ask("tripact/job/ledger", {"job_id": JOB}))["data"] == {"9999": []}


async def test_a_path_that_nobody_serves_is_told_in_the_envelope(door: Door) -> None:
    assert (await door.ask("job/submit", {}))["data"]["code"] == "unknown_route"


async def test_other_parts_of_the_agent_can_have_routes_here(door: Door) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"retcode": 0, "retmsg": "", "data": "mine"})

    def routes() -> Iterable[web.RouteDef]:
        yield web.post("/v1/mine", answer)

    await door.serve(routes)
    assert (await door.ask("mine"))["data"] == "mine"
    async with aiohttp.ClientSession() as stranger, stranger.post(f"{door.url}/v1/mine") as said:
        assert (await said.json())["retcode"] == 109


async def test_the_home_tells_where_the_gateway_is_while_it_serves(door: Door) -> None:
    told = json.loads((door.home.root / "gateway.json").read_text())
    assert told == {"url": door.url}
