"""Prediction tables as plain vectors: one value for each component and stage they came from.

Several outputs of one component (say `train_data` and `validate_data`) count as one table. Rows
without a label can not be measured and are refused, as is anything that is not a prediction.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from federation.components.statistics.metrics import EvalType
from federation.errors import DataProblem
from federation.tables import Table

Vector = npt.NDArray[np.float64]

STAGES = ("train", "validate", "predict")


class NoPredictions(DataProblem):
    """A table to be measured holds no labelled predictions."""

    code = "no_predictions"


@dataclass(frozen=True, slots=True)
class Predictions:
    """What one component predicted at one stage, n > 0 rows.

    Attributes:
        source: the component.
        stage: `train`, `validate` or `predict`.
        labels: shape (n,), the truth.
        results: shape (n,), predicted class or value; the cluster of a clustering.
        scores: shape (n,), probability of class 1, highest probability, or value.
        details: n texts such as `{'0': 0.93, '1': 0.07}`, empty where the table has none.
    """

    source: str
    stage: str
    labels: Vector
    results: Vector
    scores: Vector
    details: tuple[str, ...] = ()

    def prediction(self, eval_type: EvalType) -> Vector:
        """Shape (n,): the column that is compared with the labels, which depends on the kind."""
        classes = eval_type in (EvalType.MULTI, EvalType.CLUSTERING)
        return self.results if classes else self.scores

    def class_scores(self, classes: Vector) -> npt.NDArray[np.float64]:
        """Shape (n, len(classes)): the score of each class, read from the details.

        A class that a detail does not name, since training never saw it, has the score 0.

        Raises:
            NoPredictions: a detail is not written as FATE does.
        """
        try:
            rows = json.loads(f"[{','.join(self.details)}]".replace("'", '"'))
            keyed = [{float(name): float(score) for name, score in row.items()} for row in rows]
            found = [[row.get(label, 0.0) for label in classes.tolist()] for row in keyed]
        except (ValueError, TypeError, AttributeError):
            found = []
        if len(found) != len(self.labels):
            raise NoPredictions(
                f"predict_detail of {self.source} does not give a score for each class",
                source=self.source,
            )
        return np.asarray(found, dtype=np.float64).reshape(len(found), len(classes))


def read_predictions(tables: Sequence[Table], eval_type: EvalType) -> list[Predictions]:
    """Predictions by component as given, and by stage in the order of STAGES.

    A table without rows gives nothing.

    Raises:
        NoPredictions: a table holds something else, or rows without a label.
    """
    by_source: dict[str, list[Table]] = {}
    for table in tables:
        by_source.setdefault(table.source or table.name, []).append(table)
    return [
        predictions
        for source, outputs in by_source.items()
        for predictions in _by_stage(source, outputs, eval_type)
    ]


def _by_stage(source: str, outputs: list[Table], eval_type: EvalType) -> Iterator[Predictions]:
    wanted = _columns(eval_type)
    for table in outputs:
        missing = [name for name in wanted if name not in table.schema.columns]
        if missing:
            raise NoPredictions(
                f"{source} gives rows without {', '.join(missing)}; bind Evaluation to the "
                f"output of a model, and set eval_type to what it predicts (now {eval_type})",
                source=source,
                missing=missing,
            )
    frames = [table.frame.select(wanted) for table in outputs]
    frame = pa.concat_tables(frames, promote_options="permissive")
    stages = pc.fill_null(frame["type"], "predict")
    for stage in sorted(pc.unique(stages).to_pylist(), key=_stage_order):
        yield _one_stage(source, stage, frame.filter(pc.equal(stages, stage)))


def _columns(eval_type: EvalType) -> list[str]:
    if eval_type is EvalType.CLUSTERING:
        return ["label", "predicted_label", "type"]
    columns = ["label", "predict_result", "predict_score", "type"]
    return [*columns, "predict_detail"] if eval_type is EvalType.MULTI else columns


def _stage_order(stage: str) -> tuple[int, str]:
    return (STAGES.index(stage) if stage in STAGES else len(STAGES), stage)


def _one_stage(source: str, stage: str, frame: pa.Table) -> Predictions:
    labels = _numbers(frame, "label", source)
    if not np.all(np.isfinite(labels)):
        raise NoPredictions(
            f"rows that {source} predicted have no label, so there is nothing to compare with; "
            "evaluate a labelled table, or leave Evaluation out of the DSL",
            source=source,
        )
    result = "predict_result" if "predict_result" in frame.column_names else "predicted_label"
    score = "predict_score" if "predict_score" in frame.column_names else result
    details = frame["predict_detail"].to_pylist() if "predict_detail" in frame.column_names else ()
    return Predictions(
        source,
        stage,
        labels,
        _numbers(frame, result, source),
        _numbers(frame, score, source),
        tuple(text or "" for text in details),
    )


def _numbers(frame: pa.Table, column: str, source: str) -> Vector:
    """One column as float64, NaN where missing."""
    try:
        values = frame[column].cast(pa.float64())
    except pa.ArrowInvalid:
        raise NoPredictions(f"{column} of {source} is not a number", source=source) from None
    return np.asarray(values.to_numpy(zero_copy_only=False), dtype=np.float64)
