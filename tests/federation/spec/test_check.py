"""Checking a job against the catalogue."""

from typing import Any

import pytest

from federation.spec.catalogue import Catalogue, ModuleDecl
from federation.spec.check import check, examine
from federation.spec.job import read_job
from federation.spec.party import GUEST, HOST

CONF = "job_runtime_conf"
LR = f"{CONF}.component_parameters.common.hetero_lr_0"


def problems(dsl: object, conf: object, catalogue: Catalogue) -> list[str]:
    return [str(problem) for problem in check(read_job(dsl, conf), catalogue)]


def test_the_classic_jobs_have_no_problem(
    dsl_v1: dict[str, Any],
    conf_v1: dict[str, Any],
    dsl_v2: dict[str, Any],
    conf_v2: dict[str, Any],
    catalogue: Catalogue,
) -> None:
    assert problems(dsl_v1, conf_v1, catalogue) == []
    assert problems(dsl_v2, conf_v2, catalogue) == []


def test_all_problems_come_at_once(
    dsl_v2: dict[str, Any], conf_v2: dict[str, Any], catalogue: Catalogue
) -> None:
    del conf_v2["role"]["arbiter"]
    conf_v2["component_parameters"]["common"]["hetero_lr_0"]["max_iters"] = 3
    dsl_v2["components"]["evaluation_0"]["module"] = "evaluation"
    assert problems(dsl_v2, conf_v2, catalogue) == [
        f"{CONF}.role: HeteroLR (hetero_lr_0) needs a party in role arbiter",
        f'{LR}.max_iters: is not a parameter; did you mean "max_iter"?',
        'job_dsl.components.evaluation_0.module: module "evaluation" does not exist; '
        'did you mean "Evaluation"?',
    ]


def test_every_bad_parameter_is_named_in_words(
    dsl_v2: dict[str, Any], conf_v2: dict[str, Any], catalogue: Catalogue
) -> None:
    conf_v2["component_parameters"]["common"]["hetero_lr_0"] = {
        "max_iter": 0,
        "learning_rate": "0.1",
        "penalty": "L3",
        "validation_freqs": "often",
        "need_run": 1,
        "colour": "red",
        "init_param": {"init_method": "zero", "seed": 1},
    }
    del conf_v2["component_parameters"]["role"]["host"]["0|1"]
    del conf_v2["component_parameters"]["role"]["host"]["all"]
    known = "init_param, learning_rate, max_iter, need_run, penalty, validation_freqs"
    assert set(problems(dsl_v2, conf_v2, catalogue)) == {
        f"{LR}.max_iter: is 0, must be at least 1",
        f'{LR}.learning_rate: is "0.1", must be a number',
        f'{LR}.penalty: is "L3", must be one of L1, L2, NONE',
        f'{LR}.validation_freqs: is "often", must be a whole number or a list',
        f"{LR}.need_run: is 1, must be true or false",
        f"{LR}.colour: is not a parameter; it has {known}",
        f'{LR}.init_param.init_method: is "zero", must be one of zeros, ones, random_uniform; '
        'did you mean "zeros"?',
        f"{LR}.init_param.seed: is not a parameter; it has fit_intercept, init_method",
    }


def test_a_bad_parameter_is_named_where_it_was_written(
    dsl_v2: dict[str, Any], conf_v2: dict[str, Any], catalogue: Catalogue
) -> None:
    role = conf_v2["component_parameters"]["role"]
    role["host"]["1"]["hetero_lr_0"] = {"learning_rate": -1}
    role["host"]["0|1"]["hetero_lr_0"]["init_param"]["init_methods"] = 1
    at = f"{CONF}.component_parameters.role.host"
    assert problems(dsl_v2, conf_v2, catalogue) == [
        f"{at}.0|1.hetero_lr_0.init_param.init_methods: is not a parameter; "
        'did you mean "init_method"?',
        f"{at}.1.hetero_lr_0.learning_rate: is -1, must be more than 0",
    ]


