"""The lattice scheme against plain numbers, and against who should learn nothing."""

import hashlib
import math
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from federation.crypto import Encrypted, KeyRing, PublicKey, concatenate, generate_keypair
from federation.crypto.lattice import LatticePrivateKey, LatticePublicKey, generate_lattice
from federation.crypto.packing import Slots
from federation.crypto.seal import DEGREE, PLAIN_BITS, PRIME_BITS, Seal, seal
from federation.errors import (
    BadCiphertext,
    BadPublicKey,
    FixedPointOverflow,
    MixedKeys,
    NonFiniteValues,
    PackingOverflow,
    SchemeLacks,
    SchemeNotInstalled,
)
from federation.wire.codec import decode, encode

PUBLIC, PRIVATE = generate_lattice()
REALS = st.floats(-100, 100)
few = settings(max_examples=15, deadline=None)


def opened(encrypted: Encrypted) -> np.ndarray:
    return PRIVATE.decrypt(encrypted)


@few
@given(hnp.arrays(np.float64, st.integers(1, 9), elements=REALS))
def test_what_was_encrypted_is_decrypted(values: np.ndarray) -> None:
    np.testing.assert_allclose(opened(PUBLIC.encrypt(values)), values, atol=2.0**-17)


@few
@given(st.data(), st.integers(1, 6))
def test_sums_are_those_of_the_values(data: st.DataObject, n: int) -> None:
    a, b = (data.draw(hnp.arrays(np.float64, n, elements=REALS)) for _ in range(2))
    x, y = PUBLIC.encrypt(a), PUBLIC.encrypt(b, precision=9)
    for got, expected in (
        (x + y, a + b),
        (x - y, a - b),
        (b + x, a + b),
        (x - b, a - b),
        (b - x, b - a),
        (-x, -a),
        (3 * x, 3 * a),
        (x * -0.5, a * -0.5),
        (x.sum(), a.sum()),
        (x.doubled(3), 8 * a),
        (x.halved(3), a / 8),
    ):
        np.testing.assert_allclose(opened(got), expected, atol=0.01)


@few
@given(st.data(), st.integers(1, 4), st.integers(1, 6))
def test_a_matrix_product_is_that_of_the_values(data: st.DataObject, m: int, k: int) -> None:
    matrix = data.draw(hnp.arrays(np.float64, (m, k), elements=st.floats(-4, 4)))
    values = data.draw(hnp.arrays(np.float64, k, elements=st.floats(-9, 9)))
    hidden = PUBLIC.encrypt(values)
    tolerance = k * 9 * 2.0**-13
    np.testing.assert_allclose(opened(matrix @ hidden), matrix @ values, atol=tolerance)
    np.testing.assert_allclose(opened(hidden @ matrix.T), matrix @ values, atol=tolerance)
    np.testing.assert_allclose(opened(matrix[0] @ hidden), matrix[0] @ values, atol=tolerance)


@pytest.mark.parametrize("rows", [DEGREE - 1, DEGREE, DEGREE + 1, 2 * DEGREE + 5])
def test_products_of_whole_numbers_are_exact_over_several_blocks(rows: int) -> None:
    rng = np.random.default_rng(rows)
    values, matrix = rng.integers(-999, 1000, rows), rng.integers(-9, 10, (2, rows))
    matrix[1, : DEGREE + 1] = 0
    hidden = PUBLIC.encrypt(values)
    products = (matrix @ hidden).refreshed()
    assert PRIVATE.decrypt_ints(products) == (matrix @ values).tolist()
    np.testing.assert_array_equal(opened(hidden), values)


def test_a_mean_gradient_is_good_to_a_millionth() -> None:
    rng = np.random.default_rng(1)
    rows = 20_000
    matrix, values = rng.normal(size=(rows, 2)), rng.normal(size=rows)
    bits = math.ceil(math.log2(rows))
    hidden = (matrix.T * (2.0**bits / rows)) @ PUBLIC.encrypt(values, precision=23)
    got = opened((hidden.halved(bits) + 0.25).refreshed())
    np.testing.assert_allclose(got, matrix.T @ values / rows + 0.25, atol=5e-7)


