"""Hosts of HomoLR that learn on ciphertexts, against the same steps in the clear."""

import asyncio
from typing import Any

import numpy as np
import pytest

from federation.components.linear.homo_letters import Hides
from federation.components.linear.homo_lr import homo_lr
from federation.components.linear.params import HomoLogisticParams
from federation.errors import DataProblem, InvalidParameters
from federation.tables import Table

CONF = {
    "init_param": {"init_method": "zeros"},
    "tol": 0.0,
    "learning_rate": 0.5,
    "alpha": 0.1,
    "max_iter": 3,
    "optimizer": "sgd",
    "aggregate_iters": 2,
    "batch_size": 10,
    "re_encrypt_batches": 2,
    "use_proximal": True,
    "mu": 0.3,
}
HIDES = {"encrypt_param": {"method": "Paillier", "key_length": 1024}}


def drawn(size: int, seed: int) -> tuple[Any, Any]:
    draw = np.random.default_rng(seed)
    X = draw.normal(size=(size, 2))
    return X, (X @ [1.5, -1.0] + draw.normal(size=size) / 2 > 0).astype(float)


PARTS = [drawn(24, 1), drawn(30, 2), drawn(12, 3)]


def table(X: Any, y: Any) -> Table:
    return Table.instances([f"r{row:03d}" for row in range(len(y))], X, ["a", "b"], label=y)


def ports(bench: Any, slot: str = "train_data") -> dict[Any, Any]:
    seats = (bench.guest, *bench.hosts)
    given = {seat: {slot: table(*part)} for seat, part in zip(seats, PARTS, strict=True)}
    return {**given, bench.arbiter: {}}


def descend(X: Any, y: Any, start: Any, *, t: int, mean: Any, taylor: bool) -> Any:
    A, s, w = np.column_stack([X, np.ones(len(y))]), 2 * y - 1, start
    for first in range(0, len(y), 10):
        B, b = A[first : first + 10], s[first : first + 10]
        d = B @ w / 4 - b / 2 if taylor else -b / (1 + np.exp(b * (B @ w)))
        g = B.T @ d / len(b) + 0.1 * w * [1, 1, 0] + 0.3 * (w - mean)
        w = w - 0.5 / np.sqrt(1 + t) * g
    return w


def averaged() -> Any:
    """The last of both hosts learns on ciphertexts."""
    mean = np.zeros(3)
    local = [mean] * 3
    for t in range(3):
        local = [
            descend(X, y, w, t=t, mean=mean, taylor=place == 2)
            for place, ((X, y), w) in enumerate(zip(PARTS, local, strict=True))
        ]
        if t > 0:
            mean = np.average(local, axis=0, weights=[24, 30, 12])
            local = [mean] * 3
    return mean


@pytest.fixture(scope="module")
def trained(play: Any, bench: Any) -> Any:
    hidden = {bench.hosts[1]: HIDES}
    return asyncio.run(play(homo_lr, CONF, ports(bench), None, hidden))


def test_steps_on_ciphertexts_are_those_in_the_clear(trained: Any, bench: Any) -> None:
    own = trained[bench.guest].model.state["weights"][0]
    np.testing.assert_allclose(own, averaged(), atol=1e-5)
    np.testing.assert_array_equal(trained[bench.hosts[0]].model.state["weights"][0], own)


def test_such_a_host_keeps_and_gets_nothing_in_clear(trained: Any, bench: Any) -> None:
    model = trained[bench.hosts[1]].model
    assert model.state["weights"].shape == (1, 0)
    assert model.state["hidden"]["private"] is None
    assert set(model.param["encryptedWeight"]) == {"a", "b"}
    seat = str(bench.hosts[1])
    to_host = {row.tag for row in trained.ledger if row.receiver == seat}
    assert to_host == {
        *("rounds", "start", "public_key", "pair_key", "shares", "stayed", "renewed"),
        *("hidden_average", "converged", "opened"),
    }
    to_arbiter = {(row.tag, row.type) for row in trained.ledger if row.sender == seat}
    assert {tag for tag, kind in to_arbiter if kind == "Encrypted"} == {
        *("worn", "hidden_addend", "hidden_scores")
    }


def test_its_rows_are_predicted_with_the_arbiters_help(trained: Any, bench: Any) -> None:
    X, _ = PARTS[2]
    told = trained[bench.hosts[1]].data[0].numbers("predict_score")
    chances = 1 / (1 + np.exp(-(np.column_stack([X, np.ones(len(X))]) @ averaged())))
    np.testing.assert_allclose(told, chances, atol=1e-5)


async def test_a_hidden_model_predicts_later(play: Any, bench: Any, trained: Any) -> None:
    bound = ports(bench, "test_data")
    for seat in bound:
        bound[seat] |= {"model": trained[seat].model}
    played = await play(homo_lr, CONF, bound)
    seat = bench.hosts[1]
    before = trained[seat].data[0].numbers("predict_score")
    after = played[seat].data[0].numbers("predict_score")
    np.testing.assert_allclose(after, before, atol=1e-6)
    del bound[bench.arbiter]["model"]
    with pytest.raises(DataProblem, match="bind the model at the arbiter too"):
        await play(homo_lr, CONF, bound)


async def test_training_can_not_go_on_from_what_nobody_can_read(
    play: Any, bench: Any, trained: Any
) -> None:
    bound = ports(bench)
    for seat in (bench.guest, *bench.hosts):
        bound[seat] |= {"model": trained[seat].model}
    with pytest.raises(DataProblem, match="can not go on from a model"):
        await play(homo_lr, CONF, bound)


@pytest.mark.parametrize(
    ("wish", "said"), [({"optimizer": "adam"}, "sgd"), ({"penalty": "L1"}, "L2")]
)
def test_what_ciphertexts_can_not_do_is_refused(wish: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidParameters, match=f"encrypt_param needs the .*{said}"):
        HomoLogisticParams.parse({"optimizer": "sgd", **wish, **HIDES})


def test_fates_default_is_to_work_in_clear() -> None:
    assert not HomoLogisticParams.parse({}).hides
    assert not HomoLogisticParams.parse({"encrypt_param": {"method": None}}).hides
    assert not HomoLogisticParams.parse({"encrypt_param": {"key_length": 1024}}).hides


def test_weights_are_renewed_before_they_wear_out() -> None:
    how = Hides(hides=True, batches=5, every=2)
    assert how.renewals(is_round=False) == [2, 4, 5]
    assert how.renewals(is_round=True) == [2, 4]
