"""HeteroLR's parameters: FATE's confs of all versions, and every problem at once."""

import jsonschema
import pytest

from federation.components.linear.hetero_lr import hetero_lr
from federation.components.linear.params import HomoLogisticParams, LogisticParams
from federation.errors import InvalidParameters
from federation.spec.schema_problems import schema_problems, validator_of

SEED_CONF = {
    "penalty": "L2",
    "optimizer": "rmsprop",
    "eps": 1e-5,
    "alpha": 0.01,
    "max_iter": 3,
    "converge_func": "diff",
    "batch_size": 320,
    "learning_rate": 0.15,
    "party_weight": 1,
    "re_encrypt_batches": 2,
    "init_param": {"init_method": "random_uniform"},
    "cv_param": {"n_splits": 5, "shuffle": False, "random_seed": 103, "need_cv": False},
    "encrypt_param": {"method": "iterativeAffine", "key_length": None},
    "sqn_param": {"update_interval_L": 3, "memory_M": 5, "sample_size": 5000},
}


def test_a_conf_of_the_first_fate_versions_is_read() -> None:
    p = LogisticParams.parse(SEED_CONF)
    assert (p.tol, p.early_stop, p.batch_size) == (1e-5, "diff", 320)
    assert p.encrypt_param.bits == 2048
    schema = hetero_lr.declare().params_schema
    known = {k: v for k, v in SEED_CONF.items() if k not in hetero_lr.declare().legacy_fields}
    jsonschema.Draft202012Validator(schema).validate(known)


def test_an_old_field_in_a_nested_class_passes_the_coordinator_and_the_component() -> None:
    conf = {"cv_param": {"n_splits": 3, "evaluate_param": {"eval_type": "binary"}}}
    assert list(schema_problems(validator_of(hetero_lr.declare()), conf)) == []
    assert LogisticParams.parse(conf).cv_param.n_splits == 3
    unknown = {"cv_param": {"evaluate": True}}
    ((path, _),) = schema_problems(validator_of(hetero_lr.declare()), unknown)
    assert path == ("cv_param", "evaluate")


@pytest.mark.parametrize(("given", "read"), [("l1", "L1"), ("none", "NONE"), (None, "NONE")])
def test_penalties_are_read_in_any_case_and_null_is_none(given: str | None, read: str) -> None:
    assert LogisticParams.parse({"penalty": given}).penalty == read


def test_every_problem_is_told_at_its_path() -> None:
    wrong = {
        "penalti": "L2",
        "penalty": "L3",
        "optimizer": "newton",
        "batch_size": 9,
        "cv_param": {"need_cv": "perhaps", "n_split": 3},
        "stepwise_param": {"max_step": 0},
        "encrypt_param": {"method": "RSA"},
        "init_param": {"init_method": "zero"},
        "metrics": ["auk"],
        "validation_freqs": 0,
        "predict_param": {"threshold": 2},
    }
    with pytest.raises(InvalidParameters) as refused:
        LogisticParams.parse(wrong)
    told = {problem.path: problem.message for problem in refused.value.problems}
    assert set(told) == {
        "penalti",
        "penalty",
        "optimizer",
        "batch_size",
        "cv_param.need_cv",
        "cv_param.n_split",
        "stepwise_param.max_step",
        "encrypt_param.method",
        "init_param.init_method",
        "metrics",
        "validation_freqs",
        "predict_param.threshold",
    }
    assert told["penalti"].endswith("did you mean 'penalty'?")
    assert told["cv_param.n_split"].endswith("did you mean 'n_splits'?")
    assert "not 'newton'" in told["optimizer"]
    assert told["init_param.init_method"].endswith("did you mean 'zeros'?")


def test_sqn_takes_more_steps_than_ciphertexts_bear() -> None:
    assert HomoLogisticParams.parse({"optimizer": "SQN"}).optimizer == "sqn"
    with pytest.raises(InvalidParameters, match="encrypt_param needs the optimizer sgd"):
        HomoLogisticParams.parse({"optimizer": "sqn", "encrypt_param": {"method": "Paillier"}})


def test_early_stopping_needs_validations() -> None:
    with pytest.raises(InvalidParameters, match="early_stopping_rounds needs validation_freqs"):
        LogisticParams.parse({"early_stopping_rounds": 2})


def test_what_stands_beside_the_callbacks_comes_first() -> None:
    inner = {"validation_freqs": 5, "metrics": ["ks"]}
    followed = LogisticParams.parse({"validation_freqs": 2, "callback_param": inner}).following
    assert (followed.validation_freqs, followed.metrics) == (2, ["ks"])
    assert [followed.follows(epoch) for epoch in range(4)] == [False, True, False, True]


def test_metrics_are_fates_defaults_where_none_are_named() -> None:
    assert LogisticParams.parse({}).following.metrics is None
    listed = LogisticParams.parse({"validation_freqs": [0, 3]}).following
    assert [listed.follows(epoch) for epoch in range(4)] == [True, False, False, True]
