"""Vectors in fixed point behind masks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.errors import FixedPointOverflow, NonFiniteValues
from federation.protocols.masks import PRECISION, SEED_BYTES, in_ring, mask_of

SEEDS = [bytes([place]) * SEED_BYTES for place in range(2)]


@given(st.lists(st.floats(-1e8, 1e8), min_size=2, max_size=8))
def test_sums_in_the_ring_are_sums_of_the_numbers(values: list[float]) -> None:
    parts = [in_ring(np.array([value]), len(values)) for value in values]
    total = np.sum(np.stack(parts), axis=0, dtype=np.uint64).view(np.int64)
    off = abs(float(total[0]) * 2.0**-PRECISION - sum(values))
    assert off <= len(values) * (2.0**-PRECISION + 1e-7)


def test_a_mask_is_spread_over_the_whole_ring_and_no_other_seed_has_it() -> None:
    first, second = (mask_of(seed, 4000) for seed in SEEDS)
    np.testing.assert_array_equal(first[:10], mask_of(SEEDS[0], 10))
    assert not np.any(first == second)
    for mask in (first, second):
        assert len(np.unique(mask)) == 4000
        shares = np.bincount((mask >> np.uint64(61)).astype(int), minlength=8) / 4000
        np.testing.assert_allclose(shares, 1 / 8, atol=0.04)


@pytest.mark.parametrize(
    ("value", "error"), [(np.nan, NonFiniteValues), (2.0**33, FixedPointOverflow)]
)
def test_values_that_do_not_fit_are_refused(value: float, error: type[Exception]) -> None:
    with pytest.raises(error):
        in_ring(np.array([1.0, value]), 2)
