"""Inner products in slots against plain ones: borders, hiding, and what no longer fits."""

from typing import Any

import numpy as np
import pytest
from gmpy2 import mpz, next_prime
from hypothesis import given
from hypothesis import strategies as st

from federation.crypto import generate_keypair, kernels
from federation.crypto.inner_products import (
    FACTOR_BITS,
    MOST_NUMBER,
    InnerSlots,
    slot_bits,
    slot_products,
)
from federation.crypto.kernels.portable import PortableRing
from federation.crypto.packing import Slots
from federation.errors import BadCiphertext, FixedPointOverflow

ROWS = 41


@pytest.fixture(scope="module", params=["paillier", "ou"])
def keys(request: Any) -> Any:
    return generate_keypair(request.param)


@pytest.fixture(scope="module")
def inner(keys: Any) -> InnerSlots:
    found = InnerSlots.of(keys[0], slot_bits(ROWS, 2, 23), 2, 23)
    assert found is not None
    return found


@pytest.mark.parametrize("size", [ROWS, 40, 7, 1])
def test_what_is_told_is_the_mean_product_and_what_is_added(
    keys: Any, inner: InnerSlots, size: int
) -> None:
    draw = np.random.default_rng(size)
    u, v, matrix = draw.normal(size=size), draw.normal(size=size), draw.normal(size=(size, 5))
    pull = draw.normal(size=5)
    line = inner.plus(inner.encrypt(u), v)
    assert line.shape == (inner.length(size),)
    told = inner.told(inner.mean_products(matrix, line, size), pull)
    found = inner.opened(keys[1], told)
    np.testing.assert_allclose(found, matrix.T @ (u + v) / size + pull, atol=1e-6)


@pytest.mark.parametrize("signs", [(1, 1), (1, -1), (-1, 1), (-1, -1)])
def test_every_number_and_factor_may_be_as_large_as_allowed(
    keys: Any, inner: InnerSlots, signs: tuple[int, int]
) -> None:
    most = 2.0 ** (FACTOR_BITS - 23 - 2)
    line = inner.encrypt(np.full(ROWS, signs[0] * MOST_NUMBER))
    line = inner.plus(line, np.full(ROWS, signs[0] * MOST_NUMBER))
    products = inner.mean_products(np.full((ROWS, 1), signs[1] * most), line, ROWS)
    found = inner.opened(keys[1], inner.told(products, np.zeros(1)))
    expected = signs[0] * signs[1] * 2 * MOST_NUMBER * most
    np.testing.assert_allclose(found, [expected], rtol=1e-9)


def test_larger_factors_keep_their_first_digits(keys: Any, inner: InnerSlots) -> None:
    draw = np.random.default_rng(5)
    u, matrix = draw.normal(size=ROWS), 1e9 * draw.normal(size=(ROWS, 2))
    told = inner.told(inner.mean_products(matrix, inner.encrypt(u), ROWS), np.zeros(2))
    expected = matrix.T @ u / ROWS
    np.testing.assert_allclose(inner.opened(keys[1], told), expected, rtol=1e-5)


def test_a_loss_with_one_number_a_ciphertext_adds_to_a_product(
    keys: Any, inner: InnerSlots
) -> None:
    products = inner.mean_products(np.ones((ROWS, 1)), inner.encrypt(np.ones(ROWS)), ROWS)
    both = products + inner.lifted(keys[0].encrypt(np.array([0.75]), precision=23))
    found = inner.opened(keys[1], inner.told(both, np.array([-3.0])))
    np.testing.assert_allclose(found, [1.0 + 0.75 - 3.0], atol=1e-6)


def test_numbers_that_are_too_large_are_an_overflow(keys: Any, inner: InnerSlots) -> None:
    for value in (MOST_NUMBER * 1.01, -MOST_NUMBER * 1.01, 1e300):
        with pytest.raises(FixedPointOverflow):
            inner.encrypt(np.array([0.0, value]))
        with pytest.raises(FixedPointOverflow):
            inner.plus(inner.encrypt(np.zeros(2)), np.array([value, 0.0]))


