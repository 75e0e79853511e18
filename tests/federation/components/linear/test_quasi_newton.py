"""The optimizer sqn: its rule by itself, and over sealed channels against pooled rows."""

from collections import Counter
from typing import Any

import numpy as np
import pytest

from federation.components.linear.batches import BatchTooSmall
from federation.components.linear.curvature import SCALE, Trail
from federation.components.linear.hetero_linr import hetero_linr
from federation.components.linear.hetero_lr import hetero_lr
from federation.components.linear.hetero_poisson import hetero_poisson
from federation.components.linear.hetero_sshe_linr import hetero_sshe_linr
from federation.components.linear.hetero_sshe_lr import hetero_sshe_lr
from federation.components.linear.homo_lr import homo_lr
from federation.components.linear.optimizers import make_optimizer
from federation.components.linear.params import LogisticParams
from federation.errors import InvalidParameters
from federation.tables import Table

CONF: dict[str, Any] = {
    "optimizer": "sqn",
    "learning_rate": 0.5,
    "alpha": 0.1,
    "max_iter": 7,
    "sqn_param": {"update_interval_L": 2, "memory_M": 1},
}


def pooled(split: Any, *, bend: float, shift: Any, looked_at: Any = slice(None)) -> Any:
    """Seven steps on all columns, written down from Byrd et al.; the latest pair alone counts.

    The loss bends as it does over the rows ``looked_at``.
    """
    X, free = split.pooled, np.ones(split.pooled.shape[1])
    free[split.guest.shape[1]] = 0
    sample = X[looked_at]
    H = bend * sample.T @ sample / len(sample) + 0.1 * np.diag(free)
    w, inverse = np.zeros(len(free)), None
    seen: list[Any] = []
    means: list[Any] = []
    for t in range(7):
        g = X.T @ (bend * (X @ w) - shift) / len(X) + 0.1 * free * w
        seen.append(w)
        w = w - 0.5 / np.sqrt(1 + t) * (g if inverse is None else inverse @ g)
        if len(seen) == 2:
            means, seen = [*means, np.mean(seen, axis=0)], []
            if len(means) > 1:
                s = means[-1] - means[-2]
                v = H @ s
                V = np.eye(len(w)) - np.outer(v, s) / (s @ v)
                inverse = V.T @ V * (s @ v) / (v @ v) + np.outer(s, s) / (s @ v)
    return w


async def test_logistic_regression_ends_at_the_weights_of_the_pooled_rows(
    play: Any, bench: Any
) -> None:
    split = bench.drawn(15, [2, 3])
    played = await play(hetero_lr, {**bench.quiet, **CONF}, split.ports())
    expected = pooled(split, bend=0.25, shift=split.label - 0.5)
    np.testing.assert_allclose(bench.weights(played)[0], expected, atol=1e-6)
    moves = [row for row in played.ledger if row.tag == "move"]
    assert {row.receiver for row in moves} == {str(bench.arbiter)}
    assert len(moves) == 4


def bent_by_scores(X: Any, gradient: Any, bend: Any, *, free: Any, rate: float, steps: int) -> Any:
    """As `pooled`, where the bend is taken at the mean of the last two weights."""
    w, inverse = np.zeros(len(free)), None
    seen: list[Any] = []
    means: list[Any] = []
    for t in range(steps):
        g = X.T @ gradient(X @ w) / len(X) + 0.1 * free * w
        seen.append(w)
        w = w - rate / np.sqrt(1 + t) * (g if inverse is None else inverse @ g)
        if len(seen) == 2:
            means, seen = [*means, np.mean(seen, axis=0)], []
            if len(means) > 1:
                s = means[-1] - means[-2]
                v = X.T @ (bend(X @ means[-1]) * (X @ s)) / len(X) + 0.1 * free * s
                V = np.eye(len(w)) - np.outer(v, s) / (s @ v)
                inverse = V.T @ V * (s @ v) / (v @ v) + np.outer(s, s) / (s @ v)
    return w


