"""Follow a model while it learns: metrics after epochs, which was best, when to stop.

The best epoch is the one with the best first metric. Training stops when no metric that is looked
at (only the first under use_first_metric_only) has improved in early_stopping_rounds validations.
Validation rows decide, or training rows where there are none. Local.
Source: FATE 1.x callbacks PerformanceEvaluate and EarlyStopping.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from federation.components.common.training import CallbackParam, measures
from federation.components.component import Report
from federation.components.statistics.metrics import METRICS, EvalType
from federation.components.statistics.values import validation_metrics
from federation.tables.table import Vector

TRAIN, VALIDATE, PREDICT = "train", "validate", "predict"
"""Stages, as the `type` column of predictions and the namespaces of metrics name them."""

LESS_IS_BETTER = frozenset(
    name for name in METRICS[EvalType.REGRESSION] if name.endswith(("_error", "_log_error"))
)


@dataclass(slots=True)
class Following:
    """One model that is followed.

    Attributes:
        kind: what its scores are.
        deciding: the stage whose metrics decide.
        prefix: of the metrics' names, where a component trains several models.
        measured: values by stage and metric, one a validation.
    """

    callbacks: CallbackParam
    kind: EvalType
    deciding: str
    prefix: str = ""
    measured: dict[str, dict[str, list[float]]] = field(default_factory=dict)

    def measure(
        self, epoch: int, stage: str, labels: Vector, scores: Vector, report: Report
    ) -> None:
        """Take and report the metrics of a stage after an epoch."""
        values = validation_metrics(labels, scores, self._names, eval_type=self.kind)
        kept = self.measured.setdefault(stage, {})
        for name, value in values.items():
            kept.setdefault(name, []).append(value)
        report.metric(
            stage,
            f"{self.prefix}iteration_{epoch}",
            "EVALUATION_SUMMARY",
            [(name, value) for name, value in values.items()],
        )

    @property
    def is_best(self) -> bool:
        """Whether the last validation is the best so far."""
        name, values = next(iter(self._decided.items()))
        return _rounds_since_best(name, values) == 0

    @property
    def is_stale(self) -> bool:
        """Whether no metric has improved for so long that training should stop."""
        rounds = self.callbacks.early_stopping_rounds
        if rounds is None:
            return False
        looked_at = list(self._decided.items())
        if self.callbacks.use_first_metric_only:
            looked_at = looked_at[:1]
        return all(_rounds_since_best(name, values) >= rounds for name, values in looked_at)

    @property
    def _decided(self) -> Mapping[str, list[float]]:
        return self.measured[self.deciding]

    @property
    def _names(self) -> list[str] | None:
        """The metrics asked for that this kind of score has; None for the kind's defaults."""
        names = [name for name in self.callbacks.metrics or () if measures(self.kind, name)]
        return names or None


def _rounds_since_best(name: str, values: list[float]) -> int:
    sign = -1.0 if name in LESS_IS_BETTER else 1.0
    signed = [sign * value for value in values]
    return len(signed) - 1 - signed.index(max(signed))
