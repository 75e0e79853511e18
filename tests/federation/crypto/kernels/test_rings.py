"""All paths count as plain integers do; the accelerated one where this machine has it, and torch's
on its processor device where torch is installed."""

import math
import secrets
from importlib.util import find_spec

import gmpy2
import numpy as np
import pytest
from gmpy2 import mpz
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.crypto.kernels.limb_ring import LimbRing
from federation.crypto.kernels.machine import missing, set_threads, thread_count
from federation.crypto.kernels.multiexp import Plan, _bucketed, _picked, _tables
from federation.crypto.kernels.portable import PortableRing
from federation.crypto.kernels.ring import Ring
from federation.errors import BadCiphertext

# Fixed odd numbers of the sizes that keys have: the least and the most a shape holds.
N_512 = (1 << 512) - 569
N_683 = (1 << 682) + 0x1234567
N_1024 = (1 << 1024) - 105
N_2048 = (1 << 2048) - 1942289

RINGS: list[Ring] = [PortableRing(N_683), PortableRing(N_683**2, N_683)]
if missing() is None:
    RINGS += [LimbRing(N_512, pair=True), LimbRing(N_512), LimbRing(N_683, pair=True)]
    RINGS += [LimbRing(N_1024), LimbRing(N_2048, pair=True)]
if find_spec("torch"):
    from federation.crypto.kernels.torch_ring import TorchRing

    RINGS += [TorchRing(N_512), TorchRing(N_683**2, N_683), TorchRing(N_2048**2, N_2048)]


def name_of(ring: Ring) -> str:
    return f"{type(ring).__name__}-{ring.modulus.bit_length()}"


@pytest.fixture(params=RINGS, ids=name_of)
def ring(request: pytest.FixtureRequest) -> Ring:
    result: Ring = request.param
    return result


def units(ring: Ring, count: int, seed: int = 5) -> list[int]:
    state = gmpy2.random_state(seed)
    found: list[int] = []
    while len(found) < count:
        value = gmpy2.mpz_random(state, ring.modulus)
        if gmpy2.gcd(value, ring.modulus) == 1:
            found.append(int(value))
    return found


def edges(ring: Ring) -> list[int]:
    """Units where carries and last subtractions would go wrong first."""
    m = int(ring.modulus)
    root = int(gmpy2.isqrt(m))
    values = [1, 2, m - 1, m - 2, root - 1, root + 1, (1 << 52) - 1, 1 << 52, (1 << 520) - 1]
    return [value for value in values if value < m and math.gcd(value, m) == 1]


def test_numbers_come_out_as_they_went_in(ring: Ring) -> None:
    values = edges(ring) + units(ring, 20)
    assert ring.to_ints(ring.from_ints(values)) == values


def test_numbers_that_are_no_units_come_out_as_they_went_in(ring: Ring) -> None:
    root = int(gmpy2.isqrt(ring.modulus))
    values = [0, root, 3 * root % int(ring.modulus), int(ring.modulus) - root]
    assert ring.to_ints(ring.from_ints(values)) == values


def test_a_blob_longer_than_the_modulus_is_reduced(ring: Ring) -> None:
    width = ring.modulus.bit_length() // 8 * 3 + 5
    values = [secrets.randbits(8 * width) for _ in range(9)] + [(1 << 8 * width) - 1, 0]
    blob = b"".join(value.to_bytes(width, "little") for value in values)
    assert ring.to_ints(ring.read(blob, width)) == [value % ring.modulus for value in values]


def test_every_edge_times_every_edge_is_exact(ring: Ring) -> None:
    values = edges(ring)
    a, b = ([v for v in values for _ in values], values * len(values))
    got = ring.to_ints(ring.multiply(ring.from_ints(a), ring.from_ints(b)))
    assert got == [x * y % ring.modulus for x, y in zip(a, b, strict=True)]


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 100])
def test_products_are_pair_by_pair_for_any_count(ring: Ring, count: int) -> None:
    a, b = units(ring, count, 1), units(ring, count, 2)
    got = ring.multiply(ring.from_ints(a) if a else ring.ones(0), ring.from_ints(b or [1])[:count])
    assert ring.to_ints(got) == [x * y % ring.modulus for x, y in zip(a, b, strict=True)]


