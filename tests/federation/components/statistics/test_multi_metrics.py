import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from federation.components.statistics.multi import Agreement

PAIRS = st.lists(st.tuples(st.integers(-1, 4), st.integers(-1, 4)), min_size=1, max_size=60)


@given(PAIRS)
def test_precision_recall_and_accuracy_are_those_of_scikit_learn(
    rows: list[tuple[int, int]],
) -> None:
    labels, said = np.array(rows, dtype=np.float64).T
    found = Agreement.of(labels, said)
    precision = sk.precision_score(labels, said, average=None, zero_division=0)
    recall = sk.recall_score(labels, said, average=None, zero_division=0)
    np.testing.assert_allclose(found.precision, precision)
    np.testing.assert_allclose(found.recall, recall)
    np.testing.assert_allclose(found.accuracy, sk.accuracy_score(labels, said))


def test_a_class_that_was_never_true_is_listed_too() -> None:
    found = Agreement.of(np.array([0.0, 0.0, 2.0]), np.array([0.0, 3.0, 2.0]))
    assert found.classes.tolist() == [0, 2, 3]
    assert found.precision.tolist() == [1, 1, 0]
    assert found.recall.tolist() == [0.5, 1, 0]
