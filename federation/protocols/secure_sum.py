"""Secure sum: the arbiter learns the total of the parties' vectors, and no addend.

Party i of k hides its vector x_i, held as 64-bit fixed point, behind masks shared in pairs,
s_ij = -s_ji, so that

    sum_i (x_i + sum_j s_ij)  =  sum_i x_i        (mod 2**64)

The earlier of each pair draws a seed of 32 bytes and sends it to the later one. Letters are sealed
end to end with keys that both have agreed on, so neither the arbiter nor who relays sees a seed.
Masks are the ChaCha20 key stream of the seed, each part of which hides one number of one sum.

Learns: the arbiter the total and who took part, the parties nothing. Holds against an arbiter and
parties that pool what they see, while two honest parties remain. A party of two that later learns
the total can take its own addend off. Nobody may drop out: the arbiter waits for everyone. Exact to
half a unit of the fixed point for each addend.
Source: Bonawitz et al. 2017, section 4, first protocol.
"""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20

from federation.channel import Channel, Message, Peer
from federation.errors import FixedPointOverflow, NonFiniteValues, PartyRefused, PeerMisbehaved
from federation.spec.party import ARBITER, GUEST, HOST, Party

Ring = npt.NDArray[np.uint64]
Vector = npt.NDArray[np.float64]

PRECISION = 30
"""Bits after the binary point; 33 remain before it for the total of all parties."""

SEED_BYTES = 32

SECURE_SUM_MESSAGES = (
    Message("seed", (GUEST, HOST), bytes, "32 random bytes that masks of this pair grow from"),
    Message("seed", (HOST, HOST), bytes, "32 random bytes that masks of this pair grow from"),
    Message("masked", (GUEST, ARBITER), np.ndarray, "x_i + sum_j s_ij, mod 2**64"),
    Message("masked", (HOST, ARBITER), np.ndarray, "x_i + sum_j s_ij, mod 2**64"),
)
"""All letters; a component that sums declares them."""


class UnfitAddend(PeerMisbehaved):
    """A masked vector or a seed is not of the size the protocol has."""

    code = "unfit_addend"

    def __init__(self, tag: str, party: Party) -> None:
        super().__init__(
            f"{party} sent {tag} of another size or kind than the secure sum has",
            tag=tag,
            party=str(party),
        )


class AddendAlone(PartyRefused):
    """One party alone would show the arbiter its numbers."""

    code = "addend_alone"

    def __init__(self) -> None:
        super().__init__("a secure sum needs two parties that add, a guest and a host or more")


@dataclass(slots=True)
class Masks:
    """What one party hides its vectors with; every party hides as many, in the same order.

    Attributes:
        streams: for each other party its key stream, and whether its masks are taken off here.
    """

    streams: list[tuple[CipherContext, bool]]

    def hidden(self, values: Vector) -> Ring:
        """The vector in fixed point behind masks that are never used again, shape (n,).

        Raises:
            NonFiniteValues: NaN or infinite values.
            FixedPointOverflow: a value is so large that the total might not fit.
        """
        total = in_ring(values, len(self.streams) + 1)
        for stream, taken_off in self.streams:
            mask = np.frombuffer(stream.update(bytes(8 * len(values))), dtype="<u8")
            total = total - mask if taken_off else total + mask
        return total


async def agree(ch: Channel) -> Masks:
    """Masks for the sums of a run, shared with each other party by its own seed.

    Raises:
        AddendAlone: there is no other party.
        UnfitAddend: a peer's seed is not 32 bytes.
    """
    order = _addends(ch)
    if len(order) < 2:
        raise AddendAlone
    mine = order.index(ch.me)
    earlier = [ch.peer(party) for party in order[:mine]]
    given = {party: secrets.token_bytes(SEED_BYTES) for party in order[mine + 1 :]}
    for party, seed in given.items():
        await ch.peer(party).send("seed", seed)
    received = await asyncio.gather(*(peer.receive("seed") for peer in earlier))
    for peer, seed in zip(earlier, received, strict=True):
        if len(seed) != SEED_BYTES:
            raise UnfitAddend("seed", peer.party)
    added = [(_stream(seed), False) for seed in given.values()]
    return Masks(added + [(_stream(seed), True) for seed in received])


async def add(ch: Channel, masks: Masks, values: Vector) -> None:
    """Give the arbiter this party's addend, hidden; errors as of `Masks.hidden`."""
    await ch.arbiter.send("masked", masks.hidden(values))


async def total(ch: Channel, count: int) -> Vector:
    """The sum of all parties' vectors of `count` numbers, at the arbiter.

    Raises:
        UnfitAddend: a peer's vector is another.
    """
    peers = [ch.peer(party) for party in _addends(ch)]
    parts: Sequence[Ring] = await asyncio.gather(*(peer.receive("masked") for peer in peers))
    for peer, part in zip(peers, parts, strict=True):
        _check(peer, part, count)
    summed = np.sum(np.stack(parts), axis=0, dtype=np.uint64)
    return np.ldexp(summed.view(np.int64).astype(np.float64), -PRECISION)


def in_ring(values: Vector, parties: int) -> Ring:
    """A vector in fixed point modulo 2**64, small enough for a sum of so many.

    Raises:
        NonFiniteValues: NaN or infinite values.
        FixedPointOverflow: a value is so large that the total might not fit.
    """
    wrong = int(np.count_nonzero(~np.isfinite(values)))
    if wrong:
        raise NonFiniteValues(wrong)
    scaled = np.rint(np.ldexp(values, PRECISION))
    beyond = int(np.count_nonzero(np.abs(scaled) >= 2.0**62 / parties))
    if beyond:
        raise FixedPointOverflow(beyond)
    return scaled.astype(np.int64).view(np.uint64)


def mask_of(seed: bytes, count: int) -> Ring:
    """The first numbers of a seed's key stream, shape (count,)."""
    return np.frombuffer(_stream(seed).update(bytes(8 * count)), dtype="<u8")


def _addends(ch: Channel) -> list[Party]:
    """Who adds, in an order that all have."""
    return [Party(role, name) for role in (GUEST, HOST) for name in ch.parties.get(role, ())]


def _stream(seed: bytes) -> CipherContext:
    return Cipher(ChaCha20(seed, bytes(16)), mode=None).encryptor()


def _check(peer: Peer, part: Ring, count: int) -> None:
    if part.dtype != np.uint64 or part.shape != (count,):
        raise UnfitAddend("masked", peer.party)
