"""Set intersection by Diffie-Hellman on Curve25519: both sides blind every id, in either order.

    guest: a H(x)  ->  host: b a H(x)  ->  guest         a b H(x) = b a H(y)  <=>  x = y
    host:  b H(y), shuffled  ->  guest: a b H(y)

The guest finds the common entries and tells each host which entries of its shuffled list they are.
With several hosts the guest matches with each and keeps what all of them have.

Learns: the guest which of its ids each host has, and the hosts' sizes; a host the ids that all
parties have, and the guest's size. Entries are in the guest's own order where nobody learns which
of them matched, and shuffled where somebody does. Scalars are new for each run, so two runs can not
be linked. Parties that follow the protocol are assumed: one that makes ids up learns whether the
others have those.
Source: Meadows 1986; Huberman, Franklin, Hogg 1999; De Cristofaro, Gasti, Tsudik 2012.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from federation.channel import Channel, Message, Peer, Peers
from federation.crypto.curve25519 import (
    POINT_BYTES,
    Points,
    hash_to_points,
    multiply,
    random_scalar,
)
from federation.errors import InvalidParameters, Problem
from federation.protocols.psi.exchange import (
    lines_from,
    mask_of,
    parts,
    positions,
    receive_lines,
    receive_size,
    send_lines,
    shuffled,
    spread,
    together,
)
from federation.protocols.psi.ids import (
    Intersection,
    check_hash_method,
    check_ids,
    encoded,
    in_order,
)
from federation.spec.party import GUEST, HOST

ECDH_MESSAGES = (
    Message("psi.ecdh.guest_size", (GUEST, HOST), int, "how many ids the guest brings"),
    Message("psi.ecdh.host_size", (HOST, GUEST), int, "how many ids the host brings"),
    Message("psi.ecdh.guest_points", (GUEST, HOST), np.ndarray, "a H(x), (n, 32) uint8"),
    Message("psi.ecdh.twice", (HOST, GUEST), np.ndarray, "b a H(x), in the guest's order"),
    Message("psi.ecdh.host_points", (HOST, GUEST), np.ndarray, "b H(y), (n, 32) uint8, shuffled"),
    Message("psi.ecdh.common", (GUEST, HOST), np.ndarray, "which host points all parties have"),
)

_DOMAIN = b"tripact/psi/ecdh/1|"
NO_POINTS: Points = np.empty((0, POINT_BYTES), dtype=np.uint8)
_NO_MARKS: NDArray[np.bool_] = np.empty(0, dtype=np.bool_)


@dataclass(frozen=True, slots=True)
class EcdhOptions:
    """FATE's `ecdh_params`.

    Attributes:
        salt: stands behind each id before hashing; the same at all parties.
        hash_method: of the ids, before they are hashed to the curve.
        curve: Curve25519 is the only one.
    """

    salt: str = ""
    hash_method: str = "sha256"
    curve: str = "curve25519"

    def __post_init__(self) -> None:
        check_hash_method("ecdh_params.hash_method", self.hash_method, none=True)
        if self.curve.lower() != "curve25519":
            raise InvalidParameters([Problem("ecdh_params.curve", "only curve25519 is offered")])


async def ecdh_guest(
    ch: Channel, ids: Sequence[str], options: EcdhOptions = EcdhOptions()
) -> Intersection:
    """The guest's side.

    Args:
        ch: with `ECDH_MESSAGES` declared.
        ids: one for each row of the guest's table.
        options: the same at all parties.

    Raises:
        BlankIds, DuplicateIds: ids that do not stand for one row each.
        BadPoint, BadIntersection: a host's letter is not what the protocol has.
    """
    check_ids(ids)
    scalar, hosts = random_scalar(), list(ch.hosts)
    await ch.hosts.send("psi.ecdh.guest_size", len(ids))
    sizes = [await receive_size(host, "psi.ecdh.host_size") for host in hosts]
    jobs: list[Any] = [_send_blinded(ch.hosts, "psi.ecdh.guest_points", ids, scalar, options)]
    for host, size in zip(hosts, sizes, strict=True):
        jobs.append(_match(host, len(ids), size, scalar))
    _, *places = await together(*jobs)
    common = np.flatnonzero(np.all(np.stack(places) >= 0, axis=0))
    await together(
        *(
            send_lines(host, "psi.ecdh.common", mask_of(place[common], size))
            for host, place, size in zip(hosts, places, sizes, strict=True)
        )
    )
    named = {str(host.party): size for host, size in zip(hosts, sizes, strict=True)}
    return Intersection(in_order(ids, common), len(ids), named)


async def ecdh_host(
    ch: Channel, ids: Sequence[str], options: EcdhOptions = EcdhOptions()
) -> Intersection:
    """A host's side; arguments and errors as the guest's."""
    check_ids(ids)
    scalar, order = random_scalar(), shuffled(len(ids))
    await ch.guest.send("psi.ecdh.host_size", len(ids))
    size = await receive_size(ch.guest, "psi.ecdh.guest_size")
    mixed = [ids[row] for row in order.tolist()]
    await together(
        _multiply_back(ch.guest, size, scalar),
        _send_blinded(ch.guest, "psi.ecdh.host_points", mixed, scalar, options),
    )
    marks = await receive_lines(ch.guest, "psi.ecdh.common", len(ids), _NO_MARKS)
    return Intersection(in_order(ids, order[marks]), len(ids), {str(ch.guest.party): size})


async def _send_blinded(
    to: Peer | Peers, tag: str, ids: Sequence[str], scalar: bytes, options: EcdhOptions
) -> None:
    for part in parts(len(ids)):
        await to.send(tag, await blinded(ids[part], scalar, options))


async def _multiply_back(guest: Peer, size: int, scalar: bytes) -> None:
    async for points in lines_from(guest, "psi.ecdh.guest_points", size, NO_POINTS):
        await guest.send("psi.ecdh.twice", await multiplied(points, scalar))


async def _match(host: Peer, own: int, size: int, scalar: bytes) -> NDArray[np.int64]:
    """For each of the guest's ids where it stands in the host's list, or -1."""
    mine, theirs = await together(
        receive_lines(host, "psi.ecdh.twice", own, NO_POINTS),
        _multiplied_from(host, size, scalar),
    )
    return positions(mine, theirs)


async def _multiplied_from(host: Peer, size: int, scalar: bytes) -> Points:
    arriving = lines_from(host, "psi.ecdh.host_points", size, NO_POINTS)
    return np.concatenate(
        [NO_POINTS, *[await multiplied(points, scalar) async for points in arriving]]
    )


async def multiplied(points: Points, scalar: bytes) -> Points:
    """Each point times the scalar, spread over the cores."""
    return np.concatenate([NO_POINTS, *await spread(partial(multiply, scalar), points)])


async def blinded(ids: Sequence[str], scalar: bytes, options: EcdhOptions) -> Points:
    """The point of each id times the scalar; shape (n, 32)."""

    def work(piece: Sequence[str]) -> Points:
        messages = encoded(piece, options.hash_method, options.salt)
        return multiply(scalar, hash_to_points(_DOMAIN, messages))

    return np.concatenate([NO_POINTS, *await spread(work, ids)])
