"""Union of tables of one party."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from federation.components.tables.union import TablesDiffer, UnionParams, union
from federation.errors import DataProblem, InvalidParameters
from federation.spec.party import GUEST, Party
from federation.tables import Schema, Table

G = Party(GUEST, "9999")


def table(ids: str, names: str, source: str, value: float = 0.0) -> Table:
    features = np.full((len(ids), len(names)), value)
    return Table.instances(list(ids), features, list(names)).named(source)


async def ran(play: Any, conf: dict[str, Any], *tables: Table) -> Any:
    return await play(union, conf, {G: {"data": tables}})


async def test_the_first_row_of_an_id_is_kept(play: Any) -> None:
    played = await ran(play, {}, table("cab", "x", "one", 1), table("bd", "x", "two", 2))
    made = played[G].data[0]
    assert made.frame.to_pydict() == {"id": ["c", "a", "b", "d"], "x": [1, 1, 1, 2]}
    assert played.reports[G].metrics["train", "union"] == [("count", 4)]
    assert played[G].summary == {"count": 4}
    assert played.ledger == []


async def test_kept_duplicates_have_their_inputs_name(play: Any) -> None:
    conf = {"keep_duplicate": True}
    made = (await ran(play, conf, table("a", "x", "one"), table("a", "x", "two")))[G].data[0]
    assert made.ids.to_pylist() == ["a_one", "a_two"]


async def test_columns_may_stand_in_another_order(play: Any) -> None:
    made = (await ran(play, {}, table("a", "xy", "one"), table("b", "yx", "two")))[G].data[0]
    assert made.schema.columns == ("x", "y")
    assert made.rows == 2


async def test_other_columns_need_allow_missing(play: Any) -> None:
    tables = (table("a", "xy", "one", 1), table("b", "xz", "two", 2))
    with pytest.raises(TablesDiffer, match=r"one and two .* y, z; set allow_missing"):
        await ran(play, {}, *tables)
    made = (await ran(play, {"allow_missing": True}, *tables))[G].data[0]
    np.testing.assert_array_equal(made.features, [[1, 1, np.nan], [2, np.nan, 2]])


async def test_tables_of_different_labels_are_not_united(play: Any) -> None:
    labelled = Table.instances(["a"], np.ones((1, 1)), ["x"], label=np.ones(1))
    with pytest.raises(TablesDiffer, match="kind of rows, label"):
        await ran(play, {"allow_missing": True}, labelled, table("b", "x", "two"))


async def test_an_empty_table_counts_for_nothing(play: Any) -> None:
    made = (await ran(play, {}, table("", "q", "one"), table("b", "x", "two")))[G].data[0]
    assert made.schema.columns == ("x",)
    with pytest.raises(DataProblem, match="no table is bound"):
        await ran(play, {})


async def test_rows_as_uploaded_are_united_under_the_first_id_name(play: Any) -> None:
    one = Table(Schema("id", ("x",)), pa.table({"id": ["a"], "x": ["1"]}))
    two = Table(Schema("uid", ("x",)), pa.table({"uid": ["b"], "x": ["2"]}))
    made = (await ran(play, {}, one, two))[G].data[0]
    assert made.frame.to_pydict() == {"id": ["a", "b"], "x": ["1", "2"]}


def test_every_wrong_parameter_is_named() -> None:
    with pytest.raises(InvalidParameters) as caught:
        UnionParams.parse({"allow_missing": "perhaps", "keep_duplicates": True})
    paths = {problem.path for problem in caught.value.problems}
    assert paths == {"allow_missing", "keep_duplicates"}
