"""PositiveUnlabeled: which rows change their label, for every strategy."""

from typing import Any

import numpy as np
import pytest

from federation.components.statistics.positive_unlabeled import (
    PositiveUnlabeledParams,
    positive_unlabeled,
)
from federation.errors import DataProblem, DuplicateIds, InvalidParameters
from federation.spec.party import GUEST, HOST, Party
from federation.tables import Table

G, H = Party(GUEST, "9999"), Party(HOST, "10000")
IDS = [f"r{i}" for i in range(8)]
LABEL = np.array([1.0, 0, 0, 0, 0, 0, 1, 0])
SCORE = np.array([0.99, 0.2, 0.95, 0.9, 0.9, 0.1, 0.05, 0.97])
ROWS = Table.instances(IDS, np.arange(16.0).reshape(8, 2), ["a", "b"], label=LABEL)


def predicted(order: Any = None, ids: list[str] | None = None) -> Table:
    at = np.arange(8)[::-1] if order is None else np.asarray(order)
    return Table.predictions(
        ids or [IDS[i] for i in at],
        label=LABEL[at],
        result=LABEL[at],
        score=SCORE[at],
        detail=["{}"] * len(at),
        stage="predict",
    )


@pytest.mark.parametrize(
    ("conf", "changed"),
    [
        ({}, ["r2", "r3", "r4", "r7"]),
        ({"threshold": 0.96}, ["r7"]),
        ({"strategy": "quantity", "threshold": 3}, ["r2", "r3", "r7"]),
        ({"strategy": "quantity", "threshold": 99}, ["r1", "r2", "r3", "r4", "r5", "r7"]),
        ({"strategy": "proportion", "threshold": 0.25}, ["r2", "r7"]),
        ({"strategy": "distribution", "threshold": 0.2}, ["r7"]),
    ],
)
async def test_the_highest_scores_become_positive(
    play: Any, conf: dict[str, Any], changed: list[str]
) -> None:
    for data in ((ROWS, predicted()), (predicted(), ROWS)):
        played = await play(positive_unlabeled, conf, {G: {"data": data}, H: {"data": (ROWS,)}})
        made = played[G].data[0]
        plain = [1.0 if name in changed else label for name, label in zip(IDS, LABEL, strict=True)]
        assert made.label.tolist() == plain
        np.testing.assert_array_equal(made.features, ROWS.features)
        assert played[G].summary == {"count of converted unlabeled": len(changed)}
        assert played.reports[G].types["train", "positive_unlabeled"] == "PU_MODEL"
        assert played[H].data[0].frame.equals(ROWS.frame)
        assert played.ledger == []


async def test_a_row_without_a_prediction_stays(play: Any) -> None:
    data = (ROWS, predicted([0, 1, 3]))
    found = (await play(positive_unlabeled, {}, {G: {"data": data}}))[G]
    assert found.summary == {"count of converted unlabeled": 1}
    assert found.data[0].label[3] == 1


async def test_inputs_that_do_not_say_which_rows_are_refused(play: Any) -> None:
    with pytest.raises(DataProblem, match="a table of predictions"):
        await play(positive_unlabeled, {}, {G: {"data": (ROWS,)}})
    with pytest.raises(DuplicateIds):
        twice = predicted([0, 1], ids=["r0", "r0"])
        await play(positive_unlabeled, {}, {G: {"data": (ROWS, twice)}})


@pytest.mark.parametrize(
    "wrong",
    [
        {"strategy": "quantity", "threshold": 2.5},
        {"strategy": "probability", "threshold": 2},
        {"strategy": "best"},
        {"threshold": 0},
        {"share": 1},
    ],
)
def test_wrong_parameters_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidParameters):
        PositiveUnlabeledParams.parse(wrong)
