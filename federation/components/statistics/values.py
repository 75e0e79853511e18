"""Metrics that are one number, of all four kinds of prediction.

Two classes have auc and ks, read off every threshold. Validation during training also takes
accuracy, precision, recall and f1_score at the threshold 0.5, which the curves of Evaluation show
over all thresholds. Of many classes precision and recall are the plain mean over the classes.

What has no value is UNDEFINED: auc and ks with one class only, precision with no row predicted
positive, recall with no positive row, r2 of a truth that does not vary, and every metric where
there is no row, or a label, a score or a predicted class is not finite.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from federation.components.statistics import binary, clustering, multi, regression
from federation.components.statistics.metrics import (
    FROM_DISTANCES,
    METRICS,
    UNDEFINED,
    VALIDATION_DEFAULTS,
    EvalType,
    metrics_for,
    single,
)
from federation.components.statistics.predictions import Predictions

Vector = npt.NDArray[np.float64]
Values = dict[str, float]

HALF = np.array([0.5])

SINGLE: Mapping[EvalType, tuple[str, ...]] = {
    EvalType.BINARY: ("auc", "ks"),
    EvalType.MULTI: ("accuracy",),
    EvalType.REGRESSION: METRICS[EvalType.REGRESSION],
    EvalType.CLUSTERING: tuple(
        name
        for name in METRICS[EvalType.CLUSTERING]
        if name not in {"contingency_matrix", *FROM_DISTANCES}
    ),
}
"""What Evaluation gives as one number from predictions; the others are curves or tables."""

FOLLOWED: Mapping[EvalType, tuple[str, ...]] = {
    **SINGLE,
    EvalType.BINARY: ("auc", "ks", "accuracy", "precision", "recall", "f1_score"),
    EvalType.MULTI: ("accuracy", "precision", "recall"),
}
"""What training can follow."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What to measure.

    Attributes:
        metrics: full names, see `metrics_for`.
        pos_label: the label that counts as positive of two classes.
        unfold: also measure every class of many against the rest.
    """

    eval_type: EvalType
    metrics: tuple[str, ...]
    pos_label: float = 1
    unfold: bool = False


def validation_metrics(
    labels: Vector,
    scores: Vector,
    metrics: Sequence[str] | None = None,
    *,
    eval_type: str = "binary",
    pos_label: float = 1,
) -> Values:
    """One number for each metric, to follow a model while it learns.

    Args:
        labels: shape (n,).
        scores: shape (n,): of two classes the probability of the positive one, of many the class
            predicted, else the value predicted.
        metrics: names or aliases; None for FATE's defaults of the kind.

    Returns:
        Values by full name, in the order asked; those that have no single number (the curves, psi,
        contingency_matrix) are left out.

    Raises:
        ValueError: a name is not a metric of that kind.
    """
    kind = EvalType(eval_type)
    names = metrics_for(kind, metrics, VALIDATION_DEFAULTS)
    followed = [name for name in names if name in FOLLOWED[kind]]
    return _measured(kind, labels, scores, pos_label, followed)


def evaluation_values(predictions: Predictions, asked: Asked) -> Values:
    """The metrics asked for that FATE's Evaluation gives as one number, sorted by name.

    So `auc` stands first: what would sort before it, accuracy of two classes, is a curve.
    """
    names = sorted(name for name in asked.metrics if name in SINGLE[asked.eval_type])
    predicted = predictions.prediction(asked.eval_type)
    return _measured(asked.eval_type, predictions.labels, predicted, asked.pos_label, names)


def _measured(
    kind: EvalType, labels: Vector, predicted: Vector, pos_label: float, names: Sequence[str]
) -> Values:
    if not labels.size or not np.all(np.isfinite(labels)) or not np.all(np.isfinite(predicted)):
        return dict.fromkeys(names, UNDEFINED)
    if kind is EvalType.BINARY:
        values = _binary(binary.Scored.of(labels, predicted, pos_label))
    elif kind is EvalType.MULTI:
        values = _multi(multi.Agreement.of(labels, predicted))
    elif kind is EvalType.REGRESSION:
        with np.errstate(over="ignore", invalid="ignore"):
            values = {name: regression.MEASURES[name](labels, predicted) for name in names}
    else:
        values = _clustering(labels, predicted)
    return {name: single(values[name]) for name in names}


def _binary(scored: binary.Scored) -> Values:
    half = scored.at(HALF)
    return {
        "auc": binary.auc(scored),
        "ks": binary.ks(scored),
        "accuracy": half.accuracy[0],
        "precision": half.precision[0] if half.tp[0] + half.fp[0] else UNDEFINED,
        "recall": half.tpr[0] if scored.positives.size else UNDEFINED,
        "f1_score": half.f1[0],
    }


def _multi(agreement: multi.Agreement) -> Values:
    return {
        "accuracy": agreement.accuracy,
        "precision": agreement.precision.mean(),
        "recall": agreement.recall.mean(),
    }


def _clustering(labels: Vector, clusters: Vector) -> Values:
    table = clustering.Contingency.of(labels, clusters)
    return {
        "jaccard_similarity_score": clustering.jaccard(labels, clusters),
        "fowlkes_mallows_score": table.fowlkes_mallows,
        "adjusted_rand_score": table.adjusted_rand,
    }
