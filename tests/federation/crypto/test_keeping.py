"""Private keys on a party's own disk."""

import pytest

from federation.crypto import generate_keypair, keeping
from federation.wire.codec import decode, encode


@pytest.mark.parametrize("method", ["paillier", "ou"])
def test_a_kept_key_opens_what_was_encrypted_before(method: str) -> None:
    public, private = generate_keypair(method)
    again = keeping.restored(decode(encode(keeping.kept(private))))
    assert again.decrypt_ints(public.encrypt_ints([5, -7])) == [5, -7]
    assert again.public == public
