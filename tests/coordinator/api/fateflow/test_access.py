"""Privileges of parties, keys that were saved, and requests that are signed."""

import io
import json
import tarfile
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from coordinator.api.signed import signing
from coordinator.client import FlowClient, FlowError
from coordinator.client.signer import Signer
from coordinator.domain.access import ASKER, Apps
from coordinator.domain.ports import wall_clock
from coordinator.store import open_store

SOURCE = {"src_party_id": "9999", "src_role": "guest"}
OWN = {"role": "guest", "party_id": 9999}
OTHERS = {"role": "host", "party_id": 10000}


@pytest.fixture
def granted(live: Any) -> Iterator[Any]:
    """Grants privileges to party 9999, and takes all back."""
    yield lambda **names: live.client.ask("permission/grant", {"party_id": 9999, **names})
    for kind in ("component", "dataset"):
        live.client.call("permission/delete", {"party_id": 9999, kind: "*"})
    for kind in ("role", "command", "component"):
        live.client.call("permission/delete/privilege", {**SOURCE, f"privilege_{kind}": "all"})


def query(live: Any) -> Any:
    return live.client.ask("permission/query", {"party_id": "9999"})


def test_a_party_has_what_it_was_granted_and_not_what_was_taken(live: Any, granted: Any) -> None:
    granted(component="HeteroLR, reader", dataset=[{"namespace": "n", "name": "t"}])
    assert query(live) == {
        "component": ["heterolr", "reader"],
        "dataset": [{"namespace": "n", "name": "t"}],
    }
    live.client.ask("permission/delete", {"party_id": 9999, "component": "reader"})
    assert query(live)["component"] == ["heterolr"]
    again = live.client.call("permission/delete", {"party_id": 9999, "component": "reader"})
    assert again["retcode"] == 10
    live.client.ask("permission/delete", {"party_id": 9999, "component": "*"})
    assert query(live)["component"] == []


def test_a_job_is_taken_only_if_all_its_components_were_granted(
    live: Any, granted: Any, lr_dsl: Any, lr_conf: Any
) -> None:
    granted(component="reader,intersection")
    with pytest.raises(FlowError, match=r"not granted component evaluation; component heterolr:"):
        live.client.submit(lr_dsl, lr_conf)
    granted(component="HeteroLR,Evaluation")
    live.client.submit(lr_dsl, lr_conf)
    live.client.ask("permission/delete", {"party_id": 9999, "component": "heterolr"})
    granted(component="*")
    live.client.submit(lr_dsl, lr_conf)


def test_a_job_is_taken_only_if_all_its_tables_were_granted(
    live: Any, granted: Any, lr_dsl: Any, lr_conf: Any
) -> None:
    granted(dataset=[{"namespace": "elsewhere", "name": "t"}])
    with pytest.raises(FlowError, match=r"not granted dataset \S+/\S+"):
        live.client.submit(lr_dsl, lr_conf)
    granted(dataset="*")
    live.client.submit(lr_dsl, lr_conf)


def test_roles_and_commands_are_granted_to_one_role_of_a_party(
    live: Any, granted: Any, lr_dsl: Any, lr_conf: Any
) -> None:
    old = "permission/grant/privilege"
    live.client.ask(old, {**SOURCE, "privilege_role": "host", "privilege_command": "create"})
    held = live.client.ask("permission/query/privilege", SOURCE)
    assert (held["role"], held["command"], held["component"]) == (["host"], ["create"], [])
    with pytest.raises(FlowError, match="not granted role arbiter; command run"):
        live.client.submit(lr_dsl, lr_conf)
    live.client.ask(old, {**SOURCE, "privilege_role": "all", "privilege_command": "all"})
    held = live.client.ask("permission/query/privilege", SOURCE)
    assert held["command"] == ["create", "run", "stop"]
    live.client.submit(lr_dsl, lr_conf)
    other = live.client.ask("permission/query/privilege", {**SOURCE, "src_role": "host"})
    assert other["role"] == []


@pytest.mark.parametrize(
    "body",
    [
        {"party_id": 31_337},
        {"party_id": 31_337, "dataset": "n.t"},
        {"party_id": 31_337, "dataset": [{"namespace": "n"}]},
        {"component": "reader"},
    ],
)
def test_a_grant_that_names_nothing_is_refused(live: Any, body: dict[str, Any]) -> None:
    assert live.client.call("permission/grant", body)["retcode"] == 101


