"""Slots against plain sums: borrows, borders, and what no longer fits."""

import numpy as np
import pytest
from gmpy2 import next_prime
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from federation.crypto import Encrypted, PrivateKey, PublicKey
from federation.crypto.okamoto_uchiyama import from_primes
from federation.crypto.packing import Slots
from federation.crypto.paillier import _from_primes
from federation.errors import BadCiphertext, FixedPointOverflow, MixedKeys, PackingOverflow

# Toy keys: far too short to protect anything, and quick to count with.
PAILLIER = _from_primes((1 << 127) - 1, 0xA000000000000000000000000000006F)
OU = from_primes(next_prime(3 << 190), next_prime(5 << 189))
KEYS = pytest.mark.parametrize("keys", [PAILLIER, OU], ids=["paillier", "ou"])
Keys = tuple[PublicKey, PrivateKey]


@given(st.data(), st.integers(0, 6), st.integers(1, 5), st.integers(0, 80))
def test_what_was_packed_comes_apart(
    data: st.DataObject, rows: int, count: int, precision: int
) -> None:
    slots = Slots.for_sums(count, largest=100.0, terms=1, precision=precision)
    elements = st.integers(-100, 100) | st.sampled_from([-100, -1, 0, 1, 100])
    values = data.draw(hnp.arrays(np.int64, (rows, count), elements=elements))
    np.testing.assert_array_equal(slots.unpacked(slots.packed(values), rows), values)


@given(
    st.lists(
        st.lists(st.integers(-255, 255), min_size=3, max_size=3),
        min_size=1,
        max_size=9,
    ),
)
def test_sums_of_plaintexts_are_sums_of_slots(rows: list[list[int]]) -> None:
    slots = Slots.for_sums(3, largest=255, terms=9, precision=0)
    total = sum(slots.packed(np.array(rows)))
    np.testing.assert_array_equal(slots.unpacked([total], 1), [np.sum(rows, axis=0)])


@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, -1, -1), (-1, 1, -1), (1, -1, 0), (0, 0, -1)])
def test_every_slot_may_be_full_on_either_side(signs: tuple[int, ...]) -> None:
    """The largest sum there is borrows through all slots above, and none is changed by it."""
    for terms in (1, 2, 127, 128, 255, 256, 30_000):
        slots = Slots.for_sums(3, largest=1.0, terms=terms)
        total = slots.packed(np.array([signs]))[0] * terms
        np.testing.assert_array_equal(slots.unpacked([total], 1)[0], np.array(signs) * terms)


@pytest.mark.parametrize("slot", [0, 1, 2])
@pytest.mark.parametrize("sign", [-1, 1])
def test_one_more_than_fits_is_an_overflow_and_no_number(slot: int, sign: int) -> None:
    slots = Slots.for_sums(3, largest=1.0, terms=10, precision=4)
    most = slots.bound << (slots.bits * slot)
    assert slots.unpacked([sign * most], 1)[0, slot] == sign * 10
    beyond = sign * (most + (1 << (slots.bits * slot)))
    with pytest.raises(FixedPointOverflow) as caught:
        slots.unpacked([beyond], 1)
    assert caught.value.facts == {"count": 1}


def test_twice_as_many_terms_as_fit_are_found_out() -> None:
    for terms in (1, 3, 64, 100):
        slots = Slots.for_sums(2, largest=1.0, terms=terms, precision=6)
        for row in ([1, 1], [-1, 1], [1, -1], [-1, -1]):
            with pytest.raises(FixedPointOverflow):
                slots.unpacked([slots.packed(np.array([row]))[0] * 2 * terms], 1)


def test_a_plaintext_beyond_all_slots_is_an_overflow() -> None:
    slots = Slots.for_sums(2, largest=1.0, terms=1)
    for plain in (1 << slots.width, -(1 << slots.width)):
        with pytest.raises(FixedPointOverflow):
            slots.unpacked([plain], 1)


