"""HeteroFeatureBinning: federated is pooled, letters are as declared, wrong jobs are refused."""

import math
from typing import Any

import numpy as np
import pytest

from federation.channel import Channel
from federation.components.common.row_order import IdsDiffer
from federation.components.common.unfit import UnfitLetter
from federation.components.features.binning.exchange import BinTooSmall
from federation.components.features.binning.hetero import hetero_feature_binning
from federation.components.features.binning.letters import HostBins
from federation.components.features.binning.params import HeteroBinningParams
from federation.errors import DataProblem, InvalidParameters
from federation.spec.party import GUEST, HOST, Party
from federation.tables import Table

G = Party(GUEST, "9999")
HOSTS = (Party(HOST, "10000"), Party(HOST, "10001"))
OU = {"encrypt_param": {"method": "OU"}}
DRAW = np.random.default_rng(3)
ROWS = 120
SCORE = DRAW.normal(size=ROWS)
GUEST_X = np.column_stack([SCORE + DRAW.normal(size=ROWS), DRAW.integers(0, 4, ROWS)])
HOST_X = [np.column_stack([SCORE + DRAW.normal(size=ROWS) * (1 + i)] * 2) for i in range(2)]
HOST_X[0][:7, 1] = np.nan
IDS = [f"r{i:03d}" for i in range(ROWS)]


def labels(classes: int) -> Any:
    edges = np.quantile(SCORE, np.arange(1, classes) / classes)
    return np.searchsorted(edges, SCORE).astype(float)


def ports(classes: int = 2, hosts: int = 1) -> dict[Party, dict[str, Any]]:
    turned = np.random.default_rng(5).permutation(ROWS)
    own = Table.instances(IDS, GUEST_X, ["g0", "g1"], label=labels(classes))
    made = {G: {"data": own.take(turned)}}
    for i, seat in enumerate(HOSTS[:hosts]):
        made[seat] = {"data": Table.instances(IDS, HOST_X[i], ["h0", "h1"])}
    return made


def plainly(column: Any, edges: list[float], event: Any) -> dict[str, Any]:
    """Counts, WOE and IV of one pooled column, row by row as the definition says."""
    rows: dict[int, list[int]] = {}
    for value, is_event in zip(column, event, strict=True):
        place = len(edges) if math.isnan(value) else sum(value > edge for edge in edges[:-1])
        rows.setdefault(place, [0, 0])[0 if is_event else 1] += 1
    e_all, n_all = (sum(pair[side] for pair in rows.values()) for side in (0, 1))
    woe, iv = [], 0.0
    for place in range(len(edges) + any(math.isnan(value) for value in column)):
        e, n = rows.get(place, (0, 0))
        if e + n == 0:
            woe.append(0.0)
            continue
        more = 0.5 if 0 in (e, n) else 0.0
        p, q = (e + more) / e_all, (n + more) / n_all
        woe.append(math.log(p / q))
        iv += (p - q) * woe[-1]
    return {"woe": woe, "iv": iv, "events": [rows.get(i, (0, 0))[0] for i in range(len(woe))]}


def agrees(message: dict[str, Any], plain: dict[str, Any]) -> None:
    np.testing.assert_allclose(message["woeArray"], plain["woe"], atol=1e-12)
    assert message["iv"] == pytest.approx(plain["iv"], abs=1e-12)
    assert [int(count) for count in message["eventCountArray"]] == plain["events"]


@pytest.mark.parametrize("method", ["quantile", "bucket"])
async def test_evidence_of_all_parties_is_that_of_pooled_rows(play: Any, method: str) -> None:
    conf = {"method": method, "bin_num": 6, **OU}
    played = await play(hetero_feature_binning, conf, ports(hosts=2))
    param, event = played[G].model.param, labels(2) == 1
    for i, name in enumerate(["g0", "g1"]):
        own = param["binningResult"]["binningResult"][name]
        agrees(own, plainly(GUEST_X[:, i], own["splitPoints"], event))
    for h, seat in enumerate(HOSTS):
        mine = played[seat].model.param["binningResult"]["binningResult"]
        seen = param["hostResults"][h]
        assert (seen["role"], seen["partyId"]) == ("host", seat.party_id)
        for i, name in enumerate(["h0", "h1"]):
            edges = mine[name]["splitPoints"]
            found = seen["binningResult"][f"host_{seat.party_id}_x{i}"]
            agrees(found, plainly(HOST_X[h][:, i], edges, event))
            assert found["splitPoints"] == []


