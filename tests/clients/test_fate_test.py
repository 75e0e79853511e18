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


def test_data_is_uploaded_and_deleted(runs: Runs, counting: FlowClient) -> None:
    said = runs("data upload")
    assert "exception_id" not in said
    assert runs.counted == [ROWS, ROWS]
    assert "exception_id" not in runs("data delete")
    for table in TABLES.values():
        assert (
            counting.ask("table/table_info", {"namespace": NAMESPACE, "name": table})["exist"] == 0
        )


def test_a_suite_of_jobs_that_need_models_and_data_of_others_succeeds(
    runs: Runs, counting: FlowClient
) -> None:
    said = runs("suite")
    lines = re.findall(r"^\| +(\S+) +\| (\d+) \| +(\w+) \|", said, flags=re.MULTILINE)
    assert {name: status for name, _, status in lines} == dict.fromkeys(
        ("train", "predict", "on-output", "train-v1", "predict-v1"), "success"
    )
    for name, job_id, _ in lines:
        notes = {row["f_description"] for row in counting.ask("job/query", {"job_id": job_id})}
        assert len(notes) == 1
        assert notes.pop().startswith(f"{name}@")


def test_the_process_trains_to_fates_auc_deploys_and_predicts(runs: Runs) -> None:
    said = runs("flow-test process")
    for step in ("train job success", "deploy model success", "predict job success"):
        assert step in said, said


@pytest.mark.parametrize("form", ["rest", "sdk"])
def test_its_questions_about_data_jobs_tasks_and_tags_are_answered(runs: Runs, form: str) -> None:
    rows = rows_of(runs(f"flow-test {form}"))
    names = {
        *("data upload", "data upload history", "table info", "delete table"),
        *("job stop", "job submit", "job query", "job list", "job config", "job log"),
        *("job dsl generate", "task list", "task query", "create tag", "update tag", "list tag"),
        *(("job rerun", "job data view", "retrieve tag", "destroy tag") if form == "rest" else ()),
        *(("job view", "query tag", "delete tag") if form == "sdk" else ()),
    }
    assert {name: rows.get(name) for name in names} == dict.fromkeys(names, "success")
