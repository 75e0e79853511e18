import json

import numpy as np
import numpy.typing as npt
import pytest
from sklearn import metrics as sk

from federation.components.statistics.metric_sets import MetricSet, measure, summary_set
from federation.components.statistics.metrics import UNDEFINED, EvalType, metrics_for
from federation.components.statistics.predictions import Predictions
from federation.components.statistics.values import Asked, validation_metrics

Vector = npt.NDArray[np.float64]


def asked(kind: str, *names: str, unfold: bool = False) -> Asked:
    return Asked(EvalType(kind), metrics_for(EvalType(kind), names), unfold=unfold)


def binary(rows: int = 569, stage: str = "train", source: str = "lr_0") -> Predictions:
    rng = np.random.default_rng(5)
    labels = (rng.random(rows) < 0.4).astype(np.float64)
    scores = 1 / (1 + np.exp(-rng.normal(labels * 2 - 1)))
    return Predictions(source, stage, labels, (scores > 0.5).astype(np.float64), scores)


def multi(rows: int = 300) -> Predictions:
    rng = np.random.default_rng(6)
    logits = rng.normal(size=(rows, 3))
    labels = rng.integers(0, 3, rows)
    logits[np.arange(rows), labels] += 1.5
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    details = tuple(str({str(k): float(v) for k, v in enumerate(row)}) for row in shares)
    result = shares.argmax(axis=1).astype(np.float64)
    return Predictions("lr_0", "train", labels.astype(np.float64), result, shares.max(1), details)


def sets_by_name(part: Predictions, what: Asked) -> dict[str, MetricSet]:
    return {one.name: one for one in measure([part], what).sets}


BINARY = asked("binary")


def test_two_classes_give_every_set_of_fate_with_its_type() -> None:
    found = {name: one.metric_type for name, one in sets_by_name(binary(), BINARY).items()}
    assert found == {
        "lr_0": "EVALUATION_SUMMARY",
        "lr_0_roc": "ROC_EVALUATION",
        "lr_0_ks_fpr": "KS_EVALUATION",
        "lr_0_ks_tpr": "KS_EVALUATION",
        "lr_0_lift": "LIFT_EVALUATION",
        "lr_0_gain": "GAIN_EVALUATION",
        "lr_0_accuracy": "ACCURACY_EVALUATION",
        "lr_0_precision": "PRECISION_BINARY_EVALUATION",
        "lr_0_recall": "RECALL_BINARY_EVALUATION",
        "lr_0_confusion_mat": "CONFUSION_MAT",
        "lr_0_f1_score": "F1_SCORE",
        "lr_0_quantile_pr": "QUANTILE_PR",
    }


def test_the_first_number_of_the_summary_is_the_auc_also_when_sorted() -> None:
    part = binary()
    data = sets_by_name(part, asked("binary", "ks", "accuracy", "auc"))["lr_0"].data
    assert list(data) == sorted(data)
    assert data[0] == ("auc", round(sk.roc_auc_score(part.labels, part.scores), 6))
    assert [name for name, _ in data] == ["auc", "ks"]


def test_the_summary_is_component_stage_metric() -> None:
    parts = [binary(), binary(50, "validate"), binary(60, "predict", "lr_1")]
    summary = measure(parts, BINARY).summary
    assert {name: list(stages) for name, stages in summary.items()} == {
        "lr_0": ["train", "validate"],
        "lr_1": ["predict"],
    }
    assert set(summary["lr_0"]["train"]) == {"auc", "ks"}


def test_the_namespace_is_the_stage() -> None:
    parts = [binary(), binary(50, "validate")]
    assert {one.namespace for one in measure(parts, BINARY).sets} == {"train", "validate"}


def test_only_what_was_asked_is_drawn() -> None:
    assert set(sets_by_name(binary(), asked("binary", "auc", "lift"))) == {"lr_0", "lr_0_lift"}


def test_every_set_can_be_written_as_json_without_nan() -> None:
    parts = [binary(), binary(50, "validate"), binary(1, "predict")]
    for one in measure(parts, BINARY).sets:
        json.dumps([one.data, dict(one.meta)], allow_nan=False)


@pytest.mark.parametrize("metric", ["roc", "lift", "gain", "accuracy", "precision", "recall"])
def test_a_curve_ascends_and_has_a_threshold_for_every_point(metric: str) -> None:
    one = sets_by_name(binary(), BINARY)[f"lr_0_{metric}"]
    x = [point[0] for point in one.data]
    assert x == sorted(x)
    assert len(one.meta["thresholds"]) == len(one.data)
    assert one.meta["curve_name"] == "lr_0"
    assert all(value == round(value, 6) for point in one.data for value in point)


@pytest.mark.parametrize("metric", ["lift", "gain"])
def test_lift_and_gain_end_at_one_and_have_one_point_for_each_x(metric: str) -> None:
    part = binary(30)
    data = sets_by_name(part, BINARY)[f"lr_0_{metric}"].data
    assert data[-1] == (1.0, 1.0)
    assert len({x for x, _ in data}) == len(data) == 31


