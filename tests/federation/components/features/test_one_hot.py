"""OneHotEncoder against scikit-learn."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.preprocessing import OneHotEncoder

from federation.components.features import one_hot
from federation.components.features.one_hot import OneHotEncoderParams, one_hot_encoder
from federation.errors import DataProblem, InvalidParameters
from federation.spec.party import GUEST, Party
from federation.tables import Schema, Table, TableKind

G = Party(GUEST, "9999")
X = np.array([[3.0, 0.5], [1.0, 2.0], [10.0, 0.5], [1.0, -4.0]])


def table(features: np.ndarray[Any, Any] = X, names: tuple[str, ...] = ("a", "b")) -> Table:
    return Table.instances([f"r{i}" for i in range(len(features))], features, names)


async def ran(play: Any, conf: dict[str, Any], data: Table, model: Any = None) -> Any:
    return (await play(one_hot_encoder, conf, {G: {"data": data, "model": model}}))[G]


async def test_the_columns_are_scikit_learns_with_the_values_in_their_names(play: Any) -> None:
    made = (await ran(play, {}, table())).data[0]
    plain = OneHotEncoder(sparse_output=False).fit_transform(X)
    np.testing.assert_array_equal(made.features, plain)
    assert made.feature_names == ("a_1", "a_3", "a_10", "b_-4", "b_0.5", "b_2")


async def test_only_named_columns_are_encoded_in_their_place(play: Any) -> None:
    fit = await ran(play, {"transform_col_indexes": [], "transform_col_names": ["a"]}, table())
    assert fit.data[0].feature_names == ("a_1", "a_3", "a_10", "b")
    assert fit.model.param == {
        "colMap": {"a": {"values": ["1", "3", "10"], "transformedHeaders": ["a_1", "a_3", "a_10"]}},
        "resultHeader": ["a_1", "a_3", "a_10", "b"],
    }
    assert fit.model.meta == {
        "transformColNames": ["a"],
        "header": ["a", "b"],
        "needRun": True,
    }


async def test_unseen_and_missing_values_are_zero_everywhere(play: Any) -> None:
    model = (await ran(play, {}, table())).model
    later = (await ran(play, {}, table(np.array([[4.0, np.nan]])), model)).data[0]
    np.testing.assert_array_equal(later.features, np.zeros((1, 6)))


async def test_texts_are_encoded_too(play: Any) -> None:
    schema = Schema("id", ("c",), TableKind.INSTANCES)
    data = Table(schema, pa.table({"id": ["1", "2", "3"], "c": ["red", None, "blue"]}))
    made = (await ran(play, {}, data)).data[0]
    assert made.feature_names == ("c_blue", "c_red")
    np.testing.assert_array_equal(made.features, [[0, 1], [0, 0], [1, 0]])


async def test_a_column_name_made_twice_is_refused(play: Any) -> None:
    with pytest.raises(DataProblem, match="makes column a_1"):
        await ran(play, {"transform_col_indexes": 1}, table(X[:, ::-1], names=("a_1", "a")))


async def test_a_column_of_numbers_is_refused(play: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_hot, "MOST_VALUES", 2)
    with pytest.raises(DataProblem, match="column a has more than 2"):
        await ran(play, {}, table())


def test_every_wrong_parameter_is_named() -> None:
    with pytest.raises(InvalidParameters) as caught:
        OneHotEncoderParams.parse({"transform_col_indexes": ["x"], "need_runs": True})
    paths = {problem.path for problem in caught.value.problems}
    assert paths == {"transform_col_indexes.0", "need_runs"}


def test_the_first_fate_versions_name_columns_by_cols() -> None:
    assert OneHotEncoderParams.parse({"cols": [0, 2]}).transform_col_indexes == [0, 2]
    assert one_hot_encoder.declare().legacy_fields["cols"]
