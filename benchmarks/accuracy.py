"""Linear models beside scikit-learn's and statsmodels' on pooled rows, on FATE's data sets.

FATE_EXAMPLES names the folder of FATE's `examples/data`. All roles of a component run in one
process, over sealed channels; features are standardised, each column by itself, as every party
could. A metric is taken on the rows that were learned from, AUC or RMSE, and compared with that of
the plain model: AUC by its difference, RMSE by its relative one.

Federated logistic regression by columns follows the loss to second order, -t s / 2 + s^2 / 8 with t
in -1, 1. That is (s - 2 t)^2 / 8 but for a constant, so its optimum is ridge regression's to 2 t;
it is compared with that, and with logistic regression, whose optimum is another.
"""

import ast
import asyncio
import csv
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import statsmodels.api as statsmodels
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import roc_auc_score

from benchmarks.measure import Benchmark, Figure
from federation.channel.memory import run_together
from federation.components.common.quiet import Quiet
from federation.components.component import Component, JobFacts, Result
from federation.components.registry import find_component
from federation.spec.party import ARBITER, GUEST, HOST, Party, Role
from federation.tables import Table

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]

ROWS = 30_000
COUNTING = ("HeteroLinR", "HeteroPoisson")
"""Their labels are numbers, and their metric is RMSE."""
SEATS = (Party(GUEST, "9999"), Party(HOST, "10000"), Party(ARBITER, "10001"))

QUIET: dict[str, Any] = {"init_param": {"init_method": "zeros"}, "tol": 1e-6, "penalty": "NONE"}
SQN: dict[str, Any] = {
    **QUIET,
    "optimizer": "sqn",
    "learning_rate": 1.0,
    "decay": 0,
    "sqn_param": {"update_interval_L": 1},
}
STEEP: dict[str, Any] = {
    **QUIET,
    "optimizer": "nesterov_momentum_sgd",
    "learning_rate": 0.1,
    "decay": 0,
}
DESCENT: dict[str, Any] = {**QUIET, "optimizer": "sgd", "learning_rate": 2.0, "decay": 0}


@dataclass(frozen=True, slots=True)
class Peer:
    """A plain model of the same kind.

    Attributes:
        predicted: from pooled rows, labels and alpha to scores.
        same: whether its optimum is the federated model's.
    """

    name: str
    predicted: Callable[[Matrix, Vector, float], Vector]
    same: bool


def logistic(X: Matrix, y: Vector, alpha: float) -> Vector:
    """Scores of scikit-learn's logistic regression."""
    model = LogisticRegression(C=1 / (alpha * len(y)), max_iter=5000, tol=1e-8)
    return np.asarray(model.fit(X, y).decision_function(X))


def second_order(X: Matrix, y: Vector, alpha: float) -> Vector:
    """Scores at the optimum of logistic regression's loss to second order."""
    return np.asarray(Ridge(alpha=4 * alpha * len(y)).fit(X, 4 * y - 2).predict(X))


def ridge(X: Matrix, y: Vector, alpha: float) -> Vector:
    """Predictions of scikit-learn's ridge regression."""
    return np.asarray(Ridge(alpha=alpha * len(y)).fit(X, y).predict(X))


def poisson(X: Matrix, y: Vector, alpha: float) -> Vector:
    """Predictions of statsmodels' Poisson regression; the intercept is not penalised."""
    columns = np.hstack([X, np.ones((len(y), 1))])
    pull = np.append(np.full(X.shape[1], alpha), 0.0)
    model = statsmodels.GLM(y, columns, family=statsmodels.families.Poisson())
    fitted = model.fit_regularized(alpha=pull, L1_wt=0.0, maxiter=500, cnvrg_tol=1e-10)
    return np.asarray(model.predict(fitted.params))


EXACT = (Peer("scikit-learn", logistic, same=True),)
TAYLOR = (
    Peer("scikit-learn", logistic, same=False),
    Peer("ridge to the same loss", second_order, same=True),
)
RIDGE = (Peer("scikit-learn", ridge, same=True),)
GLM = (Peer("statsmodels", poisson, same=True),)


