"""DataTransform against rows written out by hand."""

from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.components.common.columns import NoSuchColumn
from federation.components.component import Component, Model
from federation.components.features.data_transform import data_io, data_transform
from federation.components.features.dense import NotNumbers, typed
from federation.components.features.params import DataTransformParams
from federation.errors import DataProblem, InvalidParameters
from federation.spec.party import GUEST, Party
from federation.tables import Schema, Table, TableKind
from federation.tables.table import WrongTableKind
from federation.wire.codec import decode, encode

PARTY = Party(GUEST, "9999")
Run = Callable[..., Awaitable[Any]]


def raw(header: str, *rows: str) -> Table:
    names = header.split(",")
    cells = [row.split(",") for row in rows]
    columns = {name: pa.array([row[i] for row in cells]) for i, name in enumerate(names)}
    return Table(Schema(names[0], tuple(names[1:])), pa.table(columns))


@pytest.fixture
def run(play: Any) -> Run:
    async def ran(
        conf: dict[str, Any],
        table: Table | None,
        model: Any = None,
        module: Component = data_transform,
    ) -> Any:
        return (await play(module, conf, {PARTY: {"data": table, "model": model}}))[PARTY]

    return ran


def kept(model: Model | None) -> Model:
    """The model after a journey through the codec, as an agent stores it."""
    assert model is not None
    return Model(
        model.module,
        decode(encode(dict(model.meta))),
        decode(encode(dict(model.param))),
        decode(encode(dict(model.state))),
        model.component,
    )


TABLE = raw("id,y,x0,x1", "a,1,0.5,2", "b,0,-1e3,", "c,1,.25,NULL")


async def test_the_label_comes_first_and_missing_values_are_empty(run: Run) -> None:
    table = (await run({"with_label": True}, TABLE)).data[0]
    assert table.schema.kind is TableKind.INSTANCES
    assert table.schema.header == ["id", "y", "x0", "x1"]
    np.testing.assert_array_equal(table.label, [1, 0, 1])
    np.testing.assert_array_equal(table.features, [[0.5, 2], [-1000, np.nan], [0.25, np.nan]])


async def test_without_a_label_every_column_is_a_feature(run: Run) -> None:
    table = (await run({}, TABLE)).data[0]
    assert table.feature_names == ("y", "x0", "x1")
    assert table.label is None


@pytest.mark.parametrize("name", ["Y", "y", "yes", "YES"])
async def test_the_label_is_found_in_any_case(run: Run, name: str) -> None:
    table = raw(f"id,x0,{'YES' if name.lower() == 'yes' else 'y'}", "a,3,1")
    made = (await run({"with_label": True, "label_name": name}, table)).data[0]
    assert made.feature_names == ("x0",)
    np.testing.assert_array_equal(made.label, [1])


async def test_a_label_that_is_not_there_is_named_with_the_columns_there_are(run: Run) -> None:
    with pytest.raises(NoSuchColumn, match=r"label column 'z'.*y, x0, x1"):
        await run({"with_label": True, "label_name": "z"}, TABLE)


async def test_a_row_without_a_label_stays_and_has_none(run: Run) -> None:
    table = (await run({"with_label": True}, raw("id,y,x0", "a,,1", "b,1,2"))).data[0]
    np.testing.assert_array_equal(table.label, [np.nan, 1])


async def test_what_is_no_number_is_counted_by_column_and_never_shown(run: Run) -> None:
    table = raw("id,x0,x1", "a,secret,1", "b,2,0x1f", "c,hidden,3")
    with pytest.raises(NotNumbers, match=r"x0 \(2 rows\), x1 \(1 rows\)") as refused:
        await run({}, table)
    assert "secret" not in str(refused.value)
    assert refused.value.facts == {"columns": {"x0": 2, "x1": 1}}