async def test_poisson_regression_bends_by_its_scores(play: Any, bench: Any) -> None:
    split = bench.drawn(15, [2, 3])
    split.label = np.random.default_rng(5).poisson(2.0, size=15).astype(float)
    exposure = np.random.default_rng(6).uniform(0.5, 2.0, size=15)
    ports = split.ports()
    table = ports[bench.guest]["train_data"]
    names = ["exposed", *table.feature_names]
    matrix = np.column_stack([exposure, table.features])
    exposed = Table.instances(table.ids, matrix, names, label=table.label)
    ports[bench.guest] = {"train_data": exposed}
    conf = {**bench.quiet, **CONF, "learning_rate": 0.2, "exposure_colname": "exposed"}
    played = await play(hetero_poisson, conf, ports)
    free = np.ones(6)
    free[2] = 0
    expected = bent_by_scores(
        split.pooled,
        lambda s: exposure * np.exp(s) - split.label,
        lambda s: exposure * np.exp(s),
        free=free,
        rate=0.2,
        steps=7,
    )
    np.testing.assert_allclose(bench.weights(played)[0], expected, atol=1e-6)
    levels = [row for row in played.ledger if row.tag == "levels"]
    assert {(row.receiver, row.type) for row in levels} == {(str(bench.guest), "Encrypted")}


async def test_horizontal_parties_bend_by_their_own_rows(play: Any, bench: Any) -> None:
    """Two that have the same rows step as one that has them."""
    draw = np.random.default_rng(3)
    X, y = draw.normal(size=(20, 3)), (draw.uniform(size=20) > 0.4).astype(float)
    ids = [f"r{row}" for row in range(20)]
    rows = Table.instances(ids, X, ["a", "b", "c"], label=y)
    ports = {seat: {"train_data": rows} for seat in (bench.guest, bench.hosts[0])}
    played = await play(homo_lr, {**bench.quiet, **CONF}, {**ports, bench.arbiter: {}})

    def chance(s: Any) -> Any:
        return 1 / (1 + np.exp(-s))

    expected = bent_by_scores(
        np.column_stack([X, np.ones(20)]),
        lambda s: chance(s) - y,
        lambda s: chance(s) * (1 - chance(s)),
        free=np.array([1, 1, 1, 0]),
        rate=0.5,
        steps=7,
    )
    np.testing.assert_allclose(bench.weights(played, hosts=0)[0], expected, atol=1e-6)


async def test_linear_regression_of_two_hosts_ends_there_too(play: Any, bench: Any) -> None:
    split = bench.drawn(15, [1, 2, 1])
    conf = {**bench.quiet, **CONF, "early_stop": "weight_diff"}
    played = await play(hetero_linr, conf, split.ports())
    expected = pooled(split, bend=1.0, shift=split.label)
    np.testing.assert_allclose(bench.weights(played, hosts=2)[0], expected, atol=1e-6)


def without_arbiter(split: Any, bench: Any) -> Any:
    ports = split.ports()
    del ports[bench.arbiter]
    return ports


@pytest.mark.parametrize("reveals", [False, True])
async def test_steps_in_shares_end_at_the_weights_of_the_pooled_rows(
    play: Any, bench: Any, reveals: bool
) -> None:
    split = bench.drawn(15, [2, 3])
    conf = {**bench.quiet, **CONF, "reveal_every_iter": reveals}
    played = await play(hetero_sshe_lr, conf, without_arbiter(split, bench))
    expected = pooled(split, bend=0.25, shift=split.label - 0.5)
    np.testing.assert_allclose(bench.weights(played)[0], expected, atol=1e-6)
    clear = {row.tag for row in played.ledger if row.type not in ("Encrypted", "BigIntVector")}
    told = {"course", "ids", "width", "public_key", "batch", "converged", "scores"}
    assert clear - told == {"mixture", "bends"} | ({"inner"} if reveals else set())


async def test_the_guest_opens_products_of_vectors_and_never_a_vector(
    play: Any, bench: Any
) -> None:
    """Of s, v and g it is shown shares of what they give multiplied: with each other, not alone."""
    conf = {**bench.quiet, **CONF, "max_iter": 5}
    ports = without_arbiter(bench.drawn(15, [2, 3]), bench)
    played = await play(hetero_sshe_lr, conf, ports, facts={"outputs": ()})
    rows = [r for r in played.ledger if r.tag == "share" and r.receiver == str(bench.guest)]
    shown = Counter((str(r.scope[-1]), r.shape) for r in rows if r.scope[-1] != "loss")
    assert shown == {
        ("start", "3 BigIntVector"): 1,
        ("pair", "4 BigIntVector"): 1,
        ("mixture", "2 BigIntVector"): 1,
        ("0", "3 BigIntVector"): 1,
    }
    to_host = {r.scope[-1] for r in played.ledger if r.tag == "share" and r not in rows}
    assert to_host == {"start", 0}


