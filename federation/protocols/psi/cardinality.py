"""How many ids all parties have in common, and nothing about which: Diffie-Hellman on Curve25519.

    guest: a H(x)  ->  host: b a H(x), shuffled  ->  guest
    host:  b H(y), shuffled  ->  guest: a b H(y)         the count of a b H(y) = b a H(x)

With hosts 1, 2, ... every party's list passes through all other parties, the guest carrying it from
one host to the next, until each list is under all scalars; the guest counts what all lists have.

Learns: the guest the number of ids that all have, and with several hosts also that of any of the
parties; each party the others' sizes. Hosts learn the number if the guest tells it. Every party
shuffles the lists that pass, so no entry can be traced to an id. Parties are assumed to follow the
protocol: one that brings few ids of its own making learns of those.
Source: Agrawal, Evfimievski, Srikant 2003, section 5 (with points of a curve); Vaidya, Clifton 2005
for several parties.
"""

from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from federation.channel import Channel, Message, Peer
from federation.crypto.curve25519 import Points, random_scalar
from federation.errors import BadIntersection
from federation.protocols.psi.ecdh import NO_POINTS, EcdhOptions, blinded, multiplied
from federation.protocols.psi.exchange import (
    positions,
    receive_lines,
    receive_size,
    send_lines,
    shuffled,
    together,
)
from federation.protocols.psi.ids import Column, Ids
from federation.spec.party import GUEST, HOST

CARDINALITY_MESSAGES = (
    Message("psi.count.guest_size", (GUEST, HOST), int, "how many ids the guest brings"),
    Message("psi.count.host_size", (HOST, GUEST), int, "how many ids the host brings"),
    Message("psi.count.other_sizes", (GUEST, HOST), np.ndarray, "of the other hosts' lists"),
    Message("psi.count.host_points", (HOST, GUEST), np.ndarray, "b H(y), (n, 32) uint8, shuffled"),
    Message("psi.count.passing", (GUEST, HOST), np.ndarray, "a list, under other scalars"),
    Message("psi.count.passed", (HOST, GUEST), np.ndarray, "that list times b, shuffled anew"),
    Message("psi.count.common", (GUEST, HOST), int, "how many ids all have"),
)


async def count_as_guest(
    ch: Channel, ids: Column, options: EcdhOptions, *, tell: bool
) -> tuple[int, dict[str, int]]:
    """The guest's side.

    Args:
        ch: with `CARDINALITY_MESSAGES` declared.
        ids: one for each row of the guest's table.
        options: the same at all parties.
        tell: whether hosts get to know the number; the same at all parties.

    Returns:
        How many ids all have, and how many each host brought.

    Raises:
        BlankIds, DuplicateIds: ids that do not stand for one row each.
        BadPoint, BadIntersection: a host's letters are not what the protocol has.
    """
    column = Ids(ids)
    column.check()
    scalar, hosts = random_scalar(), list(ch.hosts)
    await ch.hosts.send("psi.count.guest_size", len(column))
    sizes = [await receive_size(host, "psi.count.host_size") for host in hosts]
    for place, host in enumerate(hosts):
        others = [size for other, size in enumerate(sizes) if other != place]
        await host.send("psi.count.other_sizes", np.array(others, dtype=np.int64))

    async def own() -> Points:
        points = await blinded(column.salted(options.salt), shuffled(len(column)), scalar)
        return await _passed_through(ch, hosts, "guest", points)

    async def of(place: int) -> Points:
        host = hosts[place]
        points = await receive_lines(host, "psi.count.host_points", sizes[place], NO_POINTS)
        mixed = (await multiplied(points, scalar))[shuffled(len(points))]
        others = [other for other in hosts if other is not host]
        return await _passed_through(ch, others, str(host.party), mixed)

    mine, *theirs = await together(own(), *(of(place) for place in range(len(hosts))))
    found = [positions(mine, points) >= 0 for points in theirs]
    common = int(np.count_nonzero(reduce(np.logical_and, found)))
    if tell:
        await ch.hosts.send("psi.count.common", common)
    return common, {str(host.party): size for host, size in zip(hosts, sizes, strict=True)}


async def count_as_host(
    ch: Channel, ids: Column, options: EcdhOptions, *, tell: bool
) -> tuple[int | None, dict[str, int]]:
    """A host's side; arguments and errors as the guest's.

    Returns:
        How many ids all have, if the guest tells it, and how many the guest brought.
    """
    column = Ids(ids)
    column.check()
    scalar, guest = random_scalar(), ch.guest
    await guest.send("psi.count.host_size", len(column))
    size = await receive_size(guest, "psi.count.guest_size")
    sizes: NDArray[np.int64] = await guest.receive("psi.count.other_sizes")
    owners = [str(peer.party) for peer in ch.hosts]
    if sizes.shape != (len(owners),) or sizes.dtype != np.int64 or np.any(sizes < 0):
        raise BadIntersection(f"{guest.party} told other hosts' sizes in another form")

    async def own() -> None:
        points = await blinded(column.salted(options.salt), shuffled(len(column)), scalar)
        await send_lines(guest, "psi.count.host_points", points)

    async def passing(owner: str, count: int) -> None:
        peer = ch.scope(owner).guest
        points = await receive_lines(peer, "psi.count.passing", count, NO_POINTS)
        await send_lines(
            peer, "psi.count.passed", (await multiplied(points, scalar))[shuffled(count)]
        )

    jobs: list[Any] = [own(), passing("guest", size)]
    jobs += [passing(owner, count) for owner, count in zip(owners, sizes.tolist(), strict=True)]
    await together(*jobs)
    sizes_seen = {str(guest.party): size}
    if not tell:
        return None, sizes_seen
    common: int = await guest.receive("psi.count.common")
    if not 0 <= common <= min(size, len(column)):
        raise BadIntersection(f"{guest.party} told an impossible number of common ids")
    return common, sizes_seen


async def _passed_through(ch: Channel, hosts: list[Peer], owner: str, points: Points) -> Points:
    """A list after each of some hosts has multiplied and shuffled it."""
    for host in hosts:
        peer = ch.scope(owner).peer(host.party)
        jobs: list[Any] = [
            send_lines(peer, "psi.count.passing", points),
            receive_lines(peer, "psi.count.passed", len(points), NO_POINTS),
        ]
        _, points = await together(*jobs)
    return points
