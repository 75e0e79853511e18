"""Other parameters, posted as of version 2, over a conf of version 1."""

import copy
from typing import Any

import pytest

from federation.errors import InvalidJob
from federation.spec.conf_update import as_version_1
from federation.spec.parameters import merged

PARTIES = {"guest": 1, "host": 2}
CONF: dict[str, Any] = {
    "job_parameters": {"work_mode": 0},
    "algorithm_parameters": {"lr": {"max_iter": 5, "init_param": {"seed": 1}}},
    "role_parameters": {"host": {"lr": {"alpha": [0.1, 0.2]}}},
}


def updated(**more: Any) -> dict[str, Any]:
    before = copy.deepcopy(CONF)
    result = merged(CONF, as_version_1(CONF, more, PARTIES))
    assert before == CONF
    return dict(result)


def test_common_parameters_become_algorithm_parameters() -> None:
    after = updated(component_parameters={"common": {"lr": {"max_iter": 9}}})
    assert after["algorithm_parameters"]["lr"] == {"max_iter": 9, "init_param": {"seed": 1}}
    assert "component_parameters" not in after


def test_one_party_of_a_role_changes_alone() -> None:
    role = {"host": {"1": {"lr": {"alpha": 0.5, "max_iter": 7, "init_param": {"seed": 2}}}}}
    after = updated(component_parameters={"role": role})["role_parameters"]["host"]["lr"]
    assert after == {"alpha": [0.1, 0.5], "max_iter": [5, 7], "init_param": {"seed": [1, 2]}}


def test_a_value_that_other_parties_lack_is_refused_by_its_path() -> None:
    with pytest.raises(InvalidJob) as raised:
        updated(component_parameters={"role": {"host": {"0": {"lr": {"penalty": "L1"}}}}})
    assert raised.value.problems[0].path == "component_parameters.role.host.lr.penalty"
    both = {"0|1": {"lr": {"penalty": "L1"}}}
    after = updated(component_parameters={"role": {"host": both}})
    assert after["role_parameters"]["host"]["lr"]["penalty"] == ["L1", "L1"]


def test_job_parameters_are_flat() -> None:
    assert updated(job_parameters={"common": {"timeout": 3}})["job_parameters"] == {
        "work_mode": 0,
        "timeout": 3,
    }
    assert updated(job_parameters={"timeout": 3})["job_parameters"]["timeout"] == 3


@pytest.mark.parametrize("odd", [None, [], "x", 3, {"common": []}, {"role": {"host": 3}}])
def test_odd_shapes_change_nothing(odd: Any) -> None:
    after = updated(component_parameters=odd)
    assert after["algorithm_parameters"] == CONF["algorithm_parameters"]
    assert after["role_parameters"] == CONF["role_parameters"]
