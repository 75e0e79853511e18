"""Paillier against plain numbers, against phe, and against who should learn nothing."""

import secrets
from typing import Any

import numpy as np
import phe
import pytest
from gmpy2 import mpz, next_prime
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from federation.crypto import Encrypted, KeyRing, PublicKey, concatenate, matmul
from federation.crypto.kernels.portable import PortableRing
from federation.crypto.paillier import (
    PaillierPrivateKey,
    PaillierPublicKey,
    _from_primes,
    generate_paillier,
)
from federation.errors import (
    BadCiphertext,
    BadPublicKey,
    FixedPointOverflow,
    MixedKeys,
    NonFiniteValues,
    UnknownKey,
    WeakKey,
)
from federation.wire.codec import BigIntVector, decode, encode

Pair = tuple[PaillierPublicKey, PaillierPrivateKey]


def blum_prime(start: int) -> int:
    prime = next_prime(mpz(start))
    while prime % 4 != 3:
        prime = next_prime(prime)
    return int(prime)


# A toy key: far too short to protect anything, and quick to count with.
SMALL, SMALL_PRIVATE = _from_primes(blum_prime(3 << 126), blum_prime(5 << 125))
REALS = st.floats(-1e6, 1e6)
VECTORS = hnp.arrays(np.float64, st.integers(1, 8), elements=REALS)


def opened(encrypted: Encrypted) -> np.ndarray:
    return SMALL_PRIVATE.decrypt(encrypted)


@given(VECTORS)
def test_what_was_encrypted_is_decrypted(values: np.ndarray) -> None:
    np.testing.assert_allclose(opened(SMALL.encrypt(values)), values, atol=2.0**-24)


@given(st.lists(st.integers(-(2**200), 2**200), max_size=6))
def test_integers_of_any_size_are_exact(values: list[int]) -> None:
    assert SMALL_PRIVATE.decrypt_ints(SMALL.encrypt_ints(values)) == values


@given(st.data(), st.integers(1, 6))
def test_sums_differences_and_products_are_those_of_the_values(data: st.DataObject, n: int) -> None:
    a, b = (data.draw(hnp.arrays(np.float64, n, elements=REALS)) for _ in range(2))
    x, y = SMALL.encrypt(a), SMALL.encrypt(b, precision=30)
    for got, expected in (
        (x + y, a + b),
        (x - y, a - b),
        (x + b, a + b),
        (b + x, a + b),
        (x - b, a - b),
        (b - x, b - a),
        (-x, -a),
        (x + 1, a + 1),
    ):
        np.testing.assert_allclose(opened(got), expected, atol=1e-6)
    np.testing.assert_allclose(opened(x * b), a * b, rtol=1e-6, atol=0.2)
    np.testing.assert_allclose(opened(3 * x), 3 * a, atol=1e-6)


@settings(max_examples=30)
@given(st.data(), st.integers(1, 5), st.integers(1, 5), st.integers(1, 3))
def test_a_matrix_product_is_that_of_the_values(
    data: st.DataObject, m: int, k: int, p: int
) -> None:
    small = st.floats(-100, 100)
    plain = data.draw(hnp.arrays(np.float64, (m, k), elements=small))
    inside = data.draw(hnp.arrays(np.float64, (k, p), elements=small))
    hidden = SMALL.encrypt(inside)
    np.testing.assert_allclose(opened(plain @ hidden), plain @ inside, atol=1e-3)
    np.testing.assert_allclose(opened(matmul(plain, hidden[:, 0])), plain @ inside[:, 0], atol=1e-3)
    np.testing.assert_allclose(opened(hidden.transpose() @ plain.T), inside.T @ plain.T, atol=1e-3)


def test_a_vector_times_a_vector_is_one_value() -> None:
    hidden, plain = SMALL.encrypt([1.0, 2.0, 3.0]), np.array([0.5, -1.0, 2.0])
    assert opened(plain @ hidden) == opened(hidden @ plain) == 4.5
    assert (plain @ hidden).shape == ()
    with pytest.raises(ValueError, match="do not go together"):
        np.zeros((2, 2)) @ hidden


def test_indexing_and_reshaping_are_numpys() -> None:
    values = np.arange(12.0).reshape(3, 4)
    hidden = SMALL.encrypt(values)
    mask = np.array([True, False, True])
    for index in (1, slice(1, 3), [2, 0], mask, (slice(None), 1), (2, 3)):
        np.testing.assert_array_equal(opened(hidden[index]), values[index])
    np.testing.assert_array_equal(opened(hidden.reshape(2, -1)), values.reshape(2, -1))
    np.testing.assert_array_equal(opened(hidden.transpose()), values.T)
    np.testing.assert_array_equal([opened(row).sum() for row in hidden], values.sum(axis=1))
    with pytest.raises(IndexError):
        hidden[3]


