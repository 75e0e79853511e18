"""Secure sum that lasts: the arbiter learns the total of those who stay, and no addend.

Each party u has a key pair for Curve25519, so that every two share a secret s_uv, and for each sum
a secret b_u of its own. Of its private key and of every b_u all have Shamir's shares. In fixed
point, modulo 2**64,

    y_u = x_u + PRG(b_u) + sum_(v > u) PRG(s_uv) - sum_(v < u) PRG(s_uv)      -> arbiter
    arbiter: who has sent, U                                                  -> all of U
    each v in U: its shares of b_u for u in U, and of the private key of each who left  -> arbiter

The arbiter joins any t of these and takes the masks off: b_u of those who stayed, the masks that
stayers shared with those who left. t is more than half of all parties. A party that leaves, before
or after it has sent its addend, does not disturb the sum; it can not come back. Fewer than t left,
and the sum fails by name, with nothing shown. Leaving is noticed as the channel does: a seat that
has ended.

Learns: the arbiter the total of U, and who left when; the parties who left, no more. No party gives
shares of both b_u and the private key of u, which together would show x_u: once left is left for
good. Holds against an arbiter and fewer than t parties that pool what they see, all following the
protocol. Of U = {u} alone nothing is shown, as t is 2 or more. Exact to half a unit of the fixed
point for each addend.
Source: Bonawitz et al. 2017, section 4, third protocol.
"""

import asyncio
import hashlib
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from federation.channel import Channel, Message, Payload
from federation.crypto import Encrypted, PrivateKey
from federation.errors import PeerLeft, PeerMisbehaved, Unavailable
from federation.protocols.masks import (
    PRECISION,
    SEED_BYTES,
    AddendAlone,
    Ring,
    UnfitAddend,
    Vector,
    in_ring,
    mask_of,
)
from federation.protocols.secret_sharing import SHARE_BYTES, joined, polynomial, share_of
from federation.spec.party import ARBITER, GUEST, HOST, Party
from federation.wire.codec import BigIntVector


class Shares(Payload):
    """A holder's shares of another party's secrets.

    Attributes:
        key: of its private key, one number.
        own: of b for every sum, in order.
    """

    key: BigIntVector
    own: BigIntVector


class Unmasking(Payload):
    """What a party that stays knows of the masks of a sum.

    Attributes:
        own: its shares of b, by party that stayed; one number each.
        keys: its shares of private keys, by party that left since the sum before.
    """

    own: dict[str, BigIntVector]
    keys: dict[str, BigIntVector]


_MOST_WORD = (1 << 64) - 1
_PAIRS = ((GUEST, HOST), (HOST, GUEST), (HOST, HOST))
_UP = ((GUEST, ARBITER), (HOST, ARBITER))
_DOWN = ((ARBITER, GUEST), (ARBITER, HOST))

LASTING_SUM_MESSAGES = (
    *(Message("pair_key", way, bytes, "a public key of Curve25519") for way in (*_PAIRS, *_UP)),
    *(Message("shares", way, Shares, "Shamir's shares of the sender's secrets") for way in _PAIRS),
    *(Message("masked", way, np.ndarray, "x_u behind all masks, mod 2**64") for way in _UP),
    Message("hidden_addend", (HOST, ARBITER), Encrypted, "the same under the arbiter's key"),
    *(Message("stayed", way, list[str], "who has sent an addend") for way in _DOWN),
    *(Message("unmasking", way, Unmasking, "shares of b and of keys of leavers") for way in _UP),
)
"""All letters; a component that sums declares them."""


class TooFewStayed(Unavailable):
    """So many parties left that the rest could be told apart."""

    code = "too_few_stayed"

    def __init__(self, left: Iterable[Party]) -> None:
        names = sorted(str(party) for party in left)
        super().__init__(
            f"no more than half of the parties would be left: {', '.join(names)} ended; start the "
            "job anew",
            parties=names,
        )


@dataclass(slots=True)
class Member:
    """One party of many sums.

    Attributes:
        everyone: all that add, in an order that all have; a holder's number is its place from 1.
        pairs: what it shares with each other party.
        own: b of every sum.
        held: its shares of other parties' secrets, and of its own.
        left: who has left.
    """

    everyone: tuple[Party, ...]
    me: Party
    arbiter: Party
    pairs: dict[Party, bytes]
    own: list[bytes]
    held: dict[Party, Shares]
    left: set[Party] = field(default_factory=set)
    sums: int = 0

    def masked(self, values: Vector) -> Ring:
        """The next addend behind its masks; errors as of `masks.in_ring`."""
        total = in_ring(values, len(self.everyone))
        total = total + mask_of(_for_sum(self.own[self.sums], self.sums), len(values))
        place = self.everyone.index(self.me)
        for other, secret in self.pairs.items():
            if other not in self.left:
                mask = mask_of(_for_sum(secret, self.sums), len(values))
                total = total + mask if self.everyone.index(other) > place else total - mask
        return total

    def unmasking(self, stayed: Sequence[str]) -> Unmasking:
        """What is told of the masks of the sum that was last added to.

        Raises:
            UnfitAddend: the arbiter asks for too much.
        """
        names = {str(party): party for party in self.everyone if party not in self.left}
        known = {*stayed} <= {*names} and str(self.me) in stayed
        if not known or len({*stayed}) < threshold_of(len(self.everyone)):
            raise UnfitAddend("stayed", self.arbiter)
        gone = {party for name, party in names.items() if name not in stayed}
        own = {
            name: _one(self.held[names[name]].own.to_ints()[self.sums]) for name in sorted(stayed)
        }
        keys = {str(party): self.held[party].key for party in sorted(gone)}
        self.left |= gone
        self.sums += 1
        return Unmasking(own=own, keys=keys)


