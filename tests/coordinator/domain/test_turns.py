"""Jobs that wait for cores of their parties, over a real store."""

import copy
from typing import Any

import pytest

from coordinator.domain.jobs import Jobs
from coordinator.domain.records import Capacity
from coordinator.domain.running import LONGEST_WAIT_MS
from coordinator.store import SqlStore
from federation.errors import InvalidJob
from federation.spec.orders import CancelTasks, OpenSession, RunTask
from federation.spec.status import Status

Json = dict[str, Any]


@pytest.fixture
def narrow(agents: Any, conf: Json) -> Json:
    """Each party has room for one job, whose tasks do not end."""
    agents.lent = dict.fromkeys(("9999", "10000"), Capacity(4, 4))
    agents.idle = {"reader_0"}
    return conf


async def status_of(jobs: Jobs, *job_ids: str) -> list[str]:
    return [(await jobs.get(job_id)).status.value for job_id in job_ids]


async def submit(jobs: Jobs, agents: Any, dsl: Json, conf: Json, count: int = 1) -> list[str]:
    found = []
    for _ in range(count):
        found.append((await jobs.submit(dsl, conf)).job_id)
        await agents.quiet()
    return found


async def test_jobs_start_in_the_order_in_which_they_came(
    jobs: Jobs, agents: Any, dsl: Json, narrow: Json
) -> None:
    job_ids = await submit(jobs, agents, dsl, narrow, 3)
    for at in range(3):
        assert await status_of(jobs, *job_ids[at:]) == ["running", "waiting", "waiting"][: 3 - at]
        await jobs.stop(job_ids[at])
        await agents.quiet()


async def test_a_job_in_the_line_names_the_party_it_waits_for(
    jobs: Jobs, agents: Any, dsl: Json, narrow: Json
) -> None:
    agents.lent["9999"] = Capacity(40, 40)
    _, second = await submit(jobs, agents, dsl, narrow, 2)
    job = await jobs.get(second)
    assert [(w.party_id, w.code) for w in job.waiting_for] == [("10000", "party_busy")]
    assert not [o for _, o in agents.taken if isinstance(o, OpenSession) and o.job_id == second]


async def test_room_that_an_ended_job_leaves_is_used_at_once(
    jobs: Jobs, agents: Any, dsl: Json, narrow: Json
) -> None:
    first, second = await submit(jobs, agents, dsl, narrow, 2)
    agents.idle = set()
    await jobs.stop(first)
    await agents.quiet()
    assert await status_of(jobs, first, second) == ["canceled", "success"]


async def test_a_job_that_is_stopped_in_the_line_lets_others_pass(
    jobs: Jobs, agents: Any, dsl: Json, narrow: Json
) -> None:
    wide = copy.deepcopy(narrow)
    wide["job_parameters"]["common"]["task_cores"] = 4
    narrow["job_parameters"]["common"]["task_cores"] = 2
    first, big, small = [
        (await submit(jobs, agents, dsl, conf))[0] for conf in (narrow, wide, narrow)
    ]
    assert await status_of(jobs, first, big, small) == ["running", "waiting", "waiting"]
    assert await jobs.clean_queue() == [big, small]
    assert await status_of(jobs, first, big, small) == ["running", "canceled", "canceled"]
    assert await jobs.rerun(big)
    assert await jobs.rerun(small)
    await agents.quiet()
    await jobs.stop(big)
    assert await status_of(jobs, first, big, small) == ["running", "canceled", "running"]


async def test_a_job_that_never_fits_is_not_taken(
    jobs: Jobs, agents: Any, dsl: Json, narrow: Json
) -> None:
    narrow["job_parameters"]["common"]["task_cores"] = 5
    with pytest.raises(InvalidJob) as raised:
        await jobs.submit(dsl, narrow)
    assert len(raised.value.problems) == 2
    assert "lends 4 cores" in str(raised.value)
    assert raised.value.problems[0].path.endswith("task_cores")


async def test_a_job_that_fits_no_more_fails_by_name(
    jobs: Jobs, agents: Any, dsl: Json, narrow: Json
) -> None:
    _, second, third = await submit(jobs, agents, dsl, narrow, 3)
    agents.lent["10000"] = Capacity(3, 3)
    await jobs.on_agent_up("10000", "another boot")
    await agents.quiet()
    for job_id in (second, third):
        job = await jobs.get(job_id)
        assert job.status is Status.FAILED
        assert job.reason is not None
        assert job.reason.code == "never_fits"