def test_a_role_that_is_none_is_not_granted(live: Any) -> None:
    body = {**SOURCE, "src_party_id": 31_337, "privilege_role": "gest"}
    said = live.client.call("permission/grant/privilege", body)
    assert said["retcode"] == 101
    assert "guest, host, arbiter" in said["retmsg"]


def test_a_key_is_the_saved_one_then_the_joined_one(live: Any) -> None:
    party = {"party_id": 10000}
    joined = live.client.ask("key/query", party)
    assert bytes.fromhex(joined) == b"10000".rjust(32)
    live.client.ask("key/public/save", {**party, "key": "a key"})
    assert live.client.ask("key/query", party) == "a key"
    live.client.ask("key/public/delete", party)
    assert live.client.ask("key/query", party) == joined
    assert live.client.call("key/public/delete", party)["retcode"] == 101


class Signed:
    """Posts as FATE's client does that has the key and secret of an app."""

    def __init__(self, live: Any, party_id: str) -> None:
        self._parts = urlsplit(live.url)
        self._app = live.app_of(party_id)

    def headers(self, path: str, body: bytes, **changes: str) -> dict[str, str]:
        signer = Signer(self._app.app_key, changes.get("secret", self._app.secret))
        return {**signer.headers(path, body), "Content-Type": "application/json"}

    def send(self, path: str, body: bytes, headers: dict[str, str]) -> dict[str, Any]:
        connection = HTTPConnection(self._parts.hostname or "", self._parts.port, timeout=20)
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        if "octet-stream" in answer.headers["Content-Type"]:
            return {"retcode": 0, "data": content}
        said: dict[str, Any] = json.loads(content)
        return said

    def post(self, path: str, body: Any) -> dict[str, Any]:
        content = json.dumps(body).encode()
        return self.send(f"/v1/{path}", content, self.headers(f"/v1/{path}", content))


@pytest.fixture
def guest(live: Any) -> Signed:
    return Signed(live, "9999")


ROWS = [
    "tracking/component/output/data",
    "tracking/component/output/data/download",
    "tracking/component/output/model",
]


@pytest.mark.parametrize("path", ROWS)
def test_users_of_a_party_reach_its_rows_and_no_others(
    guest: Signed, done_job: str, path: str
) -> None:
    asked = {"job_id": done_job, "component_name": "hetero_lr_0"}
    assert guest.post(path, {**asked, **OWN})["retcode"] == 0
    refused = guest.post(path, {**asked, **OTHERS})
    assert (refused["retcode"], refused["data"]["code"]) == (108, "not_your_party")


def test_names_of_another_partys_tables_are_no_rows(guest: Signed, done_job: str) -> None:
    asked = {"job_id": done_job, "component_name": "hetero_lr_0", **OTHERS}
    assert guest.post("tracking/component/output/data/table", asked)["retcode"] == 0


def test_users_of_a_party_start_its_jobs_and_no_others(
    live: Any, guest: Signed, lr_dsl: Any, lr_conf: Any
) -> None:
    body = {"job_dsl": lr_dsl, "job_runtime_conf": lr_conf}
    taken = guest.post("job/submit", body)
    assert taken["retcode"] == 0
    live.client.wait(taken["jobId"], timeout_s=20)
    refused = Signed(live, "10000").post("job/submit", body)
    assert (refused["retcode"], refused["data"]["code"]) == (103, "not_your_party")


def test_any_party_of_a_job_may_stop_it_and_no_other(live: Any, lr_dsl: Any, lr_conf: Any) -> None:
    live.agents.busy.add("hetero_lr_0")
    job_id = live.client.submit(lr_dsl, lr_conf).job_id
    refused = Signed(live, "0").post("job/stop", {"job_id": job_id})
    assert (refused["retcode"], refused["data"]["code"]) == (108, "not_your_party")
    assert Signed(live, "10000").post("job/stop", {"job_id": job_id})["retcode"] == 0


def test_users_of_a_party_upload_into_its_tables_alone(guest: Signed) -> None:
    asked = {"namespace": "signed", "table_name": "t", "head": 1, "partition": 1, "file": "f.csv"}
    own = guest.post("data/upload", {**asked, "party_id": 9999, "drop": 1})
    assert own["retcode"] == 0
    refused = guest.post("data/upload", {**asked, "party_id": 10000, "drop": 1})
    assert refused["data"]["code"] == "not_your_party"


