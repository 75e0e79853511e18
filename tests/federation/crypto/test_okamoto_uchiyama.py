"""Okamoto-Uchiyama against plain numbers, and against who should learn nothing."""

from itertools import pairwise
from typing import Any

import gmpy2
import numpy as np
import pytest
from gmpy2 import mpz, next_prime
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from federation.crypto import (
    Encrypted,
    KeyRing,
    PublicKey,
    concatenate,
    generate_keypair,
    matmul,
)
from federation.crypto.kernels.portable import PortableRing
from federation.crypto.okamoto_uchiyama import (
    OkamotoUchiyamaPrivateKey,
    OkamotoUchiyamaPublicKey,
    from_primes,
    generate_okamoto_uchiyama,
)
from federation.errors import (
    BadCiphertext,
    BadPublicKey,
    FixedPointOverflow,
    MixedKeys,
    NonFiniteValues,
    WeakKey,
)
from federation.wire.codec import BigIntVector, decode, encode

Pair = tuple[OkamotoUchiyamaPublicKey, OkamotoUchiyamaPrivateKey]

# A toy key: far too short to protect anything, and quick to count with.
SMALL, SMALL_PRIVATE = from_primes(next_prime(3 << 190), next_prime(5 << 189))
REALS = st.floats(-1e6, 1e6)
VECTORS = hnp.arrays(np.float64, st.integers(1, 8), elements=REALS)


@pytest.fixture(scope="module")
def full() -> Pair:
    return generate_okamoto_uchiyama()


def opened(encrypted: Encrypted) -> np.ndarray:
    return SMALL_PRIVATE.decrypt(encrypted)


@given(VECTORS)
def test_what_was_encrypted_is_decrypted(values: np.ndarray) -> None:
    np.testing.assert_allclose(opened(SMALL.encrypt(values)), values, atol=2.0**-24)


@given(st.lists(st.integers(1 - SMALL.limit, SMALL.limit - 1), max_size=6))
def test_integers_up_to_the_limit_are_exact(values: list[int]) -> None:
    assert SMALL_PRIVATE.decrypt_ints(SMALL.encrypt_ints(values)) == values


@given(st.lists(st.integers(-(2**62) + 1, 2**62 - 1), min_size=1, max_size=6))
def test_integers_of_a_word_are_exact(values: list[int]) -> None:
    hidden = SMALL.encrypt(np.array(values, dtype=np.int64))
    assert SMALL_PRIVATE.decrypt_ints(hidden) == values


