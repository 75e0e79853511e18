"""One key pair for all tests here: a real one costs a quarter of a second."""

import pytest

from federation.crypto.paillier import (
    PaillierPrivateKey,
    PaillierPublicKey,
    generate_paillier,
)

Pair = tuple[PaillierPublicKey, PaillierPrivateKey]


@pytest.fixture(scope="session")
def pair() -> Pair:
    return generate_paillier()
