"""Train one horizontal logistic model: parties learn on their own rows, the arbiter averages.

    party    w_i <- some epochs of its own rows, from w
    party    n_i w_i, n_i            behind masks       -> arbiter
    arbiter  w = sum n_i w_i / sum n_i                  -> each
    party    n_i loss_i(w)           behind masks       -> arbiter
    arbiter  whether training has come to rest          -> each

Who learns what stands in the header of the component. Source: McMahan et al. 2017, Algorithm 1.
"""

import asyncio
from dataclasses import dataclass

import numpy as np

from federation.channel import Channel
from federation.components.common.following import Following
from federation.components.common.unfit import UnfitLetter
from federation.components.component import Report
from federation.components.linear.batches import Indices, cut
from federation.components.linear.convergence import LOSS_RULES, Convergence
from federation.components.linear.curvature import Move, Trail
from federation.components.linear.homo_helper import Helper
from federation.components.linear.homo_letters import Rounds
from federation.components.linear.letters import Verdict, check_shape
from federation.components.linear.link import sigmoid
from federation.components.linear.optimizers import (
    Optimizer,
    make_optimizer,
    penalty_gradient,
    penalty_loss,
    updated,
)
from federation.components.linear.params import HomoLogisticParams
from federation.components.linear.parts import Keeper, Trained
from federation.components.linear.rows import Rows
from federation.components.linear.training import Progress
from federation.protocols.lasting_sum import Judge, Member, add, total
from federation.spec.party import GUEST
from federation.tables.table import Matrix, Vector


@dataclass(frozen=True, slots=True)
class Local:
    """What one party learns from.

    Attributes:
        matrix: shape (n, d): features and, with an intercept, a last column of ones.
        batches: the rows of each, in the order of the party's table.
    """

    rows: Rows
    matrix: Matrix
    batches: list[Indices]
    intercept: bool
    p: HomoLogisticParams

    @classmethod
    def of(cls, rows: Rows, p: HomoLogisticParams, *, intercept: bool) -> "Local":
        """What a party with those rows learns from."""
        ones = np.ones((rows.count, int(intercept)))
        batches = cut(rows.ranks, p.batch_size, 1)
        return cls(rows, np.hstack([rows.features, ones]), batches, intercept, p)

    def passed(
        self, weights: Vector, common: Vector, signs: Vector, steps: "LocalSteps", epoch: int
    ) -> Vector:
        """Weights after one epoch of own rows.

        Args:
            common: shape (d,), the average that the proximal term pulls to.
            signs: shape (n,), 1 for the class and -1 for the rest.
            epoch: from 0.
        """
        counts = self.rows.weight
        for batch in self.batches:
            matrix, y = self.matrix[batch], signs[batch]
            d = -y * sigmoid(-y * (matrix @ weights))
            if counts is not None:
                d = d * counts[batch]
            gradient = matrix.T @ d / len(batch)
            gradient += penalty_gradient(weights, self.p, intercept=self.intercept)
            if self.p.use_proximal:
                gradient += self.p.mu * (weights - common)
            step, move = steps.optimizer.step(gradient, epoch), steps.trail.moved(weights)
            weights = updated(weights, step, self.p, epoch, intercept=self.intercept)
            if move is not None:
                most = self.p.sqn_param.memory_M
                steps.optimizer.bend(move.way, self.bent(move), most)
        return weights

    def bent(self, move: Move) -> Vector:
        """How the gradient of drawn rows changes along a way of the weights, shape (d,)."""
        matrix, counts = self.matrix, self.rows.weight
        if self.p.sqn_param.sample_size < len(matrix):
            drawn = np.random.default_rng().permutation(len(matrix))
            taken = drawn[: self.p.sqn_param.sample_size]
            matrix, counts = matrix[taken], None if counts is None else counts[taken]
        chances = sigmoid(matrix @ move.at)
        d = chances * (1.0 - chances) * (matrix @ move.way)
        if counts is not None:
            d = d * counts
        change = matrix.T @ d / len(matrix)
        change += penalty_gradient(move.way, self.p, intercept=self.intercept)
        return change + self.p.mu * move.way if self.p.use_proximal else change

    def loss(self, weights: Vector, signs: Vector) -> float:
        """Mean of ln(1 + exp(-y s)) over own rows, and the penalty."""
        own = float(np.mean(np.logaddexp(0.0, -signs * (self.matrix @ weights))))
        return own + penalty_loss(weights, self.p, intercept=self.intercept)


@dataclass(frozen=True, slots=True)
class LocalSteps:
    """How a party steps by itself.

    Attributes:
        trail: of its weights, for sqn.
    """

    optimizer: Optimizer
    trail: Trail

    @classmethod
    def of(cls, p: HomoLogisticParams) -> "LocalSteps":
        """As the parameters say, with nothing remembered yet."""
        every = p.sqn_param.update_interval_L if p.optimizer == "sqn" else 0
        return cls(make_optimizer(p), Trail(every))


@dataclass(frozen=True, slots=True)
class Watched:
    """What a party measures of a model, by stage.

    Attributes:
        follows: epochs after which this party does.
        marks: shape (n,), 1 for the class and 0 for the rest.
    """

    follows: frozenset[int]
    rows: dict[str, Rows]
    marks: dict[str, Vector]
    following: Following
    report: Report

    def measure(self, epoch: int, weights: Vector, *, intercept: bool) -> None:
        """Measure the weights after an epoch."""
        for stage, rows in self.rows.items():
            chances = sigmoid(scores_of(rows, weights[np.newaxis], intercept=intercept)[:, 0])
            self.following.measure(epoch, stage, self.marks[stage], chances, self.report)