def test_single_values_are_picked_and_joined() -> None:
    values = np.arange(-6.0, 7.0)
    hidden = PUBLIC.encrypt(values)
    for index in (0, 12, -1, slice(0, 5), slice(3, 9, 2), [4, 4, 0]):
        np.testing.assert_array_equal(opened(hidden[index]), values[index])
    joined = concatenate([hidden[-1:], (np.eye(13)[2:4] @ hidden), PUBLIC.encrypt([2.5])])
    np.testing.assert_array_equal(opened(joined[[3, 1, 0]]), [2.5, -4.0, 6.0])
    np.testing.assert_array_equal(opened(joined * np.array([2, 0, 1, 3])), [12, 0, -3, 7.5])
    assert opened(joined.sum()) == 6 - 4 - 3 + 2.5
    assert hidden.transpose() is hidden
    assert hidden.reshape(-1).shape == (13,)


@pytest.mark.parametrize(
    "operation",
    [
        lambda x: x * np.array([1, 2, 3]),
        lambda x: x.bucket_sums(np.array([0, 0, 1]), 2),
        lambda x: x.reshape(3, 1),
        lambda x: x[[[0, 1]]],
        lambda x: np.eye(3) @ (np.eye(3) @ x),
        lambda x: x + x[:2],
        lambda x: PUBLIC.encrypt(np.zeros((2, 2))),
        lambda x: PUBLIC.encrypt(np.zeros(3000))[1:],
    ],
)
def test_what_a_lattice_does_not_offer_is_refused_by_name(operation: Any) -> None:
    with pytest.raises(SchemeLacks, match="choose Paillier or OU"):
        operation(PUBLIC.encrypt([1, 2, 3]))


def test_packing_is_refused_by_name() -> None:
    with pytest.raises(PackingOverflow):
        Slots.for_sums(2, largest=1.0, terms=9).encrypt(PUBLIC, np.zeros((1, 2)))


# --- what does not fit ----------------------------------------------------------------------------


def test_what_does_not_fit_is_not_encrypted() -> None:
    assert opened(PUBLIC.encrypt([127.0, -127.0])).tolist() == [127.0, -127.0]
    for wrong in ([128.0], [-128.0], [1e30]):
        with pytest.raises(FixedPointOverflow):
            PUBLIC.encrypt(wrong)
    with pytest.raises(FixedPointOverflow):
        PUBLIC.encrypt_ints([1 << 23])
    with pytest.raises(NonFiniteValues):
        PUBLIC.encrypt([np.nan])


@pytest.mark.parametrize(
    "operation",
    [
        lambda x: x * (1 << 35),
        lambda x: -(-(x * (1 << 34)) * 2),
        lambda x: x.doubled(35),
        lambda x: np.full((1, 4), 1 << 33) @ x,
        lambda x: np.full((1, 4), 2000.0) @ x,
        lambda x: x.doubled(34) + x.doubled(34),
        lambda x: x + 128.0,
        lambda x: x.halved(40) + 1.0,
    ],
)
def test_what_could_wrap_around_is_an_overflow_whatever_the_values_are(operation: Any) -> None:
    with pytest.raises(FixedPointOverflow):
        operation(PUBLIC.encrypt(np.zeros(4)))


def test_sums_up_to_the_border_are_exact() -> None:
    hidden = PUBLIC.encrypt_ints([(1 << 23) - 1, -(1 << 23) + 1]).doubled(34)
    assert PRIVATE.decrypt_ints(hidden) == [((1 << 23) - 1) << 34, (-(1 << 23) + 1) << 34]


# --- the curious party ----------------------------------------------------------------------------


def test_the_modulus_is_within_the_standard_for_128_bits() -> None:
    context = seal().context
    assert context.parameters_set()
    assert (DEGREE, sum(PRIME_BITS)) == (8192, 218)
    assert context.key_context_data().total_coeff_modulus_bit_count() <= 218
    assert str(context.first_context_data().qualifiers().sec_level).endswith("TC128")


