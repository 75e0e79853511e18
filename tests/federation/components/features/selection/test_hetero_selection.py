"""HeteroFeatureSelection: the same features as on pooled columns, for every filter of FATE."""

import asyncio
import math
from typing import Any

import numpy as np
import pytest

from federation.channel import Channel
from federation.components.common.columns import NoSuchColumn
from federation.components.common.unfit import UnfitLetter
from federation.components.component import Model
from federation.components.features.binning.hetero import hetero_feature_binning
from federation.components.features.selection.hetero import (
    FiltersDiffer,
    Plan,
    hetero_feature_selection,
)
from federation.components.features.selection.params import FILTERS, SelectionParams
from federation.components.features.selection.sources import ModelMissing
from federation.components.statistics.data_statistics import data_statistics
from federation.errors import InvalidParameters
from federation.spec.party import GUEST, HOST, Party
from federation.tables import Table

G = Party(GUEST, "9999")
H, H2 = Party(HOST, "10000"), Party(HOST, "10001")
ROWS = 90
DRAW = np.random.default_rng(2)
SCORE = DRAW.normal(size=ROWS)
LABEL = (SCORE > 0.2).astype(float)
NOISE = [DRAW.normal(size=ROWS) for _ in range(8)]
X = {
    G: np.column_stack([SCORE + NOISE[0], NOISE[1] + 9, np.full(ROWS, 3.0), SCORE + 2 * NOISE[2]]),
    H: np.column_stack([SCORE * 3 + NOISE[3], NOISE[4], SCORE + NOISE[5]]),
    H2: np.column_stack([NOISE[6], SCORE + NOISE[7] / 2]),
}
NAMES = {G: ["g0", "g1", "g2", "g3"], H: ["h0", "h1", "h2"], H2: ["k0", "k1"]}


TWO_FIFTHS = {
    "filter_methods": ["iv_percentile"],
    "iv_percentile_param": {"percentile_threshold": 0.4},
}


def table(party: Party) -> Table:
    ids = [f"r{i:02d}" for i in range(ROWS)]
    label = LABEL if party == G else None
    return Table.instances(ids, X[party], NAMES[party], label=label)


@pytest.fixture(scope="module")
def models(play: Any) -> dict[Party, tuple[Model, ...]]:
    """Of each party a binning's and a DataStatistics' model."""
    seats = {party: {"data": table(party)} for party in (G, H, H2)}
    conf = {"bin_num": 4, "encrypt_param": {"method": "OU"}}
    bins = asyncio.run(play(hetero_feature_binning, conf, seats))
    named = {"statistics": ["mean", "std", "95%"]}
    statistics = asyncio.run(play(data_statistics, named, seats))
    return {party: (bins[party].model, statistics[party].model) for party in seats}


async def ran(
    play: Any, models: Any, conf: dict[str, Any], hosts: tuple[Party, ...] = (H, H2), **more: Any
) -> Any:
    seats = {
        party: {"data": table(party), "isometric_model": models.get(party, ())}
        for party in (G, *hosts)
    }
    return await play(hetero_feature_selection, conf, seats, **more)


def left(played: Any) -> dict[str, list[str]]:
    return {
        str(party): list(result.data[0].feature_names) for party, result in played.results.items()
    }


def ivs(models: Any) -> dict[tuple[Party, int], float]:
    """Information value of every column, by owner and place, as the binning's guest has it."""
    state = models[G][0].state
    found = {(G, NAMES[G].index(name)): iv for name, iv in state["ivs"][0].items()}
    for host in state["hosts"]:
        for place, iv in zip(host["places"], host["ivs"][0], strict=True):
            found[Party(HOST, host["party_id"]), place] = iv
    return found


def named(keys: Any) -> dict[str, list[str]]:
    made: dict[str, list[str]] = {str(party): [] for party in (G, H, H2)}
    for party, place in sorted(keys, key=str):
        made[str(party)].append(NAMES[party][place])
    return made


