"""DataTransform of svmlight rows and of tags."""

import io
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.datasets import load_svmlight_file

from federation.components.features import items
from federation.components.features.data_transform import data_io, data_transform
from federation.components.features.dense import NotNumbers
from federation.components.features.items import MalformedItems
from federation.errors import DataProblem, InvalidParameters
from federation.spec.party import GUEST, Party
from federation.tables import Schema, Table

G = Party(GUEST, "9999")
SVM = {"input_format": "sparse", "with_label": True}
VALUED = {"input_format": "tag", "tag_with_value": True}
LINES = ["1 0:0.5 3:-2e1", "-1 1:4", "0 ", "1 3:7 0:1.25"]


def raw(*rows: str) -> Table:
    frame = pa.table({"id": [f"r{i}" for i in range(len(rows))], "value": list(rows)})
    return Table(Schema("id", ("value",), headed=False), frame)


async def ran(play: Any, conf: dict[str, Any], data: Table, model: Any = None) -> Any:
    return (await play(data_transform, conf, {G: {"data": data, "model": model}}))[G]


async def test_svmlight_rows_are_read_as_scikit_learn_reads_them(play: Any) -> None:
    made = (await ran(play, SVM, raw(*LINES))).data[0]
    text = "\n".join([*LINES[:3], "1 0:1.25 3:7"])
    plain, labels = load_svmlight_file(io.BytesIO(text.encode()), zero_based=True)
    np.testing.assert_array_equal(made.features, plain.toarray())
    np.testing.assert_array_equal(made.label, labels)
    assert made.schema.header == ["id", "y", "x0", "x1", "x2", "x3"]


async def test_any_delimitor_may_stand_between_svmlight_items(play: Any) -> None:
    conf = {"input_format": "sparse", "delimitor": ";"}
    made = (await ran(play, conf, raw("0:1;1:2", " 1:3 "))).data[0]
    np.testing.assert_array_equal(made.features, [[1, 2], [0, 3]])
    assert made.label is None


async def test_later_rows_have_the_features_of_the_fit_and_need_no_label(play: Any) -> None:
    fit = await ran(play, SVM, raw(*LINES))
    later = (await ran(play, {}, raw("1:9 99:1", "0:2"), fit.model)).data[0]
    np.testing.assert_array_equal(later.features, [[0, 9, 0, 0], [2, 0, 0, 0]])
    assert later.label is None
    assert fit.model.param["header"] == ["x0", "x1", "x2", "x3"]
    assert fit.model.meta["inputFormat"] == "sparse"


async def test_tags_become_columns_of_zero_and_one(play: Any) -> None:
    conf = {"input_format": "tag", "with_label": True}
    fit = await ran(play, conf, raw("1,red,tall", "0,tall,blue,tall", "1"))
    made = fit.data[0]
    assert made.feature_names == ("blue", "red", "tall")
    np.testing.assert_array_equal(made.features, [[0, 1, 1], [1, 0, 1], [0, 0, 0]])
    np.testing.assert_array_equal(made.label, [1, 0, 1])
    later = (await ran(play, {}, raw("0,new,red"), fit.model)).data[0]
    np.testing.assert_array_equal(later.features, [[0, 1, 0]])


async def test_tags_with_values_keep_the_number(play: Any) -> None:
    made = (await ran(play, VALUED, raw("b:1.5,a:2", "a:-3"))).data[0]
    assert made.feature_names == ("a", "b")
    np.testing.assert_array_equal(made.features, [[2, 1.5], [-3, 0]])
    other = {**VALUED, "tag_value_delimitor": "=", "delimitor": "|"}
    made = (await ran(play, other, raw("url:x=1|b=2"))).data[0]
    assert made.feature_names == ("b", "url:x")


async def test_a_match_id_stands_first(play: Any) -> None:
    conf = {**SVM, "with_match_id": True}
    made = (await ran(play, conf, raw("m1 1 0:2", "m2 0 0:3"))).data[0]
    assert made.schema.match_id == "match_id"
    assert made.frame["match_id"].to_pylist() == ["m1", "m2"]
    np.testing.assert_array_equal(made.label, [1, 0])
    np.testing.assert_array_equal(made.features, [[2], [3]])


async def test_cells_that_the_upload_cut_are_one_row_again(play: Any) -> None:
    frame = pa.table({"id": ["1", "2"], "a": ["1", "0"], "b": ["red", "blue"]})
    conf = {"input_format": "tag", "with_label": True}
    made = (await ran(play, conf, Table(Schema("id", ("a", "b")), frame))).data[0]
    assert made.feature_names == ("blue", "red")


async def test_data_io_reads_them_too(play: Any) -> None:
    made = (await play(data_io, SVM, {G: {"data": raw(*LINES)}}))[G]
    assert made.model.module == "DataIO"
    assert made.data[0].features.shape == (4, 4)


@pytest.mark.parametrize(
    ("conf", "row"),
    [
        ({"input_format": "sparse"}, "1 0:2"),
        ({"input_format": "sparse"}, "a:2"),
        ({"input_format": "sparse"}, "0:x"),
        (SVM, ""),
        (VALUED, "age"),
        (VALUED, "age:young"),
    ],
)
async def test_rows_of_another_form_are_counted_and_not_shown(
    play: Any, conf: dict[str, Any], row: str
) -> None:
    with pytest.raises(MalformedItems) as refused:
        await ran(play, conf, raw(row))
    assert "young" not in str(refused.value)
    assert refused.value.facts == {"count": 1}


async def test_rows_that_name_nothing_or_too_much_are_refused(
    play: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DataProblem, match="name no features"):
        await ran(play, SVM, raw("1", "0"))
    monkeypatch.setattr(items, "MOST_FEATURES", 3)
    with pytest.raises(DataProblem, match="more than 3 features"):
        await ran(play, SVM, raw(*LINES))
    with pytest.raises(NotNumbers, match="y"):
        await ran(play, SVM, raw("yes 0:1"))
    with pytest.raises(DataProblem, match="a feature is called y"):
        await ran(play, {"input_format": "tag", "with_label": True}, raw("1,y"))


def test_filling_gaps_of_tags_with_values_is_refused() -> None:
    with pytest.raises(InvalidParameters, match="missing_fill: missing_fill of tags with values"):
        data_transform.params.parse({**VALUED, "missing_fill": True})
