"""Which fine bins become one, and where columns are cut."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.components.features.binning.edges import binned, bucket_edges, quantile_edges
from federation.components.features.binning.evidence import Evidence
from federation.components.features.binning.exchange import lanes_of
from federation.components.features.binning.merging import Merging
from federation.components.features.binning.params import MERGED_BY, OptimalBinningParam
from federation.crypto import generate_keypair

COUNTS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=2, max_size=40)


def merging(bins: int = 4, **p: object) -> Merging:
    return Merging(OptimalBinningParam.parse(p), bins, 0.5)


@pytest.mark.parametrize("measure", MERGED_BY)
@given(COUNTS)
@settings(max_examples=25, deadline=None)
def test_bins_left_are_neighbours_few_enough_large_enough_and_mixed(
    measure: str, pairs: list[tuple[int, int]]
) -> None:
    e, n = np.array(pairs).T
    groups = merging(metric_method=measure, min_bin_pct=0.1).groups(e, e + n)
    assert groups[0] == 0
    assert set(np.diff(groups)) <= {0, 1}
    assert groups[-1] < 4
    events, others = np.bincount(groups, e), np.bincount(groups, n)
    if groups[-1] > 0:
        assert (events + others >= 0.1 * (e + n).sum()).all()
        assert (events > 0).all()
        assert (others > 0).all()


@pytest.mark.parametrize("measure", MERGED_BY)
def test_bins_that_differ_stay_apart(measure: str) -> None:
    e = np.array([1, 1, 1, 9, 9, 9, 1, 1, 1])
    groups = merging(3, metric_method=measure, min_bin_pct=0).groups(e, np.full(9, 10))
    assert groups.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]


@pytest.mark.parametrize("measure", ["iv", "gini", "chi_square"])
def test_no_bin_grows_beyond_its_share_while_others_can(measure: str) -> None:
    e = np.full(20, 5)
    groups = merging(5, metric_method=measure, max_bin_pct=0.3, min_bin_pct=0).groups(e, 2 * e)
    assert np.bincount(groups).max() <= 6


def test_merging_bins_never_adds_information() -> None:
    draw = np.random.default_rng(0)
    e, n = draw.integers(1, 50, (2, 30))
    fine = Evidence.of(e, e + n, 0.5)
    groups = merging(5, min_bin_pct=0).groups(e, e + n)
    events, rows = (np.bincount(groups, c).astype(int) for c in (e, e + n))
    assert 0 < Evidence.of(events, rows, 0.5).iv <= fine.iv


def test_more_classes_than_a_plaintext_has_room_for_take_more_of_them() -> None:
    public, _ = generate_keypair("ou", 2048)
    assert [slots.count for slots in lanes_of(30_000, 2, public)] == [1]
    many = [slots.count for slots in lanes_of(30_000, 100, public)]
    assert len(many) > 1
    assert sum(many) == 99


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60), st.integers(2, 12))
def test_every_value_is_in_the_bin_whose_edges_hold_it(values: list[float], count: int) -> None:
    column = np.array([*values, np.nan])
    for edges in (quantile_edges(column, count), bucket_edges(column, count)):
        places = binned(column, edges)
        assert len(edges) <= count
        assert edges[-1] == max(values)
        assert places[-1] == len(edges)
        for value, place in zip(values, places[:-1], strict=True):
            assert value <= edges[place]
            assert place == 0 or value > edges[place - 1]


def test_a_column_without_a_value_has_one_bin() -> None:
    column = np.full(3, np.nan)
    for edges in (quantile_edges(column, 5), bucket_edges(column, 5)):
        assert edges.tolist() == []
        assert binned(column, edges).tolist() == [0, 0, 0]


def test_bucket_edges_are_steps_of_one_width() -> None:
    assert bucket_edges(np.array([1.0, 2.0, 9.0]), 4).tolist() == [3.0, 5.0, 7.0, 9.0]