@settings(deadline=None)
@given(st.data(), st.integers(1, 6))
def test_sums_differences_and_products_are_those_of_the_values(data: st.DataObject, n: int) -> None:
    a, b = (data.draw(hnp.arrays(np.float64, n, elements=REALS)) for _ in range(2))
    x, y = SMALL.encrypt(a), SMALL.encrypt(b, precision=30)
    for got, expected in (
        (x + y, a + b),
        (x - y, a - b),
        (x + b, a + b),
        (b - x, b - a),
        (-x, -a),
        (x + 1, a + 1),
    ):
        np.testing.assert_allclose(opened(got), expected, atol=1e-6)
    np.testing.assert_allclose(opened(x * b), a * b, rtol=1e-6, atol=0.2)
    np.testing.assert_allclose(opened(3 * x), 3 * a, atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(st.data(), st.integers(1, 5), st.integers(1, 5))
def test_a_matrix_product_is_that_of_the_values(data: st.DataObject, m: int, k: int) -> None:
    small = st.floats(-100, 100)
    plain = data.draw(hnp.arrays(np.float64, (m, k), elements=small))
    inside = data.draw(hnp.arrays(np.float64, (k, 2), elements=small))
    hidden = SMALL.encrypt(inside)
    np.testing.assert_allclose(opened(plain @ hidden), plain @ inside, atol=1e-3)
    np.testing.assert_allclose(opened(matmul(plain, hidden[:, 0])), plain @ inside[:, 0], atol=1e-3)


def test_buckets_sum_what_falls_into_them() -> None:
    sums = SMALL.encrypt([1.0, 2.0, 4.0, 8.0]).bucket_sums(np.array([2, 0, 2, 0]), 4)
    np.testing.assert_array_equal(opened(sums), [10.0, 0.0, 5.0, 0.0])


def test_a_sum_that_leaves_the_range_is_an_overflow_and_no_number() -> None:
    big = SMALL.encrypt_ints([SMALL.limit - 1, 0])
    for hidden in (big + big, big * 2**40, -big - 1 - big):
        with pytest.raises(FixedPointOverflow) as caught:
            SMALL_PRIVATE.decrypt(hidden)
        assert caught.value.facts == {"count": 1}


def test_a_value_beyond_p_is_an_overflow_and_never_opened() -> None:
    """c = g**m for m >= p would tell p to whoever knew m and saw m mod p."""
    for extra in (0, 1, 7):
        value = pow(int(SMALL.g), (1 << 200) + extra, int(SMALL.modulus))
        wire = SMALL.encrypt([1]).to_wire()
        wire["cells"] = BigIntVector.from_ints([value], SMALL.width)
        with pytest.raises(FixedPointOverflow):
            SMALL_PRIVATE.decrypt(Encrypted.from_wire(wire, SMALL))


def test_what_does_not_fit_is_not_encrypted() -> None:
    with pytest.raises(FixedPointOverflow):
        SMALL.encrypt([1.0], precision=200)
    with pytest.raises(FixedPointOverflow):
        SMALL.encrypt_ints([SMALL.limit])
    with pytest.raises(NonFiniteValues):
        SMALL.encrypt([np.inf])


# --- at full length -------------------------------------------------------------------------------


def test_every_operation_counts_right_under_a_full_key(full: Pair) -> None:
    public, private = full
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(2, 40)) * 1000
    x, y = public.encrypt(a), public.encrypt(b, precision=30)
    for got, expected in (
        (x, a),
        (x + y, a + b),
        (x - b, a - b),
        (-x, -a),
        (x * b, a * b),
        (x[::-1] + y[[0] * 40], a[::-1] + b[0]),
        (x.sum(), a.sum()),
        (x.bucket_sums(np.arange(40) % 3, 3), [a[i::3].sum() for i in range(3)]),
        (np.ones((3, 40)) @ y, [b.sum()] * 3),
        (concatenate([x, y]).refreshed(), np.concatenate([a, b])),
    ):
        np.testing.assert_allclose(private.decrypt(got), expected, atol=2e-3)
    assert x.to_wire()["cells"].width == 256


