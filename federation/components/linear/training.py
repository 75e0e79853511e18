"""Train one vertical linear model: guest, hosts and arbiter go through epochs and batches together.

    host     u = share(w_h x)                       [u]          -> guest
    guest    d = sum(u) + part(w_g x + b, y)        [d]          -> host
    each     [X^T d / n + alpha w]                               -> arbiter
    arbiter  step = optimizer(all gradients)        step         -> each
    each     w <- w - step

The names in brackets are encrypted under the arbiter's key. Who learns what stands in the header of
the component. Source: FATE 1.x hetero_linear_model; Hardy et al. 2017.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from federation.channel import Channel
from federation.components.common.following import Following
from federation.components.component import Report
from federation.components.linear.batches import Batch, drawn_batch
from federation.components.linear.convergence import Convergence
from federation.components.linear.curvature import (
    Trail,
    bend_as_arbiter,
    bend_as_guest,
    bend_as_host,
    receive_batch,
)
from federation.components.linear.letters import (
    Course,
    Forward,
    HostBatch,
    Verdict,
    check_shape,
)
from federation.components.linear.link import MOST_GRADIENT, Diverged
from federation.components.linear.optimizers import Optimizer, make_optimizer, penalty_loss
from federation.components.linear.params import LinearModelParams
from federation.components.linear.parts import (
    Keeper,
    Lines,
    Side,
    Trained,
    lines_of,
    mean_product,
    scored,
)
from federation.components.linear.rows import Rows
from federation.crypto import Encrypted, PrivateKey
from federation.errors import ComputationProblem
from federation.tables.table import Vector

Progress = Callable[[int, Vector | None], None]
"""Told how many epochs are done, and the weights after them."""


@dataclass(frozen=True, slots=True)
class Followed:
    """What a guest measures of a model: rows and labels by stage.

    Attributes:
        labels: 0 and 1, or numbers, in the common order.
        mean: the prediction of a score.
    """

    rows: dict[str, Rows]
    labels: dict[str, Vector]
    following: Following
    report: Report
    mean: Callable[[Vector], Vector]


async def train_as_guest(
    ch: Channel,
    side: Side,
    labels: Vector,
    weights: Vector,
    *,
    start: int,
    batches: Sequence[Batch],
    followed: Followed,
    progress: Progress,
) -> Trained:
    """The guest's side of one model.

    Args:
        labels: shape (n,), as the side's link has them.
        weights: shape (d,), to start from.
        start: first epoch.
        batches: of every epoch; none where each epoch draws its own.
    """
    keeper, random = Keeper(weights), np.random.default_rng()
    course, done, converged = side.course, start, False
    trail = Trail(course.bends)
    for epoch in range(start, course.epochs):
        here, before = ch.scope("epoch", epoch), weights
        for number, batch in enumerate(batches or [drawn_batch(side.rows.count, side.p, random)]):
            there = here.scope("batch", number)
            if not batches:
                await there.hosts.send("batch", HostBatch(rows=batch.rows, size=batch.size))
            move = trail.moved(weights)
            weights = await _guest_batch(there, side, batch, weights, labels=labels, epoch=epoch)
            if move is not None:
                await bend_as_guest(there.scope("curvature"), side, move)
        converged = await side.at_rest(here, before, weights)
        verdict = await _measured(here, side, weights, followed, epoch)
        keeper.take(weights, epoch, verdict)
        done = epoch + 1
        progress(done, weights)
        if converged or (verdict and verdict.stop):
            break
    measured = followed.following.measured
    return Trained(keeper.weights, done, converged, keeper.best, measured=measured)


async def train_as_host(
    ch: Channel,
    side: Side,
    weights: Vector,
    *,
    start: int,
    batches: Sequence[HostBatch],
    stages: dict[str, Rows],
    progress: Progress,
) -> Trained:
    """A host's side of one model; arguments as the guest's."""
    keeper, course = Keeper(weights), side.course
    trail, done, converged = Trail(course.bends), start, False
    for epoch in range(start, course.epochs):
        here, before = ch.scope("epoch", epoch), weights
        for number in range(course.batches):
            there = here.scope("batch", number)
            batch = batches[number] if batches else await receive_batch(there, side.rows)
            move = trail.moved(weights)
            weights = await _host_batch(there, side, batch, weights, epoch)
            if move is not None:
                await bend_as_host(there.scope("curvature"), side, move)
        converged = await side.at_rest(here, before, weights)
        verdict = None
        if epoch in course.follows:
            for stage, rows in stages.items():
                await scored(here.scope(stage), rows, weights[np.newaxis], intercept=False)
            if course.stops_early:
                verdict = await here.guest.receive("verdict")
        keeper.take(weights, epoch, verdict)
        done = epoch + 1
        progress(done, weights)
        if converged or (verdict and verdict.stop):
            break
    return Trained(keeper.weights, done, converged, keeper.best)


async def train_as_arbiter(
    ch: Channel,
    p: LinearModelParams,
    course: Course,
    private: PrivateKey,
    *,
    start: int,
    metric: str,
    report: Report,
    progress: Progress,
) -> Trained:
    """The arbiter's side of one model: it decrypts gradients and says the steps.

    Args:
        metric: name of the loss among the metrics.
    """
    optimizer = make_optimizer(p, "sqn" if course.bends else p.optimizer)
    convergence = Convergence(course.rule, p.tol)
    losses: list[float] = []
    trail, best_loss, lines = Trail(course.bends), None, lines_of(private.public, course, p)
    done, converged, best = start, False, -1
    for epoch in range(start, course.epochs):
        here = ch.scope("epoch", epoch)
        found = []
        for number in range(course.batches):
            there = here.scope("batch", number)
            await _arbiter_batch(there, lines, private, optimizer, epoch)
            found.append(await _batch_loss(there, lines, private) if course.loss else 0.0)
            if trail.moved(optimizer.memory[0]) is not None:
                there = there.scope("curvature")
                await bend_as_arbiter(there, private, optimizer, p.sqn_param.memory_M)
        if course.loss:
            losses.append(float(np.mean(found)))
            report.metric(
                "train", metric, "LOSS", [(epoch, losses[-1])], unit_name="iters", curve_name="loss"
            )
        converged = await _rest(here, convergence, course, losses)
        verdict = None
        if course.stops_early and epoch in course.follows:
            verdict = await here.guest.receive("verdict")
            if verdict.best:
                best, best_loss = epoch, losses[-1] if losses else None
        done = epoch + 1
        progress(done, np.empty(0))
        if converged or (verdict and verdict.stop):
            break
    return Trained(np.empty(0), done, converged, best, tuple(losses), best_loss=best_loss)


async def _guest_batch(
    ch: Channel, side: Side, batch: Batch, weights: Vector, *, labels: Vector, epoch: int
) -> Vector:
    """The guest's weights after a batch."""
    link, matrix, y = side.link, side.matrix[batch.rows], labels[batch.rows]
    scores = matrix @ weights
    if side.rows.offset is not None:
        scores = scores + side.rows.offset[batch.rows]
    side.ahead.start(side.lines.length(len(y)))
    forwards: list[Forward] = await ch.hosts.gather("forward")
    for host, forward in zip(ch.hosts, forwards, strict=True):
        check_shape(forward.share, (side.lines.length(len(y)),), "forward", host.party)
    counts = _counts(side, batch)

    def residual() -> Encrypted:
        total = forwards[0].share
        for forward in forwards[1:]:
            total = total + forward.share
        if link.scale is not None:
            total = total * link.scale(scores)
        total = side.lines.plus(total, link.part(scores, y))
        return (total if counts is None else total * counts).refreshed()

    await side.ahead.done()
    d = await asyncio.to_thread(residual)
    await ch.hosts.send("residual", d)
    if side.course.loss:
        own = (
            link.constant(scores, y) if batch.real is None else link.constant(scores, y)[batch.real]
        )
        plain = float(np.mean(own)) + penalty_loss(weights, side.p, intercept=side.intercept)
        loss = await asyncio.to_thread(_with_host, forwards[0], side, scores, y, batch)
        await ch.arbiter.send("loss", side.lines.told(loss, np.array([plain])))
    return await side.stepped(ch, matrix, d, weights=weights, size=batch.size, epoch=epoch)


