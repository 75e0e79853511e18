"""SampleWeight against scikit-learn, and as the linear models see it."""

from typing import Any

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_sample_weight

from federation.components.common.columns import NoSuchColumn
from federation.components.features.sample_weight import SampleWeightParams, sample_weight
from federation.components.linear.rows import rows_of
from federation.errors import DataProblem, InvalidParameters
from federation.spec.party import GUEST, HOST, Party
from federation.tables import Table

G, H = Party(GUEST, "9999"), Party(HOST, "10000")
Y = np.array([0.0, 1, 0, 0, 2])
X = np.array([[1.0, 2], [2, 0], [3, 4], [4, 1], [5, 3]])


def table(label: np.ndarray[Any, Any] | None = Y, features: np.ndarray[Any, Any] = X) -> Table:
    return Table.instances(list("abcde"), features, ("x0", "x1"), label=label)


def weights(made: Table) -> np.ndarray[Any, Any]:
    found = rows_of(made).weight
    assert found is not None
    return found


async def ran(play: Any, conf: dict[str, Any], data: Table, model: Any = None) -> Any:
    return (await play(sample_weight, conf, {G: {"data": data, "model": model}}))[G]


async def test_balanced_weights_are_scikit_learns(play: Any) -> None:
    fit = await ran(play, {"class_weight": "balanced"}, table())
    np.testing.assert_allclose(weights(fit.data[0]), compute_sample_weight("balanced", Y))
    assert rows_of(fit.data[0]).names == ("x0", "x1")
    assert fit.model.param["classWeight"] == {"0": 5 / 9, "1": 5 / 3, "2": 5 / 3}


async def test_the_model_keeps_the_weights_of_the_fit(play: Any) -> None:
    model = (await ran(play, {"class_weight": "balanced"}, table())).model
    later = (await ran(play, {}, table(np.ones(5)), model)).data[0]
    np.testing.assert_allclose(weights(later), np.full(5, 5 / 3))


async def test_a_class_that_is_not_named_counts_one(play: Any) -> None:
    made = (await ran(play, {"class_weight": {"0": 2, "1.0": 3}}, table())).data[0]
    np.testing.assert_array_equal(weights(made), [2, 3, 2, 2, 1])


async def test_a_column_of_weights_is_no_feature_any_more(play: Any) -> None:
    conf = {"sample_weight_name": "x1", "normalize": True}
    made = (await ran(play, conf, table())).data[0]
    np.testing.assert_allclose(weights(made), X[:, 1] / 2.0)
    assert rows_of(made).names == ("x0",)


async def test_hosts_hand_their_rows_through(play: Any) -> None:
    seats = {G: {"data": table()}, H: {"data": table(None)}}
    confs: list[dict[str, Any]] = [{"class_weight": "balanced"}, {"sample_weight_name": "x1"}]
    for conf in confs:
        played = await play(
            sample_weight, conf, seats, confs={H: {"sample_weight_name": "none here"}}
        )
        assert rows_of(played[H].data[0]).weight is None
        assert played.ledger == []


async def test_weights_that_can_not_be_are_refused(play: Any) -> None:
    conf = {"sample_weight_name": "x1"}
    with pytest.raises(DataProblem, match="5 rows have a weight"):
        await ran(play, conf, table(features=-X - 1))
    with pytest.raises(DataProblem, match="the weight 0"):
        await ran(play, conf, table(features=X * 0))
    with pytest.raises(NoSuchColumn, match="'x9'"):
        await ran(play, {"sample_weight_name": "x9"}, table())


def test_every_wrong_parameter_is_named() -> None:
    with pytest.raises(InvalidParameters) as caught:
        SampleWeightParams.parse({"class_weight": "even", "normalise": True})
    paths = {problem.path.partition(".")[0] for problem in caught.value.problems}
    assert paths == {"class_weight", "normalise"}