def test_sums_run_along_an_axis_or_over_all() -> None:
    values = np.arange(12.0).reshape(3, 4)
    hidden = SMALL.encrypt(values)
    for axis in (None, 0, 1, -1):
        np.testing.assert_array_equal(opened(hidden.sum(axis)), values.sum(axis))
    assert opened(SMALL.encrypt(np.zeros(0)).sum()) == 0.0


@settings(max_examples=30)
@given(st.data(), st.integers(0, 20), st.integers(1, 5))
def test_buckets_sum_what_falls_into_them(data: st.DataObject, items: int, count: int) -> None:
    values = np.arange(1.0, 8.0)
    labels = data.draw(hnp.arrays(np.int64, items, elements=st.integers(0, count - 1)))
    picks = data.draw(hnp.arrays(np.int64, items, elements=st.integers(0, 6)))
    sums = SMALL.encrypt(values).bucket_sums(labels, count, picks)
    expected = np.bincount(labels, weights=values[picks], minlength=count)
    np.testing.assert_array_equal(opened(sums), expected)
    assert not sums.fresh


def test_a_bucket_or_an_item_that_is_not_there_is_refused() -> None:
    hidden = SMALL.encrypt([1.0, 2.0])
    for labels, picks in (([2, 0], [0, 1]), ([-1, 0], [0, 1]), ([0, 1], [0, 2])):
        with pytest.raises(IndexError):
            hidden.bucket_sums(np.array(labels), 2, np.array(picks))
    with pytest.raises(ValueError, match="one bucket"):
        hidden.bucket_sums(np.array([0]), 2)
    with pytest.raises(ValueError, match="line"):
        hidden.reshape(2, 1).bucket_sums(np.array([0, 1]), 2)


def test_shapes_broadcast() -> None:
    values, row = np.arange(6.0).reshape(3, 2), np.array([10.0, -1.0])
    hidden = SMALL.encrypt(values)
    np.testing.assert_array_equal(opened(hidden + row), values + row)
    np.testing.assert_array_equal(opened(hidden * row), values * row)
    np.testing.assert_array_equal(opened(hidden + SMALL.encrypt(row)), values + row)
    with pytest.raises(ValueError, match="shape"):
        hidden + np.zeros(5)


def test_parts_are_joined_at_the_finest_precision() -> None:
    joined = concatenate([SMALL.encrypt([1.5, 2.5], precision=4), SMALL.encrypt([3.25])])
    np.testing.assert_array_equal(opened(joined), [1.5, 2.5, 3.25])
    assert joined.precision == 23


def test_products_add_precisions_and_sums_keep_the_finer_one() -> None:
    coarse, fine = SMALL.encrypt([0.5], precision=4), SMALL.encrypt([0.25], precision=9)
    assert (coarse + fine).precision == 9
    assert (coarse * 2).precision == 4
    assert (coarse * 0.5).precision == 27
    assert opened(coarse + fine) == 0.75
    assert opened(SMALL.encrypt([3]) + 0.125) == 3.125


def test_halving_divides_exactly_and_keeps_the_ciphertexts() -> None:
    whole = SMALL.encrypt(np.array([3.0, -0.5]))
    halved = whole.halved(40)
    assert halved.to_wire()["cells"] == whole.to_wire()["cells"]
    np.testing.assert_array_equal(opened(halved), np.array([3.0, -0.5]) / 2**40)


def test_an_empty_array_is_one() -> None:
    empty = SMALL.encrypt(np.zeros((0, 3)))
    assert opened(empty + empty).shape == (0, 3)
    np.testing.assert_array_equal(opened(np.zeros((2, 0)) @ empty), np.zeros((2, 3)))


def test_a_sum_that_leaves_the_range_is_an_overflow_and_no_number() -> None:
    big = SMALL.encrypt_ints([SMALL.limit - 1, 0])
    with pytest.raises(FixedPointOverflow) as caught:
        SMALL_PRIVATE.decrypt(big + big)
    assert caught.value.facts == {"count": 1}


def test_what_does_not_fit_is_not_encrypted() -> None:
    with pytest.raises(FixedPointOverflow):
        SMALL.encrypt([1.0], precision=400)
    with pytest.raises(FixedPointOverflow):
        SMALL.encrypt_ints([SMALL.limit])
    with pytest.raises(NonFiniteValues):
        SMALL.encrypt([np.nan])


def test_ciphertexts_are_not_multiplied_with_each_other() -> None:
    factor: Any = SMALL.encrypt([1.0])
    with pytest.raises(TypeError):
        SMALL.encrypt([1.0]) * factor


