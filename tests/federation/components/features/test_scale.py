"""FeatureScale against scikit-learn."""

from typing import Any

import numpy as np
import pytest
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from federation.components.common.columns import NoSuchColumn
from federation.components.features.scale import ScaleParams, feature_scale
from federation.errors import DataProblem, InvalidParameters
from federation.spec.party import GUEST, HOST, Party
from federation.tables import Table

G, H = Party(GUEST, "9999"), Party(HOST, "10000")
X = np.random.default_rng(0).normal(3.0, 2.0, (50, 3))
NAMES = ("x0", "x1", "x2")


def table(features: np.ndarray[Any, Any] = X) -> Table:
    ids = [f"r{i}" for i in range(len(features))]
    return Table.instances(
        ids, features, NAMES, label=np.asarray(np.arange(len(features)) % 2, np.float64)
    )


async def ran(play: Any, conf: dict[str, Any], data: Table, model: Any = None) -> Any:
    return (await play(feature_scale, conf, {G: {"data": data, "model": model}}))[G]


async def test_standard_scale_is_scikit_learns(play: Any) -> None:
    made = (await ran(play, {}, table())).data[0]
    np.testing.assert_allclose(made.features, StandardScaler().fit_transform(X), atol=1e-12)
    np.testing.assert_array_equal(made.label, table().label)


@pytest.mark.parametrize(("mean", "std"), [(True, False), (False, True), (False, False)])
async def test_mean_and_deviation_can_be_left_out(play: Any, mean: bool, std: bool) -> None:
    made = (await ran(play, {"with_mean": mean, "with_std": std}, table())).data[0]
    plain = (X - (X.mean(0) if mean else 0)) / (X.std(0) if std else 1)
    np.testing.assert_allclose(made.features, plain, atol=1e-12)


async def test_min_max_scale_is_scikit_learns_and_cuts_later_rows(play: Any) -> None:
    fit = await ran(play, {"method": "min_max_scale"}, table())
    np.testing.assert_allclose(fit.data[0].features, MinMaxScaler().fit_transform(X), atol=1e-12)
    later = (await ran(play, {}, table(X + 100.0), fit.model)).data[0]
    np.testing.assert_array_equal(later.features, np.ones_like(X))


async def test_bounds_in_mode_cap_are_quantiles(play: Any) -> None:
    data = table(np.arange(300.0).reshape(100, 3))
    conf = {"method": "min_max_scale", "mode": "cap", "feat_upper": 0.9, "feat_lower": [0.1] * 3}
    fit = await ran(play, conf, data)
    assert fit.summary["x0"] == {"column_upper": 267, "column_lower": 27, "mean": 0, "std": 1}
    assert fit.data[0].features.min() == 0
    assert fit.data[0].features.max() == 1


async def test_bounds_are_drawn_in_to_given_values(play: Any) -> None:
    fit = await ran(play, {"feat_upper": 4.0, "feat_lower": -100}, table())
    cut = np.minimum(X, 4.0)
    np.testing.assert_allclose(fit.data[0].features, StandardScaler().fit_transform(cut), atol=1e-9)


async def test_a_constant_column_becomes_zero_and_a_missing_value_stays(play: Any) -> None:
    features = np.array([[0.1, 1, np.nan], [0.1, np.nan, np.nan], [0.1, 3, np.nan]])
    for method in ("standard_scale", "min_max_scale"):
        made = (await ran(play, {"method": method}, table(features))).data[0].features
        np.testing.assert_allclose(made[:, 0], [0, 0, 0], atol=1e-15)
        np.testing.assert_array_equal(np.isnan(made), np.isnan(features))


async def test_only_named_columns_are_scaled_and_the_model_is_fates(play: Any) -> None:
    conf = {"scale_col_indexes": [2], "scale_names": ["x0"]}
    played = await play(feature_scale, conf, {G: {"data": table()}, H: {"data": table()}})
    fit = played[G]
    np.testing.assert_array_equal(fit.data[0].features[:, 1], X[:, 1])
    assert fit.model.meta == {
        "method": "standard_scale",
        "mode": "normal",
        "area": "",
        "scaleColumn": ["x0", "x2"],
        "featUpper": [],
        "featLower": [],
        "withMean": True,
        "withStd": True,
        "needRun": True,
    }
    assert fit.model.param["header"] == ["x0", "x1", "x2"]
    assert set(fit.model.param["colScaleParam"]["x0"]) == {
        "columnUpper",
        "columnLower",
        "mean",
        "std",
    }
    assert played.reports[G].types["train", "scale"] == "SCALE"
    assert played.ledger == []


async def test_no_method_changes_nothing(play: Any) -> None:
    assert (await ran(play, {"method": None}, table())).data[0].frame == table().frame


async def test_an_absent_column_and_a_wrong_number_of_bounds_are_named(play: Any) -> None:
    with pytest.raises(NoSuchColumn, match="7, nope"):
        await ran(play, {"scale_col_indexes": [0, 7], "scale_names": ["nope"]}, table())
    with pytest.raises(InvalidParameters, match="feat_upper: has 2 values for 3 columns"):
        await ran(play, {"feat_upper": [1, 2]}, table())
    with pytest.raises(DataProblem, match="no table is bound"):
        await play(feature_scale, {}, {G: {}})


def test_every_wrong_parameter_is_named() -> None:
    wrong = {"method": "std", "mode": "cap", "feat_upper": 2, "scale_col_indexes": [-2], "q": 1}
    with pytest.raises(InvalidParameters) as caught:
        ScaleParams.parse(wrong)
    paths = {problem.path for problem in caught.value.problems}
    assert paths == {"method", "feat_upper", "scale_col_indexes.0", "q"}
    with pytest.raises(InvalidParameters, match="feat_lower: is above feat_upper"):
        ScaleParams.parse({"feat_upper": 1, "feat_lower": 2})
    assert ScaleParams.parse({"area": "all", "mode": None}).mode == "normal"


def test_the_first_fate_versions_name_columns_by_scale_column_idx() -> None:
    assert ScaleParams.parse({"scale_column_idx": [1], "area": "col"}).scale_col_indexes == [1]