def _counts(side: Side, batch: Batch) -> np.ndarray | None:
    """What each row of a batch counts, shape (r,): 0 for cover; None where all count 1."""
    weight = side.rows.weight
    if weight is None:
        return None if batch.real is None else batch.real.astype(np.int64)
    counts = weight[batch.rows]
    return counts if batch.real is None else counts * batch.real


def _with_host(forward: Forward, side: Side, scores: Vector, y: Vector, batch: Batch) -> Encrypted:
    """The part of the loss that needs the host, shape (1,)."""
    link = side.link
    each = link.weigh is not None or batch.size < len(y)
    if forward.loss is None or forward.loss.shape != (len(y) + 1 if each else 1,):
        raise ComputationProblem("the host sent no part of the loss")
    real = np.ones(len(y)) if batch.real is None else batch.real.astype(np.float64)
    factor = (link.factor(scores, y) * real)[:, np.newaxis]
    cross = side.lines.mean_products(factor, forward.share, batch.size)
    if not each:
        return cross + side.lines.lifted(forward.loss)
    real = real if link.weigh is None else real * link.weigh(y)
    own = mean_product(real[:, np.newaxis], forward.loss[:-1], batch.size)
    return cross + own + forward.loss[-1:]


async def _host_batch(
    ch: Channel, side: Side, batch: HostBatch, weights: Vector, epoch: int
) -> Vector:
    """A host's weights after a batch."""
    link = side.link
    matrix = side.matrix if batch.rows is None else side.matrix[batch.rows]
    scores = matrix @ weights
    loss = None
    if side.course.loss:
        penalty = penalty_loss(weights, side.p, intercept=False)
        own, covered = link.own(scores), batch.size < len(scores)
        each = covered or link.weigh is not None
        terms = np.append(own, penalty) if each else np.array([np.mean(own) + penalty])
        loss = await side.encrypted(terms)
    share = await side.line(link.share(scores))
    await ch.guest.send("forward", Forward(share=share, loss=loss))
    if epoch + 1 < side.course.epochs:
        side.ahead.start(side.lines.length(len(scores)) + 1)
    d: Encrypted = await ch.guest.receive("residual")
    check_shape(d, (side.lines.length(len(scores)),), "residual", ch.guest.party)
    return await side.stepped(ch, matrix, d, weights=weights, size=batch.size, epoch=epoch)


