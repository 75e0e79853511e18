"""FederatedSample: how many rows are drawn, and that hosts draw the same."""

from typing import Any

import numpy as np
import pytest

from federation.components.features.sample_weight import sample_weight
from federation.components.tables.following import IdsNotHere
from federation.components.tables.sample import SampleParams, federated_sample
from federation.errors import DataProblem, DuplicateIds, InvalidParameters
from federation.spec.party import GUEST, HOST, Party
from federation.tables import Table

G, H = Party(GUEST, "9999"), Party(HOST, "10000")
N = 60
Y = np.asarray(np.arange(N) % 3, np.float64)


def table(label: bool = True, order: int = 1) -> Table:
    ids = [f"r{i:02d}" for i in range(N)][::order]
    features = np.arange(float(N))[::order, None]
    return Table.instances(ids, features, ["x"], label=Y[::order] if label else None)


async def drawn(play: Any, conf: dict[str, Any], guest: Table | None = None) -> Any:
    seats = {G: {"data": guest or table()}, H: {"data": table(False, -1)}}
    return await play(federated_sample, conf, seats)


async def test_hosts_follow_a_downsample_by_ids(play: Any) -> None:
    played = await drawn(play, {"fractions": 0.25, "random_state": 1})
    mine, theirs = played[G].data[0], played[H].data[0]
    ids = mine.ids.to_pylist()
    assert len(set(ids)) == 15
    assert theirs.ids.to_pylist() == ids == sorted(ids)
    assert played.reports[G].metrics["sample_count", "random"] == [("count", 15)]
    assert {row.tag for row in played.ledger if row.sender == str(G)} == {"rows"}
    assert [row for row in played.ledger if row.sender == str(H)] == []


async def test_an_upsample_may_repeat_rows_and_numbers_them_anew(play: Any) -> None:
    played = await drawn(play, {"method": "upsample", "fractions": 2.0, "random_state": 1})
    mine, theirs = played[G].data[0], played[H].data[0]
    assert mine.ids.to_pylist() == theirs.ids.to_pylist() == [str(i) for i in range(120)]
    np.testing.assert_array_equal(mine.features, theirs.features)


async def test_each_class_has_its_own_fraction(play: Any) -> None:
    conf = {"mode": "stratified", "fractions": [[0, 0.5], ["1", 1.0]]}
    played = await drawn(play, conf)
    labels, counts = np.unique(played[G].data[0].label, return_counts=True)
    assert dict(zip(labels.tolist(), counts.tolist(), strict=True)) == {0: 10, 1: 20}
    assert played.reports[G].metrics["sample_count", "stratified"] == [("0", 10), ("1", 20)]


async def test_weights_say_how_often_a_row_is_there(play: Any) -> None:
    conf = {"class_weight": {"0": 2.2, "1": 0, "2": 1}}
    weighed = (await play(sample_weight, conf, {G: {"data": table()}}))[G].data[0]
    made = (await drawn(play, {"mode": "exact_by_weight"}, weighed))[G].data[0]
    assert np.bincount(made.label.astype(int)).tolist() == [40, 0, 20]


async def test_homogeneous_parties_draw_alone(play: Any) -> None:
    played = await drawn(play, {"task_type": "homo"})
    assert played.ledger == []
    assert played[H].data[0].rows == 30


async def test_what_can_not_be_drawn_is_refused(play: Any) -> None:
    with pytest.raises(DataProblem, match="no row is drawn"):
        await drawn(play, {"fractions": 1e-6, "task_type": "homo"})
    with pytest.raises(DataProblem, match="labels no row has: 9"):
        conf = {"mode": "stratified", "fractions": [[9, 0.5]], "task_type": "homo"}
        await play(federated_sample, conf, {G: {"data": table()}})
    with pytest.raises(DataProblem, match="put a SampleWeight"):
        await play(federated_sample, {"mode": "exact_by_weight"}, {G: {"data": table()}})


async def test_a_host_must_have_each_row_once(play: Any) -> None:
    for rows, refusal in (([0, 1], IdsNotHere), ([0, 0, 1], DuplicateIds)):
        seats = {G: {"data": table()}, H: {"data": table(False).take(rows)}}
        with pytest.raises(refusal):
            await play(federated_sample, {"fractions": 1.0}, seats)


def test_every_wrong_parameter_is_named() -> None:
    wrong = {"mode": "any", "method": "up", "task_type": "x", "random_state": -1, "fraction": 1}
    with pytest.raises(InvalidParameters) as caught:
        SampleParams.parse(wrong)
    paths = {problem.path for problem in caught.value.problems}
    assert paths == {"mode", "method", "task_type", "random_state", "fraction"}
    for conf in ({"fractions": 1.5}, {"fractions": 0}, {"fractions": [[0, 0.5]]}):
        with pytest.raises(InvalidParameters, match="fractions"):
            SampleParams.parse(conf)
