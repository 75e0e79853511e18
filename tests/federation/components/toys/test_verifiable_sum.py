"""FeldmanVerifiableSum: sums are exact, cheats are named, hosts see noise."""

from typing import Any

import numpy as np
import pytest

from federation.channel import Channel
from federation.components.common.row_order import IdsDiffer
from federation.components.toys.verifiable_sum import Shares, verifiable_sum
from federation.errors import DataProblem, InvalidParameters
from federation.protocols.verifiable_sharing import BadShare
from federation.spec.party import GUEST, HOST, Party
from federation.tables import Table
from federation.wire.codec import BigIntVector

G, H, H2 = Party(GUEST, "9999"), Party(HOST, "10000"), Party(HOST, "10001")
IDS = ["c", "a", "b"]
VALUES = np.random.default_rng(3).normal(size=(3, 3, 2)).round(4) * 1000


def table(values: Any, ids: Any = IDS) -> Table:
    return Table.instances(ids, np.asarray(values), [f"x{i}" for i in range(np.shape(values)[1])])


async def test_the_guest_gets_the_sum_of_every_row_and_column(play: Any) -> None:
    ports = {G: {"data": table(VALUES[0])}, H: {"data": table(VALUES[1])}}
    other = table(VALUES[2][[2, 0, 1]], ["b", "c", "a"])
    played = await play(verifiable_sum, {}, {**ports, H2: {"data": other}})
    told = played[G].data[0]
    assert told.ids.to_pylist() == IDS
    np.testing.assert_allclose(told.features, VALUES.sum(axis=0), atol=2e-6)
    assert played[H].data == ()
    to_host = {row.tag for row in played.ledger if row.receiver == str(H)}
    assert to_host == {"sheet", "shares", "commitments"}


async def test_only_named_columns_and_digits_are_added(play: Any) -> None:
    ports = {G: {"data": table(VALUES[0])}, H: {"data": table(VALUES[1])}}
    played = await play(verifiable_sum, {"sum_cols": [1], "q_n": 0}, ports)
    told = played[G].data[0]
    assert told.feature_names == ("x1",)
    np.testing.assert_array_equal(told.features, np.rint(VALUES[:2, :, 1:]).sum(axis=0))


async def test_a_host_that_adds_wrongly_is_named(play: Any) -> None:
    async def cheat(ch: Channel) -> None:
        await ch.guest.receive("sheet")
        zeros = BigIntVector.from_ints([0] * 6, 32)
        wrong = Shares(values=zeros, blinds=zeros)
        points = await ch.guest.receive("commitments")
        await ch.guest.send("commitments", points)
        await ch.guest.send("shares", await ch.guest.receive("shares"))
        await ch.guest.send("sums", wrong)

    ports = {G: {"data": table(VALUES[0])}, H: {"data": table(VALUES[1])}}
    with pytest.raises(BadShare, match="host:10000"):
        await play(verifiable_sum, {}, ports, {H: cheat})


async def test_parties_with_other_rows_or_columns_are_told(play: Any) -> None:
    ports = {G: {"data": table(VALUES[0])}, H: {"data": table(VALUES[1], ["a", "b", "z"])}}
    with pytest.raises(IdsDiffer):
        await play(verifiable_sum, {}, ports)
    ports[H] = {"data": table(VALUES[1][:, :1])}
    with pytest.raises(DataProblem, match="the guest adds 2 columns and this host 1"):
        await play(verifiable_sum, {}, ports)
    with pytest.raises(DataProblem, match="sum_cols names position 7"):
        await play(verifiable_sum, {"sum_cols": [7]}, ports)


def test_wrong_positions_and_digits_are_told_at_once() -> None:
    with pytest.raises(InvalidParameters) as refused:
        verifiable_sum.params.parse({"sum_cols": [0, 0], "q_n": 40})
    assert {problem.path for problem in refused.value.problems} == {"sum_cols", "q_n"}
