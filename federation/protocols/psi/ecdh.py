"""Set intersection by Diffie-Hellman on Curve25519: a pseudorandom function, had obliviously.

    guest: a H(x)  ->  host: b a H(x)  ->  guest: 1/a of that is b H(x)
    host:  b H(y), shuffled, 12 bytes of each  ->  guest: b H(x) = b H(y)  <=>  x = y

The guest finds the common entries and tells each host which entries of its shuffled list they are.
With several hosts, each with a scalar of its own, the guest matches with each and keeps what all of
them have. 96 bits of a point are enough for 2**28 ids a side (a wrong match: 2**-40).

A host's side may be kept: its scalar and order at the host, its list at the guest. A later run then
leaves the host's ids alone, and its work is that for the guest's ids.

FATE's options, and what is made of them: `salt` stands behind each id before it is hashed;
`hash_method` is taken and has no effect, because the hash onto the curve is one of RFC 9380; the
method dh (modulo a prime of `key_length` bits) is served here too, at 128 bits of security.

Learns: the guest which of its ids each host has, and the hosts' sizes; a host the ids that all
parties have where it is told, and the guest's size. Entries are in the guest's own order where
nobody learns which of them matched, and shuffled where somebody does. Scalars are new for each run,
so two runs can not be linked, but where a host's side was kept: its guest can then ask about other
ids against the same list. Parties that follow the protocol are assumed: one that makes ids up
learns whether the others have those.
Source: Jarecki, Liu 2010; Huberman, Franklin, Hogg 1999; De Cristofaro, Gasti, Tsudik 2012.
"""

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from federation.channel import Channel, Message, Peer, Peers
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
from federation.errors import InvalidParameters, Problem
from federation.protocols.psi.exchange import (
    lines_from,
    parts,
    positions,
    receive_lines,
    receive_size,
    shuffled,
    spread,
    together,
)
from federation.protocols.psi.ids import Column, Ids, Intersection, check_hash_method
from federation.protocols.psi.telling import Match, settled, told
from federation.spec.party import GUEST, HOST

ECDH_MESSAGES = (
    Message("psi.ecdh.guest_size", (GUEST, HOST), int, "how many ids the guest brings"),
    Message("psi.ecdh.host_size", (HOST, GUEST), int, "how many ids the host brings"),
    Message("psi.ecdh.list_name", (HOST, GUEST), bytes, "of a list to be kept, 16 random bytes"),
    Message("psi.ecdh.kept", (GUEST, HOST), bytes, "which kept list the guest has, or nothing"),
    Message("psi.ecdh.guest_points", (GUEST, HOST), np.ndarray, "a H(x), (n, 32) uint8"),
    Message("psi.ecdh.twice", (HOST, GUEST), np.ndarray, "b a H(x), in the guest's order"),
    Message("psi.ecdh.tokens", (HOST, GUEST), np.ndarray, "of b H(y), (n, 12) uint8, shuffled"),
    Message("psi.ecdh.common", (GUEST, HOST), np.ndarray, "which tokens all parties have"),
)

_DOMAIN = b"tripact-psi-3-"
_TOKEN_BYTES = 12
_NAME_BYTES = 16
_PIECE = 2048
NO_POINTS: Points = np.empty((0, POINT_BYTES), dtype=np.uint8)
NO_TOKENS: NDArray[np.uint8] = np.empty((0, _TOKEN_BYTES), dtype=np.uint8)


@dataclass(frozen=True, slots=True)
class EcdhOptions:
    """FATE's `ecdh_params`.

    Attributes:
        salt: stands behind each id before hashing; the same at all parties.
        hash_method: checked, without effect.
        curve: Curve25519 is the only one.
    """

    salt: str = ""
    hash_method: str = "sha256"
    curve: str = "curve25519"

    def __post_init__(self) -> None:
        check_hash_method("ecdh_params.hash_method", self.hash_method, none=True)
        if self.curve.lower() != "curve25519":
            raise InvalidParameters([Problem("ecdh_params.curve", "only curve25519 is offered")])


@dataclass(frozen=True, slots=True)
class HostSide:
    """What a host keeps of its side.

    Attributes:
        name: of the list, 16 bytes.
        scalar: b.
        order: the host's rows as the list has them, shape (n,).
    """

    name: bytes
    scalar: bytes
    order: NDArray[np.int64]

    @classmethod
    def new(cls, count: int) -> "HostSide":
        """A side for a table of so many rows."""
        return cls(secrets.token_bytes(_NAME_BYTES), random_scalar(), shuffled(count))


@dataclass(frozen=True, slots=True)
class GuestSide:
    """What a guest keeps of a host's side: the list of tokens, shape (n, 12), and its name."""

    name: bytes
    tokens: NDArray[np.uint8]


async def ecdh_guest(
    ch: Channel,
    ids: Column,
    options: EcdhOptions = EcdhOptions(),
    *,
    tell: bool = True,
    kept: Mapping[str, GuestSide] | None = None,
) -> Intersection:
    """The guest's side.

    Args:
        ch: with `ECDH_MESSAGES` declared.
        ids: one for each row of the guest's table.
        options: the same at all parties.
        tell: whether hosts get to know the common ids; the same at all parties.
        kept: from `ecdh_keep_guest`, by host; at every host its own then.

    Raises:
        BlankIds, DuplicateIds: ids that do not stand for one row each.
        BadPoint, BadIntersection: a host's letter is not what the protocol has.
    """
    column = Ids(ids)
    column.check()
    (scalar, inverse), hosts = scalar_pair(), list(ch.hosts)
    await ch.hosts.send("psi.ecdh.guest_size", len(column))
    sizes = [await receive_size(host, "psi.ecdh.host_size") for host in hosts]
    jobs: list[Any] = [
        _send_blinded(ch.hosts, column.salted(options.salt), scalar),
        *(
            _match(host, len(column), size, inverse, (kept or {}).get(str(host.party)))
            for host, size in zip(hosts, sizes, strict=True)
        ),
    ]
    _, *matches = await together(*jobs)
    return await settled(column, "psi.ecdh.common", matches, tell)