def polynomial_of(encrypted: Any, block: int = 0) -> np.ndarray:
    """All that the owner of the key finds in a block."""
    library = seal()
    plain = library.library.Plaintext()
    PRIVATE._decryptor.decrypt(encrypted.blocks[block], plain)
    return library.coefficients(plain, DEGREE)


def test_a_product_shows_its_owner_nothing_but_itself() -> None:
    values, row = np.arange(1, 50), np.arange(50, 99)
    product = row[np.newaxis] @ PUBLIC.encrypt(values)
    bare = polynomial_of(product)
    assert np.count_nonzero(bare) > 49, "single products are in it until it is refreshed"
    first, second = (polynomial_of(product.refreshed()) for _ in range(2))
    assert first[0] == second[0] == values @ row
    assert np.count_nonzero(first[1:] == second[1:]) < 3
    assert np.count_nonzero(first[1:] == bare[1:]) < 3
    high = np.abs(first[1:] / 2.0 ** (PLAIN_BITS - 1))
    assert 0.45 < high.mean() < 0.55


def test_a_refreshed_product_has_lost_the_primes_that_held_its_noise() -> None:
    product = np.ones((1, 3)) @ PUBLIC.encrypt([1.0, 2.0, 3.0])
    library, fresh = seal(), product.refreshed()
    assert library.level_of(product.blocks[0]) == 0
    assert library.level_of(fresh.blocks[0]) == 2
    budgets = {
        PRIVATE._decryptor.invariant_noise_budget(
            (np.full((1, 3), size) @ PUBLIC.encrypt([1, 2, 3])).refreshed().blocks[0]
        )
        for size in (0, 1, 1 << 20)
    }
    assert max(budgets) - min(budgets) <= 2, "the noise is that of rounding, whatever the factors"


def test_equal_values_never_have_equal_ciphertexts() -> None:
    letters = [PUBLIC.encrypt([1.0]) for _ in range(5)]
    letters += [letters[0].refreshed() for _ in range(5)]
    digests = {hashlib.sha256(encode(x.to_wire())).digest() for x in letters}
    assert len(digests) == 10


def test_what_lies_beyond_a_shortened_line_does_not_leave() -> None:
    part = PUBLIC.encrypt(np.arange(1.0, 9.0))[:3]
    assert not part.fresh
    assert polynomial_of(part)[3] != 0
    left = polynomial_of(part.refreshed())
    assert left[3] != polynomial_of(part)[3]
    np.testing.assert_array_equal(opened(part.refreshed()), [1.0, 2.0, 3.0])


def test_only_new_randomness_is_fresh() -> None:
    hidden = PUBLIC.encrypt(np.ones(3))
    assert hidden.fresh
    derived = (hidden + 1, hidden * 2, -hidden, np.eye(3) @ hidden, hidden.sum(), hidden[[0, 0]])
    assert not any(value.fresh for value in derived)
    assert all(value.refreshed().fresh for value in derived)
    assert not Encrypted.from_wire(hidden.to_wire(), PUBLIC).fresh


def test_what_a_letter_says_of_magnitudes_does_not_depend_on_the_values() -> None:
    letters = []
    for scale in (1e-3, 100.0):
        matrix, values = np.full((2, 3), scale / 100), np.full(3, scale)
        line = (PUBLIC.encrypt(values) + PUBLIC.encrypt(values) + values).refreshed()
        letters.append((line.to_wire(), (matrix @ line).refreshed().to_wire()))
    for small, large in zip(*letters, strict=True):
        assert small["cells"]["terms"] == large["cells"]["terms"]
        assert {k: v for k, v in small.items() if k != "cells"} == {
            k: v for k, v in large.items() if k != "cells"
        }


# --- letters --------------------------------------------------------------------------------------


def test_ciphertexts_survive_the_codec() -> None:
    ring = KeyRing()
    ring.add(PublicKey.from_wire(decode(encode(PUBLIC.to_wire()))))
    line = PUBLIC.encrypt([1.5, -2.0])
    for hidden in (line, (np.eye(2) @ line).refreshed(), line.sum().refreshed()):
        received = ring.read(decode(encode(hidden.to_wire())))
        assert received.shape == hidden.shape
        np.testing.assert_array_equal(opened(received), opened(hidden))
    np.testing.assert_array_equal(opened(ring.read(line.to_wire()) + line), [3.0, -4.0])