@dataclass(slots=True)
class Judge:
    """The arbiter of many sums.

    Attributes:
        public: keys of all parties.
        left: who has left.
        hidden: whose addends may come under the arbiter's own key, which opens with `private`.
    """

    everyone: tuple[Party, ...]
    public: Mapping[Party, bytes]
    left: set[Party] = field(default_factory=set)
    sums: int = 0
    hidden: frozenset[Party] = frozenset()
    private: PrivateKey | None = None


def threshold_of(parties: int) -> int:
    """How many must stay: more than half of them."""
    return parties // 2 + 1


async def join(ch: Channel, sums: int) -> Member:
    """Agree on masks for so many sums with all other parties.

    Raises:
        AddendAlone: there is no other party.
        UnfitAddend: a peer's key or shares are malformed.
    """
    everyone = _everyone(ch)
    if len(everyone) < 2:
        raise AddendAlone
    others = [party for party in everyone if party != ch.me]
    private = X25519PrivateKey.generate()
    public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    for party in (*others, ch.arbiter.party):
        await ch.peer(party).send("pair_key", public)
    theirs = await asyncio.gather(*(ch.peer(party).receive("pair_key") for party in others))
    pairs = {p: _shared(private, key, p) for p, key in zip(others, theirs, strict=True)}
    own = [secrets.token_bytes(SEED_BYTES) for _ in range(sums)]
    raw = private.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    held: dict[Party, Shares] = {}
    dealt = await asyncio.to_thread(_dealt, [raw, *own], len(everyone))
    for holder, party in enumerate(everyone):
        shares = Shares(key=_one(dealt[holder][0]), own=_many(dealt[holder][1:]))
        if party == ch.me:
            held[party] = shares
        else:
            await ch.peer(party).send("shares", shares)
    received = await asyncio.gather(*(ch.peer(party).receive("shares") for party in others))
    for party, shares in zip(others, received, strict=True):
        widths = {shares.key.width, shares.own.width}
        if len(shares.key) != 1 or len(shares.own) != sums or widths != {SHARE_BYTES}:
            raise UnfitAddend("shares", party)
        held[party] = shares
    return Member(everyone, ch.me, ch.arbiter.party, pairs, own, held)


async def judge(ch: Channel) -> Judge:
    """The arbiter's part in agreeing: it learns the public keys."""
    everyone = _everyone(ch)
    keys = await asyncio.gather(*(ch.peer(party).receive("pair_key") for party in everyone))
    return Judge(everyone, dict(zip(everyone, keys, strict=True)))


async def add(ch: Channel, member: Member, values: Vector) -> None:
    """Give this party's addend, and help to unmask the total.

    Raises:
        NonFiniteValues, FixedPointOverflow: a value does not fit.
        UnfitAddend: the arbiter asks for too much.
    """
    await ch.arbiter.send("masked", member.masked(values))
    await _unmask(ch, member)


async def add_hidden(ch: Channel, member: Member, values: Encrypted) -> None:
    """Give an addend that this party has under the arbiter's key alone, shape (n,).

    Its point is moved to that of the sum once the arbiter has opened it behind its masks, so random
    numbers hide the bits after that, and random multiples of 2**64 those before.
    """
    masks, drop = member.masked(np.zeros(len(values))), values.precision - PRECISION
    noise = [
        (mask << drop) + secrets.randbits(drop) + (secrets.randbits(64) << (64 + drop))
        for mask in masks.tolist()
    ]
    hidden = values + values.key.encrypt_ints(noise, precision=values.precision)
    await ch.arbiter.send("hidden_addend", hidden)
    await _unmask(ch, member)


async def _unmask(ch: Channel, member: Member) -> None:
    stayed: list[str] = await ch.arbiter.receive("stayed")
    await ch.arbiter.send("unmasking", member.unmasking(stayed))


