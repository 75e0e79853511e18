"""What all linear models have in common once they are fitted, as they are kept, shown and told."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from federation.components.component import JobFacts, Model
from federation.components.linear.link import Link
from federation.components.linear.params import LinearModelParams
from federation.components.linear.parts import Trained
from federation.components.linear.rows import Rows, class_name
from federation.components.statistics.metrics import EvalType
from federation.crypto import Encrypted, PrivateKey, PublicKey, keeping
from federation.errors import DataProblem
from federation.tables import Table
from federation.tables.table import Matrix, Vector

NO_WEIGHTS: dict[str, Any] = {
    "encryptedWeight": {},
    "cipher": {"publicKey": {"n": ""}, "privateKey": {"p": "", "q": ""}},
}
NO_MODEL = Trained(np.empty(0), 0, converged=False)


@dataclass(frozen=True, slots=True)
class Hidden:
    """What a party has of a model whose host does not know its own weights.

    Attributes:
        key: the guest's, which they are encrypted with.
        private: what opens them; only the guest has it.
        weights: of each model, shape (d,); only the host has them. What they hold is equal modulo
            2**256 to weights with 40 bits after the point.
    """

    key: PublicKey
    private: PrivateKey | None = None
    weights: tuple[Encrypted, ...] = ()

    def to_state(self) -> dict[str, Any]:
        """As the party's agent keeps it."""
        return {
            "key": self.key.to_wire(),
            "private": None if self.private is None else keeping.kept(self.private),
            "weights": [line.to_wire() for line in self.weights],
        }

    @classmethod
    def of_state(cls, state: dict[str, Any]) -> Self:
        """What was kept."""
        key, private = PublicKey.from_wire(state["key"]), state["private"]
        return cls(
            key,
            None if private is None else keeping.restored(private),
            tuple(Encrypted.from_wire(line, key) for line in state["weights"]),
        )


@dataclass(frozen=True, slots=True)
class Fitted:
    """What one party has of a linear model; each kind says the rest.

    Attributes:
        MODULE: in the DSL.
        LINK: residual and loss.
        KIND: what its predictions are.
        names: own features, in the order of the weights.
        intercept: whether the weights end with one.
        classes: ascending; only the guest knows them, others number the models; empty for numbers.
        models: one; of more than two classes one against the rest for each.
        hidden: where the host's weights stay encrypted.
    """

    MODULE: ClassVar[str]
    LINK: ClassVar[Link]
    KIND: ClassVar[EvalType]

    names: tuple[str, ...]
    intercept: bool
    classes: tuple[float, ...]
    models: tuple[Trained, ...]
    hidden: "Hidden | None" = None

    @classmethod
    @abstractmethod
    def classes_in(cls, label: Vector | None) -> Vector:
        """The classes that are learned, shape (c,), c = 0 for numbers.

        Raises:
            DataProblem: the labels can not be learned from.
        """

    @classmethod
    @abstractmethod
    def aims(cls, classes: Vector) -> list[float]:
        """What each model is to find: a class, or NaN for numbers."""

    @classmethod
    @abstractmethod
    def targets(cls, label: Vector, aim: float) -> Vector:
        """The labels as the link has them, shape (n,)."""

    @classmethod
    @abstractmethod
    def marks(cls, label: Vector, aim: float) -> Vector:
        """The labels as metrics have them, shape (n,)."""

    @abstractmethod
    def predictions(self, rows: Rows, scores: Matrix, p: LinearModelParams, *, stage: str) -> Table:
        """FATE's prediction rows, in the order of the guest's table.

        Args:
            scores: shape (n, models), in the common order.
            stage: `train`, `validate` or `predict`.
        """

    @abstractmethod
    def _param(self) -> dict[str, Any]:
        """FATE's `...Param` message."""

    @abstractmethod
    def _meta(self, p: LinearModelParams) -> dict[str, Any]:
        """FATE's `...Meta` message."""

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

    def saved(self, p: LinearModelParams, facts: JobFacts) -> Model:
        """The model as the party's agent keeps it."""
        state = {
            "names": list(self.names),
            "intercept": self.intercept,
            "classes": list(self.classes),
            "weights": self.weights,
            "iters": [model.iters for model in self.models],
            **({} if self.hidden is None else {"hidden": self.hidden.to_state()}),
        }
        return Model(self.MODULE, self._meta(p), self._param(), state, facts.component)

    @classmethod
    def restored(cls, model: Model) -> Self:
        """The model that was kept.

        Raises:
            DataProblem: it is of another component.
        """
        if model.module != cls.MODULE:
            raise DataProblem(
                f"the model of {model.component or model.module} is no {cls.MODULE} model; "
                "bind the model output of this module"
            )
        state = model.state
        weights = np.asarray(state["weights"], dtype=np.float64)
        models = tuple(
            Trained(line, int(iters), converged=False)
            for line, iters in zip(weights, state["iters"], strict=True)
        )
        classes = tuple(float(label) for label in state["classes"])
        hidden = Hidden.of_state(state["hidden"]) if "hidden" in state else None
        return cls(tuple(state["names"]), bool(state["intercept"]), classes, models, hidden)

    def summary(self, *, arbiter: bool = False) -> dict[str, Any]:
        """FATE's summary: of the model, or of each class."""
        told = [_of_arbiter(m) if arbiter else self._of_party(m) for m in self.models]
        if self.is_multi:
            return {**dict(zip(self.class_names, told, strict=True)), "one_vs_rest": True}
        return told[0] if arbiter else {**told[0], "one_vs_rest": False}

    def _of_party(self, model: Trained) -> dict[str, Any]:
        shown = single(model, self.names, intercept=self.intercept)
        measured = {"validation_metrics": model.measured} if model.measured else {}
        known = {"loss_history": list(model.losses)} if model.losses else {}
        return {
            "coef": shown["weight"],
            "intercept": shown["intercept"],
            "is_converged": model.converged,
            "best_iteration": model.best,
            **measured,
            **known,
        }


