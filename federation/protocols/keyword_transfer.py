"""Oblivious transfer by keyword: k of n values, and who has all n does not learn which.

The sender has n keywords with a value each and a secret scalar b, the receiver k keywords and a
scalar a. With P the point of Curve25519 that a keyword hashes to:

    receiver: a P  ->  sender: b a P  ->  receiver: F = b P by the inverse of a
    sender, for each of its keywords: tag(F), and the value under the key of F  ->  receiver

The receiver finds its tags and opens those values; of all others it has no key. Values are of one
length, and sealed by ChaCha20-Poly1305 under keys that serve once.

Learns: the sender k; the receiver n, which of its keywords the sender has, and their values. Holds
under the one-more Diffie-Hellman assumption with hashes as random oracles, for parties that follow
the protocol; a receiver that does not still gets k values at most.
Source: Chu, Tzeng 2005, "Efficient k-out-of-n oblivious transfer schemes", scheme II.
"""

import asyncio
import hashlib

import numpy as np
import numpy.typing as npt
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from federation.channel import Message, Payload, Peer
from federation.crypto.byte_rows import ByteRows
from federation.crypto.curve25519 import (
    POINT_BYTES,
    Points,
    hash_to_points,
    multiply,
    multiply_own,
    random_scalar,
    scalar_pair,
)
from federation.errors import PeerMisbehaved
from federation.spec.party import GUEST, HOST, Party

Cells = npt.NDArray[np.uint8]

TAG_BYTES = 16
_SEAL_BYTES = 16
_DOMAIN = b"tripact/keyword-transfer/1"
_ONCE = bytes(12)
"""The nonce of a key that seals one value."""


class Sealed(Payload):
    """All values of the sender, ascending by tag.

    Attributes:
        tags: shape (n, 16).
        cells: shape (n, w + 16), each sealed under its own key.
    """

    tags: np.ndarray
    cells: np.ndarray


TRANSFER_MESSAGES = (
    Message("asked", (GUEST, HOST), np.ndarray, "a P of each keyword of the guest"),
    Message("answered", (HOST, GUEST), np.ndarray, "b a P, in the same order"),
    Message("sealed", (HOST, GUEST), Sealed, "every value of the host, each under its own key"),
)
"""All letters; a component that transfers declares them."""


class UnfitTransfer(PeerMisbehaved):
    """What a peer sent is not of the size or form that transfers have."""

    code = "unfit_transfer"

    def __init__(self, tag: str, party: Party) -> None:
        super().__init__(f"{party} sent {tag} that does not fit", tag=tag, party=str(party))


async def receive_values(sender: Peer, keywords: ByteRows, width: int) -> list[bytes]:
    """The value of each keyword, empty where the sender has none.

    Args:
        width: bytes of a value.

    Raises:
        UnfitTransfer: the sender's letters are malformed.
    """
    scalar, inverse = scalar_pair()
    points = await asyncio.to_thread(hash_to_points, _DOMAIN, keywords)
    await sender.send("asked", await asyncio.to_thread(multiply_own, scalar, points))
    twice: Points = await sender.receive("answered")
    if twice.shape != points.shape or twice.dtype != np.uint8:
        raise UnfitTransfer("answered", sender.party)
    found = await asyncio.to_thread(multiply, inverse, twice)
    sealed: Sealed = await sender.receive("sealed")
    count = len(sealed.tags)
    shapes = (sealed.tags.shape, sealed.cells.shape)
    if shapes != ((count, TAG_BYTES), (count, width + _SEAL_BYTES)):
        raise UnfitTransfer("sealed", sender.party)
    places = {tag.tobytes(): place for place, tag in enumerate(sealed.tags)}
    values = []
    for point in found:
        tag, key = _of_point(point.tobytes())
        place = places.get(tag)
        values.append(b"" if place is None else _opened(key, sealed.cells[place], sender.party))
    return values


async def send_values(receiver: Peer, keywords: ByteRows, values: Cells) -> int:
    """Answer a receiver; how many keywords it has.

    Args:
        keywords: n different ones.
        values: shape (n, w).

    Raises:
        UnfitTransfer, BadPoint: what the receiver sent are no points.
    """
    scalar = random_scalar()
    asked: Points = await receiver.receive("asked")
    if asked.ndim != 2 or asked.shape[1] != POINT_BYTES or asked.dtype != np.uint8:
        raise UnfitTransfer("asked", receiver.party)
    await receiver.send("answered", await asyncio.to_thread(multiply, scalar, asked))
    await receiver.send("sealed", await asyncio.to_thread(_sealed, scalar, keywords, values))
    return len(asked)


def _sealed(scalar: bytes, keywords: ByteRows, values: Cells) -> Sealed:
    points = multiply_own(scalar, hash_to_points(_DOMAIN, keywords))
    lines = []
    for point, value in zip(points, values, strict=True):
        tag, key = _of_point(point.tobytes())
        lines.append(tag + ChaCha20Poly1305(key).encrypt(_ONCE, value.tobytes(), None))
    width = TAG_BYTES + values.shape[1] + _SEAL_BYTES
    table = np.frombuffer(b"".join(sorted(lines)), dtype=np.uint8).reshape(-1, width)
    return Sealed(tags=table[:, :TAG_BYTES].copy(), cells=table[:, TAG_BYTES:].copy())


def _opened(key: bytes, cell: Cells, party: Party) -> bytes:
    try:
        return ChaCha20Poly1305(key).decrypt(_ONCE, cell.tobytes(), None)
    except InvalidTag:
        raise UnfitTransfer("sealed", party) from None


def _of_point(point: bytes) -> tuple[bytes, bytes]:
    """The tag and the key of F."""
    digest = hashlib.sha512(_DOMAIN + point).digest()
    return digest[:TAG_BYTES], digest[32:]