@pytest.mark.parametrize(
    ("method", "value"), [("min", -1000.0), ("max", 0.5), ("mean", -499.75), ("designated", 7.0)]
)
async def test_missing_values_are_filled_from_the_rows_of_the_fit(
    run: Run, method: str, value: float
) -> None:
    table = raw("id,x0", "a,0.5", "b,-1000", "c,none")
    conf = {"missing_fill": True, "missing_fill_method": method, "default_value": 7}
    fitted = await run(conf, table)
    assert fitted.data[0].features[2, 0] == value
    later = await run({}, raw("id,x0", "d,", "e,1"), kept(fitted.model))
    np.testing.assert_array_equal(later.data[0].features[:, 0], [value, 1])
    assert fitted.summary is not None
    rates = fitted.summary["missing_fill_info"]["missing_impute_rate"]
    assert rates == {"x0": pytest.approx(1 / 3)}


async def test_without_a_method_the_default_value_is_put_in(run: Run) -> None:
    table = (await run({"missing_fill": True}, TABLE)).data[0]
    assert table.numbers("x1").tolist() == [2, 0, 0]


async def test_only_the_values_named_count_as_missing(run: Run) -> None:
    conf = {"missing_fill": True, "missing_impute": [-9999, "?"], "default_value": 5}
    table = (await run(conf, raw("id,x0", "a,-9999", "b,?", "c,", "d,1"))).data[0]
    assert table.numbers("x0").tolist() == [5, 5, 5, 1]
    with pytest.raises(NotNumbers):
        await run(conf, raw("id,x0", "a,null"))


async def test_outliers_are_replaced_and_do_not_count_in_the_mean(run: Run) -> None:
    conf = {"outlier_replace": True, "outlier_replace_method": "mean", "outlier_impute": ["99"]}
    result = await run(conf, raw("id,x0", "a,1", "b,99", "c,3", "d,"))
    np.testing.assert_array_equal(result.data[0].numbers("x0"), [1, 2, 3, np.nan])
    assert result.summary == {
        "outlier_replace_rate": {"x0": 0.25},
        "outlier_replace_value": {"x0": "2.0"},
    }


async def test_a_column_without_a_value_has_no_mean(run: Run) -> None:
    with pytest.raises(DataProblem, match="column x0 has no value to take the mean of"):
        await run({"missing_fill": True, "missing_fill_method": "mean"}, raw("id,x0", "a,", "b,"))


async def test_one_default_for_each_column_fills_each(run: Run) -> None:
    conf = {"missing_fill": True, "default_value": [4, 5]}
    table = (await run(conf, raw("id,x0,x1", "a,,"))).data[0]
    assert table.features.tolist() == [[4, 5]]
    with pytest.raises(DataProblem, match="2 replacement values are given for 1 columns"):
        await run(conf, raw("id,x0", "a,"))


async def test_a_later_table_is_put_in_the_order_of_the_fit(run: Run) -> None:
    fitted = await run({"with_label": True}, TABLE)
    later = raw("sid,extra,X1,x1,y,x0", "a,text,0,2,1,3")
    table = (await run({"with_label": True}, later, kept(fitted.model))).data[0]
    assert table.schema.header == ["sid", "y", "x0", "x1"]
    assert table.features.tolist() == [[3, 2]]


async def test_a_later_table_may_lack_the_label_but_no_feature(run: Run) -> None:
    fitted = await run({"with_label": True}, TABLE)
    table = (await run({}, raw("id,x0,x1", "a,1,2"), kept(fitted.model))).data[0]
    assert table.label is None
    with pytest.raises(NoSuchColumn, match="has no column x1"):
        await run({}, raw("id,y,x0", "a,1,2"), kept(fitted.model))


async def test_a_column_of_text_stays_text(run: Run) -> None:
    table = (await run({"exclusive_data_type": {"x0": "str"}}, raw("id,x0,x1", "a,red,1"))).data[0]
    assert table.frame["x0"].to_pylist() == ["red"]


async def test_whole_numbers_are_asked_for_and_checked(run: Run) -> None:
    table = (await run({"data_type": "int"}, raw("id,x0", "a,3", "b,"))).data[0]
    assert table.frame["x0"].to_pylist() == [3, None]
    with pytest.raises(DataProblem, match="x0 is to hold whole numbers and has others in 1 rows"):
        await run({"data_type": "int"}, raw("id,x0", "a,3", "b,0.5"))


