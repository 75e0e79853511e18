"""HomoFeatureBinning: the bins of pooled rows, at parties that show each other none."""

import hashlib
import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.channel import Channel
from federation.components.features.binning.edges import binned, quantile_edges
from federation.components.features.binning.homo import (
    MOST_ROUNDS,
    Ask,
    Columns,
    homo_feature_binning,
)
from federation.components.features.binning.params import HomoBinningParams
from federation.components.features.binning.rank_search import RankSearch, from_keys, to_keys
from federation.components.features.homo_one_hot import ColumnsDiffer
from federation.errors import InvalidParameters, NonFiniteValues
from federation.protocols.lasting_sum import TooFewStayed, add, join, judge, threshold_of
from federation.protocols.masks import AddendAlone
from federation.spec.party import ARBITER, GUEST, HOST, Party
from federation.tables import Table

G, H, H2 = Party(GUEST, "9999"), Party(HOST, "10000"), Party(HOST, "10001")
H3 = Party(HOST, "10003")
A = Party(ARBITER, "10002")
DRAW = np.random.default_rng(8)
NAMES = ("a", "b", "c")


def drawn(rows: int, shift: float) -> Any:
    spread = [DRAW.normal(shift, 3.0, rows), DRAW.exponential(1e5, rows), DRAW.integers(0, 4, rows)]
    values = np.column_stack(spread).astype(float)
    values[: rows // 10, 1] = np.nan
    return values


ROWS = {G: drawn(70, 0.0), H: drawn(40, 5.0), H2: drawn(90, -5.0)}
POOLED = np.vstack(list(ROWS.values()))
ALL_ROWS = {**ROWS, H3: drawn(30, 1.0)}


def table(rows: Any, names: tuple[str, ...] = NAMES) -> Table:
    return Table.instances([f"r{i}" for i in range(len(rows))], rows, names)


def ports() -> dict[Party, dict[str, Any]]:
    return {**{party: {"data": table(rows)} for party, rows in ROWS.items()}, A: {}}


@pytest.mark.parametrize("method", ["virtual_summary", "recursive_query"])
async def test_without_error_rows_fall_into_the_bins_of_pooled_rows(play: Any, method: str) -> None:
    conf = {"method": method, "error": 0, "bin_num": 7, "category_names": ["c"]}
    played = await play(homo_feature_binning, conf, ports())
    for party, rows in ROWS.items():
        made = played[party].data[0]
        for at, name in enumerate("ab"):
            plain = binned(rows[:, at], quantile_edges(POOLED[:, at], 7))
            np.testing.assert_array_equal(made.numbers(name), plain)
        np.testing.assert_array_equal(made.numbers("c"), rows[:, 2])
        assert played[party].summary["split_points"] == played[G].summary["split_points"]


@pytest.mark.parametrize("method", ["virtual_summary", "recursive_query"])
async def test_ranks_of_edges_are_off_by_the_error_at_most(play: Any, method: str) -> None:
    conf = {"method": method, "error": 0.05, "bin_num": 5, "bin_indexes": [0]}
    found = (await play(homo_feature_binning, conf, ports()))[H]
    edges = found.summary["split_points"]["a"]
    ranks = np.searchsorted(np.sort(POOLED[:, 0]), edges, side="right")
    away = ranks - np.arange(1, 6) * 200 / 5
    assert (away >= 0).all()
    assert (away <= 10).all()
    np.testing.assert_array_equal(found.data[0].numbers("b"), ROWS[H][:, 1])


async def test_counts_leave_masked_and_nothing_but_what_is_declared_leaves(play: Any) -> None:
    """An arbiter that keeps what comes sees noise, whose sum is no sum of counts either."""
    seen: list[Any] = []

    async def curious(ch: Channel) -> None:
        peers = (*ch.guests, *ch.hosts)
        for peer in peers:
            await peer.receive("columns")
        await judge(ch)
        for peer in peers:
            await peer.send("ask", Ask(points=np.full((3, 1), np.inf), edges=None))
        seen.extend([await peer.receive("masked") for peer in peers])
        raise InterruptedError

    with pytest.raises(InterruptedError):
        await play(homo_feature_binning, {}, ports(), {A: curious})
    counts = [np.sum(~np.isnan(rows), axis=0) for rows in ROWS.values()]
    fixed = [part >> np.uint64(30) for part in seen]
    assert all((one != count).all() for one, count in zip(fixed, counts, strict=True))
    together = np.sum(np.stack(seen), axis=0, dtype=np.uint64) >> np.uint64(30)
    assert (together != np.sum(counts, axis=0)).all()

    played = await play(homo_feature_binning, {"error": 0.1}, ports())
    up = {row.tag for row in played.ledger if row.receiver == str(A)}
    assert up == {"columns", "pair_key", "masked", "unmasking"}
    across = {r.tag for r in played.ledger if str(A) not in (r.receiver, r.sender)}
    assert across == {"pair_key", "shares"}
    assert {row.tag for row in played.ledger if row.sender == str(A)} == {"ask", "stayed"}


STAYS, BEFORE, AFTER = "stays", "leaves before its addend", "leaves after its addend"


def leaver(rows: Any, when: str, sums: int) -> Any:
    """A party that answers some sums and then ends, before or after it has sent its next ranks."""
    column = np.sort(rows[:, 0])
    digest = hashlib.sha256(b"a\0").digest()

    async def run(ch: Channel) -> None:
        await ch.arbiter.send("columns", Columns(digest=digest, count=1, categories=[]))
        everyone = sum(len(ch.parties[role]) for role in (GUEST, HOST))
        searches = 1 + everyone - threshold_of(everyone)
        member = await join(ch, (1 + MOST_ROUNDS) * searches)
        for number in range(sums + 1):
            points = (await ch.arbiter.receive("ask")).points
            ranks = np.searchsorted(column, points[0], side="right").astype(float)
            if number < sums:
                await add(ch, member, ranks)
            elif when == AFTER:
                await ch.arbiter.send("masked", member.masked(ranks))

    return run


@pytest.mark.parametrize("parties", [2, 3, 4])
async def test_bins_are_those_of_who_stays_under_every_pattern_of_leaving(
    play: Any, parties: int
) -> None:
    """Or there are none where half of them or fewer are left; an addend that was sent counts."""
    seats = (G, H, H2, H3)[:parties]
    rows = {seat: ALL_ROWS[seat][:, :1] for seat in seats}
    conf = {"error": 0, "bin_num": 2, "sample_bins": 200}
    patterns = itertools.product((STAYS, BEFORE, AFTER), repeat=parties)
    for number, pattern in enumerate(patterns):
        leavers = {
            seat: leaver(rows[seat], when, sums=3 * (number % 2))
            for seat, when in zip(seats, pattern, strict=True)
            if when != STAYS
        }
        bound = {seat: {"data": table(rows[seat], ("a",))} for seat in seats}
        together = play(homo_feature_binning, conf, {**bound, A: {}}, leavers)
        if parties - len(leavers) < threshold_of(parties):
            with pytest.raises(TooFewStayed):
                await together
            continue
        played = await together
        staying = [seat for seat in seats if seat not in leavers]
        pooled = quantile_edges(np.concatenate([rows[seat][:, 0] for seat in staying]), 2)
        for seat in staying:
            found = played[seat].data[0].numbers("a")
            np.testing.assert_array_equal(found, binned(rows[seat][:, 0], pooled), str(pattern))


async def test_values_of_categories_are_those_of_who_stays(play: Any) -> None:
    draw = np.random.default_rng(3)
    rows = {seat: draw.normal(size=(9, 2)) for seat in (G, H, H2)}
    for place, seat in enumerate(rows):
        rows[seat][:, 1] = place
    bound = {seat: {"data": table(each, ("a", "c"))} for seat, each in rows.items()}

    async def leaving(ch: Channel) -> None:
        digest = hashlib.sha256(b"a\0\0c").digest()
        values = [np.array([2.0])]
        await ch.arbiter.send("columns", Columns(digest=digest, count=1, categories=values))
        await join(ch, 2 * (1 + MOST_ROUNDS))

    conf = {"error": 0.1, "bin_num": 3, "category_names": ["c"]}
    played = await play(homo_feature_binning, conf, {**bound, A: {}}, {H2: leaving})
    assert played[G].summary["split_points"]["c"] == [0.0, 1.0]


async def test_the_model_bins_later_rows_without_letters(play: Any) -> None:
    first = await play(homo_feature_binning, {"error": 0.05}, ports())
    seats = {
        party: {"data": table(rows[:5]), "model": first[party].model}
        for party, rows in ROWS.items()
    }
    later = await play(homo_feature_binning, {}, seats)
    assert later.ledger == []
    for party in ROWS:
        expected = first[party].data[0].take(list(range(5)))
        assert later[party].data[0].frame.equals(expected.frame)


async def test_other_columns_one_party_alone_and_infinite_values_are_refused(play: Any) -> None:
    seats = ports()
    seats[H] = {"data": table(ROWS[H], ("a", "b", "d"))}
    with pytest.raises(ColumnsDiffer):
        await play(homo_feature_binning, {}, seats)
    with pytest.raises(AddendAlone):
        await play(homo_feature_binning, {}, {G: ports()[G], A: {}})
    seats = ports()
    seats[G] = {"data": table(np.where(ROWS[G] > 3, np.inf, ROWS[G]))}
    with pytest.raises(NonFiniteValues):
        await play(homo_feature_binning, {}, seats)
    woe = {"transform_param": {"transform_type": "woe"}, "error": 0.1}
    with pytest.raises(InvalidParameters, match="use bin_num"):
        await play(homo_feature_binning, woe, ports())


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=30))
def test_doubles_and_their_places_are_in_the_same_order(values: list[float]) -> None:
    array = np.array(values)
    keys = to_keys(array)
    np.testing.assert_array_equal(from_keys(keys), array)
    for x, k in zip(values, keys.tolist(), strict=True):
        for y, other in zip(values, keys.tolist(), strict=True):
            assert x >= y or k < other


