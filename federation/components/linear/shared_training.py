"""Train one vertical linear model without an arbiter: all that could tell of rows is in two shares.

Guest and host hold shares (ring_shares) of every weight; <v> is a vector in shares, A <v> a product
of shared_products. With t the target of a row, y / 2 for logistic and y for linear regression:

    <s> = X_g <w_g> + X_h <w_h>                 <d> = <s> / 2^k - t        (k = 2, or 0)
    <g_g> = X_g^T <d> / n                       <g_h> = X_h^T <d> / n
    <w> <- <w> - lr (<g> + alpha <w>)           loss = a + b |<d>|^2 / n + alpha / 2 |<w>|^2

The loss, and nothing else, is put together at the guest. Under `reveals` each party sees its own
gradient after every step, and so its own weights, and steps with any optimizer by itself; sqn is in
shared_curvature.
Who learns what stands in the header of the component.
Source: FATE 1.7 hetero_sshe_linear_model; Chen et al. 2021.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np

from federation.channel import Channel
from federation.components.linear.convergence import LOSS_RULES, Convergence
from federation.components.linear.curvature import Trail
from federation.components.linear.letters import HostBatch, Verdict, check_shape
from federation.components.linear.link import Diverged
from federation.components.linear.optimizers import make_optimizer, penalty_loss
from federation.components.linear.shared_curvature import NewtonSteps
from federation.components.linear.shared_parts import (
    DATA_BITS,
    WEIGHT_BITS,
    SharedSide,
    SharedTrained,
    Weights,
    in_order,
)
from federation.components.linear.shared_slopes import Indices, scores_of, slopes_of
from federation.components.linear.shared_steps import AloneSteps, Clear, Cut, SharedSteps, Steps
from federation.components.linear.training import Followed
from federation.crypto import Encrypted
from federation.protocols.ring_shares import MODULUS, Ring, decoded, drawn, encoded
from federation.protocols.shared_products import seen, show, square, squared
from federation.tables.table import Vector

_MOST_LOSS = 1e15

Told = Callable[[int, float | None, Vector | None], None]
"""Hears which epoch is done, at the guest its loss, and the own weights where they are known."""


async def train_shared(
    ch: Channel,
    side: SharedSide,
    first: Vector,
    *,
    start: int,
    batches: Sequence[HostBatch],
    target: Vector | None,
    followed: Followed | None,
    told: Told,
) -> SharedTrained:
    """One party's side of one model.

    Args:
        first: shape (d,), its own weights to start from.
        start: first epoch.
        batches: of every epoch.
        target: t of each row, shape (n,), at the guest.
        followed: what the guest measures.
        told: hears of every epoch.

    Raises:
        Diverged: the loss has grown beyond all bounds.
    """
    course, steps = side.course, _steps(side)
    convergence = Convergence(course.rule, side.p.tol)
    weights = await _cut(ch.scope("start"), side, first)
    kept, best, best_loss, losses = weights, -1, None, list[float]()
    done, converged = start, False
    for epoch in range(start, course.epochs):
        here, before, found = ch.scope("epoch", epoch), weights, []
        for number, batch in enumerate(batches):
            there = here.scope("batch", number)
            weights, loss = await _batch(
                there,
                side,
                weights,
                side.rows_of(batch),
                target=target,
                steps=steps,
                epoch=epoch,
            )
            found.append(loss)
        if side.duo.first:
            losses.append(_bounded(float(np.mean(found))))
        converged = await _rests(here, side, convergence, losses, before=before, weights=weights)
        verdict = await _verdict(here, side, weights, followed, epoch)
        if verdict is None or verdict.best:
            kept, best = weights, best if verdict is None else epoch
            best_loss = losses[-1] if losses and verdict else best_loss
        done = epoch + 1
        told(epoch, losses[-1] if losses else None, weights.clear)
        if converged or (verdict and verdict.stop):
            break
    measured = followed.following.measured if followed else {}
    return SharedTrained(kept, done, converged, best, tuple(losses), best_loss, measured)


async def revealed(ch: Channel, side: SharedSide, weights: Weights) -> Vector:
    """The own weights, once the other party has shown its share; it gets its own likewise."""
    if weights.clear is not None:
        return weights.clear
    await show(ch, side.duo, weights.others)
    return decoded(await seen(ch, side.duo, weights.own), WEIGHT_BITS)


async def _cut(ch: Channel, side: SharedSide, first: Vector) -> Weights:
    """The weights to start from, in shares where they are not revealed anyway."""
    nothing = np.zeros(side.others, dtype=object)
    if side.terms.reveals:
        return Weights(np.zeros(len(first), dtype=object), nothing, first)
    given = drawn(len(first))
    await show(ch, side.duo, given)
    others = await seen(ch, side.duo, nothing)
    return Weights((encoded(first, WEIGHT_BITS) - given) % MODULUS, others)


async def _batch(
    ch: Channel,
    side: SharedSide,
    weights: Weights,
    rows: Indices,
    *,
    target: Vector | None,
    steps: Steps,
    epoch: int,
) -> tuple[Weights, float]:
    """The weights after a batch; and at the guest its loss."""
    d = await scores_of(ch.scope("scores"), side, side.matrix[rows], weights)
    if target is not None:
        d = (d - encoded(target[rows], side.score_bits)) % MODULUS
    slopes = await slopes_of(ch, side, rows, d)
    there = ch.scope("loss")
    loss = await _loss(there, side, d, slopes.operand, weights, bits=2 * side.score_bits)
    return await steps(ch, weights, slopes, epoch), loss


def _steps(side: SharedSide) -> Steps:
    """How the weights step."""
    space = Clear(side) if side.terms.reveals else Cut(side)
    if side.course.bends:
        return NewtonSteps(side, space, Trail(side.course.bends))
    if isinstance(space, Clear):
        return AloneSteps(space, make_optimizer(side.p))
    return SharedSteps(space)


async def _loss(
    ch: Channel, side: SharedSide, d: Ring, operand: Encrypted, weights: Weights, *, bits: int
) -> float:
    """The loss of a batch, at the guest; the host gives its share."""
    duo, size, b = side.duo, len(d), side.link.b
    if duo.first:
        share = await square(ch, duo, d, operand)
    else:
        share = await squared(ch, duo, d, is_known=True)
    if weights.clear is not None:
        own = penalty_loss(weights.clear, side.p, intercept=side.intercept)
        share = share + encoded(np.array([own * size / b]), bits)
    elif side.terms.norm:
        factor = round(math.ldexp(side.p.alpha / 2 * size / b, bits - 2 * WEIGHT_BITS))
        free = in_order(side, weights, without_intercept=True)
        there = ch.scope("norm")
        norm = await (square(there, duo, free) if duo.first else squared(there, duo, free))
        share = share + norm * factor
    if not duo.first:
        await show(ch, duo, share % MODULUS)
        return 0.0
    total = decoded(await seen(ch, duo, share % MODULUS), bits)[0]
    return float(side.link.a + b * total / size)


def _bounded(loss: float) -> float:
    """The loss, if it is one."""
    if not abs(loss) < _MOST_LOSS:
        raise Diverged
    return loss


async def _rests(
    ch: Channel,
    side: SharedSide,
    convergence: Convergence,
    losses: Sequence[float],
    *,
    before: Weights,
    weights: Weights,
) -> bool:
    """Whether training has come to rest, as the guest finds and tells."""
    duo, by_loss = side.duo, convergence.rule in LOSS_RULES
    lengths = np.zeros(2) if by_loss else await _movement(ch, side, before, weights)
    if not duo.first:
        return bool(await ch.guest.receive("converged"))
    if by_loss:
        resting = convergence.by_loss(losses[-1])
    else:
        resting = convergence.by_movement(float(lengths[0]), float(lengths[1]))
    await ch.hosts.send("converged", resting)
    return resting


async def _movement(ch: Channel, side: SharedSide, before: Weights, weights: Weights) -> Vector:
    """|w - w_before|^2 and |w|^2 over the weights of both parties, at the guest."""
    duo = side.duo
    if weights.clear is not None and before.clear is not None:
        moved = weights.clear - before.clear
        own = np.array([moved @ moved, weights.clear @ weights.clear])
        if not duo.first:
            await ch.guest.send("movement", own)
            return own
        (theirs,) = await ch.hosts.gather("movement")
        check_shape(theirs, (2,), "movement", duo.other)
        return np.asarray(own + theirs)
    now = in_order(side, weights, without_intercept=False)
    moved = (now - in_order(side, before, without_intercept=False)) % MODULUS
    shares = []
    for name, vector in (("moved", moved), ("length", now)):
        there = ch.scope(name)
        shares.append(await (square if duo.first else squared)(there, duo, vector))
    share = np.concatenate(shares)
    if not duo.first:
        await show(ch, duo, share)
        return np.zeros(2)
    return decoded(await seen(ch, duo, share), 2 * WEIGHT_BITS)


async def _verdict(
    ch: Channel, side: SharedSide, weights: Weights, followed: Followed | None, epoch: int
) -> Verdict | None:
    """Score the rows that are followed, and let the guest conclude from their metrics."""
    if epoch not in side.course.follows:
        return None
    for stage, matrix in side.stages.items():
        there = ch.scope(stage)
        share = await scores_of(there, side, matrix, weights)
        if followed is None:
            await show(there, side.duo, share)
            continue
        scores = decoded(await seen(there, side.duo, share), WEIGHT_BITS + DATA_BITS)
        means = followed.mean(scores)
        followed.following.measure(epoch, stage, followed.labels[stage], means, followed.report)
    if not side.course.stops_early:
        return None
    if followed is None:
        received: Verdict = await ch.guest.receive("verdict")
        return received
    verdict = Verdict(best=followed.following.is_best, stop=followed.following.is_stale)
    await ch.hosts.send("verdict", verdict)
    return verdict
