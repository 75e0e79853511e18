"""Set intersection in the clear: all ids go to the side that joins.

With `join_role` guest, every host sends its ids and the guest tells each which of them all have.
With `join_role` host, the guest sends its ids to every host, each answers which of them it has, and
the guest tells all hosts which of them all have. Ids may be hashed with a salt first; whoever has a
list of possible ids and the salt finds the ids behind the hashes all the same.

Learns: the joining side all ids of the other; with `join_role` host the guest also which of its ids
each host has; everybody the ids that all parties have. Lists are shuffled, so the order of a table
stays at home. For parties that may see each other's ids.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from federation.channel import Channel, Message, Peer
from federation.errors import BadIntersection, InvalidParameters, Problem
from federation.protocols.psi.exchange import (
    parts,
    receive_lines,
    receive_size,
    send_lines,
    shuffled,
    together,
)
from federation.protocols.psi.ids import (
    NO_HASH,
    Column,
    Ids,
    Intersection,
    check_hash_method,
    encoded,
)
from federation.protocols.psi.telling import NOWHERE
from federation.spec.party import GUEST, HOST, Role
from federation.wire.codec import StringVector

RAW_MESSAGES = (
    Message("psi.raw.host_size", (HOST, GUEST), int, "how many ids the host sends"),
    Message("psi.raw.host_ids", (HOST, GUEST), StringVector, "the host's ids, shuffled"),
    Message("psi.raw.host_common", (GUEST, HOST), np.ndarray, "which host ids all parties have"),
    Message("psi.raw.guest_size", (GUEST, HOST), int, "how many ids the guest sends"),
    Message("psi.raw.guest_ids", (GUEST, HOST), StringVector, "the guest's ids, shuffled"),
    Message("psi.raw.found", (HOST, GUEST), np.ndarray, "which guest ids the host has"),
    Message("psi.raw.guest_common", (GUEST, HOST), np.ndarray, "which guest ids all parties have"),
)

_NO_MARKS: NDArray[np.bool_] = np.empty(0, dtype=np.bool_)


@dataclass(frozen=True, slots=True)
class RawOptions:
    """FATE's `raw_params`.

    Attributes:
        use_hash: send hashes of ids.
        salt: stands behind each id before hashing; the same at all parties.
        hash_method: of the ids; `none` sends them as they are.
        base64: write hashes in base64 and not in hex.
        join_role: guest or host, where the join happens.
    """

    use_hash: bool = False
    salt: str = ""
    hash_method: str = NO_HASH
    base64: bool = False
    join_role: str = "guest"

    def __post_init__(self) -> None:
        check_hash_method("raw_params.hash_method", self.hash_method, none=True)
        if self.join_role.lower() not in (GUEST, HOST):
            problem = Problem("raw_params.join_role", "choose guest or host")
            raise InvalidParameters([problem])

    @property
    def joins(self) -> Role:
        """The role that joins."""
        return Role(self.join_role.lower())

    def written(self, ids: Sequence[str]) -> list[str]:
        """Ids as they are sent and compared."""
        if not self.use_hash or self.hash_method.lower() == NO_HASH:
            return list(ids)
        digests = encoded(ids, self.hash_method, self.salt)
        if self.base64:
            return [base64.b64encode(digest).decode() for digest in digests]
        return [digest.hex() for digest in digests]


async def raw_guest(
    ch: Channel, ids: Column, options: RawOptions = RawOptions(), *, tell: bool = True
) -> Intersection:
    """The guest's side.

    Args:
        ch: with `RAW_MESSAGES` declared.
        ids: one for each row of the guest's table.
        options: the same at all parties.
        tell: whether the side that does not join gets to know the common ids; the same at all
            parties, and true where several hosts join.

    Raises:
        BlankIds, DuplicateIds: ids that do not stand for one row each.
        BadIntersection: a host's letter is not what the protocol has.
    """
    column = Ids(ids)
    column.check()
    if options.joins is GUEST:
        return await _join_at_guest(ch, column, options, tell)
    if not tell and len(ch.hosts) > 1:
        problem = Problem("sync_intersect_ids", "several hosts that join need the guest's help")
        raise InvalidParameters([problem])
    return await _join_at_hosts(ch, column, options, tell)


async def raw_host(
    ch: Channel, ids: Column, options: RawOptions = RawOptions(), *, tell: bool = True
) -> Intersection:
    """A host's side; arguments and errors as the guest's."""
    column = Ids(ids)
    column.check()
    if options.joins is GUEST:
        return await _send_to_guest(ch.guest, column, options, tell)
    return await _join_with_guest(ch.guest, column, options, tell)


async def _join_at_guest(ch: Channel, ids: Ids, options: RawOptions, tell: bool) -> Intersection:
    hosts = list(ch.hosts)
    lists = await together(*(_receive_ids(host, "host") for host in hosts))
    mine = options.written(ids)
    common = set(mine).intersection(*lists)
    if tell:
        await together(
            *(
                send_lines(host, "psi.raw.host_common", _marks(theirs, common))
                for host, theirs in zip(hosts, lists, strict=True)
            )
        )
    named = {str(host.party): len(theirs) for host, theirs in zip(hosts, lists, strict=True)}
    return Intersection(_rows(ids, mine, common), len(ids), named)


async def _send_to_guest(guest: Peer, ids: Ids, options: RawOptions, tell: bool) -> Intersection:
    order = shuffled(len(ids))
    await _send_ids([guest], "host", options.written(ids.at(order)))
    if not tell:
        return Intersection(NOWHERE, len(ids), told=False)
    marks = await receive_lines(guest, "psi.raw.host_common", len(ids), _NO_MARKS)
    return Intersection(ids.in_order(order[marks]), len(ids))


async def _join_at_hosts(ch: Channel, ids: Ids, options: RawOptions, tell: bool) -> Intersection:
    hosts, order = list(ch.hosts), shuffled(len(ids))
    await _send_ids(hosts, "guest", options.written(ids.at(order)))
    if not tell:
        return Intersection(NOWHERE, len(ids), told=False)
    found = await together(
        *(receive_lines(host, "psi.raw.found", len(ids), _NO_MARKS) for host in hosts)
    )
    marks = np.logical_and.reduce(found)
    await together(*(send_lines(host, "psi.raw.guest_common", marks) for host in hosts))
    return Intersection(ids.in_order(order[marks]), len(ids))


async def _join_with_guest(guest: Peer, ids: Ids, options: RawOptions, tell: bool) -> Intersection:
    theirs, mine = await _receive_ids(guest, "guest"), options.written(ids)
    found = marks = _marks(theirs, set(mine))
    if tell:
        await send_lines(guest, "psi.raw.found", found)
        marks = await receive_lines(guest, "psi.raw.guest_common", len(theirs), _NO_MARKS)
    if np.any(marks & ~found):
        raise BadIntersection(f"{guest.party} names ids as common that were not found here")
    common = {theirs[place] for place in np.flatnonzero(marks).tolist()}
    return Intersection(_rows(ids, mine, common), len(ids), {str(guest.party): len(theirs)})


async def _send_ids(peers: Sequence[Peer], role: str, ids: Sequence[str]) -> None:
    for peer in peers:
        await peer.send(f"psi.raw.{role}_size", len(ids))
    for part in parts(len(ids)):
        column = StringVector.from_strings(ids[part])
        for peer in peers:
            await peer.send(f"psi.raw.{role}_ids", column)


async def _receive_ids(peer: Peer, role: str) -> list[str]:
    ids: list[str] = []
    for part in parts(await receive_size(peer, f"psi.raw.{role}_size")):
        column: StringVector = await peer.receive(f"psi.raw.{role}_ids")
        if len(column) != part.stop - part.start:
            raise BadIntersection(f"{peer.party} sent another number of ids than announced")
        ids += column.to_strings()
    if len(set(ids)) != len(ids):
        raise BadIntersection(f"{peer.party} sent an id twice")
    return ids


def _marks(written: Sequence[str], wanted: set[str]) -> NDArray[np.bool_]:
    return np.fromiter((text in wanted for text in written), np.bool_, len(written))


def _rows(ids: Ids, written: Sequence[str], common: set[str]) -> NDArray[np.int64]:
    return ids.in_order(np.flatnonzero(_marks(written, common)))
