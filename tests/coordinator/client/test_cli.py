"""flow-client's verbs, flags and exit codes, against a live coordinator."""

import copy
import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from coordinator.client import FlowClient
from federation.spec.orders import Reason


@pytest.fixture
def documents(write: Any, lr_dsl: Any, lr_conf: Any) -> tuple[str, ...]:
    dsl, conf = write("dsl.json", lr_dsl), write("conf.json", lr_conf)
    return ("-d", str(dsl), "-c", str(conf))


def seat(job_id: str, component: str) -> tuple[str, ...]:
    return ("-j", job_id, "-r", "guest", "-p", "9999", "-cpn", component)


# --- jobs ----------------------------------------------------------------------------------------


def test_a_submit_tells_the_job_and_exits_0(flow: Any, documents: Any) -> None:
    ran = flow("job", "submit", *documents)
    assert ran.code == 0
    assert "submitted; model arbiter-10000#guest-9999#host-10000#model" in ran.out


def test_a_submit_that_waits_ends_in_success(flow: Any, documents: Any) -> None:
    ran = flow("job", "submit", *documents, "--wait", "--timeout", 20)
    assert ran.code == 0
    assert "success" in ran.out


def test_json_is_all_there_is_on_stdout(flow: Any, documents: Any) -> None:
    ran = flow("job", "submit", *documents, "--json", "--wait")
    assert ran.code == 0
    assert ran.json["retmsg"] == "success"
    assert ran.json["jobId"]


def test_a_job_that_fails_exits_1_with_reason_and_advice(
    flow: Any, live: Any, documents: Any
) -> None:
    live.agents.failing["intersection_0"] = Reason(
        code="blank_ids", message="2 rows [of many] have a blank id"
    )
    ran = flow("job", "submit", *documents, "--wait")
    assert ran.code == 1
    assert "intersection_0 at host 10000: 2 rows [of many] have a blank id (blank_ids)" in ran.err
    assert "flow-client job rerun -j" in ran.err


def test_a_job_that_still_runs_after_the_time_exits_4(flow: Any, live: Any, documents: Any) -> None:
    live.agents.busy.add("reader_0")
    ran = flow("job", "submit", *documents, "--wait", "--timeout", 0.01)
    assert ran.code == 4
    assert "after 0.01 s" in ran.err


def test_what_a_running_job_waits_for_is_told(flow: Any, live: Any, documents: Any) -> None:
    live.agents.busy.add("reader_0")
    job_id = flow("job", "submit", *documents, "--json").json["jobId"]
    live.await_status(job_id, "running", task="reader_0")
    ran = flow("job", "why", "-j", job_id)
    assert "is running" in ran.err
    assert "party 9999: the key of host:10000" in ran.err


def test_an_upload_that_fails_is_to_be_sent_again(flow: Any, live: Any, upload: Any) -> None:
    live.agents.failing["upload_0"] = Reason(code="header_only", message="it has no rows")
    ran = flow("data", "upload", "-c", upload("again"))
    assert ran.code == 1
    assert "it has no rows (header_only)" in ran.err
    assert "upload it again" in ran.err


def test_a_job_that_is_refused_exits_1_with_a_line_for_each_problem(
    flow: Any, write: Any, lr_dsl: Any, lr_conf: Any
) -> None:
    conf = copy.deepcopy(lr_conf)
    conf["component_parameters"]["common"]["hetero_lr_0"] = {"max_itr": 3, "learning_rate": "x"}
    paths = ("-d", write("d.json", lr_dsl), "-c", write("c.json", conf))
    ran = flow("job", "submit", *paths)
    assert ran.code == 1
    assert "the coordinator says no (retcode 103)" in ran.err
    lines = [line for line in ran.err.splitlines() if "hetero_lr_0." in line]
    assert len(lines) == 2
    assert "max_iter" in ran.err
    ran = flow("job", "submit", *paths, "--json")
    assert (ran.code, ran.json["retcode"]) == (1, 103)


def test_a_prediction_needs_no_dsl(flow: Any, write: Any, lr_conf: Any) -> None:
    ran = flow("job", "submit", "-c", write("c.json", lr_conf))
    assert ran.code == 1
    assert "components" in ran.err


