"""Prediction rows of a classifier, as FATE has them. Local."""

from collections.abc import Sequence

import numpy as np

from federation.components.linear.rows import class_name
from federation.tables import Table
from federation.tables.table import Matrix, Vector


def class_predictions(
    table: Table,
    label: Vector | None,
    chances: Matrix,
    classes: Sequence[float],
    *,
    threshold: float,
    stage: str,
) -> Table:
    """The likeliest class, or the second of two above the threshold.

    Args:
        table: whose ids they get.
        label: shape (n,), the truth, or None where there is none.
        chances: shape (n, k), of each class; of two classes shape (n, 1) for the second alone.
        classes: k labels, ascending.
        threshold: of two classes, a higher probability means the second.
        stage: `train`, `validate` or `predict`.
    """
    values = np.asarray(classes)
    if len(classes) == 2:
        score = chances[:, -1]
        result = np.where(score > threshold, values[1], values[0])
        chances = np.column_stack([1.0 - score, score])
    else:
        score = chances.max(axis=1)
        result = values[chances.argmax(axis=1)]
    names = [class_name(value) for value in classes]
    return Table.predictions(
        table.ids,
        label=np.full(table.rows, np.nan) if label is None else label,
        result=result,
        score=score,
        detail=[str(dict(zip(names, line, strict=True))) for line in chances.tolist()],
        stage=stage,
        id_name=table.schema.id_name,
    )
