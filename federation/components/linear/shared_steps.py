"""How the weights of a model in shares step: on what each party knows, or on shares alone.

With g the gradient, n rows and P_k vectors such as g, to which an optimizer gives factors f_k:

    g = X^T d / n + alpha w  (L2)              w <- w - sum f_k P_k

`Clear` has each party see its own part of g, and so of w; any optimizer steps from there. `Cut`
leaves all of it in shares: f_k are numbers that both know, so that plain descent is f = lr.
Who learns what stands in the header of the component. Source: Chen et al. 2021.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from federation.channel import Channel
from federation.components.linear.curvature import SCALE
from federation.components.linear.letters import check_shape
from federation.components.linear.optimizers import (
    Optimizer,
    learning_rate,
    penalty_gradient,
    updated,
)
from federation.components.linear.shared_parts import (
    WEIGHT_BITS,
    SharedSide,
    Weights,
    in_order,
)
from federation.components.linear.shared_slopes import Slopes
from federation.crypto import Encrypted, concatenate
from federation.protocols.ring_shares import MODULUS, Ring, decoded, truncated
from federation.protocols.shared_products import dots, dotted, offer, offered, seen, show
from federation.tables.table import Matrix, Vector

FINE_BITS = 60
"""Bits after the point of gradients in shares."""

_FACTOR_BITS = 60
_MEAN_BITS = 40
"""Of 1 / n: sums over rows are long already, and truncation fails the likelier the longer."""


class Space(Protocol):
    """Where the vectors of a training are, the weights among them."""

    def of(self, weights: Weights) -> Any:
        """The weights as a vector; `weights_of` is the way back."""

    def weights_of(self, vector: Any) -> Weights:
        """A vector as weights are."""

    def stretched(self, vector: Any) -> Any:
        """A way as it keeps its digits; its length matters to nobody."""

    def fine(self, vector: Any) -> Any:
        """Weights as finely as gradients."""

    async def gradient(self, ch: Channel, slopes: Slopes, at: Any) -> Any:
        """X^T d / n + alpha w, w the vector `at`."""

    async def known(self, ch: Channel, vectors: Sequence[Any]) -> list["Known"]:
        """Vectors made ready to be multiplied."""

    async def products(
        self, ch: Channel, new: Sequence["Known"], every: Sequence["Known"]
    ) -> Matrix | None:
        """Each of `new` times each of `every`, at the guest."""

    def less(self, weights: Weights, parts: Sequence[tuple[float, Any]], epoch: int) -> Weights:
        """The weights, less so much of each vector."""


@dataclass(frozen=True, slots=True)
class Known:
    """A vector that can be multiplied with others.

    Attributes:
        operand: at the guest, the host's share of it under the host's key.
    """

    vector: Any
    operand: Encrypted | None = None


@dataclass(frozen=True, slots=True)
class Clear:
    """Each party knows its own part of every vector."""

    side: SharedSide

    def of(self, weights: Weights) -> Vector:
        """The own weights."""
        return np.asarray(weights.clear, dtype=np.float64)

    def weights_of(self, vector: Vector) -> Weights:
        """The vector as own weights."""
        nothing = np.empty(0, dtype=object)
        return Weights(nothing, nothing, vector)

    def stretched(self, vector: Vector) -> Vector:
        """So much longer that fixed point does it no harm."""
        return SCALE * vector

    def fine(self, vector: Vector) -> Vector:
        """The same."""
        return vector

    async def gradient(self, ch: Channel, slopes: Slopes, at: Vector) -> Vector:
        """The own part, which the other party's share completes."""
        duo = self.side.duo
        await show(ch, duo, slopes.theirs)
        own = decoded(await seen(ch, duo, slopes.own), slopes.bits) / slopes.size
        return own + penalty_gradient(at, self.side.p, intercept=self.side.intercept)

    async def known(self, ch: Channel, vectors: Sequence[Vector]) -> list[Known]:
        """The vectors."""
        return [Known(vector) for vector in vectors]

    async def products(
        self, ch: Channel, new: Sequence[Known], every: Sequence[Known]
    ) -> Matrix | None:
        """The host tells the products of its parts, the guest adds those of its own."""
        own = _lines(new) @ _lines(every).T
        if not self.side.duo.first:
            await ch.guest.send("inner", own)
            return None
        (theirs,) = await ch.hosts.gather("inner")
        check_shape(theirs, own.shape, "inner", self.side.duo.other)
        return np.asarray(own + theirs)

    def less(self, weights: Weights, parts: Sequence[tuple[float, Vector]], epoch: int) -> Weights:
        """The own weights after the step, drawn towards 0 by L1."""
        step = np.asarray(sum(factor * vector for factor, vector in parts))
        own, p = self.of(weights), self.side.p
        return self.weights_of(updated(own, step, p, epoch, intercept=self.side.intercept))


