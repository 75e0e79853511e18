"""The optimizer sqn without an arbiter: the guest says how to mix vectors that it does not see.

Ways s and changes v of the gradient along them are as in `curvature`; here v comes of the same
products as a gradient, without the labels:

    <d> = (X_g <s_g> + X_h <s_h>) / 2^k            <v> = X^T <d> / n + alpha <s>

A step H g lies among the kept s and v and g, and so the two loops of L-BFGS need of them only what
they give multiplied with each other. The guest sees these products, finds how much of each vector
H g has, and tells the host; each then takes that much of what it has of every vector.

Learns: the guest the products of all kept s, v and of g with those, over the columns of both
parties (under reveal_every_iter those over the host's columns); the host how much of each a step
takes, and which rows were drawn to see how the loss bends. With reveal_every_iter each party also
sees its own parts of s and v, of which v does not depend on labels. Nothing else.
Source: Byrd, Hansen, Nocedal, Singer 2016; for L-BFGS by products alone Chen, Wang, Zhou 2014,
"Large-scale L-BFGS using MapReduce", section 3.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from federation.channel import Channel
from federation.components.linear.curvature import Trail, receive_batch, send_sample
from federation.components.linear.letters import check_shape
from federation.components.linear.optimizers import bends, learning_rate, straightened
from federation.components.linear.shared_parts import SharedSide, Weights
from federation.components.linear.shared_slopes import Indices, Slopes, scores_of, slopes_of
from federation.components.linear.shared_steps import Clear, Cut, Known
from federation.tables.table import Matrix, Vector


@dataclass(slots=True)
class NewtonSteps:
    """Steps by what is remembered of the curvature.

    Attributes:
        space: where the vectors are.
        kept: s and v of each pair in turn, the latest last.
        table: at the guest, products of all that is kept.
    """

    side: SharedSide
    space: Clear | Cut
    trail: Trail
    kept: list[Known] = field(default_factory=list)
    table: Matrix = field(default_factory=lambda: np.empty((0, 0)))

    async def __call__(self, ch: Channel, weights: Weights, slopes: Slopes, epoch: int) -> Weights:
        """The weights after the step; now and then the curvature is looked at after it."""
        space = self.space
        at = space.of(weights)
        gradient = await space.gradient(ch, slopes, at)
        vectors = [*(one.vector for one in self.kept), gradient]
        factors = await self._factors(ch.scope("mixture"), gradient)
        factors = learning_rate(self.side.p, epoch) * factors
        after = space.less(weights, list(zip(factors.tolist(), vectors, strict=True)), epoch)
        way = self.trail.way(at)
        if way is not None:
            await self._look(ch.scope("curvature"), space.stretched(way))
        return after

    async def _factors(self, ch: Channel, gradient: Any) -> Vector:
        """How much of each kept vector and of the gradient H g has, shape (k + 1,)."""
        count = len(self.kept)
        if not count:
            return np.ones(1)
        (g,) = await self.space.known(ch, [gradient])
        told = await self.space.products(ch, [g], self.kept)
        if told is None:
            factors: Vector = await ch.guest.receive("mixture")
            check_shape(factors, (count + 1,), "mixture", self.side.duo.other)
            return factors
        # Of g with itself nothing is needed, and so nothing is asked.
        table = np.block([[self.table, told.T], [told, np.zeros((1, 1))]])
        units = list(np.eye(count + 1))
        pairs = list(zip(units[:-1:2], units[1::2], strict=True))
        mixed = straightened(units[-1], pairs, lambda one, other: float(one @ table @ other))
        await ch.hosts.send("mixture", mixed)
        return mixed

    async def _look(self, ch: Channel, way: Any) -> None:
        """See how the loss bends along a way, and remember it if it bends upwards."""
        side, space = self.side, self.space
        rows = await self._drawn(ch)
        along = space.weights_of(way)
        d = await scores_of(ch.scope("scores"), side, side.matrix[rows], along)
        change = await space.gradient(ch, await slopes_of(ch, side, rows, d), way)
        pair = await space.known(ch.scope("pair"), [space.fine(way), change])
        every = [*self.kept, *pair]
        told = await space.products(ch.scope("pair"), pair, every)
        if told is None:
            upwards: bool = await ch.guest.receive("bends")
        else:
            (length, both), (_, bent) = told[:, -2:].tolist()
            upwards = bends(both, length, bent)
            await ch.hosts.send("bends", upwards)
        if not upwards:
            return
        last = slice(-2 * side.terms.memory, None)
        self.kept = every[last]
        if told is not None:
            above = np.hstack([self.table, told[:, :-2].T])
            self.table = np.vstack([above, told])[last, last]

    async def _drawn(self, ch: Channel) -> Indices:
        """Rows that the guest draws to look at."""
        side = self.side
        if side.duo.first:
            batch = await send_sample(ch, side.rows, side.p)
        else:
            batch = await receive_batch(ch, side.rows)
        return side.rows_of(batch)
