"""FeatureImputation against scikit-learn."""

from typing import Any

import numpy as np
import pytest
from sklearn.impute import SimpleImputer

from federation.components.common.columns import NoSuchColumn
from federation.components.features.imputation import FeatureImputationParams, feature_imputation
from federation.errors import DataProblem, InvalidParameters
from federation.spec.party import GUEST, Party
from federation.tables import Table

G = Party(GUEST, "9999")
GAP = np.nan
X = np.array([[1.0, GAP, -1.0], [GAP, 4.0, -1.0], [5.0, 8.0, GAP], [6.0, GAP, 2.0]])


def table(features: np.ndarray[Any, Any] = X) -> Table:
    return Table.instances([f"r{i}" for i in range(len(features))], features, ("a", "b", "c"))


async def ran(play: Any, conf: dict[str, Any], data: Table, model: Any = None) -> Any:
    return (await play(feature_imputation, conf, {G: {"data": data, "model": model}}))[G]


async def test_means_are_scikit_learns_and_kept_for_later_rows(play: Any) -> None:
    fit = await ran(play, {"missing_fill_method": "mean"}, table())
    np.testing.assert_allclose(fit.data[0].features, SimpleImputer().fit_transform(X))
    later = await ran(play, {}, table(np.full((1, 3), GAP)), fit.model)
    np.testing.assert_allclose(later.data[0].features, [[4.0, 6.0, 0.0]])


async def test_without_a_method_the_designated_value_is_put(play: Any) -> None:
    made = (await ran(play, {"default_value": 7}, table())).data[0].features
    np.testing.assert_array_equal(made, np.where(np.isnan(X), 7, X))


async def test_columns_have_their_own_methods_and_others_are_skipped(play: Any) -> None:
    conf = {"col_missing_fill_method": {"a": "max", "c": "min"}}
    fit = await ran(play, conf, table())
    made = fit.data[0].features
    assert made[1, 0] == 6
    assert made[2, 2] == -1
    assert np.isnan(made[0, 1])
    assert fit.summary == {
        "missing_impute_value": {"a": "6.0", "c": "-1.0"},
        "missing_impute_rate": {"a": 0.25, "c": 0.25},
        "missing_value": [],
        "skip_cols": ["b"],
    }
    assert fit.model.param["imputerParam"]["colsReplaceMethod"] == {"a": "max", "c": "min"}
    assert fit.model.meta["imputerMeta"]["colsStrategy"] == {"a": "max", "c": "min"}


async def test_listed_values_are_missing_too(play: Any) -> None:
    conf = {"missing_fill_method": "max", "missing_impute": [-1, "8.0"]}
    made = (await ran(play, conf, table())).data[0].features
    np.testing.assert_array_equal(made[:, 1], [4, 4, 4, 4])
    np.testing.assert_array_equal(made[:, 2], [2, 2, 2, 2])


async def test_a_column_without_values_has_no_mean(play: Any) -> None:
    with pytest.raises(DataProblem, match="column b has no value"):
        await ran(play, {"missing_fill_method": "mean"}, table(np.array([[1.0, GAP, 1.0]])))


async def test_a_method_for_an_absent_column_is_refused(play: Any) -> None:
    with pytest.raises(NoSuchColumn, match="nope"):
        await ran(play, {"col_missing_fill_method": {"nope": "max"}}, table())


def test_every_wrong_parameter_is_named() -> None:
    wrong = {
        "missing_fill_method": "mode",
        "col_missing_fill_method": {"a": "x"},
        "defaultvalue": 1,
    }
    with pytest.raises(InvalidParameters) as caught:
        FeatureImputationParams.parse(wrong)
    paths = {problem.path for problem in caught.value.problems}
    assert paths == {"missing_fill_method", "col_missing_fill_method.a", "defaultvalue"}
