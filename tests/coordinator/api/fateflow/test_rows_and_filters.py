"""Records as FATE's rows, and FATE's queries as filters."""

from dataclasses import replace
from typing import Any

import pytest

from coordinator.api.fateflow import filters, rows
from coordinator.domain.records import Job, JobFilter, OutputTable, Task, TaskFilter
from federation.fateflow.reading import WrongArgument
from federation.spec import status
from federation.spec.orders import Reason
from federation.spec.party import ARBITER, GUEST, HOST, Party, Role
from federation.spec.status import Status

JOB = Job(
    job_id="J",
    kind="train",
    dsl={"components": {}},
    conf={"dsl_version": 2},
    roles={GUEST: ("9999",), HOST: ("10000", "bank"), ARBITER: ("10000",)},
    initiator=Party(GUEST, "9999"),
    model_id="m",
    model_version="J",
    status=Status.RUNNING,
    epoch=0,
    progress=50,
    description="",
    created_ms=1_700_000_000_000,
    updated_ms=1_700_000_001_000,
    started_ms=1_700_000_000_500,
)
TASK = Task(
    job_id="J",
    component="lr_0",
    module="HeteroLR",
    task_id="J_lr_0",
    version=0,
    role=GUEST,
    party_id="9999",
    status=Status.FAILED,
    party_status=Status.FAILED,
    created_ms=1,
    updated_ms=2,
    started_ms=1000,
    ended_ms=3500,
    reason=Reason(code="blank_ids", message="3 rows have a blank id", path="reader_0"),
)
# Spec 4.3 and 4.4, word by word.
JOB_COLUMNS = """job_id name description tag dsl runtime_conf runtime_conf_on_party
    train_runtime_conf roles work_mode initiator_role initiator_party_id status status_code user
    user_id role party_id is_initiator progress ready_signal ready_time cancel_signal cancel_time
    rerun_signal end_scheduling_updates engine_name engine_type cores memory remaining_cores
    remaining_memory resource_in_use apply_resource_time return_resource_time inheritance_info
    inheritance_status start_time start_date end_time end_date elapsed create_time create_date
    update_time update_date run_ip current_steps current_tasks"""
TASK_COLUMNS = """job_id component_name component_module task_id task_version initiator_role
    initiator_party_id federated_mode federated_status_collect_type status status_code auto_retries
    auto_retry_delay role party_id run_on_this_party worker_id cmd run_ip run_port run_pid
    party_status provider_info component_parameters engine_conf kill_status error_report start_time
    start_date end_time end_date elapsed create_time create_date update_time update_date"""


def test_a_job_row_has_every_column_of_fate() -> None:
    row = rows.job_row(JOB, JOB.initiator)
    assert set(row) == {f"f_{name}" for name in JOB_COLUMNS.split()}


def test_a_task_row_has_every_column_of_fate() -> None:
    assert set(rows.task_row(TASK, JOB)) == {f"f_{name}" for name in TASK_COLUMNS.split()}


def test_only_the_initiators_row_says_so() -> None:
    said = {str(seat): rows.job_row(JOB, seat)["f_is_initiator"] for seat in JOB.seats}
    assert [seat for seat, is_initiator in said.items() if is_initiator] == ["guest:9999"]


def test_party_ids_are_text_in_rows_and_numbers_in_roles() -> None:
    row = rows.job_row(JOB, Party(HOST, "10000"))
    assert row["f_party_id"] == "10000"
    assert row["f_roles"] == {"guest": [9999], "host": [10000, "bank"], "arbiter": [10000]}


def test_times_are_milliseconds_and_dates_have_seconds() -> None:
    row = rows.job_row(JOB, JOB.initiator)
    assert row["f_create_time"] == 1_700_000_000_000
    assert row["f_create_date"] == "2023-11-14 22:13:20"
    assert row["f_end_date"] is None


def test_elapsed_is_from_start_to_end() -> None:
    assert rows.task_row(TASK, JOB)["f_elapsed"] == 2500


def test_a_failed_task_says_where_and_why() -> None:
    report = rows.task_row(TASK, JOB)["f_error_report"]
    assert report == "reader_0: 3 rows have a blank id (blank_ids)"


def test_a_listed_job_has_no_prefixes_and_names_its_partners() -> None:
    row = rows.listed_job(JOB)
    assert (row["party_id"], row["role"]) == (9999, "guest")
    assert row["partners"] == [10000, "bank"]
    assert not [name for name in row if name.startswith("f_")]