async def test_filters_by_own_rows_are_each_partys_own(play: Any, models: Any) -> None:
    conf = {
        "filter_methods": ["unique_value", "coefficient_of_variation_value_thres", "outlier_cols"],
        "variance_coe_param": {"value_threshold": 0.3},
        "outlier_param": {"percentile": 0.9, "upper_threshold": 3.5},
    }
    played = await ran(play, {}, conf)
    plain = {}
    for party, columns in X.items():
        plain[str(party)] = [
            name
            for name, x in zip(NAMES[party], columns.T, strict=True)
            if np.ptp(x) >= 1e-5
            and abs(np.std(x) / np.mean(x)) >= 0.3
            and sorted(x)[math.ceil(0.9 * ROWS) - 1] <= 3.5
        ]
    assert plain["guest:9999"] == ["g0", "g3"]
    assert plain["host:10000"] == ["h1", "h2"]
    assert left(played) == plain
    assert {row.tag for row in played.ledger} == {"plan"}


async def test_a_column_that_is_nearly_one_value_goes(play: Any) -> None:
    conf = {"filter_methods": ["percentage_value"], "percentage_value_param": {"upper_pct": 0.9}}
    assert left(await ran(play, {}, conf, ()))["guest:9999"] == ["g0", "g1", "g3"]


@pytest.mark.parametrize("count", [1, 3, 5])
async def test_the_best_columns_of_all_parties_stay(play: Any, models: Any, count: int) -> None:
    conf = {
        "filter_methods": ["iv_filter"],
        "iv_param": {"filter_type": "top_k", "threshold": count, "metrics": "iv"},
    }
    played = await ran(play, models, conf)
    every = ivs(models)
    best = set(sorted(every, key=lambda key: -every[key])[:count])
    for party in (G, H, H2):
        if not any(owner == party for owner, _ in best):
            best.add(max((key for key in every if key[0] == party), key=lambda key: every[key]))
    assert left(played) == named(best)
    assert {row.tag for row in played.ledger} == {"plan", "candidates", "kept"}


async def test_thresholds_of_hosts_are_their_own(play: Any, models: Any) -> None:
    every = ivs(models)
    conf = {
        "filter_methods": ["iv_filter"],
        "iv_param": {"threshold": 0.2, "host_thresholds": [0.5, 99]},
    }
    played = await ran(play, models, conf)
    limits = {G: 0.2, H: 0.5}
    plain = {key for key, iv in every.items() if key[0] in limits and iv >= limits[key[0]]}
    plain.add((H2, max((0, 1), key=lambda place: every[H2, place])))
    assert left(played) == named(plain)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            {"filter_methods": ["iv_value_thres"], "iv_value_param": {"value_threshold": 0.3}},
            {"filter_methods": ["iv_filter"], "iv_param": {"threshold": 0.3}},
        ),
        (
            {
                "filter_methods": ["iv_percentile"],
                "iv_percentile_param": {"percentile_threshold": 0.4},
            },
            {
                "filter_methods": ["iv_filter"],
                "iv_param": {"filter_type": "top_percentile", "threshold": 0.4},
            },
        ),
        (
            {"filter_methods": ["iv_top_k"], "iv_top_k_param": {"k": 4, "local_only": True}},
            {
                "filter_methods": ["iv_filter"],
                "iv_param": {"filter_type": "top_k", "threshold": 4, "select_federated": False},
            },
        ),
    ],
)
async def test_old_filters_are_todays_in_other_words(
    play: Any, models: Any, old: dict[str, Any], new: dict[str, Any]
) -> None:
    made = [left(await ran(play, models, conf)) for conf in (old, new)]
    assert made[0] == made[1]
    assert any(len(names) < len(X[G].T) for names in made[0].values())


async def test_the_share_of_the_best_is_rounded_up(play: Any, models: Any) -> None:
    conf = {
        "filter_methods": ["iv_percentile"],
        "iv_percentile_param": {"percentile_threshold": 0.4},
    }
    played = await ran(play, models, conf)
    assert sum(map(len, left(played).values())) == math.ceil(0.4 * 9)


async def test_statistics_of_each_party_decide_at_that_party(play: Any, models: Any) -> None:
    conf = {
        "filter_methods": ["statistic_filter"],
        "statistic_param": {
            "metrics": ["mean", "std"],
            "filter_type": ["threshold", "top_k"],
            "take_high": [False, True],
            "threshold": [1.0, 2],
        },
    }
    played = await ran(play, models, conf)
    for party, columns in X.items():
        low = [place for place, x in enumerate(columns.T) if np.mean(x) <= 1.0]
        best = sorted(low, key=lambda place: -np.std(columns[:, place]))[:2]
        assert left(played)[str(party)] == [NAMES[party][place] for place in sorted(best)]
    assert {row.tag for row in played.ledger} == {"plan"}


