"""Rows split by column over a guest and hosts, and the recurrence in the clear."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from federation.spec.party import ARBITER, GUEST, HOST, Party
from federation.tables import Table
from federation.tables.table import Matrix, Vector

GUEST_SEAT, ARBITER_SEAT = Party(GUEST, "9999"), Party(ARBITER, "10002")
HOST_SEATS = (Party(HOST, "10000"), Party(HOST, "10001"))
QUIET = {"init_param": {"init_method": "zeros"}, "tol": 0.0, "shuffle": False}


@dataclass
class Split:
    """Rows of one guest and some hosts, whose tables each have an order of their own.

    Attributes:
        guest: shape (n, a), in the guest's order; hosts likewise.
    """

    label: Vector
    guest: Matrix
    hosts: list[Matrix]

    @classmethod
    def drawn(cls, rows: int, widths: Sequence[int], classes: int = 2, seed: int = 1) -> "Split":
        draw = np.random.default_rng(seed)
        own, *others = [draw.normal(size=(rows, width)) for width in widths]
        score = sum(part.sum(axis=1) for part in (own, *others)) + draw.normal(size=rows)
        label = np.searchsorted(np.quantile(score, np.arange(1, classes) / classes), score)
        return cls(label.astype(float), own, others)

    def ids(self) -> list[str]:
        return [f"r{(7 * row + 3) % len(self.label):03d}" for row in range(len(self.label))]

    def guest_table(self, label: Vector | None = None) -> Table:
        names = [f"g{i}" for i in range(self.guest.shape[1])]
        given = self.label if label is None else label
        return Table.instances(self.ids(), self.guest, names, label=given)

    def unlabelled(self) -> Table:
        names = [f"g{i}" for i in range(self.guest.shape[1])]
        return Table.instances(self.ids(), self.guest, names)

    def host_table(self, number: int) -> Table:
        part = self.hosts[number]
        table = Table.instances(self.ids(), part, [f"h{i}" for i in range(part.shape[1])])
        return table.take(np.random.default_rng(number).permutation(len(part)))

    def ports(self, slot: str = "train_data", **more: Any) -> dict[Party, dict[str, Any]]:
        """A table in `slot` for each party but the arbiter; `more` of the arbiter's ports."""
        hosts = {
            seat: {slot: self.host_table(i)} for i, seat in enumerate(HOST_SEATS[: len(self.hosts)])
        }
        return {GUEST_SEAT: {slot: self.guest_table()}, **hosts, ARBITER_SEAT: more}

    @property
    def pooled(self) -> Matrix:
        """All columns: the guest's, the intercept's ones, the hosts'."""
        return np.hstack([self.guest, np.ones((len(self.label), 1)), *self.hosts])


@dataclass
class Clear:
    """What the recurrence gives on pooled rows."""

    weights: Vector
    losses: list[float]


def residual_and_loss(kind: str, s: Vector, y: Vector) -> tuple[Vector, float]:
    if kind == "linear":
        return s - y, float(np.mean((s - y) ** 2) / 2)
    if kind == "poisson":
        return np.exp(s) - y, float(np.mean(np.exp(s) - y * s))
    return 0.25 * s - 0.5 * y, float(np.log(2) + np.mean(-y * s / 2 + s**2 / 8))


def in_the_clear(
    split: Split,
    *,
    epochs: int,
    optimizer: str = "rmsprop",
    penalty: str = "L2",
    alpha: float = 0.1,
    rate: float = 0.15,
    decay: float = 1.0,
    decay_sqrt: bool = True,
    batches: Sequence[np.ndarray] | None = None,
    label: Vector | None = None,
    start: Vector | None = None,
    first_epoch: int = 0,
    kind: str = "logistic",
    exposure: Vector | None = None,
) -> Clear:
    """A linear model on all columns, written down from its definition.

    Args:
        label: 0 and 1, or numbers; the split's by default.
        kind: `logistic` (Taylor-1), `linear` or `poisson`.
        exposure: of each row, for poisson.
    """
    X, spot = split.pooled, split.guest.shape[1]
    y = split.label if label is None else label
    if kind == "logistic":
        y = 2 * y - 1
    offset = np.zeros(len(y)) if exposure is None else np.log(exposure)
    w = np.zeros(X.shape[1]) if start is None else start.copy()
    free = np.ones_like(w)
    free[spot] = 0
    m, v, k, losses = np.zeros_like(w), np.zeros_like(w), 0, []
    for t in range(first_epoch, epochs):
        lr = rate / (np.sqrt(1 + decay * t) if decay_sqrt else 1 + decay * t)
        seen = []
        for rows in batches or [np.arange(len(y))]:
            k += 1
            s = X[rows] @ w + offset[rows]
            d, loss = residual_and_loss(kind, s, y[rows])
            norm = {
                "L2": alpha / 2 * np.sum((free * w) ** 2),
                "L1": alpha * np.sum(np.abs(free * w)),
                "NONE": 0.0,
            }[penalty]
            seen.append(loss + norm)
            g = X[rows].T @ d / len(rows)
            if penalty == "L2":
                g = g + alpha * free * w
            if optimizer == "sgd":
                step = lr * g
            elif optimizer == "rmsprop":
                m = 0.99 * m + 0.01 * g * g
                step = lr * g / np.sqrt(m + 1e-6)
            elif optimizer == "adagrad":
                m = m + g * g
                step = lr * g / (np.sqrt(m) + 1e-7)
            elif optimizer == "adam":
                m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
                step = lr * (m / (1 - 0.9**k)) / (np.sqrt(v / (1 - 0.999**k)) + 1e-8)
            else:
                old, m = m, 0.9 * m - lr * g
                step = 0.9 * old - 1.9 * m
            w = w - step
            if penalty == "L1":
                drawn = np.sign(w) * np.maximum(0, np.abs(w) - alpha * rate / np.sqrt(t + 1))
                w = np.where(free == 1, drawn, w)
        losses.append(float(np.mean(seen)))
    return Clear(w, losses)


def weights_of(played: Any, hosts: int = 1) -> Vector:
    """The weights of all parties, in the order of `pooled`; shape (models, d)."""
    seats = (GUEST_SEAT, *HOST_SEATS[:hosts])
    return np.hstack([played[seat].model.state["weights"] for seat in seats])


@dataclass(frozen=True)
class Bench:
    """What tests of this folder share, as files of tests can not import each other."""

    drawn: Callable[..., Split]
    clear: Callable[..., Clear]
    weights: Callable[..., Vector]
    quiet: dict[str, Any]
    guest: Party = GUEST_SEAT
    hosts: tuple[Party, ...] = HOST_SEATS
    arbiter: Party = ARBITER_SEAT


@pytest.fixture(scope="session")
def bench() -> Bench:
    return Bench(Split.drawn, in_the_clear, weights_of, dict(QUIET))
