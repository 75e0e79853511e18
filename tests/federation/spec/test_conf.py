"""Reading a conf."""

from typing import Any

import pytest

from federation.errors import InvalidJob
from federation.spec.conf import JobConf
from federation.spec.findings import shown_path
from federation.spec.job import read_job
from federation.spec.job_parameters import JobType
from federation.spec.party import ARBITER, GUEST, HOST, Party

G, H0, H1 = Party(GUEST, "9999"), Party(HOST, "10000"), Party(HOST, "10001")


def problems(dsl: object, conf: object) -> list[str]:
    with pytest.raises(InvalidJob) as caught:
        read_job(dsl, conf)
    return [str(problem) for problem in caught.value.problems]


def values(conf: JobConf, component: str, seat: Party) -> dict[str, Any]:
    return conf.parameters_of(component, seat).values


# --- both versions -------------------------------------------------------------------------------


def test_party_ids_are_the_same_as_numbers_and_as_texts(
    dsl_v2: dict[str, Any], conf_v2: dict[str, Any]
) -> None:
    conf = read_job(dsl_v2, conf_v2).conf
    assert conf.roles == {GUEST: ("9999",), HOST: ("10000", "10001"), ARBITER: ("10000",)}
    assert conf.initiator == G


def test_a_party_may_hold_several_roles(dsl_v2: dict[str, Any], conf_v2: dict[str, Any]) -> None:
    conf_v2["role"] = {"arbiter": [1], "host": ["1"], "guest": [1]}
    conf_v2["initiator"]["party_id"] = 1
    conf = read_job(dsl_v2, conf_v2).conf
    assert conf.seats == (Party(GUEST, "1"), Party(HOST, "1"), Party(ARBITER, "1"))


def test_what_is_wrong_with_parties_is_said_all_at_once(dsl_v2: dict[str, Any]) -> None:
    conf = {
        "dsl_version": 2,
        "initiator": {"role": "gest", "party_id": [3]},
        "role": {"hots": [1], "guest": 9999, "host": [1, "1", None, True, "../etc"]},
    }
    at = "job_runtime_conf"
    assert problems(dsl_v2, conf) == [
        f'{at}.role.hots: "hots" is not a role; did you mean "host"?',
        f"{at}.role.guest: is a number, must be a list: [9999]",
        f"{at}.role.host[1]: party 1 is there twice",
        f"{at}.role.host[2]: is null, must be a party id",
        f"{at}.role.host[3]: is true, must be a party id",
        f"{at}.role.host[4]: a party id has letters, digits, _ - and dots, at most 64 of them",
        f'{at}.initiator.role: is "gest", must be a role; did you mean "guest"?',
        f"{at}.initiator.party_id: is a list, must be a party id",
    ]


def test_the_initiator_holds_the_role_it_names(
    dsl_v2: dict[str, Any], conf_v2: dict[str, Any]
) -> None:
    conf_v2["initiator"] = {"role": "guest", "party_id": 10000}
    assert problems(dsl_v2, conf_v2) == [
        'job_runtime_conf.initiator.party_id: party "10000" is not in job_runtime_conf.role.guest'
    ]


@pytest.mark.parametrize("conf", [None, {}])
def test_a_conf_that_is_missing_is_said_to_be(dsl_v2: dict[str, Any], conf: object) -> None:
    assert problems(dsl_v2, conf) == [
        "job_runtime_conf: is missing: a job needs a conf with initiator and role"
    ]


def test_problems_of_dsl_and_conf_come_together(conf_v2: dict[str, Any]) -> None:
    conf_v2["job_parameters"]["common"]["task_cores"] = "many"
    found = problems({"components": {"a": {}}}, conf_v2)
    assert [problem.split(".")[0] for problem in found] == ["job_dsl", "job_runtime_conf"]


@pytest.mark.parametrize(
    ("conf", "version"),
    [
        ({}, 1),
        ({"dsl_version": 1}, 1),
        ({"dsl_version": "2"}, 2),
        ({"job_parameters": {"common": {"dsl_version": 2}}}, 2),
        ({"job_parameters": {"dsl_version": "2"}}, 2),
        ({"component_parameters": {}}, 2),
        ({"job_parameters": {"common": {"job_type": "train"}}}, 2),
    ],
)
def test_the_version_is_found_where_clients_write_it(
    dsl_v2: dict[str, Any], conf: dict[str, Any], version: int
) -> None:
    parties = {"initiator": {"role": "guest", "party_id": 1}, "role": {"guest": [1]}}
    assert read_job(dsl_v2, parties | conf).conf.dsl_version == version