def test_a_bad_value_in_a_list_per_party_is_named_with_its_place(
    dsl_v1: dict[str, Any], conf_v1: dict[str, Any], catalogue: Catalogue
) -> None:
    conf_v1["role_parameters"]["host"]["hetero_lr_0"] = {"max_iter": [5, "x"]}
    assert problems(dsl_v1, conf_v1, catalogue) == [
        f'{CONF}.role_parameters.host.hetero_lr_0.max_iter[1]: is "x", must be a whole number'
    ]


def test_fields_of_older_versions_and_null_are_accepted(
    dsl_v2: dict[str, Any], conf_v2: dict[str, Any], catalogue: Catalogue
) -> None:
    conf_v2["component_parameters"]["common"]["hetero_lr_0"] = {
        "eps": 1e-4,
        "max_iter": None,
        "init_param": {"init_seed": 3},
    }
    assert problems(dsl_v2, conf_v2, catalogue) == []


def test_parameters_that_are_not_used_are_not_checked(
    dsl_v2: dict[str, Any], conf_v2: dict[str, Any], catalogue: Catalogue
) -> None:
    dsl_v2["components"]["hetero_lr_1"] = {
        "module": "HeteroLR",
        "input": {"data": {"test_data": ["intersection_0.data"]}, "model": ["hetero_lr_0.model"]},
    }
    conf_v2["component_parameters"]["common"]["hetero_lr_1"] = {"max_iter": "none"}
    assert problems(dsl_v2, conf_v2, catalogue) == []


def test_wrong_ports_are_named(
    dsl_v2: dict[str, Any], conf_v2: dict[str, Any], catalogue: Catalogue
) -> None:
    dsl_v2["components"]["hetero_lr_0"]["input"] = {
        "data": {"train_dat": ["intersection_0.data"], "test_data": ["reader_0.data"] * 2},
        "cache": ["intersection_0.cache"],
    }
    dsl_v2["components"]["evaluation_0"]["input"] = {"model": ["hetero_lr_0.model"]}
    at = "job_dsl.components"
    assert problems(dsl_v2, conf_v2, catalogue) == [
        f'{at}.hetero_lr_0.input.data.train_dat: HeteroLR has no data slot "train_dat"; '
        'did you mean "train_data"?',
        f"{at}.hetero_lr_0.input.data.test_data: HeteroLR takes one table here, not 2",
        f"{at}.hetero_lr_0.input.cache: HeteroLR takes no cache",
        f"{at}.evaluation_0.input.data: Evaluation needs a table at data",
        f"{at}.evaluation_0.input.model: Evaluation takes no model",
    ]


def test_an_output_that_never_comes_is_a_problem_only_where_it_is_used(
    dsl_v2: dict[str, Any], conf_v2: dict[str, Any], catalogue: Catalogue
) -> None:
    components = dsl_v2["components"]
    components["intersection_0"]["output"]["model"] = ["model"]
    components["reader_0"]["output"]["data"] = ["data", "more"]
    findings = examine(read_job(dsl_v2, conf_v2), catalogue)
    assert findings.problems == ()
    assert [str(note) for note in findings.notes] == [
        "job_dsl.components.reader_0.output.data[1]: Reader makes 1 table; ignored",
        "job_dsl.components.intersection_0.output.model[0]: Intersection makes no model; ignored",
    ]
    components["data_transform_0"]["input"]["data"]["data"] = ["reader_0.more"]
    assert problems(dsl_v2, conf_v2, catalogue) == [
        "job_dsl.components.data_transform_0.input.data.data[0]: "
        "Reader makes 1 table, so more never comes"
    ]


