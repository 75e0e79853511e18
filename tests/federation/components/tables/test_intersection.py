"""Intersection as a component: which rows are kept, what is told, what is refused."""

import hashlib
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from federation.components.tables.intersection import intersection
from federation.components.tables.intersection_params import IntersectParams
from federation.components.tables.intersection_report import EmptyIntersection, looks_of
from federation.errors import BlankIds, DataProblem, DuplicateIds, InvalidParameters
from federation.protocols.psi import Ids
from federation.spec.party import GUEST, HOST, Party
from federation.tables import Schema, Table

G, H, H2 = Party(GUEST, "9999"), Party(HOST, "10000"), Party(HOST, "10001")
MINE, THEIRS = ["e", "a", "d", "b"], ["b", "x", "a", "d", "y"]


def table(ids: list[str], name: str = "x") -> Table:
    frame = pa.table({"id": ids, name: [f"value of {text}" for text in ids]})
    return Table(Schema("id", (name,)), frame, source="reader_0")


def ports(*tables: Table) -> dict[Party, dict[str, Any]]:
    return {seat: {"data": (rows,)} for seat, rows in zip((G, H, H2), tables, strict=False)}


@pytest.mark.parametrize(
    "conf",
    [
        {},
        {"intersect_method": "oprf"},
        {"intersect_method": "rsa"},
        {"intersect_method": "ecdh"},
        {"intersect_method": "DH", "dh_params": {"salt": "s", "hash_method": "md5"}},
        {"intersect_method": "raw"},
        {"intersect_method": "raw", "join_role": "host"},
        {"intersect_method": "raw", "with_encode": True, "encode_params": {"encode_method": "md5"}},
    ],
)
async def test_every_method_keeps_the_common_rows_in_one_order(
    play: Any, conf: dict[str, Any]
) -> None:
    played = await play(intersection, conf, ports(table(MINE), table(THEIRS, "y")))
    mine, theirs = played[G].data[0], played[H].data[0]
    assert mine.ids.to_pylist() == theirs.ids.to_pylist() == ["a", "b", "d"]
    assert mine.frame["x"].to_pylist() == ["value of a", "value of b", "value of d"]
    assert theirs.schema.columns == ("y",)


async def test_an_unset_method_is_the_oprf_and_the_log_says_so(play: Any) -> None:
    played = await play(intersection, {}, ports(table(MINE), table(THEIRS)))
    assert any(row.tag == "psi.oprf.lines" for row in played.ledger)
    assert not any(row.tag.startswith("psi.rsa.") for row in played.ledger)
    assert "oprf is run" in played.reports[H].text


async def test_several_hosts_keep_what_all_of_them_have(play: Any) -> None:
    three = ports(table(MINE), table(THEIRS), table(["d", "q", "b"]))
    played = await play(intersection, {"intersect_method": "ecdh"}, three)
    for seat in (G, H, H2):
        assert played[seat].data[0].ids.to_pylist() == ["b", "d"]


async def test_metrics_and_summary_are_fates(play: Any) -> None:
    conf = {"intersect_method": "ecdh"}
    played = await play(intersection, conf, ports(table(MINE), table(THEIRS)))
    report = played.reports[G]
    assert report.metrics["train", "intersection"] == [
        ("intersect_count", 3),
        ("input_match_id_count", 4),
        ("intersect_rate", 0.75),
        ("unmatched_count", 1),
        ("unmatched_rate", 0.25),
    ]
    assert report.types["train", "intersection"] == "INTERSECTION"
    assert report.meta["train", "intersection"] == {
        "intersect_method": "ecdh",
        "join_method": "inner_join",
    }
    assert played[H].summary == {
        "intersect_num": 3,
        "intersect_rate": 0.6,
        "cardinality_only": False,
        "unique_id_num": 5,
    }


async def test_only_ids_are_kept_where_only_keys_are_asked_for(play: Any) -> None:
    conf = {"intersect_method": "ecdh", "only_output_key": True}
    played = await play(intersection, conf, ports(table(MINE), table(THEIRS)))
    assert played[G].data[0].schema.header == ["id"]
    assert played[G].data[0].rows == 3


@pytest.mark.parametrize("tell", [True, False])
async def test_counting_hands_the_rows_through_and_tells_the_host_if_asked(
    play: Any, tell: bool
) -> None:
    conf = {"cardinality_only": True, "sync_cardinality": tell}
    mine = table(MINE)
    played = await play(intersection, conf, ports(mine, table(THEIRS)))
    assert played[G].data == (mine,)
    assert played[G].summary["intersect_num"] == 3
    assert played[H].summary["intersect_num"] == (3 if tell else None)
    assert bool(played.reports[H].metrics) is tell
    assert all(row.tag.startswith(("match_ids", "plan", "psi.count.")) for row in played.ledger)


async def test_counting_shows_points_in_no_order_of_either_table(play: Any) -> None:
    ids = [str(number) for number in range(40)]
    conf = {"cardinality_only": True}
    played = await play(intersection, conf, ports(table(ids), table(ids)))
    assert played[G].summary["intersect_num"] == 40
    points = [row.shape for row in played.ledger if "uint8" in row.shape]
    assert points == ["40x32 uint8"] * 3


async def test_counting_with_several_hosts_counts_what_all_have(play: Any) -> None:
    three = ports(table(MINE), table(THEIRS), table(["d", "q", "b", "x"]))
    played = await play(intersection, {"cardinality_only": True, "sync_cardinality": True}, three)
    for seat in (G, H, H2):
        assert played[seat].summary["intersect_num"] == 2
    assert played[H].data[0].rows == 5