def test_the_roc_goes_from_zero_to_one_and_names_its_axes() -> None:
    one = sets_by_name(binary(), BINARY)["lr_0_roc"]
    assert (one.data[0], one.data[-1]) == ((0.0, 0.0), (1.0, 1.0))
    assert len(set(one.data)) == len(one.data)
    assert (one.meta["unit_name"], one.meta["ordinate_name"]) == ("fpr", "tpr")


def test_the_two_curves_of_ks_are_paired_by_the_component() -> None:
    found = sets_by_name(binary(), BINARY)
    fpr, tpr = found["lr_0_ks_fpr"], found["lr_0_ks_tpr"]
    assert (fpr.meta["curve_name"], tpr.meta["curve_name"]) == ("lr_0_fpr", "lr_0_tpr")
    assert fpr.meta["pair_type"] == tpr.meta["pair_type"] == "lr_0"
    assert [x for x, _ in fpr.data] == [cut / 100 for cut in range(101)]
    gaps = [high - low for (_, high), (_, low) in zip(tpr.data, fpr.data, strict=True)]
    assert dict(found["lr_0"].data)["ks"] == pytest.approx(max(gaps), abs=2e-6)


def test_the_confusion_matrix_is_counted_at_a_hundred_fixed_thresholds() -> None:
    part = binary()
    meta = sets_by_name(part, BINARY)["lr_0_confusion_mat"].meta
    assert meta["thresholds"] == [step / 100 for step in range(100)]
    tn, fp, fn, tp = sk.confusion_matrix(part.labels, part.scores > 0.37).ravel()
    assert [meta[name][37] for name in ("tp", "tn", "fp", "fn")] == [tp, tn, fp, fn]


def test_f1_and_quantile_pr_stand_at_twenty_one_quantiles() -> None:
    found = sets_by_name(binary(), BINARY)
    f1, quantile_pr = found["lr_0_f1_score"].meta, found["lr_0_quantile_pr"].meta
    assert len(f1["thresholds"]) == len(f1["f1_scores"]) == 21
    lengths = {len(quantile_pr[name]) for name in ("p_scores", "r_scores", "thresholds")}
    assert lengths == {21}


def test_quantile_pr_gives_the_negative_class_first() -> None:
    part = binary()
    meta = sets_by_name(part, BINARY)["lr_0_quantile_pr"].meta
    at = 8
    cut = np.quantile(part.scores, at / 20, method="nearest")
    said = (part.scores > cut).astype(np.float64)
    for name, score in (("p_scores", sk.precision_score), ("r_scores", sk.recall_score)):
        np.testing.assert_allclose(
            meta[name][at], [score(part.labels, said, pos_label=label) for label in (0, 1)], 1e-5
        )


def test_psi_stands_with_validation_when_both_stages_are_there() -> None:
    alone, both = [binary()], [binary(), binary(80, "validate")]
    assert not [one for one in measure(alone, BINARY).sets if one.metric_type == "PSI"]
    (one,) = [one for one in measure(both, BINARY).sets if one.metric_type == "PSI"]
    assert (one.namespace, one.name) == ("validate", "lr_0_psi")
    assert one.meta["total_psi"] == pytest.approx(sum(one.meta["psi_scores"]), abs=2e-5)
    assert sum(one.meta["expected_interval"]) == 569
    assert sum(one.meta["actual_interval"]) == 80


def test_psi_does_not_compare_two_components() -> None:
    parts = [binary(), binary(80, "validate", "lr_1")]
    assert not [one for one in measure(parts, BINARY).sets if one.metric_type == "PSI"]


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_one_class_has_undefined_auc_and_ks_and_no_curve_of_two(label: float) -> None:
    scores = np.array([0.1, 0.4, 0.8])
    part = Predictions("lr_0", "train", np.full(3, label), np.full(3, label), scores)
    found = sets_by_name(part, BINARY)
    assert found["lr_0"].data == (("auc", UNDEFINED), ("ks", UNDEFINED))
    assert not {"lr_0_roc", "lr_0_ks_fpr", "lr_0_lift", "lr_0_gain"} & set(found)
    assert {"lr_0_accuracy", "lr_0_confusion_mat"} <= set(found)


@pytest.mark.parametrize("score", [float("nan"), float("inf")])
def test_a_score_that_is_not_finite_leaves_undefined_numbers_and_no_curve(score: float) -> None:
    part = Predictions("lr_0", "train", np.array([0.0, 1.0]), np.ones(2), np.array([0.5, score]))
    (one,) = measure([part], BINARY).sets
    assert one.data == (("auc", UNDEFINED), ("ks", UNDEFINED))


def test_a_regression_has_undefined_numbers_when_a_value_is_not_finite() -> None:
    values = np.array([0.5, float("inf")])
    part = Predictions("linr_0", "train", np.array([0.0, 1.0]), values, values)
    (one,) = measure([part], asked("regression", "mae", "r2")).sets
    assert one.data == (("mean_absolute_error", UNDEFINED), ("r2_score", UNDEFINED))


