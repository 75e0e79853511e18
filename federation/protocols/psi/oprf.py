"""Set intersection by an oblivious pseudorandom function from oblivious transfer: the fast one.

    guest: each x in a bin of a cuckoo table, bin b gets F_b(its x) obliviously from the host
    host:  F_b(y) for the three bins b that y may be in, a line for each y, shuffled  ->  guest
    guest: x = y  <=>  its F_b(x) is in the place of that bin in the line of y

More than 2**20 ids go in passes, by a hash of the id. Every pass has room for as many as may fall
into it, with lines and bins that stand for no id, so that nobody learns how many did.

The guest finds the common lines and tells each host which those are, and no more: which of its bins
an id came from depends on the guest's other ids. With several hosts the guest matches with each,
under keys of their own, and keeps what all of them have.

Security: computational 128 bits, statistical 40 (a wrong match, two words of the code too near, no
cuckoo table). Parties are assumed to follow the protocol: one that makes ids up learns whether the
others have those.
Learns: the guest which of its ids each host has, and the hosts' sizes; a host the ids that all
parties have, and the guest's size. Lines are shuffled, and keys are new for each run.
Source: Kolesnikov, Kumaresan, Rosulek, Trieu 2016, sections 4 and 5, with a line for each id in
place of a set for each hash function, so that a mark for a line does not tell the bin.
"""

import asyncio
import math
import secrets
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from federation.channel import Channel, Message, Peer
from federation.crypto.byte_rows import ByteRows
from federation.crypto.ot_extension import WORDS, Code, Receiver, RowHash, Sender, Words, words_for
from federation.crypto.ot_extension_base import POINT_BYTES, BaseSender, chosen_keys
from federation.errors import BadIntersection, ComputationProblem
from federation.protocols.psi.cuckoo import CHOICES, Indices, bin_count, bins_of, placed
from federation.protocols.psi.exchange import (
    lines_from,
    parts,
    receive_size,
    shuffled,
    together,
)
from federation.protocols.psi.idblocks import blocks_of
from federation.protocols.psi.ids import Column, Ids, Intersection
from federation.protocols.psi.tags import TagIndex
from federation.protocols.psi.telling import Match, settled, told
from federation.spec.party import GUEST, HOST

OPRF_MESSAGES = (
    Message("psi.oprf.guest_size", (GUEST, HOST), int, "how many ids the guest brings"),
    Message("psi.oprf.host_size", (HOST, GUEST), int, "how many ids the host brings"),
    Message("psi.oprf.split", (GUEST, HOST), bytes, "which hash tells an id's pass; 32 bytes"),
    Message("psi.oprf.base", (GUEST, HOST), bytes, "the point A of the base transfers"),
    Message("psi.oprf.choices", (HOST, GUEST), np.ndarray, "b G + s A, (k, 32) uint8"),
    Message("psi.oprf.seed", (GUEST, HOST), bytes, "for hashing ids, 32 bytes of no secret"),
    Message("psi.oprf.told", (GUEST, HOST), np.ndarray, "U = T0 ^ T1 ^ C(x), (bins, w) uint64"),
    Message("psi.oprf.lines", (HOST, GUEST), np.ndarray, "F_b(y), (n, 3 t) uint8, shuffled"),
    Message("psi.oprf.common", (GUEST, HOST), np.ndarray, "which lines all parties have"),
)

_SEED_BYTES = 32
_STATISTICAL_BITS = 40
_BLOCK_BYTES = 16
_ATTEMPTS = 8
_AT_ONCE = 1 << 20
"""Ids of a pass: half a gigabyte of memory at either party."""


