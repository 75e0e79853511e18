"""HeteroPearson: numpy's correlations of pooled columns, and statistics' textbook VIF."""

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from federation.channel import Channel
from federation.components.common.row_order import IdsDiffer
from federation.components.common.unfit import UnfitLetter
from federation.components.statistics.correlations import MOST_VIF, variance_inflation
from federation.components.statistics.pearson import (
    PearsonParams,
    Products,
    hetero_pearson,
    lanes_of,
)
from federation.crypto import generate_keypair
from federation.errors import InvalidParameters, NonFiniteValues
from federation.spec.party import GUEST, HOST, Party
from federation.tables import Table

G, H, H2 = Party(GUEST, "9999"), Party(HOST, "10000"), Party(HOST, "10001")
ROWS = 60
DRAW = np.random.default_rng(7)
BASE = DRAW.normal(size=ROWS)
X = {
    G: np.column_stack([BASE + DRAW.normal(size=ROWS), DRAW.normal(size=ROWS) * 1e6, BASE]),
    H: np.column_stack([BASE * -3 + 100, DRAW.exponential(size=ROWS)]),
    H2: np.column_stack([DRAW.normal(size=ROWS), np.full(ROWS, 5.0), BASE**3]),
}
X[G][0, 1] = 1e9


def table(party: Party) -> Table:
    ids = [f"r{i:02d}" for i in range(ROWS)]
    names = [f"{party.role.value[0]}{i}" for i in range(X[party].shape[1])]
    made = Table.instances(ids, X[party], names)
    return made.take(np.random.default_rng(len(names)).permutation(ROWS))


def ports(*hosts: Party, slot: str = "data") -> dict[Party, dict[str, Any]]:
    return {party: {slot: table(party)} for party in (G, *hosts)}


async def test_correlations_between_parties_are_those_of_pooled_columns(play: Any) -> None:
    played = await play(hetero_pearson, {}, ports(H, H2))
    pooled = np.corrcoef(np.hstack([X[G], X[H], X[H2][:, [0, 2]]]).T)
    plain = np.insert(pooled[:3, 3:], 3, 0.0, axis=1)
    summary = played[G].summary
    assert (summary["num_local_features"], summary["num_remote_features"]) == (3, 5)
    np.testing.assert_allclose(summary["corr"], plain, atol=1e-7)
    np.testing.assert_allclose(summary["local_corr"], np.corrcoef(X[G].T), atol=1e-12)
    np.testing.assert_allclose(played[H].summary["corr"], plain[:, :2], atol=1e-7)
    np.testing.assert_allclose(played[H2].summary["corr"], plain[:, 2:], atol=1e-7)
    assert played[H2].summary["local_corr"][1] == [0.0, 0.0, 0.0]


async def test_vif_is_what_a_regression_on_the_other_columns_leaves(play: Any) -> None:
    found = (await play(hetero_pearson, {"cross_parties": False}, ports(H)))[G]
    x, plain = X[G] / X[G].std(axis=0), []
    for column in range(3):
        others = np.delete(x, column, axis=1)
        explained = LinearRegression().fit(others, x[:, column]).score(others, x[:, column])
        plain.append(1 / (1 - explained))
    np.testing.assert_allclose(list(found.summary["vif"].values()), plain, rtol=1e-9)


def test_a_column_that_follows_from_others_has_the_most_vif_and_a_constant_none() -> None:
    a, b = DRAW.normal(size=(2, 50))
    columns = np.column_stack([a, b, a + b, np.zeros(50), DRAW.normal(size=50)])
    z = columns - columns.mean(axis=0)
    z = z / np.where(z.std(axis=0) > 0, z.std(axis=0), 1)
    vif = variance_inflation(z.T @ z / 50)
    assert vif[:3].tolist() == [MOST_VIF] * 3
    assert vif[3] == 0
    assert 1 <= vif[4] < 2