# --- at full length -------------------------------------------------------------------------------


def test_a_full_key_counts_as_numpy_does(pair: Pair) -> None:
    public, private = pair
    rng = np.random.default_rng(7)
    values, plain = rng.normal(size=12), rng.normal(size=(5, 12)) * 10
    hidden = public.encrypt(values)
    np.testing.assert_allclose(private.decrypt(plain @ hidden), plain @ values, atol=1e-4)
    assert hidden.to_wire()["cells"].width == 512


def test_both_paths_read_each_others_ciphertexts(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    public, private = pair
    p, q = (int(half.prime) for half in private._halves)
    values, plain = np.array([0.0, 1.5, -2.25, 1e6]), np.array([[2.0, -1.0, 0.5, 0.0]])
    ours = public.encrypt(values)
    private.decrypt(ours)
    monkeypatch.setenv("TRIPACT_KERNELS", "portable")
    other = PublicKey.from_wire(public.to_wire())
    assert isinstance(other, PaillierPublicKey)
    assert isinstance(other.ring, PortableRing)
    other_private = PaillierPrivateKey(other, p, q)
    received = Encrypted.from_wire(ours.to_wire(), other)
    np.testing.assert_array_equal(other_private.decrypt(received), values)
    back = Encrypted.from_wire((plain @ received).to_wire(), public)
    np.testing.assert_array_equal(private.decrypt(back), plain @ values)
    assert ours.to_wire()["cells"] == received.to_wire()["cells"]


def test_every_operation_counts_right_under_a_full_key(pair: Pair) -> None:
    public, private = pair
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(2, 40)) * 1000
    x, y = public.encrypt(a), public.encrypt(b, precision=30)
    for got, expected in (
        (x + y, a + b),
        (x - b, a - b),
        (-x, -a),
        (x * 3, 3 * a),
        (x * b, a * b),
        (x[::-1] + y[[0] * 40], a[::-1] + b[0]),
        (x.sum(), a.sum()),
        (x.reshape(8, 5).sum(0), a.reshape(8, 5).sum(0)),
        (x.bucket_sums(np.arange(40) % 3, 3), [a[i::3].sum() for i in range(3)]),
        (np.ones((3, 40)) @ y, [b.sum()] * 3),
        (concatenate([x, y]).refreshed(), np.concatenate([a, b])),
    ):
        np.testing.assert_allclose(private.decrypt(got), expected, atol=2e-3)


def test_phe_reads_our_ciphertexts_and_we_read_phes(pair: Pair) -> None:
    public, private = pair
    their_public = phe.PaillierPublicKey(int(public.n))
    p, q = (int(half.prime) for half in private._halves)
    their_private = phe.PaillierPrivateKey(their_public, p, q)
    values = [0, 1, -1, 123456789, -(2**600)]
    ours = public.encrypt_ints(values)
    read = [
        their_private.decrypt(phe.EncryptedNumber(their_public, int(c), 0)) for c in ours.values
    ]
    assert read == values
    theirs = [their_public.encrypt(v).ciphertext() for v in values]
    wire = ours.to_wire() | {"cells": BigIntVector.from_ints(theirs, public.width)}
    received = Encrypted.from_wire(wire, public)
    assert private.decrypt_ints(received + ours) == [2 * v for v in values]


def test_primes_are_blum_primes_and_the_modulus_has_all_its_bits(pair: Pair) -> None:
    public, private = pair
    p, q = (half.prime for half in private._halves)
    assert p % 4 == q % 4 == 3
    assert p * q == public.n
    assert public.bits == 2048


@pytest.mark.parametrize("bits", [512, 1024, 2046, 2049, 9000])
def test_a_key_that_is_too_short_is_not_made(bits: int) -> None:
    with pytest.raises(WeakKey):
        generate_paillier(bits)


# --- the curious party ----------------------------------------------------------------------------


def test_equal_values_never_have_equal_ciphertexts() -> None:
    cells = SMALL.encrypt(np.ones(50)).values + SMALL.encrypt(np.ones(50)).values
    assert len(set(cells)) == 100


def test_randomness_made_ahead_is_used_once(pair: Pair) -> None:
    public, private = pair
    public.prepare(2)
    hidden = public.encrypt([5.0, 5.0, 5.0, 5.0])
    assert len(set(hidden.to_wire()["cells"].to_ints())) == 4
    np.testing.assert_array_equal(private.decrypt(hidden), [5.0] * 4)
    assert not public._ahead