@dataclass(frozen=True, slots=True)
class Case:
    """One model on one data set.

    Attributes:
        data: the files are `<data>_guest.csv` and `<data>_host.csv`.
        label: its column at the guest; at all parties where rows are split.
        alpha: of the penalty L2.
    """

    module: str
    data: str
    label: str
    alpha: float
    peers: tuple[Peer, ...]
    conf: dict[str, Any] = field(default_factory=dict)


CASES = (
    Case("HeteroLR", "breast_hetero", "y", 0.01, TAYLOR, {**SQN, "max_iter": 25}),
    Case(
        "HeteroSSHELR",
        "breast_hetero",
        "y",
        0.01,
        TAYLOR,
        {**STEEP, "learning_rate": 0.2, "max_iter": 45, "reveal_every_iter": True},
    ),
    Case("HomoLR", "breast_homo", "y", 0.01, EXACT, {**DESCENT, "max_iter": 400}),
    Case(
        "HeteroLR",
        "vehicle_scale_hetero",
        "y",
        0.03,
        TAYLOR,
        {**SQN, "sqn_param": {"update_interval_L": 1, "memory_M": 10}, "max_iter": 20},
    ),
    Case(
        "HomoLR",
        "vehicle_scale_homo",
        "y",
        0.03,
        EXACT,
        {**DESCENT, "learning_rate": 0.8, "max_iter": 400},
    ),
    Case("HeteroLinR", "motor_hetero", "motor_speed", 0.1, RIDGE, {**STEEP, "max_iter": 30}),
    Case("HeteroLinR", "student_hetero", "y", 0.0, RIDGE, {**SQN, "max_iter": 15}),
    Case(
        "HeteroPoisson",
        "dvisits_hetero",
        "doctorco",
        0.1,
        GLM,
        {**STEEP, "learning_rate": 0.2, "max_iter": 40},
    ),
    Case("HeteroLR", "default_credit_hetero", "y", 1e-3, TAYLOR, {**SQN, "max_iter": 18}),
    Case("HomoLR", "default_credit_hetero", "y", 1e-3, EXACT, {**DESCENT, "max_iter": 400}),
)


def run(size: int) -> list[Figure]:
    """Every case, on at most so many rows."""
    folder = os.environ.get("FATE_EXAMPLES")
    if not folder:
        raise SystemExit("set FATE_EXAMPLES to the folder of FATE's examples/data")
    return [figure for case in CASES for figure in _figures(case, Path(folder), size)]


def _figures(case: Case, folder: Path, size: int) -> list[Figure]:
    guest, host = (_read(folder / f"{case.data}_{role}.csv", size) for role in ("guest", "host"))
    y, by_columns = guest.pop(case.label), "homo" not in case.data
    if by_columns:
        own, theirs = _scaled(guest), _scaled(host)
        X = np.hstack([own, theirs])
    else:
        y = np.concatenate([y, host.pop(case.label)])
        X = _scaled({name: np.concatenate([guest[name], host[name]]) for name in guest})
    if case.module == "HomoLR":
        names, cut = [f"x{place}" for place in range(X.shape[1])], len(y) // 2
        tables = [_table(X[:cut], names, y[:cut]), _table(X[cut:], names, y[cut:], cut)]
    else:
        tables = [_table(own, list(guest), y), _table(theirs, list(host), None)]
    results = asyncio.run(_federated(case, tables))
    told = Table.stacked([t for result in results for t in result.data if isinstance(t, Table)])
    what = f"{case.module}, {case.data.split('_h')[0]}, {len(y):,} rows"
    return _compared(case, what, X, y, told)


