"""SHA-512 in machine code: hashlib's digests."""

import hashlib

import numpy as np
import pytest

from federation.crypto.kernels.machine import missing

BLOCK = 128


def padded(message: bytes) -> np.ndarray:
    """FIPS 180-4, section 5.1.2."""
    room = -(-(len(message) + 17) // BLOCK) * BLOCK
    whole = message + b"\x80" + bytes(room - len(message) - 17)
    return np.frombuffer(whole + (8 * len(message)).to_bytes(16, "big"), dtype=np.uint8)


@pytest.mark.parametrize("length", [0, 3, 111, 112, 128, 500])
@pytest.mark.parametrize("count", [1, 8, 19])
def test_digests_are_those_of_hashlib(length: int, count: int) -> None:
    if missing() is not None:
        return
    from federation.crypto.sha512_lanes import sha512

    messages = [bytes([row]) * length for row in range(count)]
    words = sha512().digests(np.stack([padded(message) for message in messages]))
    digests = [row.astype(">u8").tobytes() for row in words]
    assert digests == [hashlib.sha512(message).digest() for message in messages]


def test_hashing_goes_on_from_a_state() -> None:
    if missing() is not None:
        return
    from federation.crypto.sha512_lanes import sha512

    message = bytes(range(200))
    whole = padded(message)
    state = sha512().digests(whole[None, :BLOCK])[0]
    words = sha512().digests(whole[None, BLOCK:], state)[0]
    assert words.astype(">u8").tobytes() == hashlib.sha512(message).digest()
