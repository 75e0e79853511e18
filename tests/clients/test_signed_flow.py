"""`flow` of fate-client 1.11.3 where it has to sign, and at a party's own gateway."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from coordinator.client import FlowClient
from coordinator.client.signer import Signer
from examples.running import START_LIMIT_S, Standalone
from tests.clients.flow import Flow
from tests.clients.jobs import WAIT_S
from tests.clients.recipes import FATE_CLIENT_1_11, boxed
from tests.together.parts import BREAST

PARTY, OTHER = "9999", "10000"
TABLE = ("-n", "experiment", "-t", "signed")


def command(*words: str) -> dict[str, Any]:
    """What a command of ours prints as JSON."""
    line = [sys.executable, "-m", *words, "--json"]
    ran = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    said: dict[str, Any] = json.loads(ran.stdout)
    return said


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standalone]:
    """A coordinator that answers signed requests alone; its agent 9999 has a gateway."""
    running = Standalone(tmp_path_factory.mktemp("strict"))
    (running.home / "coordinator.toml").write_text("require_signature = true\n")
    agent = running.home / "parties" / PARTY
    agent.mkdir(parents=True)
    (agent / "party_agent.toml").write_text('[gateway]\nlisten = "127.0.0.1:0"\n')
    running.start()
    yield running
    running.stop()


class Apps:
    """Makes a `flow` for each party that signs for its users."""

    def __init__(self, running: Standalone, work: Path) -> None:
        self._running = running
        self._work = work

    def flow(self, name: str, port: int, signer: Signer) -> Flow:
        folder = self._work / name
        folder.mkdir()
        flow = Flow(boxed(FATE_CLIENT_1_11, folder))
        flow.done(
            *("init", "--ip", "127.0.0.1", "--port", port),
            *("--app-key", signer.app_key, "--secret-key", signer.secret_key),
        )
        return flow

    def of_party(self, party: str, name: str) -> tuple[Flow, FlowClient]:
        home = ("--home", str(self._running.home))
        app = command("coordinator", "app", "add", "--party", party, *home)
        signer = Signer(app["app_key"], app["secret_key"])
        flow = self.flow(name, self._running.port, signer)
        return flow, FlowClient(self._running.url, signer=signer)

    def at_the_gateway(self) -> Flow:
        home = self._running.home / "parties" / PARTY
        user = command("party_agent", "user", "add", "ann", "--home", str(home))
        note, deadline = home / "gateway.json", time.monotonic() + START_LIMIT_S
        while not note.exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        port = int(json.loads(note.read_text())["url"].rpartition(":")[2])
        return self.flow("gateway", port, Signer("ann", user["secret"]))


@pytest.fixture(scope="module")
def apps(
    strict: Standalone,
    installing: dict[str, Future[Path]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Apps:
    installing[FATE_CLIENT_1_11.name].result()
    return Apps(strict, tmp_path_factory.mktemp("signing"))


def upload_conf(flow: Flow, **more: Any) -> str:
    conf = {"file": str(BREAST / "guest.csv"), "head": 1, "partition": 4, "id_delimiter": ","}
    named = {"namespace": "experiment", "table_name": "signed"}
    return flow.document("upload.json", {**conf, **named, **more})


def test_a_signing_flow_works_for_its_party_and_at_its_gateway(
    apps: Apps, strict: Standalone
) -> None:
    flow, client = apps.of_party(PARTY, "own")
    taken = flow.done("data", "upload", "-c", upload_conf(flow, party_id=int(PARTY)), "--drop")
    assert client.wait(taken["jobId"], timeout_s=WAIT_S) == "success"
    assert flow.done("table", "info", *TABLE)["data"]["count"] == 569
    stranger, _ = apps.of_party(OTHER, "stranger")
    no = stranger.refused("data", "upload", "-c", upload_conf(stranger, party_id=int(PARTY)))
    assert f"you ask for party {OTHER}" in no
    unsigned = FlowClient(strict.url, signer=None).call("job/query", {})
    assert unsigned["retcode"] == 109

    own = apps.at_the_gateway()
    assert own.done("table", "info", *TABLE)["data"]["count"] == 569
    conf = upload_conf(own, table_name="at_the_gateway")
    job = own.done("data", "upload", "-c", conf)["jobId"]
    (row,) = own.done("job", "query", "-j", job, "-r", "local", "-p", 0)["data"]
    assert row["f_status"] == "success"
    again = own("data", "upload", "-c", conf)
    assert again["retmsg"].startswith("The data table already exists.")
    named = ("-n", "experiment", "-t", "at_the_gateway")
    assert own.done("table", "info", *named)["data"]["count"] == 569
    assert own.done("table", "delete", *named)["retmsg"] == "success"
    assert own.refused("job", "stop", "-j", job)


def scaling(party_id: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """A job of one party that leaves a model."""
    dsl = {
        "reader_0": {"module": "Reader", "output": {"data": ["data"]}},
        "data_transform_0": {
            "module": "DataTransform",
            "input": {"data": {"data": ["reader_0.data"]}},
            "output": {"data": ["data"], "model": ["model"]},
        },
    }
    reads = {"reader_0": {"table": {"namespace": "experiment", "name": "own"}}}
    conf = {
        "dsl_version": 2,
        "initiator": {"role": "guest", "party_id": party_id},
        "role": {"guest": [party_id]},
        "component_parameters": {"role": {"guest": {"0": reads}}},
    }
    return {"components": dsl}, conf


def test_a_signed_archive_is_exported_and_imported_by_its_party_alone(
    apps: Apps, tmp_path: Path
) -> None:
    flow, client = apps.of_party(PARTY, "archives")
    named = {"namespace": "experiment", "name": "own", "party_id": int(PARTY)}
    job = client.upload(BREAST / "guest.csv", **named, drop=True)
    assert client.wait(job, timeout_s=WAIT_S) == "success"
    job = client.submit(*scaling(int(PARTY)))
    assert client.wait(job, timeout_s=WAIT_S) == "success"
    share = {"model_id": job.model_id, "model_version": job.model_version}
    share |= {"role": "guest", "party_id": int(PARTY)}
    conf = flow.document("export.json", {**share, "output_path": str(tmp_path)})
    archive = Path(flow.done("model", "export", "-c", conf)["file"])
    back = {**share, "file": str(archive)}
    assert flow("model", "import", "-c", flow.document("again.json", back))["retcode"] == 409
    forced = flow.document("forced.json", {**back, "force_update": True})
    said = flow.done("model", "import", "-c", forced)
    assert said["data"]["model_version"] == job.model_version
    client.send_checked("model/import", {**share, "force_update": 1}, archive)
    stranger, _ = apps.of_party(OTHER, "archives_of_another")
    no = stranger.refused("model", "import", "-c", stranger.document("theirs.json", back))
    assert f"you ask for party {OTHER}" in no


def test_flow_cares_for_tables_and_privileges(apps: Apps, tmp_path: Path) -> None:
    flow, _ = apps.of_party(PARTY, "care")
    file = {"engine": "PATH", "address": {"path": str(BREAST / "host.csv")}, "party_id": 9999}
    bound = {"namespace": "experiment", "name": "bound", "head": 1, "partitions": 2, **file}
    conf = flow.document("bind.json", bound)
    for _ in range(2):
        assert flow.done("table", "bind", "-c", conf, "--drop")["retmsg"] == "success"
    named = ("-n", "experiment", "-t", "bound")
    assert flow.done("table", "info", *named)["data"]["partition"] == 2
    flow.done("table", "disable", *named)
    assert flow.done("table", "info", *named)["data"]["enable"] is False
    flow.done("table", "enable", *named)
    flow.done("table", "tracking-job", *named)
    assert flow.done("table", "tracking-source", *named)["data"] == []
    connector = {"connector_name": "c", "engine": "LOCALFS", "connector_info": {"path": "/data"}}
    flow.done("table", "connector-create", "-c", flow.document("connector.json", connector))
    told = flow.done("table", "connector-query", "--connector-name", "c")["data"]
    assert told["connector_info"] == {"path": "/data"}
    flow.done("table", "disable", *named)
    assert flow.done("table", "disable-delete")["data"]

    grant = flow.document("grant.json", {"party_id": 77, "component": "reader,dataio"})
    flow.done("privilege", "grant", "-c", grant)
    assert flow.done("privilege", "query", "-p", 77)["data"]["component"] == ["dataio", "reader"]
    flow.done("privilege", "delete", "-c", grant)
    key = flow.document("key.json", {"party_id": 77, "key": "a key"})
    flow.done("key", "save", "-c", key)
    assert flow.done("key", "query", "-p", 77)["data"] == "a key"
    flow.done("key", "delete", "-p", 77)
    flow.box.run("flow", "template", "download", "--min-data", "1", "--output-path", str(tmp_path))
    assert list(tmp_path.rglob("dsl.json"))
