"""Optimizers, batches, rows, predictions and convergence by themselves."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.components.linear.batches import BatchTooSmall, check_batches, cut, drawn_batch
from federation.components.linear.convergence import Convergence
from federation.components.linear.lr_model import predictions
from federation.components.linear.optimizers import first_weights, learning_rate, updated
from federation.components.linear.params import LogisticParams
from federation.components.linear.rows import SAMPLE_WEIGHT, classes_of, rows_of
from federation.errors import DataProblem, DuplicateIds
from federation.tables import Table


def params(**conf: Any) -> LogisticParams:
    return LogisticParams.parse(conf)


@given(st.integers(1, 200), st.integers(10, 60), st.integers(0, 12))
def test_batches_have_every_row_once_and_none_is_too_small(n: int, size: int, widest: int) -> None:
    parts = cut(np.arange(n), size, widest + 1)
    assert np.concatenate(parts).tolist() == list(range(n))
    assert all(len(part) > widest for part in parts) or len(parts) == 1 or size <= widest


def test_a_small_rest_goes_with_the_last_full_batch() -> None:
    assert [len(part) for part in cut(np.arange(23), 10, 4)] == [10, 13]
    assert [len(part) for part in cut(np.arange(24), 10, 4)] == [10, 10, 4]
    assert [len(part) for part in cut(np.arange(24), -1, 4)] == [24]


def test_a_batch_one_row_larger_than_the_width_is_allowed() -> None:
    check_batches([11, 20], [10], ["host:1"])
    with pytest.raises(BatchTooSmall):
        check_batches([10, 20], [10], ["host:1"])


@given(st.integers(11, 80), st.floats(0, 9))
def test_a_drawn_batch_hides_its_rows_among_others(n: int, rate: float) -> None:
    p = params(batch_strategy="random", batch_size=10, masked_rate=rate)
    batch = drawn_batch(n, p, np.random.default_rng(1))
    assert batch.real is not None
    assert batch.real.sum() == batch.size == 10
    assert np.all(np.diff(batch.rows) > 0)
    assert len(batch.rows) == min(n, 10 + int(np.ceil(rate * 10)))


def test_the_learning_rate_falls_with_the_epoch_or_its_root() -> None:
    assert learning_rate(params(learning_rate=0.6, decay=1), 3) == pytest.approx(0.3)
    assert learning_rate(params(learning_rate=0.6, decay_sqrt=False), 3) == pytest.approx(0.15)
    assert learning_rate(params(learning_rate=0.6, decay=0), 3) == 0.6


def test_lasso_pulls_weights_to_zero_but_not_the_intercept() -> None:
    p = params(penalty="L1", alpha=0.5, learning_rate=0.2)
    weights = updated(np.array([0.3, -0.02, 0.03]), np.zeros(3), p, 0, intercept=True)
    np.testing.assert_allclose(weights, [0.2, 0.0, 0.03])
    later = updated(np.array([0.3, -0.02, 0.03]), np.zeros(3), p, 3, intercept=False)
    np.testing.assert_allclose(later, [0.25, 0.0, 0.0])


@pytest.mark.parametrize(
    ("init", "expected"),
    [
        ({"init_method": "zeros"}, [0, 0, 0]),
        ({"init_method": "ones"}, [1, 1, 1]),
        ({"init_method": "const", "init_const": 0.5}, [0.5, 0.5, 0.5]),
        ({"random_seed": 3}, np.random.RandomState(3).rand(3)),
        ({"init_method": "random_normal", "random_seed": 3}, np.random.RandomState(3).randn(3)),
    ],
)
def test_weights_start_as_init_param_says(init: dict[str, Any], expected: Any) -> None:
    start = first_weights(2, params(init_param=init), intercept=True)
    np.testing.assert_array_equal(start, expected)


def test_convergence_by_loss_needs_two_losses_or_one_small_one() -> None:
    diff, absolute = Convergence("diff", 0.1), Convergence("abs", 0.1)
    assert [diff.by_loss(loss) for loss in (0.01, 0.5, 0.45)] == [False, False, True]
    assert [absolute.by_loss(loss) for loss in (0.5, 0.1)] == [False, True]


def test_convergence_by_movement_is_relative_to_long_weights_only() -> None:
    rest = Convergence("weight_diff", 0.1)
    assert rest.by_movement(0.09**2, 0.0)
    assert not rest.by_movement(0.2**2, 1.0)
    assert rest.by_movement(0.2**2, 3.0**2)


def test_rows_stand_in_the_order_of_their_ids_bytes() -> None:
    ids = ["é", "b", "a", "Z"]
    table = Table.instances(ids, np.arange(4.0)[:, None], ["x"], label=np.arange(4.0))
    rows = rows_of(table)
    assert [ids[i] for i in rows.order] == sorted(ids, key=str.encode)
    np.testing.assert_array_equal(rows.features[rows.ranks][:, 0], np.arange(4.0))
    assert rows_of(table.take([3, 1, 0, 2])).digest == rows.digest


@given(st.lists(st.text(max_size=3), min_size=1, max_size=4, unique=True))
def test_other_ids_have_another_digest(ids: list[str]) -> None:
    def digest(names: list[str]) -> bytes:
        return rows_of(Table.instances(names, np.zeros((len(names), 0)), [])).digest

    assert digest(ids) != digest([*ids[:-1], ids[-1] + "long"])
    assert digest(ids) != digest([*ids, "other"])


def test_repeated_ids_text_columns_and_missing_ones_are_told() -> None:
    one = np.ones((2, 1))
    with pytest.raises(DuplicateIds):
        rows_of(Table.instances(["a", "a"], one, ["x"]))
    with pytest.raises(DataProblem, match="has no column z"):
        rows_of(Table.instances(["a", "b"], one, ["x"]), ("x", "z"))


def test_the_column_of_row_weights_is_no_feature() -> None:
    values = np.array([[1.0, 5.0], [2.0, 6.0]])
    table = Table.instances(["b", "a"], values, ["x", "w"], meta={SAMPLE_WEIGHT: "w"})
    rows = rows_of(table)
    assert rows.names == ("x",)
    assert rows.weight is not None
    np.testing.assert_array_equal(rows.weight, [6.0, 5.0])


def test_a_number_with_many_values_is_no_class() -> None:
    with pytest.raises(DataProblem, match="more than 100 different values"):
        classes_of(np.arange(101.0))
    assert classes_of(np.array([3.0, -1.0, 3.0])).tolist() == [-1.0, 3.0]


def test_predictions_name_the_classes_there_are() -> None:
    label = np.array([2.0, -1.0])
    rows = rows_of(Table.instances(["b", "a"], np.zeros((2, 0)), [], label=label))
    table = predictions(
        rows, np.array([[0.0], [5.0]]), (-1.0, 2.0), threshold=0.5, stage="validate"
    )
    assert table.ids.to_pylist() == ["b", "a"]
    np.testing.assert_array_equal(table.numbers("predict_result"), [2, -1])
    np.testing.assert_array_equal(table.label, label)
    assert table.frame["predict_detail"].to_pylist()[1] == "{'-1': 0.5, '2': 0.5}"