async def test_named_columns_go_and_names_of_nobody_are_told(play: Any) -> None:
    conf = {
        "filter_methods": ["manually"],
        "manually_param": {"filter_out_indexes": [1], "filter_out_names": ["g3", "k9"]},
    }
    played = await ran(play, {}, conf, (H,))
    assert left(played) == {"guest:9999": ["g0", "g2"], "host:10000": ["h0", "h2"]}
    assert "called k9" in played.reports[G].text
    with pytest.raises(NoSuchColumn, match="positions 7"):
        await ran(play, {}, {**conf, "manually_param": {"filter_out_indexes": [7]}}, ())


async def test_named_columns_stay_also_by_their_anonymous_names(play: Any) -> None:
    conf = {
        "filter_methods": ["manually"],
        "use_anonymous": True,
        "manually_param": {"left_col_names": ["guest_9999_x2", "host_10000_x0", "host_10000_x1"]},
    }
    played = await ran(play, {}, conf, (H,))
    assert left(played) == {"guest:9999": ["g2"], "host:10000": ["h0", "h1"]}


async def test_only_chosen_columns_may_go_and_one_always_stays(play: Any, models: Any) -> None:
    conf = {
        "select_col_indexes": [0, 1],
        "filter_methods": ["iv_filter"],
        "iv_param": {"threshold": 1e9},
    }
    played = await ran(play, models, conf, (H,))
    every = ivs(models)
    for party in (G, H):
        best = max((0, 1), key=lambda place: every[party, place])
        plain = [name for place, name in enumerate(NAMES[party]) if place > 1 or place == best]
        assert left(played)[str(party)] == plain


def pearson(names: list[str], corr: Any, remote: Any = None) -> Model:
    state = {
        "names": names,
        "local_corr": corr,
        "vif": [1.0, 9.0, 2.0, 3.0][: len(names)],
        "remote": remote or [],
    }
    return Model("HeteroPearson", {}, {}, state)


async def test_of_two_columns_that_go_together_the_weaker_goes(play: Any, models: Any) -> None:
    """g0 stays by its information value and takes h0 along; g3 goes with h1, which goes too."""
    every = ivs(models)
    own = np.eye(4)
    own[0, 3] = own[3, 0] = 0.9
    across = [[0.8, 0.0, 0.0], [0.0] * 3, [0.0] * 3, [0.0, 0.0, 0.95]]
    remote = [{"role": "host", "party_id": "10000", "places": [0, 1, 2], "corr": across}]
    bound = dict(models)
    bound[G] = (models[G][0], pearson(NAMES[G], own.tolist(), remote))
    conf = {"filter_methods": ["correlation_filter"], "correlation_param": {"threshold": 0.7}}
    played = await ran(play, bound, conf, (H,))
    pairs = [((G, 0), (G, 3)), ((G, 0), (H, 0)), ((G, 3), (H, 2))]
    stay: set[Any] = set()
    for key in sorted((key for key in every if key[0] != H2), key=lambda key: -every[key]):
        if not any({key, other} == set(pair) for other in stay for pair in pairs):
            stay.add(key)
    assert left(played) == {k: v for k, v in named(stay).items() if k != str(H2)}
    assert len(stay) < 7


async def test_columns_that_follow_from_others_go_by_vif_and_psi(play: Any) -> None:
    stability = Model("PSI", {}, {}, {"scores": {"g0": 0.5, "g1": 0.01, "g2": 0.02, "g3": 0.03}})
    bound = {G: (pearson(NAMES[G], []), stability)}
    conf = {"filter_methods": ["vif_filter", "psi_filter"], "psi_param": {"threshold": 0.1}}
    assert left(await ran(play, bound, conf, ()))["guest:9999"] == ["g2", "g3"]


@pytest.mark.parametrize(
    ("method", "module"),
    [
        ("hetero_sbt_filter", "HeteroSecureBoost"),
        ("hetero_fast_sbt_filter", "HeteroFastSecureBoost"),
    ],
)
async def test_features_that_trees_use_most_stay(play: Any, method: str, module: str) -> None:
    rows = [
        {"sitename": "guest:9999", "fid": 3, "importance": 4.0, "fullname": "g3"},
        {"sitename": "host:10000", "fid": 2, "importance": 9.0, "fullname": "host_10000_2"},
        {"sitename": "host:10000", "fid": 1, "importance": 2.0, "fullname": "host_10000_x1"},
    ]
    bound = {G: (Model(module, {}, {"featureImportances": rows}, {}),)}
    conf = {"filter_methods": [method], "sbt_param": {"threshold": 3}}
    played = await ran(play, bound, conf, (H,))
    assert left(played) == {"guest:9999": ["g3"], "host:10000": ["h2"]}


