"""LabelTransform: other names for the labels, there and back.

Labels become label_encoder[label]; without an encoder they become 0, 1, ... in ascending order. A
table of predictions and the model of a LabelTransform give the old names back, in the label, the
predicted class and the keys of predict_detail; scores stay as they are.

Local, nothing is sent; a party without labels hands its rows through. Learns: nobody anything; the
model shows the names of the classes, not who has them.
Exact. Source: FATE 1.x LabelTransform.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from federation.components.component import Report
from federation.components.features.columns import bound, texts_of
from federation.components.features.transformer import Learned, State, Transformer, transformer
from federation.components.linear.rows import MOST_CLASSES
from federation.components.params import Params
from federation.errors import DataProblem
from federation.spec.party import Role
from federation.tables import Table, TableKind

Label = str | int | float
MARK = "class "
"""Set before a new name while names are exchanged, so that none is exchanged twice."""


class LabelTransformParams(Params):
    """FATE's LabelTransformParam."""

    label_encoder: dict[str, Label] | None = Field(
        None, description="old label: new label; null: 0, 1, ... by ascending label"
    )
    label_list: list[Label] | None = Field(
        None, description="the old labels with their type, in the order of the encoder"
    )
    need_run: bool = Field(True, description="false hands the input through")


class UnknownLabels(DataProblem):
    """Rows have labels the encoder does not name."""

    code = "unknown_labels"

    def __init__(self, rows: int) -> None:
        super().__init__(
            f"{rows} rows have a label that label_encoder does not name; name every label",
            rows=rows,
        )


def _learned(table: Table, p: LabelTransformParams, report: Report) -> Learned:
    """New names of the labels."""
    table.require(TableKind.INSTANCES)
    state = {"encoder": _encoder(table, p)}
    encoder = _summary(state)["label_encoder"]
    report.metric("train", "label_transform", "LABEL_TRANSFORM", label_encoder=encoder)
    report.log("labels are renamed", classes=len(encoder))
    return Learned({"needRun": p.need_run}, _param(state), state)


def _encoder(data: Table, p: LabelTransformParams) -> list[list[Label]]:
    """Pairs of old and new label; none for a party without labels.

    Raises:
        DataProblem: there are no labels to number, or too many different ones.
    """
    if p.label_encoder is not None:
        typed = {_text(old): old for old in p.label_list or ()}
        return [
            [typed.get(_text(_read(old)), _read(old)), new] for old, new in p.label_encoder.items()
        ]
    if data.schema.label is None:
        return []
    labels = pc.drop_null(pc.unique(data.frame.column(data.schema.label)))
    if len(labels) > MOST_CLASSES:
        raise DataProblem(
            f"the label has more than {MOST_CLASSES} different values; it is no class"
        )
    ascending = labels.take(pc.sort_indices(labels)).to_pylist()
    return [[_whole(old), new] for new, old in enumerate(ascending)]


def _read(text: str) -> Label:
    """A JSON key as the number it is written as, or as text."""
    try:
        return _whole(float(text))
    except ValueError:
        return text


def _whole(label: Label) -> Label:
    return int(label) if isinstance(label, float) and label.is_integer() else label


def _text(label: Label) -> str:
    return str(_whole(label))


def _transformed(table: Table, state: State, role: Role) -> Table:
    encoder = state["encoder"]
    if table.schema.kind is TableKind.PREDICTIONS:
        return _decoded(table, {_text(new): old for old, new in encoder})
    table.require(TableKind.INSTANCES)
    if table.schema.label is None:
        return table
    name = table.schema.label
    new = {_text(old): new for old, new in encoder}
    return _exchanged(table, {name: _renamed(table.frame.column(name), new)})


def _renamed(column: pa.ChunkedArray, new: Mapping[str, Label]) -> pa.Array:
    """The labels under their new names: numbers if all new names are.

    Raises:
        UnknownLabels: a label has no new name.
    """
    places = pc.index_in(texts_of(column), value_set=pa.array(list(new), pa.string()))
    unknown = pc.and_(pc.is_null(places), pc.is_valid(texts_of(column)))
    rows = int(pc.sum(unknown).as_py() or 0)
    if rows:
        raise UnknownLabels(rows)
    numeric = not any(isinstance(label, str) for label in new.values())
    names = [float(label) if numeric else _text(label) for label in new.values()]
    return pa.array(names, pa.float64() if numeric else pa.string()).take(places)


def _decoded(table: Table, old: Mapping[str, Label]) -> Table:
    made: dict[str, Any] = {
        name: _renamed(table.frame.column(name), old)
        for name in ("label", "predict_result")
        if name in table.schema.columns
    }
    if "predict_detail" in table.schema.columns:
        details = table.frame.column("predict_detail")
        for new, label in old.items():
            details = _replaced(details, new, f"{MARK}{_text(label)}")
        made["predict_detail"] = pc.replace_substring(details, f"{MARK}", "")
    return _exchanged(table, made)


def _replaced(details: pa.ChunkedArray, key: str, name: str) -> pa.ChunkedArray:
    written = name.replace("\\", "\\\\")
    pattern = rf"""(['"]){re.escape(key)}(['"]:)"""
    return pc.replace_substring_regex(details, pattern=pattern, replacement=rf"\1{written}\2")


def _exchanged(table: Table, columns: Mapping[str, Any]) -> Table:
    made = {name: columns.get(name, table.frame.column(name)) for name in table.schema.columns}
    frame = pa.table([table.ids, *made.values()], names=list(table.schema.header))
    return replace(table, frame=frame)


def _param(state: State) -> dict[str, Any]:
    """FATE's LabelTransformParam message."""
    encoder = state["encoder"]
    return {
        "labelEncoder": {_text(old): _text(new) for old, new in encoder},
        "encoderKeyType": {_text(old): type(old).__name__ for old, _ in encoder},
        "encoderValueType": {_text(old): type(new).__name__ for old, new in encoder},
    }


def _summary(state: State) -> dict[str, Any]:
    return {"label_encoder": {_text(old): new for old, new in state["encoder"]}}


label_transform = transformer(
    "LabelTransform",
    LabelTransformParams,
    "LabelTransformParam",
    Transformer(_learned, _transformed, bound, lambda model: _summary(model.state)),
)