async def test_what_leaves_is_declared_and_columns_leave_encrypted(play: Any) -> None:
    played = await play(hetero_pearson, {}, ports(H))
    assert [(row.tag, row.sender) for row in played.ledger] == [
        ("start", "guest:9999"),
        ("public_key", "guest:9999"),
        ("columns", "guest:9999"),
        ("products", "host:10000"),
        ("correlations", "guest:9999"),
    ]
    alone = await play(hetero_pearson, {"cross_parties": False}, ports(H))
    assert [row.tag for row in alone.ledger] == ["start"]
    assert "corr" not in alone[G].summary


async def test_a_host_that_does_not_take_part_gives_nothing(play: Any) -> None:
    confs = {H: {"cross_parties": False}}
    played = await play(hetero_pearson, {}, ports(H, H2), None, confs)
    assert played[G].summary["num_remote_features"] == 3


async def test_a_curious_host_finds_no_two_rows_alike(play: Any) -> None:
    seen: list[int] = []

    async def curious(ch: Channel) -> None:
        await ch.guest.receive("start")
        ch.keyring.add(await ch.guest.receive("public_key"))
        for lane in await ch.guest.receive("columns"):
            seen.extend(lane.to_wire()["cells"].to_ints())
        raise InterruptedError

    seats = ports(H)
    seats[G] = {"data": Table.instances([f"r{i}" for i in range(9)], np.ones((9, 2)), ["a", "b"])}
    with pytest.raises(InterruptedError):
        await play(hetero_pearson, {}, seats, {H: curious})
    assert len(seen) == len(set(seen)) == 9


@pytest.mark.parametrize("wrong", ["places", "size"])
async def test_products_that_do_not_fit_are_refused(play: Any, wrong: str) -> None:
    async def careless(ch: Channel) -> None:
        await ch.guest.receive("start")
        ch.keyring.add(await ch.guest.receive("public_key"))
        columns = await ch.guest.receive("columns")
        places = np.array([-1 if wrong == "places" else 0])
        sums = [columns[0][: 2 if wrong == "size" else 1]]
        await ch.guest.send("products", Products(places=places, sums=sums))

    with pytest.raises(UnfitLetter, match="host:10000 sent products"):
        await play(hetero_pearson, {}, ports(H), {H: careless})


async def test_other_rows_and_missing_values_are_refused(play: Any) -> None:
    seats = ports(H)
    seats[H] = {"data": seats[H]["data"].take(list(range(ROWS - 1)))}
    with pytest.raises(IdsDiffer):
        await play(hetero_pearson, {}, seats)
    holes = Table.instances(["a", "b"], np.array([[1.0], [np.nan]]), ["x"])
    with pytest.raises(NonFiniteValues):
        await play(hetero_pearson, {}, {G: {"data": holes}})


async def test_model_is_fates_and_rows_go_through(play: Any) -> None:
    seats = ports(H, slot="train_data")
    played = await play(hetero_pearson, {}, seats, None, {G: {"column_names": ["g2", "g0"]}})
    param = played[G].model.param
    assert param["party"] == "(guest,9999)"
    assert param["parties"] == ["(guest,9999)", "(host,10000)"]
    assert (param["shape"], param["shapes"], param["names"]) == (2, [2, 2], ["g0", "g2"])
    assert param["allNames"][1] == {"names": ["host_10000_x0", "host_10000_x1"]}
    assert len(param["corr"]) == 4
    assert played[G].data[0].frame.equals(seats[G]["train_data"].frame)
    assert played.reports[G].types["statistic", "correlation"] == "CORRELATION_GRAPH"


def test_many_columns_take_several_plaintexts() -> None:
    public, _ = generate_keypair("paillier", 2048)
    lanes = lanes_of(30_000, 70, public)
    assert len(lanes) > 1
    assert sum(lane.count for lane in lanes) == 70


def test_fields_of_fate_are_taken_and_wrong_ones_named() -> None:
    full = {"use_mix_rand": True, "calc_local_vif": False, "fixpoint_bit_length": 1024}
    assert PearsonParams.parse({"column_indexes": -1, **full}).bits == 2048
    with pytest.raises(InvalidParameters) as refusal:
        PearsonParams.parse({"column_indexes": -2, "cross_parties": "maybe", "colum_names": []})
    paths = {problem.path for problem in refusal.value.problems}
    assert {path.split(".")[0] for path in paths} == {
        "column_indexes",
        "cross_parties",
        "colum_names",
    }