def test_a_party_deletes_its_table_and_leaves_that_of_another_with_the_same_name(
    live: Any, guest: Signed
) -> None:
    named = {"namespace": "shared", "name": "t"}
    file = {"engine": "PATH", "address": {"path": "/data/t.csv"}, "drop": 1}
    for party_id in (10000, 9999):
        live.client.ask("table/bind", {**named, **file, "party_id": party_id})
    assert guest.post("table/delete", named)["retcode"] == 0
    refused = guest.post("table/delete", named)
    assert (refused["retcode"], refused["data"]["code"]) == (108, "not_your_party")
    assert Signed(live, "10000").post("table/delete", named)["retcode"] == 0
    assert guest.post("table/delete", named)["retmsg"] == "no find table"


def test_a_signed_request_counts_once(guest: Signed) -> None:
    headers = guest.headers("/v1/version/get", b"{}")
    said = [guest.send("/v1/version/get", b"{}", headers)["retcode"] for _ in range(2)]
    assert said == [0, 109]


def test_a_wrong_signature_is_refused_even_where_none_is_needed(live: Any, guest: Signed) -> None:
    headers = guest.headers("/v1/version/get", b"{}", secret="another")
    assert guest.send("/v1/version/get", b"{}", headers)["retcode"] == 109
    assert live.client.call("version/get", {})["retcode"] == 0


def test_the_query_of_a_path_is_signed(guest: Signed) -> None:
    headers = guest.headers("/v1/version/get?a=1", b"{}")
    assert guest.send("/v1/version/get?a=2", b"{}", headers)["retcode"] == 109
    headers = guest.headers("/v1/version/get?a=1", b"{}")
    assert guest.send("/v1/version/get?a=1", b"{}", headers)["retcode"] == 0


def test_flow_client_signs_as_the_environment_says(
    live: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    app = live.app_of("9999")
    table = {"namespace": "signed", "name": "by_client"}
    file = tmp_path / "rows.csv"
    file.write_text("id,y\n1,0\n")
    monkeypatch.setenv("TRIPACT_APP_KEY", app.app_key)
    monkeypatch.setenv("TRIPACT_SECRET_KEY", app.secret)
    client = FlowClient(live.url)
    client.upload(file, **table, party_id=9999)
    with pytest.raises(FlowError, match="for its own users"):
        client.upload(file, **table, party_id=10000)
    monkeypatch.setenv("TRIPACT_SECRET_KEY", "another")
    with pytest.raises(FlowError, match="SIGNATURE is wrong"):
        FlowClient(live.url).ask("table/delete", table)
    client.ask("table/delete", table)


def test_the_log_of_another_party_is_left_out(guest: Signed, done_job: str) -> None:
    packed = guest.post("job/log/download", {"job_id": done_job})["data"]
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        names = set(tar.getnames())
    assert "guest/9999/INFO.log" in names
    assert "host/10000/INFO.log" not in names
    assert "host/10000/NOT_FETCHED.log" in names


async def test_a_coordinator_that_wants_signatures_answers_no_request_without_one(
    tmp_path: Path,
) -> None:
    async with await open_store(f"sqlite:///{tmp_path / 'coordinator.db'}") as store:
        apps = Apps(store, wall_clock)
        made = await apps.add("9999")
        app = web.Application(middlewares=[signing(apps, wall_clock, required=True)])
        app.router.add_post("/v1/asker", _tell_asker)
        app.router.add_post("/healthz", _tell_asker)
        async with TestClient(TestServer(app)) as client:
            refused = await (await client.post("/v1/asker")).json()
            assert (refused["retcode"], refused["data"]["code"]) == (109, "not_authenticated")
            headers = Signer(made.app_key, made.secret).headers("/v1/asker", b"")
            assert await (await client.post("/v1/asker", headers=headers)).json() == "9999"
            assert await (await client.post("/healthz")).json() is None
            await apps.drop(made.app_key)
            headers = Signer(made.app_key, made.secret).headers("/v1/asker", b"")
            assert (await (await client.post("/v1/asker", headers=headers)).json())[
                "retcode"
            ] == 109


async def _tell_asker(_: web.Request) -> web.Response:
    return web.json_response(ASKER.get())