def test_a_reader_needs_a_table_at_every_party(
    dsl_v2: dict[str, Any],
    conf_v2: dict[str, Any],
    dsl_v1: dict[str, Any],
    conf_v1: dict[str, Any],
    catalogue: Catalogue,
) -> None:
    del conf_v2["component_parameters"]["role"]["host"]["1"]
    conf_v2["component_parameters"]["role"]["guest"]["0"]["reader_0"]["table"] = {"name": "t"}
    wanted = 'needs a table, {"name": ..., "namespace": ...}'
    at = f"{CONF}.component_parameters.role"
    assert problems(dsl_v2, conf_v2, catalogue) == [
        f"{at}.guest.0.reader_0.table: is no table's name: guest:9999 {wanted}",
        f"{at}.host.1.reader_0.table: is missing: host:10001 {wanted}",
    ]
    del conf_v1["role_parameters"]["guest"]["args"]["data"]["eval_data"]
    assert problems(dsl_v1, conf_v1, catalogue) == [
        f"{CONF}.role_parameters.guest.args.data.eval_data: is missing: guest:9999 {wanted}"
    ]


def test_a_cache_loader_needs_a_cache_at_every_party(
    conf_v2: dict[str, Any], catalogue: Catalogue
) -> None:
    two = frozenset({GUEST, HOST})
    loader = ModuleDecl("CacheLoader", "CacheLoaderParam", two, cache_out=True)
    modules = {**catalogue, "CacheLoader": loader}
    dsl = {"components": {"c": {"module": "CacheLoader", "output": {"cache": ["cache"]}}}}
    conf_v2["component_parameters"] = {
        "common": {"c": {"job_id": "1", "component_name": "intersection_0"}},
    }
    told = problems(dsl, conf_v2, modules)
    assert len(told) == 3
    assert "needs a cache: job_id, component_name and cache_name" in told[0]
    conf_v2["component_parameters"]["common"]["c"]["cache_name"] = "cache"
    assert problems(dsl, conf_v2, modules) == []


def test_a_reader_of_version_1_needs_a_list_of_tables(
    conf_v1: dict[str, Any], catalogue: Catalogue
) -> None:
    conf_v1["role"] = {"guest": [9999], "host": [10000]}
    conf_v1["role_parameters"] = {
        "guest": {"reader_0": {"table": [{"name": "g", "namespace": "n"}]}}
    }
    dsl = {"components": {"reader_0": {"module": "Reader", "output": {"data": ["data"]}}}}
    assert problems(dsl, conf_v1, catalogue) == [
        f"{CONF}.role_parameters.host.reader_0.table[0]: is missing: "
        'host:10000 needs a table, {"name": ..., "namespace": ...}'
    ]


def test_a_module_that_runs_nowhere_in_the_job_is_a_problem(
    conf_v2: dict[str, Any], catalogue: Catalogue
) -> None:
    dsl = {"components": {"upload_0": {"module": "Upload"}}}
    assert problems(dsl, conf_v2, catalogue) == [
        "job_dsl.components.upload_0.module: "
        "Upload runs at local only, and the job has arbiter, guest, host"
    ]


def test_a_section_for_a_role_where_the_module_does_nothing_leaves_a_note(
    dsl_v2: dict[str, Any], conf_v2: dict[str, Any], catalogue: Catalogue
) -> None:
    conf_v2["component_parameters"]["role"]["arbiter"] = {"0": {"intersection_0": {"a": 1}}}
    findings = examine(read_job(dsl_v2, conf_v2), catalogue)
    assert findings.problems == ()
    assert [str(note) for note in findings.notes] == [
        f"{CONF}.component_parameters.role.arbiter.0.intersection_0: "
        "Intersection does not run at arbiter; ignored"
    ]


@pytest.mark.parametrize(
    ("host", "arbiter", "fine"),
    [([10000], 10000, True), ([9999], 9999, True), ([10000], 9999, False)],
)
def test_the_guest_is_the_arbiter_only_where_it_is_alone(
    dsl_v2: dict[str, Any],
    conf_v2: dict[str, Any],
    catalogue: Catalogue,
    host: list[int],
    arbiter: int,
    fine: bool,
) -> None:
    conf_v2["role"] = {"guest": [9999], "host": host, "arbiter": [arbiter]}
    found = problems(dsl_v2, conf_v2, catalogue)
    assert found == [] if fine else found[0].startswith(f"{CONF}.role.arbiter[0]: party 9999 is")
