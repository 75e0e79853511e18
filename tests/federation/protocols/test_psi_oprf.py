"""Intersection by OPRF: right for any sets, quiet about the rest, firm with a peer that is not."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.channel import Channel
from federation.channel.memory import Together, run_together
from federation.crypto.byte_rows import ByteRows
from federation.crypto.ot_extension_base import BaseSender, chosen_keys
from federation.errors import BadIntersection, BadPoint, BlankIds, DuplicateIds
from federation.protocols.psi import (
    OPRF_MESSAGES,
    Ids,
    Intersection,
    cuckoo,
    exchange,
    oprf,
    oprf_guest,
    oprf_host,
)
from federation.protocols.psi.cuckoo import bin_count, bins_of, placed
from federation.protocols.psi.idblocks import blocks_of
from federation.protocols.psi.tags import TagIndex
from federation.protocols.psi.telling import Match
from federation.spec.party import GUEST, HOST, Party

GUEST_PARTY = Party(GUEST, "9999")
HOSTS = [Party(HOST, "10000"), Party(HOST, "10001"), Party(HOST, "10002")]
Role = Callable[[Channel], Awaitable[Any]]

IDS = st.text(min_size=1, max_size=40).filter(lambda text: bool(text.strip()))


async def played(roles: dict[Party, Role]) -> Together:
    async with asyncio.timeout(60):
        return await run_together(roles, OPRF_MESSAGES)


def intersected(sets: Sequence[list[str]]) -> Together:
    roles: dict[Party, Role] = {GUEST_PARTY: lambda ch: oprf_guest(ch, sets[0])}
    for party, ids in zip(HOSTS, sets[1:], strict=False):
        roles[party] = lambda ch, ids=ids: oprf_host(ch, ids)  # type: ignore[misc]
    return asyncio.run(played(roles))


def check_against_sets(sets: Sequence[list[str]]) -> Together:
    together = intersected(sets)
    expected = sorted(set.intersection(*map(set, sets)), key=str.encode)
    for party, ids in zip([GUEST_PARTY, *HOSTS], sets, strict=False):
        found = together[party]
        assert [ids[row] for row in found.indices] == expected
        assert (found.common, found.own) == (len(expected), len(ids))
    return together


@settings(max_examples=6, deadline=None)
@given(st.lists(IDS, unique=True, max_size=12), st.data())
def test_oprf_finds_what_all_have_in_one_order(pool: list[str], data: st.DataObject) -> None:
    ids = st.lists(st.sampled_from(pool), unique=True) if pool else st.just([])
    check_against_sets(data.draw(st.lists(ids, min_size=2, max_size=3)))


@pytest.mark.parametrize(
    "sets", [[[], ["a"]], [["a"], []], [[], []], [["a"], ["a"], []], [["a", "b"], ["c"]]]
)
def test_sides_with_nothing_in_common_find_nothing(sets: list[list[str]]) -> None:
    found = check_against_sets(sets)[GUEST_PARTY]
    assert found.indices.shape == (0,)
    assert found.indices.dtype == np.int64


def test_ids_of_every_length_and_thousands_of_them_are_matched() -> None:
    everyone = ["é" * (i % 30) + f"\u0000{i}" for i in range(9000)]
    check_against_sets([everyone[:6000], everyone[:2999:-1]])


def test_lists_longer_than_a_letter_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange.parts, "__defaults__", (1024,))
    sets = [[f"u{i}" for i in range(3000)], [f"u{i}" for i in range(4000, 900, -1)]]
    tags = [row.tag for row in check_against_sets(sets).ledger]
    assert tags.count("psi.oprf.told") == -(-bin_count(3000) // 1024)
    assert tags.count("psi.oprf.lines") == 4


def test_many_ids_go_in_passes_of_one_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oprf, "_AT_ONCE", 500)
    everyone = [f"u{i}" for i in range(1000)]
    ledger = check_against_sets([everyone[100:130], everyone]).ledger
    letters = [row for row in ledger if row.tag == "psi.oprf.lines"]
    assert len({row.shape for row in letters}) == 1
    assert [row.scope for row in letters] == [("pass", 0), ("pass", 1)]


def test_a_mark_for_a_line_that_stands_for_no_id_ends_a_run_by_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(oprf, "_AT_ONCE", 100)
    monkeypatch.setattr(oprf, "settled", mark_everything)
    with pytest.raises(BadIntersection, match="stands for no id"):
        intersected([[f"u{i}" for i in range(150)], [f"u{i}" for i in range(120)]])


async def mark_everything(ids: Ids, tag: str, matches: list[Match], tell: bool) -> Intersection:
    """What a guest that breaks the protocol does at the end."""
    for match in matches:
        await exchange.send_lines(match.host, tag, np.ones(match.lines or 0, dtype=np.bool_))
    return Intersection(np.empty(0, dtype=np.int64), len(ids))


def test_a_million_ids_would_take_less_than_130_megabytes() -> None:
    told = bin_count(1_000_000) * 56
    lines = 1_000_000 * 3 * 10
    assert told + lines + 1_000_000 < 110_000_000


def test_parties_learn_sizes_and_hosts_nothing_of_each_other() -> None:
    together = intersected([["a", "b"], ["b"], ["b", "c", "d"]])
    assert together[GUEST_PARTY].sizes == {"host:10000": 1, "host:10001": 3}
    assert together[HOSTS[0]].sizes == together[HOSTS[1]].sizes == {"guest:9999": 2}


def test_ids_that_do_not_stand_for_one_row_each_are_refused() -> None:
    with pytest.raises(DuplicateIds):
        intersected([["a", "a"], ["a"]])
    with pytest.raises(BlankIds):
        intersected([["a"], ["a", " "]])


# --- the curious party ----------------------------------------------------------------------------


def test_the_size_of_letters_depends_on_announced_sizes_alone() -> None:
    ids = [f"u{i}" for i in range(50)]
    others = [f"a much longer id {i}" for i in range(50)]
    seen = [
        [(row.tag, row.shape, row.bytes) for row in intersected(sets).ledger]
        for sets in ([ids, ids], [ids, others], [others, ids])
    ]
    assert sorted(seen[0]) == sorted(seen[1]) == sorted(seen[2])


def listening_host(ids: list[str], bits: Sequence[int]) -> np.ndarray:
    """What a host that brings nothing sees of the guest's ids."""

    async def curious(ch: Channel) -> np.ndarray:
        await ch.guest.receive("psi.oprf.guest_size")
        await ch.guest.send("psi.oprf.host_size", 0)
        answers, _ = chosen_keys(await ch.guest.receive("psi.oprf.base"), bits)
        await ch.guest.send("psi.oprf.choices", answers)
        await ch.guest.receive("psi.oprf.seed")
        told: np.ndarray = await ch.guest.receive("psi.oprf.told")
        return told

    roles: dict[Party, Role] = {
        GUEST_PARTY: lambda ch: oprf_guest(ch, ids),
        HOSTS[0]: curious,
    }
    seen: np.ndarray = asyncio.run(played(roles))[HOSTS[0]]
    return seen


