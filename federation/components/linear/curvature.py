"""How the loss bends along the way the weights have gone, for the optimizer sqn.

With w~ the mean of the weights over L steps, and w~' that of the L steps before:

    s = w~ - w~'                                    each party its own part
    host     u = share(X_h s_h)        [u]          -> guest
    guest    d = sum(u) + share(X_g s_g)    [d]     -> host
    each     s, [v] = [X^T d / n + alpha s]         -> arbiter

over rows that the guest draws. Where the bend depends on scores, as exp(s) does, host and guest
take theirs at the mean weights w~: with e = exp(w~ x),

    host     [e_h (X_h s_h)], [e_h]                 -> guest
    guest    d = e_g [e_h (X_h s_h)] + e_g (X_g s_g) [e_h]

s and v are 2**20 times as large here, for precision's sake; the
arbiter's rule does not change with their length. d depends on features and weights, not on labels.
Learns: the arbiter s, which it could tell from its own steps, and v. A host which rows were drawn;
batches that would be too small for its width are refused before.
Source: Byrd, Hansen, Nocedal, Singer 2016; FATE 1.x hetero_sqn_gradient.
"""

import asyncio
from dataclasses import dataclass

import numpy as np

from federation.channel import Channel
from federation.components.common.unfit import UnfitLetter
from federation.components.linear.letters import Forward, HostBatch, check_shape
from federation.components.linear.optimizers import Optimizer, penalty_gradient
from federation.components.linear.params import LinearModelParams
from federation.components.linear.parts import Side, mean_product
from federation.components.linear.rows import Rows
from federation.crypto import Encrypted, PrivateKey
from federation.tables.table import Matrix, Vector

SCALE = 2.0**20
"""Ways are short; so many times as long they keep their digits in fixed point."""


@dataclass(frozen=True, slots=True)
class Move:
    """A way that a party's weights have gone.

    Attributes:
        way: shape (d,), its part of s.
        at: shape (d,), the mean weights it led to.
    """

    way: Vector
    at: Vector


@dataclass(slots=True)
class Trail:
    """The way a party's weights have gone.

    Attributes:
        every: steps over which weights are averaged; 0 for no trail.
        steps: how many were made.
    """

    every: int
    steps: int = 0
    _sum: Vector | None = None
    _last: Vector | None = None

    def moved(self, weights: Vector) -> Move | None:
        """Take the weights a step started from; `s` where a mean is full and has one before it."""
        way = self.way(weights)
        if way is None or self._last is None:
            return None
        return Move(SCALE / self.every * way, self._last / self.every)

    def way(self, weights: Vector) -> Vector | None:
        """As `moved`, L times the change of the mean, which shares of weights have too."""
        if not self.every:
            return None
        self.steps += 1
        self._sum = weights if self._sum is None else self._sum + weights
        if self.steps % self.every:
            return None
        before, self._last, self._sum = self._last, self._sum, None
        return None if before is None else self._last - before


async def bend_as_guest(ch: Channel, side: Side, move: Move) -> None:
    """Draw rows, and help everyone to their part of v.

    Raises:
        UnfitLetter: a host's share is not one number a row.
    """
    batch = await send_sample(ch, side.rows, side.p)
    taken, size = batch.rows, batch.size
    matrix, offset = _picked(side, taken), side.rows.offset
    scores = matrix @ move.at
    if offset is not None:
        scores = scores + (offset if taken is None else offset[taken])
    forwards: list[Forward] = await ch.hosts.gather("forward")
    for host, forward in zip(ch.hosts, forwards, strict=True):
        check_shape(forward.share, (size,), "forward", host.party)
    weight, scale = side.rows.weight, side.link.scale
    levels = None
    if scale is not None:
        levels = await ch.hosts[0].receive("levels")
        check_shape(levels, (size,), "levels", ch.hosts[0].party)

    def bent() -> Encrypted:
        total = forwards[0].share
        for forward in forwards[1:]:
            total = total + forward.share
        if scale is None or levels is None:
            total = total + side.link.share(matrix @ move.way)
        else:
            total = (total + levels * (matrix @ move.way)) * scale(scores)
        if weight is not None:
            total = total * (weight if taken is None else weight[taken])
        return total.refreshed()

    d = await asyncio.to_thread(bent)
    await ch.hosts.send("residual", d)
    await _told(ch, side, matrix, d, move.way)


async def bend_as_host(ch: Channel, side: Side, move: Move) -> None:
    """Give the own share, and send the own part of v."""
    batch = await receive_batch(ch, side.rows)
    matrix = _picked(side, batch.rows)
    along = matrix @ move.way
    if side.link.scale is None:
        share = await side.encrypted(side.link.share(along))
    else:
        levels = side.link.share(matrix @ move.at)
        share = await side.encrypted(levels * along)
    await ch.guest.send("forward", Forward(share=share, loss=None))
    if side.link.scale is not None:
        await ch.guest.send("levels", await side.encrypted(levels))
    d: Encrypted = await ch.guest.receive("residual")
    check_shape(d, (len(matrix),), "residual", ch.guest.party)
    await _told(ch, side, matrix, d, move.way)


async def bend_as_arbiter(
    ch: Channel, private: PrivateKey, optimizer: Optimizer, most: int
) -> None:
    """Take s and v of all parties, and remember them for later steps.

    Args:
        most: how many pairs the optimizer keeps.
    """
    peers = [ch.guest, *ch.hosts]
    moves: list[Vector] = await asyncio.gather(*(peer.receive("move") for peer in peers))
    letters = await asyncio.gather(*(peer.receive("gradient") for peer in peers))
    parts = [await asyncio.to_thread(private.decrypt, letter) for letter in letters]
    for peer, move, part in zip(peers, moves, parts, strict=True):
        check_shape(move, part.shape, "move", peer.party)
    optimizer.bend(np.concatenate(moves), np.concatenate(parts), most)


async def send_sample(ch: Channel, rows: Rows, p: LinearModelParams) -> HostBatch:
    """Draw the rows that are looked at, and tell the hosts."""
    count, size = rows.count, min(rows.count, p.sqn_param.sample_size)
    taken = None if size == count else np.sort(np.random.default_rng().permutation(count)[:size])
    batch = HostBatch(rows=taken, size=size)
    await ch.hosts.send("batch", batch)
    return batch


async def receive_batch(ch: Channel, rows: Rows, tag: str = "batch") -> HostBatch:
    """Which rows the guest takes next.

    Raises:
        UnfitLetter: they are not rows of this party, in order.
    """
    batch: HostBatch = await ch.guest.receive(tag)
    taken = np.arange(rows.count) if batch.rows is None else batch.rows
    fits = taken.ndim == 1 and taken.dtype == np.int64 and 0 < batch.size <= len(taken)
    if not fits or taken[0] < 0 or taken[-1] >= rows.count or np.any(np.diff(taken) <= 0):
        raise UnfitLetter(tag, ch.guest.party)
    return batch


async def _told(ch: Channel, side: Side, matrix: Matrix, d: Encrypted, way: Vector) -> None:
    bent = await asyncio.to_thread(mean_product, matrix, d, len(matrix))
    pull = penalty_gradient(way, side.p, intercept=side.intercept)
    await ch.arbiter.send("move", way)
    await ch.arbiter.send("gradient", bent + pull)


def _picked(side: Side, taken: "np.ndarray | None") -> Matrix:
    return side.matrix if taken is None else side.matrix[taken]
