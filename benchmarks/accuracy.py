"""Linear models beside scikit-learn's on pooled rows, on FATE's data sets.

FATE_EXAMPLES names the folder of FATE's `examples/data`. All roles of a component run in one
process, over sealed channels; features are standardised, each column by itself, as every party
could. A metric is taken on the rows that were learned from. Federated logistic regression by
columns follows the loss to second order, so its optimum is another than scikit-learn's; where the
optimum is the same the goal is tighter.
"""

import ast
import asyncio
import csv
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge
from sklearn.metrics import roc_auc_score
from sklearn.multiclass import OneVsRestClassifier

from benchmarks.measure import Benchmark, Figure
from federation.channel.memory import run_together
from federation.components.component import Component, JobFacts, Result
from federation.components.registry import find_component
from federation.spec.party import ARBITER, GUEST, HOST, Party, Role
from federation.tables import Table

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]

ROWS = 30_000
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


@dataclass(frozen=True, slots=True)
class Case:
    """One model on one data set.

    Attributes:
        data: the files are `<data>_guest.csv` and `<data>_host.csv`.
        label: its column at the guest; at all parties where rows are split.
        penalty: alpha of L2.
        same: whether the optimum is that of the plain model.
        rows: at most.
    """

    module: str
    data: str
    label: str
    conf: dict[str, Any] = field(default_factory=dict)
    penalty: float = 0.0
    same: bool = False
    rows: int = ROWS


L2 = 0.01
CASES = (
    Case("HeteroLR", "breast_hetero", "y", {**STEEP, "max_iter": 6}, L2),
    Case("HeteroSSHELR", "breast_hetero", "y", {**QUIET, "learning_rate": 1.0, "max_iter": 12}, L2),
    Case(
        "HomoLR",
        "breast_homo",
        "y",
        {**QUIET, "optimizer": "sgd", "learning_rate": 2.0, "decay": 0, "max_iter": 400},
        L2,
        same=True,
    ),
    Case(
        "HeteroLR",
        "vehicle_scale_hetero",
        "y",
        {**SQN, "learning_rate": 0.5, "max_iter": 10},
        0.03,
    ),
    Case("HeteroLinR", "motor_hetero", "motor_speed", {**STEEP, "max_iter": 30}, 0.1, same=True),
    Case("HeteroLinR", "student_hetero", "y", {**SQN, "max_iter": 15}, same=True),
    Case(
        "HeteroPoisson",
        "dvisits_hetero",
        "doctorco",
        {**STEEP, "learning_rate": 0.2, "max_iter": 30},
        0.1,
        same=True,
        rows=2_000,
    ),
    Case("HeteroLR", "default_credit_hetero", "y", {**SQN, "max_iter": 12}, 1e-3),
)


@dataclass(slots=True)
class Silent:
    """A Report that nobody reads."""

    def metric(
        self,
        namespace: str,
        name: str,
        metric_type: str,
        /,
        data: list[tuple[Any, Any]] | None = None,
        **meta: Any,
    ) -> None:
        """Nothing."""

    def progress(self, done: int, total: int) -> None:
        """Nothing."""

    def log(self, message: str, **facts: Any) -> None:
        """Nothing."""


def run(size: int) -> list[Figure]:
    """Every case, on at most so many rows."""
    folder = os.environ.get("FATE_EXAMPLES")
    if not folder:
        raise SystemExit("set FATE_EXAMPLES to the folder of FATE's examples/data")
    return [_figure(case, Path(folder), size) for case in CASES]


def _figure(case: Case, folder: Path, size: int) -> Figure:
    rows, files = min(size, case.rows), (f"{case.data}_{role}.csv" for role in ("guest", "host"))
    guest, host = (_read(folder / file, rows) for file in files)
    by_rows = case.module == "HomoLR"
    guest_y = guest.pop(case.label)
    if by_rows:
        host_y = host.pop(case.label)
        both = {name: np.concatenate([guest[name], host[name]]) for name in guest}
        X, y = _scaled(both), np.concatenate([guest_y, host_y])
        cut = len(guest_y)
        tables = [_table(X[:cut], list(both), guest_y), _table(X[cut:], list(both), host_y, cut)]
    else:
        own, theirs, y = _scaled(guest), _scaled(host), guest_y
        X = np.hstack([own, theirs])
        tables = [_table(own, list(guest), y), _table(theirs, list(host), None)]
    results = asyncio.run(_federated(case, tables))
    told = [table for result in results for table in result.data if isinstance(table, Table)]
    name, federated, plain = _metrics(case, X, y, Table.stacked(told))
    goal = f"within {0.001 if case.same else 0.01} of scikit-learn"
    what = f"{case.module}, {case.data.split('_h')[0]}: {name}"
    return Figure.of(what, "", [federated], goal=goal, sklearn=round(plain, 6))


async def _federated(case: Case, tables: Sequence[Table]) -> list[Result]:
    """What guest and host end with."""
    component = find_component(case.module)
    penalty = {"penalty": "L2", "alpha": case.penalty} if case.penalty else {}
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
    return lambda ch: component.run(ch, params, ports, Silent(), facts)


def _metrics(case: Case, X: Matrix, y: Vector, told: Table) -> tuple[str, float, float]:
    """The metric's name, its value on federated predictions, and on those of the plain model."""
    by_id = dict(zip(told.ids.to_pylist(), range(told.rows), strict=True))
    order = [by_id[str(number)] for number in range(len(y))]
    score = told.numbers("predict_score")[order]
    if case.module in ("HeteroLinR", "HeteroPoisson"):
        plain = PoissonRegressor(alpha=case.penalty, max_iter=3000, tol=1e-8)
        if case.module == "HeteroLinR":
            plain = Ridge(alpha=case.penalty * len(y))
        expected = plain.fit(X, y).predict(X)
        return "RMSE", _rmse(score, y), _rmse(expected, y)
    alpha = case.penalty or 1e-9
    model = LogisticRegression(C=1 / (alpha * len(y)), max_iter=5000, tol=1e-8)
    if len(np.unique(y)) == 2:
        expected = model.fit(X, y).decision_function(X)
        return "AUC", float(roc_auc_score(y, score)), float(roc_auc_score(y, expected))
    details = told.frame["predict_detail"].to_pylist()
    chances = np.array([list(ast.literal_eval(details[row]).values()) for row in order])
    expected = OneVsRestClassifier(model).fit(X, y).decision_function(X)
    return "AUC, mean over classes", _macro(y, chances), _macro(y, expected)


def _macro(y: Vector, scores: Matrix) -> float:
    classes = np.unique(y)
    return float(np.mean([roc_auc_score(y == c, scores[:, i]) for i, c in enumerate(classes)]))


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
    "accuracy", "linear models beside scikit-learn on pooled rows", run, size=ROWS
)
