"""What guest and host of a vertical linear model both do with their own rows and weights."""

import asyncio
import math
from dataclasses import dataclass, field

import numpy as np

from federation.channel import Channel
from federation.components.common.unfit import UnfitLetter
from federation.components.linear.letters import Course, Verdict, check_shape
from federation.components.linear.link import Link
from federation.components.linear.optimizers import penalty_gradient, updated
from federation.components.linear.params import LinearModelParams
from federation.components.linear.rows import Rows
from federation.crypto import Encrypted, PrivateKey, PublicKey
from federation.crypto.inner_products import InnerSlots
from federation.spec.party import GUEST, HOST
from federation.tables.table import Matrix, Vector

FLOAT_PRECISION = 52
"""Bits after the point where floating_point_precision is null."""


def precision_of(p: LinearModelParams) -> int:
    """Bits after the point of what is encrypted."""
    asked = p.floating_point_precision
    return FLOAT_PRECISION if asked is None else int(asked)


@dataclass(frozen=True, slots=True)
class SingleSlots:
    """One number a ciphertext; the other way is `InnerSlots`, which has the same methods."""

    key: PublicKey
    precision: int

    def length(self, count: int) -> int:
        """How many ciphertexts hold `count` numbers."""
        return count

    def encrypt(self, values: Vector) -> Encrypted:
        """A line of numbers, shape (n,)."""
        return self.key.encrypt(values, precision=self.precision)

    def plus(self, line: Encrypted, values: Vector) -> Encrypted:
        """A line and plain numbers, added."""
        return line + values

    def mean_products(self, matrix: Matrix, line: Encrypted, size: int) -> Encrypted:
        """As `mean_product`."""
        return mean_product(matrix, line, size)

    def lifted(self, encrypted: Encrypted) -> Encrypted:
        """Numbers as they stand in products."""
        return encrypted

    def told(self, products: Encrypted, plain: Vector) -> Encrypted:
        """Products and plain numbers added, for whoever decrypts."""
        return products + plain

    def opened(self, private: PrivateKey, told: Encrypted) -> Vector:
        """What was told."""
        return private.decrypt(told)


Lines = SingleSlots | InnerSlots


def lines_of(key: PublicKey, course: Course, p: LinearModelParams) -> Lines:
    """How shares and residuals lie in ciphertexts of that key."""
    packed = course.packed
    if packed is not None:
        several = InnerSlots.of(key, packed.bits, packed.terms, packed.precision)
        if several is not None:
            return several
    return SingleSlots(key, precision_of(p))


