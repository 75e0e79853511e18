"""A logistic model as it is kept, shown and told: FATE's LRModelParam, LRModelMeta and summary."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from federation.components.common.class_predictions import class_predictions
from federation.components.linear.fitted import NO_MODEL, Fitted, shared_meta, single, with_hidden
from federation.components.linear.link import LOGISTIC, sigmoid
from federation.components.linear.params import LinearModelParams
from federation.components.linear.rows import Rows, classes_of
from federation.components.statistics.metrics import EvalType
from federation.tables import Table
from federation.tables.table import Matrix, Vector


@dataclass(frozen=True, slots=True)
class Logistic(Fitted):
    """What one party has of a logistic model."""

    MODULE = "HeteroLR"
    LINK = LOGISTIC
    KIND = EvalType.BINARY

    @classmethod
    def classes_in(cls, label: Vector | None) -> Vector:
        """Two classes or more."""
        return classes_of(label)

    @classmethod
    def aims(cls, classes: Vector) -> list[float]:
        """The second of two classes, or each of many."""
        return [float(c) for c in (classes[1:] if len(classes) == 2 else classes)]

    @classmethod
    def targets(cls, label: Vector, aim: float) -> Vector:
        """1 for the class, -1 for the rest."""
        return np.where(label == aim, 1.0, -1.0)

    @classmethod
    def marks(cls, label: Vector, aim: float) -> Vector:
        """1 for the class, 0 for the rest."""
        return np.asarray((label == aim).astype(np.float64))

    def predictions(self, rows: Rows, scores: Matrix, p: LinearModelParams, *, stage: str) -> Table:
        """The likeliest class, or the second of two above the threshold."""
        threshold = p.predict_param.threshold
        return predictions(rows, scores, self.classes, threshold=threshold, stage=stage)

    def _param(self) -> dict[str, Any]:
        """FATE's LRModelParam; the weights of many classes stand in completedModels."""
        shown = [single(m, self.names, intercept=self.intercept) for m in self.models]
        multi = self.is_multi
        with_hidden(shown, self)
        return {
            **(single(NO_MODEL, (), intercept=False) if multi else shown[0]),
            "header": list(self.names),
            "needOneVsRest": multi,
            "oneVsRestResult": {
                "completedModels": shown if multi else [],
                "oneVsRestClasses": self.class_names if multi else [],
            },
        }

    def _meta(self, p: LinearModelParams) -> dict[str, Any]:
        """FATE's LRModelMeta."""
        return {
            **shared_meta(p),
            "partyWeight": 0.0,
            "reEncryptBatches": "0",
            "fitIntercept": self.intercept,
            "needOneVsRest": self.is_multi,
            "predictParam": {"threshold": p.predict_param.threshold},
            "revealStrategy": "",
            "module": self.MODULE,
        }


def predictions(
    rows: Rows, scores: Matrix, classes: Sequence[float], *, threshold: float, stage: str
) -> Table:
    """FATE's prediction rows, in the order of the guest's table.

    Args:
        scores: shape (n, models), in the common order.
        classes: ascending.
        threshold: of two classes, a higher probability means the second.
        stage: `train`, `validate` or `predict`.
    """
    label = rows.label
    return class_predictions(
        rows.table,
        None if label is None else label[rows.ranks],
        sigmoid(scores[rows.ranks]),
        classes,
        threshold=threshold,
        stage=stage,
    )