def test_a_regression_gives_its_numbers_sorted_by_name() -> None:
    rng = np.random.default_rng(1)
    labels, values = rng.normal(size=(2, 50))
    part = Predictions("linr_0", "train", labels, values, values)
    (one,) = measure([part], asked("regression")).sets
    assert [name for name, _ in one.data] == sorted(asked("regression").metrics)
    assert dict(one.data)["mean_squared_error"] == pytest.approx(
        sk.mean_squared_error(labels, values), abs=1e-6
    )


def test_many_classes_give_one_accuracy_and_a_rate_for_each_class() -> None:
    part = multi()
    found = sets_by_name(part, asked("multi"))
    assert set(found) == {"lr_0", "lr_0_precision", "lr_0_recall"}
    accuracy = round(sk.accuracy_score(part.labels, part.results), 6)
    assert found["lr_0"].data == (("accuracy", accuracy),)
    recall = found["lr_0_recall"]
    assert recall.metric_type == "RECALL_MULTI_EVALUATION"
    assert recall.meta["labels"] == [label for label, _ in recall.data] == [0, 1, 2]
    rates = sk.recall_score(part.labels, part.results, average=None)
    np.testing.assert_allclose([rate for _, rate in recall.data], rates, atol=1e-6)


def test_each_class_can_be_measured_against_the_rest() -> None:
    part = multi()
    found = sets_by_name(part, asked("multi", unfold=True))
    one = found["lr_0_class_1_ovr"]
    assert (one.metric_type, one.data, list(one.meta)) == ("ovr", (), ["1"])
    scores = part.class_scores(np.array([1.0]))[:, 0]
    assert one.meta["1"]["auc"] == round(sk.roc_auc_score(part.labels == 1, scores), 6)
    assert one.meta["1"]["lift"][-1] == [1.0, 1.0]
    assert {"lr_0_class_0_ovr", "lr_0_class_2_ovr"} <= set(found)


def test_clusters_have_their_own_summary_and_a_contingency_table() -> None:
    labels, clusters = np.array([0.0, 0.0, 1.0]), np.array([0.0, 2.0, 2.0])
    part = Predictions("kmeans_0", "train", labels, clusters, clusters)
    found = sets_by_name(part, asked("clustering"))
    assert found["kmeans_0"].metric_type == "CLUSTERING_EVALUATION_SUMMARY"
    assert found["kmeans_0_contingency_matrix"].meta == {
        "true_labels": [0, 1],
        "predicted_labels": [0, 2],
        "result_table": [[1, 1], [0, 1]],
    }


def test_nothing_predicted_gives_nothing() -> None:
    found = measure([], BINARY)
    assert (found.sets, found.summary) == ((), {})


def test_an_iteration_is_summarised_like_a_component() -> None:
    one = summary_set("train", "iteration_3", {"auc": 0.5})
    assert (one.metric_type, one.data) == ("EVALUATION_SUMMARY", (("auc", 0.5),))


def test_validation_follows_auc_and_ks_unless_told_otherwise() -> None:
    part = binary()
    assert list(validation_metrics(part.labels, part.scores)) == ["auc", "ks"]
    assert list(validation_metrics(part.labels, part.scores, ["ks", "AUC"])) == ["ks", "auc"]


def test_validation_gives_the_numbers_that_evaluation_gives() -> None:
    part = binary()
    summary = measure([part], BINARY).summary["lr_0"]["train"]
    assert validation_metrics(part.labels, part.scores) == summary


def test_validation_takes_rates_at_one_half_and_leaves_curves_out() -> None:
    part = binary()
    found = validation_metrics(part.labels, part.scores, ["acc", "recall", "f1_score", "roc"])
    assert list(found) == ["accuracy", "recall", "f1_score", "precision"]
    for name, value in found.items():
        score = getattr(sk, f"{name}_score".replace("score_score", "score"))
        assert value == pytest.approx(score(part.labels, part.results), abs=1e-6)


def test_validation_of_other_kinds_uses_fates_defaults() -> None:
    truth, predicted = np.array([0.0, 1.0, 2.0]), np.array([0.0, 1.0, 1.0])
    numbers = validation_metrics(truth, predicted, eval_type="regression")
    assert list(numbers) == ["root_mean_squared_error", "mean_absolute_error"]
    classes = validation_metrics(truth, predicted, eval_type="multi")
    assert classes == {"accuracy": 0.666667, "precision": 0.5, "recall": 0.666667}


@pytest.mark.parametrize("kind", list(EvalType))
def test_validation_of_no_rows_is_undefined(kind: EvalType) -> None:
    found = validation_metrics(np.empty(0), np.empty(0), eval_type=kind)
    assert found
    assert set(found.values()) == {UNDEFINED}


def test_validation_says_no_to_unknown_names() -> None:
    with pytest.raises(ValueError, match="did you mean 'auc'"):
        validation_metrics(np.ones(2), np.ones(2), ["auc1"])


def test_precision_with_no_row_predicted_positive_is_undefined_in_validation() -> None:
    found = validation_metrics(np.array([0.0, 1.0]), np.array([0.1, 0.2]), ["precision"])
    assert found == {"precision": UNDEFINED, "recall": 0}
