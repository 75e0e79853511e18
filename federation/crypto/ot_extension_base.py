"""The first oblivious transfers, which an extension makes millions of: one of two keys each.

    sender: A = a G  ->  receiver, with bit c: B = b G + c A  ->  sender
    receiver: H(b A)            sender: H(a B) and H(a (B - A))

Points are libsodium's Ed25519, of the large subgroup; others are refused.

Learns: the receiver the key of its bit and not the other (computational Diffie-Hellman, H as random
oracle); the sender nothing of the bits, as B is uniform either way. Parties that follow the
protocol are assumed.
Source: Chou, Orlandi 2015, figure 1.
"""

import hashlib
import secrets
from collections.abc import Sequence

import nacl.bindings as sodium
import numpy as np
from numpy.typing import NDArray

from federation.errors import BadPoint

POINT_BYTES = 32
KEY_BYTES = 16
_DOMAIN = b"tripact/ot/base/1|"

Points = NDArray[np.uint8]
"""Shape (n, 32): compressed points of Ed25519, one a line."""


class BaseSender:
    """Has two keys for each transfer.

    Attributes:
        point: A, 32 bytes, which the receiver needs first.
    """

    def __init__(self) -> None:
        self._scalar = _scalar()
        self.point = sodium.crypto_scalarmult_ed25519_base_noclamp(self._scalar)

    def keys(self, answers: Points) -> list[tuple[bytes, bytes]]:
        """The keys of bit 0 and of bit 1, for each of the receiver's points.

        Raises:
            BadPoint: a point that is not of the large subgroup.
        """
        shared = sodium.crypto_scalarmult_ed25519_noclamp(self._scalar, self.point)
        result = []
        for index, line in enumerate(answers):
            answer = _checked(line.tobytes())
            zero = sodium.crypto_scalarmult_ed25519_noclamp(self._scalar, answer)
            one = sodium.crypto_core_ed25519_sub(zero, shared)
            said = self.point + answer
            result.append((_key(index, said, zero), _key(index, said, one)))
        return result


def chosen_keys(point: bytes, bits: Sequence[int]) -> tuple[Points, list[bytes]]:
    """The receiver's side.

    Args:
        point: the sender's A.
        bits: which key to have, for each transfer.

    Returns:
        The points that the sender needs, shape (n, 32), and the keys.

    Raises:
        BadPoint: A is not of the large subgroup.
    """
    _checked(point)
    answers, keys = [], []
    for index, bit in enumerate(bits):
        scalar = _scalar()
        plain = sodium.crypto_scalarmult_ed25519_base_noclamp(scalar)
        # Both sums are made, so that the time taken does not tell the bit.
        answer = (plain, sodium.crypto_core_ed25519_add(plain, point))[bit]
        shared = sodium.crypto_scalarmult_ed25519_noclamp(scalar, point)
        answers.append(answer)
        keys.append(_key(index, point + answer, shared))
    lines = np.frombuffer(b"".join(answers), dtype=np.uint8)
    return lines.reshape(-1, POINT_BYTES), keys


def _scalar() -> bytes:
    drawn = secrets.token_bytes(sodium.crypto_core_ed25519_NONREDUCEDSCALARBYTES)
    scalar: bytes = sodium.crypto_core_ed25519_scalar_reduce(drawn)
    return scalar


def _checked(point: bytes) -> bytes:
    if len(point) != POINT_BYTES or not sodium.crypto_core_ed25519_is_valid_point(point):
        raise BadPoint("it is not of the large subgroup of Ed25519")
    return point


def _key(index: int, said: bytes, shared: bytes) -> bytes:
    message = _DOMAIN + index.to_bytes(4, "little") + said + shared
    return hashlib.sha256(message).digest()[:KEY_BYTES]
