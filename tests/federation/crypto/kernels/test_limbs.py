"""Blobs, limbs and integers are the same numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.crypto.kernels import limbs

WIDTHS = st.sampled_from([1, 6, 7, 8, 13, 64, 128, 171, 256, 511, 512])


def value_of(row: np.ndarray) -> int:
    return sum(int(limb) << (52 * j) for j, limb in enumerate(row))


@given(st.data(), WIDTHS, st.integers(0, 9))
def test_a_blob_read_as_limbs_is_written_back_the_same(
    data: st.DataObject, width: int, count: int
) -> None:
    blob = data.draw(st.binary(min_size=count * width, max_size=count * width))
    rows = limbs.from_bytes(blob, width)
    assert [value_of(row) for row in rows] == [
        int.from_bytes(blob[i : i + width], "little") for i in range(0, len(blob), width)
    ]
    assert limbs.to_bytes(rows, width) == blob


@given(st.lists(st.integers(0, 2**1040 - 1), min_size=1, max_size=5))
def test_integers_keep_their_value_as_limbs(values: list[int]) -> None:
    assert [value_of(row) for row in limbs.from_ints(values, 20)] == values


@pytest.mark.parametrize("modulus", [2**64, 2**64 - 1, 2**128 - 159, 3 << 90])
def test_only_numbers_between_zero_and_the_modulus_are_within(modulus: int) -> None:
    width = 17
    values = [0, 1, modulus - 1, modulus, modulus + 1, (1 << 8 * width) - 1, modulus >> 1]
    blob = b"".join(value.to_bytes(width, "little") for value in values)
    outside = [not 0 < value < modulus for value in values]
    assert limbs.beyond(blob, width, modulus).tolist() == outside


@pytest.mark.parametrize("bits", [0, 1, 7, 56, 57, 64, 683, 1494])
@pytest.mark.parametrize("window", [4, 6, 7, 8])
def test_digits_of_any_window_make_up_the_number(bits: int, window: int) -> None:
    values = [0, (1 << bits) - 1, *(((1 << bits) - 1) * k // 11 for k in range(12))]
    array = np.array(values, dtype=object if bits > 62 else np.int64)
    digits = limbs.digits_of(array, bits, window)
    assert digits.shape == (len(values), -(-bits // window))
    for value, row in zip(values, digits.tolist(), strict=True):
        assert sum(digit << window * place for place, digit in enumerate(row)) == value
        assert all(digit < 1 << window for digit in row)


@pytest.mark.parametrize("bits", [1, 4, 9, 64, 131])
def test_nibbles_make_up_the_number_in_as_many_places_as_asked(bits: int) -> None:
    values = [0, (1 << bits) - 1]
    array = np.array(values, dtype=object)
    for row, value in zip(limbs.nibbles_of(array, bits + 9).tolist(), values, strict=True):
        assert len(row) == -(-(bits + 9) // 4)
        assert sum(digit << 4 * place for place, digit in enumerate(row)) == value
    assert limbs.nibbles_of(array).shape == (2, -(-bits // 4))