@pytest.mark.parametrize("version", [3, "two", True, 1.5, [2]])
def test_a_version_that_is_none_is_a_problem(
    dsl_v2: dict[str, Any], conf_v2: dict[str, Any], version: object
) -> None:
    conf_v2["dsl_version"] = version
    assert any("must be 1 or 2" in problem for problem in problems(dsl_v2, conf_v2))


def test_client_noise_is_ignored_and_a_slip_of_the_pen_is_not(
    dsl_v2: dict[str, Any], conf_v2: dict[str, Any]
) -> None:
    conf_v2["verbose"] = 1
    read_job(dsl_v2, conf_v2)
    conf_v2["component_parameter"] = {}
    assert problems(dsl_v2, conf_v2) == [
        "job_runtime_conf.component_parameter: is not known here; "
        'did you mean "component_parameters"?'
    ]


def test_ten_thousand_levels_are_a_problem_and_no_recursion_error(
    dsl_v2: dict[str, Any], conf_v2: dict[str, Any]
) -> None:
    deep: Any = 1
    for _ in range(10_000):
        deep = {"a": deep}
    conf_v2["component_parameters"]["common"]["hetero_lr_0"] = deep
    assert "nested deeper than 64 levels" in problems(dsl_v2, conf_v2)[0]
    found = problems(dsl_v2, {"dsl_version": deep})
    assert any("nested deeper than 64 levels" in problem for problem in found)


# --- job parameters ------------------------------------------------------------------------------


def test_job_parameters_have_fates_defaults(
    dsl_v2: dict[str, Any], conf_v2: dict[str, Any]
) -> None:
    del conf_v2["job_parameters"]
    parameters = read_job(dsl_v2, conf_v2).conf.job_parameters
    assert (parameters.job_type, parameters.task_cores, parameters.task_parallelism) == (
        JobType.TRAIN,
        4,
        1,
    )
    assert (parameters.auto_retries, parameters.auto_retry_delay_s, parameters.timeout_s) == (
        0,
        1.0,
        259_200.0,
    )


def test_numbers_may_come_as_texts_and_null_is_the_default(
    dsl_v2: dict[str, Any], conf_v2: dict[str, Any]
) -> None:
    conf_v2["job_parameters"]["common"] |= {
        "timeout": "3600",
        "auto_retries": 2.0,
        "auto_retry_delay": "0.5",
        "task_parallelism": None,
        "model_version": 202001010000000000002,
    }
    parameters = read_job(dsl_v2, conf_v2).conf.job_parameters
    assert (parameters.timeout_s, parameters.auto_retries) == (3600.0, 2)
    assert (parameters.auto_retry_delay_s, parameters.task_parallelism) == (0.5, 1)
    assert parameters.model_version == "202001010000000000002"


def test_a_seat_may_have_job_parameters_of_its_own(
    dsl_v2: dict[str, Any], conf_v2: dict[str, Any]
) -> None:
    conf = read_job(dsl_v2, conf_v2).conf
    assert conf.job_parameters_at(H1).task_cores == 8
    assert conf.job_parameters_at(H0).task_cores == 2


def test_job_parameters_that_are_none_are_named(
    dsl_v2: dict[str, Any], conf_v2: dict[str, Any]
) -> None:
    conf_v2["job_parameters"]["common"] = {
        "job_type": "predicts",
        "timeout": -1,
        "task_cores": True,
        "auto_retries": "1e400",
        "computing_partitions": 1.5,
        "inheritance_info": {"job_id": [], "component_list": "reader_0"},
    }
    conf_v2["job_parameters"]["role"]["host"]["1"] = {"task_cores": "x"}
    at = "job_runtime_conf.job_parameters"
    assert set(problems(dsl_v2, conf_v2)) == {
        f'{at}.common.job_type: is "predicts", must be train or predict; did you mean "predict"?',
        f"{at}.common.timeout: is -1, must be from 1 to 316224000",
        f"{at}.common.task_cores: is true, must be a whole number",
        f'{at}.common.auto_retries: is "1e400", must be a whole number',
        f"{at}.common.computing_partitions: is 1.5, must be a whole number",
        f"{at}.common.inheritance_info.job_id: is a list, must be a text",
        f'{at}.common.inheritance_info.component_list: is a text, must be a list: ["reader_0"]',
        f'{at}.role.host.1.task_cores: is "x", must be a whole number',
    }


