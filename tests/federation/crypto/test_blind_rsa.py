"""Blind signatures: right, blind, and only under a key that is one."""

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from gmpy2 import is_prime, mpz

from federation.crypto.blind_rsa import EXPONENT, Signer, Verifier
from federation.errors import (
    BadBlindSignature,
    BadPublicKey,
    ComputationProblem,
    WeakKey,
)

MESSAGES = [b"ada", b"grace", "\u00e9mile".encode()]


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer.generate()


def test_an_unblinded_signature_is_the_signature(signer: Signer) -> None:
    public = signer.public
    hashes = public.hashed(MESSAGES)
    blinded, factors = public.blind(hashes)
    signatures = public.unblind(signer.sign(blinded), factors, hashes)
    assert signatures == signer.sign(hashes)
    assert [pow(s, EXPONENT, public.n) for s in signatures] == hashes


def test_the_hash_fills_the_whole_domain_and_belongs_to_the_key(signer: Signer) -> None:
    hashes = signer.public.hashed([bytes([i]) for i in range(64)])
    assert len(set(hashes)) == 64
    assert max(hashes).bit_length() > 2040
    assert all(h < signer.public.n for h in hashes)
    assert hashes[0] != Verifier.of(int(signer.public.n) + 2).hashed([b"\0"])[0]
    assert hashes[0] != signer.public.challenges()[0]


def test_blinding_the_same_id_again_gives_another_number(signer: Signer) -> None:
    hashes = signer.public.hashed([b"ada"] * 20)
    first, factors = signer.public.blind(hashes)
    second, _ = signer.public.blind(hashes)
    assert len({*first, *second}) == 40
    # A short factor would show: a signer can divide the hash of a guessed id out again.
    assert min(f.bit_length() for f in factors) > 1900


def test_a_wrong_signature_is_refused(signer: Signer) -> None:
    public = signer.public
    hashes = public.hashed(MESSAGES)
    blinded, factors = public.blind(hashes)
    signed = signer.sign(blinded)
    signed[1] = signed[1] + 1
    with pytest.raises(BadBlindSignature):
        public.unblind(signed, factors, hashes)


def test_a_key_convinces_by_its_proof(signer: Signer) -> None:
    proof = signer.proof()
    assert Verifier.checked(int(signer.public.n), EXPONENT, proof) == signer.public
    with pytest.raises(BadPublicKey, match="proven"):
        Verifier.checked(int(signer.public.n), EXPONENT, [*proof[:-1], proof[0]])
    with pytest.raises(BadPublicKey, match="proven"):
        Verifier.checked(int(signer.public.n), EXPONENT, proof[:-1])


def test_a_key_whose_exponent_divides_phi_has_no_proof(signer: Signer) -> None:
    # e divides p - 1, so most numbers have no e-th root and blinding would not hide all.
    step = 2 * EXPONENT
    p = mpz((3 << 1022) // step * step + 1)
    while not is_prime(p):
        p += step
    public = Verifier.of(int(p * signer._q))
    assert not all(pow(c, (p - 1) // EXPONENT, p) == 1 for c in public.challenges())


@pytest.mark.parametrize("exponent", [1, 2, 3, 65536, 65539, 0, -1])
def test_another_exponent_is_refused(signer: Signer, exponent: int) -> None:
    with pytest.raises(BadPublicKey):
        Verifier.checked(int(signer.public.n), exponent, signer.proof())


def test_a_modulus_that_is_none_is_refused(signer: Signer) -> None:
    n = int(signer.public.n)
    for wrong in (0, -n, n >> 1024, n * 3, n << 1, n << 8192, (n >> 1000 | 1) ** 2):
        with pytest.raises(BadPublicKey):
            Verifier.checked(wrong, EXPONENT, signer.proof())


@pytest.mark.parametrize("bits", [1024, 2047, 10000])
def test_a_key_of_an_unsafe_length_is_not_made(bits: int) -> None:
    with pytest.raises(WeakKey):
        Signer.generate(bits)


def test_a_miscounted_signature_never_leaves() -> None:
    numbers = rsa.generate_private_key(EXPONENT, 2048).private_numbers()
    faulty = Signer(numbers.p, numbers.q)
    faulty._d_p = faulty._d_p + 1
    with pytest.raises(ComputationProblem):
        faulty.sign([mpz(int.from_bytes(hashlib.sha256(b"x").digest(), "big"))])
