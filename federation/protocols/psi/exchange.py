"""How long lists travel and are worked on: in parts, beside each other, and checked as they come.

A list of n entries goes as ceil(n / step) letters, n having gone ahead, so that a million ids need
the memory of their results and of a few parts. Work on a part runs in threads, as libsodium and
gmpy2 free the interpreter, and the event loop keeps answering meanwhile.
"""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from gmpy2 import mpz
from numpy.typing import NDArray

from federation.channel import Peer
from federation.errors import BadIntersection
from federation.wire.codec import BigIntVector

STEP = 1 << 15
"""Entries of a letter, but where a protocol says otherwise."""

_MOST_IDS = 1 << 31
_LEAST_PIECE = 256

T = TypeVar("T")


def parts(count: int, step: int = STEP) -> list[slice]:
    """Slices of `step` that cover 0..count."""
    return [slice(start, min(start + step, count)) for start in range(0, count, step)]


async def together(*jobs: Coroutine[Any, Any, T]) -> list[T]:
    """Results of coroutines run beside each other; the first error ends all of them."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(job) for job in jobs]
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]


async def spread(work: Callable[[Any], T], items: Any, least: int = _LEAST_PIECE) -> list[T]:
    """`work` on pieces of a sliceable value, one piece a core, in order.

    Args:
        least: items of a piece.
    """
    pieces = max(1, min(os.cpu_count() or 1, len(items) // least))
    step = max(1, -(-len(items) // pieces))
    return list(
        await asyncio.gather(*(asyncio.to_thread(work, items[s]) for s in parts(len(items), step)))
    )


async def receive_size(peer: Peer, tag: str) -> int:
    """How many ids a peer brings.

    Raises:
        BadIntersection: no possible number.
    """
    size: int = await peer.receive(tag)
    if not 0 <= size <= _MOST_IDS:
        raise BadIntersection(f"{peer.party} announced an impossible number of ids")
    return size


async def send_lines(peer: Peer, tag: str, lines: NDArray[Any]) -> None:
    """Send an array in parts."""
    for part in parts(len(lines)):
        await peer.send(tag, lines[part])


async def lines_from(
    peer: Peer, tag: str, count: int, like: NDArray[Any]
) -> AsyncIterator[NDArray[Any]]:
    """The parts of an array of `count` lines that a peer sends, each of the kind of `like`.

    Raises:
        BadIntersection: a part of another length, shape or type.
    """
    for part in parts(count):
        lines: NDArray[Any] = await peer.receive(tag)
        if lines.dtype != like.dtype or lines.shape != (part.stop - part.start, *like.shape[1:]):
            raise BadIntersection(f"{peer.party} sent {tag} in another shape than announced")
        yield lines


async def receive_lines(peer: Peer, tag: str, count: int, like: NDArray[Any]) -> NDArray[Any]:
    """A whole array that a peer sends in parts."""
    return np.concatenate([like, *[lines async for lines in lines_from(peer, tag, count, like)]])


async def receive_numbers(peer: Peer, tag: str, count: int, below: mpz) -> list[mpz]:
    """A vector of `count` numbers from 1 to `below` - 1.

    Raises:
        BadIntersection: another count, or numbers out of range.
    """
    vector: BigIntVector = await peer.receive(tag)
    numbers = [mpz(number) for number in vector.to_ints()] if len(vector) == count else []
    if len(numbers) != count or not all(0 < number < below for number in numbers):
        raise BadIntersection(f"{peer.party} sent {tag} with other numbers than were asked for")
    return numbers


def shuffled(count: int) -> NDArray[np.int64]:
    """0..count in an order nobody can foresee."""
    while True:
        keys = np.frombuffer(secrets.token_bytes(8 * count), dtype=np.uint64)
        order = np.argsort(keys)
        drawn = keys[order]
        if not np.any(drawn[1:] == drawn[:-1]):  # a tie would leave the sort to choose
            return order


def positions(mine: NDArray[np.uint8], theirs: NDArray[np.uint8]) -> NDArray[np.int64]:
    """For each line of `mine` where it stands in `theirs`, or -1.

    Args:
        mine: shape (n, w).
        theirs: shape (m, w).

    Raises:
        BadIntersection: `theirs` repeats a line.
    """
    pool, wanted = _first_words(theirs), _first_words(mine)
    order, turn = np.argsort(pool), np.argsort(wanted)
    pool, wanted = pool[order], wanted[turn]
    if not len(pool) or np.any(pool[1:] == pool[:-1]):
        return _positions_of_any(mine, theirs)
    near = np.minimum(np.searchsorted(pool, wanted), len(pool) - 1)
    hits = np.flatnonzero(pool[near] == wanted)
    rows, places = turn[hits], order[near[hits]]
    same = np.all(mine[rows] == theirs[places], axis=1)
    result: NDArray[np.int64] = np.full(len(mine), -1, dtype=np.int64)
    result[rows[same]] = places[same]
    return result


def _first_words(lines: NDArray[np.uint8]) -> NDArray[np.uint64]:
    words = np.zeros((len(lines), 8), dtype=np.uint8)
    width = min(8, lines.shape[1])
    words[:, :width] = lines[:, :width]
    return words.view("<u8")[:, 0]


def _positions_of_any(mine: NDArray[np.uint8], theirs: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The same where lines begin alike."""
    pool = _column(theirs)
    if pc.count_distinct(pool).as_py() != len(pool):
        raise BadIntersection("a peer's list repeats an entry")
    found = pc.fill_null(pc.index_in(_column(mine), value_set=pool), -1)
    return np.asarray(found.to_numpy(zero_copy_only=False), dtype=np.int64)


def _column(lines: NDArray[np.uint8]) -> Any:
    data = pa.py_buffer(np.ascontiguousarray(lines).tobytes())
    kind = pa.binary(lines.shape[1])
    return pa.FixedSizeBinaryArray.from_buffers(kind, len(lines), [None, data])


def mask_of(rows: NDArray[np.int64], count: int) -> NDArray[np.bool_]:
    """True at `rows` of 0..count."""
    mask = np.zeros(count, dtype=np.bool_)
    mask[rows] = True
    return mask


def lines_of(digests: Sequence[bytes], width: int) -> NDArray[np.uint8]:
    """Byte strings of one width as an array, shape (n, width)."""
    return np.frombuffer(b"".join(digests), dtype=np.uint8).reshape(-1, width)
