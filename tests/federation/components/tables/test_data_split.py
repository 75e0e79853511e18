"""Data split: sizes, proportions, and hosts that follow by ids."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.components.tables.data_split import (
    DataSplitParams,
    SizesDoNotFit,
    hetero_data_split,
    homo_data_split,
)
from federation.components.tables.data_split import _shared as shared
from federation.components.tables.following import IdsNotHere
from federation.errors import DataProblem, InvalidParameters
from federation.spec.party import GUEST, HOST, Party
from federation.tables import Table

G, H, H2 = Party(GUEST, "9999"), Party(HOST, "10000"), Party(HOST, "10001")
N = 101
Y = np.asarray(np.arange(N) % 5 == 0, np.float64)


def table(label: bool = True, order: int = 1) -> Table:
    ids = [f"r{i:03d}" for i in range(N)][::order]
    features = np.arange(float(N))[::order, None]
    return Table.instances(ids, features, ["x"], label=Y[::order] if label else None)


async def played(play: Any, conf: dict[str, Any], module: Any = hetero_data_split) -> Any:
    hosts = {H: {"data": table(False, -1)}, H2: {"data": table(False)}}
    return await play(module, conf, {G: {"data": table()}, **hosts})


def sizes(result: Any) -> list[int]:
    return [part.rows for part in result.data]


async def test_hosts_have_the_same_rows_in_each_part(play: Any) -> None:
    made = await played(play, {"test_size": 0.3, "validate_size": 0.2, "random_state": 3})
    assert sizes(made[G]) == [51, 20, 30]
    for part in range(3):
        ids = made[G].data[part].ids.to_pylist()
        assert made[H].data[part].ids.to_pylist() == made[H2].data[part].ids.to_pylist() == ids
        assert ids == sorted(ids)
    every = [text for part in made[G].data for text in part.ids.to_pylist()]
    assert sorted(every) == table().ids.to_pylist()
    assert {(row.tag, row.sender) for row in made.ledger if row.tag == "parts"} == {
        ("parts", str(G))
    }


async def test_a_host_is_told_ids_and_no_label(play: Any) -> None:
    made = await played(play, {"test_size": 0.5, "stratified": True})
    assert all(part.schema.label is None for part in made[H].data)
    assert "data_split_label_info" not in made[H].summary
    assert [row.tag for row in made.ledger if row.receiver == str(G) and row.tag == "parts"] == []


@pytest.mark.parametrize(
    ("conf", "expected"),
    [
        ({}, [81, 20, 0]),
        ({"train_size": 0.5, "test_size": 0.5}, [51, 0, 50]),
        ({"train_size": 0.5, "validate_size": 0, "test_size": 0.5}, [51, 0, 50]),
        ({"train_size": 0.7}, [71, 0, 30]),
        ({"train_size": 80, "validate_size": 11}, [80, 11, 10]),
        ({"validate_size": 1}, [100, 1, 0]),
        ({"train_size": 0.333, "validate_size": 0.333, "test_size": 0.334}, [34, 33, 34]),
    ],
)
async def test_a_size_left_out_takes_the_rest(
    play: Any, conf: dict[str, Any], expected: list[int]
) -> None:
    result = (await play(homo_data_split, conf, {G: {"data": table()}}))[G]
    assert sizes(result) == expected


async def test_each_class_is_in_each_part_in_proportion(play: Any) -> None:
    conf = {"train_size": 0.6, "test_size": 0.4, "validate_size": 0.0, "stratified": True}
    result = (await play(homo_data_split, conf, {G: {"data": table()}}))[G]
    assert [int(part.label.sum()) for part in result.data] == [13, 0, 8]
    assert result.summary["data_split_label_info"]["train_count"] == {"0": 48, "1": 13}
    assert result.summary["data_split_ratio_info"]["train_ratio"] == 0.604


async def test_a_continuous_label_is_split_by_its_bins(play: Any) -> None:
    data = Table.instances(list("abcdefgh"), np.ones((8, 1)), ["x"], label=np.arange(8.0))
    conf = {"train_size": 0.5, "stratified": True, "split_points": [3.5], "random_state": 0}
    result = (await play(homo_data_split, conf, {G: {"data": data}}))[G]
    assert [int((part.label < 4).sum()) for part in result.data] == [2, 0, 2]


async def test_without_shuffle_rows_are_taken_as_they_come(play: Any) -> None:
    conf = {"train_size": 2, "shuffle": False}
    result = (await play(homo_data_split, conf, {G: {"data": table()}}))[G]
    assert result.data[0].ids.to_pylist() == ["r000", "r001"]


async def test_parties_split_homogeneous_rows_without_a_letter(play: Any) -> None:
    made = await play(homo_data_split, {}, {G: {"data": table()}, H: {"data": table()}})
    assert made.ledger == []
    assert sizes(made[H]) == [81, 20, 0]


async def test_a_host_without_the_rows_says_that_they_are_not_there(play: Any) -> None:
    few = table(False).take([1, 2])
    with pytest.raises(IdsNotHere, match="of the ids the guest picked are not"):
        await play(hetero_data_split, {}, {G: {"data": table()}, H: {"data": few}})


async def test_numbers_of_rows_that_do_not_fit_are_refused(play: Any) -> None:
    for conf in ({"train_size": 500}, {"train_size": 1, "validate_size": 1, "test_size": 1}):
        with pytest.raises(SizesDoNotFit):
            await play(homo_data_split, conf, {G: {"data": table()}})
    with pytest.raises(DataProblem, match="no label"):
        await play(homo_data_split, {"stratified": True}, {G: {"data": table(False)}})


@settings(max_examples=50)
@given(st.lists(st.integers(0, 40), min_size=1, max_size=6), st.integers(0, 100))
def test_strata_are_shared_within_a_row_and_sum_up(counts: list[int], percent: int) -> None:
    many = np.array(counts, dtype=np.int64)
    total = round(int(many.sum()) * percent / 100)
    taken = shared(many, total)
    assert taken.sum() == total
    assert np.all(taken >= 0)
    assert np.all(taken <= many)
    assert np.all(np.abs(taken - many * total / max(int(many.sum()), 1)) <= 1)


def test_every_wrong_parameter_is_named() -> None:
    wrong = {"train_size": 1.5, "random_state": "a", "validate_size": -1, "split": 1}
    with pytest.raises(InvalidParameters) as caught:
        DataSplitParams.parse(wrong)
    paths = {problem.path.partition(".")[0] for problem in caught.value.problems}
    assert paths == {"train_size", "random_state", "validate_size", "split"}
    for sizes_ in (
        {"train_size": 0.9, "test_size": 0.2, "validate_size": 0.1},
        {"train_size": 0.5, "validate_size": 10},
    ):
        with pytest.raises(InvalidParameters, match="validate_size"):
            DataSplitParams.parse(sizes_)