async def test_the_model_selects_later_rows_without_letters(play: Any, models: Any) -> None:
    conf = {"filter_methods": ["iv_top_k"], "iv_top_k_param": {"k": 4}}
    first = await ran(play, models, conf)
    seats = {p: {"data": table(p), "model": first[p].model} for p in (G, H, H2)}
    later = await play(hetero_feature_selection, {}, seats)
    assert left(later) == left(first)
    assert later.ledger == []
    assert later[G].data[0].label.tolist() == LABEL.tolist()


async def test_model_and_summary_are_fates(play: Any, models: Any) -> None:
    conf = {"filter_methods": ["unique_value", "iv_filter"], "iv_param": {"threshold": 0.3}}
    found = (await ran(play, models, conf, (H,)))[G]
    unique = found.summary["unique_value"]
    assert unique == {
        "last_col_nums": 4,
        "left_col_nums": 3,
        "left_col_names": ["g0", "g1", "g3"],
    }
    assert found.summary["all"]["left_col_names"] == list(found.data[0].feature_names)
    param = found.model.param
    assert [result["filterName"] for result in param["results"]] == ["unique_value", "iv_filter"]
    by_iv = param["results"][1]
    assert set(by_iv["hostFeatureValues"][0]["featureValues"]) == {
        "host_10000_x0",
        "host_10000_x1",
        "host_10000_x2",
    }
    assert param["finalLeftCols"]["leftCols"]["g2"] is False
    assert param["hostColNames"][0]["partyId"] == "10000"
    assert [meta["metrics"] for meta in found.model.meta["filterMetas"]] == ["unique_value", "iv"]


async def test_a_filter_without_its_model_says_which_to_bind(play: Any, models: Any) -> None:
    for method in set(FILTERS) - {
        "manually",
        "unique_value",
        "percentage_value",
        "outlier_cols",
        "coefficient_of_variation_value_thres",
    }:
        with pytest.raises(ModelMissing, match=f"{method} goes by.*isometric_model"):
            await ran(play, {}, {"filter_methods": [method]}, ())
    conf = {"filter_methods": ["statistic_filter"], "statistic_param": {"metrics": "kurtosis"}}
    with pytest.raises(ModelMissing, match="statistics with kurtosis"):
        await ran(play, models, conf, ())


async def test_parties_with_other_filters_are_refused(play: Any) -> None:
    confs = {H: {"filter_methods": ["unique_value"]}}
    with pytest.raises(FiltersDiffer, match="under common"):
        await ran(play, {}, {"filter_methods": ["manually"]}, (H,), confs=confs)


@pytest.mark.parametrize("places", [[1, 0], [0, 0], [-1], [0.0]])
async def test_candidates_that_are_no_places_are_refused(
    play: Any, models: Any, places: list[Any]
) -> None:
    async def careless(ch: Channel) -> None:
        await ch.guest.receive("plan")
        await ch.scope("filter", 0).guest.send("candidates", np.array(places))

    with pytest.raises(UnfitLetter, match="host:10000 sent candidates"):
        await ran(play, models, {"filter_methods": ["iv_filter"]}, (H,), instead={H: careless})


async def test_a_guest_can_not_keep_what_a_host_does_not_offer(play: Any) -> None:
    async def greedy(ch: Channel) -> None:
        await ch.hosts.send("plan", Plan(filters=["iv_filter"], decided=[True]))
        await ch.scope("filter", 0).hosts.gather("candidates")
        await ch.scope("filter", 0).hosts.send("kept", np.array([7]))

    with pytest.raises(UnfitLetter, match="guest:9999 sent kept"):
        await ran(play, {}, {"filter_methods": ["iv_filter"]}, (H,), instead={G: greedy})