def test_jobs_are_shown_one_line_a_seat(flow: Any, done_job: str) -> None:
    ran = flow("job", "query", "-j", done_job)
    assert ran.code == 0
    assert sum(done_job in line and "success" in line for line in ran.out.splitlines()) == 3
    ran = flow("job", "query", "-j", done_job, "-r", "host", "-p", "10000", "-s", "success")
    assert sum(done_job in line for line in ran.out.splitlines()) == 1


def test_a_query_as_json_leaves_the_documents_out_as_fates_flow_does(
    flow: Any, done_job: str
) -> None:
    rows = flow("job", "query", "-j", done_job, "--json").json["data"]
    assert rows
    assert not [row for row in rows if "f_dsl" in row or "f_runtime_conf" in row]


def test_no_job_is_said_and_exits_0(flow: Any) -> None:
    ran = flow("job", "query", "-j", "J")
    assert (ran.code, ran.out.strip()) == (0, "no job could be found")


def test_a_failed_job_is_shown_with_its_reason(flow: Any, live: Any, documents: Any) -> None:
    live.agents.refusing["10000"] = Reason(code="x", message="not with us")
    flow("job", "submit", *documents)
    job_id = live.client.ask("job/list/job", {"limit": 1})["jobs"][0]["job_id"]
    ran = flow("job", "query", "-j", job_id)
    assert ran.code == 0
    assert "not with us" in ran.err


def test_a_list_has_as_many_jobs_as_asked(flow: Any, done_job: str) -> None:
    ran = flow("job", "list", "-l", "1")
    assert ran.code == 0
    assert "1 of " in ran.out
    assert len(flow("job", "list", "-l", "1", "--json").json["data"]["jobs"]) == 1


def test_a_job_is_stopped(flow: Any, live: Any, documents: Any) -> None:
    live.agents.busy.add("reader_0")
    job_id = flow("job", "submit", *documents, "--json").json["jobId"]
    ran = flow("job", "stop", "-j", job_id)
    assert (ran.code, "success" in ran.out) == (0, True)
    assert live.client.job(job_id)["f_status"] == "canceled"


def test_stopping_no_job_exits_1(flow: Any) -> None:
    ran = flow("job", "stop", "-j", "J")
    assert (ran.code, "can not found job" in ran.err) == (1, True)


def test_a_failed_job_is_run_again(flow: Any, live: Any, documents: Any) -> None:
    live.agents.failing["hetero_lr_0"] = Reason(code="x", message="y")
    assert flow("job", "submit", *documents, "--wait").code == 1
    job_id = live.client.ask("job/list/job", {"limit": 1})["jobs"][0]["job_id"]
    live.agents.failing.clear()
    assert flow("job", "rerun", "-j", job_id, "--wait").code == 0
    ran = flow("task", "query", "-j", job_id, "-cpn", "hetero_lr_0")
    assert "failed" in ran.out
    assert "success" in ran.out
    assert flow("job", "rerun", "-j", job_id, "-cpn", "nobody", "--force").code == 1


def test_the_config_is_written_one_file_each(
    flow: Any, done_job: str, lr_dsl: Any, tmp_path: Path
) -> None:
    assert flow("job", "config", "-j", done_job).json["runtime_conf"]
    assert flow("job", "config", "-j", done_job, "--json").json["retcode"] == 0
    assert flow("job", "config", "-j", done_job, "-o", tmp_path / "new" / "out").code == 0
    folder = tmp_path / "new" / "out" / f"job_{done_job}_config"
    assert json.loads((folder / "dsl.json").read_text()) == lr_dsl
    assert (folder / "runtime_conf.json").exists()


def test_logs_are_unpacked_by_seat(flow: Any, done_job: str, tmp_path: Path) -> None:
    assert flow("job", "log", "-j", done_job, "-o", tmp_path).code == 0
    log = tmp_path / f"job_{done_job}_log" / "guest" / "9999" / "INFO.log"
    assert log.read_text() == "a line of guest 9999\n"
    assert not list(tmp_path.glob(".fetch*"))