def test_a_host_sees_even_bits_that_change_each_run() -> None:
    ids = [f"u{i}" for i in range(1000)]
    first, second = (listening_host(ids, [0] * 448) for _ in range(2))
    for bits in (first, second, first ^ second):
        assert abs(np.bitwise_count(bits).sum() / (64 * bits.size) - 0.5) < 0.01
    by_column = np.unpackbits(first.view(np.uint8), axis=1).mean(axis=0)
    assert by_column.min() > 0.4
    assert by_column.max() < 0.6


def test_a_guest_without_ids_sees_lines_that_are_all_different() -> None:
    ids = [f"u{i}" for i in range(300)]
    seen: list[np.ndarray] = []

    async def curious(ch: Channel) -> None:
        host = ch.hosts[0]
        await host.send("psi.oprf.guest_size", 0)
        await host.receive("psi.oprf.host_size")
        base = BaseSender()
        await host.send("psi.oprf.base", base.point)
        base.keys(await host.receive("psi.oprf.choices"))
        await host.send("psi.oprf.seed", bytes(32))
        await host.send("psi.oprf.told", np.zeros((bin_count(0), 7), dtype=np.uint64))
        seen.append(await host.receive("psi.oprf.lines"))
        await host.send("psi.oprf.common", np.zeros(300, dtype=np.bool_))

    for _ in range(2):
        roles: dict[Party, Role] = {GUEST_PARTY: curious, HOSTS[0]: lambda ch: oprf_host(ch, ids)}
        asyncio.run(played(roles))
    size = seen[0].shape[1] // 3
    tags = [line.tobytes() for run in seen for line in run.reshape(-1, size)]
    assert len(set(tags)) == 2 * 300 * 3


# --- the peer that breaks the protocol ------------------------------------------------------------


@pytest.mark.parametrize(
    ("choices", "error"),
    [
        (np.zeros((448, 32), np.uint8), BadPoint),
        (np.zeros((447, 32), np.uint8), BadIntersection),
        (np.zeros((448, 32), np.int8), BadIntersection),
    ],
)
def test_points_that_are_none_end_a_run_by_name(
    choices: np.ndarray, error: type[Exception]
) -> None:
    async def host(ch: Channel) -> None:
        await ch.guest.send("psi.oprf.host_size", 2)
        await ch.guest.send("psi.oprf.choices", choices)
        await ch.guest.receive("psi.oprf.common")

    with pytest.raises(error):
        asyncio.run(played({GUEST_PARTY: lambda ch: oprf_guest(ch, ["a"]), HOSTS[0]: host}))


