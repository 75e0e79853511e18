"""fate_test 1.6.1: data, a suite of jobs that need each other, and its test of FATE-Flow.

It sleeps for seconds between questions, so that its runs go on in the background, one after
another, while other tests run. It counts the bare lists of FATE-Flow 1.6: its coordinator gives
those (`old_lists`), and is not the one of the other tests, since its test of FATE-Flow empties the
queue.
"""

import re

import pytest

from coordinator.client import FlowClient
from tests.clients.fate_test_runs import Runs
from tests.clients.project import NAMESPACE, TABLES

ROWS = 569


def rows_of(said: str) -> dict[str, str]:
    """Name -> status of the lines that fate_test prints as tables."""
    lines = re.findall(r"^\| *(\S.*?) *\| *(success|failed) *\|$", said, flags=re.MULTILINE)
    return dict(lines)


def test_the_server_names_the_version_of_fate_for_every_role(runs: Runs) -> None:
    said = runs("config check")
    for role in ("guest_0", "host_0", "arbiter_0"):
        assert re.search(rf"ok, fate version is 1\.\d+\.\d+, role is {role}$", said, re.MULTILINE)


def test_data_is_uploaded_and_deleted(runs: Runs, counting: FlowClient) -> None:
    said = runs("data upload")
    assert "exception_id" not in said
    assert runs.counted == [ROWS, ROWS]
    assert "exception_id" not in runs("data delete")
    for table in TABLES.values():
        assert (
            counting.ask("table/table_info", {"namespace": NAMESPACE, "name": table})["exist"] == 0
        )


def jobs_of(said: str) -> list[tuple[str, str, str]]:
    """Name, id and status of each job in fate_test's last table."""
    return re.findall(r"^\| +(\S+) +\| (\d+) \| +(\w+) +\|", said, flags=re.MULTILINE)


def test_a_suite_of_jobs_that_need_models_and_data_of_others_succeeds(
    runs: Runs, counting: FlowClient
) -> None:
    said = runs("suite")
    lines = jobs_of(said)
    assert {name: status for name, _, status in lines} == dict.fromkeys(
        ("train", "predict", "on-output", "train-v1", "predict-v1"), "success"
    )
    for name, job_id, _ in lines:
        notes = {row["f_description"] for row in counting.ask("job/query", {"job_id": job_id})}
        assert len(notes) == 1
        assert notes.pop().startswith(f"{name}@")


def test_a_benchmark_finds_pooled_and_federated_training_equally_good(runs: Runs) -> None:
    said = re.sub(r"\x1b\[\d+m", "", runs("benchmark-quality"))
    assert "exception_id" not in said
    (names,) = re.findall(r"^\| +Model Name +\| +(\S+) +\| +(\S+) +\|", said, re.MULTILINE)
    lines = re.findall(r"^\| +(\S+)-hetero_lr-breast +\| +(\S+) +\| +(\S+) +\|", said, re.MULTILINE)
    found = {name: dict(zip(names, map(float, values), strict=True)) for name, *values in lines}
    assert found["FATE"]["auc"] == pytest.approx(found["local"]["auc"], abs=1e-6)
    assert 0.8 < found["FATE"]["ks"] <= found["local"]["ks"] < 1
    assert "All Metrics Match: True" in said


def test_performance_runs_its_template_with_the_options_of_the_command(
    runs: Runs, counting: FlowClient
) -> None:
    said = runs("performance")
    assert "exception_id=" not in said
    ((name, job_id, status),) = jobs_of(said)
    assert (name, status) == ("measured", "success")
    (row,) = counting.ask("job/query", {"job_id": job_id, "role": "guest"})
    common = row["f_runtime_conf"]["job_parameters"]["common"]
    assert (common["task_cores"], common["timeout"]) == (3, 900)
    told = counting.ask(
        "tracking/component/parameters",
        {"job_id": job_id, "role": "guest", "party_id": 9999, "component_name": "hetero_lr_0"},
    )
    assert told["ComponentParam"]["max_iter"] == 2


def test_the_process_trains_to_fates_auc_deploys_predicts_loads_binds_and_asks_online(
    runs: Runs,
) -> None:
    said = runs("flow-test process")
    steps = ("train job", "deploy model", "predict job")
    assert [step for step in steps if f"{step} success" not in said] == []
    assert '"retmsg": "service id is auto_test_' in said
    assert "Online predict successfully, response:" in said
    assert "exception_id" not in said


DONE_BY_ALL = (
    *("data upload", "data download", "data upload history", "table info", "delete table"),
    *("job stop", "job submit", "job query", "job config", "job log", "task query"),
    *("output data", "output table", "output model", "component parameters", "metrics"),
    *("metrics all", "metrics delete", "model export"),
)
DONE_BY = {
    "rest": (
        *("job rerun", "job data view", "job list", "job dsl generate", "task list"),
        *("create tag", "update tag", "list tag", "retrieve tag", "destroy tag"),
        *("component summary", "component list", "model_tag create"),
        *("model_tag remove", "model_tag retrieve", "model query", "model deploy", "model conf"),
        *("model dsl", "clean/queue"),
    ),
    "sdk": (
        *("job view", "job list", "job dsl generate", "task list", "create tag", "update tag"),
        *("list tag", "query tag", "delete tag", "component summary", "component list"),
        *("tag model", "tag list", "model query", "model deploy", "model conf", "model dsl"),
        "clean/queue",
    ),
    "cli": ("job data view", "clean job", "clean queue", "model store", "model restore"),
}
NOT_ASKED = {
    # It loads what it has not deployed, looks for an imported model in a folder of the server's
    # disk, and migrates to the same parties.
    "rest": {"model load", "model bind", "model  import", "model migrate"},
    # It gives its own SDK no conf to load and bind with.
    "sdk": {"model load", "model bind", "model  import", "model migrate"},
    # Nor the command line.
    "cli": {"model load", "model bind", "model  import"},
}
"""What fate_test 1.6.1 asks for in vain, and why."""


@pytest.mark.parametrize("form", ["rest", "sdk", "cli"])
def test_all_that_can_be_asked_from_afar_is_answered(runs: Runs, form: str) -> None:
    rows = rows_of(runs(f"flow-test {form}"))
    wanted = (*DONE_BY_ALL, *DONE_BY[form])
    assert {name: rows.get(name) for name in wanted} == dict.fromkeys(wanted, "success")
    assert rows.keys() - set(wanted) == NOT_ASKED[form]
