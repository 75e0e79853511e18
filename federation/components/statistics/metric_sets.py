"""From predictions to the metrics that FATE's clients read: names, points and meta.

`c` being the component that predicted, its single numbers stand under the name `c`, its curves
under `c_roc`, `c_ks_fpr`, `c_lift` and so on. Values are rounded to six digits; points ascend in x,
and of several with one x a curve keeps the highest.

What can not be defined is not drawn: roc, ks, lift and gain of one class, and anything over scores
that are not finite. Source: FATE 1.x evaluation; its board reads the meta.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from federation.components.statistics import binary
from federation.components.statistics.binary import STEPS, Curve, Scored
from federation.components.statistics.clustering import Contingency
from federation.components.statistics.distances import Clusters
from federation.components.statistics.metrics import BINARY_METRICS, DIGITS, EvalType, single
from federation.components.statistics.multi import Agreement
from federation.components.statistics.predictions import Predictions
from federation.components.statistics.psi import psi
from federation.components.statistics.values import Asked, Values, evaluation_values

Vector = npt.NDArray[np.float64]

SUMMARY = "EVALUATION_SUMMARY"
CLUSTERING_SUMMARY = "CLUSTERING_EVALUATION_SUMMARY"

FIXED_THRESHOLDS: Vector = np.arange(STEPS) / STEPS
"""Shape (100,): 0.00 .. 0.99, where the confusion matrix is counted."""

NEEDS_BOTH_CLASSES = frozenset({"roc", "ks", "lift", "gain"})


@dataclass(frozen=True, slots=True)
class MetricSet:
    """One stored metric: points under (namespace, name), and what they mean."""

    namespace: str
    name: str
    metric_type: str
    data: tuple[tuple[Any, Any], ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Measured:
    """The metrics of some predictions.

    Attributes:
        sets: what is stored.
        summary: the single numbers: component -> stage -> metric -> value.
    """

    sets: tuple[MetricSet, ...]
    summary: Mapping[str, Mapping[str, Values]]


def measure(predictions: list[Predictions], asked: Asked) -> Measured:
    """Every metric asked for, of every component and stage."""
    sets: list[MetricSet] = []
    summary: dict[str, dict[str, Values]] = {}
    for part in predictions:
        values = evaluation_values(part, asked)
        summary.setdefault(part.source, {})[part.stage] = values
        if values:
            sets.append(summary_set(part.stage, part.source, values, asked.eval_type))
        sets.extend(_DRAWN[asked.eval_type](part, asked))
    if "psi" in asked.metrics:
        sets.extend(_psi_sets(predictions, asked.pos_label))
    return Measured(tuple(sets), summary)


def measure_clusters(clusters: list[Clusters], asked: Asked) -> Measured:
    """The metrics asked for that go by distances, of every clustering and stage."""
    sets: list[MetricSet] = []
    summary: dict[str, dict[str, Values]] = {}
    for one in clusters:
        values: Values = {}
        if "davies_bouldin_index" in asked.metrics:
            values["davies_bouldin_index"] = single(one.davies_bouldin)
            sets.append(summary_set(one.stage, one.source, values, EvalType.CLUSTERING))
        summary.setdefault(one.source, {})[one.stage] = values
        if "distance_measure" in asked.metrics:
            meta = {
                "cluster_index": one.index.tolist(),
                "radius": [single(radius) for radius in one.radius.tolist()],
                "nearest_idx": one.nearest,
            }
            name = f"{one.source}_distance_measure"
            sets.append(MetricSet(one.stage, name, "DISTANCE_MEASURE", (), meta))
    return Measured(tuple(sets), summary)


def summary_set(
    namespace: str, name: str, values: Values, eval_type: EvalType = EvalType.BINARY
) -> MetricSet:
    """The single numbers of one component, or of one iteration of training, as FATE stores them."""
    kind = CLUSTERING_SUMMARY if eval_type is EvalType.CLUSTERING else SUMMARY
    return MetricSet(namespace, name, kind, tuple(values.items()))


# --- two classes ---------------------------------------------------------------------------------


def _binary_sets(part: Predictions, asked: Asked) -> Iterator[MetricSet]:
    if not np.all(np.isfinite(part.scores)):
        return
    scored = Scored.of(part.labels, part.scores, asked.pos_label)
    for metric in asked.metrics:
        if metric in NEEDS_BOTH_CLASSES and scored.one_class:
            continue
        if metric == "ks":
            yield from _ks_sets(part, scored)
        elif metric in _CURVES:
            kind, curve, meta = _CURVES[metric](part, scored)
            yield _curve_set(part, metric, kind, curve, **meta)
        elif metric in _TABLES:
            meta = _TABLES[metric](scored)
            yield MetricSet(part.stage, f"{part.source}_{metric}", metric.upper(), (), meta)


def _curve_set(part: Predictions, metric: str, kind: str, curve: Curve, **meta: Any) -> MetricSet:
    meta = {"curve_name": part.source, **meta, "thresholds": _listed(curve.thresholds)}
    data = tuple(zip(_listed(curve.x), _listed(curve.y), strict=True))
    return MetricSet(part.stage, f"{part.source}_{metric}", kind, data, meta)


def _ks_sets(part: Predictions, scored: Scored) -> Iterator[MetricSet]:
    for rate, curve in zip(("fpr", "tpr"), binary.ks_curves(scored), strict=True):
        names = {"curve_name": f"{part.source}_{rate}", "pair_type": part.source}
        yield _curve_set(part, f"ks_{rate}", "KS_EVALUATION", curve, **names)


_Drawn = tuple[str, Curve, dict[str, Any]]


def _roc(_: Predictions, scored: Scored) -> _Drawn:
    curve = _rounded(binary.roc(scored))
    moved = (np.diff(curve.x) != 0) | (np.diff(curve.y) != 0)
    names = {"unit_name": "fpr", "ordinate_name": "tpr"}
    return "ROC_EVALUATION", _picked(curve, np.append(True, moved)), names


def _lift(_: Predictions, scored: Scored) -> _Drawn:
    return "LIFT_EVALUATION", _highest(binary.lift(scored)), {}


def _gain(_: Predictions, scored: Scored) -> _Drawn:
    return "GAIN_EVALUATION", _highest(binary.gain(scored)), {}


def _accuracy(_: Predictions, scored: Scored) -> _Drawn:
    return "ACCURACY_EVALUATION", binary.over_cuts(scored, "accuracy"), {}


def _precision(part: Predictions, scored: Scored) -> _Drawn:
    curve = binary.over_cuts(scored, "precision")
    return "PRECISION_BINARY_EVALUATION", curve, {"pair_type": part.source}


def _recall(part: Predictions, scored: Scored) -> _Drawn:
    curve = binary.over_cuts(scored, "recall")
    return "RECALL_BINARY_EVALUATION", curve, {"pair_type": part.source}


_CURVES: Mapping[str, Callable[[Predictions, Scored], _Drawn]] = {
    "roc": _roc,
    "lift": _lift,
    "gain": _gain,
    "accuracy": _accuracy,
    "precision": _precision,
    "recall": _recall,
}


def _confusion_mat(scored: Scored) -> dict[str, Any]:
    confusion = scored.at(FIXED_THRESHOLDS)
    counts = {name: getattr(confusion, name).tolist() for name in ("tp", "tn", "fp", "fn")}
    return {**counts, "thresholds": _listed(FIXED_THRESHOLDS)}


def _f1_score(scored: Scored) -> dict[str, Any]:
    thresholds = np.unique(scored.quantiles)
    return {"f1_scores": _listed(scored.at(thresholds).f1), "thresholds": _listed(thresholds)}


def _quantile_pr(scored: Scored) -> dict[str, Any]:
    thresholds = scored.quantiles
    positive = scored.at(thresholds)
    negative = positive.negative
    return {
        "p_scores": _pairs(negative.precision, positive.precision),
        "r_scores": _pairs(negative.tpr, positive.tpr),
        "thresholds": _listed(thresholds),
    }


_TABLES: Mapping[str, Callable[[Scored], dict[str, Any]]] = {
    "confusion_mat": _confusion_mat,
    "f1_score": _f1_score,
    "quantile_pr": _quantile_pr,
}


def _psi_sets(predictions: list[Predictions], pos_label: float) -> Iterator[MetricSet]:
    """The stability of every component that predicted for training and for validation."""
    trained = {part.source: part for part in predictions if part.stage == "train"}
    for part in predictions:
        train = trained.get(part.source)
        if part.stage != "validate" or train is None:
            continue
        if not (np.all(np.isfinite(train.scores)) and np.all(np.isfinite(part.scores))):
            continue
        found = psi(
            Scored.of(train.labels, train.scores, pos_label),
            Scored.of(part.labels, part.scores, pos_label),
        )
        meta = {
            "psi_scores": _listed(found.scores),
            "total_psi": single(found.total),
            "expected_interval": found.expected.counts.tolist(),
            "expected_percentage": _listed(found.expected.shares),
            "actual_interval": found.actual.counts.tolist(),
            "actual_percentage": _listed(found.actual.shares),
            "train_pos_perc": _listed(found.expected.positive),
            "validate_pos_perc": _listed(found.actual.positive),
            "intervals": list(found.intervals),
        }
        yield MetricSet(part.stage, f"{part.source}_psi", "PSI", (), meta)


# --- many classes and clusters -------------------------------------------------------------------


def _multi_sets(part: Predictions, asked: Asked) -> Iterator[MetricSet]:
    if np.all(np.isfinite(part.results)):
        found = Agreement.of(part.labels, part.results)
        classes = [_label(label) for label in found.classes]
        for metric in ("precision", "recall"):
            if metric in asked.metrics:
                rates = _listed(getattr(found, metric))
                yield MetricSet(
                    part.stage,
                    f"{part.source}_{metric}",
                    f"{metric.upper()}_MULTI_EVALUATION",
                    tuple(zip(classes, rates, strict=True)),
                    {"labels": classes},
                )
    if asked.unfold:
        yield from _unfolded(part)


def _unfolded(part: Predictions) -> Iterator[MetricSet]:
    """Every class against the rest: its numbers, and the points of its curves."""
    classes = np.unique(part.labels)
    scores = part.class_scores(classes)
    against_rest = Asked(EvalType.BINARY, BINARY_METRICS)
    for position, label in enumerate(classes):
        truth = (part.labels == label).astype(np.float64)
        alone = replace(part, source="", labels=truth, scores=scores[:, position])
        found: dict[str, Any] = dict(evaluation_values(alone, against_rest))
        for drawn in _binary_sets(alone, against_rest):
            if drawn.data:
                found[drawn.name.removeprefix("_")] = [list(point) for point in drawn.data]
        name = f"{part.source}_class_{_label(label)}_ovr"
        yield MetricSet(part.stage, name, "ovr", (), {str(_label(label)): found})


def _clustering_sets(part: Predictions, asked: Asked) -> Iterator[MetricSet]:
    if "contingency_matrix" in asked.metrics and np.all(np.isfinite(part.results)):
        found = Contingency.of(part.labels, part.results)
        meta = {
            "true_labels": [_label(label) for label in found.classes],
            "predicted_labels": [_label(label) for label in found.clusters],
            "result_table": found.table.tolist(),
        }
        name = f"{part.source}_contingency_matrix"
        yield MetricSet(part.stage, name, "CONTINGENCY_MATRIX", (), meta)


def _nothing_drawn(_: Predictions, __: Asked) -> Iterator[MetricSet]:
    return iter(())


_DRAWN: Mapping[EvalType, Callable[[Predictions, Asked], Iterator[MetricSet]]] = {
    EvalType.BINARY: _binary_sets,
    EvalType.MULTI: _multi_sets,
    EvalType.REGRESSION: _nothing_drawn,
    EvalType.CLUSTERING: _clustering_sets,
}


# --- points --------------------------------------------------------------------------------------


def _highest(curve: Curve) -> Curve:
    """The curve ascending in x, with the highest y of every x."""
    curve = _rounded(curve)
    order = np.lexsort((-curve.y, curve.x))
    curve = _picked(curve, order)
    return _picked(curve, np.append(True, np.diff(curve.x) > 0))


def _rounded(curve: Curve) -> Curve:
    return replace(curve, x=curve.x.round(DIGITS), y=curve.y.round(DIGITS))


def _picked(curve: Curve, chosen: npt.NDArray[Any]) -> Curve:
    return Curve(curve.x[chosen], curve.y[chosen], curve.thresholds[chosen])


def _listed(values: Vector) -> list[float]:
    return [float(value) for value in np.round(values, DIGITS)]


def _pairs(negative: Vector, positive: Vector) -> list[list[float]]:
    return [list(pair) for pair in zip(_listed(negative), _listed(positive), strict=True)]


def _label(value: float) -> int | float:
    """A class label as FATE writes it: an int where it is one."""
    return int(value) if float(value).is_integer() else float(value)