@dataclass(frozen=True, slots=True)
class Trained:
    """One model as one party has it.

    Attributes:
        weights: shape (d,), the intercept last if there is one; empty at the arbiter.
        iters: epochs it has seen, earlier ones of a warm start among them.
        best: epoch whose weights these are, where early stopping chose; else -1.
        losses: one an epoch; only the arbiter has them.
        best_loss: of the best epoch; only the arbiter has it, where early stopping chose.
        measured: metrics by stage and name, one value a validation; only the guest has them.
    """

    weights: Vector
    iters: int
    converged: bool
    best: int = -1
    losses: tuple[float, ...] = ()
    best_loss: float | None = None
    measured: dict[str, dict[str, list[float]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Side:
    """One party's side of a training.

    Attributes:
        matrix: shape (n, d): features and, at a guest with an intercept, a last column of ones.
        key: the arbiter's.
        lines: how shares and residuals lie in ciphertexts.
    """

    rows: Rows
    matrix: Matrix
    intercept: bool
    link: Link
    p: LinearModelParams
    course: Course
    key: PublicKey
    lines: Lines
    ahead: "Ahead"

    @classmethod
    def of(
        cls,
        rows: Rows,
        link: Link,
        p: LinearModelParams,
        course: Course,
        key: PublicKey,
        *,
        intercept: bool,
    ) -> "Side":
        """The side of a party with those rows."""
        ones = np.ones((rows.count, int(intercept)))
        matrix, lines = np.hstack([rows.features, ones]), lines_of(key, course, p)
        return cls(rows, matrix, intercept, link, p, course, key, lines, Ahead(key))

    async def encrypted(self, values: Vector) -> Encrypted:
        """Ciphertexts of a vector, made beside the event loop."""
        await self.ahead.done()
        return await asyncio.to_thread(self.key.encrypt, values, precision=precision_of(self.p))

    async def line(self, values: Vector) -> Encrypted:
        """One number a row of the batch, encrypted."""
        await self.ahead.done()
        return await asyncio.to_thread(self.lines.encrypt, values)

    async def stepped(
        self,
        ch: Channel,
        matrix: Matrix,
        residual: Encrypted,
        *,
        weights: Vector,
        size: int,
        epoch: int,
    ) -> Vector:
        """Weights after a batch: the gradient goes to the arbiter, a step comes back.

        Args:
            matrix: shape (r, d), the rows of the batch.
            residual: a line of r numbers.
            weights: shape (d,).
            size: how many of the rows count.

        Raises:
            UnfitLetter: the arbiter's step is no vector of d numbers.
        """
        gradient = await asyncio.to_thread(self.lines.mean_products, matrix, residual, size)
        pull = penalty_gradient(weights, self.p, intercept=self.intercept)
        await ch.arbiter.send("gradient", self.lines.told(gradient, pull))
        step: Vector = await ch.arbiter.receive("step")
        check_shape(step, weights.shape, "step", ch.arbiter.party)
        return updated(weights, step, self.p, epoch, intercept=self.intercept)

    async def at_rest(self, ch: Channel, before: Vector, weights: Vector) -> bool:
        """Whether the arbiter ends the model after this epoch."""
        if self.course.rule == "weight_diff":
            moved = weights - before
            await ch.arbiter.send("movement", np.array([moved @ moved, weights @ weights]))
        return bool(await ch.arbiter.receive("converged"))


@dataclass(slots=True)
class Ahead:
    """Makes randomness for ciphertexts while this party waits for others."""

    key: PublicKey
    _work: "asyncio.Task[None] | None" = None

    def start(self, count: int) -> None:
        """Make it for `count` ciphertexts, beside the event loop."""
        self._work = asyncio.create_task(asyncio.to_thread(self.key.prepare, count))

    async def done(self) -> None:
        """Wait until what was started is made."""
        if self._work is not None:
            await self._work
            self._work = None


@dataclass(slots=True)
class Keeper:
    """The weights to end with: the last ones, or the best where the guest stops early."""

    weights: Vector
    best: int = -1

    def take(self, weights: Vector, epoch: int, verdict: Verdict | None) -> None:
        """Keep the weights after an epoch, if they are the ones to end with so far."""
        if verdict is None or verdict.best:
            self.weights = weights
            self.best = self.best if verdict is None else epoch


def mean_product(matrix: Matrix, residual: Encrypted, size: int) -> Encrypted:
    """matrix^T residual / size.

    The division is exact: factors are scaled to 2^k / size, 2^k just above size, and the point of
    the sum is moved back by k bits, so that many rows do not cost precision.

    Args:
        matrix: shape (r, d).
        residual: shape (r,).

    Returns:
        Shape (d,).
    """
    bits = max(0, math.ceil(math.log2(size)))
    factors = np.ascontiguousarray(matrix.T) * (2.0**bits / size)
    return (factors @ residual).halved(bits)


async def check_same_ids(ch: Channel, rows: Rows) -> None:
    """Let the hosts compare the guest's ids with theirs, or compare them as a host.

    Raises:
        UnfitLetter: what the guest sent is no digest.
        IdsDiffer: a host has other ids.
    """
    if ch.me.role is GUEST:
        await ch.hosts.send("ids", rows.digest)
        return
    digest: bytes = await ch.guest.receive("ids")
    if len(digest) != len(rows.digest):
        raise UnfitLetter("ids", ch.guest.party)
    rows.check_digest(digest, str(ch.guest.party))


async def scored(ch: Channel, rows: Rows, weights: Matrix, *, intercept: bool) -> Matrix:
    """Scores of each row and model: those of all parties at the guest, its own at a host.

    Args:
        weights: shape (m, d), one model a line.

    Returns:
        Shape (n, m).

    Raises:
        UnfitLetter: a host's scores are not n x m numbers.
    """
    own: Matrix = rows.features @ (weights[:, :-1] if intercept else weights).T
    if intercept:
        own = own + weights[:, -1]
    if rows.offset is not None:
        own = own + rows.offset[:, np.newaxis]
    if ch.me.role is HOST:
        await ch.guest.send("scores", own)
        return own
    for host, share in zip(ch.hosts, await ch.hosts.gather("scores"), strict=True):
        check_shape(share, own.shape, "scores", host.party)
        own = own + share
    return own
