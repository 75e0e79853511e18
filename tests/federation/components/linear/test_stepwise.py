"""Stepwise search over the columns of both parties, against the same search on pooled rows."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from federation.components.common.stepwise import criterion, search
from federation.components.common.training import SearchParam
from federation.components.linear.hetero_linr import hetero_linr
from federation.components.linear.hetero_lr import hetero_lr
from federation.components.linear.hetero_poisson import hetero_poisson
from federation.components.linear.hetero_sshe_linr import hetero_sshe_linr
from federation.components.linear.hetero_sshe_lr import hetero_sshe_lr
from federation.components.linear.homo_lr import homo_lr
from federation.errors import DataProblem, InvalidParameters

CONF = {
    "optimizer": "sgd",
    "learning_rate": 0.5,
    "decay": 0,
    "penalty": None,
    "max_iter": 3,
}


def param(**more: Any) -> SearchParam:
    return SearchParam.parse({"need_stepwise": True, "nvmin": 1, **more})


def drawn(bench: Any) -> Any:
    """Labels that the second of the guest's columns and the host's tell alone."""
    split = bench.drawn(30, [2, 1], seed=4)
    noise = np.random.default_rng(9).normal(size=30)
    split.label = 1.5 * split.guest[:, 1] - 2.0 * split.hosts[0][:, 0] + 0.3 * noise
    return split


def pooled_score(split: Any, chosen: list[int]) -> float:
    """AIC of a linear regression of these columns of all parties, by gradient descent."""
    n = len(split.label)
    A = np.column_stack([np.hstack([split.guest, *split.hosts])[:, chosen], np.ones(n)])
    w = np.zeros(A.shape[1])
    for _ in range(3):
        residual = A @ w - split.label
        loss = np.mean(residual**2) / 2
        w = w - 0.5 * A.T @ residual / n
    return float(n * math.log(2 * loss) + 2 * A.shape[1])


async def test_the_search_ends_where_one_on_pooled_rows_does(play: Any, bench: Any) -> None:
    split = drawn(bench)
    wanted = {"need_stepwise": True, "direction": "forward", "nvmin": 1}
    conf = {**bench.quiet, **CONF, "stepwise_param": wanted}
    played = await play(hetero_linr, conf, split.ports())
    guest, host = (played[seat] for seat in (bench.guest, bench.hosts[0]))
    assert list(guest.model.state["names"]) == ["g1"]
    assert list(host.model.state["names"]) == ["h0"]
    scores = [pooled_score(split, chosen) for chosen in ([2], [1, 2], [0, 1, 2])]
    assert guest.summary["stepwise"]["scores"][1:] == pytest.approx(scores[:2], abs=1e-2)
    assert scores[1] < scores[0] < pooled_score(split, [1])
    assert scores[1] < scores[2]
    clear = np.column_stack([split.guest[:, 1], np.ones(30), split.hosts[0][:, 0]])
    weights = np.hstack([guest.model.state["weights"], host.model.state["weights"]])[0]
    table = guest.data[0]
    np.testing.assert_allclose(table.numbers("predict_score"), clear @ weights, atol=1e-6)
    assert table.rows == 30
    assert len(played[bench.arbiter].summary["loss_history"]) == 3
    named = [name for _, name in played.reports[bench.guest].metrics]
    assert named == [f"stepwise_{number}" for number in range(6)]


async def test_a_logistic_model_searches_and_predicts_nothing_unread(play: Any, bench: Any) -> None:
    split = bench.drawn(24, [1, 1])
    wanted = {"need_stepwise": True, "direction": "backward", "nvmin": 1, "score_name": "BIC"}
    conf = {**bench.quiet, **CONF, "max_iter": 2, "stepwise_param": wanted}
    played = await play(hetero_lr, conf, split.ports(), facts={"outputs": ()})
    assert played[bench.guest].data == ()
    assert "scores" not in {row.tag for row in played.ledger}
    to_host = {row.tag for row in played.ledger if row.receiver == str(bench.hosts[0])}
    assert to_host == {
        *("course", "trial", "ids", "public_key", "batch", "residual", "step", "converged")
    }


async def test_counts_are_searched_by_the_loss_of_poisson_regression(play: Any, bench: Any) -> None:
    split = bench.drawn(30, [1, 1], seed=4)
    split.label = np.random.default_rng(9).poisson(np.exp(split.hosts[0][:, 0])).astype(float)
    wanted = {"need_stepwise": True, "direction": "forward", "nvmin": 1, "nvmax": 1}
    conf = {**bench.quiet, **CONF, "learning_rate": 0.2, "stepwise_param": wanted}
    played = await play(hetero_poisson, conf, split.ports())
    tried = [
        replace(split, guest=np.empty((30, 0))),
        replace(split, hosts=[np.empty((30, 0))]),
    ]
    more = {"optimizer": "sgd", "penalty": "NONE", "kind": "poisson", "rate": 0.2, "decay": 0}
    scores = [60 * bench.clear(one, epochs=3, **more).losses[-1] + 4 for one in tried]
    assert played[bench.guest].summary["stepwise"]["scores"][-1] == pytest.approx(
        min(scores), abs=1e-4
    )
    assert scores[0] < scores[1]
    assert list(played[bench.hosts[0]].model.state["names"]) == ["h0"]


@pytest.mark.parametrize("reveals", [False, True])
async def test_a_search_in_shares_ends_where_one_on_pooled_rows_does(
    play: Any, bench: Any, reveals: bool
) -> None:
    split = drawn(bench)
    wanted = {"need_stepwise": True, "direction": "forward", "nvmin": 1}
    conf = {**bench.quiet, **CONF, "stepwise_param": wanted, "reveal_every_iter": reveals}
    ports = split.ports()
    del ports[bench.arbiter]
    played = await play(hetero_sshe_linr, conf, ports)
    guest, host = (played[seat] for seat in (bench.guest, bench.hosts[0]))
    assert list(guest.model.state["names"]) == ["g1"]
    assert list(host.model.state["names"]) == ["h0"]
    scores = [pooled_score(split, chosen) for chosen in ([2], [1, 2])]
    assert guest.summary["stepwise"]["scores"][1:] == pytest.approx(scores, abs=1e-2)
    clear = np.column_stack([split.guest[:, 1], np.ones(30), split.hosts[0][:, 0]])
    weights = np.hstack([guest.model.state["weights"], host.model.state["weights"]])[0]
    np.testing.assert_allclose(guest.data[0].numbers("predict_score"), clear @ weights, atol=1e-5)
    assert len([row for row in played.ledger if row.tag == "trial"]) == 7


async def test_a_logistic_search_in_shares_predicts_nothing_unread(play: Any, bench: Any) -> None:
    wanted = {"need_stepwise": True, "direction": "backward", "nvmin": 1, "score_name": "BIC"}
    conf = {**bench.quiet, **CONF, "max_iter": 1, "stepwise_param": wanted}
    ports = bench.drawn(24, [1, 1]).ports()
    del ports[bench.arbiter]
    played = await play(hetero_sshe_lr, conf, ports, facts={"outputs": ()})
    assert played[bench.guest].data == ()
    assert "scores" not in {row.tag for row in played.ledger}
    clear = {row.tag for row in played.ledger if row.type not in ("Encrypted", "BigIntVector")}
    assert clear == {"course", "trial", "ids", "width", "public_key", "batch", "converged"}


async def test_a_search_needs_one_host_and_one_wish(play: Any, bench: Any) -> None:
    conf = {**bench.quiet, **CONF, "stepwise_param": {"need_stepwise": True}}
    with pytest.raises(InvalidParameters, match="several hosts do not have"):
        await play(hetero_lr, conf, bench.drawn(40, [1, 1, 1]).ports())
    other = {bench.hosts[0]: {"stepwise_param": {"need_stepwise": False}}}
    with pytest.raises(DataProblem, match="do not have the same stepwise_param"):
        await play(hetero_lr, conf, bench.drawn(40, [1, 1]).ports(), None, other)


def test_models_without_a_search_say_so() -> None:
    with pytest.raises(InvalidParameters, match=r"stepwise_param\.need_stepwise"):
        homo_lr.params.parse({"stepwise_param": {"need_stepwise": True}})
    with pytest.raises(InvalidParameters, match="nvmax is 1 and nvmin is more"):
        hetero_lr.params.parse({"stepwise_param": {"nvmax": 1, "nvmin": 2}})


EVERY = frozenset((0, column) for column in range(4))


@pytest.mark.parametrize(
    ("wish", "size"),
    [
        ({"direction": "forward", "nvmin": 2}, 2),
        ({"direction": "backward", "nvmin": 3}, 3),
        ({"direction": "both", "nvmin": 2, "nvmax": 2}, 2),
        ({"direction": "forward", "nvmin": 3, "max_step": 1}, 1),
    ],
)
async def test_a_search_keeps_its_bounds(wish: dict[str, Any], size: int) -> None:
    """Every feature makes this criterion worse."""

    async def score(features: Any) -> float:
        return float(len(features))

    found = await search(param(**wish), EVERY, score)
    assert len(found.features) == size


async def test_both_directions_may_take_a_feature_back() -> None:
    worth = {frozenset({0, 1, 2, 3}): 9.0, frozenset({1, 2, 3}): 8.0, frozenset({2, 3}): 7.0}
    worth |= {frozenset({0, 2, 3}): 6.0, frozenset({0, 1, 3}): 8.5}

    async def score(features: Any) -> float:
        return worth.get(frozenset(column for _, column in features), 10.0)

    found = await search(param(direction="both"), EVERY, score)
    assert found.scores == (9.0, 6.0)
    worth[frozenset({0, 2, 3})] = 8.2
    found = await search(param(direction="both"), EVERY, score)
    assert found.scores == (9.0, 8.0, 7.0)


def test_bic_counts_the_logarithm_of_the_rows() -> None:
    assert criterion(param(), 10.0, rows=100, fitted=3) == 16.0
    bic = criterion(param(score_name="BIC"), 10.0, rows=100, fitted=3)
    assert bic == pytest.approx(10.0 + 3 * math.log(100))
