"""Scorecard: points by the formula, cut and rounded."""

from typing import Any

import numpy as np
import pytest

from federation.components.statistics.scorecard import ScorecardParams, points, scorecard
from federation.errors import DataProblem, InvalidParameters
from federation.spec.party import GUEST, HOST, Party
from federation.tables import Table

G, H = Party(GUEST, "9999"), Party(HOST, "10000")


def predictions(scores: list[float]) -> Table:
    n = len(scores)
    return Table.predictions(
        [f"r{i}" for i in range(n)],
        label=np.zeros(n),
        result=np.zeros(n),
        score=np.array(scores),
        detail=["{}"] * n,
        stage="predict",
    )


async def ran(play: Any, scores: list[float]) -> Any:
    return await play(scorecard, {}, {G: {"data": predictions(scores)}, H: {}})


async def test_twice_the_odds_are_twenty_points(play: Any) -> None:
    made = (await ran(play, [0.5, 1 / 3, 0.2, 2 / 3]))[G].data[0]
    assert made.frame["credit_score"].to_pylist() == [500, 520, 540, 480]
    assert made.schema.columns == ("label", "predict_result", "predict_score", "credit_score")


async def test_certain_rows_have_the_limits(play: Any) -> None:
    made = (await ran(play, [0.0, 1.0]))[G].data[0]
    assert made.frame["credit_score"].to_pylist() == [1500, 0]


async def test_a_host_has_nothing_to_do(play: Any) -> None:
    played = await ran(play, [0.5])
    assert played[H].data == ()
    assert played.ledger == []
    assert "ln((1 - p) / p)" in played[G].summary["scorecard_compute_formula"]


async def test_what_is_no_probability_is_refused(play: Any) -> None:
    with pytest.raises(DataProblem, match="2 rows have a predict_score outside"):
        await ran(play, [1.5, float("nan"), 0.5])


def test_without_a_factor_everybody_has_the_offset() -> None:
    given = points(np.array([0.0, 0.5, 1.0]), ScorecardParams(factor=0))
    np.testing.assert_array_equal(given, [500, 500, 500])


def test_every_wrong_parameter_is_named() -> None:
    wrong = {"method": "points", "offset": -1, "factor_base": 1, "limit": 2}
    with pytest.raises(InvalidParameters) as caught:
        ScorecardParams.parse(wrong)
    paths = {problem.path for problem in caught.value.problems}
    assert paths == {"method", "offset", "factor_base", "limit"}