def test_a_number_larger_than_agreed_is_not_packed() -> None:
    slots = Slots.for_sums(2, largest=1.0, terms=4)
    for values in ([[0.5, 1.0001]], [[-1.0001, 0.0]]):
        with pytest.raises(FixedPointOverflow):
            slots.packed(values)
    with pytest.raises(ValueError, match="shape"):
        slots.packed([1.0, 2.0])
    assert slots.unpacked(slots.packed([[1.0, -1.0]]), 1).tolist() == [[1.0, -1.0]]


def test_more_terms_than_slots_are_made_for_are_refused_by_name() -> None:
    slots = Slots.for_sums(2, largest=1.0, terms=100)
    slots.check_terms(100)
    with pytest.raises(PackingOverflow):
        slots.check_terms(101)


@pytest.mark.parametrize("largest", [0.0, -1.0, float("inf"), float("nan")])
def test_slots_for_no_number_are_not_made(largest: float) -> None:
    with pytest.raises(ValueError, match="at least one"):
        Slots.for_sums(2, largest=largest, terms=1)


@KEYS
@settings(max_examples=15, deadline=None)
@given(data=st.data(), rows=st.integers(0, 12))
def test_results_are_packed_once_more_and_come_apart(
    keys: Keys, data: st.DataObject, rows: int
) -> None:
    public, private = keys
    slots = Slots.for_sums(2, largest=1000, terms=3, precision=0)
    values = data.draw(hnp.arrays(np.int64, (rows, 2), elements=st.integers(-1000, 1000)))
    hidden = slots.encrypt(public, values)
    sums = hidden + hidden[::-1] + hidden
    few = slots.joined(sums)
    assert few.shape == (-(-rows // slots.fits_in(public)),)
    expected = 2 * values + values[::-1]
    np.testing.assert_array_equal(slots.opened(private, few, (rows,)), expected)


@KEYS
def test_several_axes_come_back_as_they_were(keys: Keys) -> None:
    public, private = keys
    slots = Slots.for_sums(1, largest=8, terms=2, precision=3)
    values = np.arange(-12, 12).reshape(24, 1) / 8
    cube = slots.encrypt(public, values).reshape(2, 3, 4)
    found = slots.opened(private, slots.joined(cube + cube), cube.shape)
    np.testing.assert_array_equal(found, 2 * values.reshape(2, 3, 4, 1))


@KEYS
def test_slots_that_do_not_fit_a_plaintext_are_refused_by_name(keys: Keys) -> None:
    public, _ = keys
    slots = Slots.for_sums(9, largest=1.0, terms=1)
    with pytest.raises(PackingOverflow):
        slots.encrypt(public, np.zeros((1, 9)))
    with pytest.raises(PackingOverflow):
        slots.joined(public.encrypt([1.0]))


@KEYS
def test_a_plaintext_is_used_to_its_border(keys: Keys) -> None:
    public, private = keys
    room = (public.limit.bit_length() - 1) // 8 * 8
    slots = Slots(1, room, 0, 1, (1 << (room - 2)) - 1)
    hidden = public.encrypt_ints([slots.bound, -slots.bound, 0, 1])
    found = slots.opened(private, slots.joined(hidden), (4,))
    assert found.ravel().tolist() == [float(slots.bound), -float(slots.bound), 0.0, 1.0]


def test_what_does_not_hold_as_many_is_refused_by_name() -> None:
    public, private = PAILLIER
    slots = Slots.for_sums(2, largest=1.0, terms=4)
    few: Encrypted = slots.joined(slots.encrypt(public, np.zeros((9, 2))))
    for wrong in (few[:1], few.reshape(1, len(few)), few.halved(1)):
        with pytest.raises(BadCiphertext):
            slots.opened(private, wrong, (9,))
    with pytest.raises(MixedKeys):
        slots.opened(private, OU[0].encrypt(np.zeros(len(few))), (9,))


def test_what_fills_the_last_plaintext_must_be_zero() -> None:
    public, private = PAILLIER
    slots = Slots.for_sums(2, largest=1.0, terms=4)
    each = slots.fits_in(public)
    few = slots.joined(slots.encrypt(public, np.zeros((each + 1, 2))))
    stuffed = few + public.encrypt_ints([0, 1 << slots.width * (each - 1)]).halved(slots.precision)
    with pytest.raises(FixedPointOverflow):
        slots.opened(private, stuffed, (each + 1,))