def altered(**changes: object) -> dict[str, Any]:
    wire = PUBLIC.encrypt([1.0, 2.0]).to_wire()
    cells = {**wire["cells"], **changes.pop("cells", {})}  # type: ignore[dict-item]
    return wire | {"cells": cells} | changes


BLOB = altered()["cells"]["blocks"][0]


@pytest.mark.parametrize(
    "wire",
    [
        altered(cells={"blocks": [BLOB[:-1]]}),
        altered(cells={"blocks": [BLOB + b"\0"]}),
        altered(cells={"blocks": [BLOB[:9]]}),
        altered(cells={"blocks": [b""]}),
        altered(cells={"blocks": [bytes(len(BLOB))]}),
        altered(cells={"blocks": [b"\xff" * (1 << 21)]}),
        altered(cells={"blocks": [BLOB, BLOB]}),
        altered(cells={"blocks": []}),
        altered(cells={"blocks": ["text"]}),
        altered(cells={"blocks": BLOB}),
        altered(cells={"apart": True}),
        altered(cells={"apart": 1}),
        altered(cells={"terms": 0}),
        altered(cells={"terms": 1 << 40}),
        altered(cells={"extra": 1}),
        altered(shape=[1, 2]),
        altered(shape=[DEGREE + 1]),
        altered() | {"cells": b"blob"},
    ],
)
def test_what_is_no_ciphertext_is_refused(wire: dict[str, Any]) -> None:
    with pytest.raises(BadCiphertext):
        Encrypted.from_wire(wire, PUBLIC)


def test_a_line_without_its_primes_is_refused() -> None:
    product = (np.eye(1) @ PUBLIC.encrypt([1.0])).refreshed().to_wire()
    with pytest.raises(BadCiphertext, match="primes"):
        Encrypted.from_wire(product | {"cells": product["cells"] | {"apart": False}}, PUBLIC)


@pytest.mark.parametrize(
    "changes",
    [
        {"data": PUBLIC.to_wire()["data"][:-1]},
        {"data": PUBLIC.to_wire()["data"] + b"\0"},
        {"data": BLOB},
        {"data": b""},
        {"data": 7},
        {"more": 1},
        {"scheme": "rot13"},
    ],
)
def test_a_public_key_that_is_none_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(BadPublicKey):
        PublicKey.from_wire(PUBLIC.to_wire() | changes)


def test_ciphertexts_of_another_key_are_refused() -> None:
    other, _ = generate_keypair("BFV")
    assert isinstance(other, LatticePublicKey)
    mine, theirs = PUBLIC.encrypt([1.0]), other.encrypt([1.0])
    for mix in (
        lambda: mine + theirs,
        lambda: concatenate([mine, theirs]),
        lambda: opened(theirs),
        lambda: Encrypted.from_wire(theirs.to_wire(), PUBLIC),
    ):
        with pytest.raises(MixedKeys):
            mix()


def test_a_ciphertext_under_another_key_with_this_name_opens_to_noise() -> None:
    """Whoever lies about the key gives a sum nobody can use; it is not taken for a number."""
    other, _ = generate_lattice()
    forged = other.encrypt([1.0]).to_wire() | {"key": PUBLIC.fingerprint}
    with pytest.raises(BadCiphertext, match="noise"):
        opened(Encrypted.from_wire(forged, PUBLIC))


def test_ciphertexts_are_not_multiplied_with_each_other() -> None:
    factor: Any = PUBLIC.encrypt([1.0])
    with pytest.raises(TypeError):
        PUBLIC.encrypt([1.0]) * factor


def test_a_party_without_the_library_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "tenseal", None)
    monkeypatch.delitem(sys.modules, "tenseal.sealapi", raising=False)
    with pytest.raises(SchemeNotInstalled, match="lattice"):
        Seal()


def test_a_key_prints_nothing_of_its_secret() -> None:
    assert isinstance(PRIVATE, LatticePrivateKey)
    assert repr(PRIVATE) == f"LatticePrivateKey(of {PUBLIC!r})"
