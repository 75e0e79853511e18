"""Models of numbers as they are kept, shown and told: FATE's LinR and Poisson messages."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from federation.components.linear.fitted import Fitted, shared_meta, single
from federation.components.linear.link import LINEAR, POISSON
from federation.components.linear.params import LinearModelParams
from federation.components.linear.rows import Rows, labels_of
from federation.components.statistics.metrics import EvalType
from federation.errors import DataProblem
from federation.tables import Table
from federation.tables.table import Matrix, Vector


@dataclass(frozen=True, slots=True)
class Numbers(Fitted):
    """What one party has of a model that predicts a number."""

    KIND = EvalType.REGRESSION

    @classmethod
    def classes_in(cls, label: Vector | None) -> Vector:
        """None; the labels must be numbers."""
        labels_of(label)
        return np.empty(0)

    @classmethod
    def aims(cls, classes: Vector) -> list[float]:
        """One model, of the label itself."""
        del classes
        return [np.nan]

    @classmethod
    def targets(cls, label: Vector, aim: float) -> Vector:
        """The labels."""
        del aim
        return label

    @classmethod
    def marks(cls, label: Vector, aim: float) -> Vector:
        """The labels."""
        del aim
        return label

    def predictions(self, rows: Rows, scores: Matrix, p: LinearModelParams, *, stage: str) -> Table:
        """The value, as result and as score."""
        del p
        values = self.LINK.mean(scores[rows.ranks, 0])
        label = rows.label
        return Table.predictions(
            rows.table.ids,
            label=np.full(rows.count, np.nan) if label is None else label[rows.ranks],
            result=values,
            score=values,
            detail=[str({"label": value}) for value in values.tolist()],
            stage=stage,
            id_name=rows.table.schema.id_name,
        )


@dataclass(frozen=True, slots=True)
class Linear(Numbers):
    """What one party has of a linear regression."""

    MODULE = "HeteroLinR"
    LINK = LINEAR

    def _param(self) -> dict[str, Any]:
        """FATE's LinRModelParam."""
        return single(self.models[0], self.names, intercept=self.intercept)

    def _meta(self, p: LinearModelParams) -> dict[str, Any]:
        """FATE's LinRModelMeta."""
        return {**shared_meta(p), "fitIntercept": self.intercept, "revealStrategy": ""}


@dataclass(frozen=True, slots=True)
class Poisson(Numbers):
    """What one party has of a Poisson regression."""

    MODULE = "HeteroPoisson"
    LINK = POISSON

    @classmethod
    def classes_in(cls, label: Vector | None) -> Vector:
        """None; the labels must be counts or rates."""
        if np.any(labels_of(label) < 0):
            raise DataProblem("a label is below 0; Poisson regression is for counts")
        return np.empty(0)

    def _param(self) -> dict[str, Any]:
        """FATE's PoissonModelParam."""
        shown = single(self.models[0], self.names, intercept=self.intercept)
        return {k: v for k, v in shown.items() if k not in ("encryptedWeight", "cipher")}

    def _meta(self, p: LinearModelParams) -> dict[str, Any]:
        """FATE's PoissonModelMeta."""
        exposure = p.exposure or ""
        return {**shared_meta(p), "fitIntercept": self.intercept, "exposureColname": exposure}