def test_both_paths_read_each_others_ciphertexts(
    full: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    public, private = full
    values = np.array([0.0, 1.5, -2.25, 1e6])
    ours = public.encrypt(values)
    private.decrypt(ours)
    monkeypatch.setenv("TRIPACT_KERNELS", "portable")
    other = PublicKey.from_wire(public.to_wire())
    assert isinstance(other, OkamotoUchiyamaPublicKey)
    assert isinstance(other.ring, PortableRing)
    other_private = OkamotoUchiyamaPrivateKey(other, int(private._logarithms.prime))
    received = Encrypted.from_wire(ours.to_wire(), other)
    np.testing.assert_array_equal(other_private.decrypt(received + 1), values + 1)
    back = Encrypted.from_wire((received * 2).to_wire(), public)
    np.testing.assert_array_equal(private.decrypt(back), values * 2)
    theirs = Encrypted.from_wire(other.encrypt(values).to_wire(), public)
    np.testing.assert_array_equal(private.decrypt(theirs), values)


def test_the_modulus_is_a_square_times_a_prime_and_has_all_its_bits(full: Pair) -> None:
    public, private = full
    p = private._logarithms.prime
    q, rest = divmod(public.modulus, p * p)
    assert rest == 0
    assert gmpy2.is_prime(p)
    assert gmpy2.is_prime(q)
    assert p.bit_length() == 683
    assert public.bits == 2048
    assert public.limit < p >> 60


def test_h_hides_nothing_but_zero(full: Pair) -> None:
    public, private = full
    p = private._logarithms.prime
    assert pow(public.h, p - 1, p * p) == 1
    assert pow(public.g, p - 1, p * p) != 1


@pytest.mark.parametrize("bits", [512, 1024, 2046, 2049, 9000])
def test_a_key_that_is_too_short_is_not_made(bits: int) -> None:
    with pytest.raises(WeakKey):
        generate_okamoto_uchiyama(bits)


def test_the_method_ou_makes_such_a_key() -> None:
    public, private = generate_keypair("OU")
    assert public.scheme == "ou"
    assert private.decrypt(public.encrypt([2.5])) == 2.5


# --- the curious party ----------------------------------------------------------------------------


def test_equal_values_never_have_equal_ciphertexts() -> None:
    cells = SMALL.encrypt(np.ones(50)).values + SMALL.encrypt(np.ones(50)).values
    assert len(set(cells)) == 100


def test_randomizers_are_as_long_as_the_group_and_more(
    full: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    public, private = full
    asked: list[int] = []
    drawn = type(public._masks).random_powers

    def noted(base: Any, count: int, bits: int) -> Any:
        asked.append(bits)
        return drawn(base, count, bits)

    monkeypatch.setattr(type(public._masks), "random_powers", noted)
    public.encrypt([1.0])
    p = private._logarithms.prime
    order = (p - 1) * (public.modulus // (p * p) - 1)
    assert asked == [asked[0]]
    assert asked[0] >= order.bit_length() + 128


def test_a_refreshed_ciphertext_is_another_one_of_the_same_value() -> None:
    hidden = SMALL.encrypt([0.5, -2.0])
    again = hidden.refreshed()
    assert again.fresh
    assert not set(hidden.values) & set(again.values)
    np.testing.assert_array_equal(opened(again), [0.5, -2.0])


def test_only_new_randomness_is_fresh() -> None:
    hidden = SMALL.encrypt(np.ones((2, 2)))
    assert hidden.fresh
    derived = (hidden + 1, hidden * 2, -hidden, np.eye(2) @ hidden, hidden.sum(), hidden[[0, 0]])
    assert not any(value.fresh for value in derived)
    assert not Encrypted.from_wire(hidden.to_wire(), SMALL).fresh


def test_a_key_prints_none_of_its_primes(full: Pair) -> None:
    public, private = full
    text = f"{private!r} {private} {public!r} {public.encrypt([1.0])!r}"
    assert str(private._logarithms.prime) not in text


def test_a_public_key_tells_n_g_and_h_alone(full: Pair) -> None:
    assert set(full[0].to_wire()) == {"scheme", "n", "g", "h"}


# --- letters --------------------------------------------------------------------------------------


def test_ciphertexts_survive_the_codec(full: Pair) -> None:
    public, private = full
    values = np.array([[1.5, -2.0], [0.0, 3.0]])
    ring = KeyRing()
    ring.add(PublicKey.from_wire(decode(encode(public.to_wire()))))
    received = ring.read(decode(encode(public.encrypt(values).to_wire())))
    np.testing.assert_array_equal(private.decrypt(received), values)


@pytest.mark.parametrize("full_length", [False, True])
def test_what_is_no_ciphertext_is_refused(full: Pair, full_length: bool) -> None:
    public, private = full if full_length else (SMALL, SMALL_PRIVATE)
    p, n = int(private._logarithms.prime), int(public.modulus)
    wire = public.encrypt([1.0, 2.0]).to_wire()
    for one, other in pairwise(
        [0, 1, n, 1, p, 1, p * p, 1, n // p, 5, (1 << 8 * public.width) - 1]
    ):
        cells = BigIntVector.from_ints([one, other], public.width)
        with pytest.raises(BadCiphertext):
            Encrypted.from_wire(wire | {"cells": cells}, public)


def test_ciphertexts_of_another_key_are_refused(full: Pair) -> None:
    public, private = full
    mine, other = public.encrypt([1.0]), SMALL.encrypt([1.0])
    for mix in (
        lambda: mine + other,
        lambda: concatenate([mine, other]),
        lambda: private.decrypt(other),
        lambda: Encrypted.from_wire(other.to_wire(), public),
    ):
        with pytest.raises(MixedKeys):
            mix()


def test_a_public_key_that_is_none_is_refused(full: Pair) -> None:
    good = full[0].to_wire()
    n, p = good["n"], int(full[1]._logarithms.prime)
    for changes in (
        {"n": n >> 1024},
        {"n": -n},
        {"n": n * 3},
        {"n": int(mpz(next_prime(1 << 1024)) ** 2)},
        {"n": str(n)},
        {"g": 0},
        {"g": 1},
        {"g": p},
        {"h": n - 1},
        {"h": n + 5},
        {"hs": 5},
    ):
        with pytest.raises(BadPublicKey):
            PublicKey.from_wire(good | changes)