def test_a_prediction_names_its_model(dsl_v2: dict[str, Any], conf_v2: dict[str, Any]) -> None:
    conf_v2["job_parameters"] = {"common": {"job_type": "predict"}}
    assert problems(dsl_v2, conf_v2) == [
        f"job_runtime_conf.job_parameters.common.{name}: is missing: a prediction needs it"
        for name in ("model_id", "model_version")
    ]


# --- version 2 -----------------------------------------------------------------------------------


def test_role_entries_win_over_common_ones_field_by_field(
    dsl_v2: dict[str, Any], conf_v2: dict[str, Any]
) -> None:
    conf = read_job(dsl_v2, conf_v2).conf
    for host in (H0, H1):
        assert values(conf, "hetero_lr_0", host) == {
            "max_iter": 4,
            "penalty": "L2",
            "init_param": {"init_method": "zeros", "fit_intercept": False},
        }
        assert values(conf, "data_transform_0", host) == {"with_label": False}
    assert values(conf, "hetero_lr_0", G)["init_param"]["fit_intercept"] is True
    assert values(conf, "reader_0", H1) == {"table": {"name": "host_1", "namespace": "breast"}}


def test_among_role_entries_the_later_one_in_the_file_wins(
    dsl_v2: dict[str, Any], conf_v2: dict[str, Any]
) -> None:
    first, last = {"hetero_lr_0": {"max_iter": 1}}, {"hetero_lr_0": {"max_iter": 2}}
    conf_v2["component_parameters"]["role"]["host"] = {"all": first, "1": last}
    conf = read_job(dsl_v2, conf_v2).conf
    assert [values(conf, "hetero_lr_0", h)["max_iter"] for h in (H0, H1)] == [1, 2]
    conf_v2["component_parameters"]["role"]["host"] = {"1": last, "all": first}
    conf = read_job(dsl_v2, conf_v2).conf
    assert [values(conf, "hetero_lr_0", h)["max_iter"] for h in (H0, H1)] == [1, 1]


def test_null_is_kept_as_given(dsl_v2: dict[str, Any], conf_v2: dict[str, Any]) -> None:
    conf_v2["component_parameters"]["common"]["hetero_lr_0"] = {"init_param": None, "tol": None}
    conf_v2["component_parameters"]["role"]["host"]["0"]["hetero_lr_0"] = {"max_iter": None}
    conf_v2["component_parameters"]["role"]["host"].pop("all")
    conf = read_job(dsl_v2, conf_v2).conf
    assert values(conf, "hetero_lr_0", G) == {"init_param": None, "tol": None}
    assert values(conf, "hetero_lr_0", H0)["max_iter"] is None


def test_stale_sections_and_keys_that_are_no_index_leave_notes(
    dsl_v2: dict[str, Any], conf_v2: dict[str, Any]
) -> None:
    notes = {str(note) for note in read_job(dsl_v2, conf_v2).notes}
    assert notes == {
        "job_runtime_conf.component_parameters.common.intersect_0: is not in the DSL and is "
        'ignored; did you mean "intersection_0"?',
        "job_runtime_conf.component_parameters.role.host.secure_add_example_0: "
        "is no index among the 2 of host; ignored",
    }


def test_sections_of_version_1_are_not_silently_dropped_in_version_2(
    dsl_v2: dict[str, Any], conf_v1: dict[str, Any]
) -> None:
    conf_v1["dsl_version"] = 2
    assert problems(dsl_v2, conf_v1) == [
        "job_runtime_conf.algorithm_parameters: is of dsl_version 1: "
        "write component_parameters.common, or correct dsl_version",
        "job_runtime_conf.role_parameters: is of dsl_version 1: "
        "write component_parameters.role, or correct dsl_version",
    ]


