"""Every verb of FATE's `flow`, and every function of its old client, is a verb of flow-client.

`flow_verbs.txt` holds what FATE's own clients (flow 1.11.3, fate_flow_client.py 1.4.6) were
recorded to send for each command line. Ours must send the same, but for the keys that no server
reads.
"""

import io
import json
import shlex
import tarfile
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from coordinator.client import FlowClient, FlowError
from coordinator.client.groups import Seat, Stored

Json = dict[str, Any]
NOISE = frozenset(
    [
        "conf_path",
        "dsl_path",
        "config",
        "dsl",
        "function",
        "output_path",
        "verbose",
        "local",
        "filename",
        "query_filters",
        "components_checkpoint",
    ]
)
FILES = frozenset(
    {
        "job/log",
        "job/log/download",
        "tracking/component/output/data/download",
        "template/download",
        "model/export",
    }
)
ROW = {"f_status": "success", "f_progress": 100, "f_is_initiator": True, "f_dsl": {}}
ANSWERS: Json = {
    "job/submit": {"job_id": "J", "model_info": {"model_id": "m", "model_version": "v"}},
    "data/upload": {"job_id": "J", "model_info": {"model_id": "m", "model_version": "v"}},
    "job/query": [{**ROW, "f_runtime_conf": {}}],
    "job/task/query": [],
    "job/list/job": {"jobs": [], "count": 0},
    "job/parameter/update": {"components": []},
    "tracking/component/list": {"components": []},
    "model/deploy": {"model_version": "v"},
    "model/query": [],
    "tripact/queue/query": {"jobs": [], "count": 0},
}


@dataclass(frozen=True)
class Recorded:
    """A command line, and what FATE's client sends for it."""

    arguments: tuple[str, ...]
    path: str
    body: Json


def read_recordings() -> list[Recorded]:
    lines = (Path(__file__).parent / "flow_verbs.txt").read_text().splitlines()
    return [recorded(*pair) for pair in zip(lines[::2], lines[1::2], strict=True)]


def recorded(command: str, request: str) -> Recorded:
    _, url, *rest = request.strip().split(" ", 2)
    body: Json = {}
    if "?" in url:
        url, _, query = request.strip().split(" ", 1)[1].partition("?")
        query = query.rpartition(" multipart")[0]
        body = json.loads(query) if query[0] == "{" else dict(urllib.parse.parse_qsl(query))
    elif rest and rest[0].startswith("{"):
        body = json.loads(rest[0])
    elif rest and rest[0].startswith("multipart{"):
        parts = (part.split("=", 1) for part in rest[0][len("multipart{") : -1].split(", "))
        body = {name: value for name, value in parts if not value.startswith("@")}
    arguments = shlex.split(command)
    return Recorded(
        tuple(arguments[arguments[0] == "flow" :]),
        url.removeprefix("/v1/"),
        {name: value for name, value in body.items() if name not in NOISE},
    )


RECORDINGS = read_recordings()
VERBS = [r for r in RECORDINGS if r.arguments[0] != "-f"]
FUNCTIONS = [r for r in RECORDINGS if r.arguments[0] == "-f"]


@dataclass
class Listener:
    """A server that says yes to everything and remembers what it was asked."""

    url: str = ""
    asked: list[tuple[str, Json]] = field(default_factory=list)
    says: Json = field(default_factory=dict)


def archive() -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w:gz") as tar:
        info = tarfile.TarInfo("guest/9999/INFO.log")
        text = b"a line\nsecure_add_guest.py success to calculate secure_sum, it is 2000.0\n"
        info.size = len(text)
        tar.addfile(info, io.BytesIO(text))
    return sink.getvalue()


@pytest.fixture(scope="module")
def listening() -> Iterator[Listener]:
    listener, packed = Listener(), archive()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            path, _, query = self.path.removeprefix("/v1/").partition("?")
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            listener.asked.append((path, self._read(urllib.parse.unquote(query), content)))
            if path in FILES and not listener.says:
                self._give(packed, "attachment; filename=made.tar.gz")
                return
            data = ANSWERS.get(path, {})
            answer = {"retcode": 0, "retmsg": "success", "jobId": "J", "data": data}
            self._give(json.dumps(answer | listener.says).encode(), "")

        def _read(self, query: str, content: bytes) -> Json:
            if "multipart" in (self.headers.get("Content-Type") or ""):
                texts = [part.partition(b"\r\n\r\n") for part in content.split(b"--")]
                form = {
                    head.split(b'name="')[1].split(b'"')[0].decode(): value.strip().decode()
                    for head, _, value in texts
                    if b"name=" in head and b"filename=" not in head
                }
                return json.loads(query) if query else form
            return dict(json.loads(content or b"{}"))

        def _give(self, body: bytes, disposition: str) -> None:
            self.send_response(200)
            if disposition:
                self.send_header("Content-Disposition", disposition)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    listener.url = f"http://127.0.0.1:{server.server_port}"
    yield listener
    server.shutdown()
    thread.join(20)
    server.server_close()