async def test_no_common_id_is_refused_with_sizes_and_a_likely_cause(play: Any) -> None:
    conf = {"intersect_method": "ecdh"}
    with pytest.raises(EmptyIntersection) as refused:
        await play(intersection, conf, ports(table(["a ", " b", "c"]), table(["x", "y"])))
    told = str(refused.value)
    assert "leading zeros, spaces, upper and lower case" in told
    assert "brought 3 ids, host:10000 2; of the ids of this party some have spaces" in told or (
        "brought 2 ids, guest:9999 3" in told
    )
    assert not any(text in told for text in ("'a '", "'x'", "' b'"))


def test_what_ids_look_like_is_told_by_kinds_and_never_by_example() -> None:
    assert looks_of(Ids(["1", "22"])) == ("all are digits alone",)
    assert looks_of(Ids(["007", "a"])) == (
        "some are digits alone",
        "some begin with a zero",
    )
    hashed = [hashlib.sha256(text.encode()).hexdigest() for text in MINE]
    assert "all look like SHA-256 in hex" in looks_of(Ids(hashed))
    assert looks_of(Ids(["a,1", "B"])) == (
        "some have upper-case letters",
        "some hold a delimiter",
    )
    assert looks_of(Ids(["plain"])) == ()


@pytest.mark.parametrize(
    ("ids", "problem"), [(["a", "a", "b"], DuplicateIds), (["a", " ", "b"], BlankIds)]
)
async def test_ids_that_are_no_ids_are_counted(
    play: Any, ids: list[str], problem: type[DataProblem]
) -> None:
    with pytest.raises(problem, match=r"^1 rows"):
        await play(intersection, {}, ports(table(THEIRS), table(ids)))


async def test_a_table_without_rows_and_no_table_are_refused(play: Any) -> None:
    with pytest.raises(DataProblem, match="reader_0 has no rows to match"):
        await play(intersection, {}, ports(table([]), table(THEIRS)))
    with pytest.raises(DataProblem, match="one table is needed as input data, and 0 are bound"):
        await play(intersection, {}, {G: {}, H: {"data": (table(THEIRS),)}})


async def test_parties_that_run_different_methods_are_told(play: Any) -> None:
    confs = {H: {"intersect_method": "ecdh"}}
    with pytest.raises(InvalidParameters, match="the guest runs 'raw' and this host 'ecdh'"):
        two = ports(table(MINE), table(THEIRS))
        await play(intersection, {"intersect_method": "raw"}, two, None, confs)


async def test_dh_and_short_keys_are_served_better_and_the_log_says_so(play: Any) -> None:
    two = ports(table(MINE), table(THEIRS))
    played = await play(intersection, {"intersect_method": "dh"}, two)
    assert "dh is served by ecdh, with the same result" in played.reports[G].text
    short = IntersectParams.parse({"intersect_method": "rsa", "rsa_params": {"key_length": 1024}})
    assert short.rsa_options.key_bits == 2048
    assert short.notices == (
        "an RSA key of fewer than 2048 bits can be broken; 2048 bits are used",
    )


@pytest.mark.parametrize(
    ("conf", "path"),
    [
        ({"join_method": "left_join"}, "join_method"),
        (
            {
                "intersect_method": "raw",
                "join_method": "left_join",
                "sync_intersect_ids": False,
            },
            "join_method",
        ),
        ({"new_sample_id": True, "sync_intersect_ids": False}, "new_sample_id"),
        ({"run_cache": True, "intersect_method": "raw"}, "run_cache"),
        ({"run_cache": True, "cardinality_only": True}, "cardinality_only"),
        (
            {"intersect_preprocess_params": {"false_positive_rate": 1}},
            "intersect_preprocess_params.false_positive_rate",
        ),
    ],
)
def test_what_does_not_go_together_is_refused_at_its_path(conf: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidParameters) as refused:
        IntersectParams.parse(conf)
    assert [problem.path for problem in refused.value.problems] == [path]


def test_a_conf_of_fate_1_5_is_read() -> None:
    p = IntersectParams.parse(
        {
            "intersect_method": "raw",
            "sync_intersect_ids": True,
            "is_send_intersect_ids": True,
            "join_role": "host",
            "with_encode": True,
            "only_output_key": False,
            "encode_params": {"encode_method": "sha256", "salt": "12345", "base64": True},
            "intersect_cache_param": {"use_cache": False, "id_type": "phone"},
            "allow_info_share": False,
            "info_owner": "guest",
        }
    )
    options = p.raw_options
    assert (options.hash_method, options.salt, options.base64) == ("sha256", "12345", True)
    assert options.join_role == "host"


def test_every_problem_is_told_at_its_path() -> None:
    wrong = {
        "intersect_method": "psi",
        "rsa_params": {"final_hash_method": "none", "saltt": ""},
        "ecdh_params": {"curve": "p256"},
        "join_role": "arbiter",
    }
    with pytest.raises(InvalidParameters) as refused:
        IntersectParams.parse(wrong)
    assert {problem.path for problem in refused.value.problems} == {
        "intersect_method",
        "rsa_params.final_hash_method",
        "rsa_params.saltt",
        "ecdh_params.curve",
        "join_role",
    }


async def test_rows_stay_rows_of_the_table_they_came_from(play: Any) -> None:
    rows = Table.instances(MINE, np.eye(4), ["p", "q", "r", "s"], label=np.arange(4.0))
    conf = {"intersect_method": "ecdh"}
    kept = (await play(intersection, conf, ports(rows, table(THEIRS))))[G].data[0]
    assert kept.schema == rows.schema
    np.testing.assert_array_equal(kept.label, [1, 3, 2])
