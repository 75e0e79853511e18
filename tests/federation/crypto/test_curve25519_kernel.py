"""Machine code for Curve25519: the published results, libsodium's results, the same refusals."""

from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import pytest

from federation.crypto import curve25519, curve25519_hash
from federation.crypto.byte_rows import ByteRows
from federation.crypto.curve25519 import (
    GENERIC,
    hash_to_points,
    multiply,
    multiply_own,
    random_scalar,
)
from federation.crypto.kernels.choice import SWITCH
from federation.crypto.kernels.engine import has
from federation.crypto.kernels.machine import missing
from federation.errors import BadPoint

P = 2**255 - 19
VECTORS = [
    (
        "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
        "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
        "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
    ),
    (
        "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
        "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
        "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
    ),
]
ACCELERATED = missing() is None
PATHS = ["portable", GENERIC, ""]


@pytest.fixture(autouse=True)
def compile_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let small batches have machine code too, whatever the environment asks for."""
    monkeypatch.delenv(SWITCH, raising=False)
    monkeypatch.setattr(curve25519, "_WORTH_COMPILING", 1)


def line(hexadecimal: str) -> np.ndarray:
    return np.frombuffer(bytes.fromhex(hexadecimal), dtype=np.uint8)


def line_of(u: int) -> np.ndarray:
    return np.frombuffer(u.to_bytes(32, "little"), dtype=np.uint8)


def many(count: int = 100) -> np.ndarray:
    return hash_to_points(b"t", ByteRows.of([str(i) for i in range(count)]))


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("count", [1, 70])
@pytest.mark.parametrize(("scalar", "point", "result"), VECTORS)
def test_every_path_gives_the_results_of_rfc_7748(
    scalar: str, point: str, result: str, count: int, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SWITCH, path)
    canonical = line(point).copy()
    canonical[31] &= 0x7F
    got = multiply_own(bytes.fromhex(scalar), np.tile(canonical, (count, 1)))
    assert {row.tobytes().hex() for row in got} == {result}


@pytest.mark.parametrize("path", [GENERIC, ""])
@pytest.mark.parametrize("count", [64, 65, 100, 257, 4099])
def test_a_batch_gives_libsodiums_results(
    count: int, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SWITCH, path)
    scalar, points = random_scalar(), many(count)
    fast = multiply(scalar, points)
    monkeypatch.setenv(SWITCH, "portable")
    np.testing.assert_array_equal(fast, multiply(scalar, points))


@pytest.mark.parametrize("path", [GENERIC, ""])
def test_texts_of_every_length_are_hashed_the_same_on_every_path(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SWITCH, path)
    texts = ByteRows.of([bytes([length % 251]) * length for length in range(300)])
    points = hash_to_points(b"t", texts)
    monkeypatch.setenv(SWITCH, "portable")
    np.testing.assert_array_equal(hash_to_points(b"t", texts), points)


@pytest.mark.parametrize("left_over", range(1, 10))
def test_a_last_turn_of_a_few_texts_is_hashed_like_any_other(
    left_over: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(curve25519_hash, "_AT_ONCE", 80)
    points = many(80 + left_over)
    monkeypatch.setenv(SWITCH, "portable")
    np.testing.assert_array_equal(points, many(80 + left_over))


def test_machine_code_is_used_wherever_the_processor_allows_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(SWITCH, raising=False)
    assert (curve25519._kernel(64) is not None) is has("avx2")
    assert curve25519._kernel(63) is None
    monkeypatch.setenv(SWITCH, "portable")
    assert curve25519._kernel(1 << 20) is None


def test_machine_code_is_not_made_for_a_few_points(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curve25519, "_WORTH_COMPILING", 1000)
    monkeypatch.setattr(curve25519, "_COMPILED", set())
    assert curve25519._kernel(999) is None
    assert (curve25519._kernel(1000) is not None) is has("avx2")


def test_threads_that_need_machine_code_at_once_share_one(monkeypatch: pytest.MonkeyPatch) -> None:
    if not has("avx2"):
        return
    from federation.crypto import curve25519_kernel

    fresh = cache(curve25519_kernel.kernel.__wrapped__)
    monkeypatch.setattr(curve25519_kernel, "kernel", fresh)
    monkeypatch.setattr(curve25519, "_made", cache(curve25519._made.__wrapped__))
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(curve25519._kernel, 2048) for _ in range(4)]
    assert len({id(future.result()) for future in asked}) == 1
    assert asked[0].result() is not None


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (0, "not on the curve"),
        (P - 1, "not on the curve"),
        (2, "not on the curve"),
        (1, "small order"),
        (
            325606250916557431795983626356110631294008115727848805560023387167927233504,
            "small order",
        ),
        (
            39382357235489614581723060781553021112529911719440698176882885853963445705823,
            "small order",
        ),
        (P, "not canonical"),
        (P + 9, "not canonical"),
        (2**255 - 1, "not canonical"),
        (2**255 + 9, "not canonical"),
    ],
)
@pytest.mark.parametrize("path", PATHS)
def test_one_bad_point_of_a_batch_is_refused_by_name(
    bad: int, why: str, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SWITCH, path)
    points = many().copy()
    points[71] = line_of(bad)
    with pytest.raises(BadPoint, match=why):
        multiply(random_scalar(), points)


@pytest.mark.parametrize("ifma", [True, False])
@pytest.mark.parametrize("bad", [[1500], [0, 1], [8, 16, 24], list(range(1500)), [-1]])
def test_a_long_list_with_points_off_the_curve_is_noticed(bad: list[int], ifma: bool) -> None:
    if not has("avx2") or (ifma and not ACCELERATED):
        return
    from federation.crypto.curve25519_kernel import kernel

    points = many(1501).copy()
    assert kernel(ifma=ifma).all_on_curve(points)
    points[bad] = line_of(2)
    assert not kernel(ifma=ifma).all_on_curve(points)
    points[bad] = line_of(0)
    assert not kernel(ifma=ifma).all_on_curve(points)


@pytest.mark.parametrize("ifma", [True, False])
def test_coordinates_just_below_the_modulus_are_taken_as_they_are(ifma: bool) -> None:
    if not has("avx2") or (ifma and not ACCELERATED):
        return
    from federation.crypto.curve25519_kernel import kernel

    near = [P - i for i in range(1, 40)] + list(range(40))
    points = np.stack([line_of(u) for u in near])
    squares = [pow(u**3 + 486662 * u * u + u, (P - 1) // 2, P) == 1 for u in near]
    assert kernel(ifma=ifma).on_curve(points).tolist() == squares


@pytest.mark.parametrize("ifma", [True, False])
def test_products_of_the_largest_limbs_do_not_overflow(ifma: bool) -> None:
    """Points and scalars of ones; libsodium multiplies the same."""
    if not has("avx2") or (ifma and not ACCELERATED):
        return
    from federation.crypto.curve25519_kernel import kernel

    points = np.stack([line_of(P - i) for i in range(1, 200)])
    points = points[kernel(ifma=ifma).on_curve(points)]
    for scalar in (b"\xff" * 32, bytes(32), b"\x55" * 32):
        got = kernel(ifma=ifma).multiply(scalar, points)
        np.testing.assert_array_equal(got, curve25519._times(None, scalar, points))