@pytest.mark.parametrize(
    "letter",
    [
        {"point": b"short"},
        {"seed": b"short"},
        {"told": np.zeros((64, 7), np.uint64)},
        {"told": np.zeros((bin_count(2), 8), np.uint64)},
        {"told": np.zeros((bin_count(2), 7), np.int64)},
        {"size": -1},
        {"size": 1 << 40},
    ],
)
def test_a_guest_that_sends_something_else_is_refused_by_name(letter: dict[str, Any]) -> None:
    async def guest(ch: Channel) -> None:
        host = ch.hosts[0]
        await host.send("psi.oprf.guest_size", letter.get("size", 2))
        await host.send("psi.oprf.base", letter.get("point", BaseSender().point))
        await host.send("psi.oprf.seed", letter.get("seed", bytes(32)))
        told = np.zeros((bin_count(2), 7), np.uint64)
        await host.send("psi.oprf.told", letter.get("told", told))
        await host.receive("psi.oprf.lines")

    with pytest.raises((BadIntersection, BadPoint)):
        asyncio.run(played({GUEST_PARTY: guest, HOSTS[0]: lambda ch: oprf_host(ch, ["a", "b"])}))


# --- the pieces -----------------------------------------------------------------------------------


@given(st.lists(st.text(max_size=40), unique=True, min_size=1, max_size=30))
def test_blocks_are_as_different_as_their_ids(ids: list[str]) -> None:
    blocks = blocks_of(ByteRows.of(ids), b"seed")
    assert len({block.tobytes() for block in blocks}) == len(ids)
    backwards = blocks_of(ByteRows.of(ids[::-1]), b"seed")
    np.testing.assert_array_equal(backwards[::-1], blocks)
    alone = blocks_of(ByteRows.of(ids[:1]), b"seed")
    np.testing.assert_array_equal(alone[0], blocks[0])


@pytest.mark.parametrize("count", [0, 1, 3, 3072, 20_000])
def test_every_block_is_in_one_of_its_bins(count: int) -> None:
    blocks = np.random.default_rng(count).integers(0, 1 << 64, (count, 2), dtype=np.uint64)
    bins = bin_count(count)
    choices = bins_of(blocks, bins)
    third = bins // 3
    assert [set((choices[:, j] // third).tolist()) - {j} for j in range(3)] == [set()] * 3
    taken = placed(choices, bins)
    assert taken is not None
    full = np.flatnonzero(taken >= 0)
    assert sorted(taken[full].tolist()) == list(range(count))
    assert np.all(np.any(choices[taken[full]] == full[:, None], axis=1))


def test_blocks_that_fit_no_table_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuckoo, "_PATIENCE", 50)
    assert placed(np.array([[0, 1, 2]] * 4), 3) is None


def test_tags_are_found_in_their_own_place_alone() -> None:
    tags = np.random.default_rng(1).integers(0, 1 << 64, (40, 2), dtype=np.uint64)
    choice = np.arange(40) % 3
    index = TagIndex(tags, choice, 9)
    texts = tags.view(np.uint8)[:, :9]
    lines = np.random.default_rng(2).integers(0, 256, (50, 27), dtype=np.uint8)
    for row in range(30):
        place = choice[row] if row < 20 else (choice[row] + 1) % 3
        lines[row + 5, 9 * place : 9 * place + 9] = texts[row]
    index.sift(lines[:17])
    index.sift(lines[17:])
    np.testing.assert_array_equal(index.places(), [*range(5, 25), *[-1] * 20])


def test_a_line_for_two_ids_or_a_tag_twice_is_refused() -> None:
    tags = np.random.default_rng(1).integers(0, 1 << 64, (2, 2), dtype=np.uint64)
    texts = tags.view(np.uint8)[:, :9]
    both = np.zeros((2, 27), dtype=np.uint8)
    both[0, :9], both[0, 9:18] = texts
    index = TagIndex(tags, np.array([0, 1]), 9)
    index.sift(both[:1])
    with pytest.raises(BadIntersection, match="two ids"):
        index.places()
    twice = np.zeros((2, 27), dtype=np.uint8)
    twice[:, :9] = texts[0]
    index = TagIndex(tags, np.array([0, 1]), 9)
    index.sift(twice)
    with pytest.raises(BadIntersection, match="repeats"):
        index.places()
