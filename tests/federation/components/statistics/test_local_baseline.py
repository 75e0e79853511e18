"""LocalBaseline: scikit-learn's own predictions, and what is said where it is not installed."""

import sys
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from federation.components.statistics.local_baseline import (
    LibraryMissing,
    LocalBaselineParams,
    local_baseline,
)
from federation.errors import DataProblem, InvalidParameters
from federation.spec.party import GUEST, HOST, Party
from federation.tables import Table

G, H = Party(GUEST, "9999"), Party(HOST, "10000")
DRAW = np.random.default_rng(6)
X = DRAW.normal(size=(80, 3))
SCORE = X @ np.array([1.0, -2.0, 0.5]) + DRAW.normal(size=80)


def table(classes: int, part: slice = slice(None)) -> Table:
    edges = np.quantile(SCORE, np.arange(1, classes) / classes)
    label = np.searchsorted(edges, SCORE).astype(float)
    ids = [f"r{(7 * i) % 80:02d}" for i in range(80)]
    return Table.instances(ids[part], X[part], ["a", "b", "c"], label=label[part])


@pytest.mark.parametrize("classes", [2, 3])
async def test_predictions_are_scikit_learns(play: Any, classes: int) -> None:
    conf = {"model_opts": {"C": 0.5, "max_iter": 300}}
    data = table(classes)
    played = await play(local_baseline, conf, {G: {"train_data": data}, H: {}})
    plain = LogisticRegression(C=0.5, max_iter=300).fit(X, data.label)
    made = played[G].data[0]
    chances = plain.predict_proba(X)
    expected = chances[:, 1] if classes == 2 else chances.max(axis=1)
    np.testing.assert_allclose(made.numbers("predict_score"), expected, atol=1e-5)
    np.testing.assert_array_equal(made.numbers("predict_result"), plain.predict(X))
    assert set(made.frame.column("type").to_pylist()) == {"train"}
    assert played[H].data == ()
    assert played.ledger == []
    assert played[G].model.param["needOneVsRest"] is (classes > 2)


async def test_an_argument_of_an_earlier_scikit_learn_is_taken_where_it_says_nothing_new(
    play: Any,
) -> None:
    made = [
        (await play(local_baseline, {"model_opts": options}, {G: {"train_data": table(2)}}))[G]
        for options in ({}, {"multi_class": "auto"})
    ]
    assert made[0].model.param == made[1].model.param
    with pytest.raises(InvalidParameters, match="multi_class"):
        conf = {"model_opts": {"multi_class": "ovr"}}
        await play(local_baseline, conf, {G: {"train_data": table(2)}})


async def test_the_model_predicts_other_rows(play: Any) -> None:
    first = (await play(local_baseline, {}, {G: {"train_data": table(2)}}))[G]
    later = {"test_data": table(2, slice(10, 20)), "model": first.model}
    made = (await play(local_baseline, {}, {G: later}))[G].data[0]
    scores = first.data[0].numbers("predict_score")[10:20]
    np.testing.assert_array_equal(made.numbers("predict_score"), scores)
    assert first.summary["coef"].keys() == {"a", "b", "c"}
    both = {"train_data": table(2), "test_data": table(2, slice(10, 20))}
    made = (await play(local_baseline, {}, {G: both}))[G].data[0]
    assert made.frame.column("type").to_pylist() == ["train"] * 80 + ["predict"] * 10


async def test_without_scikit_learn_it_says_what_to_install(
    play: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.linear_model", None)
    with pytest.raises(LibraryMissing, match=r"pip install 'tripact\[baseline\]'"):
        await play(local_baseline, {}, {G: {"train_data": table(2)}})


async def test_options_that_scikit_learn_does_not_take_are_named(play: Any) -> None:
    conf = {"model_opts": {"max_itr": 3, "depth": 1}}
    with pytest.raises(InvalidParameters) as refusal:
        await play(local_baseline, conf, {G: {"train_data": table(2)}})
    assert {p.path for p in refusal.value.problems} == {"model_opts.max_itr", "model_opts.depth"}
    assert "did you mean 'max_iter'" in refusal.value.problems[0].message
    with pytest.raises(InvalidParameters, match="refused by scikit-learn"):
        await play(local_baseline, {"model_opts": {"C": -1}}, {G: {"train_data": table(2)}})
    with pytest.raises(DataProblem, match="needs train_data"):
        await play(local_baseline, {}, {G: {}})


def test_wrong_parameters_are_named() -> None:
    with pytest.raises(InvalidParameters) as refusal:
        LocalBaselineParams.parse({"model_name": "SVM", "predict_param": {"threshold": 2}})
    assert {p.path for p in refusal.value.problems} == {"model_name", "predict_param.threshold"}
