"""HomoOneHotEncoder: what OneHotEncoder gives for the pooled rows of all parties."""

from typing import Any

import numpy as np
import pytest

from federation.components.features.homo_one_hot import (
    ColumnsDiffer,
    HomoOneHotParams,
    homo_one_hot_encoder,
)
from federation.components.features.one_hot import one_hot_encoder
from federation.errors import InvalidParameters
from federation.spec.party import ARBITER, GUEST, HOST, Party
from federation.tables import Table

G, H, H2 = Party(GUEST, "9999"), Party(HOST, "10000"), Party(HOST, "10001")
A = Party(ARBITER, "10002")
ROWS = {
    G: np.array([[1.0, 0.5, 7.0], [10.0, np.nan, 8.0]]),
    H: np.array([[2.0, 0.5, 9.0]]),
    H2: np.array([[1.0, 1.5, 9.5], [2.0, -1.0, 9.5], [3.0, 0.5, 9.5]]),
}
NAMES = ("a", "b", "c")
CONF = {"transform_col_indexes": [0], "transform_col_names": ["b"]}


def table(rows: Any, start: int = 0, names: tuple[str, ...] = NAMES) -> Table:
    return Table.instances([f"r{start + i}" for i in range(len(rows))], rows, names)


def ports() -> dict[Party, dict[str, Any]]:
    return {**{party: {"data": table(rows)} for party, rows in ROWS.items()}, A: {}}


async def test_columns_are_those_of_pooled_rows_at_every_party(play: Any) -> None:
    played = await play(homo_one_hot_encoder, CONF, ports())
    pooled = np.vstack(list(ROWS.values()))
    plain = (await play(one_hot_encoder, CONF, {G: {"data": table(pooled)}}))[G].data[0]
    assert plain.feature_names[:4] == ("a_1", "a_2", "a_3", "a_10")
    at = 0
    for party, rows in ROWS.items():
        made = played[party].data[0]
        assert made.feature_names == plain.feature_names
        np.testing.assert_array_equal(made.features, plain.features[at : at + len(rows)])
        at += len(rows)


async def test_values_go_to_the_arbiter_and_nothing_else_goes_anywhere(play: Any) -> None:
    played = await play(homo_one_hot_encoder, CONF, ports())
    sent = {(row.sender, row.receiver, row.tag) for row in played.ledger}
    assert sent == {(str(one), str(A), "values") for one in (G, H, H2)} | {
        (str(A), str(one), "union") for one in (G, H, H2)
    }


async def test_without_alignment_each_party_encodes_its_own_values(play: Any) -> None:
    played = await play(homo_one_hot_encoder, {**CONF, "need_alignment": False}, ports())
    assert played.ledger == []
    assert played[H].data[0].feature_names == ("a_2", "b_0.5", "c")


async def test_the_model_encodes_later_rows_and_unseen_values_are_zero(play: Any) -> None:
    first = await play(homo_one_hot_encoder, CONF, ports())
    seats: dict[Party, dict[str, Any]] = {
        party: {"data": table(np.array([[99.0, 1.5, 0.0]])), "model": first[party].model}
        for party in ROWS
    }
    later = await play(homo_one_hot_encoder, CONF, seats)
    assert later.ledger == []
    assert later[H].data[0].features.tolist() == [[0, 0, 0, 0, 0, 0, 1, 0]]
    param = first[H].model.param
    assert param["colMap"]["a"]["values"] == ["1", "2", "3", "10"]


async def test_parties_with_other_columns_are_refused(play: Any) -> None:
    seats = ports()
    seats[H] = {"data": table(ROWS[H], names=("a", "b2", "c"))}
    with pytest.raises(ColumnsDiffer, match="same columns"):
        await play(homo_one_hot_encoder, {}, seats)


def test_wrong_parameters_are_named() -> None:
    with pytest.raises(InvalidParameters) as refusal:
        HomoOneHotParams.parse({"need_alignment": 3, "align": True})
    assert {problem.path for problem in refusal.value.problems} == {"need_alignment", "align"}