async def _arbiter_batch(
    ch: Channel, lines: Lines, private: PrivateKey, optimizer: Optimizer, epoch: int
) -> None:
    """Decrypt the gradients, send the steps.

    Raises:
        Diverged: a gradient has grown beyond all bounds.
    """
    peers = [ch.guest, *ch.hosts]
    letters = await asyncio.gather(*(peer.receive("gradient") for peer in peers))
    parts = [await asyncio.to_thread(lines.opened, private, letter) for letter in letters]
    if not max(float(np.max(np.abs(part), initial=0.0)) for part in parts) < MOST_GRADIENT:
        raise Diverged
    steps = optimizer.step(np.concatenate(parts), epoch)
    start = 0
    for peer, part in zip(peers, parts, strict=True):
        await peer.send("step", steps[start : start + len(part)])
        start += len(part)


async def _batch_loss(ch: Channel, lines: Lines, private: PrivateKey) -> float:
    told: Encrypted = await ch.guest.receive("loss")
    check_shape(told, (1,), "loss", ch.guest.party)
    return float(lines.opened(private, told)[0])


async def _rest(
    ch: Channel, convergence: Convergence, course: Course, losses: Sequence[float]
) -> bool:
    """Whether training has come to rest, told to everyone."""
    peers = [ch.guest, *ch.hosts]
    if course.rule == "weight_diff":
        moves = await asyncio.gather(*(peer.receive("movement") for peer in peers))
        for peer, move in zip(peers, moves, strict=True):
            check_shape(move, (2,), "movement", peer.party)
        moved, length = np.sum(moves, axis=0)
        resting = convergence.by_movement(float(moved), float(length))
    else:
        resting = convergence.by_loss(losses[-1])
    for peer in peers:
        await peer.send("converged", resting)
    return resting


async def _measured(
    ch: Channel, side: Side, weights: Vector, followed: Followed, epoch: int
) -> Verdict | None:
    """Measure the model where the course says so, and tell the others what follows from it."""
    if epoch not in side.course.follows:
        return None
    following = followed.following
    for stage, rows in followed.rows.items():
        scores = await scored(ch.scope(stage), rows, weights[np.newaxis], intercept=side.intercept)
        following.measure(
            epoch, stage, followed.labels[stage], followed.mean(scores[:, 0]), followed.report
        )
    if not side.course.stops_early:
        return None
    verdict = Verdict(best=following.is_best, stop=following.is_stale)
    for peer in (ch.arbiter, *ch.hosts):
        await peer.send("verdict", verdict)
    return verdict
