"""Cross validation: a shell for learning components, which trains once for each fold.

The rows of a run are parted into n folds. For each of them the component trains on the rows of the
others and predicts all, as it would without the shell, its letters under ("fold", i). No model is
kept. Local; what parties say about folds is the component's.
Source: FATE 1.x KFold; the parts are those of scikit-learn's KFold.
"""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from federation.components.common.following import TRAIN, VALIDATE
from federation.components.common.training import FoldsParam
from federation.components.component import Report, Result
from federation.components.statistics.metrics import EvalType
from federation.components.statistics.values import validation_metrics
from federation.errors import DataProblem
from federation.tables import Table, TableKind

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Fold:
    """One fold at one party.

    Attributes:
        train: rows to learn from; `validate` the others.
        report: tells of this fold under its own names.
    """

    number: int
    train: Table
    validate: Table
    report: Report


def held_out(rows: int, p: FoldsParam) -> Iterator[Indices]:
    """The rows that each fold leaves out, ascending.

    Raises:
        DataProblem: there are fewer rows than folds.
    """
    if rows < p.n_splits:
        raise DataProblem(f"n_splits is {p.n_splits}, and there are fewer rows than that")
    order = np.arange(rows)
    if p.shuffle:
        np.random.RandomState(p.random_seed).shuffle(order)
    for left_out in np.array_split(order, p.n_splits):
        yield np.sort(left_out)


def fold_of(table: Table, left_out: Indices, number: int, folds: int, report: Report) -> Fold:
    """A fold that validates on those rows of a table.

    Args:
        left_out: positions in the table, ascending.
        folds: how many there are.
    """
    kept = np.setdiff1d(np.arange(table.rows), left_out)
    return Fold(number, table.take(kept), table.take(left_out), _OfFold(report, number, folds))


@dataclass(slots=True)
class Folds:
    """What has come of the folds so far."""

    p: FoldsParam
    report: Report
    tables: list[Table] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)

    async def run(self, fold: Fold, fit: Callable[[Fold], Awaitable[Result]]) -> None:
        """Train a fold, measure what it predicts, and keep what there is to tell."""
        result = await fit(fold)
        self.summary[f"fold_{fold.number}"] = dict(result.summary or {})
        for stage, part in ((TRAIN, fold.train), (VALIDATE, fold.validate)):
            told = _of_stage(result, stage)
            if told is not None:
                self._measure(told, f"{stage}_fold_{fold.number}", stage)
            if self.p.history_value_type == "instance":
                told = part
            elif told is None:
                numbers = np.full((part.rows, 1), float(fold.number))
                told = Table.instances(part.ids, numbers, ["fold_num"])
            self.tables.append(_marked(told, f"#fold{fold.number}#{stage}"))

    def result(self) -> Result:
        """FATE's fold history and summary; there is no model."""
        data = (Table.stacked(self.tables),) if self.p.output_fold_history else ()
        return Result(data, summary={**self.summary, "fold_num": len(self.summary)})

    def _measure(self, predictions: Table, name: str, stage: str) -> None:
        label = predictions.numbers("label")
        if predictions.frame["predict_detail"][0].as_py().startswith("{'label'"):
            kind, column = EvalType.REGRESSION, "predict_score"
        elif len(pc.unique(predictions.frame["predict_result"])) > 2 or len(np.unique(label)) > 2:
            kind, column = EvalType.MULTI, "predict_result"
        else:
            kind, column = EvalType.BINARY, "predict_score"
        values = validation_metrics(label, predictions.numbers(column), None, eval_type=kind)
        self.report.metric(stage, name, "EVALUATION_SUMMARY", list(values.items()))


@dataclass(frozen=True, slots=True)
class _OfFold:
    """A Report of one fold: names tell which."""

    report: Report
    number: int
    folds: int

    def metric(
        self,
        namespace: str,
        name: str,
        metric_type: str,
        /,
        data: list[tuple[Any, Any]] | None = None,
        **meta: Any,
    ) -> None:
        """Append points to a metric of this fold."""
        of_loss = metric_type == "LOSS"
        named = f"{name}.{self.number}" if of_loss else f"fold_{self.number}.{name}"
        self.report.metric(namespace, named, metric_type, data, **meta)

    def progress(self, done: int, total: int) -> None:
        """Say how much of all folds is done."""
        self.report.progress(self.number * total + done, self.folds * total)

    def log(self, message: str, **facts: Any) -> None:
        """Write one line, with the fold's number."""
        self.report.log(message, fold=self.number, **facts)


def fold_reports(report: Report, folds: int) -> Iterator[tuple[int, Report]]:
    """For a party without rows: each fold's number, and where it tells how it goes."""
    for number in range(folds):
        yield number, _OfFold(report, number, folds)


def _of_stage(result: Result, stage: str) -> Table | None:
    """The predictions of a stage, or None where the party has none."""
    for table in result.data:
        if isinstance(table, Table) and table.schema.kind is TableKind.PREDICTIONS:
            rows = np.flatnonzero(
                pc.equal(table.frame["type"], stage).to_numpy(zero_copy_only=False)
            )
            return table.take(rows)
    return None


def _marked(table: Table, mark: str) -> Table:
    """The same rows, with ids that end with the mark."""
    ids = pa.chunked_array(pc.binary_join_element_wise(table.ids, mark, ""))
    column = table.frame.schema.names[0]
    frame = table.frame.set_column(0, column, ids.cast(pa.string()))
    return Table(table.schema, frame, table.source, table.name)
