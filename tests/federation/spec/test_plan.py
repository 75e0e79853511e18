"""Planning a job."""

from typing import Any

import pytest

from federation.spec.catalogue import Catalogue
from federation.spec.dsl import PortKind, PortRef
from federation.spec.job import read_job
from federation.spec.party import ARBITER, GUEST, HOST, Party
from federation.spec.plan import OutputRef, Plan, TableRef, find_table, plan

G, H0, H1, A = (
    Party(GUEST, "9999"),
    Party(HOST, "10000"),
    Party(HOST, "10001"),
    Party(ARBITER, "10000"),
)


def planned(dsl: object, conf: object, catalogue: Catalogue) -> Plan:
    return plan(read_job(dsl, conf), catalogue)


def test_a_component_has_a_task_at_each_seat_where_its_module_runs(
    dsl_v2: dict[str, Any], conf_v2: dict[str, Any], catalogue: Catalogue
) -> None:
    tasks = planned(dsl_v2, conf_v2, catalogue)
    assert [task.seat for task in tasks.of("intersection_0")] == [G, H0, H1]
    assert [task.seat for task in tasks.of("hetero_lr_0")] == [G, H0, H1, A]
    assert [task.index for task in tasks.of("hetero_lr_0")] == [0, 0, 1, 0]
    assert [task.component for task in tasks.at(A)] == ["hetero_lr_0", "evaluation_0"]


def test_tasks_stand_after_those_they_depend_on(
    dsl_v1: dict[str, Any], conf_v1: dict[str, Any], catalogue: Catalogue
) -> None:
    seen: set[str] = set()
    for task in planned(dsl_v1, conf_v1, catalogue).tasks:
        assert task.depends <= seen
        seen.add(task.component)


def test_a_seat_gets_only_the_outputs_it_has_but_knows_every_slot(
    dsl_v2: dict[str, Any], conf_v2: dict[str, Any], catalogue: Catalogue
) -> None:
    tasks = {task.seat: task for task in planned(dsl_v2, conf_v2, catalogue).of("hetero_lr_0")}
    assert tasks[H1].data == {"train_data": (PortRef("intersection_0", "data", PortKind.DATA),)}
    assert tasks[A].data == {}
    assert tasks[A].slots == tasks[G].slots == {"train_data"}
    assert tasks[A].depends == {"intersection_0"}


def test_a_reader_reads_the_table_of_its_own_seat(
    dsl_v1: dict[str, Any],
    conf_v1: dict[str, Any],
    dsl_v2: dict[str, Any],
    conf_v2: dict[str, Any],
    catalogue: Catalogue,
) -> None:
    v2 = planned(dsl_v2, conf_v2, catalogue).of("reader_0")
    assert [task.table for task in v2] == [
        TableRef("breast", "guest"),
        TableRef("breast", "host_0"),
        TableRef("breast", "host_1"),
    ]
    v1 = planned(dsl_v1, conf_v1, catalogue).of("reader_1")
    assert [task.table for task in v1] == [
        TableRef("n", "g_eval"),
        TableRef("n", "h0_eval"),
        TableRef("n", "h1_eval"),
    ]


def test_a_reader_may_name_the_output_of_another_job() -> None:
    made = {"job_id": "1", "component_name": "lr_0", "data_name": "data"}
    assert find_table(made) == find_table({"table": made}) == OutputRef("1", "lr_0", "data")


def test_a_cache_loader_names_a_cache_of_another_job() -> None:
    made = {"job_id": "1", "component_name": "intersection_0", "cache_name": "cache"}
    assert find_table(made) == OutputRef("1", "intersection_0", "cache")


@pytest.mark.parametrize("params", [{}, {"table": None}, {"table": {"name": "", "namespace": "n"}}])
def test_half_a_name_is_no_table(params: dict[str, Any]) -> None:
    assert find_table(params) is None