@given(
    st.lists(st.floats(-1e9, 1e9) | st.sampled_from([0.0, 1.0]), min_size=1, max_size=60),
    st.integers(2, 12),
    st.sampled_from([1, 4, 9]),
)
@settings(max_examples=20, deadline=None)
def test_the_search_ends_in_the_bins_of_all_rows(
    values: list[float], bins: int, points: int
) -> None:
    column = np.sort(np.array(values))
    search = RankSearch.of(np.array([len(values)]), bins, 0.0, points)
    rounds = 0
    while not search.is_done:
        ranks = np.searchsorted(column, search.asked[0], side="right")
        search = search.told(ranks[np.newaxis])
        rounds += 1
    assert rounds <= 65
    plain = binned(column, quantile_edges(column, bins))
    np.testing.assert_array_equal(binned(column, search.edges[0]), plain)


def test_a_column_without_values_has_no_edges() -> None:
    search = RankSearch.of(np.array([0, 0]), 4, 0.0, 1)
    assert search.is_done
    assert [len(edges) for edges in search.edges] == [0, 0]


def test_fields_of_fate_are_taken_and_wrong_ones_named() -> None:
    full = {"method": "recursive_query", "max_iter": 100, "sample_bins": 100, "error": 1e-3}
    HomoBinningParams.parse({**full, "adjustment_factor": 0.5, "compress_thres": 10000})
    with pytest.raises(InvalidParameters) as refusal:
        HomoBinningParams.parse({"method": "quantile", "max_iter": 101, "local_only": True})
    assert {p.path for p in refusal.value.problems} == {"method", "max_iter", "local_only"}
