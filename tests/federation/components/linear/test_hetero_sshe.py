"""Linear models in shares, over sealed channels, against the same recurrence on pooled rows."""

import asyncio
import json
from typing import Any

import numpy as np
import pytest

from federation.components.linear.batches import BatchTooSmall
from federation.components.linear.hetero_fit import OneHostOnly
from federation.components.linear.hetero_sshe_linr import hetero_sshe_linr
from federation.components.linear.hetero_sshe_lr import hetero_sshe_lr
from federation.components.linear.params import SharedLogisticParams
from federation.errors import DataProblem, InvalidParameters
from federation.tables import Table

CONF = {"learning_rate": 0.15, "alpha": 0.1, "max_iter": 2}


def ports_of(split: Any, bench: Any, slot: str = "train_data") -> dict[Any, Any]:
    ports = split.ports(slot)
    del ports[bench.arbiter]
    return dict(ports)


def losses_of(played: Any, bench: Any, name: str = "loss") -> list[float]:
    return [loss for _, loss in played.reports[bench.guest].metrics["train", name]]


@pytest.fixture(scope="module")
def trained(play: Any, bench: Any) -> Any:
    """A training that several tests look at: two batches an epoch, followed, weights in shares."""
    split, other = bench.drawn(34, [2, 3]), bench.drawn(20, [2, 3], seed=2)
    ports = ports_of(split, bench)
    for seat, bound in ports_of(other, bench, "validate_data").items():
        ports[seat] = {**ports[seat], **bound}
    conf = {**bench.quiet, **CONF, "batch_size": 17, "validation_freqs": 1}
    return asyncio.run(play(hetero_sshe_lr, conf, ports))


def test_shares_end_at_the_weights_of_the_pooled_rows(trained: Any, bench: Any) -> None:
    batches = [np.arange(17), np.arange(17, 34)]
    clear = bench.clear(bench.drawn(34, [2, 3]), epochs=2, optimizer="sgd", batches=batches)
    np.testing.assert_allclose(bench.weights(trained)[0], clear.weights, atol=1e-6)
    np.testing.assert_allclose(losses_of(trained, bench), clear.losses, atol=1e-6)


def test_followed_rows_are_scored_by_both_parties_together(trained: Any, bench: Any) -> None:
    history = trained[bench.guest].data[0]
    assert history.frame["type"].unique().to_pylist() == ["train", "validate"]
    metrics = trained.reports[bench.guest].metrics
    assert ("validate", "iteration_1") in metrics
    assert 0 <= dict(metrics["train", "iteration_0"])["auc"] <= 1


def test_what_leaves_is_encrypted_or_a_share_or_a_score(trained: Any, bench: Any) -> None:
    clear = {row.tag for row in trained.ledger if row.type not in ("Encrypted", "BigIntVector")}
    assert clear == {"course", "ids", "width", "public_key", "batch", "converged", "scores"}
    to_host = {r.tag for r in trained.ledger if r.receiver == str(bench.hosts[0])}
    assert to_host == {
        *("course", "ids", "public_key", "batch", "operand", "product", "share", "converged")
    }


async def test_linear_regression_in_shares_is_that_of_the_pooled_rows(
    play: Any, bench: Any
) -> None:
    split = bench.drawn(34, [2, 3])
    split.label = split.pooled @ np.array([1.0, -2.0, 0.5, 1.5, 0.0, 1.0])
    conf = {**bench.quiet, **CONF, "early_stop": "weight_diff", "tol": 1e-9}
    played = await play(hetero_sshe_linr, conf, ports_of(split, bench))
    clear = bench.clear(split, epochs=2, optimizer="sgd", kind="linear")
    np.testing.assert_allclose(bench.weights(played)[0], clear.weights, atol=1e-6)
    np.testing.assert_allclose(losses_of(played, bench), clear.losses, atol=1e-6)
    scores = played[bench.guest].data[0].numbers("predict_score")
    np.testing.assert_allclose(scores, split.pooled @ clear.weights, atol=1e-5)


@pytest.mark.parametrize(
    ("optimizer", "penalty"), [("rmsprop", "L2"), ("adam", "L1"), ("adagrad", None)]
)
async def test_revealed_weights_may_step_in_any_way(
    play: Any, bench: Any, optimizer: str, penalty: str | None
) -> None:
    split = bench.drawn(34, [2, 3])
    conf = {**bench.quiet, **CONF, "optimizer": optimizer, "penalty": penalty}
    conf |= {"reveal_every_iter": True}
    played = await play(hetero_sshe_lr, conf, ports_of(split, bench))
    clear = bench.clear(split, epochs=2, optimizer=optimizer, penalty=penalty or "NONE")
    np.testing.assert_allclose(bench.weights(played)[0], clear.weights, atol=1e-6)
    np.testing.assert_allclose(losses_of(played, bench), clear.losses, atol=1e-6)


