"""A logistic model as it is kept, shown and told: FATE's LRModelParam, LRModelMeta and summary."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from federation.components.component import JobFacts, Model
from federation.components.linear.link import sigmoid
from federation.components.linear.params import LogisticParams
from federation.components.linear.parts import Trained
from federation.components.linear.rows import Rows, class_name
from federation.errors import DataProblem
from federation.tables import Table
from federation.tables.table import Matrix

MODULE = "HeteroLR"
_NO_MODEL = Trained(np.empty(0), 0, converged=False)


@dataclass(frozen=True, slots=True)
class Logistic:
    """What one party has of a logistic model.

    Attributes:
        names: own features, in the order of the weights.
        intercept: whether the weights end with one.
        classes: ascending; only the guest knows them, others number the models.
        models: one of two classes, else one against the rest for each class.
    """

    names: tuple[str, ...]
    intercept: bool
    classes: tuple[float, ...]
    models: tuple[Trained, ...]

    @property
    def weights(self) -> Matrix:
        """Shape (models, d)."""
        return np.stack([model.weights for model in self.models])

    @property
    def is_multi(self) -> bool:
        """Whether there is a model for each class."""
        return len(self.models) > 1

    @property
    def class_names(self) -> list[str]:
        """A name for each model of many: the class, or its number where only the guest knows."""
        if self.classes:
            return [class_name(label) for label in self.classes]
        return [str(number) for number in range(len(self.models))]

    def saved(self, p: LogisticParams, facts: JobFacts) -> Model:
        """The model as the party's agent keeps it."""
        state = {
            "names": list(self.names),
            "intercept": self.intercept,
            "classes": list(self.classes),
            "weights": self.weights,
            "iters": [model.iters for model in self.models],
        }
        return Model(MODULE, self._meta(p), self._param(), state, facts.component)

    @classmethod
    def restored(cls, model: Model) -> "Logistic":
        """The model that was kept.

        Raises:
            DataProblem: it is of another component.
        """
        if model.module != MODULE:
            raise DataProblem(
                f"the model of {model.component or model.module} is no {MODULE} model; "
                "bind the model output of this module"
            )
        state = model.state
        weights = np.asarray(state["weights"], dtype=np.float64)
        models = tuple(
            Trained(line, int(iters), converged=False)
            for line, iters in zip(weights, state["iters"], strict=True)
        )
        classes = tuple(float(label) for label in state["classes"])
        return cls(tuple(state["names"]), bool(state["intercept"]), classes, models)

    def summary(self, *, arbiter: bool = False) -> dict[str, Any]:
        """FATE's summary: of the model, or of each class."""
        told = [_of_arbiter(m) if arbiter else self._of_party(m) for m in self.models]
        if self.is_multi:
            return {**dict(zip(self.class_names, told, strict=True)), "one_vs_rest": True}
        return told[0] if arbiter else {**told[0], "one_vs_rest": False}

    def _of_party(self, model: Trained) -> dict[str, Any]:
        shown = _single(model, self.names, intercept=self.intercept)
        measured = {"validation_metrics": model.measured} if model.measured else {}
        return {
            "coef": shown["weight"],
            "intercept": shown["intercept"],
            "is_converged": model.converged,
            "best_iteration": model.best,
            **measured,
        }

    def _param(self) -> dict[str, Any]:
        """FATE's LRModelParam; the weights of many classes stand in completedModels."""
        shown = [_single(m, self.names, intercept=self.intercept) for m in self.models]
        multi = self.is_multi
        return {
            **(_single(_NO_MODEL, (), intercept=False) if multi else shown[0]),
            "header": list(self.names),
            "needOneVsRest": multi,
            "oneVsRestResult": {
                "completedModels": shown if multi else [],
                "oneVsRestClasses": self.class_names if multi else [],
            },
        }

    def _meta(self, p: LogisticParams) -> dict[str, Any]:
        """FATE's LRModelMeta."""
        return {
            "penalty": p.penalty,
            "tol": p.tol,
            "alpha": p.alpha,
            "optimizer": p.optimizer,
            "partyWeight": 0.0,
            "batchSize": str(p.batch_size),
            "learningRate": p.learning_rate,
            "maxIter": str(p.max_iter),
            "earlyStop": p.early_stop,
            "reEncryptBatches": "0",
            "fitIntercept": self.intercept,
            "needOneVsRest": self.is_multi,
            "predictParam": {"threshold": p.predict_param.threshold},
            "revealStrategy": "",
            "module": MODULE,
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
    chances = sigmoid(scores[rows.ranks])
    names, values = [class_name(label) for label in classes], np.asarray(classes)
    if chances.shape[1] == 1:
        score = chances[:, 0]
        result = np.where(score > threshold, values[1], values[0])
        chances = np.column_stack([1.0 - score, score])
    else:
        score = chances.max(axis=1)
        result = values[chances.argmax(axis=1)]
    label = rows.label
    return Table.predictions(
        rows.table.ids,
        label=np.full(rows.count, np.nan) if label is None else label[rows.ranks],
        result=result,
        score=score,
        detail=[str(dict(zip(names, line, strict=True))) for line in chances.tolist()],
        stage=stage,
        id_name=rows.table.schema.id_name,
    )


def _single(model: Trained, names: Sequence[str], *, intercept: bool) -> dict[str, Any]:
    """FATE's SingleModel."""
    values = model.weights.tolist()
    return {
        "iters": model.iters,
        "lossHistory": list(model.losses),
        "isConverged": model.converged,
        "weight": dict(zip(names, values, strict=False)),
        "intercept": values[-1] if intercept else 0.0,
        "header": list(names),
        "bestIteration": model.best,
        "encryptedWeight": {},
        "cipher": {"publicKey": {"n": ""}, "privateKey": {"p": "", "q": ""}},
    }


def _of_arbiter(model: Trained) -> dict[str, Any]:
    losses = list(model.losses)
    return {
        "loss_history": losses,
        "is_converged": model.converged,
        "best_iteration": model.best,
        "best_iter_loss": losses[model.best] if losses else None,
    }
