"""Stepwise search: which features a model is better off with, by an information criterion.

From a set of features, every set that has one more (forward) or one less (backward) is tried; the
best of them is gone on from if it is better than before. With k fitted numbers, n rows and -2 ln L
of the fitted model:

    AIC = -2 ln L + 2 k            BIC = -2 ln L + k ln n

Forward starts from no feature, backward and both from all; sets with fewer than nvmin or more than
nvmax features are stepped out of, whatever that does to the criterion. Local; how a set of
features is tried is the component's. Source: FATE 1.x stepwise; Akaike 1974; Schwarz 1978.
"""

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from federation.components.common.training import StepwiseParam

Features = frozenset[tuple[int, int]]
"""Features as (party, column)."""

Score = Callable[[Features], Awaitable[float]]
"""Trains a model of these features, and gives its criterion; less is better."""


@dataclass(frozen=True, slots=True)
class Found:
    """Where a search ended.

    Attributes:
        scores: of each step's best set, that of the start first.
    """

    features: Features
    scores: tuple[float, ...]


def criterion(p: StepwiseParam, deviance: float, *, rows: int, fitted: int) -> float:
    """AIC or BIC.

    Args:
        deviance: -2 ln L, up to a constant of the rows.
        fitted: how many numbers were fitted.
    """
    return deviance + fitted * (2.0 if p.score_name == "AIC" else math.log(rows))


async def search(p: StepwiseParam, every: Features, score: Score) -> Found:
    """The best set of features that steps lead to."""
    features: Features = frozenset() if p.direction == "forward" else every
    tried: dict[Features, float] = {}

    async def scored(candidate: Features) -> float:
        if candidate not in tried:
            tried[candidate] = await score(candidate)
        return tried[candidate]

    best = math.inf if _is_out(p, features) else await scored(features)
    scores = [best]
    for _ in range(p.max_step):
        near = {candidate: await scored(candidate) for candidate in _changes(p, features, every)}
        if not near:
            break
        nearest = min(near, key=lambda candidate: (near[candidate], sorted(candidate)))
        if near[nearest] >= best and not _is_out(p, features):
            break
        features, best = nearest, near[nearest]
        scores.append(best)
    if features not in tried:
        scores = [await scored(features)]
    return Found(features, tuple(scores))


def _is_out(p: StepwiseParam, features: Features) -> bool:
    """Whether there are too few or too many features to end with."""
    return len(features) < p.nvmin or (p.nvmax is not None and len(features) > p.nvmax)


def _changes(p: StepwiseParam, features: Features, every: Features) -> list[Features]:
    """Sets that are one feature away, and not further from the bounds."""
    changes: list[Features] = []
    if p.direction != "backward" and (p.nvmax is None or len(features) < p.nvmax):
        changes += [features | {one} for one in sorted(every - features)]
    if p.direction != "forward" and len(features) > p.nvmin:
        changes += [features - {one} for one in sorted(features)]
    return changes
