"""Evaluation: metrics and curves of predictions, at the party that has them.

    binary       auc, ks, roc, lift, gain, accuracy, precision, recall, confusion_mat, f1_score,
                 quantile_pr, psi
    multi        accuracy, precision, recall; each class against the rest if asked
    regression   squared, absolute and median errors, explained variance, r2
    clustering   Jaccard, Fowlkes-Mallows, adjusted Rand, contingency matrix; at the arbiter of the
                 clustering, if asked, Davies-Bouldin index and distance measure

The formulas stand in the modules beside this one. Nothing is sent to another party: a guest of a
vertical job, or each client of a horizontal one, measures its own predictions; a party without
predictions has nothing to do. Learns: whoever may read the job's metrics learns them. Curves are
taken at up to 100 thresholds (roc: 1000), which are scores of rows, so from a table of few rows
scores and labels can be read off.
Exact: scikit-learn's values where it has the metric. Source: FATE 1.x Evaluation.
"""

from typing import Annotated, Any

from pydantic import Field, ValidationInfo, WithJsonSchema, field_validator

from federation.channel import Channel
from federation.components.component import Component, Report, Result
from federation.components.params import Params, choice
from federation.components.statistics.distances import read_clusters
from federation.components.statistics.metric_sets import Measured, measure, measure_clusters
from federation.components.statistics.metrics import KNOWN_NAMES, EvalType, metrics_for
from federation.components.statistics.predictions import read_predictions
from federation.components.statistics.values import Asked
from federation.spec.catalogue import Slot
from federation.spec.party import ARBITER, GUEST, HOST
from federation.tables import Table, TableKind

MetricName = Annotated[
    str,
    WithJsonSchema(
        {
            "type": "string",
            "pattern": f"(?i)^({'|'.join(sorted(KNOWN_NAMES))})$",
            "x-choices": list(KNOWN_NAMES),
        }
    ),
]


class EvaluateParams(Params):
    """FATE's EvaluateParam."""

    eval_type: choice("binary", "multi", "regression", "clustering") = "binary"  # type: ignore[valid-type]
    pos_label: int = Field(1, description="label that counts as positive of two classes")
    need_run: bool = Field(True, description="false hands the input through")
    metrics: list[MetricName] | None = Field(
        None, description="names or aliases; none means all of the eval_type"
    )
    run_clustering_arbiter_metric: bool = Field(
        False, description="clustering: the arbiter measures distances between clusters"
    )
    unfold_multi_result: bool = Field(
        False, description="multi: also measure each class against the rest"
    )

    @field_validator("metrics")
    @classmethod
    def _known(cls, names: list[str] | None, info: ValidationInfo) -> list[str] | None:
        if "eval_type" in info.data:
            metrics_for(EvalType(info.data["eval_type"]), names)
        return names

    @property
    def asked(self) -> Asked:
        """What to measure, with full names."""
        kind = EvalType(self.eval_type)
        names = metrics_for(kind, self.metrics)
        return Asked(kind, names, self.pos_label, self.unfold_multi_result)


evaluation = Component(
    "Evaluation",
    EvaluateParams,
    class_name="EvaluateParam",
    inputs=(Slot("data", many=True),),
    need_deploy=False,
)


@evaluation.on(GUEST)
async def guest(ch: Channel, p: EvaluateParams, data: tuple[Table, ...], report: Report) -> Result:
    """Measure every table, and say no to one that holds no predictions."""
    return _reported(data, p, report)


@evaluation.on(HOST)
async def host(ch: Channel, p: EvaluateParams, data: tuple[Table, ...], report: Report) -> Result:
    """Measure what predictions there are: a host has some only where each party predicts alone."""
    return _reported(_predictions(data), p, report)


@evaluation.on(ARBITER)
async def arbiter(
    ch: Channel, p: EvaluateParams, data: tuple[Table, ...], report: Report
) -> Result:
    """Measure the clusters that only the arbiter knows, if asked, else what predictions it has."""
    if p.eval_type != EvalType.CLUSTERING:
        return _reported(_predictions(data), p, report)
    if not p.run_clustering_arbiter_metric:
        return Result(summary={})
    return _told(measure_clusters(read_clusters(data), p.asked), report)


def _predictions(tables: tuple[Table, ...]) -> tuple[Table, ...]:
    return tuple(table for table in tables if table.schema.kind is TableKind.PREDICTIONS)


def _reported(tables: tuple[Table, ...], p: EvaluateParams, report: Report) -> Result:
    asked = p.asked
    return _told(measure(read_predictions(tables, asked.eval_type), asked), report)


def _told(measured: Measured, report: Report) -> Result:
    for one in measured.sets:
        report.metric(one.namespace, one.name, one.metric_type, list(one.data), **one.meta)
    for line in _lines(measured):
        report.log("evaluated", **line)
    return Result(summary=measured.summary)


def _lines(measured: Measured) -> list[dict[str, Any]]:
    return [
        {"component": component, "stage": stage, **values}
        for component, stages in measured.summary.items()
        for stage, values in stages.items()
    ]
