import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from federation.components.statistics.binary import (
    CUTS,
    MOST_ROC_POINTS,
    Scored,
    auc,
    gain,
    ks,
    ks_curves,
    lift,
    over_cuts,
    roc,
)

Vector = npt.NDArray[np.float64]
Columns = tuple[Vector, Vector]


@st.composite
def columns(draw: st.DrawFn) -> Columns:
    """Labels of both classes and scores, many of them tied."""
    rows = draw(st.lists(st.tuples(st.booleans(), st.integers(0, 20)), min_size=2, max_size=60))
    labels, scores = np.array(rows, dtype=np.float64).T
    labels[:2] = 0, 1
    return labels, scores / 20


def breast_like(rows: int, seed: int = 7) -> Columns:
    rng = np.random.default_rng(seed)
    labels = (rng.random(rows) < 0.4).astype(np.float64)
    return labels, 1 / (1 + np.exp(-rng.normal(labels * 2 - 1)))


@given(columns())
def test_auc_is_that_of_scikit_learn(given_columns: Columns) -> None:
    labels, scores = given_columns
    assert auc(Scored.of(labels, scores)) == pytest.approx(sk.roc_auc_score(labels, scores))


def test_auc_is_one_half_when_every_score_is_tied() -> None:
    assert auc(Scored.of(np.array([0.0, 1.0, 1.0]), np.full(3, 0.3))) == 0.5


@given(columns())
def test_auc_and_ks_depend_on_the_order_of_the_scores_alone(given_columns: Columns) -> None:
    labels, scores = given_columns
    one, other = Scored.of(labels, scores), Scored.of(labels, np.exp(scores) * 3 - 9)
    assert (auc(one), ks(one)) == (auc(other), ks(other))


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_auc_and_ks_of_one_class_are_not_a_number(label: float) -> None:
    scored = Scored.of(np.full(3, label), np.array([0.1, 0.2, 0.3]))
    assert np.isnan(auc(scored))
    assert np.isnan(ks(scored))


def test_the_positive_label_can_be_another_one() -> None:
    labels, scores = np.array([2.0, 2.0, -1.0]), np.array([0.1, 0.2, 0.9])
    assert auc(Scored.of(labels, scores, pos_label=2)) == 0
    assert auc(Scored.of(labels, scores, pos_label=-1)) == 1


@given(columns())
def test_roc_is_that_of_scikit_learn(given_columns: Columns) -> None:
    labels, scores = given_columns
    curve = roc(Scored.of(labels, scores))
    fpr, tpr, thresholds = sk.roc_curve(labels, scores)
    np.testing.assert_allclose(curve.x, fpr)
    np.testing.assert_allclose(curve.y, tpr)
    np.testing.assert_allclose(curve.thresholds[1:], thresholds[1:])
    assert curve.thresholds[0] == scores.max() + 1


def test_a_long_roc_is_thinned_and_keeps_its_ends() -> None:
    curve = roc(Scored.of(*breast_like(20_000)))
    assert len(curve.x) == MOST_ROC_POINTS
    assert (curve.x[0], curve.y[0], curve.x[-1], curve.y[-1]) == (0, 0, 1, 1)


@given(columns())
def test_ks_of_up_to_a_hundred_rows_is_the_largest_distance_of_all(given_columns: Columns) -> None:
    labels, scores = given_columns
    fpr, tpr, _ = sk.roc_curve(labels, scores, drop_intermediate=False)
    assert ks(Scored.of(labels, scores)) == pytest.approx(np.max(tpr - fpr))