def test_every_wrong_field_is_named_at_once() -> None:
    wrong = {
        "filter_methods": ["iv_filtr", "manually"],
        "unique_param": {"eps": -1},
        "iv_param": {"filter_type": "best"},
        "percentage_value_param": {"upper_pct": 0.01},
        "statistic_param": {"metrics": ["mean", "std"], "threshold": [1, 2, 3]},
        "manually_param": {"filter_out_indexes": [1], "left_col_indexes": [2]},
        "vif_param": {"filter_type": "top_k", "threshold": 1.5},
        "columns": [],
    }
    with pytest.raises(InvalidParameters) as refusal:
        SelectionParams.parse(wrong)
    assert {problem.path for problem in refusal.value.problems} == {
        "filter_methods.0",
        "unique_param.eps",
        "iv_param.filter_type.0",
        "percentage_value_param.upper_pct",
        "statistic_param",
        "manually_param",
        "vif_param",
        "columns",
    }


def test_fields_of_the_first_fate_versions_keep_their_meaning() -> None:
    p = SelectionParams.parse(
        {
            "select_cols": [1],
            "filter_method": ["unique_value", "coefficient_of_variation_value_thres"],
            "coe_param": {"value_threshold": 0.3},
            "local_only": True,
        }
    )
    assert p.select_col_indexes == [1]
    assert p.filter_methods == ["unique_value", "coefficient_of_variation_value_thres"]
    assert p.variance_coe_param.value_threshold == 0.3


@pytest.mark.parametrize("merged", [["average"], ["max"], ["min"], ["max", "min"]])
async def test_information_about_many_labels_is_merged_as_asked(
    play: Any, merged: list[str]
) -> None:
    seats: dict[Party, dict[str, Any]] = {party: {"data": table(party)} for party in (G, H)}
    label = np.digitize(SCORE, [-0.5, 0.5]).astype(float)
    seats[G] = {"data": Table.instances(table(G).ids, X[G], NAMES[G], label=label)}
    conf = {"bin_num": 3, "encrypt_param": {"method": "OU"}}
    bins = await play(hetero_feature_binning, conf, seats)
    state = bins[G].model.state
    merges = [{"average": np.mean, "max": np.max, "min": np.min}[word] for word in merged]
    own = np.array([[one[name] for name in NAMES[G]] for one in state["ivs"]])
    both = np.hstack([own, np.array(state["hosts"][0]["ivs"])])
    values = np.array([merge(both, axis=0) for merge in merges])
    limits = np.median(values, axis=1)
    for party, given in seats.items():
        given["isometric_model"] = (bins[party].model,)
    rule = {
        "metrics": ["iv"] * len(merged),
        "threshold": limits.tolist(),
        "mul_class_merge_type": merged,
    }
    conf = {"filter_methods": ["iv_filter"], "iv_param": rule}
    played = await play(hetero_feature_selection, conf, seats)
    stays = dict(zip(NAMES[G] + NAMES[H], (values >= limits[:, None]).all(axis=0), strict=True))
    assert left(played) == {
        "guest:9999": [name for name in NAMES[G] if stays[name]],
        "host:10000": [name for name in NAMES[H] if stays[name]],
    }


def test_fields_of_all_fate_versions_are_taken() -> None:
    SelectionParams.parse(
        {
            "select_col_indexes": -1,
            "select_names": [],
            "filter_methods": ["manually", "unique_value", "iv_filter", "psi_filter"],
            "manually_param": {"filter_out_indexes": [0], "filter_out_names": None},
            "unique_param": {"eps": 1e-6},
            "iv_param": {
                "metrics": ["iv", "iv"],
                "filter_type": ["top_k", "threshold"],
                "take_high": True,
                "threshold": [10, 0.001],
                "host_thresholds": None,
                "mul_class_merge_type": ["max", "average"],
            },
            "iv_value_param": {
                "value_threshold": 1.0,
                "host_thresholds": [0.1],
                "local_only": False,
            },
            "iv_percentile_param": {"percentile_threshold": 0.9},
            "iv_top_k_param": {"k": 5},
            "variance_coe_param": {"value_threshold": 0.3},
            "outlier_param": {"percentile": 0.95, "upper_threshold": 2.0},
            "percentage_value_param": {"upper_pct": 0.9},
            "psi_param": {"metrics": "psi", "take_high": False, "threshold": -0.1},
            "vif_param": {"threshold": 5},
            "sbt_param": {"metrics": "feature_importance", "threshold": 0.1},
            "correlation_param": {"sort_metric": "iv", "threshold": 0.9},
            "use_anonymous": False,
            "need_run": True,
        }
    )