async def test_a_restarted_coordinator_keeps_the_line(
    jobs: Jobs, agents: Any, store: SqlStore, clock: Any, dsl: Json, narrow: Json
) -> None:
    first, second, third = await submit(jobs, agents, dsl, narrow, 3)
    again = agents.jobs = Jobs(store, agents, clock)
    store._memory.drop([first, second, third])
    await again.resume()
    await again.stop(first)
    await agents.quiet()
    assert await status_of(again, second, third) == ["running", "waiting"]


async def test_a_party_that_has_not_linked_yet_is_named(
    jobs: Jobs, agents: Any, dsl: Json, narrow: Json
) -> None:
    agents.lent["10000"] = None
    (job_id,) = await submit(jobs, agents, dsl, narrow)
    assert [w.code for w in await jobs.waiting_for(job_id)] == ["party_unknown"]
    agents.lent["10000"] = Capacity(4, 4)
    await jobs.on_agent_up("10000", "b")
    await agents.quiet()
    assert await status_of(jobs, job_id) == ["running"]


async def test_the_time_in_the_line_does_not_count_for_the_timeout(
    jobs: Jobs, agents: Any, clock: Any, dsl: Json, narrow: Json
) -> None:
    narrow["job_parameters"]["common"]["timeout"] = 10
    first, second = await submit(jobs, agents, dsl, narrow, 2)
    clock.now_ms += 10_000
    await jobs.on_tick(clock.now_ms)
    await agents.quiet()
    assert await status_of(jobs, first, second) == ["timeout", "running"]
    clock.now_ms += 9_999
    await jobs.on_tick(clock.now_ms)
    assert await status_of(jobs, second) == ["running"]


async def test_no_job_waits_for_ever(
    jobs: Jobs, agents: Any, clock: Any, dsl: Json, narrow: Json
) -> None:
    first, second = await submit(jobs, agents, dsl, narrow, 2)
    clock.now_ms += LONGEST_WAIT_MS
    await jobs.on_tick(clock.now_ms)
    assert await status_of(jobs, first, second) == ["running", "timeout"]
    job = await jobs.get(second)
    assert job.reason is not None
    assert job.reason.code == "waited_too_long"
    assert "party 10000 lends 4 cores" in job.reason.message


# --- timeouts of tasks ---------------------------------------------------------------------------


async def test_a_task_that_runs_too_long_times_the_job_out(
    jobs: Jobs, agents: Any, clock: Any, dsl: Json, conf: Json
) -> None:
    conf["job_parameters"]["common"]["task_conf"] = {"dataio_0": {"timeout": 5}}
    agents.hanging = {"dataio_0"}
    (job_id,) = await submit(jobs, agents, dsl, conf)
    assert min(agents.reminders) == clock.now_ms + 5_000
    clock.now_ms += 5_000
    await jobs.on_tick(clock.now_ms)
    await agents.quiet()
    job = await jobs.get(job_id)
    assert job.status is Status.TIMEOUT
    assert job.reason is not None
    assert (job.reason.code, job.reason.facts["component"]) == ("task_timeout", "dataio_0")


async def test_a_task_that_ran_too_long_is_tried_again_and_killed_before(
    jobs: Jobs, agents: Any, clock: Any, dsl: Json, conf: Json
) -> None:
    limits = {"task_conf": {"dataio_0": {"timeout": 5}}, "auto_retries": 1, "auto_retry_delay": 0}
    conf["job_parameters"]["common"] |= limits
    agents.hanging = {"dataio_0"}
    (job_id,) = await submit(jobs, agents, dsl, conf)
    clock.now_ms += 5_000
    await jobs.on_tick(clock.now_ms)
    agents.hanging = set()
    await jobs.on_tick(clock.now_ms)
    await agents.quiet()
    assert await status_of(jobs, job_id) == ["success"]
    orders = [order for party_id, order in agents.taken if party_id == "10000"]
    cancel = next(at for at, order in enumerate(orders) if isinstance(order, CancelTasks))
    again = [o for o in orders[cancel:] if isinstance(o, RunTask)]
    assert [(o.task.component, o.version) for o in again][:1] == [("dataio_0", 1)]


async def test_a_party_that_was_away_when_the_job_ended_is_asked_anew(
    jobs: Jobs, agents: Any, dsl: Json, conf: Json
) -> None:
    agents.idle = {"dataio_0"}
    (job_id,) = await submit(jobs, agents, dsl, conf)
    await jobs.on_agent_lost("10000")
    await agents.quiet()
    assert await status_of(jobs, job_id) == ["failed"]
    await jobs.on_agent_up("10000", "another boot")
    agents.idle = set()
    assert await jobs.rerun(job_id)
    await agents.quiet()
    assert await status_of(jobs, job_id) == ["success"]