def test_an_output_is_named_under_both_spellings() -> None:
    output = OutputTable("J", "lr_0", "J_lr_0", 0, GUEST, "9999", "data", "ns", "t", 3, ("id",), {})
    assert rows.output_row(output) == {
        "table_name": "t",
        "table_namespace": "ns",
        "namespace": "ns",
        "data_name": "data",
    }


@pytest.mark.parametrize("party_id", [9999, "9999", " 09999 "])
def test_party_ids_are_the_same_as_number_and_text(party_id: int | str) -> None:
    assert filters.job_filter({"party_id": party_id}).party_id == "9999"


def test_a_job_is_never_shown_with_a_status_that_the_pipeline_sdk_raises_at() -> None:
    known = {"waiting", "running", "success", "failed", "canceled", "timeout"}
    words = {new for old, changes in status.JOB.items() for new in {old, *changes}}
    assert words == known
    for word in words:
        assert rows.job_row(replace(JOB, status=word), JOB.initiator)["f_status"] in known


def test_nothing_asked_is_every_job_that_ends() -> None:
    noise = {"local": {"role": "guest"}, "function": "query_job", "limit": 3, "role": None}
    assert filters.job_filter(noise) == JobFilter(ends=True)


def test_a_loaded_model_is_found_by_its_id_and_its_kind_alone() -> None:
    for asked in (filters.job_filter, filters.page_filter):
        assert asked({"kind": "serve"}) == JobFilter(kind="serve")
        assert asked({"kind": ["serve"]}) == JobFilter(ends=True)
    assert filters.job_filter({"job_id": "J"}) == JobFilter(job_id="J")
    assert filters.task_filter({"task_id": "J_serving_0"}) == TaskFilter(task_id="J_serving_0")
    assert filters.task_filter({"status": "running"}).ends
    assert filters.page_filter({"job_id": "J"}).ends


def test_a_status_that_no_job_has_matches_nothing() -> None:
    assert filters.job_filter({"status": "deleted"}).status == ()


def test_several_statuses_may_be_asked_for() -> None:
    wanted = filters.job_filter({"status": ["failed", "success", {}]}).status
    assert wanted == (Status.FAILED, Status.SUCCESS)


@pytest.mark.parametrize(
    "body",
    [
        {"role": "gest"},
        {"role": ["guest"]},
        {"role": 3},
        {"party_id": {}},
        {"party_id": True},
        {"party_id": 1.5},
        {"job_id": ["J"]},
        {"job_id": False},
    ],
)
def test_a_filter_of_a_wrong_kind_is_an_error_and_not_an_empty_answer(body: dict[str, Any]) -> None:
    with pytest.raises(WrongArgument):
        filters.job_filter(body)


@pytest.mark.parametrize("version", [[], "x", 1.5, 10**30])
def test_a_task_version_of_a_wrong_kind_is_an_error(version: object) -> None:
    with pytest.raises(WrongArgument):
        filters.task_filter({"task_version": version})


@pytest.mark.parametrize(
    ("role", "party_id", "seats"),
    [
        (None, None, 4),
        (HOST, None, 2),
        (None, "10000", 2),
        (ARBITER, "10000", 1),
        (GUEST, "10000", 0),
    ],
)
def test_a_query_sees_the_seats_it_names(
    role: Role | None, party_id: str | None, seats: int
) -> None:
    assert len(filters.seats_shown(JOB, role, party_id)) == seats


@pytest.mark.parametrize(
    ("body", "fits"),
    [
        ({"initiator_party_id": 9999}, True),
        ({"initiator_party_id": "10000"}, False),
        ({"is_initiator": True}, True),
        ({"is_initiator": "false"}, False),
        ({"progress": 50, "unknown": 3}, True),
        ({"dsl": "dsl.json", "user": "me", "runtime_conf": {}}, True),
        ({"cancel_time": 3}, True),
    ],
)
def test_every_plain_column_filters_and_noise_does_not(body: dict[str, Any], fits: bool) -> None:
    assert filters.matches(rows.job_row(JOB, JOB.initiator), body) is fits


def test_a_canceled_job_carries_its_time() -> None:
    job = replace(JOB, status=Status.CANCELED, ended_ms=1_700_000_002_000)
    row = rows.job_row(job, job.initiator)
    assert (row["f_cancel_signal"], row["f_cancel_time"]) == (True, 1_700_000_002_000)
    assert row["f_tag"] == "job_end"