def shared_meta(p: LinearModelParams) -> dict[str, Any]:
    """What all of FATE's `...Meta` messages of linear models have."""
    return {
        "penalty": p.penalty,
        "tol": p.tol,
        "alpha": p.alpha,
        "optimizer": p.optimizer,
        "batchSize": str(p.batch_size),
        "learningRate": p.learning_rate,
        "maxIter": str(p.max_iter),
        "earlyStop": p.early_stop,
    }


def single(model: Trained, names: Sequence[str], *, intercept: bool) -> dict[str, Any]:
    """FATE's SingleModel."""
    values = model.weights.tolist()
    return {
        "iters": model.iters,
        "lossHistory": list(model.losses),
        "isConverged": model.converged,
        "weight": dict(zip(names, values, strict=False)),
        "intercept": values[-1] if intercept and values else 0.0,
        "header": list(names),
        "bestIteration": model.best,
        **NO_WEIGHTS,
    }


def with_hidden(shown: Sequence[dict[str, Any]], known: Fitted) -> None:
    """Fill FATE's encryptedWeight into its SingleModels, where a host's weights are hidden."""
    hidden = known.hidden
    if hidden is None or not hidden.weights:
        return
    modulus = {"publicKey": {"n": str(hidden.key.to_wire()["n"])}}
    for model, line in zip(shown, hidden.weights, strict=True):
        cells = line.to_wire()["cells"].to_ints()
        model["encryptedWeight"] = {
            name: {**modulus, "cipherText": str(cell), "exponent": "0", "isObfuscator": True}
            for name, cell in zip(known.names, cells, strict=False)
        }
        model["cipher"] = {**modulus, "privateKey": {"p": "", "q": ""}}


def _of_arbiter(model: Trained) -> dict[str, Any]:
    losses = list(model.losses)
    last = losses[-1] if losses else None
    return {
        "loss_history": losses,
        "is_converged": model.converged,
        "best_iteration": model.best,
        "best_iter_loss": last if model.best == -1 else model.best_loss,
    }
