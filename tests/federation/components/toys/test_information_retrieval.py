"""SecureInformationRetrieval: values of own ids, and of no others, from a host that learns none."""

from typing import Any

import numpy as np
import pytest

from federation.channel import Channel
from federation.components.common.columns import NoSuchColumn
from federation.components.toys.information_retrieval import Offer, Wish, information_retrieval
from federation.crypto.byte_rows import ByteRows
from federation.crypto.curve25519 import hash_to_points
from federation.errors import DataProblem, DuplicateIds, InvalidParameters
from federation.protocols.keyword_transfer import _DOMAIN, Sealed, UnfitTransfer
from federation.spec.party import GUEST, HOST, Party
from federation.tables import Table

G, H = Party(GUEST, "9999"), Party(HOST, "10000")
ROWS = np.array([[1.5, -2.0], [0.0, 4.0], [7.0, 1e9], [-1.0, 3.25]])


def ports(wanted: Any = ("d", "x", "b")) -> dict[Party, Any]:
    asked = Table.instances(list(wanted), np.zeros((len(wanted), 1)), ["own"])
    held = Table.instances(["a", "b", "c", "d"], ROWS, ["u", "v"], label=np.arange(4.0))
    return {G: {"data": asked}, H: {"data": held}}


@pytest.mark.parametrize("raw", [False, True])
async def test_the_guest_gets_the_columns_it_names_for_ids_the_host_has(
    play: Any, raw: bool
) -> None:
    conf = {"target_cols": ["v", "u"], "raw_retrieval": raw}
    played = await play(information_retrieval, conf, ports())
    told = played[G].data[0]
    assert told.ids.to_pylist() == ["d", "b"]
    assert told.feature_names == ("v", "u")
    np.testing.assert_array_equal(told.features, [[3.25, -1.0], [4.0, 0.0]])
    assert played[G].model.param == {"coverage": pytest.approx(2 / 3), "blockNum": "4"}
    assert played[H].data == ()


async def test_the_label_comes_where_no_column_is_named(play: Any) -> None:
    played = await play(information_retrieval, {"security_level": 1}, ports())
    np.testing.assert_array_equal(played[G].data[0].features, [[3.0], [1.0]])


async def test_nothing_found_is_an_empty_table(play: Any) -> None:
    played = await play(information_retrieval, {}, ports(["x"]))
    assert played[G].data[0].rows == 0
    assert played[G].summary == {"coverage": 0.0}


async def test_a_host_sees_points_that_are_new_in_every_run(play: Any) -> None:
    """Not even for the same id, and never the point that the id hashes to."""
    seen: list[Any] = []

    async def curious(ch: Channel) -> None:
        wish: Wish = await ch.guest.receive("wish")
        assert wish.ids is None
        await ch.guest.send("offer", Offer(names=["v"], rows=4, values=None))
        seen.append(await ch.guest.receive("asked"))
        raise InterruptedError

    for _ in range(2):
        with pytest.raises(InterruptedError):
            await play(information_retrieval, {}, ports(), {H: curious})
    plain = hash_to_points(_DOMAIN, ByteRows.of(["d", "x", "b"]))
    points = [*seen[0], *seen[1], *plain]
    assert len({point.tobytes() for point in points}) == 9


async def test_a_guest_can_not_open_values_of_other_ids(play: Any) -> None:
    sealed: list[Sealed] = []

    async def greedy(ch: Channel) -> None:
        host = ch.hosts[0]
        await host.send("wish", Wish(columns=["v"], ids=None))
        await host.receive("offer")
        await host.send("asked", hash_to_points(_DOMAIN, ByteRows.of(["b"])))
        await host.receive("answered")
        sealed.append(await host.receive("sealed"))

    for _ in range(2):
        await play(information_retrieval, {}, ports(), {G: greedy})
    first, second = sealed
    assert first.cells.shape == (4, 24)
    tags = {tag.tobytes() for each in (first, second) for tag in each.tags}
    assert len(tags) == 8


async def test_a_changed_value_is_refused(play: Any) -> None:
    async def careless(ch: Channel) -> None:
        await ch.guest.receive("wish")
        await ch.guest.send("offer", Offer(names=["v"], rows=1, values=None))
        points = await ch.guest.receive("asked")
        await ch.guest.send("answered", points[:1])

    with pytest.raises(UnfitTransfer, match="host:10000 sent answered"):
        await play(information_retrieval, {}, ports(), {H: careless})


async def test_parties_that_can_not_go_on_say_why(play: Any) -> None:
    with pytest.raises(NoSuchColumn, match="no columns w"):
        await play(information_retrieval, {"target_cols": "w"}, ports())
    with pytest.raises(DuplicateIds):
        await play(information_retrieval, {}, ports(["a", "a"]))
    with pytest.raises(DataProblem, match="do not have the same raw_retrieval"):
        await play(information_retrieval, {}, ports(), None, {G: {"raw_retrieval": True}})


def test_fields_of_fate_are_read_and_wrong_ones_named() -> None:
    p = information_retrieval.params.parse(
        {"key_size": 1024, "oblivious_transfer_protocol": "ot_hauck", "target_cols": None}
    )
    assert p.target_cols == []
    with pytest.raises(InvalidParameters) as refused:
        information_retrieval.params.parse({"security_level": 2, "non_committing": "aes"})
    assert {one.path for one in refused.value.problems} == {"security_level", "non_committing"}
