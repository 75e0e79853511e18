"""Kernels on ciphertexts and fixed point numbers; no parties here."""

from federation.crypto.fixed_point import DEFAULT_PRECISION
from federation.crypto.methods import generate_keypair, scheme_of
from federation.crypto.own_keys import Keys
from federation.crypto.scheme import (
    Encrypted,
    KeyRing,
    PrivateKey,
    PublicKey,
    concatenate,
    matmul,
)

__all__ = [
    "DEFAULT_PRECISION",
    "Encrypted",
    "KeyRing",
    "Keys",
    "PrivateKey",
    "PublicKey",
    "concatenate",
    "generate_keypair",
    "matmul",
    "scheme_of",
]