@pytest.mark.parametrize("kind", [np.int64, object])
def test_a_multiple_of_n_plus_one_is_that(ring: Ring, kind: type) -> None:
    multiples = [0, 1, -1, 2**52, -(2**52), 2**62 - 1, -(2**62), 12345678912345678]
    n = int(gmpy2.isqrt(ring.modulus))
    if n * n != ring.modulus:
        with pytest.raises(ValueError, match="square"):
            ring.one_plus(np.array(multiples, dtype=kind))
        return
    expected = [(1 + m * n) % ring.modulus for m in multiples]
    assert ring.to_ints(ring.one_plus(np.array(multiples, dtype=kind))) == expected


def test_one_number_multiplies_all(ring: Ring) -> None:
    a = units(ring, 11)
    got = ring.multiply(ring.from_ints(a), ring.from_ints([7]))
    assert ring.to_ints(got) == [7 * x % ring.modulus for x in a]


def test_long_chains_of_products_never_drift(ring: Ring) -> None:
    """Lazy residues stay in bounds however often they are multiplied."""
    values = edges(ring)
    a, expected = ring.from_ints(values), [mpz(v) for v in values]
    for _ in range(200):
        a = ring.multiply(a, a)
        expected = [v * v % ring.modulus for v in expected]
    assert ring.to_ints(a) == expected


@pytest.mark.parametrize("times", [0, 1, 30])
def test_squares_are_repeated(ring: Ring, times: int) -> None:
    a = edges(ring)
    got = ring.to_ints(ring.squares(ring.from_ints(a), times))
    assert got == [gmpy2.powmod(x, 1 << times, ring.modulus) for x in a]


@pytest.mark.parametrize("top", [0, 1, 2**20, 2**62 - 1, 2**300])
def test_each_number_has_a_power_of_its_own(ring: Ring, top: int) -> None:
    a = units(ring, 10)
    exponents = [secrets.randbelow(top + 1) for _ in range(8)] + [0, top]
    array = np.array(exponents, dtype=object if top > 2**62 else np.int64)
    got = ring.to_ints(ring.power(ring.from_ints(a), array))
    assert got == [gmpy2.powmod(x, e, ring.modulus) for x, e in zip(a, exponents, strict=True)]


@pytest.mark.parametrize("exponent", [0, 1, 2**130 - 1, 0xDEADBEEF << 60])
def test_one_secret_power_is_for_all(ring: Ring, exponent: int) -> None:
    a = units(ring, 17)
    got = ring.to_ints(ring.power_all(ring.from_ints(a), exponent, 131))
    assert got == [gmpy2.powmod(x, exponent, ring.modulus) for x in a]


@pytest.mark.parametrize("count", [0, 1, 8, 9, 50])
def test_a_number_times_its_inverse_is_one(ring: Ring, count: int) -> None:
    a = ring.from_ints(units(ring, count) or [1])[:count]
    assert ring.to_ints(ring.multiply(a, ring.inverses(a))) == [1] * count


def test_a_number_without_an_inverse_is_refused(ring: Ring) -> None:
    root = int(gmpy2.isqrt(ring.modulus))
    factor = root if root * root == ring.modulus else 0
    with pytest.raises(BadCiphertext):
        ring.inverses(ring.from_ints([*units(ring, 20), factor]))


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_buckets_hold_the_product_of_what_fell_into_them(data: st.DataObject) -> None:
    for ring in RINGS:
        size = data.draw(st.integers(0, 120))
        count = data.draw(st.integers(1, 12))
        values = units(ring, 20)
        labels = data.draw(st.lists(st.integers(0, count - 1), min_size=size, max_size=size))
        picks = data.draw(st.lists(st.integers(0, 19), min_size=size, max_size=size))
        expected = [mpz(1)] * count
        for label, pick in zip(labels, picks, strict=True):
            expected[label] = expected[label] * values[pick] % ring.modulus
        got = ring.bucket_products(
            ring.from_ints(values), np.array(labels, np.int64), count, np.array(picks, np.int64)
        )
        assert ring.to_ints(got) == expected


def test_one_bucket_takes_thousands(ring: Ring) -> None:
    values = units(ring, 50)
    labels, picks = np.zeros(5000, np.int64), np.arange(5000) % 50
    product = mpz(1)
    for value in values:
        product = product * value % ring.modulus
    got = ring.bucket_products(ring.from_ints(values), labels, 1, picks)
    assert ring.to_ints(got) == [gmpy2.powmod(product, 100, ring.modulus)]