def _compared(case: Case, what: str, X: Matrix, y: Vector, told: Table) -> list[Figure]:
    """The federated metric beside the peers', and how far it is from each."""
    by_id = dict(zip(told.ids.to_pylist(), range(told.rows), strict=True))
    order = [by_id[str(number)] for number in range(len(y))]
    score, relative = told.numbers("predict_score")[order], case.module in COUNTING
    if relative:
        metric, federated = "RMSE", _rmse(score, y)
        plain = {peer.name: _rmse(peer.predicted(X, y, case.alpha), y) for peer in case.peers}
    else:
        metric, classes, chances = "AUC", np.unique(y), score[:, np.newaxis]
        if len(classes) == 2:
            classes = classes[1:]
        else:
            metric = "AUC, mean over classes"
            details = told.frame["predict_detail"].to_pylist()
            chances = np.array([list(ast.literal_eval(details[row]).values()) for row in order])
        labels = [(y == known).astype(np.float64) for known in classes]
        federated, plain = _mean_auc(labels, chances), {}
        for peer in case.peers:
            expected = [peer.predicted(X, label, case.alpha) for label in labels]
            plain[peer.name] = _mean_auc(labels, np.column_stack(expected))
    shown = {name: round(value, 6) for name, value in plain.items()}
    figures = [Figure.of(f"{what}: {metric}", "", [round(federated, 6)], goal="", **shown)]
    for peer in case.peers:
        away = abs(federated - plain[peer.name]) / (plain[peer.name] if relative else 1.0)
        goal = f"at most {0.001 if peer.same else 0.01:g}"
        figures.append(Figure.of(f"{what}: away from {peer.name}", "", [away], goal=goal))
    return figures


async def _federated(case: Case, tables: Sequence[Table]) -> list[Result]:
    """What guest and host end with."""
    component = find_component(case.module)
    penalty = {"penalty": "L2", "alpha": case.alpha} if case.alpha else {}
    params = component.params.parse({**case.conf, **penalty})
    seats = [seat for seat in SEATS if seat.role in component.needs]
    parties = {seat.role: (seat.party_id,) for seat in seats}
    ports = dict(zip(SEATS, [*({"train_data": table} for table in tables), {}], strict=True))
    together = await run_together(
        {seat: _role(component, params, ports[seat], seat, parties) for seat in seats},
        component.messages,
    )
    return [together[seat] for seat in seats if seat.role is not ARBITER]


def _role(
    component: Component,
    params: Any,
    ports: Mapping[str, Any],
    seat: Party,
    parties: Mapping[Role, tuple[str, ...]],
) -> Any:
    facts = JobFacts("job", "task", 0, f"{component.module}_0", seat, 0, parties)
    return lambda ch: component.run(ch, params, ports, Quiet(), facts)


def _mean_auc(labels: Sequence[Vector], scores: Matrix) -> float:
    each = [roc_auc_score(label, scores[:, place]) for place, label in enumerate(labels)]
    return float(np.mean(each))


def _rmse(values: Vector, y: Vector) -> float:
    return float(np.sqrt(np.mean((values - y) ** 2)))


def _read(file: Path, size: int) -> dict[str, Vector]:
    """The columns of a file in the order of its ids, without them."""
    with file.open(newline="") as source:
        lines = csv.reader(source)
        names = next(lines)
        rows = sorted(lines, key=lambda line: line[0])[:size]
    values = np.array([row[1:] for row in rows], dtype=np.float64)
    return {name: values[:, i] for i, name in enumerate(names[1:])}


def _scaled(columns: Mapping[str, Vector]) -> Matrix:
    matrix = np.column_stack(list(columns.values()))
    spread = matrix.std(axis=0)
    return np.asarray((matrix - matrix.mean(axis=0)) / np.where(spread > 0, spread, 1.0))


def _table(matrix: Matrix, names: Sequence[str], label: Vector | None, start: int = 0) -> Table:
    ids = [str(start + number) for number in range(len(matrix))]
    return Table.instances(ids, matrix, list(names), label=label)


BENCHMARK = Benchmark(
    "accuracy",
    "linear models beside scikit-learn's and statsmodels' on pooled rows",
    run,
    size=ROWS,
)