def test_logs_of_no_job_exit_1(flow: Any, tmp_path: Path) -> None:
    ran = flow("job", "log", "-j", "J", "-o", tmp_path)
    assert (ran.code, "no job 'J'" in ran.err) == (1, True)


def test_why_and_ledger_are_told(flow: Any, done_job: str) -> None:
    assert "is success" in flow("job", "why", "-j", done_job).err
    assert flow("job", "why", "-j", done_job, "--json").json["data"]["status"] == "success"
    told = flow("job", "ledger", "-j", done_job).out
    line = next(line for line in told.splitlines() if "forward" in line)
    assert re.findall(r"[\w:]+", line)[2:] == [
        *("host:10000", "guest:9999", "Encrypted", "2", "1024"),
    ]
    assert len(flow("job", "ledger", "-j", done_job, "--json").json["data"]["10000"]) == 2


@pytest.mark.parametrize("verb", ["query", "stop", "config", "why", "ledger"])
def test_a_leading_word_names_the_job(flow: Any, done_job: str, verb: str) -> None:
    short, long = flow("job", verb, done_job), flow("job", verb, "-j", done_job)
    assert (short.code, short.out, short.err) == (long.code, long.out, long.err)


def test_a_verb_about_a_job_takes_one_job(flow: Any, done_job: str) -> None:
    assert "Missing option '-j'" in flow("job", "why").err
    assert "unexpected extra argument" in flow("job", "why", done_job, "J").err


def test_tasks_are_found_by_all_flags(flow: Any, done_job: str) -> None:
    ran = flow("task", "query", *seat(done_job, "evaluation_0"), "-s", "success")
    assert (ran.code, "evaluation_0" in ran.out) == (0, True)
    ran = flow("task", "query", "-j", done_job, "-s", "running")
    assert (ran.code, "find task failed" in ran.err) == (1, True)


# --- components ----------------------------------------------------------------------------------


def test_metrics_are_named_and_shown(flow: Any, done_job: str, tmp_path: Path) -> None:
    where = seat(done_job, "evaluation_0")
    assert "hetero_lr_0, loss" in flow("component", "metrics", *where).out
    assert "auc 0.975186, ks 0.9" in flow("component", "metric-all", *where).out
    assert "3 points" in flow("component", "metric-all", *where).out
    assert flow("component", "metric-all", *where, "--json").json["data"]["train"]
    assert flow("component", "metric-all", *where, "-o", tmp_path).code == 0
    assert "train" in json.loads((tmp_path / "metrics.json").read_text())


@pytest.mark.parametrize(
    ("verb", "component", "file", "key"),
    [
        ("parameters", "hetero_lr_0", "parameters.json", "ComponentParam"),
        ("output-model", "hetero_lr_0", "model.json", "weight"),
        ("get-summary", "evaluation_0", "summary.json", "auc"),
    ],
)
def test_what_a_component_has_is_printed_or_written(
    flow: Any, done_job: str, tmp_path: Path, verb: str, component: str, file: str, key: str
) -> None:
    where = seat(done_job, component)
    assert key in flow("component", verb, *where).json
    assert key in flow("component", verb, *where, "--json").json["data"]
    ran = flow("component", verb, *where, "-o", tmp_path / "out", "--json")
    assert key in json.loads((tmp_path / "out" / file).read_text())
    assert "written to" in ran.out


def test_components_are_named(flow: Any, done_job: str) -> None:
    assert "hetero_lr_0" in flow("component", "list", "-j", done_job).out
    assert flow("component", "list", "-j", done_job, "--json").json["data"]["components"]


def test_rows_are_shown(flow: Any, done_job: str) -> None:
    ran = flow("component", "output-data", *seat(done_job, "hetero_lr_0"))
    assert "data: first 3 of 3 rows" in ran.out
    assert "-1.5" in ran.out