def test_where_a_parameter_was_written_is_known(
    dsl_v2: dict[str, Any], conf_v2: dict[str, Any]
) -> None:
    parameters = read_job(dsl_v2, conf_v2).conf.parameters_of("hetero_lr_0", H1)
    at = "job_runtime_conf.component_parameters"
    written = {
        ("max_iter",): f"{at}.role.host.all.hetero_lr_0.max_iter",
        ("penalty",): f"{at}.common.hetero_lr_0.penalty",
        ("init_param", "init_method"): f"{at}.common.hetero_lr_0.init_param.init_method",
        ("init_param", "fit_intercept"): f"{at}.role.host.0|1.hetero_lr_0.init_param.fit_intercept",
    }
    assert {path: shown_path(parameters.path_of(path)) for path in written} == written


# --- version 1 -----------------------------------------------------------------------------------


def test_lists_give_each_party_its_value(dsl_v1: dict[str, Any], conf_v1: dict[str, Any]) -> None:
    conf = read_job(dsl_v1, conf_v1).conf
    assert values(conf, "dataio_0", G) == {"with_label": True, "label_name": "y"}
    assert values(conf, "dataio_0", H0) == {"with_label": False, "missing_impute": ["a"]}
    assert values(conf, "dataio_0", H1) == {"with_label": False, "missing_impute": ["b", "c"]}


def test_lists_at_leaves_of_nested_objects_do_too(
    dsl_v1: dict[str, Any], conf_v1: dict[str, Any]
) -> None:
    parameters = read_job(dsl_v1, conf_v1).conf.parameters_of("hetero_lr_0", H1)
    assert parameters.values == {
        "penalty": "L2",
        "max_iter": 5,
        "eps": 1e-4,
        "init_param": {"init_method": "ones"},
    }
    assert shown_path(parameters.path_of(("init_param", "init_method"))) == (
        "job_runtime_conf.role_parameters.host.hetero_lr_0.init_param.init_method[1]"
    )


def test_the_tables_of_args_go_to_their_readers(
    dsl_v1: dict[str, Any], conf_v1: dict[str, Any]
) -> None:
    conf = read_job(dsl_v1, conf_v1).conf
    assert values(conf, "reader_0", H1) == {"table": {"name": "h1", "namespace": "n"}}
    assert values(conf, "reader_1", G) == {"table": {"name": "g_eval", "namespace": "n"}}
    assert shown_path(conf.parameters_of("reader_0", H1).path_of(("table", "name"))) == (
        "job_runtime_conf.role_parameters.host.args.data.train_data[1].name"
    )


def test_old_names_of_job_parameters_are_read(
    dsl_v1: dict[str, Any], conf_v1: dict[str, Any]
) -> None:
    assert read_job(dsl_v1, conf_v1).conf.job_parameters.task_cores == 3


def test_values_that_are_not_one_per_party_are_named(
    dsl_v1: dict[str, Any], conf_v1: dict[str, Any]
) -> None:
    host = conf_v1["role_parameters"]["host"]
    host["dataio_0"]["with_label"] = False
    host["hetero_lr_0"]["init_param"]["init_method"] = ["zeros"]
    host["args"]["data"]["train_data"].append({})
    host["args"]["data"]["eval_data"][1] = "t"
    host["intersect_0"] = {"stale": 1}
    at = "job_runtime_conf.role_parameters.host"
    assert problems(dsl_v1, conf_v1) == [
        f"{at}.dataio_0.with_label: is true or false, must be a list with one value per party (2)",
        f"{at}.hetero_lr_0.init_param.init_method: has a list of 1, the role has 2 parties",
        f"{at}.args.data.train_data: has a list of 3, the role has 2 parties",
        f"{at}.args.data.eval_data[1]: is a text, must be a table's name",
    ]


def test_sections_of_version_2_are_not_silently_dropped_in_version_1(
    dsl_v2: dict[str, Any], conf_v2: dict[str, Any]
) -> None:
    conf_v2["dsl_version"] = 1
    assert problems(dsl_v2, conf_v2) == [
        "job_runtime_conf.component_parameters: "
        "is of dsl_version 2, and the conf says 1: correct dsl_version"
    ]