@dataclass(frozen=True, slots=True)
class _Sizes:
    """What both parties know.

    Attributes:
        guest, host: how many ids they bring, or in one pass at most.
        whole: passes of the whole, where this is one of them.
    """

    guest: int
    host: int
    whole: int = 1

    @property
    def passes(self) -> int:
        """So many that a pass fits into memory."""
        return max(1, -(-max(self.guest, self.host) // _AT_ONCE))

    def room(self, count: int) -> int:
        """Ids of a pass, of `count` in all, where they fall by chance: 8 deviations above."""
        share = count / self.passes
        return math.ceil(share + 8 * math.sqrt(share)) + 8

    @property
    def of_pass(self) -> "_Sizes":
        """The sizes of each pass."""
        return _Sizes(self.room(self.guest), self.room(self.host), self.passes)

    @property
    def bins(self) -> int:
        """Of the guest's table."""
        return bin_count(self.guest)

    @property
    def words(self) -> int:
        """Of a row: a host's id meets the code word in each of its bins."""
        return words_for(CHOICES * self.host)

    @property
    def tag_bytes(self) -> int:
        """So many that no tag of the host is one of the guest's by accident."""
        pairs = max(1, self.guest) * max(1, self.host) * self.whole
        return min(_BLOCK_BYTES, -(-(_STATISTICAL_BITS + math.ceil(math.log2(pairs))) // 8))

    @property
    def no_told(self) -> Words:
        """An empty part of U."""
        return np.empty((0, self.words), dtype=np.uint64)

    @property
    def no_lines(self) -> NDArray[np.uint8]:
        """An empty part of the host's lines."""
        return np.empty((0, CHOICES * self.tag_bytes), dtype=np.uint8)


async def oprf_guest(ch: Channel, ids: Column, *, tell: bool = True) -> Intersection:
    """The guest's side.

    Args:
        ch: with `OPRF_MESSAGES` declared.
        ids: one for each row of the guest's table.
        tell: whether hosts get to know the common ids; the same at all parties.

    Raises:
        BlankIds, DuplicateIds: ids that do not stand for one row each.
        BadPoint, BadIntersection: a host's letter is not what the protocol has.
        ComputationProblem: ids fall badly, with a chance below 2**-40.
    """
    column = Ids(ids)
    column.check()
    await ch.hosts.send("psi.oprf.guest_size", len(column))
    matches = await together(*(_match(ch, host, column.texts) for host in list(ch.hosts)))
    return await settled(column, "psi.oprf.common", matches, tell)


async def oprf_host(ch: Channel, ids: Column, *, tell: bool = True) -> Intersection:
    """A host's side; arguments and errors as the guest's."""
    column, guest = Ids(ids), ch.guest
    column.check()
    await guest.send("psi.oprf.host_size", len(column))
    sizes = _Sizes(await receive_size(guest, "psi.oprf.guest_size"), len(column))
    if sizes.passes == 1:
        order = await _answer(guest, column.texts, np.arange(len(column)), sizes)
    else:
        seed: bytes = await guest.receive("psi.oprf.split")
        orders = []
        for number, rows in enumerate(await asyncio.to_thread(_split, column.texts, seed, sizes)):
            peer = ch.scope("pass", number).guest
            orders.append(await _answer(peer, column.texts, rows, sizes.of_pass))
        order = np.concatenate(orders)
    return await told(column, guest, "psi.oprf.common", order, size=sizes.guest, tell=tell)


async def _match(ch: Channel, host: Peer, texts: ByteRows) -> Match:
    sizes = _Sizes(len(texts), await receive_size(host, "psi.oprf.host_size"))
    if sizes.passes == 1:
        return Match(host, await _ask(host, texts, np.arange(len(texts)), sizes), sizes.host)
    seed = secrets.token_bytes(_SEED_BYTES)
    await host.send("psi.oprf.split", seed)
    places: Indices = np.full(len(texts), -1, dtype=np.int64)
    for number, rows in enumerate(await asyncio.to_thread(_split, texts, seed, sizes)):
        peer = ch.scope("pass", number).peer(host.party)
        found = await _ask(peer, texts, rows, sizes.of_pass)
        places[rows] = np.where(found < 0, -1, found + number * sizes.of_pass.host)
    return Match(host, places, sizes.host, lines=sizes.passes * sizes.of_pass.host)


def _split(texts: ByteRows, seed: bytes, sizes: _Sizes) -> list[Indices]:
    """The rows of each pass, chosen by a hash of the ids that both parties have.

    Raises:
        ComputationProblem: a pass has too many.
    """
    number = blocks_of(texts, seed)[:, 0] % np.uint64(sizes.passes)
    ends = np.cumsum(np.bincount(number.astype(np.int64), minlength=sizes.passes))
    rows = np.split(np.argsort(number, kind="stable"), ends[:-1])
    if max(map(len, rows)) > sizes.room(len(texts)):
        raise ComputationProblem("the ids fall badly into passes; run the job again")
    return rows


async def _answer(guest: Peer, texts: ByteRows, rows: Indices, sizes: _Sizes) -> Indices:
    """The host's part of a pass: the row of each line, -1 for one that stands for none."""
    sender = await _base_as_host(guest, sizes)
    seed: bytes = await guest.receive("psi.oprf.seed")
    if len(seed) != _SEED_BYTES:
        raise BadIntersection(f"{guest.party} sent a seed of another length")
    order: Indices = np.full(sizes.host, -1, dtype=np.int64)
    order[: len(rows)] = rows
    mixed = shuffled(sizes.host)
    blocks = (await asyncio.to_thread(_filled, texts, rows, seed, sizes.host))[mixed]
    table = np.empty((sizes.bins, WORDS), dtype=np.uint64)
    done = 0
    async for part in lines_from(guest, "psi.oprf.told", sizes.bins, sizes.no_told):
        table[done : done + len(part)] = await asyncio.to_thread(sender.extend, part)
        done += len(part)
    function = _Function(table, sender, seed, sizes)
    for some in parts(sizes.host):
        lines = await asyncio.to_thread(function.lines, blocks[some])
        await guest.send("psi.oprf.lines", lines)
    return order[mixed]


def _filled(texts: ByteRows, rows: Indices, seed: bytes, count: int) -> Words:
    """The blocks of some ids, and blocks that no id has, up to `count`."""
    drawn = secrets.token_bytes(_BLOCK_BYTES * (count - len(rows)))
    others = np.frombuffer(drawn, dtype=np.uint64).reshape(-1, 2)
    return np.concatenate([blocks_of(texts, seed, rows), others])


async def _ask(host: Peer, texts: ByteRows, rows: Indices, sizes: _Sizes) -> Indices:
    """The guest's part of a pass: for each of some ids its line, or -1."""
    jobs: list[Any] = [
        _base_as_guest(host, sizes),
        asyncio.to_thread(_Placed, texts, rows, sizes),
    ]
    receiver, table = await together(*jobs)
    await host.send("psi.oprf.seed", table.seed)
    tags = np.empty((len(rows), 2), dtype=np.uint64)
    for part in parts(sizes.bins):
        told = await asyncio.to_thread(table.extend, receiver, part, tags)
        await host.send("psi.oprf.told", told)
    index = await asyncio.to_thread(TagIndex, tags, table.choice, sizes.tag_bytes)
    async for lines in lines_from(host, "psi.oprf.lines", sizes.host, sizes.no_lines):
        await asyncio.to_thread(index.sift, lines)
    return await asyncio.to_thread(index.places)


async def _base_as_host(guest: Peer, sizes: _Sizes) -> Sender:
    point: bytes = await guest.receive("psi.oprf.base")
    drawn = np.frombuffer(secrets.token_bytes(8 * sizes.words), dtype=np.uint8)
    bits = np.unpackbits(drawn).tolist()
    answers, keys = await asyncio.to_thread(chosen_keys, point, bits)
    await guest.send("psi.oprf.choices", answers)
    return Sender(bits, keys)


async def _base_as_guest(host: Peer, sizes: _Sizes) -> Receiver:
    base = BaseSender()
    await host.send("psi.oprf.base", base.point)
    answers: NDArray[Any] = await host.receive("psi.oprf.choices")
    if answers.dtype != np.uint8 or answers.shape != (64 * sizes.words, POINT_BYTES):
        raise BadIntersection(f"{host.party} sent other points than the base transfers have")
    return Receiver(await asyncio.to_thread(base.keys, answers))


class _Placed:
    """The guest's ids in their bins.

    Attributes:
        seed: under which there is a table.
        choice: which of its three bins each id is in, shape (n,).
    """

    def __init__(self, texts: ByteRows, rows: Indices, sizes: _Sizes) -> None:
        for _ in range(_ATTEMPTS):
            self.seed = secrets.token_bytes(_SEED_BYTES)
            self._blocks = blocks_of(texts, self.seed, rows)
            choices = bins_of(self._blocks, sizes.bins)
            taken = placed(choices, sizes.bins)
            if taken is not None:
                break
        else:
            raise ComputationProblem("no cuckoo table was found for the ids; run the job again")
        self._taken = taken
        self.choice: Indices = np.empty(len(rows), dtype=np.int64)
        full = np.flatnonzero(taken >= 0)
        self.choice[taken[full]] = full // (sizes.bins // CHOICES)
        self._code, self._hash = Code(self.seed, sizes.words), RowHash(self.seed)

    def extend(self, receiver: Receiver, part: slice, tags: Words) -> Words:
        """U of a part of the bins; the tags of the ids in them are written to `tags`."""
        taken = self._taken[part]
        full = np.flatnonzero(taken >= 0)
        # Empty bins hold what no id is hashed to, and nobody can tell from one that is.
        inputs = np.frombuffer(secrets.token_bytes(_BLOCK_BYTES * len(taken)), dtype=np.uint64)
        blocks = inputs.reshape(-1, 2).copy()
        blocks[full] = self._blocks[taken[full]]
        rows, told = receiver.extend(self._code(blocks))
        bins = (full + part.start).astype(np.uint64)
        tags[taken[full]] = self._hash(rows[full], bins)
        return told


class _Function:
    """The host's F."""

    def __init__(self, rows: Words, sender: Sender, seed: bytes, sizes: _Sizes) -> None:
        self._rows, self._sender, self._sizes = rows, sender, sizes
        self._code, self._hash = Code(seed, sizes.words), RowHash(seed)

    def lines(self, blocks: Words) -> NDArray[np.uint8]:
        """F of each block in each of its three bins; shape (n, 3 t)."""
        masked = self._sender.masked(self._code(blocks))
        choices, size = bins_of(blocks, self._sizes.bins), self._sizes.tag_bytes
        lines = np.empty((len(blocks), CHOICES * size), dtype=np.uint8)
        for choice in range(CHOICES):
            bins = choices[:, choice]
            tags = self._hash(self._rows[bins] ^ masked, bins.astype(np.uint64))
            lines[:, choice * size : (choice + 1) * size] = tags.view(np.uint8)[:, :size]
        return lines
