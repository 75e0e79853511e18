"""The schema of a table: what its columns mean, as it is stored beside the rows."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any


class TableKind(StrEnum):
    """What the rows are."""

    RAW = "raw"
    INSTANCES = "instances"
    PREDICTIONS = "predictions"


@dataclass(frozen=True, slots=True)
class Schema:
    """Names and meaning of a table's columns.

    Attributes:
        id_name: name of the row id, the first column.
        columns: the other columns in order, the label (if any) among them.
        kind: raw text as uploaded, instances (label and numbers), or predictions.
        label: the label column, if there is one.
        match_id: the column that holds a match id, if it is not the row id.
        headed: whether the uploaded file named its columns.
        meta: what the uploader said about the rows (FATE's `meta`), untouched.
    """

    id_name: str
    columns: tuple[str, ...]
    kind: TableKind = TableKind.RAW
    label: str | None = None
    match_id: str | None = None
    headed: bool = True
    meta: Mapping[str, Any] = field(default_factory=dict)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The columns that are neither label nor match id."""
        return tuple(name for name in self.columns if name not in (self.label, self.match_id))

    @property
    def header(self) -> list[str]:
        """Id name and columns, as FATE's `.meta` files write them."""
        return [self.id_name, *self.columns]

    def with_columns(self, columns: tuple[str, ...], **changes: Any) -> "Schema":
        """The same schema over other columns."""
        return replace(self, columns=columns, **changes)

    def to_json(self) -> dict[str, Any]:
        """The schema as plain JSON."""
        return {
            "id_name": self.id_name,
            "columns": list(self.columns),
            "kind": self.kind.value,
            "label": self.label,
            "match_id": self.match_id,
            "headed": self.headed,
            "meta": dict(self.meta),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any] | str | bytes) -> "Schema":
        """The schema stored as JSON.

        Raises:
            KeyError, ValueError: not a schema.
        """
        raw = json.loads(value) if isinstance(value, str | bytes) else value
        return cls(
            id_name=raw["id_name"],
            columns=tuple(raw["columns"]),
            kind=TableKind(raw["kind"]),
            label=raw["label"],
            match_id=raw["match_id"],
            headed=raw["headed"],
            meta=raw["meta"],
        )
