"""Modular products in bulk give what one by one would."""

import math

import numpy as np
import pytest
from gmpy2 import mpz
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.crypto.products import inverses, power_products, powers
from federation.errors import BadCiphertext

PRIME = mpz(2**127 - 1)
UNITS = st.integers(1, 2**127 - 2).map(mpz)


def product_of_powers(exponents: list[int], bases: list[mpz]) -> mpz:
    return math.prod(pow(b, e, PRIME) for b, e in zip(bases, exponents, strict=True)) % PRIME


@given(st.lists(UNITS, max_size=12))
def test_a_value_times_its_inverse_is_one(values: list[mpz]) -> None:
    back = inverses(values, PRIME)
    assert [a * b % PRIME for a, b in zip(values, back, strict=True)] == [1] * len(values)


def test_a_value_without_an_inverse_is_refused() -> None:
    with pytest.raises(BadCiphertext):
        inverses([mpz(5), mpz(6)], mpz(9))


@given(st.lists(UNITS, max_size=5), st.integers(0, 2**70))
def test_powers_are_of_every_value(values: list[mpz], exponent: int) -> None:
    assert powers(values, exponent, PRIME) == [pow(v, exponent, PRIME) for v in values]


@settings(max_examples=60)
@given(st.data(), st.integers(0, 9), st.integers(0, 9), st.integers(0, 90))
def test_a_row_gives_the_product_of_its_powers(
    data: st.DataObject, rows: int, length: int, bits: int
) -> None:
    numbers = st.integers(-(2**bits), 2**bits)
    row = st.lists(numbers, min_size=length, max_size=length)
    exponents = data.draw(st.lists(row, min_size=rows, max_size=rows))
    bases = data.draw(st.lists(UNITS, min_size=length, max_size=length))
    array = np.empty((rows, length), dtype=object if bits > 60 else np.int64)
    for i, line in enumerate(exponents):
        array[i] = line
    assert power_products(array, bases, PRIME) == [product_of_powers(e, bases) for e in exponents]


@pytest.mark.parametrize("shape", [(1, 1), (1, 700), (2, 500), (700, 2), (500, 7), (40, 40)])
def test_every_way_to_multiply_agrees(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(shape)
    exponents = rng.integers(-(2**27), 2**27, size=shape)
    bases = [mpz(int(b)) for b in rng.integers(1, 2**60, size=shape[1])]
    expected = [product_of_powers(e, bases) for e in exponents.tolist()]
    assert power_products(exponents, bases, PRIME) == expected