async def train_as_client(
    ch: Channel,
    local: Local,
    rounds: Rounds,
    member: Member,
    *,
    signs: Vector,
    weights: Vector,
    start: int,
    watched: Watched,
    progress: Progress,
) -> Trained:
    """The guest's or a host's side of one model.

    Args:
        signs: shape (n,), 1 for the class and -1 for the rest.
        weights: shape (d,), to start from.
        start: first epoch.
    """
    steps, keeper = LocalSteps.of(local.p), Keeper(weights)
    common, done, converged = weights, start, False
    for epoch in range(start, rounds.epochs):
        here = ch.scope("epoch", epoch)
        weights = await asyncio.to_thread(local.passed, weights, common, signs, steps, epoch)
        if rounds.is_round(epoch):
            common = weights = await _averaged(here, local, member, weights)
            loss = _weighed(local, [local.loss(weights, signs), 1.0])
            await add(here.scope("loss"), member, loss)
            converged = bool(await here.arbiter.receive("converged"))
        if epoch in watched.follows:
            watched.measure(epoch, weights, intercept=local.intercept)
        verdict = await verdict_of(here, rounds, watched, epoch)
        if rounds.is_round(epoch):
            keeper.take(weights, epoch, verdict)
        done = epoch + 1
        progress(done, weights if rounds.is_round(epoch) else None)
        if converged or (verdict and verdict.stop):
            break
    measured = watched.following.measured
    return Trained(keeper.weights, done, converged, keeper.best, measured=measured)


async def train_as_arbiter(
    ch: Channel,
    p: HomoLogisticParams,
    rounds: Rounds,
    state: Judge,
    *,
    helper: Helper,
    start: int,
    metric: str,
    report: Report,
    progress: Progress,
) -> Trained:
    """The arbiter's side of one model: it averages, and says when training has come to rest.

    Args:
        helper: of hosts that work on ciphertexts.
        metric: name of the loss among the metrics.

    Raises:
        UnfitLetter: the parties say that together they have no rows.
    """
    convergence, before = Convergence(rounds.rule, p.tol), None
    losses: list[float] = []
    best_loss: float | None = None
    done, converged, best = start, False, -1
    for epoch in range(start, rounds.epochs):
        here = ch.scope("epoch", epoch)
        await helper.renew(here, is_round=rounds.is_round(epoch))
        if rounds.is_round(epoch):
            mean = await _averages(here.scope("weights"), state, rounds.width, sealed=True)
            for peer in (here.guest, *here.hosts):
                if peer.party not in state.hidden:
                    await peer.send("average", mean)
            await helper.average(here, mean)
            losses.append(float((await _averages(here.scope("loss"), state, 1))[0]))
            report.metric(
                "train", metric, "LOSS", [(epoch, losses[-1])], unit_name="iters", curve_name="loss"
            )
            converged = _rests(convergence, losses[-1], mean, before)
            before = mean
            for peer in (here.guest, *here.hosts):
                await peer.send("converged", converged)
        verdict = None
        if rounds.stops_early and epoch in rounds.follows and rounds.is_round(epoch):
            verdict = await here.guest.receive("verdict")
            best, best_loss = (epoch, losses[-1]) if verdict.best else (best, best_loss)
        done = epoch + 1
        progress(done, np.empty(0) if rounds.is_round(epoch) else None)
        if converged or (verdict and verdict.stop):
            break
    return Trained(np.empty(0), done, converged, best, tuple(losses), best_loss=best_loss)


def scores_of(rows: Rows, weights: Matrix, *, intercept: bool) -> Matrix:
    """Scores of each row and model, shape (n, m).

    Args:
        weights: shape (m, d), one model a line.
    """
    if not intercept:
        return np.asarray(rows.features @ weights.T)
    return np.asarray(rows.features @ weights[:, :-1].T + weights[:, -1])


async def _averaged(ch: Channel, local: Local, member: Member, weights: Vector) -> Vector:
    await add(ch.scope("weights"), member, _weighed(local, [*weights, 1.0]))
    mean: Vector = await ch.arbiter.receive("average")
    check_shape(mean, weights.shape, "average", ch.arbiter.party)
    return mean


def _weighed(local: Local, values: "list[float]") -> Vector:
    """Values as this party adds them: as often as it has rows."""
    return np.asarray(values) * local.rows.count


async def _averages(ch: Channel, state: Judge, count: int, *, sealed: bool = False) -> Vector:
    """Averages over the rows of all who have not left, shape (count,).

    Raises:
        UnfitLetter: together they say they have no rows.
    """
    summed = await total(ch, state, count + 1, sealed=sealed)
    if not summed[-1] >= 1:
        raise UnfitLetter("masked", ch.guest.party)
    return np.asarray(summed[:-1] / summed[-1])


def _rests(convergence: Convergence, loss: float, mean: Vector, before: Vector | None) -> bool:
    if convergence.rule in LOSS_RULES:
        return convergence.by_loss(loss)
    if before is None:
        return False
    moved = mean - before
    return convergence.by_movement(float(moved @ moved), float(mean @ mean))


async def verdict_of(ch: Channel, rounds: Rounds, watched: Watched, epoch: int) -> Verdict | None:
    """What the guest concludes from measuring an averaged model, told to everyone."""
    if not (rounds.stops_early and epoch in rounds.follows and rounds.is_round(epoch)):
        return None
    if ch.me.role is not GUEST:
        received: Verdict = await ch.guest.receive("verdict")
        return received
    following = watched.following
    verdict = Verdict(best=following.is_best, stop=following.is_stale)
    for peer in (ch.arbiter, *ch.hosts):
        await peer.send("verdict", verdict)
    return verdict