async def test_weights_of_rows_multiply_residuals_in_shares(play: Any, bench: Any) -> None:
    split = bench.drawn(34, [2, 3])
    ports = ports_of(split, bench)
    table = ports[bench.guest]["train_data"]
    counts = np.where(np.arange(34) % 2, 0.0, 2.0)
    columns = np.column_stack([table.features, counts])
    names = [*table.feature_names, "w"]
    meta = {"sample_weight": "w"}
    weighted = Table.instances(table.ids, columns, names, label=table.label, meta=meta)
    ports[bench.guest] = {"train_data": weighted}
    played = await play(hetero_sshe_lr, {**bench.quiet, **CONF}, ports)
    clear = bench.clear(split, epochs=2, optimizer="sgd", batches=[np.arange(0, 34, 2)])
    np.testing.assert_allclose(bench.weights(played)[0], clear.weights, atol=1e-6)


async def test_a_host_never_sees_weights_that_stay_encrypted(play: Any, bench: Any) -> None:
    split = bench.drawn(34, [2, 3], classes=3)
    conf = {**bench.quiet, **CONF, "max_iter": 1, "reveal_strategy": "encrypted_reveal_in_host"}
    played = await play(hetero_sshe_lr, conf, ports_of(split, bench))
    clear = [
        bench.clear(split, epochs=1, optimizer="sgd", label=split.label == c).weights
        for c in range(3)
    ]
    chances = 1 / (1 + np.exp(-split.pooled @ np.transpose(clear)))
    told = played[bench.guest].data[0]
    np.testing.assert_allclose(told.numbers("predict_score"), chances.max(axis=1), atol=1e-6)
    host = played[bench.hosts[0]].model
    assert host.state["weights"].shape == (3, 0)
    assert host.state["hidden"]["private"] is None
    shown = host.param["oneVsRestResult"]["completedModels"]
    assert [list(model["encryptedWeight"]) for model in shown] == [["h0", "h1", "h2"]] * 3
    assert str(played[bench.guest].model.state["hidden"]["private"]["primes"][0]) not in (
        json.dumps(played[bench.guest].model.param)
    )
    ports = ports_of(split, bench, "test_data")
    for seat in ports:
        ports[seat] |= {"model": played[seat].model}
    again = await play(hetero_sshe_lr, conf, ports)
    scores = again[bench.guest].data[0].numbers("predict_score")
    np.testing.assert_allclose(scores, chances.max(axis=1), atol=1e-6)
    assert {row.tag for row in again.ledger} == {"course", "ids", "hidden_scores"}
    ports = ports_of(split, bench)
    for seat in ports:
        ports[seat] |= {"model": played[seat].model}
    with pytest.raises(DataProblem, match="can not go on from it"):
        await play(hetero_sshe_lr, conf, ports)


async def test_a_warm_start_in_shares_goes_on_where_the_model_ended(play: Any, bench: Any) -> None:
    split = bench.drawn(34, [2, 3])
    conf = {**bench.quiet, **CONF}
    first = await play(hetero_sshe_lr, {**conf, "max_iter": 1}, ports_of(split, bench))
    ports = ports_of(split, bench)
    for seat in ports:
        ports[seat] |= {"model": first[seat].model}
    second = await play(hetero_sshe_lr, conf, ports)
    clear = bench.clear(split, epochs=2, optimizer="sgd")
    np.testing.assert_allclose(bench.weights(second)[0], clear.weights, atol=1e-6)


async def test_each_fold_is_trained_in_shares(play: Any, bench: Any) -> None:
    conf = {**bench.quiet, **CONF, "max_iter": 1, "cv_param": {"need_cv": True, "n_splits": 2}}
    played = await play(hetero_sshe_lr, conf, ports_of(bench.drawn(24, [1, 2]), bench))
    assert played[bench.guest].data[0].rows == 48
    assert played[bench.hosts[0]].summary["fold_num"] == 2
    assert len(losses_of(played, bench, "loss.1")) == 1


async def test_small_batches_and_second_hosts_are_refused(play: Any, bench: Any) -> None:
    with pytest.raises(BatchTooSmall, match="host:10000"):
        ports = ports_of(bench.drawn(34, [1, 10]), bench)
        await play(hetero_sshe_lr, {**bench.quiet, "batch_size": 10}, ports)
    with pytest.raises(OneHostOnly):
        await play(hetero_sshe_lr, bench.quiet, ports_of(bench.drawn(34, [1, 2, 2]), bench))


@pytest.mark.parametrize(
    ("conf", "said"),
    [
        ({"optimizer": "adam"}, "optimizer adam needs reveal_every_iter"),
        ({"penalty": "L1"}, "the penalty L1 needs reveal_every_iter"),
        (
            {
                "stepwise_param": {"need_stepwise": True},
                "reveal_strategy": "encrypted_reveal_in_host",
            },
            "does not go with need_stepwise",
        ),
        (
            {"reveal_every_iter": True, "reveal_strategy": "encrypted_reveal_in_host"},
            "does not go with reveal_every_iter",
        ),
        ({"reveal_strategy": "respectivly"}, "did you mean 'respectively'"),
    ],
)
def test_what_can_not_be_done_in_shares_is_refused_by_name(conf: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidParameters, match=said):
        SharedLogisticParams.parse(conf)


def test_fields_of_fates_classes_are_accepted() -> None:
    p = SharedLogisticParams.parse(
        {
            "penalty": None,
            "use_mix_rand": False,
            "encrypted_mode_calculator_param": {"mode": "strict"},
            "multi_class": "ovr",
            "decay_sqrt": True,
            "batch_strategy": "full",
        }
    )
    assert p.penalty == "NONE"
    assert not p.hides