def test_an_alias_is_planned_under_the_modules_own_name(
    dsl_v1: dict[str, Any], conf_v1: dict[str, Any], catalogue: Catalogue
) -> None:
    tasks = planned(dsl_v1, conf_v1, catalogue).of("dataio_0")
    assert {task.module for task in tasks} == {"DataTransform"}


def test_a_component_that_only_transforms_runs_with_the_parameters_of_the_one_that_fitted(
    dsl_v1: dict[str, Any], conf_v1: dict[str, Any], catalogue: Catalogue
) -> None:
    conf_v1["role_parameters"]["guest"]["dataio_1"] = {"with_label": [None]}
    dsl_v1["components"]["dataio_2"] = {
        "module": "DataTransform",
        "input": {"data": {"data": ["args.eval_data"]}, "model": ["dataio_1.dataio"]},
    }
    dsl_v1["components"]["dataio_1"]["output"]["model"] = ["dataio"]
    tasks = planned(dsl_v1, conf_v1, catalogue)
    first = tasks.of("dataio_0")
    assert [t.params for t in tasks.of("dataio_1")] == [t.params for t in first]
    assert [t.params for t in tasks.of("dataio_2")] == [t.params for t in first]


def test_a_warm_start_runs_with_its_own_parameters(
    dsl_v2: dict[str, Any], conf_v2: dict[str, Any], catalogue: Catalogue
) -> None:
    dsl_v2["components"]["hetero_lr_1"] = {
        "module": "HeteroLR",
        "input": {"data": {"train_data": ["intersection_0.data"]}, "model": ["hetero_lr_0.model"]},
    }
    conf_v2["component_parameters"]["common"]["hetero_lr_1"] = {"max_iter": 9}
    task = planned(dsl_v2, conf_v2, catalogue).of("hetero_lr_1")[0]
    assert task.params == {"max_iter": 9}
    assert task.slots == {"train_data", "model"}


def test_a_prediction_may_run_with_parameters_of_a_component_only_the_training_had(
    conf_v2: dict[str, Any], catalogue: Catalogue
) -> None:
    conf_v2["job_parameters"]["common"] |= {
        "job_type": "predict",
        "model_id": "m",
        "model_version": "v",
    }
    dsl = {
        "components": {
            "reader_0": {"module": "Reader", "output": {"data": ["data"]}},
            "lr_1": {
                "module": "HeteroLR",
                "input": {
                    "data": {"test_data": ["reader_0.data"]},
                    "model": ["pipeline.hetero_lr_0.model"],
                },
            },
        }
    }
    tasks = planned(dsl, conf_v2, catalogue).of("lr_1")
    assert tasks[0].params["max_iter"] == 3
    assert all(task.model[0].stored for task in tasks)


@pytest.mark.parametrize(("train", "bound"), [(True, "validate_data"), (False, "test_data")])
def test_eval_data_means_what_the_other_slots_make_of_it(
    dsl_v2: dict[str, Any],
    conf_v2: dict[str, Any],
    catalogue: Catalogue,
    train: bool,
    bound: str,
) -> None:
    slots = {"eval_data": ["intersection_0.data"]}
    if train:
        slots["train_data"] = ["intersection_0.data"]
    dsl_v2["components"]["hetero_lr_0"]["input"]["data"] = slots
    assert bound in planned(dsl_v2, conf_v2, catalogue).of("hetero_lr_0")[0].data


def test_numbered_slots_are_joined_in_the_slot_that_takes_several(
    dsl_v2: dict[str, Any], conf_v2: dict[str, Any], catalogue: Catalogue
) -> None:
    dsl_v2["components"]["union_0"] = {
        "module": "Union",
        "input": {"data": {"data_0": ["reader_0.data"], "data_1": ["intersection_0.data"]}},
    }
    task = planned(dsl_v2, conf_v2, catalogue).of("union_0")[0]
    assert [ref.component for ref in task.data["data"]] == ["reader_0", "intersection_0"]