async def ecdh_host(
    ch: Channel,
    ids: Column,
    options: EcdhOptions = EcdhOptions(),
    *,
    tell: bool = True,
    kept: HostSide | None = None,
) -> Intersection:
    """A host's side; arguments and errors as the guest's.

    Args:
        kept: from `ecdh_keep_host`, for the very same ids.

    Raises:
        BadIntersection: the guest has another list of this host than `kept`.
    """
    column = Ids(ids)
    column.check()
    side = HostSide.new(len(column)) if kept is None else kept
    await ch.guest.send("psi.ecdh.host_size", len(column))
    size = await receive_size(ch.guest, "psi.ecdh.guest_size")
    has: bytes = await ch.guest.receive("psi.ecdh.kept")
    if has not in (b"", side.name) or (kept is not None and not has):
        raise InvalidParameters(
            [Problem("cache", "guest and host do not hold the two sides of one cache")]
        )
    jobs: list[Any] = [_multiply_back(ch.guest, size, side.scalar)]
    if not has:
        jobs.append(_send_tokens(ch.guest, column.salted(options.salt), side))
    await together(*jobs)
    return await told(column, ch.guest, "psi.ecdh.common", side.order, size=size, tell=tell)


async def ecdh_keep_guest(ch: Channel) -> dict[str, GuestSide]:
    """Receive every host's list, to be kept, by host."""

    async def received(host: Peer) -> GuestSide:
        size = await receive_size(host, "psi.ecdh.host_size")
        name: bytes = await host.receive("psi.ecdh.list_name")
        tokens = await receive_lines(host, "psi.ecdh.tokens", size, NO_TOKENS)
        return GuestSide(name, tokens)

    hosts = list(ch.hosts)
    sides = await together(*(received(host) for host in hosts))
    return {str(host.party): side for host, side in zip(hosts, sides, strict=True)}


async def ecdh_keep_host(
    ch: Channel, ids: Column, options: EcdhOptions = EcdhOptions()
) -> HostSide:
    """Make a list of the host's ids and send it to the guest; what the host keeps of it.

    Raises:
        BlankIds, DuplicateIds: ids that do not stand for one row each.
    """
    column = Ids(ids)
    column.check()
    side = HostSide.new(len(column))
    await ch.guest.send("psi.ecdh.host_size", len(column))
    await ch.guest.send("psi.ecdh.list_name", side.name)
    await _send_tokens(ch.guest, column.salted(options.salt), side)
    return side


async def _send_blinded(to: Peers, texts: ByteRows, scalar: bytes) -> None:
    for part in parts(len(texts)):
        rows = np.arange(part.start, part.stop)
        await to.send("psi.ecdh.guest_points", await blinded(texts, rows, scalar))


async def _send_tokens(guest: Peer, texts: ByteRows, side: HostSide) -> None:
    for part in parts(len(side.order)):
        points = await blinded(texts, side.order[part], side.scalar)
        await guest.send("psi.ecdh.tokens", _tokens_of(points))


async def _multiply_back(guest: Peer, size: int, scalar: bytes) -> None:
    async for points in lines_from(guest, "psi.ecdh.guest_points", size, NO_POINTS):
        await guest.send("psi.ecdh.twice", await multiplied(points, scalar))


async def _match(host: Peer, own: int, size: int, inverse: bytes, kept: GuestSide | None) -> Match:
    await host.send("psi.ecdh.kept", b"" if kept is None else kept.name)
    jobs: list[Any] = [_unblinded_from(host, own, inverse)]
    if kept is None:
        jobs.append(receive_lines(host, "psi.ecdh.tokens", size, NO_TOKENS))
    mine, *others = await together(*jobs)
    theirs = others[0] if kept is None else kept.tokens
    return Match(host, await asyncio.to_thread(positions, mine, theirs), len(theirs))


async def _unblinded_from(host: Peer, own: int, inverse: bytes) -> NDArray[np.uint8]:
    arriving = lines_from(host, "psi.ecdh.twice", own, NO_POINTS)
    return np.concatenate(
        [NO_TOKENS, *[_tokens_of(await multiplied(points, inverse)) async for points in arriving]]
    )


def _tokens_of(points: Points) -> NDArray[np.uint8]:
    return np.ascontiguousarray(points[:, :_TOKEN_BYTES])


async def multiplied(points: Points, scalar: bytes) -> Points:
    """Each point that a peer sent times the scalar, spread over the cores."""
    return np.concatenate([NO_POINTS, *await spread(partial(multiply, scalar), points, _PIECE)])


async def blinded(texts: ByteRows, rows: NDArray[np.int64], scalar: bytes) -> Points:
    """The point of each of some texts times the scalar; shape (n, 32)."""

    def work(piece: NDArray[np.int64]) -> Points:
        return multiply_own(scalar, hash_to_points(_DOMAIN, texts, piece))

    return np.concatenate([NO_POINTS, *await spread(work, rows, _PIECE)])
