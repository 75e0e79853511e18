from pathlib import Path
from typing import Any

import pytest

from federation.errors import PolicyRefused
from federation.spec.orders import DataInput, PrepareJob, RunTask, TableName, TaskBrief
from federation.spec.party import GUEST, HOST
from party_agent.policy import Rules
from party_agent.promises import check_promised

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


def check(order: RunTask, tmp_path: Path, policy: str = 'default = "refuse"') -> None:
    path = tmp_path / "policy.toml"
    path.write_text(policy)
    check_promised(order, PROMISED, Rules(path, tmp_path, standalone=False), "9999")


def test_a_task_runs_as_it_was_promised(tmp_path: Path) -> None:
    check(ordered(), tmp_path)
    check(ordered(f"output_data_{JOB}_reader_0_12"), tmp_path)
    check(ordered(f"output_cache_{JOB}_lr_0_0"), tmp_path)


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
        f"output_data_{JOB}_secret_0_0",
        f"output_data_{JOB}_reader_0_0_0",
        f"x_output_data_{JOB}_reader_0_0",
        f"output_data_{JOB}_reader_0_-1",
        f"output_data_{JOB}_reader_0_²",
        f"output_data_{JOB}_reader_0_00",
    ],
)
def test_a_table_that_the_job_did_not_make_is_a_question_to_the_policy(
    tmp_path: Path, namespace: str
) -> None:
    with pytest.raises(PolicyRefused, match=r"party-agent grant .*--table"):
        check(ordered(namespace), tmp_path)
    check(ordered(namespace), tmp_path, f'[[allow]]\ntables = ["{namespace}/*"]')
