"""LocalBaseline: what the guest could predict alone, by scikit-learn's logistic regression.

The model is fitted on the guest's own columns with scikit-learn's defaults, or as model_opts says;
of more than two classes it is multinomial. scikit-learn is not installed with Tripact itself: `pip
install 'tripact[baseline]'` at the guest.

Local, nothing is sent; hosts have nothing to do. Learns: nobody anything; the model shows the
guest's own weights to whoever may read it.
Exact. Source: FATE 1.x LocalBaseline.
"""

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import Field

from federation.channel import Channel
from federation.components.common.class_predictions import class_predictions
from federation.components.common.training import PredictParam
from federation.components.component import Component, JobFacts, Model, Report, Result
from federation.components.linear.link import sigmoid
from federation.components.linear.rows import class_name, classes_of, labels_of, rows_of
from federation.components.params import Params, choice, nearest
from federation.errors import DataProblem, InvalidParameters, Problem, Unavailable
from federation.spec.catalogue import Slot
from federation.spec.party import GUEST, HOST
from federation.tables import Table
from federation.tables.table import Matrix

GONE: Mapping[str, tuple[str, ...]] = {"multi_class": ("auto", "multinomial")}
"""Arguments of earlier scikit-learns, with the values that mean what happens anyway now."""


class LibraryMissing(Unavailable):
    """A component needs a library that is not installed here."""

    code = "library_missing"

    def __init__(self, module: str, library: str, extra: str) -> None:
        super().__init__(
            f"{module} needs {library}, which is not installed at this party: "
            f"pip install 'tripact[{extra}]'",
            library=library,
            extra=extra,
        )


class LocalBaselineParams(Params):
    """FATE's LocalBaselineParam."""

    model_name: choice("LogisticRegression") = "LogisticRegression"  # type: ignore[valid-type]
    model_opts: dict[str, Any] | None = Field(
        None, description="arguments of scikit-learn's LogisticRegression"
    )
    predict_param: PredictParam = Field(default_factory=PredictParam)
    need_run: bool = Field(True, description="false hands the input through")


local_baseline = Component(
    "LocalBaseline",
    LocalBaselineParams,
    class_name="LocalBaselineParam",
    inputs=(Slot("train_data"), Slot("test_data")),
    model_in=True,
    model_out=True,
)


@local_baseline.on(GUEST)
async def guest(
    ch: Channel,
    p: LocalBaselineParams,
    *,
    train_data: Table | None,
    test_data: Table | None,
    model: Model | None,
    report: Report,
    facts: JobFacts,
) -> Result:
    """Fit on own rows and predict them, or predict others with the model."""
    if train_data is not None:
        fitted = _fitted(train_data, p, facts)
        report.log("a model of own columns is fitted", columns=len(fitted.state["names"]))
        stages = [("train", train_data), ("predict", test_data)]
    elif model is not None and test_data is not None:
        fitted, stages = model, [("predict", test_data)]
    else:
        raise DataProblem("LocalBaseline needs train_data, or test_data and a model")
    tables = [_predicted(table, fitted, p, stage) for stage, table in stages if table is not None]
    return Result(data=(Table.stacked(tables),), model=fitted, summary=_summary(fitted))


@local_baseline.on(HOST)
async def host(ch: Channel, p: LocalBaselineParams) -> Result:
    """Nothing."""
    return Result()


def _fitted(table: Table, p: LocalBaselineParams, facts: JobFacts) -> Model:
    """The fitted model.

    Raises:
        LibraryMissing: scikit-learn is not installed.
        InvalidParameters: model_opts are not scikit-learn's.
        DataProblem: rows or labels can not be learned from.
    """
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError:
        raise LibraryMissing("LocalBaseline", "scikit-learn", "baseline") from None
    known = inspect.signature(LogisticRegression).parameters
    options = {
        name: value
        for name, value in (p.model_opts or {}).items()
        if name in known or value not in GONE.get(name, ())
    }
    problems = [
        Problem(f"model_opts.{name}", f"is no argument of LogisticRegression{nearest(name, known)}")
        for name in options
        if name not in known
    ]
    if problems:
        raise InvalidParameters(problems)
    rows = rows_of(table)
    classes = classes_of(rows.label)
    try:
        learner = LogisticRegression(**options).fit(rows.features, labels_of(rows.label))
    except ValueError as error:
        why = f"is refused by scikit-learn: {str(error)[:300]}"
        raise InvalidParameters([Problem("model_opts", why)]) from None
    state = {
        "names": list(rows.names),
        "classes": classes.tolist(),
        "weights": learner.coef_.tolist(),
        "intercepts": np.broadcast_to(learner.intercept_, len(learner.coef_)).tolist(),
        "iters": int(np.max(learner.n_iter_)),
        "converged": bool(np.max(learner.n_iter_) < learner.max_iter),
    }
    return Model("LocalBaseline", _meta(p, state), _param(state), state, facts.component)


def _chances(features: Matrix, state: Mapping[str, Any]) -> Matrix:
    """Shape (n, classes), of two classes (n, 1) for the second alone."""
    scores = features @ np.array(state["weights"]).T + np.array(state["intercepts"])
    if scores.shape[1] == 1:
        return np.asarray(sigmoid(scores))
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _predicted(table: Table, model: Model, p: LocalBaselineParams, stage: str) -> Table:
    rows = rows_of(table, tuple(model.state["names"]))
    return class_predictions(
        table,
        table.label,
        _chances(rows.features, model.state)[rows.ranks],
        model.state["classes"],
        threshold=p.predict_param.threshold,
        stage=stage,
    )


def _summary(model: Model) -> dict[str, Any]:
    param = model.param
    return {
        "coef": param["weight"],
        "intercept": param["intercept"],
        "is_converged": param["isConverged"],
        "best_iteration": -1,
        "one_vs_rest": param["needOneVsRest"],
    }


def _single(state: Mapping[str, Any], at: int) -> dict[str, Any]:
    """FATE's SingleModel."""
    return {
        "iters": state["iters"],
        "lossHistory": [],
        "isConverged": state["converged"],
        "weight": dict(zip(state["names"], state["weights"][at], strict=True)),
        "intercept": state["intercepts"][at],
        "header": state["names"],
        "bestIteration": -1,
        "encryptedWeight": {},
        "cipher": None,
    }


def _param(state: Mapping[str, Any]) -> dict[str, Any]:
    """FATE's LRModelParam."""
    shown = [_single(state, at) for at in range(len(state["weights"]))]
    many = len(shown) > 1
    empty = {**shown[0], "weight": {}, "intercept": 0.0}
    return {
        **(empty if many else shown[0]),
        "needOneVsRest": many,
        "oneVsRestResult": {
            "completedModels": shown if many else [],
            "oneVsRestClasses": [class_name(label) for label in state["classes"]] if many else [],
        },
    }


def _meta(p: LocalBaselineParams, state: Mapping[str, Any]) -> dict[str, Any]:
    """FATE's LRModelMeta, as far as scikit-learn's model has it."""
    options = p.model_opts or {}
    return {
        "penalty": str(options.get("penalty", "l2")).upper(),
        "tol": float(options.get("tol", 1e-4)),
        "maxIter": str(options.get("max_iter", 100)),
        "fitIntercept": bool(options.get("fit_intercept", True)),
        "needOneVsRest": len(state["weights"]) > 1,
        "predictParam": {"threshold": p.predict_param.threshold},
        "module": "LocalBaseline",
    }