def test_rows_are_unpacked_where_fates_flow_puts_them(
    flow: Any, done_job: str, tmp_path: Path
) -> None:
    where = seat(done_job, "hetero_lr_0")
    assert flow("component", "output-data", *where, "-o", tmp_path, "-l", 1).code == 0
    folder = tmp_path / f"job_{done_job}_hetero_lr_0_guest_9999_output_data"
    assert (folder / "data.csv").read_text() == "id,y,x0\n1,0,0.5\n"
    assert json.loads((folder / "data.meta").read_text()) == {"header": ["id", "y", "x0"]}


@pytest.mark.parametrize("verb", ["metrics", "metric-all"])
def test_a_component_without_metrics_is_said(flow: Any, done_job: str, verb: str) -> None:
    ran = flow("component", verb, *seat(done_job, "reader_0"))
    assert (ran.code, ran.out) == (0, "no data\n")


def test_a_component_without_rows_is_said(flow: Any, done_job: str) -> None:
    ran = flow("component", "output-data", *seat(done_job, "evaluation_0"))
    assert (ran.code, ran.out) == (0, "no data\n")


def test_no_rows_to_fetch_exit_1(flow: Any, done_job: str, tmp_path: Path) -> None:
    where = seat(done_job, "evaluation_0")
    ran = flow("component", "output-data", *where, "-o", tmp_path)
    assert (ran.code, "no data" in ran.err) == (1, True)
    ran = flow("component", "get-summary", *seat(done_job, "reader_0"), "--json")
    assert (ran.code, ran.json["retcode"]) == (1, 210)


def test_a_folder_that_can_not_be_written_exits_1(flow: Any, done_job: str, write: Any) -> None:
    file = write("file", "")
    ran = flow("component", "get-summary", *seat(done_job, "evaluation_0"), "-o", file)
    assert ran.code == 1
    assert str(file) in ran.err


# --- tables --------------------------------------------------------------------------------------


@pytest.fixture
def upload(write: Any, tmp_path: Path) -> Any:
    """Writes an upload conf beside its file."""

    def conf(table: str, **more: Any) -> Path:
        (tmp_path / "data").mkdir(exist_ok=True)
        (tmp_path / "data" / "d.csv").write_text("id,y\n1,0\n")
        asked = {"file": "data/d.csv", "namespace": "cli", "table_name": table, **more}
        return Path(write(f"{table}.json", asked))

    return conf


def test_an_upload_is_followed_until_the_table_is_there(
    flow: Any, live: Any, upload: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = upload("followed", head="1", partition="2", party_id="9999", name="noise", progress=1)
    monkeypatch.chdir("/")
    ran = flow("data", "upload", "-c", path)
    assert (ran.code, "success" in ran.out) == (0, True)
    assert live.agents.tables[("cli", "followed")] == b"id,y\n1,0\n"
    table = flow("table", "info", "-n", "cli", "-t", "followed").json
    assert table["table_name"] == "followed"


def test_a_table_is_replaced_only_with_drop(flow: Any, upload: Any) -> None:
    path = upload("twice")
    assert flow("data", "upload", "-c", path, "--json").json["retcode"] == 0
    ran = flow("data", "upload", "-c", path)
    assert ran.code == 1
    assert "already exists" in ran.err
    assert "--drop" in ran.err
    assert flow("data", "upload", "-c", path, "--drop", "--no-wait").code == 0


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"file": "nowhere.csv"}, "there is no file nowhere.csv"),
        ({"namespace": ""}, "lacks namespace"),
        ({"partition": "many"}, "partition is a number"),
        ({"head": []}, "head is a number"),
    ],
)
def test_a_wrong_upload_conf_exits_2(flow: Any, upload: Any, wrong: Any, says: str) -> None:
    ran = flow("data", "upload", "-c", upload("wrong", **wrong))
    assert ran.code == 2
    assert says in " ".join(ran.err.replace("│", " ").split())


def test_a_table_that_nobody_has_can_not_be_deleted(flow: Any) -> None:
    assert flow("table", "info", "-n", "n", "-t", "t").json["exist"] == 0
    ran = flow("table", "delete", "-n", "n", "-t", "t")
    assert (ran.code, "no find table" in ran.err) == (1, True)


# --- addresses and usage -------------------------------------------------------------------------


def test_the_version_is_told(flow: Any) -> None:
    assert flow("version").json["FATE"] == "1.11.4"


