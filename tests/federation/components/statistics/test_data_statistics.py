"""DataStatistics against numpy and scipy."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

from federation.components.common.columns import NoSuchColumn
from federation.components.statistics.data_statistics import StatisticsParams, data_statistics
from federation.errors import InvalidParameters
from federation.spec.party import GUEST, Party
from federation.tables import Table

G = Party(GUEST, "9999")
X = np.random.default_rng(5).gamma(2.0, 3.0, (41, 2))


def table(features: np.ndarray[Any, Any] = X) -> Table:
    return Table.instances([f"r{i}" for i in range(len(features))], features, ("a", "b"))


async def ran(play: Any, conf: dict[str, Any], data: Table) -> Any:
    return (await play(data_statistics, conf, {G: {"data": data}}))[G]


@pytest.mark.parametrize("bias", [True, False])
async def test_every_statistic_is_numpys_or_scipys(play: Any, bias: bool) -> None:
    found = (await ran(play, {"bias": bias}, table())).summary["b"]
    x = X[:, 1]
    plain = {
        "sum": x.sum(),
        "max": x.max(),
        "min": x.min(),
        "mean": x.mean(),
        "median": np.median(x),
        "stddev": x.std(),
        "variance": x.var(),
        "coefficient_of_variance": x.std() / x.mean(),
        "skewness": stats.skew(x, bias=bias),
        "kurtosis": stats.kurtosis(x, bias=bias),
        "count": 41,
        "missing_count": 0,
        "missing_ratio": 0,
    }
    assert found.keys() == plain.keys()
    for name, value in plain.items():
        assert found[name] == pytest.approx(value), name


async def test_missing_and_abnormal_values_do_not_count(play: Any) -> None:
    features = np.array([[1.0, np.nan], [-999, np.nan], [3, np.nan], [np.nan, np.nan]])
    conf = {"statistics": ["mean", "missing_count", "missing_ratio"], "abnormal_list": [-999]}
    found = (await ran(play, conf, table(features))).summary
    assert found["a"] == {"mean": 2, "missing_count": 2, "missing_ratio": 0.5}
    assert found["b"] == {"mean": 0, "missing_count": 4, "missing_ratio": 1}


async def test_quantiles_are_values_of_the_column(play: Any) -> None:
    conf = {"statistics": ["95%", "0%", "100%", "std"], "column_indexes": [], "column_names": ["a"]}
    fit = await ran(play, conf, table())
    x = np.sort(X[:, 0])
    assert fit.summary == {"a": {"95%": x[38], "0%": x[0], "100%": x[40], "stddev": x.std()}}


async def test_rows_go_through_and_the_model_is_fates(play: Any) -> None:
    fit = await ran(play, {"statistics": "count"}, table())
    assert fit.data[0].frame == table().frame
    assert fit.model.meta == {
        "statistics": ["count"],
        "staticColumns": ["a", "b"],
        "quantileError": 1e-4,
        "needRun": True,
    }
    assert fit.model.param == {
        "selfValues": {
            "results": [{"values": [41, 41], "colNames": ["a", "b"], "valueName": "count"}]
        },
        "hostValues": {},
        "modelName": "statistic",
    }


async def test_a_constant_column_has_no_shape(play: Any) -> None:
    conf = {"statistics": ["skewness", "kurtosis", "coefficient_of_variance"]}
    found = (await ran(play, conf, table(np.zeros((4, 2))))).summary["a"]
    assert set(found.values()) == {0}


async def test_an_absent_column_is_named(play: Any) -> None:
    with pytest.raises(NoSuchColumn, match="zz"):
        await ran(play, {"column_names": ["zz"]}, table())


def test_every_wrong_parameter_is_named() -> None:
    wrong = {"statistics": ["medien"], "quantile_error": 2, "column_index": 1}
    with pytest.raises(InvalidParameters, match="did you mean 'median'") as caught:
        StatisticsParams.parse(wrong)
    paths = {problem.path for problem in caught.value.problems}
    assert paths == {"statistics", "quantile_error", "column_index"}