async def test_a_drawn_sample_bends_steps_in_shares_as_its_own_rows_do(
    play: Any, bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = np.random.default_rng
    taken = np.sort(fresh(7).permutation(15)[:12])
    split = bench.drawn(15, [1, 2])
    by_id = np.argsort(split.ids())
    monkeypatch.setattr(np.random, "default_rng", lambda seed=7: fresh(seed))
    drawn = {**CONF, "sqn_param": {**CONF["sqn_param"], "sample_size": 12}}
    conf = {**bench.quiet, **drawn, "reveal_every_iter": True}
    played = await play(hetero_sshe_lr, conf, without_arbiter(split, bench))
    expected = pooled(split, bend=0.25, shift=split.label - 0.5, looked_at=by_id[taken])
    np.testing.assert_allclose(bench.weights(played)[0], expected, atol=1e-6)


async def test_linear_regression_in_shares_ends_there_too(play: Any, bench: Any) -> None:
    split = bench.drawn(15, [1, 2])
    conf = {**bench.quiet, **CONF, "early_stop": "weight_diff"}
    played = await play(hetero_sshe_linr, conf, without_arbiter(split, bench))
    expected = pooled(split, bend=1.0, shift=split.label)
    np.testing.assert_allclose(bench.weights(played)[0], expected, atol=1e-6)


async def test_a_sample_no_larger_than_a_hosts_width_is_refused(play: Any, bench: Any) -> None:
    conf = {**bench.quiet, **CONF, "sqn_param": {"sample_size": 3}}
    with pytest.raises(BatchTooSmall, match="a batch of 3 rows"):
        await play(hetero_lr, conf, bench.drawn(15, [2, 3]).ports())


async def test_a_drawn_sample_bends_the_steps_as_its_own_rows_do(
    play: Any, bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = np.random.default_rng
    taken = np.sort(fresh(7).permutation(15)[:12])
    split = bench.drawn(15, [1, 1])
    by_id = np.argsort(split.ids())
    monkeypatch.setattr(np.random, "default_rng", lambda seed=7: fresh(seed))
    drawn = {**CONF, "sqn_param": {**CONF["sqn_param"], "sample_size": 12}}
    played = await play(hetero_lr, {**bench.quiet, **drawn}, split.ports())
    sent = [r.shape for r in played.ledger if r.tag == "residual" and "curvature" in str(r.scope)]
    assert set(sent) == {"12 encrypted"}
    expected = pooled(split, bend=0.25, shift=split.label - 0.5, looked_at=by_id[taken])
    np.testing.assert_allclose(bench.weights(played)[0], expected, atol=1e-6)


def test_with_enough_pairs_a_step_of_a_quadratic_ends_at_its_minimum() -> None:
    draw = np.random.default_rng(2)
    root = draw.normal(size=(4, 4))
    H = root @ root.T + np.eye(4)
    optimizer = make_optimizer(LogisticParams.parse({"optimizer": "sqn", "learning_rate": 1.0}))
    w, g = draw.normal(size=4), np.zeros(4)
    eigen = np.linalg.eigh(H)[1].T
    for s in eigen:
        optimizer.bend(s, H @ s, 4)
    g = H @ w
    np.testing.assert_allclose(optimizer.step(g, 0), w)


def test_a_pair_along_which_the_loss_does_not_bend_is_forgotten() -> None:
    optimizer = make_optimizer(LogisticParams.parse({"optimizer": "sqn"}))
    s = np.array([1.0, 0.0])
    optimizer.bend(s, -s, 5)
    optimizer.bend(s, np.array([0.0, 1.0]), 5)
    optimizer.bend(np.zeros(2), np.zeros(2), 5)
    assert optimizer.pairs == []


def test_a_trail_needs_two_full_means() -> None:
    trail = Trail(2)
    moves = [trail.moved(np.array([float(k)])) for k in range(6)]
    assert [move and (float(move.way[0]) / SCALE, float(move.at[0])) for move in moves] == [
        None,
        None,
        None,
        (2.0, 2.5),
        None,
        (2.0, 4.5),
    ]
    assert Trail(0).moved(np.ones(1)) is None


def test_sqn_params_are_checked() -> None:
    wrong = {"update_interval_L": 0, "memory_M": 0, "sample_size": 0, "memory": 1}
    with pytest.raises(InvalidParameters) as refused:
        LogisticParams.parse({"sqn_param": wrong})
    assert {p.path for p in refused.value.problems} == {f"sqn_param.{name}" for name in wrong}
