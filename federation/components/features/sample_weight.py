"""SampleWeight: what each row counts when a model is fitted.

The weight of row i is w_i = class_weight[y_i], where `balanced` means n / (k * n_c) for a class
with n_c of n rows among k classes, and a class that is not named counts 1; or it is the value of
the column sample_weight_name, which then is no feature any more. normalize divides by the mean.

Local, nothing is sent; a party without labels or without the column hands its rows through.
Learns: nobody anything by this component; what a model shows of weighted rows, its header says.
Exact. Source: FATE 1.x SampleWeight.
"""

from collections.abc import Mapping
from typing import Literal

import numpy as np
from pydantic import Field

from federation.components.common.columns import NoSuchColumn, numbers_of
from federation.components.component import Report
from federation.components.features.columns import remade
from federation.components.features.transformer import Learned, State, Transformer, transformer
from federation.components.linear.rows import (
    SAMPLE_WEIGHT,
    class_name,
    classes_of,
    labels_of,
)
from federation.components.params import Params
from federation.errors import DataProblem
from federation.spec.party import HOST, Role
from federation.tables import Table
from federation.tables.table import Vector

BY_CLASS, BY_COLUMN = "class weight", "sample weight name"


class SampleWeightParams(Params):
    """FATE's SampleWeightParam."""

    class_weight: Literal["balanced"] | dict[str, float] | None = Field(
        None, description="weight of each label, or balanced; comes before sample_weight_name"
    )
    sample_weight_name: str | None = Field(None, description="column that holds the weights")
    normalize: bool = Field(False, description="divide the weights by their mean")
    need_run: bool = Field(True, description="false hands the input through")


def _learned(table: Table, p: SampleWeightParams, report: Report) -> Learned:
    """What each class counts."""
    classes = _class_weights(table, p)
    mode = BY_CLASS if p.class_weight else BY_COLUMN
    report.metric(
        "train",
        "sample_weight",
        "SAMPLE_WEIGHT",
        weight_mode=mode,
        class_weight=classes,
        classes=list(classes),
    )
    return Learned(
        meta={
            "sampleWeightName": p.sample_weight_name or "",
            "normalize": p.normalize,
            "needRun": p.need_run,
        },
        param={
            "header": list(table.feature_names),
            "weightMode": mode,
            "classWeight": dict(classes),
        },
        state={"params": p.model_dump(), "classes": classes},
    )


def _class_weights(table: Table, p: SampleWeightParams) -> dict[str, float]:
    """Weight by class, of a party that has labels."""
    if not p.class_weight or table.schema.label is None:
        return {}
    if p.class_weight != "balanced":
        return {class_name(_number(name)): weight for name, weight in p.class_weight.items()}
    labels = labels_of(table.label)
    classes = classes_of(labels)
    counts = np.bincount(np.searchsorted(classes, labels), minlength=len(classes))
    weights = len(labels) / (len(classes) * counts)
    return dict(zip(map(class_name, classes.tolist()), weights.tolist(), strict=True))


def _number(name: str) -> float:
    try:
        return float(name)
    except ValueError:
        raise DataProblem(
            f"class_weight names the label {name!r}, which is no number; put a LabelTransform "
            "before this component and use its new labels"
        ) from None


def _weighed(table: Table, state: State, role: Role) -> Table:
    """The table with its column of weights named in its schema.

    Raises:
        NoSuchColumn: the guest lacks the column of weights.
        DataProblem: a weight is missing or negative, or all are 0.
    """
    p = SampleWeightParams.parse(state["params"])
    if p.class_weight:
        return _by_class(table, p, state["classes"])
    name = p.sample_weight_name
    if name is None or (role is HOST and name not in table.feature_names):
        return table
    if name not in table.feature_names:
        raise NoSuchColumn(f"the table has no feature {name!r} to take weights of", column=name)
    return _with_weights(table, name, numbers_of(table, name), p)


def _by_class(table: Table, p: SampleWeightParams, classes: Mapping[str, float]) -> Table:
    if table.schema.label is None:
        return table
    if SAMPLE_WEIGHT in table.schema.columns:
        raise DataProblem(f"the table has a column {SAMPLE_WEIGHT} already; rename it")
    different, places = np.unique(labels_of(table.label), return_inverse=True)
    weights = np.array([classes.get(class_name(label), 1.0) for label in different.tolist()])
    return _with_weights(table, SAMPLE_WEIGHT, weights[places], p)


def _with_weights(table: Table, name: str, weights: Vector, p: SampleWeightParams) -> Table:
    wrong = int(np.count_nonzero(~(weights >= 0) | ~np.isfinite(weights)))
    if wrong:
        raise DataProblem(f"{wrong} rows have a weight that is missing or below 0", rows=wrong)
    mean = float(np.mean(weights))
    if mean == 0:
        raise DataProblem("all rows have the weight 0, so nothing counts")
    weights = weights / mean if p.normalize else weights
    return remade(table, {name: weights}, **{SAMPLE_WEIGHT: name})


sample_weight = transformer(
    "SampleWeight", SampleWeightParams, "SampleWeightParam", Transformer(_learned, _weighed)
)