async def test_values_in_one_column_are_cut_by_the_delimiter(run: Run) -> None:
    frame = pa.table({"id": ["a", "b"], "y;x0;x1": ["1;2;3", "0;;5"]})
    table = Table(Schema("id", ("y;x0;x1",)), frame)
    made = (await run({"with_label": True, "delimitor": ";"}, table)).data[0]
    np.testing.assert_array_equal(made.features, [[2, 3], [np.nan, 5]])
    short = Table(Schema("id", ("y;x0",)), pa.table({"id": ["a", "b"], "y;x0": ["1;2", "1"]}))
    with pytest.raises(DataProblem, match="1 rows do not have 2 values"):
        await run({"delimitor": ";"}, short)


async def test_the_match_id_stands_first_and_is_no_feature(run: Run) -> None:
    conf = {"with_match_id": True, "with_label": True}
    table = (await run(conf, raw("sid,phone,y,x0", "0,p7,1,2"))).data[0]
    assert table.schema.match_id == "phone"
    assert table.schema.columns == ("phone", "y", "x0")
    assert table.feature_names == ("x0",)


async def test_the_model_shows_fates_fields(run: Run) -> None:
    model = kept((await run({"with_label": True, "missing_fill": True}, TABLE)).model)
    assert model.param == {
        "header": ["x0", "x1"],
        "sidName": "id",
        "labelName": "y",
        "imputerParam": {
            "missingReplaceValue": {"x0": "0", "x1": "0"},
            "missingValueRatio": {"x0": 0.0, "x1": pytest.approx(2 / 3)},
        },
        "outlierParam": {"outlierReplaceValue": {}, "outlierValueRatio": {}},
        "anonymousHeader": ["guest_9999_x0", "guest_9999_x1"],
    }
    assert model.meta["withLabel"] is True
    assert model.meta["imputerMeta"] == {"isImputer": True, "strategy": "", "missingValue": []}


async def test_data_io_knows_no_match_id_and_reads_the_same_rows(run: Run) -> None:
    old = await run({"with_label": True}, TABLE, module=data_io)
    new = await run({"with_label": True}, TABLE)
    assert old.data[0].frame.equals(new.data[0].frame)
    assert old.model is not None
    assert old.model.module == "DataIO"
    assert "anonymousHeader" not in old.model.param
    with pytest.raises(InvalidParameters, match="with_match_id: is not a parameter"):
        await run({"with_match_id": True}, TABLE, module=data_io)


async def test_a_party_that_is_not_to_run_hands_its_rows_on(run: Run) -> None:
    assert (await run({"need_run": False}, TABLE)).data == (TABLE,)


async def test_all_wrong_parameters_are_told_at_once() -> None:
    wrong = {"missing_fill_method": "median", "label_type": "bool", "delimiter": ";"}
    with pytest.raises(InvalidParameters) as refused:
        data_transform.params.parse({**wrong, "exclusive_data_type": {"x0": "date"}})
    told = {problem.path: problem.message for problem in refused.value.problems}
    assert set(told) == {
        "missing_fill_method",
        "label_type",
        "delimiter",
        "exclusive_data_type.x0",
    }
    assert told["delimiter"] == "is not a parameter; did you mean 'delimitor'?"


async def test_null_means_the_default_as_in_fates_confs() -> None:
    p = DataTransformParams.parse({"label_type": None, "missing_impute": None, "delimitor": None})
    assert (p.label_type, p.missing_impute, p.delimitor) == ("int", None, ",")


async def test_a_table_without_rows_and_no_table_are_problems(run: Run) -> None:
    with pytest.raises(DataProblem, match="a header and no rows"):
        await run({}, raw("id,x0"))
    with pytest.raises(DataProblem, match="no table is bound"):
        await run({}, None)


async def test_instances_are_not_read_a_second_time(run: Run) -> None:
    table = (await run({}, TABLE)).data[0]
    with pytest.raises(WrongTableKind):
        await run({}, table)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_every_number_python_writes_is_read_back(numbers: list[float]) -> None:
    column = pa.chunked_array([pa.array([repr(number) for number in numbers])])
    assert typed({"x": column}, {"x": "float64"})["x"].to_pylist() == numbers