def test_ks_of_many_rows_looks_only_at_a_hundred_of_them() -> None:
    labels, scores = breast_like(569)
    descending = np.sort(scores)[::-1]
    best = max(
        (scores[labels == 1] > descending[569 * cut // 100]).mean()
        - (scores[labels == 0] > descending[569 * cut // 100]).mean()
        for cut in range(100)
    )
    assert ks(Scored.of(labels, scores)) == pytest.approx(best)


def test_the_ks_curves_run_from_nothing_to_everything_over_the_cuts() -> None:
    for curve in ks_curves(Scored.of(*breast_like(569))):
        np.testing.assert_array_equal(curve.x, np.arange(101) / 100)
        assert (curve.y[0], curve.y[-1]) == (0, 1)
        assert np.all(np.diff(curve.y) >= 0)
        assert np.all(np.diff(curve.thresholds) <= 0)


@pytest.mark.parametrize("measure", ["accuracy", "precision", "recall"])
def test_a_curve_over_cuts_is_scikit_learns_value_at_every_threshold(measure: str) -> None:
    labels, scores = breast_like(150)
    curve = over_cuts(Scored.of(labels, scores), measure)
    assert len(curve.x) == len(curve.y) == len(curve.thresholds) == 101
    for value, threshold in zip(curve.y[1:], curve.thresholds[1:], strict=True):
        said = (scores > threshold).astype(np.float64)
        assert value == pytest.approx(getattr(sk, f"{measure}_score")(labels, said))


@given(columns())
def test_the_last_threshold_predicts_every_row_positive(given_columns: Columns) -> None:
    labels, scores = given_columns
    scored = Scored.of(labels, scores)
    assert over_cuts(scored, "recall").y[-1] == 1
    assert over_cuts(scored, "precision").y[-1] == pytest.approx(labels.mean())
    assert over_cuts(scored, "accuracy").y[-1] == pytest.approx(labels.mean())


def test_the_first_cut_stands_at_the_highest_score_where_nothing_is_predicted() -> None:
    curve = over_cuts(Scored.of(np.array([0.0, 1.0]), np.array([0.2, 0.7])), "precision")
    assert (curve.x[0], curve.y[0], curve.thresholds[0]) == (0, 1, 0.7)


def test_thresholds_step_over_the_distinct_scores() -> None:
    scores = np.concatenate([np.full(500, 0.9), [0.1, 0.2, 0.3]])
    scored = Scored.of(np.ones(503), scores)
    np.testing.assert_array_equal(scored.score_thresholds[[0, 25, 50, 75]], [0.9, 0.3, 0.2, 0.1])
    assert set(scored.row_thresholds[:-1]) == {0.9}


def test_gain_and_lift_are_the_shares_above_each_threshold() -> None:
    labels, scores = breast_like(569)
    scored = Scored.of(labels, scores)
    for curve in (gain(scored), lift(scored)):
        assert len(curve.x) == 101
        assert (curve.x[-1], curve.y[-1]) == (1, 1)
    at = 40
    above = scores > gain(scored).thresholds[at]
    found = labels[above].sum() / labels.sum()
    assert gain(scored).x[at] == lift(scored).x[at] == pytest.approx(above.mean())
    assert gain(scored).y[at] == pytest.approx(found)
    assert lift(scored).y[at] == pytest.approx(found / above.mean())


@given(columns(), st.floats(-0.1, 1.1))
def test_the_confusion_counts_every_row_once(given_columns: Columns, threshold: float) -> None:
    labels, scores = given_columns
    confusion = Scored.of(labels, scores).at(np.array([threshold]))
    said = scores > threshold
    assert confusion.tp[0] == np.sum(said & (labels == 1))
    assert confusion.fp[0] == np.sum(said & (labels == 0))
    assert confusion.tn[0] == np.sum(~said & (labels == 0))
    assert confusion.fn[0] == np.sum(~said & (labels == 1))


@given(columns(), st.floats(0, 0.99))
def test_f1_is_that_of_scikit_learn_for_either_class(
    given_columns: Columns, threshold: float
) -> None:
    labels, scores = given_columns
    confusion = Scored.of(labels, scores).at(np.array([threshold]))
    said = (scores > threshold).astype(np.float64)
    ours = (confusion.f1[0], confusion.negative.f1[0])
    theirs = [sk.f1_score(labels, said, pos_label=label, zero_division=0) for label in (1, 0)]
    np.testing.assert_allclose(ours, theirs)


def test_the_quantiles_part_the_rows_in_twenty() -> None:
    scored = Scored.of(np.ones(2001), np.arange(2001) / 2000)
    np.testing.assert_allclose(scored.quantiles, np.arange(21) / 20)


def test_the_cuts_are_a_hundred_equal_steps() -> None:
    assert len(CUTS) == 101
    np.testing.assert_allclose(np.diff(CUTS), 0.01)
