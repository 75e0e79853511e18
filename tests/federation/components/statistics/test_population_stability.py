import numpy as np
import numpy.typing as npt
import pytest

from federation.components.statistics.binary import Scored
from federation.components.statistics.psi import EMPTY_SHARE, psi


def scored(scores: npt.NDArray[np.float64]) -> Scored:
    labels = (np.arange(len(scores)) % 2).astype(np.float64)
    return Scored.of(labels, scores)


def test_scores_that_have_not_moved_have_index_zero() -> None:
    train = scored(np.linspace(0, 1, 1000))
    found = psi(train, train)
    assert found.total == 0
    assert len(found.scores) == len(found.intervals) == 20


def test_the_training_rows_are_spread_evenly_over_the_bins() -> None:
    found = psi(scored(np.linspace(0, 1, 1000)), scored(np.linspace(0, 1, 77)))
    assert set(found.expected.counts.tolist()) <= {49, 50, 51}
    assert found.actual.counts.sum() == 77


def test_the_index_is_the_sum_over_the_bins_of_the_definition() -> None:
    rng = np.random.default_rng(3)
    train, validate = rng.beta(2, 3, 2000), rng.beta(3, 2, 500)
    edges = np.quantile(train, np.arange(1, 20) / 20, method="nearest")
    edges = np.concatenate([[-np.inf], edges, [np.inf]])
    expected, actual = (np.histogram(x, edges)[0] / len(x) for x in (train, validate))
    expected, actual = np.maximum(expected, 1e-6), np.maximum(actual, 1e-6)
    by_hand = np.sum((actual - expected) * np.log(actual / expected))
    assert psi(scored(train), scored(validate)).total == pytest.approx(by_hand)


def test_scores_outside_those_of_training_fall_into_the_outer_bins() -> None:
    found = psi(scored(np.linspace(0.4, 0.6, 100)), scored(np.array([0.0, 1.0])))
    assert (found.actual.counts[0], found.actual.counts[-1]) == (1, 1)
    assert found.intervals[0].startswith("(-inf, ")
    assert found.intervals[-1].endswith(", inf)")


def test_an_empty_bin_counts_as_a_millionth() -> None:
    found = psi(scored(np.linspace(0, 1, 100)), scored(np.array([0.5, 0.5])))
    assert np.count_nonzero(found.actual.shares == EMPTY_SHARE) == 19


def test_one_score_for_all_makes_one_bin() -> None:
    found = psi(scored(np.full(10, 0.5)), scored(np.array([0.1, 0.9])))
    assert (found.total, found.intervals) == (0, ("(-inf, inf)",))


def test_the_share_of_positives_is_counted_per_bin() -> None:
    labels, scores = np.array([0.0, 0.0, 1.0, 1.0]), np.array([0.1, 0.2, 0.8, 0.9])
    found = psi(Scored.of(labels, scores), Scored.of(labels, scores))
    assert found.expected.positive.tolist() == [0, 0, 1]
    assert found.expected.counts.tolist() == [1, 1, 2]
