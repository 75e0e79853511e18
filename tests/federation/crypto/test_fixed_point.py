"""Fixed point numbers: what they keep, and what they refuse."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from federation.crypto.fixed_point import as_objects, from_fixed, precision_of, to_fixed
from federation.errors import FixedPointOverflow, NonFiniteValues

LIMIT = 1 << 600
REALS = hnp.arrays(np.float64, st.integers(0, 20), elements=st.floats(-1e30, 1e30))


@given(REALS, st.integers(0, 100))
def test_a_value_comes_back_to_half_a_unit(values: np.ndarray, precision: int) -> None:
    back = from_fixed(to_fixed(values, precision, LIMIT).tolist(), precision)
    slack = 2.0 ** -(precision + 1) + np.abs(values) * 2.0**-52
    assert np.all(np.abs(back - values) <= slack)


@given(st.lists(st.integers(-(1 << 63), (1 << 63) - 1)), st.integers(0, 80))
def test_integers_come_back_exactly(values: list[int], precision: int) -> None:
    fixed = to_fixed(np.array(values, dtype=np.int64), precision, LIMIT)
    assert fixed.tolist() == [value << precision for value in values]


def test_an_integer_at_the_edge_of_62_bits_is_not_wrapped() -> None:
    values = np.array([(1 << 39) - 1, -(1 << 39), 1 << 39], dtype=np.int64)
    assert to_fixed(values, 23, LIMIT).tolist() == [int(v) << 23 for v in values]


def test_reals_have_23_bits_after_the_point_and_integers_none() -> None:
    assert precision_of(np.zeros(1), None) == 23
    assert precision_of(np.zeros(1, dtype=np.int32), None) == 0
    assert precision_of(np.zeros(1, dtype=np.int32), 7) == 7


def test_nan_and_infinity_are_counted_and_not_located() -> None:
    with pytest.raises(NonFiniteValues) as caught:
        to_fixed(np.array([1.0, np.nan, np.inf, 2.0]), 23, LIMIT)
    assert caught.value.facts == {"count": 2}


@pytest.mark.parametrize("value", [8.0, -8.0, 1e300])
def test_a_value_at_the_limit_is_an_overflow(value: float) -> None:
    with pytest.raises(FixedPointOverflow):
        to_fixed(np.array([value, 0.5]), 4, 8 << 4)


def test_a_value_below_the_limit_is_none() -> None:
    assert to_fixed(np.array([-7.9375, 7.9375]), 4, 8 << 4).tolist() == [-127, 127]


def test_a_value_beyond_a_double_is_an_overflow_both_ways() -> None:
    with pytest.raises(FixedPointOverflow):
        to_fixed(np.array([1e300]), 200, 1 << 2000)
    with pytest.raises(FixedPointOverflow):
        from_fixed([1 << 1100], 10)


def test_texts_are_no_numbers() -> None:
    with pytest.raises(TypeError):
        to_fixed(np.array(["a"]), 23, LIMIT)


def test_a_hundred_thousand_reals_become_the_integers_that_fractions_give() -> None:
    """Either sign, zero, halves that are rounded to even, and numbers beyond 62 bits."""
    rng = np.random.default_rng(16)
    for precision in (0, 7, 23, 40, 61):
        whole = rng.integers(-(1 << 40), 1 << 40, 5_000).astype(np.float64)
        values = np.concatenate(
            [
                np.ldexp(rng.normal(size=12_000), rng.integers(-70, 60, 12_000)),
                np.ldexp(whole + 0.5, -precision),
                np.ldexp(whole[:2_995], -precision),
                [0.0, -0.0, 5e-324, -5e-324, 2.0**60],
            ]
        )
        expected = [round(Fraction(v) * 2**precision) for v in values.tolist()]
        assert to_fixed(values, precision, LIMIT).tolist() == expected


def test_of_a_hundred_thousand_integers_those_that_reach_the_limit_are_counted() -> None:
    rng = np.random.default_rng(17)
    for bits in (8, 30, 61, 90):
        limit = 1 << bits
        values = [
            int(v) * limit // (1 << 52)
            for v in rng.integers(-(1 << 52), 1 << 52, 25_000, endpoint=True)
        ]
        values[:4] = [limit - 1, 1 - limit, 0, -1]
        assert to_fixed(as_objects(values[:4], (4,)), 0, limit).tolist() == values[:4]
        values[4:6] = [limit, -limit]
        beyond = sum(abs(value) >= limit for value in values)
        with pytest.raises(FixedPointOverflow) as caught:
            to_fixed(as_objects(values, (len(values),)), 0, limit)
        assert caught.value.facts == {"count": beyond}