def test_the_address_that_init_keeps_is_used(run: Any, live: Any) -> None:
    port = live.url.rpartition(":")[2]
    assert run("init", "--ip", "127.0.0.1", "--port", port).code == 0
    assert run("version", "--json").code == 0


def test_the_flag_comes_before_the_environment(flow: Any, live: Any) -> None:
    assert flow("version", "--url", "http://127.0.0.1:1").code == 3
    assert flow("version", "--url", f"{live.url}/").code == 0


def test_where_nobody_answers_the_exit_is_3_with_advice(run: Any) -> None:
    ran = run("job", "query", "--url", "http://127.0.0.1:1")
    assert ran.code == 3
    assert "no coordinator answers at http://127.0.0.1:1" in ran.err
    assert "coordinator standalone" in ran.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("job", "submit"),
        ("job", "sumbit"),
        ("job", "submit", "-c", "nowhere.json"),
        ("job", "stop"),
        ("job", "list", "-l", "-1"),
        ("version", "--url", "ftp://x"),
        ("version", "--url", "http://:x"),
        ("init", "--port", "99999"),
    ],
)
def test_wrong_usage_exits_2(flow: Any, arguments: tuple[str, ...]) -> None:
    assert flow(*arguments).code == 2


@pytest.mark.parametrize("content", ["{", "[]", "[" * 100_000, '{"a": 1,\n oh}'])
def test_a_conf_that_is_no_json_exits_2(flow: Any, write: Any, content: str) -> None:
    ran = flow("job", "submit", "-c", write("broken.json", content))
    assert ran.code == 2
    assert "broken.json" in ran.err


def test_broken_settings_exit_2_and_name_the_way_out(run: Any, tmp_path: Path) -> None:
    (tmp_path / "config" / "tripact").mkdir(parents=True)
    (tmp_path / "config" / "tripact" / "client.toml").write_text("url =")
    ran = run("version")
    assert ran.code == 2
    assert "flow-client init" in ran.err


def test_an_interrupt_exits_130(flow: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupted)
    monkeypatch.setattr(FlowClient, "call", interrupted)
    assert flow("job", "query").code == 130


# --- models --------------------------------------------------------------------------------------


def test_a_training_is_deployed_and_its_documents_are_written(
    flow: Any, live: Any, done_job: str, tmp_path: Path
) -> None:
    info = live.client.ask("job/config", {"job_id": done_job})["model_info"]
    model = ("--model-id", info["model_id"], "--model-version")
    ran = flow("model", "deploy", *model, info["model_version"], "--json")
    assert ran.code == 0
    version = ran.json["data"]["model_version"]
    target = tmp_path / "dsl.json"
    assert flow("model", "get-predict-dsl", *model, version, "-o", target).code == 0
    assert "hetero_lr_0" in json.loads(target.read_text())["components"]
    ran = flow("model", "deploy", *model, version, "--dsl-path", target)
    assert (ran.code, "can predict" in ran.out) == (0, True)
    assert "predict" in flow("model", "get-predict-conf", *model, version).out
    assert version in flow("model", "query", *model, version).out
    assert flow("model", "deploy", *model, "1").code == 1


def test_an_ended_job_gets_other_parameters(flow: Any, write: Any, documents: Any) -> None:
    job_id = flow("job", "submit", *documents, "--json", "--wait").json["jobId"]
    more = {"component_parameters": {"common": {"hetero_lr_0": {"learning_rate": 0.02}}}}
    conf = write("more.json", more)
    ran = flow("job", "parameter-update", "-j", job_id, "-c", conf)
    assert (ran.code, ran.out.strip()) == (0, "changed: hetero_lr_0")
    again = flow("job", "parameter-update", "-j", job_id, "-c", conf)
    assert again.out.strip() == "changed: nothing"


def test_an_online_prediction_that_nobody_answers_ends_with_a_no(flow: Any, write: Any) -> None:
    ask = {"head": {"serviceId": "nobody"}, "body": {"featureData": {}}}
    told = flow("model", "infer", "-c", write("ask.json", ask))
    assert told.code == 1
    assert told.json["retcode"] == 122