@pytest.fixture
def listener(listening: Listener) -> Listener:
    listening.asked.clear()
    listening.says = {}
    return listening


@pytest.fixture
def flow(run: Any, listener: Listener, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("TRIPACT_URL", listener.url)
    return run


def lay_out(said: Recorded, folder: Path) -> None:
    """The files that a command line names, so that they lead to what was recorded."""
    (folder / "d.csv").write_text("id,y\n1,0\n")
    (folder / "cpn.txt").write_text("dataio_0,hetero_lr_0")
    (folder / "woe.json").write_text(json.dumps(said.body.get("woe_array", {})))
    conf = said.body
    if said.path == "job/submit":
        conf = said.body["job_runtime_conf"]
    elif "file" in said.body:
        conf = {**said.body, "file": str(folder / "d.csv")}
    dsl = said.body.get("job_dsl") or said.body.get("train_dsl") or {}
    for name in {part for part in said.arguments if part.endswith(".json")} - {"woe.json"}:
        if "dsl" in name:
            (folder / name).write_text(dsl if isinstance(dsl, str) else json.dumps(dsl))
        elif "/" not in name:
            (folder / name).write_text(json.dumps({**conf, "output_path": "o"}))


def check_sent(said: Recorded, listener: Listener) -> None:
    path, body = listener.asked[0]
    assert path == said.path
    for name, value in said.body.items():
        if name == "file":
            assert body[name].endswith("d.csv")
        elif not value or str(value) == "0":
            assert str(body.get(name, value)) in (str(value), "False")
        elif name == "job_runtime_conf":
            assert {**body[name], **without_noise(value)} == body[name]
        elif name == "train_dsl":
            assert json.loads(body[name]) == json.loads(value)
        else:
            assert str(body[name]) == str(value)


def without_noise(value: Json) -> Json:
    return {name: part for name, part in value.items() if name not in NOISE}


def names(recordings: list[Recorded]) -> list[str]:
    return [" ".join(said.arguments) for said in recordings]


def test_the_recordings_have_every_group_of_fates_flow() -> None:
    groups = {said.arguments[0] for said in VERBS}
    assert groups == {
        "job",
        "task",
        "data",
        "component",
        "tracking",
        "model",
        "checkpoint",
        "table",
        "tag",
        "queue",
        "resource",
        "privilege",
        "provider",
        "server",
        "service",
        "key",
        "template",
    }
    assert len(VERBS) > 90
    assert len(FUNCTIONS) > 30


@pytest.mark.parametrize("said", VERBS, ids=names(VERBS))
def test_a_verb_of_flow_sends_what_flow_sends(
    flow: Any, listener: Listener, tmp_path: Path, said: Recorded
) -> None:
    lay_out(said, tmp_path)
    ran = flow(*said.arguments)
    assert ran.code == 0, ran.err
    check_sent(said, listener)


@pytest.mark.parametrize("said", FUNCTIONS, ids=names(FUNCTIONS))
def test_a_function_of_the_old_client_sends_what_it_sent(
    flow: Any, listener: Listener, tmp_path: Path, said: Recorded
) -> None:
    lay_out(said, tmp_path)
    ran = flow(*said.arguments)
    assert ran.code == 0, ran.err
    check_sent(said, listener)
    assert ran.json["retcode"] == 0


@pytest.mark.parametrize(
    "arguments",
    [("key", "query", "-p", "1"), ("queue", "clean", "--json")],
)
def test_a_no_of_the_server_is_printed_and_exits_1(
    flow: Any, listener: Listener, arguments: tuple[str, ...]
) -> None:
    listener.says = {"retcode": 100, "retmsg": "keys are told when agents join", "data": {}}
    ran = flow(*arguments)
    assert ran.code == 1
    assert "keys are told when agents join" in ran.err


def test_the_old_client_sends_output_paths_that_any_folder_understands(
    flow: Any, listener: Listener, tmp_path: Path
) -> None:
    conf = tmp_path / "download.json"
    conf.write_text(json.dumps({"namespace": "n", "table_name": "t", "output_path": "out/t.csv"}))
    assert flow("-f", "download", "-c", str(conf)).code == 0
    assert listener.asked[-1][1]["output_path"] == str(Path("out/t.csv").absolute())


def test_the_old_client_prints_a_no_as_json_and_nothing_else(flow: Any, listener: Listener) -> None:
    listener.says = {"retcode": 101, "retmsg": "no find table", "data": {}}
    ran = flow("-f", "table_delete", "-n", "n", "-t", "t")
    assert (ran.code, ran.err) == (1, "")
    assert (ran.json["retcode"], ran.json["retmsg"]) == (101, "no find table")


@pytest.mark.parametrize(
    "arguments",
    [
        ("-f", "submit_job"),
        ("-f", "no_such_function"),
        ("-f", "query_job", "-limit", "many"),
        ("-f", "job_log", "-j", "J"),
        ("-f",),
        ("model", "load", "-c", "nowhere.json"),
        ("model", "export", "-c", "empty.json"),
        ("job", "dsl", "--train-dsl-path", "empty.json"),
        ("key", "query"),
    ],
)
def test_wrong_usage_exits_2_and_asks_nothing(
    flow: Any, listener: Listener, write: Any, arguments: tuple[str, ...]
) -> None:
    write("empty.json", {})
    assert flow(*arguments).code == 2
    assert listener.asked == []


def test_a_model_that_could_not_be_kept_loaded_is_to_be_loaded_again(
    flow: Any, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    why = {"job_id": "J", "kind": "serve", "status": "failed", "reason": None}
    monkeypatch.setitem(ANSWERS, "tripact/job/why", {**why, "failed": [], "waiting_for": []})
    assert "flow-client model load" in flow("job", "why", "-j", "J").err


def test_the_toy_prints_what_the_guest_says_of_the_sum(flow: Any, listener: Listener) -> None:
    ran = flow("test", "toy", "-gid", "9999", "-hid", "10000")
    assert (ran.code, "it is 2000.0" in ran.out, "a line" in ran.out) == (0, True, False)
    conf = listener.asked[0][1]["job_runtime_conf"]
    assert conf["role"] == {"guest": ["9999"], "host": ["10000"]}
    assert [path for path, _ in listener.asked][-1] == "job/log/download"


def test_what_a_verb_gives_is_kept_where_it_was_asked_for(
    flow: Any, listener: Listener, write: Any, tmp_path: Path
) -> None:
    write("model.json", {"model_id": "m", "model_version": "v", "role": "guest", "party_id": 1})
    assert flow("model", "export", "-c", "model.json", "-o", tmp_path / "kept").code == 0
    assert tarfile.is_tarfile(tmp_path / "kept" / "made.tar.gz")
    assert flow("template", "download", "-o", tmp_path / "examples").code == 0
    assert (tmp_path / "examples" / "guest" / "9999" / "INFO.log").exists()
    ANSWERS["component/woe_array/extract"] = {"x0": [0.5]}
    where = ("--model-id", "m", "--model-version", "v", "-r", "guest", "-p", "1", "-cpn", "c")
    assert flow("component", "woe-array-extract", *where, "-o", tmp_path / "w.json").code == 0
    assert json.loads((tmp_path / "w.json").read_text()) == {"x0": [0.5]}


# --- for Python ----------------------------------------------------------------------------------

SEAT = Seat("J", "c", "guest", 9999)
STORED = Stored("m", "v", "guest", 9999, "c")
PYTHON: dict[str, Callable[[FlowClient, Path], object]] = {
    "job submit": lambda c, _: c.submit({}, {}),
    "job query": lambda c, _: c.jobs.query(job_id="J"),
    "job list": lambda c, _: c.jobs.list(5),
    "job view": lambda c, _: c.jobs.view(SEAT),
    "job stop": lambda c, _: c.stop("J"),
    "job rerun": lambda c, _: c.jobs.rerun("J", ["a"], force=True),
    "job parameter-update": lambda c, _: c.jobs.update_parameters("J", {"common": {}}),
    "job config": lambda c, _: c.jobs.config("J"),
    "job log": lambda c, p: c.jobs.log("J", p),
    "job dsl": lambda c, _: c.jobs.predict_dsl({}, ["a"]),
    "task list": lambda c, _: c.jobs.list_tasks(5),
    "task query": lambda c, _: c.tasks("J"),
    "data upload": lambda c, p: c.upload(p / "d.csv", namespace="n", name="t"),
    "data download": lambda c, _: c.data.download({}),
    "data writer": lambda c, _: c.data.writer({}),
    "data upload-history": lambda c, _: c.data.upload_history(5),
    "component list": lambda c, _: c.components.list("J"),
    "component metrics": lambda c, _: c.components.metrics(SEAT),
    "component metric-all": lambda c, _: c.components.all_metrics(SEAT),
    "component metric-delete": lambda c, _: c.components.delete_metrics(SEAT),
    "component parameters": lambda c, _: c.components.parameters(SEAT),
    "component output-data": lambda c, p: c.components.output_data(SEAT, p),
    "component output-model": lambda c, _: c.components.output_model(SEAT),
    "component output-data-table": lambda c, _: c.components.output_tables(SEAT),
    "component get-summary": lambda c, _: c.components.summary(SEAT),
    "component hetero-model-merge": lambda c, _: c.components.merge_models({}),
    "component woe-array-extract": lambda c, _: c.components.extract_woe(STORED),
    "component woe-array-merge": lambda c, _: c.components.merge_woe(STORED, {}),
    "tracking metrics": lambda c, _: c.components.metrics(SEAT),
    "model load": lambda c, _: c.models.load({"job_id": "J"}),
    "model bind": lambda c, _: c.models.bind({"service_id": "s"}),
    "model import": lambda c, p: c.models.bring(STORED, p / "d.csv"),
    "model export": lambda c, p: c.models.export(STORED, p),
    "model migrate": lambda c, _: c.models.migrate({}),
    "model tag-model": lambda c, _: c.models.tag("J", "T"),
    "model tag-list": lambda c, _: c.models.tags("J"),
    "model get-predict-dsl": lambda c, _: c.predict_dsl("m", "v"),
    "model get-predict-conf": lambda c, _: c.predict_conf("m", "v"),
    "model deploy": lambda c, _: c.deploy("m", "v"),
    "model get-model-info": lambda c, _: c.models.query(model_id="m"),
    "model homo-convert": lambda c, _: c.models.homo_convert({}),
    "model homo-deploy": lambda c, _: c.models.homo_deploy({}),
    "checkpoint list": lambda c, _: c.models.checkpoints(STORED),
    "checkpoint get": lambda c, _: c.models.checkpoint(STORED, 1),
    "table info": lambda c, _: c.data.table("n", "t"),
    "table delete": lambda c, _: c.data.delete("n", "t"),
    "table add": lambda c, _: c.data.add({}),
    "table bind": lambda c, _: c.data.bind({}, drop=True),
    "table disable": lambda c, _: c.data.disable("n", "t"),
    "table enable": lambda c, _: c.data.enable("n", "t"),
    "table disable-delete": lambda c, _: c.data.delete_disabled(),
    "table connector-create": lambda c, _: c.data.create_connector("c", "MYSQL", {}),
    "table connector-query": lambda c, _: c.data.connector("c"),
    "table tracking-source": lambda c, _: c.data.sources("n", "t"),
    "table tracking-job": lambda c, _: c.data.users("n", "t"),
    "tag create": lambda c, _: c.tags.create("T"),
    "tag query": lambda c, _: c.tags.query("T", with_model=True),
    "tag update": lambda c, _: c.tags.update("T", "T2"),
    "tag delete": lambda c, _: c.tags.delete("T"),
    "tag list": lambda c, _: c.tags.list(3),
    "queue clean": lambda c, _: c.jobs.clean_queue(),
    "resource query": lambda c, _: c.jobs.resources(),
    "resource return": lambda c, _: c.jobs.return_resources("J"),
    "privilege grant": lambda c, _: c.world.grant(1, component="reader"),
    "privilege delete": lambda c, _: c.world.revoke(1),
    "privilege query": lambda c, _: c.world.privileges(1),
    "provider list": lambda c, _: c.world.providers(),
    "provider list-components": lambda c, _: c.world.components(),
    "provider register": lambda c, _: c.world.register_provider({}),
    "server versions": lambda c, _: c.world.versions(),
    "server reload": lambda c, _: c.world.reload(),
    "service registry": lambda c, _: c.world.services(),
    "key save": lambda c, _: c.world.save_key(1, "k"),
    "key query": lambda c, _: c.world.key(1),
    "key delete": lambda c, _: c.world.delete_key(1),
    "template download": lambda c, p: c.world.templates(p),
}


def test_python_has_every_verb() -> None:
    assert set(PYTHON) == {" ".join(said.arguments[:2]) for said in VERBS}


@pytest.mark.parametrize("verb", sorted(PYTHON))
def test_a_verb_for_python_asks_the_same_route(
    listener: Listener, tmp_path: Path, verb: str
) -> None:
    (tmp_path / "d.csv").write_text("id\n1\n")
    PYTHON[verb](FlowClient(listener.url, timeout_s=20), tmp_path)
    paths = {said.path for said in VERBS if " ".join(said.arguments[:2]) == verb}
    assert listener.asked[0][0] in paths
    listener.says = {"retcode": 100, "retmsg": "no"}
    with pytest.raises(FlowError, match="no"):
        PYTHON[verb](FlowClient(listener.url, timeout_s=20), tmp_path)
