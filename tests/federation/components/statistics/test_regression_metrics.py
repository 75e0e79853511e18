import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn import metrics as sk

from federation.components.statistics.regression import MEASURES

NUMBERS = st.floats(-0.9, 1e4)
PAIRS = st.lists(st.tuples(NUMBERS, NUMBERS), min_size=2, max_size=40)

OF_SKLEARN = {
    "explained_variance": sk.explained_variance_score,
    "mean_absolute_error": sk.mean_absolute_error,
    "mean_squared_error": sk.mean_squared_error,
    "mean_squared_log_error": sk.mean_squared_log_error,
    "median_absolute_error": sk.median_absolute_error,
    "r2_score": sk.r2_score,
    "root_mean_squared_error": sk.root_mean_squared_error,
}


@pytest.mark.parametrize("name", list(MEASURES))
@given(rows=PAIRS)
def test_a_measure_is_that_of_scikit_learn(name: str, rows: list[tuple[float, float]]) -> None:
    truth, predicted = np.array(rows).T
    assume(np.var(truth) > 1e-6)
    ours = MEASURES[name](truth, predicted)
    assert ours == pytest.approx(OF_SKLEARN[name](truth, predicted), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("name", ["r2_score", "explained_variance"])
def test_a_truth_that_does_not_vary_can_not_be_explained(name: str) -> None:
    assert np.isnan(MEASURES[name](np.ones(3), np.array([1.0, 2.0, 3.0])))


def test_the_log_error_of_a_value_of_minus_one_is_not_a_number() -> None:
    assert np.isnan(MEASURES["mean_squared_log_error"](np.array([-1.0, 2.0]), np.ones(2)))
