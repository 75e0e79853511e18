"""From a gradient to a step, and from a step to new weights.

With g the gradient, t the epoch from 0, lr = lr0 / sqrt(1 + decay t) (or / (1 + decay t)):

    sgd       lr g
    rmsprop   m <- 0.99 m + 0.01 g^2                              lr g / sqrt(m + 1e-6)
    adagrad   s <- s + g^2                                        lr g / (sqrt(s) + 1e-7)
    adam      m <- 0.9 m + 0.1 g,  v <- 0.999 v + 0.001 g^2       lr m' / (sqrt(v') + 1e-8)
              m' = m / (1 - 0.9^k),  v' = v / (1 - 0.999^k), k steps so far
    nesterov  v' <- 0.9 v - lr g                                  0.9 v - 1.9 v'
    sqn       lr H g, H the inverse Hessian that the pairs (s, v) of curvature give by the two
              loops of L-BFGS, (s v / v v) I before them; lr g while there is no pair

New weights are w - step; under L1 then pulled towards 0 by alpha lr0 / sqrt(t + 1), the intercept
not. FATE divides by sqrt(t), which has no value in its first epoch.
Source: FATE 1.x federatedml.optim.optimizer; Byrd et al. 2016, algorithm 2.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from federation.components.linear.params import LinearModelParams
from federation.tables.table import Vector

LEAST_BEND = 1e-8
"""Cosine between s and v below which a pair says nothing but noise."""


@dataclass(slots=True)
class Optimizer:
    """A rule for steps and what it remembers of earlier gradients.

    Attributes:
        rule: gives the step from memory, gradient and learning rate.
        rate: the learning rate of an epoch.
        memory: two vectors as long as the gradient, zero at first.
        steps: how many were made.
        pairs: of a way s and how the gradient changed along it, the latest last; for sqn.
    """

    rule: Callable[["Optimizer", Vector, float], Vector]
    rate: Callable[[int], float]
    memory: list[Vector] = field(default_factory=list)
    steps: int = 0
    pairs: list[tuple[Vector, Vector]] = field(default_factory=list)

    def bend(self, s: Vector, v: Vector, most: int) -> None:
        """Remember a pair, if the loss bends upwards along it; and at most the last `most`."""
        if bends(float(s @ v), float(s @ s), float(v @ v)):
            self.pairs = [*self.pairs, (s, v)][-most:]

    def step(self, gradient: Vector, epoch: int) -> Vector:
        """What is to be taken off the weights; shape as the gradient.

        Args:
            gradient: shape (d,), d the same in every call.
            epoch: from 0.
        """
        if not self.memory:
            self.memory = [np.zeros_like(gradient), np.zeros_like(gradient)]
        self.steps += 1
        return self.rule(self, gradient, self.rate(epoch))


def bends(along: float, way: float, change: float) -> bool:
    """Whether the loss bends upwards, by s v, s s and v v."""
    return along > LEAST_BEND * math.sqrt(way * change)


def make_optimizer(p: LinearModelParams, name: str | None = None) -> Optimizer:
    """The optimizer of that name, or that the parameters name, with nothing remembered yet."""
    return Optimizer(_RULES[name or p.optimizer], lambda epoch: learning_rate(p, epoch))


def learning_rate(p: LinearModelParams, epoch: int) -> float:
    """Step size of an epoch, counted from 0."""
    fallen = 1 + p.decay * epoch
    return float(p.learning_rate / (np.sqrt(fallen) if p.decay_sqrt else fallen))


def updated(
    weights: Vector, step: Vector, p: LinearModelParams, epoch: int, *, intercept: bool
) -> Vector:
    """Weights after a step.

    Args:
        weights: shape (d,), the intercept last if there is one.
        step: shape (d,).
        epoch: from 0.
    """
    moved = weights - step
    if p.penalty != "L1":
        return moved
    pull = p.alpha * p.learning_rate / np.sqrt(epoch + 1)
    drawn: Vector = np.sign(moved) * np.maximum(0.0, np.abs(moved) - pull)
    if intercept:
        drawn[-1] = moved[-1]
    return drawn


def penalty_gradient(weights: Vector, p: LinearModelParams, *, intercept: bool) -> Vector:
    """What L2 adds to the gradient: alpha w, nothing for the intercept; shape (d,)."""
    if p.penalty != "L2":
        return np.zeros_like(weights)
    pull: Vector = p.alpha * weights
    if intercept:
        pull[-1] = 0.0
    return pull


def penalty_loss(weights: Vector, p: LinearModelParams, *, intercept: bool) -> float:
    """What the penalty adds to the loss: alpha/2 |w|^2 or alpha |w|_1, without the intercept."""
    own = weights[:-1] if intercept else weights
    if p.penalty == "L2":
        return float(p.alpha / 2 * (own @ own))
    return float(p.alpha * np.abs(own).sum()) if p.penalty == "L1" else 0.0


def first_weights(width: int, p: LinearModelParams, *, intercept: bool) -> Vector:
    """Weights before the first epoch for own columns and, at the guest, the intercept; last."""
    count = width + intercept
    init = p.init_param
    if init.init_method == "zeros":
        return np.zeros(count)
    if init.init_method in ("ones", "const"):
        return np.full(count, 1.0 if init.init_method == "ones" else float(init.init_const))
    draw = np.random.RandomState(init.random_seed)
    random = draw.rand if init.init_method == "random_uniform" else draw.randn
    return np.asarray(random(count), dtype=np.float64)


def _sgd(_: Optimizer, g: Vector, lr: float) -> Vector:
    return lr * g


def _rmsprop(o: Optimizer, g: Vector, lr: float) -> Vector:
    o.memory[0] = 0.99 * o.memory[0] + 0.01 * g**2
    return np.asarray(lr * g / np.sqrt(o.memory[0] + 1e-6))


def _adagrad(o: Optimizer, g: Vector, lr: float) -> Vector:
    o.memory[0] = o.memory[0] + g**2
    return np.asarray(lr * g / (np.sqrt(o.memory[0]) + 1e-7))


def _adam(o: Optimizer, g: Vector, lr: float) -> Vector:
    o.memory[0] = 0.9 * o.memory[0] + 0.1 * g
    o.memory[1] = 0.999 * o.memory[1] + 0.001 * g**2
    mean = o.memory[0] / (1 - 0.9**o.steps)
    square = o.memory[1] / (1 - 0.999**o.steps)
    return np.asarray(lr * mean / (np.sqrt(square) + 1e-8))


def _nesterov(o: Optimizer, g: Vector, lr: float) -> Vector:
    before = o.memory[0]
    o.memory[0] = 0.9 * before - lr * g
    return np.asarray(0.9 * before - 1.9 * o.memory[0])


def _sqn(o: Optimizer, g: Vector, lr: float) -> Vector:
    return lr * straightened(g, o.pairs, lambda one, other: float(one @ other))


def straightened(
    g: Vector, pairs: Sequence[tuple[Vector, Vector]], dot: Callable[[Vector, Vector], float]
) -> Vector:
    """H g, by the two loops of L-BFGS; g where there is no pair.

    Args:
        dot: the product of two vectors; another than theirs where they stand for longer ones.
    """
    if not pairs:
        return g
    r, taken = g, []
    for s, v in reversed(pairs):
        taken.append(dot(s, r) / dot(s, v))
        r = r - taken[-1] * v
    s, v = pairs[-1]
    r = dot(s, v) / dot(v, v) * r
    for (s, v), a in zip(pairs, reversed(taken), strict=True):
        r = r + (a - dot(v, r) / dot(s, v)) * s
    return np.asarray(r)


_RULES: dict[str, Callable[[Optimizer, Vector, float], Vector]] = {
    "sgd": _sgd,
    "rmsprop": _rmsprop,
    "adagrad": _adagrad,
    "adam": _adam,
    "nesterov_momentum_sgd": _nesterov,
    "sqn": _sqn,
}
