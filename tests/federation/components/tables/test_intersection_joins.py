"""Intersection beyond equal row ids: match ids, new ids, left joins, caches, filters, silence."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from federation.channel import Channel
from federation.components.tables.intersection import Plan, intersection
from federation.components.tables.intersection_cache import CacheOfOtherRows
from federation.errors import BadIntersection, BlankIds, DuplicateIds, InvalidParameters
from federation.spec.party import GUEST, HOST, Party
from federation.tables import Schema, Table
from federation.wire.codec import StringVector

G, H, H2 = Party(GUEST, "9999"), Party(HOST, "10000"), Party(HOST, "10001")
SEATS = (G, H, H2)
RAW = {"intersect_method": "raw"}


def plain(ids: list[str], name: str = "x") -> Table:
    frame = pa.table({"id": ids, name: [f"{name} of {text}" for text in ids]})
    return Table(Schema("id", (name,)), frame, source="reader_0")


def matched(rows: dict[str, str], name: str = "x") -> Table:
    """Rows by sample id, each with its match id."""
    frame = pa.table(
        {"sid": list(rows), "who": list(rows.values()), name: list(map(str.upper, rows))}
    )
    return Table(Schema("sid", ("who", name), match_id="who"), frame)


def ports(*tables: Table, caches: dict[Party, Any] | None = None) -> dict[Party, dict[str, Any]]:
    return {
        seat: {"data": (rows,), **({"cache": caches[seat]} if caches else {})}
        for seat, rows in zip(SEATS, tables, strict=False)
    }


def ids_of(played: Any, seat: Party) -> list[str]:
    ids: list[str] = played[seat].data[0].ids.to_pylist()
    return ids


# --- match ids ------------------------------------------------------------------------------------

ALICE = {"s1": "alice", "s3": "bob", "s2": "alice", "s9": "zoe"}


@pytest.mark.parametrize("method", ["oprf", "rsa", "ecdh", "raw"])
async def test_repeated_match_ids_are_expanded_as_fate_documents(play: Any, method: str) -> None:
    conf = {"intersect_method": method}
    two = ports(matched(ALICE), plain(["bob", "carl", "alice"], "y"))
    played = await play(intersection, conf, two)
    assert ids_of(played, G) == ids_of(played, H) == ["s1", "s2", "s3"]
    theirs = played[H].data[0]
    assert theirs.frame["y"].to_pylist() == ["y of alice", "y of alice", "y of bob"]
    assert theirs.schema.match_id == "id_matched"
    assert theirs.frame["id_matched"].to_pylist() == ["alice", "alice", "bob"]
    assert theirs.schema.feature_names == ("y",)
    assert played[G].data[0].schema == two[G]["data"][0].schema
    assert played[G].summary["intersect_num"] == 2


@pytest.mark.parametrize(
    "conf",
    [
        {"sample_id_generator": "host"},
        {"repeated_id_process": True, "repeated_id_owner": "host"},
        {"with_sample_id": True, "sample_id_generator": "host"},
    ],
)
async def test_the_host_may_be_the_one_whose_row_ids_count(play: Any, conf: dict[str, Any]) -> None:
    two = ports(plain(["bob", "alice"]), matched(ALICE, "y"))
    played = await play(intersection, conf, two)
    assert ids_of(played, G) == ids_of(played, H) == ["s1", "s2", "s3"]
    assert played[G].data[0].frame["x"].to_pylist() == ["x of alice", "x of alice", "x of bob"]


async def test_rows_with_match_ids_at_every_party_take_the_generators_row_ids(play: Any) -> None:
    three = ports(
        matched(ALICE),
        matched({"h1": "bob", "h2": "alice"}, "y"),
        matched({"k7": "alice", "k8": "bob", "k9": "x"}, "z"),
    )
    played = await play(intersection, {}, three)
    for seat in SEATS:
        assert ids_of(played, seat) == ["s1", "s2", "s3"]
        assert played[seat].data[0].frame["who"].to_pylist() == ["alice", "alice", "bob"]


async def test_only_the_generator_may_repeat_a_match_id(play: Any) -> None:
    two = ports(plain(["alice", "bob"]), matched(ALICE, "y"))
    with pytest.raises(DuplicateIds, match=r"^1 rows"):
        await play(intersection, {}, two)


async def test_blank_match_ids_and_repeated_row_ids_of_the_generator_are_refused(
    play: Any,
) -> None:
    with pytest.raises(BlankIds):
        await play(intersection, {}, ports(matched({"s1": "a", "s2": ""}), plain(["a"])))
    twice = pa.table({"sid": ["s", "s"], "who": ["a", "b"], "x": ["1", "2"]})
    rows = Table(Schema("sid", ("who", "x"), match_id="who"), twice)
    with pytest.raises(DuplicateIds):
        await play(intersection, {}, ports(rows, plain(["a", "b"])))


async def test_other_parties_see_only_ids_of_common_rows(play: Any) -> None:
    two = ports(matched(ALICE), plain(["bob", "carl", "alice"], "y"))
    played = await play(intersection, {"intersect_method": "ecdh"}, two)
    told = [row for row in played.ledger if row.tag == "sample.ids"]
    assert [(row.sender, row.receiver) for row in told] == [("guest:9999", "host:10000")]
    assert told[0].shape == "3 StringVector"


async def test_of_several_hosts_none_can_generate(play: Any) -> None:
    three = ports(plain(["a"]), matched({"s": "a"}, "y"), plain(["a"]))
    with pytest.raises(InvalidParameters, match="of several hosts none can be the one"):
        await play(intersection, {"sample_id_generator": "host"}, three)


# --- new ids, left joins --------------------------------------------------------------------------


async def test_new_ids_are_the_same_at_all_parties_and_tell_nothing(play: Any) -> None:
    three = ports(plain(["b", "a", "c"]), plain(["a", "b"], "y"), plain(["q", "b", "a"], "z"))
    played = await play(intersection, {"new_sample_id": True}, three)
    names = ids_of(played, G)
    assert names == ids_of(played, H) == ids_of(played, H2) == sorted(set(names))
    assert len(names) == 2
    for seat, column in zip(SEATS, "xyz", strict=True):
        rows = played[seat].data[0]
        assert rows.frame[column].to_pylist() == [f"{column} of a", f"{column} of b"]
        assert rows.frame["id_matched"].to_pylist() == ["a", "b"]
        assert rows.schema.feature_names == (column,)
    again = await play(intersection, {"new_sample_id": True}, three)
    assert not set(names) & set(ids_of(again, G))


@pytest.mark.parametrize("generator", ["guest", "host"])
@pytest.mark.parametrize("join_role", ["guest", "host"])
async def test_a_left_join_keeps_all_rows_of_the_generator_and_leaves_others_empty(
    play: Any, generator: str, join_role: str
) -> None:
    conf = {
        **RAW,
        "join_method": "left_join",
        "sample_id_generator": generator,
        "raw_params": {"join_role": join_role},
    }
    owner, other = (G, H) if generator == "guest" else (H, G)
    rows = {owner: plain(["c", "a", "b"]), other: plain(["b", "x", "a"])}
    played = await play(intersection, conf, {seat: {"data": (rows[seat],)} for seat in (G, H)})
    assert ids_of(played, owner) == ids_of(played, other) == ["a", "b", "c"]
    assert played[owner].data[0].frame["x"].null_count == 0
    assert played[other].data[0].frame["x"].to_pylist() == ["x of a", "x of b", None]
    assert played[other].summary["intersect_num"] == 2


async def test_a_left_join_of_nothing_common_is_the_generators_rows(play: Any) -> None:
    conf = {**RAW, "join_method": "left_join"}
    played = await play(intersection, conf, ports(plain(["b", "a"]), plain(["x"], "y")))
    assert ids_of(played, H) == ["a", "b"]
    assert played[H].data[0].frame["y"].to_pylist() == [None, None]


async def test_a_left_join_with_match_ids_and_new_ids_keeps_what_was_matched(play: Any) -> None:
    conf = {**RAW, "join_method": "left_join", "new_sample_id": True}
    played = await play(intersection, conf, ports(matched(ALICE), plain(["bob"], "y")))
    mine, theirs = played[G].data[0], played[H].data[0]
    assert mine.ids.to_pylist() == theirs.ids.to_pylist()
    pairs = dict(zip(mine.frame["who"].to_pylist(), theirs.frame["y"].to_pylist(), strict=True))
    assert pairs == {"alice": None, "bob": "y of bob", "zoe": None}
    assert mine.rows == 4


# --- hosts that are not told ----------------------------------------------------------------------


@pytest.mark.parametrize("method", ["oprf", "rsa", "ecdh", "raw"])
async def test_hosts_that_are_not_told_keep_their_table(play: Any, method: str) -> None:
    conf = {"intersect_method": method, "sync_intersect_ids": False}
    two = ports(plain(["a", "b"]), plain(["b", "c"], "y"))
    played = await play(intersection, conf, two)
    assert ids_of(played, G) == ["b"]
    assert played[H].data == two[H]["data"]
    assert played[H].summary["intersect_num"] is None
    assert not played.reports[H].metrics
    assert not any("common" in row.tag for row in played.ledger)


async def test_parties_that_differ_in_what_is_told_say_so(play: Any) -> None:
    two = ports(plain(["a", "b"]), plain(["b", "c"], "y"))
    confs = {H: {"sync_intersect_ids": False, "intersect_method": "rsa"}}
    with pytest.raises(InvalidParameters) as refused:
        await play(intersection, {}, two, None, confs)
    paths = {problem.path for problem in refused.value.problems}
    assert paths == {"sync_intersect_ids", "intersect_method"}


# --- filters --------------------------------------------------------------------------------------


@pytest.mark.parametrize("owner", ["guest", "host"])
async def test_a_filter_leaves_out_what_is_not_common_and_changes_no_result(
    play: Any, owner: str
) -> None:
    mine = [f"u{number}" for number in range(300)]
    theirs = [f"u{number}" for number in range(290, 700)]
    joins = "host" if owner == "host" else "guest"
    conf = {
        **RAW,
        "raw_params": {"join_role": joins},
        "run_preprocess": True,
        "intersect_preprocess_params": {
            "filter_owner": owner,
            "false_positive_rate": 0.001,
            "preprocess_salt": "s",
            "preprocess_method": "md5",
        },
    }
    played = await play(intersection, conf, ports(plain(mine), plain(theirs, "y")))
    assert sorted(ids_of(played, G)) == sorted(set(mine) & set(theirs)) == sorted(ids_of(played, H))
    assert played[H].summary["unique_id_num"] == 410
    shown = [row for row in played.ledger if row.tag.endswith("_ids") and "psi" in row.tag]
    assert all(int(row.shape.split()[0]) < 60 for row in shown)


async def test_a_filter_is_never_sent_by_a_method_that_hides_ids(play: Any) -> None:
    conf = {"intersect_method": "ecdh", "run_preprocess": True}
    played = await play(intersection, conf, ports(plain(["a", "b"]), plain(["b"], "y")))
    assert ids_of(played, G) == ["b"]
    assert not any(row.tag == "filter" for row in played.ledger)
    assert "none is sent, same result" in played.reports[G].text


# --- caches ---------------------------------------------------------------------------------------


async def test_a_cache_is_made_once_and_serves_other_rows_of_the_guest(play: Any) -> None:
    hosts = [plain(["b", "c", "d", "e"], "y"), plain(["a", "b", "e"], "z")]
    salt = {"ecdh_params": {"salt": "s"}}
    conf = {"run_cache": True, "intersect_method": "ecdh", **salt}
    made = await play(intersection, conf, ports(plain(["q"]), *hosts))
    caches = {seat: made[seat].cache for seat in SEATS}
    assert made[H].data == (hosts[0],)
    for mine, common in ((["b", "d", "e", "x"], ["b", "e"]), (["e", "u"], ["e"])):
        used = await play(intersection, {}, ports(plain(mine), *hosts, caches=caches))
        for seat in SEATS:
            assert ids_of(used, seat) == common
        assert not any(row.tag == "psi.ecdh.tokens" for row in used.ledger)


async def test_a_cache_of_other_rows_or_of_another_role_is_refused(play: Any) -> None:
    theirs = plain(["b", "c"], "y")
    made = await play(intersection, {"run_cache": True}, ports(plain(["q"]), theirs))
    caches = {seat: made[seat].cache for seat in (G, H)}
    with pytest.raises(CacheOfOtherRows):
        other = plain(["c", "b"], "y")
        await play(intersection, {}, ports(plain(["b"]), other, caches=caches))
    swapped = {G: caches[H], H: caches[G]}
    with pytest.raises(InvalidParameters, match="it is not the cache of a"):
        await play(intersection, {}, ports(plain(["b"]), theirs, caches=swapped))


async def test_a_cache_serves_no_count_and_no_join_in_the_clear(play: Any) -> None:
    two = (plain(["b", "q"]), plain(["b", "c"], "y"))
    made = await play(intersection, {"run_cache": True}, ports(*two))
    caches = {seat: made[seat].cache for seat in (G, H)}
    counted = await play(intersection, {"cardinality_only": True}, ports(*two, caches=caches))
    assert counted[G].summary["intersect_num"] == 1
    assert any(row.tag == "psi.count.passed" for row in counted.ledger)
    with pytest.raises(InvalidParameters, match="raw takes no cache"):
        await play(intersection, RAW, ports(*two, caches=caches))


async def test_what_the_guest_keeps_holds_no_secret_of_the_host(play: Any) -> None:
    made = await play(
        intersection, {"run_cache": True}, ports(plain(["q"]), plain(["b", "c"], "y"))
    )
    assert set(made[G].cache) == {"side", "lists", "salt"}
    (kept,) = made[G].cache["lists"].values()
    assert kept["tokens"].shape == (2, 12)
    assert set(kept) == {"name", "tokens"}


# --- the generator that breaks the protocol -------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "repeats", "ids"),
    [
        (2, [1], ["s", "t"]),
        (1, [0], ["s"]),
        (1, [2], ["s"]),
        (2, [2], ["s", "s"]),
        (2, [2], ["s"]),
        (-1, [1], ["s"]),
    ],
)
async def test_sample_ids_that_do_not_fit_are_refused_by_name(
    play: Any, size: int, repeats: list[int], ids: list[str]
) -> None:
    async def liar(ch: Channel) -> None:
        host = ch.hosts[0]
        has = await host.receive("match_ids")
        assert not has
        await host.send(
            "plan",
            Plan(
                method="raw",
                join_role="guest",
                told=True,
                sample_id_generator="guest",
                new_ids=False,
                left_join=False,
                filtered_by="",
                matched_by_match_id=True,
            ),
        )
        await host.receive("psi.raw.host_size")
        theirs = (await host.receive("psi.raw.host_ids")).to_strings()
        await host.send("psi.raw.host_common", np.array([text == "a" for text in theirs]))
        await host.send("sample.size", size)
        await host.send("sample.repeats", np.array(repeats))
        await host.send("sample.ids", StringVector.from_strings(ids))
        await host.receive("sample.size")

    with pytest.raises(BadIntersection):
        await play(intersection, RAW, ports(plain(["a"]), plain(["a", "b"])), {G: liar})
