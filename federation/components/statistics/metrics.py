"""Names of the metrics: which belong to which kind of prediction, their aliases and defaults.

A metric that has no value (one class only, a division by zero, a score that is not a number) is
written -9999999, since JSON has neither NaN nor Infinity; every value is rounded to six digits.
Source: FATE 1.x EvaluateParam and its constants.
"""

import math
from collections.abc import Iterable, Mapping
from enum import StrEnum

from federation.components.params import nearest

UNDEFINED = -9999999.0
DIGITS = 6


class EvalType(StrEnum):
    """What kind of prediction is measured."""

    BINARY = "binary"
    MULTI = "multi"
    REGRESSION = "regression"
    CLUSTERING = "clustering"


CLASS_METRICS = ("accuracy", "precision", "recall")
BINARY_METRICS = (
    "auc",
    "ks",
    "roc",
    "lift",
    "gain",
    *CLASS_METRICS,
    "confusion_mat",
    "f1_score",
    "quantile_pr",
    "psi",
)
REGRESSION_METRICS = (
    "explained_variance",
    "mean_absolute_error",
    "mean_squared_error",
    "median_absolute_error",
    "r2_score",
    "root_mean_squared_error",
)
CLUSTERING_METRICS = (
    "jaccard_similarity_score",
    "fowlkes_mallows_score",
    "adjusted_rand_score",
    "contingency_matrix",
    "davies_bouldin_index",
    "distance_measure",
)

DEFAULTS: Mapping[EvalType, tuple[str, ...]] = {
    EvalType.BINARY: BINARY_METRICS,
    EvalType.MULTI: CLASS_METRICS,
    EvalType.REGRESSION: REGRESSION_METRICS,
    EvalType.CLUSTERING: CLUSTERING_METRICS,
}
"""What is computed when no metric is named."""

METRICS: Mapping[EvalType, tuple[str, ...]] = {
    **DEFAULTS,
    EvalType.REGRESSION: (*REGRESSION_METRICS, "mean_squared_log_error"),
}
"""What may be named."""

VALIDATION_DEFAULTS: Mapping[EvalType, tuple[str, ...]] = {
    EvalType.BINARY: ("auc", "ks"),
    EvalType.MULTI: CLASS_METRICS,
    EvalType.REGRESSION: ("root_mean_squared_error", "mean_absolute_error"),
    EvalType.CLUSTERING: ("adjusted_rand_score",),
}
"""What is computed during training when no metric is named."""

ALIASES: Mapping[str, str] = {
    "acc": "accuracy",
    "l1": "mean_absolute_error",
    "mae": "mean_absolute_error",
    "regression_l1": "mean_absolute_error",
    "l2": "mean_squared_error",
    "mse": "mean_squared_error",
    "regression": "mean_squared_error",
    "regression_l2": "mean_squared_error",
    "l2_root": "root_mean_squared_error",
    "rmse": "root_mean_squared_error",
    "msle": "mean_squared_log_error",
    "r2": "r2_score",
    "dbi": "davies_bouldin_index",
    "fmi": "fowlkes_mallows_score",
    "ri": "adjusted_rand_score",
    "jaccard": "jaccard_similarity_score",
}

ERRORS = frozenset(name for name in METRICS[EvalType.REGRESSION] if name.endswith("_error"))
"""Metrics of which less is better; of all others that are one number, more is."""

FROM_DISTANCES = frozenset({"davies_bouldin_index", "distance_measure"})
"""Measures of the distances between clusters, which only the arbiter of a clustering knows."""

_FULL_NAMES = dict.fromkeys(name for names in METRICS.values() for name in names)

KNOWN_NAMES = (*_FULL_NAMES, *(alias for alias, full in ALIASES.items() if full in _FULL_NAMES))
"""Every name and alias of any kind, for the published schema."""


def metrics_for(
    eval_type: EvalType,
    asked: Iterable[str] | None,
    defaults: Mapping[EvalType, tuple[str, ...]] = DEFAULTS,
) -> tuple[str, ...]:
    """Full names of the metrics asked for, each once; `defaults` of the kind if none is named.

    Names count in any case. Precision and recall imply each other.

    Raises:
        ValueError: some names are not metrics of this kind; all of them are named.
    """
    known = METRICS[eval_type]
    names: list[str] = []
    problems: list[str] = []
    for given in asked or ():
        name = ALIASES.get(given.lower(), given.lower())
        if name not in known:
            problems.append(_problem(given, name, eval_type))
        names.append(name)
    if problems:
        raise ValueError(f"{'; '.join(problems)}. Metrics of {eval_type}: {', '.join(known)}")
    if "precision" in names or "recall" in names:
        names += ["precision", "recall"]
    return tuple(dict.fromkeys(names)) or defaults[eval_type]


def single(value: float) -> float:
    """A metric as it is reported: six digits, or UNDEFINED where it is not a finite number."""
    return round(float(value), DIGITS) if math.isfinite(value) else UNDEFINED


def is_better(metric: str, value: float, best: float | None) -> bool:
    """Whether `value` of a metric, by full name, improves on the `best` so far, if there is one.

    What is UNDEFINED is never better, and worse than anything.
    """
    if value == UNDEFINED:
        return False
    if best is None or best == UNDEFINED:
        return True
    return value < best if metric in ERRORS else value > best


def _problem(given: str, name: str, eval_type: EvalType) -> str:
    owners = [kind.value for kind, names in METRICS.items() if name in names]
    if owners:
        return f"{given!r} is a metric of {' and '.join(owners)}, not of {eval_type}"
    known = METRICS[eval_type]
    aliases = [alias for alias, full in ALIASES.items() if full in known]
    return f"{given!r} is not a metric{nearest(given.lower(), [*known, *aliases])}"
