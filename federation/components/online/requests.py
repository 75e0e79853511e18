"""Requests as they come to the guest, checked one by one, and put together to one table.

A request that lacks features, or holds something that is no number, is answered by name and stops
no other.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from federation.components.online.questions import Question
from federation.components.online.steps import NotServable, Step
from federation.tables import Schema, Table

OK = "ok"
MISSING_FEATURES = "missing_features"
BAD_REQUEST = "bad_request"


@dataclass(slots=True)
class Row:
    """One row that was asked about.

    Attributes:
        id: what the hosts look it up by.
        features: the guest's own values by name.
        answer: as soon as there is one.
    """

    id: str
    features: Mapping[str, Any]
    answer: dict[str, Any] | None = None

    def fail(self, code: str, message: str, **facts: Any) -> None:
        """Answer with a no, unless there is an answer."""
        if self.answer is None:
            self.answer = {"code": code, "message": message, **facts}


@dataclass(frozen=True, slots=True)
class Pass:
    """Questions that are answered together."""

    questions: Sequence[Question]
    rows: Sequence[Sequence[Row]] = field(default=())

    @classmethod
    def of(cls, questions: Sequence[Question]) -> "Pass":
        """The rows of questions."""
        return cls(questions, [list(_rows(question.asked)) for question in questions])

    @property
    def open(self) -> list[Row]:
        """Rows without an answer yet."""
        return [row for rows in self.rows for row in rows if row.answer is None]

    def close(self) -> None:
        """Answer every question."""
        for question, rows in zip(self.questions, self.rows, strict=True):
            question.answer({"rows": [row.answer for row in rows]})


@dataclass(frozen=True, slots=True)
class Wanted:
    """Columns that the guest's first step reads.

    Attributes:
        features: the model's, in order.
        match_id: the column that held a match id in the training, if there was one.
    """

    features: tuple[str, ...]
    match_id: str | None = None

    def check(self, rows: Sequence[Row]) -> None:
        """Answer rows that lack features, each with all of them."""
        for row in rows:
            missing = [name for name in self.features if name not in row.features]
            if missing:
                row.fail(
                    MISSING_FEATURES,
                    f"featureData lacks {len(missing)} of {len(self.features)} features: "
                    f"{', '.join(missing)}",
                    features=missing,
                )

    def table(self, rows: Sequence[Row]) -> Table:
        """The rows as text, with their places as ids."""
        columns: dict[str, list[str]] = {"id": [str(place) for place in range(len(rows))]}
        if self.match_id is not None:
            columns[self.match_id] = [row.id for row in rows]
        for name in self.features:
            columns[name] = [_text(row.features[name]) for row in rows]
        frame = pa.table({name: pa.array(cells, pa.string()) for name, cells in columns.items()})
        return Table(Schema("id", tuple(columns)[1:]), frame)


def wanted_by(entries: Sequence[Step]) -> Wanted:
    """What the steps that read a request's rows want to find in them.

    Raises:
        NotServable: they were not made from a table with one column a feature.
    """
    features: dict[str, None] = {}
    match_id = None
    for step in entries:
        if step.model is None:
            raise NotServable(step.name, "it has no model that says which features it reads")
        rules, learned = step.model.state["params"], step.model.state["learned"]
        if rules.get("input_format", "dense") != "dense":
            raise NotServable(step.name, f"requests can not hold {rules['input_format']} rows")
        features |= dict.fromkeys(learned["features"])
        match_id = match_id or learned["match_id"]
    return Wanted(tuple(features), match_id)


def _rows(asked: Any) -> Iterator[Row]:
    for given in asked["rows"]:
        yield Row(str(given["id"]), dict(given["features"]))


def _text(value: Any) -> str:
    """A value of a request as an uploaded file would write it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(int(value))
    return repr(value) if isinstance(value, float) else str(value)