async def total(ch: Channel, state: Judge, count: int, *, sealed: bool = False) -> Vector:
    """The sum of the vectors of `count` numbers of all who have not left, at the arbiter.

    Args:
        sealed: whether those of `state.hidden` give theirs by `add_hidden`.

    Raises:
        TooFewStayed: no more than half of the parties are left.
        UnfitAddend: a peer's letter is malformed.
    """
    alive = [party for party in state.everyone if party not in state.left]
    hidden = [party for party in alive if sealed and party in state.hidden]
    masked = await _of_stayers(ch, [party for party in alive if party not in hidden], "masked")
    for party, letter in (await _of_stayers(ch, hidden, "hidden_addend")).items():
        masked[party] = await asyncio.to_thread(_opened, state, letter)
    for party, vector in masked.items():
        if vector.dtype != np.uint64 or vector.shape != (count,):
            raise UnfitAddend("masked", party)
    gone = {party for party in alive if party not in masked}
    _check_many(state, masked, gone)
    for party in masked:
        await ch.peer(party).send("stayed", sorted(str(party) for party in masked))
    told = await _of_stayers(ch, list(masked), "unmasking")
    _check_many(state, told, gone | {party for party in masked if party not in told})
    summed: Ring = np.sum(np.stack(list(masked.values())), axis=0, dtype=np.uint64)
    summed = await asyncio.to_thread(_unmasked, state, summed, told, list(masked), gone)
    state.left |= gone
    state.sums += 1
    return np.ldexp(summed.view(np.int64).astype(np.float64), -PRECISION)


def _opened(state: Judge, hidden: Encrypted) -> Ring:
    """What `add_hidden` gave, as `masked` has it."""
    if state.private is None or hidden.precision < PRECISION:
        raise PeerMisbehaved("an addend came under a key or at a precision that was not agreed")
    integers = state.private.decrypt_ints(hidden)
    drop = hidden.precision - PRECISION
    return np.array([value >> drop & _MOST_WORD for value in integers], dtype=np.uint64)


def _unmasked(
    state: Judge,
    summed: Ring,
    told: Mapping[Party, Unmasking],
    stayed: Sequence[Party],
    gone: Iterable[Party],
) -> Ring:
    places = {party: place for place, party in enumerate(state.everyone, start=1)}
    count = len(summed)
    for party in stayed:
        shares = {places[holder]: each.own.get(str(party)) for holder, each in told.items()}
        seed = _joined(state, shares, "unmasking")
        summed = summed - mask_of(_for_sum(seed, state.sums), count)
    for party in gone:
        shares = {places[holder]: each.keys.get(str(party)) for holder, each in told.items()}
        private = X25519PrivateKey.from_private_bytes(_joined(state, shares, "unmasking"))
        for other in stayed:
            secret = _shared(private, state.public[other], other)
            mask = mask_of(_for_sum(secret, state.sums), count)
            summed = summed - mask if places[party] > places[other] else summed + mask
    return summed


def _joined(state: Judge, shares: Mapping[int, BigIntVector | None], tag: str) -> bytes:
    """The secret of 32 bytes that these shares give."""
    found: dict[int, int] = {}
    for place, share in shares.items():
        if share is None or len(share) != 1 or share.width != SHARE_BYTES:
            raise UnfitAddend(tag, state.everyone[place - 1])
        found[place] = share.to_ints()[0]
    chosen = dict(list(found.items())[: threshold_of(len(state.everyone))])
    secret = joined(chosen)
    if secret >> 8 * SEED_BYTES:
        raise PeerMisbehaved("the shares of a mask do not fit together")
    return secret.to_bytes(SEED_BYTES, "little")


async def _of_stayers(ch: Channel, parties: Sequence[Party], tag: str) -> dict[Party, Any]:
    """The letter of each party that has not ended before it sent one."""

    async def one(party: Party) -> Any:
        try:
            return await ch.peer(party).receive(tag)
        except PeerLeft:
            return None

    letters = await asyncio.gather(*(one(party) for party in parties))
    return {party: one for party, one in zip(parties, letters, strict=True) if one is not None}


def _check_many(state: Judge, stayed: Mapping[Party, Any], gone: Iterable[Party]) -> None:
    if len(stayed) < threshold_of(len(state.everyone)):
        raise TooFewStayed({*state.left, *gone})


def _dealt(values: Sequence[bytes], holders: int) -> list[list[int]]:
    """Shares of secrets of 32 bytes, by holder."""
    threshold = threshold_of(holders)
    hidden = [polynomial(int.from_bytes(value, "little"), threshold) for value in values]
    return [[share_of(each, holder) for each in hidden] for holder in range(1, holders + 1)]


def _shared(private: X25519PrivateKey, public: bytes, party: Party) -> bytes:
    """What two parties share.

    Raises:
        UnfitAddend: no usable key.
    """
    try:
        return private.exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError:
        raise UnfitAddend("pair_key", party) from None


def _for_sum(secret: bytes, number: int) -> bytes:
    """The seed of one sum's mask."""
    return hashlib.sha256(b"tripact/mask/1|" + number.to_bytes(8, "little") + secret).digest()


def _one(value: int) -> BigIntVector:
    return _many([value])


def _many(values: Sequence[int]) -> BigIntVector:
    return BigIntVector.from_ints(values, SHARE_BYTES)


def _everyone(ch: Channel) -> tuple[Party, ...]:
    return tuple(Party(role, name) for role in (GUEST, HOST) for name in ch.parties.get(role, ()))
