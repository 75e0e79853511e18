"""Three homes: agents join by code, trust and grant by name, and see nothing of each other."""

import copy
import csv
import io
import json
import re
import secrets
import signal
import subprocess
import sys
import tarfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pyarrow.parquet as pq
import pytest

from coordinator.client import FlowClient, FlowError, Submitted
from coordinator.client.client import submitted
from coordinator.client.signer import Signer
from examples.running import START_LIMIT_S
from tests.together.parts import BREAST, DEADLINE_S, example
from tests.together.tap import Tap

FINGERPRINT = re.compile(r"(?:[0-9a-f]{4}:){7}[0-9a-f]{4}")
PARTIES = ("9999", "10000", "10001")
CANARY_ID, CANARY_VALUE = secrets.token_hex(12), "0.918273645546372819"


def command(*words: str) -> str:
    """What a command that ends prints.

    Raises:
        AssertionError: it failed.
    """
    done = subprocess.run(
        [sys.executable, "-m", *words], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@dataclass
class Cluster:
    """A coordinator and agents in homes of their own."""

    root: Path
    url: str = ""
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    tap: Tap | None = None

    def home(self, name: str) -> Path:
        return self.root / name

    @property
    def incoming(self) -> Path:
        """Where owners put the files they upload."""
        return self.root / "incoming"

    def start(self, name: str, *words: str) -> None:
        self.home(name).mkdir(exist_ok=True)
        with (self.root / f"{name}.out").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", *words, "--home", str(self.home(name))],
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def start_coordinator(self) -> None:
        self.start("coordinator", "coordinator", "serve", "--port", "0")
        note = self.home("coordinator") / "coordinator.json"
        deadline = time.monotonic() + START_LIMIT_S
        while not note.exists():
            assert time.monotonic() < deadline, (self.root / "coordinator.out").read_text()
            time.sleep(0.02)
        self.url = json.loads(note.read_text())["url"]
        self.tap = Tap(int(self.url.rsplit(":", 1)[1]), self.traffic)

    @property
    def traffic(self) -> Path:
        """All that went between agents and the coordinator."""
        return self.root / "traffic"

    @property
    def agents_url(self) -> str:
        """Where agents find the coordinator: behind the wire tap."""
        assert self.tap is not None
        return f"http://127.0.0.1:{self.tap.port}"

    def invite(self, party: str) -> str:
        said = command(
            *("coordinator", "invite", "--party", party),
            *("--home", str(self.home("coordinator")), "--json"),
        )
        return str(json.loads(said)["code"])

    def join(self, party: str, code: str) -> str:
        return command(
            *("party_agent", "join", code, "--coordinator", self.agents_url),
            *("--home", str(self.home(party))),
        )

    def agent(self, party: str, *words: str) -> str:
        return command("party_agent", *words, "--home", str(self.home(party)))

    def fingerprint(self, party: str) -> str:
        return FINGERPRINT.findall(self.agent(party, "fingerprint"))[0]

    def wait_connected(self) -> None:
        deadline = time.monotonic() + START_LIMIT_S
        while True:
            said = command(
                *("coordinator", "parties", "--home", str(self.home("coordinator")), "--json")
            )
            if sum(bool(row["connected"]) for row in json.loads(said)) == len(PARTIES):
                return
            assert time.monotonic() < deadline, said
            time.sleep(0.1)

    def stop(self) -> None:
        for process in self.processes.values():
            process.send_signal(signal.SIGTERM)
        for process in self.processes.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self.tap is not None:
            self.tap.close()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        made.start_coordinator()
        for party in PARTIES:
            made.join(party, made.invite(party))
            settings = made.home(party) / "party_agent.toml"
            settings.write_text(
                f'upload_from = ["{made.incoming}"]\ngateway = {{ listen = "127.0.0.1:0" }}\n'
            )
            made.start(party, "party_agent", "run")
        made.wait_connected()
        yield made
    finally:
        made.stop()


def canary_tables(folder: Path) -> dict[str, Path]:
    """The breast tables with one row whose id and value stand nowhere else."""
    folder.mkdir()
    files = {}
    for name in ("guest", "host"):
        lines = (BREAST / f"{name}.csv").read_text().splitlines()
        cells = lines[1].split(",")
        cells[0], cells[-1] = CANARY_ID, CANARY_VALUE
        files[name] = folder / f"{name}.csv"
        files[name].write_text("\n".join([lines[0], ",".join(cells), *lines[2:]]) + "\n")
    return files


def upload_at_home(client: FlowClient, file: Path, name: str, party: str) -> Submitted:
    """Make a table of a file on the party's own machine; no row passes the coordinator."""
    return submitted(
        client.call(
            "data/upload",
            {
                "file": str(file),
                "namespace": "breast",
                "table_name": name,
                "head": 1,
                "partition": 1,
                "use_local_data": 0,
                "party_id": party,
            },
        )
    )


class OwnUser:
    """A user of one party, who goes through its own gateway with FATE's client, which signs."""

    def __init__(self, cluster: Cluster, party: str) -> None:
        home = cluster.home(party)
        self.url = json.loads((home / "gateway.json").read_text())["url"]
        secret = json.loads(cluster.agent(party, "user", "add", "ann", "--json"))["secret"]
        self._signer = Signer("ann", secret)

    def post(
        self, path: str, body: bytes, kind: str = "application/json", below: str = "/v1"
    ) -> tuple[bytes, str]:
        signed = b"" if kind.startswith("multipart/") else body
        signature = self._signer.headers(f"{below}/{path}", signed)
        headers = {**signature, "Content-Type": kind}
        request = urllib.request.Request(f"{self.url}{below}/{path}", data=body, headers=headers)
        with urllib.request.urlopen(request, timeout=DEADLINE_S) as answer:
            return answer.read(), answer.headers["Content-Type"]

    def ask(self, path: str, body: Any) -> Any:
        said = json.loads(self.post(path, json.dumps(body).encode())[0])
        assert said["retcode"] == 0, said
        return said["data"]

    def upload(self, file: Path, name: str) -> None:
        query = urlencode({"namespace": "breast", "table_name": name, "head": 1, "partition": 1})
        part = b'Content-Disposition: form-data; name="file"; filename="rows.csv"'
        body = b"--cut\r\n" + part + b"\r\n\r\n" + file.read_bytes() + b"\r\n--cut--\r\n"
        kind = "multipart/form-data; boundary=cut"
        said = json.loads(self.post(f"data/upload?{query}", body, kind)[0])
        assert (said["retcode"], said["retmsg"]) == (0, "success"), said


def refusals(client: FlowClient) -> str:
    with pytest.raises(FlowError) as refused:
        client.submit(*example("hetero_lr"))
    return str(refused.value)


def test_a_cluster_refuses_until_owners_grant_then_runs_and_shows_nothing(
    cluster: Cluster,
) -> None:
    client = FlowClient(cluster.url)
    files = canary_tables(cluster.incoming)
    owners = {"guest": "9999", "host": "10000"}
    for name, party in owners.items():
        with pytest.raises(FlowError, match="party-agent grant"):
            upload_at_home(client, files[name], name, party)
        if name == "guest":
            OwnUser(cluster, party).upload(files[name], name)
            continue
        cluster.agent(party, "grant", "--what", "upload", "--table", "breast/*")
        taken = upload_at_home(client, files[name], name, party)
        assert client.wait(taken, timeout_s=DEADLINE_S) == "success"

    said = refusals(client)
    assert "party-agent grant" in said
    for party, role in zip(PARTIES, ("guest", "host", "arbiter"), strict=True):
        cluster.agent(party, "grant", "--role", role)
    said = refusals(client)
    assert "party-agent trust" in said
    prints = {party: cluster.fingerprint(party) for party in PARTIES}
    for party in PARTIES:
        for peer in PARTIES:
            if peer != party:
                assert prints[peer] in said
                cluster.agent(party, "trust", peer, prints[peer])

    job = client.submit(*example("hetero_lr"))
    assert client.wait(job, timeout_s=DEADLINE_S) == "success", client.ask(
        "tripact/job/why", {"job_id": job.job_id}
    )
    metrics = client.metrics(job.job_id, "evaluation_0")["train"]["hetero_lr_0"]["data"]
    assert dict(metrics)["auc"] == pytest.approx(0.975, abs=0.002)
    for party in PARTIES:
        with pytest.raises(FlowError, match="grant --what log"):
            client.ledger(job.job_id)
        cluster.agent(party, "grant", "--what", "log")
    assert set(client.ledger(job.job_id)) == set(PARTIES)
    with pytest.raises(FlowError, match="grant --what model --component hetero_lr_0"):
        client.ask(
            "tracking/component/output/model",
            {"job_id": job.job_id, "component_name": "hetero_lr_0"},
        )
    look_through_the_gateway(cluster, job.job_id)
    answer_online(cluster, client, job, files["guest"])
    search_for_canaries(cluster)


def look_through_the_gateway(cluster: Cluster, job_id: str) -> None:
    """The guest's own user sees rows, logs and ledger of a job; nothing of another party's."""
    cluster.agent("9999", "user", "drop", "ann")
    user = OwnUser(cluster, "9999")
    asked = {"job_id": job_id, "component_name": "intersection_0", "role": "guest"}
    rows, _ = user.post("tracking/component/output/data/download", json.dumps(asked).encode())
    with tarfile.open(fileobj=io.BytesIO(rows)) as tar:
        file = tar.extractfile("data.csv")
        assert file is not None
        assert CANARY_ID.encode() in file.read()
    assert user.ask("tripact/job/ledger", {"job_id": job_id})["9999"]
    _, kind = user.post("job/log/download", json.dumps({"job_id": job_id}).encode())
    assert "octet-stream" in kind
    other = {**asked, "role": "host", "party_id": "10000"}
    said, _ = user.post("tracking/component/output/data", json.dumps(other).encode())
    assert json.loads(said)["data"]["code"] == "not_your_party"


def answer_online(cluster: Cluster, client: FlowClient, job: Submitted, file: Path) -> None:
    """The guest's own user gets a score of the planted row; the coordinator may not even ask."""
    kept = ["reader_0", "data_transform_0", "intersection_0", "hetero_lr_0"]
    version = client.deploy(job.model_id, job.model_version, components=kept)
    loaded = client.call("model/load", {"job_id": version})
    assert loaded["retcode"] == 0, loaded
    client.ask("model/bind", {"job_id": version, "service_id": "s"})
    with file.open() as lines:
        row = next(csv.DictReader(lines))
    ask = {
        "head": {"serviceId": "s"},
        "body": {"featureData": row, "sendToRemoteFeatureData": {"id": row["id"]}},
    }
    cluster.agent("9999", "user", "drop", "ann")
    user = OwnUser(cluster, "9999")
    said, _ = user.post("inference", json.dumps(ask).encode(), below="/federation/v1")
    told = json.loads(said)
    assert told["retcode"] == 0, told
    assert 0 < told["data"]["score"] < 1
    refused = client.infer({**ask, "body": {"featureData": {}}})
    assert "grant --what infer" in refused["retmsg"]
    client.stop(loaded["jobId"])


def relayed(cluster: Cluster) -> int:
    """How many parts of letters the coordinator has passed on."""
    with urllib.request.urlopen(f"{cluster.url}/metrics", timeout=10) as answer:
        found = re.search(rb"^tripact_letters_relayed_total (\S+)$", answer.read(), re.MULTILINE)
    assert found is not None
    return int(float(found[1]))


def test_agents_that_can_reach_each_other_do_without_the_relay(cluster: Cluster) -> None:
    client, through_relay = FlowClient(cluster.url), relayed(cluster)
    for party in ("9999", "10000"):
        cluster.processes[party].send_signal(signal.SIGTERM)
        cluster.processes[party].wait(20)
        with (cluster.home(party) / "party_agent.toml").open("a") as settings:
            settings.write('direct_listen = "127.0.0.1:0"\n')
        cluster.start(party, "party_agent", "run")
    cluster.wait_connected()
    job = client.submit(*example("hetero_lr"))
    assert client.wait(job, timeout_s=DEADLINE_S) == "success"
    assert relayed(cluster) - through_relay < through_relay / 10
    metrics = client.metrics(job.job_id, "evaluation_0")["train"]["hetero_lr_0"]["data"]
    assert dict(metrics)["auc"] == pytest.approx(0.975, abs=0.002)
    assert {row["tag"] for row in client.ledger(job.job_id)["9999"]} >= {"residual"}


def search_for_canaries(cluster: Cluster) -> None:
    """Neither traffic, nor the coordinator's files, nor its memory hold the planted id or value."""
    wanted = [CANARY_ID.encode(), CANARY_VALUE.encode()]
    # They are where they belong, so that the search could have found them.
    kept = (pq.read_table(path).to_pylist() for path in cluster.home("9999").rglob("*.parquet"))
    assert any(CANARY_ID in row.values() for rows in kept for row in rows)
    files = [path for path in cluster.home("coordinator").rglob("*") if path.is_file()]
    # The traffic holds what the job relayed, in the clear as far as anything is.
    assert b"tag" in cluster.traffic.read_bytes()
    assert b"forward" in cluster.traffic.read_bytes()
    files += [cluster.root / "coordinator.out", cluster.traffic]
    for path in files:
        content = path.read_bytes()
        assert [canary for canary in wanted if canary in content] == [], path
    if sys.platform == "linux":
        assert in_memory(cluster.processes["coordinator"].pid, wanted) == set()


def in_memory(pid: int, wanted: list[bytes]) -> set[bytes]:
    """Which of `wanted` stand in the writable memory of a process (Linux)."""
    found: set[bytes] = set()
    maps = Path(f"/proc/{pid}/maps").read_text().splitlines()
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in maps:
            bounds, rights = line.split()[:2]
            if not rights.startswith("rw") or line.endswith("[vvar]"):
                continue
            start, end = (int(bound, 16) for bound in bounds.split("-"))
            try:
                memory.seek(start)
                content = memory.read(end - start)
            except OSError:
                continue
            found |= {canary for canary in wanted if canary in content}
    return found


def test_a_code_is_good_once(cluster: Cluster, tmp_path: Path) -> None:
    code = cluster.invite("777")
    cluster.join("777", code)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "party_agent", "join", code),
            *("--coordinator", cluster.url, "--home", str(tmp_path / "thief")),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert "used" in done.stdout + done.stderr


def test_join_and_invite_show_the_same_fingerprints(cluster: Cluster) -> None:
    coordinator = command("coordinator", "fingerprint", "--home", str(cluster.home("coordinator")))
    said = cluster.join("778", cluster.invite("778"))
    assert coordinator.strip() in said
    assert cluster.fingerprint("778") in said


def test_a_party_that_did_not_join_is_told(cluster: Cluster) -> None:
    dsl, conf = copy.deepcopy(example("hetero_lr"))
    conf["role"]["host"] = [4242]
    answer: dict[str, Any] = FlowClient(cluster.url).call(
        "job/submit", {"job_dsl": dsl, "job_runtime_conf": conf}
    )
    assert answer["retcode"] == 103
    assert "4242" in answer["retmsg"]
    assert "coordinator invite" in answer["retmsg"]


def test_keys_are_for_their_owners_eyes_only(cluster: Cluster) -> None:
    for name in ("coordinator", *PARTIES):
        mode = (cluster.home(name) / "identity.key").stat().st_mode
        assert mode & 0o777 == 0o600
