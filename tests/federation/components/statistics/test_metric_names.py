import re

import pytest

from federation.components.statistics.metrics import (
    ALIASES,
    KNOWN_NAMES,
    METRICS,
    UNDEFINED,
    VALIDATION_DEFAULTS,
    EvalType,
    is_better,
    metrics_for,
    single,
)


def test_no_names_mean_all_of_the_kind() -> None:
    assert metrics_for(EvalType.MULTI, None) == ("accuracy", "precision", "recall")
    assert metrics_for(EvalType.MULTI, []) == metrics_for(EvalType.MULTI, None)


def test_the_log_error_is_computed_only_on_request() -> None:
    assert "mean_squared_log_error" not in metrics_for(EvalType.REGRESSION, None)
    assert metrics_for(EvalType.REGRESSION, ["MSLE"]) == ("mean_squared_log_error",)


@pytest.mark.parametrize(
    ("alias", "full"),
    [
        ("l1", "mean_absolute_error"),
        ("mae", "mean_absolute_error"),
        ("regression_l1", "mean_absolute_error"),
        ("l2", "mean_squared_error"),
        ("mse", "mean_squared_error"),
        ("regression", "mean_squared_error"),
        ("regression_l2", "mean_squared_error"),
        ("l2_root", "root_mean_squared_error"),
        ("rmse", "root_mean_squared_error"),
        ("r2", "r2_score"),
    ],
)
def test_an_alias_of_regression_gives_its_full_name(alias: str, full: str) -> None:
    assert metrics_for(EvalType.REGRESSION, [alias]) == (full,)


def test_aliases_of_the_other_kinds_give_their_full_names() -> None:
    assert metrics_for(EvalType.BINARY, ["acc"]) == ("accuracy",)
    assert metrics_for(EvalType.CLUSTERING, ["FMI", "RI", "jaccard"]) == (
        "fowlkes_mallows_score",
        "adjusted_rand_score",
        "jaccard_similarity_score",
    )


def test_every_alias_belongs_to_a_metric() -> None:
    full = {name for names in METRICS.values() for name in names}
    assert {alias for alias, name in ALIASES.items() if name not in full} == set()


def test_a_name_counts_once_in_any_case() -> None:
    assert metrics_for(EvalType.BINARY, ["AUC", "auc", "ks"]) == ("auc", "ks")


def test_precision_and_recall_imply_each_other() -> None:
    assert metrics_for(EvalType.BINARY, ["recall"]) == ("recall", "precision")
    assert metrics_for(EvalType.MULTI, ["precision"]) == ("precision", "recall")


def test_a_misspelt_name_is_answered_with_the_nearest_and_the_list() -> None:
    with pytest.raises(ValueError, match="did you mean 'lift'") as caught:
        metrics_for(EvalType.BINARY, ["auc", "lft"])
    assert "roc, lift, gain" in str(caught.value)


def test_all_wrong_names_are_named_at_once() -> None:
    with pytest.raises(ValueError, match=r"'lft'.*'rmse'"):
        metrics_for(EvalType.BINARY, ["lft", "rmse"])


def test_a_metric_of_another_kind_is_said_to_be_one() -> None:
    message = re.escape("'auc' is a metric of binary, not of regression")
    with pytest.raises(ValueError, match=message):
        metrics_for(EvalType.REGRESSION, ["auc"])


@pytest.mark.parametrize("kind", list(EvalType))
def test_every_kind_can_be_followed_during_training(kind: EvalType) -> None:
    assert set(VALIDATION_DEFAULTS[kind]) <= set(METRICS[kind]) <= set(KNOWN_NAMES)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_not_a_finite_number_is_written_as_undefined(value: float) -> None:
    assert single(value) == UNDEFINED == -9999999


def test_a_value_has_six_digits() -> None:
    assert single(2 / 3) == 0.666667


@pytest.mark.parametrize(
    ("metric", "value", "best", "answer"),
    [
        ("auc", 0.7, 0.6, True),
        ("auc", 0.6, 0.6, False),
        ("r2_score", 0.7, 0.6, True),
        ("mean_absolute_error", 0.7, 0.6, False),
        ("root_mean_squared_error", 0.5, 0.6, True),
        ("auc", 0.1, None, True),
        ("auc", 0.1, UNDEFINED, True),
        ("mean_absolute_error", 0.1, UNDEFINED, True),
        ("mean_absolute_error", UNDEFINED, 0.1, False),
        ("auc", UNDEFINED, None, False),
    ],
)
def test_less_is_better_of_errors_alone_and_undefined_never(
    metric: str, value: float, best: float | None, answer: bool
) -> None:
    assert is_better(metric, value, best) is answer
