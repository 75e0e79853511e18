from pathlib import Path
from typing import Any

import pytest

from federation.errors import PolicyRefused
from federation.spec.orders import (
    DataInput,
    ModelInput,
    PrepareJob,
    RunTask,
    TableName,
    TaskBrief,
)
from federation.spec.party import GUEST, HOST
from party_agent.policy import Rules
from party_agent.promises import check_promised, promise_key

JOB = "202611210000000000000"
ROLES = {GUEST: ("9999",), HOST: ("10000",)}


def brief(component: str, **changes: Any) -> TaskBrief:
    given = {"module": "HeteroLR", "role": GUEST, "index": 0, "params": {"max_iter": 5}, **changes}
    return TaskBrief(task_id=f"{JOB}_{component}", component=component, **given)


PROMISED = PrepareJob(
    job_id=JOB,
    epoch=1,
    digest=b"",
    initiator_role=GUEST,
    initiator_party_id="9999",
    roles=ROLES,
    keys={},
    tasks=(brief("reader_0", module="Reader"), brief("lr_0")),
)


def ordered(namespace: str = f"output_data_{JOB}_reader_0_0", **changes: Any) -> RunTask:
    data = DataInput(
        component="reader_0", output="data", table=TableName(namespace=namespace, name="t")
    )
    given = {"task": brief("lr_0"), "roles": ROLES, "data": {"train_data": (data,)}, **changes}
    return RunTask(job_id=JOB, epoch=1, version=0, model_id="m", model_version=JOB, **given)


MADE = (f"output_data_{JOB}_reader_0_0", f"output_data_{JOB}_reader_0_12")


def check(
    order: RunTask,
    tmp_path: Path,
    policy: str = 'default = "refuse"',
    promised: PrepareJob = PROMISED,
) -> None:
    """Ask about a task at a party that made the tables of `MADE` and two models as promised."""
    path = tmp_path / "policy.toml"
    path.write_text(policy)
    rules = Rules(path, tmp_path, standalone=False)
    check_promised(order, promised, rules, "9999", promise_of)


def promise_of(kind: str, namespace: str, name: str) -> bytes | None:
    own = namespace in MADE or (kind, namespace, name) == ("model", f"m/{JOB}", "guest/lr_0")
    return promise_key(PROMISED) if own else None


def test_a_task_runs_as_it_was_promised(tmp_path: Path) -> None:
    for namespace in MADE:
        check(ordered(namespace), tmp_path)
    own = ModelInput(model_id="m", model_version=JOB, component="lr_0")
    check(ordered(model=(own,)), tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        {"task": brief("lr_0", params={"max_iter": 6})},
        {"task": brief("lr_0", module="Reader")},
        {"task": brief("lr_0", tables=(TableName(namespace="payroll", name="t"),))},
        {"task": brief("lr_0", role=HOST)},
        {"task": brief("lr_1")},
        {"roles": {GUEST: ("9999",), HOST: ("10001",)}},
    ],
)
def test_a_task_that_was_not_promised_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(PolicyRefused, match="in another form than was agreed to"):
        check(ordered(**changes), tmp_path)


@pytest.mark.parametrize(
    "namespace",
    [
        "payroll",
        "output_data_202611200000000000000_reader_0_0",
        f"output_data_{JOB}_reader_0_1",
        f"output_data_{JOB}_lr_0_0",
    ],
)
def test_a_table_that_the_job_did_not_make_is_a_question_to_the_policy(
    tmp_path: Path, namespace: str
) -> None:
    with pytest.raises(PolicyRefused, match=r"party-agent grant .*--table"):
        check(ordered(namespace), tmp_path)
    check(ordered(namespace), tmp_path, f'[[allow]]\ntables = ["{namespace}/*"]')


def test_a_cache_that_the_job_did_not_make_is_a_question_to_the_policy(tmp_path: Path) -> None:
    table = TableName(namespace=f"output_cache_{JOB}_lr_0_0", name="c")
    cache = (DataInput(component="intersection_0", output="cache", table=table),)
    with pytest.raises(PolicyRefused, match=r"party-agent grant .*--table"):
        check(ordered(cache=cache), tmp_path)


def test_a_model_of_another_training_is_a_question_to_the_policy(tmp_path: Path) -> None:
    foreign = ordered(model=(ModelInput(model_id="m", model_version="1", component="lr_0"),))
    with pytest.raises(PolicyRefused, match=r"party-agent grant .*--model m/1"):
        check(foreign, tmp_path)
    check(foreign, tmp_path, '[[allow]]\ncomponents = ["HeteroLR"]')
    check(foreign, tmp_path, '[[allow]]\nmodels = ["m/*"]')
    with pytest.raises(PolicyRefused):
        check(foreign, tmp_path, '[[allow]]\nmodels = ["other/*"]')


@pytest.mark.parametrize(
    "changes",
    [
        {"roles": {GUEST: ("9999",), HOST: ("10001",)}},
        {"tasks": (brief("reader_0", module="Reader"), brief("lr_0"), brief("union_0"))},
        {"tasks": (brief("reader_0", module="Reader"), brief("lr_0", module="Union"))},
        {
            "tasks": (
                brief("reader_0", module="Reader", tables=(TableName(namespace="n", name="t"),)),
                brief("lr_0"),
            )
        },
    ],
)
def test_a_job_id_that_is_used_again_for_something_else_reaches_no_earlier_output(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    other = PROMISED.model_copy(update={"epoch": 2, **changes})
    lr = next(task for task in other.tasks if task.component == "lr_0")
    order = ordered(task=lr, roles=other.roles)
    with pytest.raises(PolicyRefused, match=r"party-agent grant .*--table"):
        check(order, tmp_path, promised=other)


def test_a_job_whose_parameters_were_updated_goes_on_with_what_it_made(tmp_path: Path) -> None:
    changed = brief("lr_0", params={"max_iter": 9})
    tasks = (brief("reader_0", module="Reader"), changed)
    again = PROMISED.model_copy(update={"epoch": 2, "tasks": tasks})
    check(ordered(task=changed), tmp_path, promised=again)