def expected_products(ring: Ring, exponents: np.ndarray, bases: list[int]) -> list[int]:
    return [
        int(math.prod(pow(b, int(e), int(ring.modulus)) for b, e in zip(bases, row, strict=True)))
        % int(ring.modulus)
        for row in exponents.tolist()
    ]


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (1, 1), (2, 40), (40, 2), (9, 9)])
@pytest.mark.parametrize("bits", [0, 3, 24])
def test_a_row_gives_the_product_of_its_powers(
    ring: Ring, shape: tuple[int, int], bits: int
) -> None:
    rng = np.random.default_rng([*shape, bits])
    exponents = rng.integers(-(2**bits), 2**bits, size=shape, endpoint=True)
    bases = units(ring, shape[1])
    got = ring.power_products(exponents, ring.from_ints(bases or [1])[: shape[1]])
    assert ring.to_ints(got) == expected_products(ring, exponents, bases)


def test_exponents_may_be_longer_than_a_word(ring: Ring) -> None:
    exponents = np.array([[2**100 + 7, -(3**50)], [0, 1], [-1, -(2**99)]], dtype=object)
    bases = units(ring, 2)
    got = ring.power_products(exponents, ring.from_ints(bases))
    assert ring.to_ints(got) == expected_products(ring, exponents, bases)


@pytest.mark.parametrize("window", [2, 3, 5])
def test_tables_and_buckets_agree(ring: Ring, window: int) -> None:
    """Both ways on any ring, whichever the plan would take."""
    exponents = np.random.default_rng(window).integers(-500, 500, size=(5, 6))
    bases = units(ring, 6)
    a = ring.from_ints(bases)
    both = ring.joined([a, ring.inverses(a)])
    plan = Plan(True, window, -(-10 // window), 0)
    by_tables = _picked(ring, exponents, _tables(ring, both, plan), plan)
    by_buckets = _bucketed(ring, exponents, both, plan)
    expected = expected_products(ring, exponents, bases)
    assert ring.to_ints(by_tables) == expected
    assert ring.to_ints(by_buckets) == expected


@pytest.mark.parametrize("count", [1, 40])
def test_powers_of_a_fixed_base_are_powers(ring: Ring, count: int) -> None:
    (base,) = units(ring, 1)
    fixed = ring.fixed_base(base)
    for bits in (3, 100, 37):
        exponents = [secrets.randbits(bits) for _ in range(count)]
        exponents[0] = (1 << bits) - 1
        array = np.array(exponents, dtype=object if bits > 62 else np.int64)
        got = ring.to_ints(fixed.powers(array, bits))
        assert got == [gmpy2.powmod(base, e, ring.modulus) for e in exponents]


@pytest.mark.parametrize("count", [0, 3, 300])
def test_random_powers_differ_and_are_as_many_as_asked(ring: Ring, count: int) -> None:
    drawn = ring.to_ints(ring.fixed_base(3).random_powers(count, 128))
    assert len(drawn) == len(set(drawn)) == count


def test_random_powers_use_the_exponent_that_was_drawn(
    ring: Ring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("secrets.token_bytes", lambda n: bytes([2]) * n)
    drawn = ring.to_ints(ring.fixed_base(5).random_powers(40, 64))
    step = 8 if isinstance(ring, PortableRing) else 7
    exponent = sum(2 << (step * place) for place in range(-(-64 // step)))
    assert set(drawn) == {gmpy2.powmod(5, exponent, ring.modulus)}


def test_threads_change_nothing_but_the_time(ring: Ring) -> None:
    values = units(ring, 64)
    before = thread_count()
    results = []
    for threads in (1, 3):
        set_threads(threads)
        results.append(ring.to_ints(ring.power_all(ring.from_ints(values), 2**200 - 3, 200)))
    set_threads(before)
    assert results[0] == results[1] == [gmpy2.powmod(v, 2**200 - 3, ring.modulus) for v in values]


if missing() is None:

    @pytest.mark.parametrize("pair", [True, False])
    def test_thousands_of_random_products_are_gmps(pair: bool) -> None:
        state = gmpy2.random_state(11)
        for bits in (512, 1024, 2048):
            n = (
                gmpy2.mpz_rrandomb(state, bits) | 1 | mpz(1) << (bits - 1)
            )  # long runs of equal bits
            ring = LimbRing(n, pair=pair)
            a, b = ([gmpy2.mpz_rrandomb(state, 3 * bits) for _ in range(1500)] for _ in range(2))
            got = ring.to_ints(ring.multiply(ring.from_ints(a), ring.from_ints(b)))
            assert got == [x * y % ring.modulus for x, y in zip(a, b, strict=True)]
