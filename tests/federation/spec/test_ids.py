"""Names of jobs, tasks and models."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.spec.ids import (
    cache_namespace,
    model_id,
    next_job_id,
    output_namespace,
    party_model_id,
    session_id,
    task_id,
)
from federation.spec.party import ARBITER, GUEST, HOST, Party

TIMES = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1))


@given(st.lists(TIMES, min_size=2, max_size=40))
def test_job_ids_grow_as_texts_and_as_numbers_whatever_the_clock_does(
    clock: list[datetime],
) -> None:
    last: str | None = None
    for now in clock:
        job_id = next_job_id(now, last)
        assert len(job_id) == 21
        assert last is None or (job_id > last and int(job_id) > int(last))
        last = job_id


def test_job_ids_grow_within_one_microsecond() -> None:
    now, last = datetime(2024, 12, 31, 23, 59, 59, 999_999, UTC), None
    ids = []
    for _ in range(25):
        last = next_job_id(now, last)
        ids.append(last)
    assert ids[:2] == ["202412312359599999990", "202412312359599999991"]
    assert ids[10] == "202501010000000000000"
    assert sorted(set(ids)) == ids


def test_a_job_id_is_the_time_again_once_the_clock_is_ahead() -> None:
    now = datetime(2025, 1, 2, 3, 4, 5, 6, UTC)
    assert next_job_id(now, "202412312359599999999") == "202501020304050000060"


def test_what_is_no_job_id_can_not_be_counted_on_from() -> None:
    with pytest.raises(ValueError, match="time data"):
        next_job_id(datetime(2025, 1, 1, tzinfo=UTC), "job")


def test_names_are_those_of_fate() -> None:
    task = task_id("202001010000000000002", "hetero_lr_0")
    assert task == "202001010000000000002_hetero_lr_0"
    assert session_id(task, 1, Party(GUEST, "9999")) == f"{task}_1_guest_9999"
    assert output_namespace(task, 0) == f"output_data_{task}_0"
    assert cache_namespace(task, 0) == f"output_cache_{task}_0"
    model = model_id({GUEST: ("9999",), HOST: ("10000", "10001"), ARBITER: ("10000",)})
    assert model == "arbiter-10000#guest-9999#host-10000_10001#model"
    assert party_model_id(Party(HOST, "10001"), model) == f"host#10001#{model}"
