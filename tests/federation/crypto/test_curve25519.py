"""Points of Curve25519: blinding commutes, and bad points are refused."""

from collections.abc import Sequence

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.crypto import curve25519
from federation.crypto.byte_rows import ByteRows
from federation.crypto.curve25519 import GENERIC, multiply, random_scalar, scalar_pair
from federation.crypto.curve25519 import hash_to_points as hash_rows
from federation.crypto.curve25519_hash import SUITE, point_of
from federation.crypto.kernels.choice import SWITCH
from federation.errors import BadPoint

P = 2**255 - 19


def euler(u: int) -> int:
    """1 where u is on the curve, P - 1 where it is on the twist."""
    return pow(u * u * u + 486662 * u * u + u, (P - 1) // 2, P)


def hash_to_points(domain: bytes, messages: Sequence[str] | Sequence[bytes]) -> np.ndarray:
    return hash_rows(domain, ByteRows.of(messages))


def points_of(*coordinates: int) -> np.ndarray:
    data = b"".join(u.to_bytes(32, "little") for u in coordinates)
    return np.frombuffer(data, dtype=np.uint8).reshape(-1, 32)


@settings(max_examples=25)
@given(st.lists(st.binary(max_size=40), max_size=4))
def test_the_order_of_two_blindings_does_not_matter(messages: list[bytes]) -> None:
    a, b = random_scalar(), random_scalar()
    points = hash_to_points(b"t", messages)
    assert points.shape == (len(messages), 32)
    np.testing.assert_array_equal(
        multiply(a, multiply(b, points)), multiply(b, multiply(a, points))
    )


@settings(max_examples=25)
@given(st.binary(max_size=40))
def test_an_id_is_hashed_to_a_canonical_point_of_the_curve_itself(message: bytes) -> None:
    u = int.from_bytes(hash_to_points(b"t", [message]).tobytes(), "little")
    assert u < P
    assert euler(u) == 1


def test_hashing_depends_on_the_message_and_the_domain_alone() -> None:
    points = hash_to_points(b"one", [b"a", b"b", b"a"])
    np.testing.assert_array_equal(points[0], points[2])
    assert points[0].tobytes() != points[1].tobytes()
    assert hash_to_points(b"two", [b"a"]).tobytes() != points[0].tobytes()


def test_multiplication_is_x25519() -> None:
    scalar, points = random_scalar(), hash_to_points(b"t", [b"a", b"b"])
    ours = multiply(scalar, points)
    key = X25519PrivateKey.from_private_bytes(scalar)
    for got, point in zip(ours, points, strict=True):
        public = X25519PublicKey.from_public_bytes(point.tobytes())
        assert got.tobytes() == key.exchange(public)


def test_blinding_never_leaves_the_curve() -> None:
    points = multiply(random_scalar(), hash_to_points(b"t", [bytes([i]) for i in range(20)]))
    assert all(euler(int.from_bytes(point.tobytes(), "little")) == 1 for point in points)


@pytest.mark.parametrize(
    ("coordinate", "why"),
    [
        (0, "not on the curve"),
        (1, "small order"),
        (P - 1, "not on the curve"),
        (
            325606250916557431795983626356110631294008115727848805560023387167927233504,
            "small order",
        ),
        (2, "not on the curve"),
        (P, "canonical"),
        (P + 9, "canonical"),
        (2**255 + 9, "canonical"),
        (2**256 - 1, "canonical"),
    ],
)
def test_a_point_that_gives_something_away_is_refused(coordinate: int, why: str) -> None:
    with pytest.raises(BadPoint, match=why):
        multiply(random_scalar(), points_of(9, coordinate))


@pytest.mark.parametrize("shape", [(31,), (2, 31), (2, 33)])
def test_points_are_32_bytes(shape: tuple[int, ...]) -> None:
    with pytest.raises(BadPoint):
        multiply(random_scalar(), np.zeros(shape, dtype=np.uint8))


RFC_9380 = {
    "": "51125222da5e763d97f3c10fcc92ea6860b9ccbbd2eb1285728f566721c1e65b",
    "abc": "7d56d1e08cb0ccb92baf069c18c49bb5a0dcd927eff8dcf75ca921ef7f3e6eeb",
    "abcdef0123456789": "3fbe66b9c9883d79e8407150e7c2a1c8680bee496c62fabe4619a72b3cabe90f",
    "q128_" + "q" * 128: "227e0bb89de700385d19ec40e857db6e6a3e634b1c32962f370d26f84ff19683",
    "a512_" + "a" * 512: "3bcd651ee54d5f7b6013898aab251ee8ecc0688166fce6e9548d38472f6bd196",
}
"""Appendix J.4.2: messages, and Q.x, which is the point before the cofactor is cleared."""


@pytest.mark.parametrize("path", ["portable", GENERIC, ""])
def test_points_are_those_of_rfc_9380(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SWITCH, path)
    monkeypatch.setattr(curve25519, "_WORTH_COMPILING", 1)
    texts = list(RFC_9380) * 20
    domain = b"QUUX-V01-CS02-with-" + SUITE
    assert len(texts) >= 64
    points = hash_to_points(b"QUUX-V01-CS02-with-", texts)
    assert [point[::-1].tobytes().hex() for point in points] == list(RFC_9380.values()) * 20
    assert [point_of(text.encode(), domain)[::-1].hex() for text in RFC_9380] == list(
        RFC_9380.values()
    )


def test_the_inverse_of_a_pair_undoes_its_scalar() -> None:
    b, points = random_scalar(), hash_to_points(b"t", [bytes([i]) for i in range(3)])
    expected = multiply(b, points)
    for _ in range(5):
        scalar, inverse = scalar_pair()
        undone = multiply(inverse, multiply(b, multiply(scalar, points)))
        np.testing.assert_array_equal(undone, expected)
