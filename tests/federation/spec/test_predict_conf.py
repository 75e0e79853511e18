"""The conf a prediction runs with."""

import copy
from typing import Any

import pytest

from federation.errors import InvalidJob
from federation.spec.catalogue import Catalogue
from federation.spec.check import check
from federation.spec.job import read_job
from federation.spec.party import HOST, Party
from federation.spec.plan import TableRef, plan
from federation.spec.predict import deduce, deploy
from federation.spec.predict_conf import conf_template, merge_predict_conf

MODEL = {"job_type": "predict", "model_id": "m", "model_version": "v"}


def posted_v2(**more: object) -> dict[str, Any]:
    return {
        "dsl_version": 2,
        "initiator": {"role": "guest", "party_id": 9999},
        "job_parameters": {"common": dict(MODEL)},
        **more,
    }


def test_the_posted_conf_lies_over_the_training(conf_v2: dict[str, Any]) -> None:
    before = copy.deepcopy(conf_v2)
    posted = posted_v2(component_parameters={"common": {"hetero_lr_0": {"max_iter": 7}}})
    merged: Any = merge_predict_conf(conf_v2, posted)
    assert merged["job_parameters"]["common"] == conf_v2["job_parameters"]["common"] | MODEL
    assert merged["component_parameters"]["common"]["hetero_lr_0"]["max_iter"] == 7
    assert merged["component_parameters"]["common"]["hetero_lr_0"]["penalty"] == "L2"
    assert conf_v2 == before


def test_a_changed_order_of_parties_is_followed(
    dsl_v2: dict[str, Any], conf_v2: dict[str, Any]
) -> None:
    roles = {"guest": [9999], "host": [10001, 10000], "arbiter": [10000]}
    merged = merge_predict_conf(conf_v2, posted_v2(role=roles))
    conf = read_job(deploy(dsl_v2), merged).conf
    assert conf.roles[HOST] == ("10001", "10000")
    for party_id, name in (("10000", "host_0"), ("10001", "host_1")):
        given = conf.parameters_of("reader_0", Party(HOST, party_id)).values
        assert given == {"table": {"name": name, "namespace": "breast"}}
    assert conf.job_parameters_at(Party(HOST, "10001")).task_cores == 8


def test_parties_that_are_left_out_take_no_part(
    dsl_v2: dict[str, Any], conf_v2: dict[str, Any]
) -> None:
    merged = merge_predict_conf(conf_v2, posted_v2(role={"guest": [9999], "host": ["10001"]}))
    conf = read_job(deploy(dsl_v2), merged).conf
    assert [str(seat) for seat in conf.seats] == ["guest:9999", "host:10001"]
    given = conf.parameters_of("reader_0", Party(HOST, "10001")).values
    assert given == {"table": {"name": "host_1", "namespace": "breast"}}


def test_no_later_section_of_the_training_wins_over_the_posted_one(
    dsl_v2: dict[str, Any], conf_v2: dict[str, Any]
) -> None:
    table = {"table": {"name": "new", "namespace": "n"}}
    posted = posted_v2(component_parameters={"role": {"host": {"0|1": {"reader_0": table}}}})
    conf = read_job(deploy(dsl_v2), merge_predict_conf(conf_v2, posted)).conf
    for party_id in conf.roles[HOST]:
        assert conf.parameters_of("reader_0", Party(HOST, party_id)).values == table


def test_parties_that_did_not_train_can_not_predict(conf_v2: dict[str, Any]) -> None:
    roles = {"guest": [9999], "host": [10000, 3], "local": [0]}
    with pytest.raises(InvalidJob) as caught:
        merge_predict_conf(conf_v2, posted_v2(role=roles))
    assert [str(problem) for problem in caught.value.problems] == [
        "job_runtime_conf.role.host[1]: party 3 was no host of the training",
        "job_runtime_conf.role.local[0]: party 0 was no local of the training",
    ]


@pytest.mark.parametrize(
    ("posted", "message"),
    [
        ([], "job_runtime_conf: is a list, must be an object"),
        ({"dsl_version": 1}, "the model was trained with dsl_version 2"),
        ({"job_parameters": MODEL}, "the model is of dsl_version 2: write job_parameters.common"),
    ],
)
def test_a_conf_of_another_kind_is_refused(
    conf_v2: dict[str, Any], posted: object, message: str
) -> None:
    with pytest.raises(InvalidJob, match=message):
        merge_predict_conf(conf_v2, posted)


def test_a_prediction_inherits_nothing_its_training_inherited(conf_v2: dict[str, Any]) -> None:
    conf_v2["job_parameters"]["common"]["inheritance_info"] = {"job_id": "1"}
    assert "inheritance_info" not in str(merge_predict_conf(conf_v2, posted_v2()))


def test_version_1_predicts_with_the_lists_of_its_parties(
    dsl_v1: dict[str, Any], conf_v1: dict[str, Any], catalogue: Catalogue
) -> None:
    posted = {
        "initiator": {"role": "guest", "party_id": 9999},
        "role": {"guest": [9999], "host": [10001], "arbiter": [10000]},
        "job_parameters": {"work_mode": 0, **MODEL},
        "role_parameters": {
            "guest": {"args": {"data": {"eval_data": [{"name": "g_new", "namespace": "n"}]}}},
            "host": {"args": {"data": {"eval_data": [{"name": "h1_new", "namespace": "n"}]}}},
        },
    }
    job = read_job(deduce(dsl_v1, catalogue), merge_predict_conf(conf_v1, posted))
    assert check(job, catalogue) == []
    tasks = plan(job, catalogue)
    assert [t.table for t in tasks.of("reader_0")] == [
        TableRef("n", "g_new"),
        TableRef("n", "h1_new"),
    ]
    assert tasks.of("dataio_0")[1].params["missing_impute"] == ["b", "c"]
    assert tasks.of("hetero_lr_0")[1].params["init_param"] == {"init_method": "ones"}


def test_a_filled_template_can_be_predicted_with(
    dsl_v1: dict[str, Any],
    conf_v1: dict[str, Any],
    dsl_v2: dict[str, Any],
    conf_v2: dict[str, Any],
    catalogue: Catalogue,
) -> None:
    for train_dsl, train_conf, predict_dsl in (
        (dsl_v1, conf_v1, deduce(dsl_v1, catalogue)),
        (dsl_v2, conf_v2, deploy(dsl_v2)),
    ):
        template = conf_template(train_dsl, train_conf, "m", "v")
        job = read_job(predict_dsl, merge_predict_conf(train_conf, template))
        assert check(job, catalogue) == []
        tables = {task.table for task in plan(job, catalogue).of("reader_0")}
        assert tables == {TableRef("namespace_to_be_filled_0", "name_to_be_filled_0")}


def test_the_template_is_the_one_fate_gives(
    dsl_v2: dict[str, Any], conf_v2: dict[str, Any]
) -> None:
    table = {"name": "name_to_be_filled_0", "namespace": "namespace_to_be_filled_0"}
    filled = {"reader_0": {"table": table}}
    template = conf_template(dsl_v2, conf_v2, "m", "v")
    assert template["component_parameters"] == {
        "role": {"guest": {"0": filled}, "host": {"0": filled, "1": filled}}
    }
    assert (template["role"], template["initiator"]) == (conf_v2["role"], conf_v2["initiator"])
    assert template["dsl_version"] == 2