def test_what_is_no_inner_product_is_an_overflow(keys: Any, inner: InnerSlots) -> None:
    public, private = keys
    low = (inner.slots.count - 1) * inner.slots.bits
    full = public.encrypt_ints([1 << (low + inner.slots.bits - 2)], precision=60)
    with pytest.raises(FixedPointOverflow):
        inner.opened(private, full)


def test_lines_of_another_length_or_key_are_refused(keys: Any, inner: InnerSlots) -> None:
    matrix = np.ones((ROWS, 1))
    with pytest.raises(BadCiphertext, match="do not come in"):
        inner.mean_products(matrix, inner.encrypt(np.ones(1)), ROWS)
    other, _ = generate_keypair("ou")
    with pytest.raises(BadCiphertext, match="not under the key"):
        inner.mean_products(matrix, other.encrypt(np.ones(inner.length(ROWS))), ROWS)


def test_other_sums_are_hidden_behind_numbers_from_all_of_their_room(
    keys: Any, inner: InnerSlots
) -> None:
    """Without hiding they are plain to see: the first slot is the last factor times the first."""
    count, bits = inner.slots.count, inner.slots.bits
    line, mask = inner.encrypt(np.ones(ROWS)), (1 << bits) - 1
    products = inner.mean_products(np.ones((ROWS, 1)), line, ROWS)
    (bare,) = keys[1].decrypt_ints(products)
    assert bare & mask > 0
    assert (bare & mask) >> (bits - 41) == 0
    room = 1 << ((count - 1) * bits)
    hidden = [keys[1].decrypt_ints(inner.told(products, np.zeros(1)))[0] for _ in range(64)]
    for share in ([h % room for h in hidden], [h >> (count * bits) for h in hidden]):
        parts = np.array([s * 1024 // room for s in share])
        assert len(set(share)) == len(share)
        assert 0 <= parts.min() < parts.max() < 1024
        assert 256 < parts.mean() < 768  # fourteen standard deviations
    assert len({(h // room) & mask for h in hidden}) == 1


def test_schemes_without_room_or_products_have_no_slots(keys: Any) -> None:
    public, _ = keys
    assert InnerSlots.of(public, 0, 1, 23) is None
    assert InnerSlots.of(public, public.bits, 1, 23) is None


@given(st.data(), st.integers(1, 7), st.integers(1, 4), st.integers(1, 20))
def test_products_of_slots_are_powers_of_single_bases(
    data: st.DataObject, count: int, rows: int, length: int
) -> None:
    modulus = int(next_prime(1 << 61))
    ring, slots = PortableRing(mpz(modulus), None), Slots(count, 24, 0, 1, 1)
    numbers = st.lists(st.integers(2, modulus - 2), min_size=-(-length // count))
    bases = data.draw(numbers)[: -(-length // count)]
    drawn = [
        data.draw(st.lists(st.integers(-(1 << 20), 1 << 20), min_size=length, max_size=length))
    ]
    factors = np.array(drawn * rows, dtype=np.int64)
    found = ring.to_ints(slot_products(ring, factors, ring.from_ints(bases), slots))
    expected = 1
    for place, factor in enumerate(drawn[0]):
        shift = 24 * (count - 1 - place % count)
        expected = expected * pow(bases[place // count], factor << shift, modulus) % modulus
    assert found == [expected] * rows


def test_both_paths_of_the_kernels_agree(keys: Any) -> None:
    public, _ = keys
    draw = np.random.default_rng(3)
    values = [int(v) for v in public.encrypt(draw.normal(size=6)).values]
    factors = draw.integers(-(1 << 30), 1 << 30, size=(9, 17))
    slots = Slots(3, 136, 0, 1, 1)
    rings = [kernels.ring(public.modulus, public.root), PortableRing(public.modulus, public.root)]
    one, two = (r.to_ints(slot_products(r, factors, r.from_ints(values), slots)) for r in rings)
    assert one == two