async def test_quantile_edges_are_the_least_values_at_their_ranks(play: Any) -> None:
    played = await play(hetero_feature_binning, {"bin_num": 4, "local_only": True}, ports())
    edges = played[G].summary["split_points"]["g0"]
    ordered = np.sort(GUEST_X[:, 0])
    assert edges == [ordered[ROWS * k // 4 - 1] for k in (1, 2, 3, 4)]
    assert played[G].model.param["hostResults"] == []
    assert [row.tag for row in played.ledger] == ["start"]


@pytest.mark.parametrize("classes", [4, 60])
async def test_every_class_of_many_is_told_apart(play: Any, classes: int) -> None:
    played = await play(hetero_feature_binning, {"bin_num": 5, **OU}, ports(classes))
    multi = played[G].model.param["multiClassResult"]
    assert multi["labels"] == [str(label) for label in range(classes)]
    assert list(played[G].summary["result"]) == multi["labels"]
    edges = played[HOSTS[0]].summary["split_points"]["h1"]
    for label in range(classes):
        event = labels(classes) == label
        own = multi["results"][label]["binningResult"]["g0"]
        agrees(own, plainly(GUEST_X[:, 0], own["splitPoints"], event))
        found = multi["hostResults"][label]["binningResult"]["host_10000_x1"]
        agrees(found, plainly(HOST_X[0][:, 1], edges, event))


@pytest.mark.parametrize("measure", ["iv", "gini", "chi_square", "ks"])
async def test_a_hosts_column_is_merged_as_the_guest_would_merge_it(
    play: Any, measure: str
) -> None:
    optimal = {"metric_method": measure, "init_bin_nums": 40, "min_bin_pct": 0.1}
    conf = {"method": "optimal", "bin_num": 4, "optimal_binning_param": optimal, **OU}
    seats = ports()
    both = np.column_stack([HOST_X[0][:, 1], GUEST_X[:, 1]])
    seats[G] = {"data": Table.instances(IDS, both, ["g0", "g1"], label=labels(2))}
    played = await play(hetero_feature_binning, conf, seats)
    own = played[G].model.param["binningResult"]["binningResult"]["g0"]
    edges = played[HOSTS[0]].summary["split_points"]["h1"]
    assert edges == own["splitPoints"]
    assert 2 <= len(edges) <= 4
    seen = played[G].model.param["hostResults"][0]["binningResult"]["host_10000_x1"]
    agrees(seen, plainly(HOST_X[0][:, 1], edges, labels(2) == 1))
    for field in ("woeArray", "ivArray", "optimalMetricArray", "eventCountArray"):
        assert seen[field] == own[field]
    counts = [
        int(e) + int(n)
        for e, n in zip(own["eventCountArray"], own["nonEventCountArray"], strict=True)
    ]
    assert min(counts[:-1]) >= 0.1 * (ROWS - 7)
    assert counts[-1] == 7


async def test_rows_become_bin_numbers_and_weights_also_with_the_model(play: Any) -> None:
    conf = {"bin_num": 4, **OU}
    confs = {G: {"transform_param": {"transform_cols": [0], "transform_type": "woe"}}}
    seats = ports()
    played = await play(hetero_feature_binning, conf, seats, None, confs)
    own = played[G].summary
    plain = np.array(own["woe"]["g0"])[
        np.searchsorted(own["split_points"]["g0"][:-1], seats[G]["data"].numbers("g0"))
    ]
    made = played[G].data[0]
    np.testing.assert_array_equal(made.numbers("g0"), plain)
    np.testing.assert_array_equal(made.numbers("g1"), seats[G]["data"].numbers("g1"))
    theirs = played[HOSTS[0]].data[0]
    assert theirs.numbers("h1")[:7].tolist() == [4] * 7
    assert set(theirs.numbers("h1")[7:].tolist()) == {0, 1, 2, 3}
    again = {
        seat: {"data": given["data"].take([3, 1]), "model": played[seat].model}
        for seat, given in seats.items()
    }
    later = await play(hetero_feature_binning, conf, again)
    assert later.ledger == []
    for seat in seats:
        assert later[seat].data[0].frame.equals(played[seat].data[0].take([3, 1]).frame)


async def test_category_columns_and_given_edges_are_taken_as_they_are(play: Any) -> None:
    conf = {
        "bin_indexes": [],
        "category_names": ["g1"],
        "split_points_by_index": {"0": [-0.5, 0.5, 9.0]},
        "local_only": True,
    }
    found = (await play(hetero_feature_binning, conf, {G: ports()[G]}))[G]
    assert found.summary["split_points"] == {"g0": [-0.5, 0.5, 9.0], "g1": [0.0, 1.0, 2.0, 3.0]}
    agrees(
        found.model.param["binningResult"]["binningResult"]["g1"],
        plainly(GUEST_X[:, 1], [0.0, 1.0, 2.0, 3.0], labels(2) == 1),
    )


async def test_a_host_that_is_not_asked_keeps_its_rows_where_bins_would_be_merged(
    play: Any,
) -> None:
    seats = ports()
    for confs in ({G: {"local_only": True}}, {HOSTS[0]: {"local_only": True}}):
        conf = {"method": "optimal", "bin_num": 3, **OU}
        played = await play(hetero_feature_binning, conf, seats, None, confs)
        np.testing.assert_array_equal(played[HOSTS[0]].data[0].features, HOST_X[0])
        assert len(played[G].summary["iv"]) == 2


async def test_a_host_may_keep_out_of_what_the_others_learn(play: Any) -> None:
    confs = {HOSTS[0]: {"skip_static": True}}
    played = await play(hetero_feature_binning, OU, ports(hosts=2), None, confs)
    seen = played[G].model.param["hostResults"]
    assert [len(host["binningResult"]) for host in seen] == [0, 2]
    assert len(played[HOSTS[0]].summary["split_points"]) == 2


async def test_skip_static_bins_without_labels_or_letters_about_them(play: Any) -> None:
    seats = ports()
    seats[G] = {"data": Table.instances(IDS, GUEST_X, ["g0", "g1"])}
    played = await play(hetero_feature_binning, {"skip_static": True}, seats)
    assert [row.tag for row in played.ledger] == ["start"]
    assert played[G].summary["iv"] == {}
    assert len(played[HOSTS[0]].summary["split_points"]["h0"]) == 10


async def test_what_leaves_is_what_is_declared_and_labels_leave_encrypted(play: Any) -> None:
    played = await play(hetero_feature_binning, {"bin_num": 5, **OU}, ports())
    sent = {(row.tag, row.sender): row.shape for row in played.ledger}
    assert set(sent) == {
        ("start", "guest:9999"),
        ("public_key", "guest:9999"),
        ("labels", "guest:9999"),
        ("bins", "host:10000"),
    }
    assert f"{ROWS} encrypted" in sent["labels", "guest:9999"]


async def test_a_curious_host_finds_no_two_labels_alike(play: Any) -> None:
    seen: list[int] = []

    async def curious(ch: Channel) -> None:
        await ch.guest.receive("start")
        ch.keyring.add(await ch.guest.receive("public_key"))
        for lane in await ch.guest.receive("labels"):
            seen.extend(lane.to_wire()["cells"].to_ints())
        raise InterruptedError

    with pytest.raises(InterruptedError):
        await play(hetero_feature_binning, OU, ports(), {HOSTS[0]: curious})
    assert len(set(seen)) == ROWS


async def test_a_host_does_not_answer_for_bins_below_its_floor(play: Any) -> None:
    confs = {HOSTS[0]: {"least_bin_rows": 8}}
    with pytest.raises(BinTooSmall, match="host:10000 have bins with fewer than 8 rows") as refusal:
        await play(hetero_feature_binning, OU, ports(), None, confs)
    assert set(refusal.value.facts) == {"least", "party"}
    assert "use fewer bins" in refusal.value.message
    confs = {HOSTS[0]: {"least_bin_rows": 7}}
    played = await play(hetero_feature_binning, OU, ports(), None, confs)
    assert "fewer than" not in played.reports[HOSTS[0]].text


async def test_a_host_is_told_in_its_log_of_bins_with_few_rows(play: Any) -> None:
    played = await play(hetero_feature_binning, {"bin_num": 40, **OU}, ports())
    assert "fewer than 5 rows" in played.reports[HOSTS[0]].text


async def test_parties_with_other_rows_are_told_to_intersect(play: Any) -> None:
    seats = ports()
    seats[HOSTS[0]] = {"data": seats[HOSTS[0]]["data"].take(list(range(1, ROWS)))}
    with pytest.raises(IdsDiffer, match="put an Intersection"):
        await play(hetero_feature_binning, OU, seats)


FITTING: dict[str, Any] = {
    "places": np.array([0]),
    "widths": np.array([2]),
    "merged": np.array([0]),
    "missing": np.array([0]),
    "rows": np.array([100, 20]),
    "sums": [],
    "wish": None,
}


@pytest.mark.parametrize(
    "change",
    [
        {"widths": np.array([3, 3])},
        {"rows": np.array([100, 19])},
        {"rows": np.array([-1, 121])},
        {"places": np.array([-1])},
        {"merged": np.array([1])},
        {"missing": np.array([2])},
        {"missing": np.array([0.0])},
    ],
)
def test_a_hosts_letter_that_does_not_fit_together_is_refused(change: dict[str, Any]) -> None:
    HostBins(**FITTING).check(HOSTS[0], ROWS, 0)
    with pytest.raises(UnfitLetter, match="host:10000 sent bins"):
        HostBins(**{**FITTING, **change}).check(HOSTS[0], ROWS, 0)


async def test_a_host_that_sends_no_sums_is_refused(play: Any) -> None:
    async def careless(ch: Channel) -> None:
        await ch.guest.receive("start")
        ch.keyring.add(await ch.guest.receive("public_key"))
        await ch.guest.receive("labels")
        await ch.guest.send("bins", HostBins(**FITTING))

    with pytest.raises(UnfitLetter, match="host:10000 sent bins"):
        await play(hetero_feature_binning, OU, ports(), {HOSTS[0]: careless})


async def test_more_events_than_rows_are_refused(play: Any) -> None:
    async def liar(ch: Channel) -> None:
        await ch.guest.receive("start")
        ch.keyring.add(await ch.guest.receive("public_key"))
        labels = await ch.guest.receive("labels")
        one = np.array([0])
        letter = HostBins(
            places=one,
            widths=np.array([2]),
            merged=one,
            missing=one,
            rows=np.array([0, ROWS]),
            sums=[labels[0].sum().reshape(1)],
            wish=None,
        )
        await ch.guest.send("bins", letter)

    with pytest.raises(UnfitLetter, match="host:10000 sent bins"):
        await play(hetero_feature_binning, OU, ports(), {HOSTS[0]: liar})


async def test_optimal_binning_needs_two_classes_and_woe_a_label(play: Any) -> None:
    with pytest.raises(DataProblem, match="labels of two classes"):
        await play(hetero_feature_binning, {"method": "optimal", **OU}, ports(classes=3))
    woe = {"transform_param": {"transform_type": "woe"}}
    with pytest.raises(InvalidParameters, match="use bin_num here"):
        await play(hetero_feature_binning, {**woe, **OU}, ports(), None, {G: {}})
    with pytest.raises(InvalidParameters, match="use bin_num here"):
        await play(hetero_feature_binning, {**woe, "skip_static": True}, {G: ports()[G]})


def test_every_wrong_parameter_is_named_at_once() -> None:
    wrong = {
        "method": "best",
        "bin_num": 1,
        "adjustment_factor": 0,
        "optimal_binning_param": {"min_bin_pct": 2, "metric_method": "auc"},
        "transform_param": {"transform_type": "logit"},
        "encrypt_param": {"method": "rot13"},
        "binnum": 3,
    }
    with pytest.raises(InvalidParameters) as refusal:
        HeteroBinningParams.parse(wrong)
    assert {problem.path for problem in refusal.value.problems} == {
        "method",
        "bin_num",
        "adjustment_factor",
        "optimal_binning_param.min_bin_pct",
        "optimal_binning_param.metric_method",
        "transform_param.transform_type",
        "encrypt_param.method",
        "binnum",
    }


def test_fields_of_the_first_fate_versions_keep_their_meaning() -> None:
    old = {"cols": [0, 2], "process_method": "fit", "display_result": "simple", "local_only": True}
    assert HeteroBinningParams.parse(old).bin_indexes == [0, 2]
    assert HeteroBinningParams.parse({"cols": -1}).bin_indexes == [-1]


def test_a_fate_job_with_every_field_is_taken() -> None:
    HeteroBinningParams.parse(
        {
            "method": "optimal",
            "compress_thres": 10000,
            "head_size": 10000,
            "error": 0.001,
            "bin_num": 10,
            "bin_indexes": -1,
            "bin_names": None,
            "category_indexes": None,
            "category_names": None,
            "adjustment_factor": 0.5,
            "local_only": False,
            "skip_static": False,
            "encrypt_param": {"key_length": 1024, "method": "iterativeAffine"},
            "need_run": True,
            "split_points_by_index": None,
            "split_points_by_col_name": None,
            "transform_param": {
                "transform_cols": -1,
                "transform_names": None,
                "transform_type": "bin_num",
            },
            "optimal_binning_param": {
                "metric_method": "chi-square",
                "min_bin_pct": 0.05,
                "max_bin_pct": 0.8,
                "init_bucket_method": "quantile",
                "init_bin_nums": 100,
                "mixture": True,
            },
        }
    )
