"""From a read job to its plan, and back from the JSON the store keeps."""

import json
from typing import Any

import pytest

from coordinator.domain.planning import checked_plan, digest_of, foreign_tables, job_plan
from coordinator.domain.state import JobPlan, Source
from coordinator.store.plans import plan_from_json, plan_to_json
from federation.errors import InvalidJob
from federation.spec.job import read_job
from federation.spec.orders import TableName
from federation.spec.party import ARBITER, GUEST, HOST

Json = dict[str, Any]


def plan_of(dsl: Json, conf: Json, catalogue: Any, **tables: Any) -> JobPlan:
    job = read_job(dsl, conf)
    tasks = checked_plan(job, catalogue)
    found = {wanted: TableName(**tables) for wanted in foreign_tables(tasks)}
    return job_plan("1", job, tasks, {}, tables=found, posted=[dsl, conf])


def test_a_plan_survives_the_store(dsl: Json, conf: Json, agents: Any) -> None:
    plan = plan_of(dsl, conf, agents.catalogue())
    assert plan_from_json(json.loads(json.dumps(plan_to_json(plan)))) == plan


def test_a_slot_is_known_where_nothing_feeds_it(dsl: Json, conf: Json, agents: Any) -> None:
    lr = plan_of(dsl, conf, agents.catalogue()).task("hetero_lr_0")
    fed = {seat.role: seat.data["train_data"] for seat in lr.seats}
    source = (Source("dataio_0", "data"),)
    assert fed == {GUEST: source, HOST: source, ARBITER: ()}


def test_limits_come_from_the_job_parameters(dsl: Json, conf: Json, agents: Any) -> None:
    limits = {"task_cores": 2, "task_parallelism": 3, "timeout": 60, "auto_retry_delay": 0.5}
    conf["job_parameters"]["common"] |= limits
    plan = plan_of(dsl, conf, agents.catalogue())
    assert (plan.cores, plan.parallelism) == (2, 3)
    # An arbiter's seat needs none, as FATE counts.
    assert plan.claims == {"9999": 6, "10000": 6}
    assert (plan.timeout_ms, plan.retry_delay_ms) == (60_000, 500)


def test_a_reader_of_another_jobs_output_gets_the_tables_name(
    dsl: Json, conf: Json, agents: Any
) -> None:
    made = {"job_id": "7", "component_name": "dataio_0", "data_name": "data"}
    conf["component_parameters"]["role"]["guest"]["0"]["reader_0"] = made
    plan = plan_of(dsl, conf, agents.catalogue(), namespace="out", name="t")
    guest = plan.task("reader_0").seats[0]
    assert guest.params == {"table": {"namespace": "out", "name": "t"}}
    assert guest.tables == (TableName(namespace="out", name="t"),)


def test_an_unknown_module_is_a_problem_with_its_path(dsl: Json, conf: Json, agents: Any) -> None:
    dsl["components"]["reader_0"]["module"] = "Raeder"
    with pytest.raises(InvalidJob, match="did you mean") as raised:
        plan_of(dsl, conf, agents.catalogue())
    assert raised.value.problems[0].path == "job_dsl.components.reader_0.module"


def test_parties_agree_to_every_part_of_a_job(dsl: Json, conf: Json) -> None:
    digest = digest_of("1", [dsl, conf])
    changed = json.loads(json.dumps(conf))
    changed["component_parameters"]["common"]["hetero_lr_0"]["max_iter"] = 4
    assert digest == digest_of("1", json.loads(json.dumps([dsl, conf])))
    assert len({digest, digest_of("2", [dsl, conf]), digest_of("1", [dsl, changed])}) == 3
