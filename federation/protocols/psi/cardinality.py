"""How many ids two parties have in common, and nothing about which: Diffie-Hellman on Curve25519.

    guest: a H(x)  ->  host: b a H(x), shuffled  ->  guest
    host:  b H(y), shuffled  ->  guest: a b H(y)         the count of a b H(y) = b a H(x)

Learns: the guest the number of common ids and the host's size; the host the guest's size, and the
number if the guest tells it. Lists arrive shuffled, so no entry can be traced to an id. Parties are
assumed to follow the protocol: one that brings few ids of its own making learns of those.
Source: Agrawal, Evfimievski, Srikant 2003, section 5 (with points of a curve).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from federation.channel import Channel, Message
from federation.crypto.curve25519 import random_scalar
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
from federation.protocols.psi.ids import check_ids
from federation.spec.party import GUEST, HOST

CARDINALITY_MESSAGES = (
    Message("psi.count.guest_size", (GUEST, HOST), int, "how many ids the guest brings"),
    Message("psi.count.host_size", (HOST, GUEST), int, "how many ids the host brings"),
    Message("psi.count.guest_points", (GUEST, HOST), np.ndarray, "a H(x), (n, 32) uint8, shuffled"),
    Message("psi.count.twice", (HOST, GUEST), np.ndarray, "b a H(x), shuffled anew"),
    Message("psi.count.host_points", (HOST, GUEST), np.ndarray, "b H(y), (n, 32) uint8, shuffled"),
    Message("psi.count.common", (GUEST, HOST), int, "how many ids both have"),
)


async def count_as_guest(
    ch: Channel, ids: Sequence[str], options: EcdhOptions, *, tell: bool
) -> tuple[int, int]:
    """The guest's side, with the job's only host.

    Args:
        ch: with `CARDINALITY_MESSAGES` declared.
        ids: one for each row of the guest's table.
        options: the same at both parties.
        tell: whether the host gets to know the number; the same at both parties.

    Returns:
        How many ids both have, and how many the host brought.

    Raises:
        BlankIds, DuplicateIds: ids that do not stand for one row each.
        BadPoint, BadIntersection: the host's letters are not what the protocol has.
    """
    check_ids(ids)
    scalar, host = random_scalar(), ch.hosts[0]
    await host.send("psi.count.guest_size", len(ids))
    size = await receive_size(host, "psi.count.host_size")
    mixed = [ids[row] for row in shuffled(len(ids)).tolist()]
    points = await blinded(mixed, scalar, options)
    jobs: list[Any] = [
        send_lines(host, "psi.count.guest_points", points),
        receive_lines(host, "psi.count.twice", len(ids), NO_POINTS),
        receive_lines(host, "psi.count.host_points", size, NO_POINTS),
    ]
    _, twice, theirs = await together(*jobs)
    common = int(np.count_nonzero(positions(twice, await multiplied(theirs, scalar)) >= 0))
    if tell:
        await host.send("psi.count.common", common)
    return common, size


async def count_as_host(
    ch: Channel, ids: Sequence[str], options: EcdhOptions, *, tell: bool
) -> tuple[int | None, int]:
    """The host's side; arguments and errors as the guest's.

    Returns:
        How many ids both have, if the guest tells it, and how many the guest brought.
    """
    check_ids(ids)
    scalar, guest = random_scalar(), ch.guest
    await guest.send("psi.count.host_size", len(ids))
    size = await receive_size(guest, "psi.count.guest_size")
    mixed = [ids[row] for row in shuffled(len(ids)).tolist()]
    points = await blinded(mixed, scalar, options)
    jobs: list[Any] = [
        send_lines(guest, "psi.count.host_points", points),
        receive_lines(guest, "psi.count.guest_points", size, NO_POINTS),
    ]
    _, theirs = await together(*jobs)
    twice = await multiplied(theirs, scalar)
    await send_lines(guest, "psi.count.twice", twice[shuffled(size)])
    if not tell:
        return None, size
    common: int = await guest.receive("psi.count.common")
    if not 0 <= common <= min(size, len(ids)):
        raise BadIntersection(f"{guest.party} told an impossible number of common ids")
    return common, size