def test_a_refreshed_ciphertext_is_another_one_of_the_same_value(pair: Pair) -> None:
    public, private = pair
    hidden = public.encrypt([0.5, -2.0])
    again = hidden.refreshed()
    assert not set(hidden.values) & set(again.values)
    np.testing.assert_array_equal(private.decrypt(again), [0.5, -2.0])


def test_only_new_randomness_is_fresh() -> None:
    hidden = SMALL.encrypt(np.ones((2, 2)))
    assert hidden.fresh
    assert hidden.reshape(4).fresh
    derived = (hidden + 1, hidden * 2, -hidden, np.eye(2) @ hidden, hidden.sum(), hidden[[0, 0]])
    assert not any(value.fresh for value in derived)
    assert all(value.refreshed().fresh for value in derived)
    assert concatenate([hidden, SMALL.encrypt(np.ones((1, 2)))]).fresh
    assert not concatenate([hidden, hidden]).fresh
    assert not Encrypted.from_wire(hidden.to_wire(), SMALL).fresh


def test_a_key_prints_none_of_its_primes(pair: Pair) -> None:
    public, private = pair
    text = f"{private!r} {private} {public!r} {public.encrypt([1.0])!r}"
    assert not any(str(half.prime) in text for half in private._halves)
    assert "2048 bits" in text


def test_a_public_key_tells_n_and_hs_alone(pair: Pair) -> None:
    assert set(pair[0].to_wire()) == {"scheme", "n", "hs"}


# --- letters --------------------------------------------------------------------------------------


def test_ciphertexts_survive_the_codec(pair: Pair) -> None:
    public, private = pair
    values = np.array([[1.5, -2.0], [0.0, 3.0]])
    ring = KeyRing()
    ring.add(PublicKey.from_wire(decode(encode(public.to_wire()))))
    received = ring.read(decode(encode(public.encrypt(values).to_wire())))
    np.testing.assert_array_equal(private.decrypt(received), values)


def test_a_key_that_was_never_introduced_is_unknown() -> None:
    with pytest.raises(UnknownKey):
        KeyRing().read(SMALL.encrypt([1.0]).to_wire())


def altered(**changes: object) -> dict[str, object]:
    return SMALL.encrypt([1.0, 2.0]).to_wire() | changes


def cells(*values: int) -> BigIntVector:
    return BigIntVector.from_ints(values, SMALL.width)


@pytest.mark.parametrize(
    "wire",
    [
        altered(cells=cells(0, 1)),
        altered(cells=cells(1, int(SMALL.modulus))),
        altered(cells=cells(1, int(SMALL.n))),
        altered(cells=cells(1)),
        altered(cells=BigIntVector(SMALL.width + 1, bytes(2 * SMALL.width + 2))),
        altered(cells=[1, 2]),
        altered(shape=[3]),
        altered(shape=[-2]),
        altered(shape=[True, 2]),
        altered(shape=[1, 1, 1, 1, 2]),
        altered(shape=2),
        altered(precision=-1),
        altered(precision=10**6),
        altered(precision=1.0),
        altered(key=b"short"),
        altered(extra=1),
        {},
    ],
)
def test_what_is_no_ciphertext_is_refused(wire: dict[str, object]) -> None:
    with pytest.raises(BadCiphertext):
        Encrypted.from_wire(wire, SMALL)


def test_ciphertexts_of_another_key_are_refused(pair: Pair) -> None:
    public, private = pair
    mine, other = public.encrypt([1.0]), SMALL.encrypt([1.0])
    for mix in (
        lambda: mine + other,
        lambda: concatenate([mine, other]),
        lambda: private.decrypt(other),
        lambda: Encrypted.from_wire(other.to_wire(), public),
    ):
        with pytest.raises(MixedKeys):
            mix()


def test_a_public_key_that_is_none_is_refused(pair: Pair) -> None:
    good = pair[0].to_wire()
    n = good["n"]
    for changes in (
        {"scheme": "rot13"},
        {"scheme": 7},
        {"n": n >> 1024},
        {"n": -n},
        {"n": n * 3},
        {"n": (1 << 1024) ** 2 + 1 << 1},
        {"n": int(blum_prime(secrets.randbits(1020) | 1 << 1023)) ** 2},
        {"n": str(n)},
        {"n": 1 << 20000},
        {"hs": 0},
        {"hs": 1},
        {"hs": n * n - 1},
        {"hs": n},
        {"hs": n * n + 5},
        {"g": 5},
    ):
        with pytest.raises(BadPublicKey):
            PublicKey.from_wire(good | changes)


def test_keys_are_equal_when_their_numbers_are(pair: Pair) -> None:
    same = PublicKey.from_wire(pair[0].to_wire())
    assert same == pair[0]
    assert len({same, pair[0], SMALL}) == 2
