"""The owner of a key encrypts by its primes, and nobody can tell from what comes out."""

import gmpy2
import numpy as np
import pytest

from federation.crypto import PrivateKey, PublicKey, generate_keypair, kernels
from federation.crypto.fixed_point import as_objects
from federation.crypto.group import GroupPublicKey
from federation.crypto.own_powers import Factor, OwnBase


@pytest.fixture(scope="module", params=["paillier", "ou"])
def keys(request: pytest.FixtureRequest) -> tuple[PublicKey, PrivateKey]:
    return generate_keypair(request.param)


def base_of(public: PublicKey) -> tuple[GroupPublicKey, int]:
    assert isinstance(public, GroupPublicKey)
    wire = public.to_wire()
    return public, wire["hs"] if "hs" in wire else wire["h"]


def test_powers_by_the_factors_are_powers(keys: tuple[PublicKey, PrivateKey]) -> None:
    public, base = base_of(keys[0])
    exponents = [0, 1, 2**1500 - 1, *(3**k for k in range(0, 940, 20))]
    got = public.randomness(base).powers(as_objects(exponents, (len(exponents),)), 1500)
    assert isinstance(public.randomness(base), OwnBase)
    assert public.ring.to_ints(got) == [gmpy2.powmod(base, e, public.modulus) for e in exponents]


@pytest.mark.parametrize("count", [0, 1, 50])
def test_what_is_drawn_is_the_exponent_and_all_of_it(
    keys: tuple[PublicKey, PrivateKey], count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    public, base = base_of(keys[0])
    monkeypatch.setattr("secrets.token_bytes", lambda n: bytes([0xA7]) * n)
    drawn = public.ring.to_ints(public.randomness(base).random_powers(count, 1494))
    exponent = int.from_bytes(bytes([0xA7]) * 187, "little")
    assert drawn == [gmpy2.powmod(base, exponent, public.modulus)] * count


def test_a_key_that_came_by_wire_knows_no_factors(keys: tuple[PublicKey, PrivateKey]) -> None:
    public, private = keys
    received, base = base_of(PublicKey.from_wire(public.to_wire()))
    assert not isinstance(received.randomness(base), OwnBase)
    for key in (public, received):
        hidden = key.encrypt_ints([-5, 0, 7])
        assert private.decrypt_ints(received.encrypt_ints([1, 1, 1]) + hidden) == [-4, 1, 8]


def test_factors_need_not_be_squares() -> None:
    one, other = (1 << 1024) - 105, (1 << 682) + 0x1234567
    while gmpy2.gcd(one, other) != 1:
        other += 2
    ring = kernels.ring(one * other)
    order = 1 << 64  # beyond every exponent here
    base = OwnBase(ring, 3, Factor(gmpy2.mpz(one), order), Factor(gmpy2.mpz(other), order))
    exponents = np.arange(40)
    assert ring.to_ints(base.powers(exponents, 6)) == [3**e % (one * other) for e in range(40)]