@dataclass(frozen=True, slots=True)
class Cut:
    """Both parties' parts of every vector, the guest's first, in shares."""

    side: SharedSide

    def of(self, weights: Weights) -> Ring:
        """A share of all weights."""
        return in_order(self.side, weights, without_intercept=False)

    def weights_of(self, vector: Ring) -> Weights:
        """Shares of both parties' parts."""
        guests, hosts = np.split(vector, [self.side.terms.width])
        return Weights(guests, hosts) if self.side.duo.first else Weights(hosts, guests)

    def stretched(self, vector: Ring) -> Ring:
        """The same."""
        return vector % MODULUS

    def fine(self, vector: Ring) -> Ring:
        """The same with more bits after the point."""
        return (vector << (FINE_BITS - WEIGHT_BITS)) % MODULUS

    async def gradient(self, ch: Channel, slopes: Slopes, at: Ring) -> Ring:
        """A share of all of it, made by each party alone."""
        p, first = self.side.p, self.side.duo.first
        total = self.of(Weights(slopes.own, slopes.theirs))
        more = _MEAN_BITS + slopes.size.bit_length()
        mean = total * round(math.ldexp(1.0 / slopes.size, more)) % MODULUS
        found = truncated(mean, slopes.bits + more - FINE_BITS, first=first)
        if p.penalty == "L2" and p.alpha:
            drop = WEIGHT_BITS + _FACTOR_BITS - FINE_BITS
            pull = at * round(math.ldexp(p.alpha, _FACTOR_BITS)) % MODULUS
            pull = truncated(pull, drop, first=first)
            if self.side.terms.intercept:
                pull[self.side.terms.width - 1] = 0
            found = found + pull
        return np.asarray(found % MODULUS)

    async def known(self, ch: Channel, vectors: Sequence[Ring]) -> list[Known]:
        """The vectors, and at the guest the host's shares of them under its key."""
        duo, together = self.side.duo, np.concatenate(vectors)
        if not duo.first:
            await offer(ch, duo, together)
            return [Known(vector) for vector in vectors]
        given = (await offered(ch, duo, len(together))).reshape(len(vectors), -1)
        return [Known(vector, given[place]) for place, vector in enumerate(vectors)]

    async def products(
        self, ch: Channel, new: Sequence[Known], every: Sequence[Known]
    ) -> Matrix | None:
        """The guest sees the products of whole vectors."""
        duo, rows, lines = self.side.duo, _lines(new), _lines(every)
        if not duo.first:
            share = await dotted(ch, duo, rows, lines)
            await show(ch, duo, share.reshape(-1))
            return None
        share = await dots(ch, duo, rows, lines, (_operands(new), _operands(every)))
        total = await seen(ch, duo, share.reshape(-1))
        return decoded(total, 2 * FINE_BITS).reshape(share.shape)

    def less(self, weights: Weights, parts: Sequence[tuple[float, Ring]], epoch: int) -> Weights:
        """Shares of the weights after the step."""
        step = np.asarray(
            sum(vector * round(math.ldexp(factor, _FACTOR_BITS)) for factor, vector in parts)
        )
        drop = FINE_BITS + _FACTOR_BITS - WEIGHT_BITS
        taken = truncated(step % MODULUS, drop, first=self.side.duo.first)
        return self.weights_of((self.of(weights) - taken) % MODULUS)


def _lines(vectors: Sequence[Known]) -> Matrix:
    return np.stack([one.vector for one in vectors])


def _operands(vectors: Sequence[Known]) -> Encrypted:
    """The host's shares of vectors, one a line."""
    lines = [one.operand for one in vectors if one.operand is not None]
    return concatenate(lines).reshape(len(vectors), -1)


class Steps(Protocol):
    """From the slopes of a batch to the next weights."""

    async def __call__(self, ch: Channel, weights: Weights, slopes: Slopes, epoch: int) -> Weights:
        """The weights after the step."""


@dataclass(frozen=True, slots=True)
class AloneSteps:
    """Each party steps by its own part of the gradient, with an optimizer of its own."""

    space: Clear
    optimizer: Optimizer

    async def __call__(self, ch: Channel, weights: Weights, slopes: Slopes, epoch: int) -> Weights:
        """The own weights after the step."""
        gradient = await self.space.gradient(ch, slopes, self.space.of(weights))
        return self.space.less(weights, [(1.0, self.optimizer.step(gradient, epoch))], epoch)


@dataclass(frozen=True, slots=True)
class SharedSteps:
    """Plain descent on shares."""

    space: Cut

    async def __call__(self, ch: Channel, weights: Weights, slopes: Slopes, epoch: int) -> Weights:
        """Shares of the weights after the step."""
        gradient = await self.space.gradient(ch, slopes, self.space.of(weights))
        rate = learning_rate(self.space.side.p, epoch)
        return self.space.less(weights, [(rate, gradient)], epoch)
