"""Which epoch is best, and when to stop."""

from typing import Any

import numpy as np
import pytest

from federation.components.common.following import Following
from federation.components.common.training import CallbackParam
from federation.components.statistics.metrics import EvalType

LABELS = np.array([0.0, 0.0, 1.0, 1.0])
GOOD, FAIR, BAD = LABELS, np.array([0.0, 0.6, 0.5, 1.0]), 1 - LABELS


def follow(recorder: Any, scores: list[Any], **callbacks: Any) -> tuple[list[bool], list[bool]]:
    param = CallbackParam.parse({"validation_freqs": 1, "early_stopping_rounds": 2, **callbacks})
    following, best, stale = Following(param, EvalType.BINARY, "validate"), [], []
    for epoch, given in enumerate(scores):
        following.measure(epoch, "train", LABELS, BAD, recorder)
        following.measure(epoch, "validate", LABELS, given, recorder)
        best.append(following.is_best)
        stale.append(following.is_stale)
    return best, stale


def test_the_best_epoch_is_the_first_with_the_highest_metric(recorder: Any) -> None:
    best, _ = follow(recorder, [BAD, GOOD, GOOD, FAIR], metrics=["auc"])
    assert best == [True, True, False, False]


def test_training_is_stale_after_so_many_validations_without_a_better_one(recorder: Any) -> None:
    _, stale = follow(recorder, [FAIR, BAD, BAD, BAD], metrics=["auc"])
    assert stale == [False, False, True, True]


def test_one_metric_that_improves_keeps_training_unless_only_the_first_counts(
    recorder: Any,
) -> None:
    low = [[0.4, 0.45, 0.42, 0.44], [0.4, 0.45, 0.46, 0.44], [0.4, 0.45, 0.46, 0.47]]
    rising = [np.array(scores) for scores in low]
    metrics = ["accuracy", "auc"]  # accuracy stays 0.5, auc rises from 0.5 to 1
    _, both = follow(recorder, rising, metrics=metrics)
    _, first = follow(recorder, rising, metrics=metrics, use_first_metric_only=True)
    assert both == [False, False, False]
    assert first == [False, False, True]


def test_metrics_are_reported_by_epoch_and_stage(recorder: Any) -> None:
    follow(recorder, [GOOD], metrics=["auc"])
    assert recorder.metrics["validate", "iteration_0"] == [("auc", 1.0)]
    assert recorder.metrics["train", "iteration_0"] == [("auc", 0.0)]
    assert recorder.types["validate", "iteration_0"] == "EVALUATION_SUMMARY"


def test_of_errors_the_lowest_is_best(recorder: Any) -> None:
    param = CallbackParam.parse({"validation_freqs": 1, "metrics": ["rmse"]})
    following = Following(param, EvalType.REGRESSION, "train")
    for epoch, error in enumerate((3.0, 1.0)):
        following.measure(epoch, "train", LABELS, LABELS + error, recorder)
    assert following.is_best
    assert following.measured["train"]["root_mean_squared_error"] == pytest.approx([3.0, 1.0])
