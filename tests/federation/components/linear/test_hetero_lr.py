"""HeteroLR over sealed channels against the same recurrence on pooled rows."""

import ast
import asyncio
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from federation.components.common.row_order import IdsDiffer
from federation.components.linear.batches import BatchTooSmall, drawn_batch
from federation.components.linear.hetero_lr import hetero_lr
from federation.components.linear.params import LogisticParams
from federation.components.statistics.values import validation_metrics
from federation.errors import DataProblem, InvalidParameters, NonFiniteValues
from federation.tables import Table

SHORT_KEY = {"method": "iterativeAffine", "key_length": 1024}
FOLLOWED = {"callbacks": ["PerformanceEvaluate", "ModelCheckpoint"], "validation_freqs": [1]}
OPTIMIZERS = ["rmsprop", "adam", "adagrad", "nesterov_momentum_sgd"]


@pytest.fixture(scope="module")
def trained(play: Any, bench: Any) -> Any:
    """One training that several tests look at."""
    conf = {**bench.quiet, "max_iter": 2, "batch_size": 40}
    conf |= {"encrypt_param": SHORT_KEY, "callback_param": FOLLOWED}
    return asyncio.run(play(hetero_lr, conf, bench.drawn(34, [2, 3]).ports()))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
async def test_every_optimizer_ends_at_the_weights_of_the_pooled_rows(
    play: Any, bench: Any, optimizer: str
) -> None:
    split = bench.drawn(34, [2, 3])
    conf = {**bench.quiet, "optimizer": optimizer, "learning_rate": 0.15, "alpha": 0.1}
    played = await play(hetero_lr, {**conf, "max_iter": 2}, split.ports())
    clear = bench.clear(split, epochs=2, optimizer=optimizer)
    np.testing.assert_allclose(bench.weights(played)[0], clear.weights, atol=1e-6)
    assert played.reports[bench.arbiter].metrics["train", "loss"] == [
        (epoch, pytest.approx(loss, abs=1e-6)) for epoch, loss in enumerate(clear.losses)
    ]


async def test_columns_that_nobody_scaled_are_trained_on(play: Any, bench: Any) -> None:
    split = bench.drawn(34, [2, 3])
    split = replace(split, guest=1e6 * split.guest, hosts=[1e6 * host for host in split.hosts])
    conf = {**bench.quiet, "learning_rate": 0.15, "alpha": 0.1, "max_iter": 2}
    played = await play(hetero_lr, conf, split.ports())
    clear = bench.clear(split, epochs=2)
    np.testing.assert_allclose(bench.weights(played)[0], clear.weights, rtol=1e-4)
    assert played[bench.arbiter].summary["loss_history"] == pytest.approx(clear.losses, rel=1e-4)


async def test_lasso_ends_at_the_weights_of_the_pooled_rows(play: Any, bench: Any) -> None:
    split = bench.drawn(34, [2, 3])
    conf = {**bench.quiet, "penalty": "L1", "learning_rate": 0.15, "alpha": 0.1}
    played = await play(hetero_lr, {**conf, "max_iter": 2}, split.ports())
    clear = bench.clear(split, epochs=2, penalty="L1")
    np.testing.assert_allclose(bench.weights(played)[0], clear.weights, atol=1e-6)
    assert played[bench.arbiter].summary["loss_history"] == pytest.approx(clear.losses, abs=1e-6)


async def test_batches_follow_the_order_of_the_guests_rows(play: Any, bench: Any) -> None:
    split = bench.drawn(90, [2, 3])
    conf = {**bench.quiet, "batch_size": 34, "decay": 0.5, "decay_sqrt": False, "alpha": 0.1}
    played = await play(hetero_lr, {**conf, "learning_rate": 0.15, "max_iter": 2}, split.ports())
    batches = [np.arange(0, 34), np.arange(34, 68), np.arange(68, 90)]
    clear = bench.clear(split, epochs=2, batches=batches, decay=0.5, decay_sqrt=False)
    np.testing.assert_allclose(bench.weights(played)[0], clear.weights, atol=1e-6)
    assert played[bench.arbiter].summary["loss_history"] == pytest.approx(clear.losses, abs=1e-6)


async def test_a_drawn_batch_counts_only_its_own_rows(
    play: Any, bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    split = bench.drawn(34, [2, 3])
    ports = split.ports()
    monkeypatch.setattr(np.random, "default_rng", lambda: np.random.Generator(np.random.PCG64(5)))
    conf = {"batch_strategy": "random", "batch_size": 12, "masked_rate": 1, "optimizer": "sgd"}
    conf |= {**bench.quiet, "learning_rate": 0.15, "alpha": 0.1, "max_iter": 1}
    drawn = drawn_batch(34, LogisticParams.parse(conf), np.random.default_rng())
    assert (len(drawn.rows), drawn.size) == (24, 12)
    played = await play(hetero_lr, conf, ports)
    counted = np.argsort(split.ids())[drawn.rows[drawn.real]]
    clear = bench.clear(split, epochs=1, batches=[counted], optimizer="sgd")
    np.testing.assert_allclose(bench.weights(played)[0], clear.weights, atol=1e-6)
    assert played[bench.arbiter].summary["loss_history"] == pytest.approx(clear.losses, abs=1e-6)


async def test_two_hosts_end_at_the_weights_of_the_pooled_rows(play: Any, bench: Any) -> None:
    split = bench.drawn(34, [2, 3, 1])
    conf = {**bench.quiet, "early_stop": "weight_diff", "learning_rate": 0.15, "penalty": None}
    played = await play(hetero_lr, {**conf, "max_iter": 2}, split.ports())
    clear = bench.clear(split, epochs=2, penalty="NONE")
    np.testing.assert_allclose(bench.weights(played, hosts=2)[0], clear.weights, atol=1e-6)
    assert played[bench.arbiter].summary["loss_history"] == []


async def test_each_of_three_classes_is_trained_against_the_rest(play: Any, bench: Any) -> None:
    split = bench.drawn(34, [2, 3], classes=3)
    conf = {**bench.quiet, "learning_rate": 0.15, "alpha": 0.1, "max_iter": 2}
    played = await play(hetero_lr, conf, split.ports())
    clear = [bench.clear(split, epochs=2, label=split.label == c).weights for c in range(3)]
    np.testing.assert_allclose(bench.weights(played), clear, atol=1e-6)
    table = played[bench.guest].data[0]
    chances = 1 / (1 + np.exp(-split.pooled @ np.transpose(clear)))
    np.testing.assert_array_equal(table.numbers("predict_result"), chances.argmax(axis=1))
    np.testing.assert_allclose(table.numbers("predict_score"), chances.max(axis=1), atol=1e-6)
    param = played[bench.guest].model.param
    assert param["needOneVsRest"] is True
    assert param["oneVsRestResult"]["oneVsRestClasses"] == ["0", "1", "2"]
    assert len(param["oneVsRestResult"]["completedModels"]) == 3
    assert set(played[bench.guest].summary) == {"0", "1", "2", "one_vs_rest"}


async def test_weights_of_rows_multiply_their_residuals(play: Any, bench: Any) -> None:
    split = bench.drawn(34, [2, 3])
    ports = split.ports()
    table = ports[bench.guest]["train_data"]
    counts = np.where(np.arange(34) % 2, 0.0, 2.0)
    weighted = Table.instances(
        table.ids,
        np.column_stack([table.features, counts]),
        [*table.feature_names, "w"],
        label=table.label,
        meta={"sample_weight": "w"},
    )
    ports[bench.guest] = {"train_data": weighted}
    conf = {**bench.quiet, "learning_rate": 0.15, "alpha": 0.1, "max_iter": 2}
    played = await play(hetero_lr, conf, ports)
    clear = bench.clear(split, epochs=2, batches=[np.arange(0, 34, 2)])
    np.testing.assert_allclose(bench.weights(played)[0], clear.weights, atol=1e-6)


async def test_a_warm_start_goes_on_where_the_model_ended(play: Any, bench: Any) -> None:
    split = bench.drawn(34, [2, 3])
    conf = {**bench.quiet, "optimizer": "sgd", "learning_rate": 0.15, "alpha": 0.1}
    first = await play(hetero_lr, {**conf, "max_iter": 1}, split.ports())
    ports = split.ports()
    for seat in (bench.guest, bench.hosts[0]):
        ports[seat] |= {"model": first[seat].model}
    second = await play(hetero_lr, {**conf, "max_iter": 3}, ports)
    clear = bench.clear(split, epochs=3, optimizer="sgd")
    np.testing.assert_allclose(bench.weights(second)[0], clear.weights, atol=1e-6)
    assert second[bench.guest].model.param["iters"] == 3


async def test_training_stops_when_the_loss_does_not_change(play: Any, bench: Any) -> None:
    split = bench.drawn(34, [2, 3])
    conf = {**bench.quiet, "tol": 10.0, "max_iter": 9}
    played = await play(hetero_lr, conf, split.ports())
    assert len(played[bench.arbiter].summary["loss_history"]) == 2
    assert played[bench.guest].summary["is_converged"] is True
    assert played[bench.hosts[0]].model.param["isConverged"] is True


async def test_early_stopping_ends_with_the_weights_of_the_best_epoch(
    play: Any, bench: Any
) -> None:
    split, other = bench.drawn(34, [2, 3]), bench.drawn(34, [2, 3], seed=2)
    other.label = 1 - other.label  # what is learned makes validation worse from epoch to epoch
    ports = split.ports()
    for seat, bound in other.ports("validate_data").items():
        ports[seat] = {**ports[seat], **bound}
    conf = {**bench.quiet, "learning_rate": 0.15, "alpha": 0.1, "max_iter": 9, "metrics": ["auc"]}
    conf |= {"validation_freqs": 1, "early_stopping_rounds": 2, "optimizer": "sgd"}
    played = await play(hetero_lr, conf, ports)
    summary = played[bench.guest].summary
    measured = summary["validation_metrics"]["validate"]["auc"]
    best = int(np.argmax(measured))
    assert summary["best_iteration"] == best
    assert len(measured) == best + 3 < 9
    clear = bench.clear(split, epochs=best + 1, optimizer="sgd")
    np.testing.assert_allclose(bench.weights(played)[0], clear.weights, atol=1e-6)
    assert played[bench.hosts[0]].summary["best_iteration"] == best
    report = played.reports[bench.guest]
    assert report.types["validate", "iteration_0"] == "EVALUATION_SUMMARY"
    assert report.metrics["validate", "iteration_0"] == [("auc", measured[0])]
    assert list(played[bench.guest].data[0].frame["type"].unique().to_pylist()) == [
        "train",
        "validate",
    ]


async def test_a_guest_with_labels_alone_learns_an_intercept(play: Any, bench: Any) -> None:
    split = bench.drawn(34, [0, 3])
    conf = {**bench.quiet, "learning_rate": 0.15, "alpha": 0.1, "max_iter": 2}
    played = await play(hetero_lr, conf, split.ports())
    clear = bench.clear(split, epochs=2)
    np.testing.assert_allclose(bench.weights(played)[0], clear.weights, atol=1e-6)


async def test_a_batch_no_larger_than_a_hosts_width_is_refused(play: Any, bench: Any) -> None:
    split = bench.drawn(34, [1, 10])
    with pytest.raises(BatchTooSmall, match="host:10000") as refused:
        await play(hetero_lr, {**bench.quiet, "batch_size": 10}, split.ports())
    assert refused.value.facts == {"party": "host:10000"}
    with pytest.raises(BatchTooSmall):
        await play(hetero_lr, bench.quiet, bench.drawn(34, [1, 34]).ports())


async def test_several_hosts_are_told_to_use_weight_diff(play: Any, bench: Any) -> None:
    with pytest.raises(InvalidParameters, match="early_stop: diff and abs need the loss"):
        await play(hetero_lr, bench.quiet, bench.drawn(34, [2, 3, 1]).ports())


async def test_rows_without_a_label_are_counted(play: Any, bench: Any) -> None:
    split = bench.drawn(34, [2, 3])
    split.label[:4] = np.nan
    with pytest.raises(DataProblem, match="4 rows have no label"):
        await play(hetero_lr, bench.quiet, split.ports())


async def test_one_class_alone_is_nothing_to_learn(play: Any, bench: Any) -> None:
    split = bench.drawn(34, [2, 3])
    split.label[:] = 1
    with pytest.raises(DataProblem, match="all rows have the same label"):
        await play(hetero_lr, bench.quiet, split.ports())


async def test_missing_features_are_counted_and_missing_fill_named(play: Any, bench: Any) -> None:
    split = bench.drawn(34, [2, 3])
    split.hosts[0][3, 1] = np.nan
    with pytest.raises(NonFiniteValues, match=r"^1 values are NaN .*missing_fill"):
        await play(hetero_lr, bench.quiet, split.ports())


async def test_parties_with_other_ids_are_told_to_intersect(play: Any, bench: Any) -> None:
    ports = bench.drawn(34, [2, 3]).ports()
    ports[bench.hosts[0]] = bench.drawn(29, [2, 3]).ports()[bench.hosts[0]]
    with pytest.raises(IdsDiffer, match="put an Intersection before"):
        await play(hetero_lr, bench.quiet, ports)


async def test_an_empty_table_is_refused(play: Any, bench: Any) -> None:
    ports = bench.drawn(34, [2, 3]).ports()
    ports[bench.guest] = {"train_data": ports[bench.guest]["train_data"].take([])}
    with pytest.raises(DataProblem, match="no rows to learn from"):
        await play(hetero_lr, bench.quiet, ports)


async def test_a_prediction_without_a_model_is_refused(play: Any, bench: Any) -> None:
    with pytest.raises(DataProblem, match="bind the model of a trained HeteroLR"):
        await play(hetero_lr, {}, bench.drawn(34, [2, 3]).ports("test_data"))
    with pytest.raises(DataProblem, match="bind train_data to train"):
        await play(hetero_lr, {}, bench.drawn(34, [2, 3]).ports("other"))


def test_a_short_key_is_lengthened_and_the_log_says_so(trained: Any, bench: Any) -> None:
    text = trained.reports[bench.arbiter].text
    assert "1024 bits can be broken; 2048 bits are used" in text
    assert "Paillier is used instead" in text
    keys = [row for row in trained.ledger if row.tag == "public_key"]
    assert {row.shape for row in keys} == {"public key of 2048 bits"}


def test_metrics_are_followed_at_the_epochs_named(trained: Any, bench: Any) -> None:
    report, table = trained.reports[bench.guest], trained[bench.guest].data[0]
    assert [name for _, name in report.metrics] == ["iteration_1"]
    last = validation_metrics(table.label, table.numbers("predict_score"), ["auc", "ks"])
    assert dict(report.metrics["train", "iteration_1"]) == last


def test_the_model_shows_fates_fields(trained: Any, bench: Any) -> None:
    guest, arbiter = trained[bench.guest].model, trained[bench.arbiter].model
    weights = bench.weights(trained)[0].tolist()
    assert guest.param["weight"] == {"g0": weights[0], "g1": weights[1]}
    assert guest.param["intercept"] == weights[2]
    assert guest.param["header"] == ["g0", "g1"]
    assert guest.param["iters"] == 2
    assert guest.meta["batchSize"] == "40"
    assert guest.meta["maxIter"] == "2"
    assert guest.meta["module"] == "HeteroLR"
    assert arbiter.param["weight"] == {}
    assert len(arbiter.param["lossHistory"]) == 2


def test_the_summaries_have_fates_fields(trained: Any, bench: Any) -> None:
    assert set(trained[bench.guest].summary) == {
        "coef",
        "intercept",
        "is_converged",
        "best_iteration",
        "one_vs_rest",
        "validation_metrics",
    }
    assert set(trained[bench.hosts[0]].summary["coef"]) == {"h0", "h1", "h2"}
    assert set(trained[bench.arbiter].summary) == {
        "loss_history",
        "is_converged",
        "best_iteration",
        "best_iter_loss",
    }


async def test_a_prediction_needs_no_arbiter_and_keeps_the_guests_order(
    play: Any, bench: Any, trained: Any
) -> None:
    later = bench.drawn(31, [2, 3], seed=4)
    ports = later.ports("test_data")
    del ports[bench.arbiter]
    for seat in ports:
        ports[seat] |= {"model": trained[seat].model}
    played = await play(hetero_lr, {"predict_param": {"threshold": 0.4}}, ports)
    table = played[bench.guest].data[0]
    chances = 1 / (1 + np.exp(-later.pooled @ bench.weights(trained)[0]))
    assert table.ids.to_pylist() == later.ids()
    np.testing.assert_allclose(table.numbers("predict_score"), chances, atol=1e-9)
    np.testing.assert_array_equal(table.numbers("predict_result"), chances > 0.4)
    np.testing.assert_array_equal(table.label, later.label)
    assert table.frame["type"].to_pylist() == ["predict"] * 31
    detail = ast.literal_eval(table.frame["predict_detail"][0].as_py())
    assert detail == {"0": pytest.approx(1 - chances[0]), "1": pytest.approx(chances[0])}
    assert played[bench.hosts[0]].data == ()


async def test_an_arbiter_of_a_prediction_job_has_nothing_to_do(
    play: Any, bench: Any, trained: Any
) -> None:
    ports = bench.drawn(34, [2, 3]).ports("eval_data")
    for seat in (bench.guest, bench.hosts[0]):
        ports[seat] |= {"model": trained[seat].model}
    played = await play(hetero_lr, {}, ports)
    assert played[bench.arbiter].data == ()
    assert played[bench.guest].data[0].rows == 34


async def test_rows_without_labels_are_predicted_all_the_same(
    play: Any, bench: Any, trained: Any
) -> None:
    split = bench.drawn(34, [2, 3])
    ports = split.ports("test_data")
    ports[bench.guest] = {"test_data": split.unlabelled()}
    for seat in (bench.guest, bench.hosts[0]):
        ports[seat] |= {"model": trained[seat].model}
    table = (await play(hetero_lr, {}, ports))[bench.guest].data[0]
    assert np.isnan(table.label).all()
    assert np.isfinite(table.numbers("predict_score")).all()


async def test_a_model_at_the_guest_alone_is_no_warm_start(
    play: Any, bench: Any, trained: Any
) -> None:
    ports = bench.drawn(34, [2, 3]).ports()
    ports[bench.guest] |= {"model": trained[bench.guest].model}
    with pytest.raises(DataProblem, match="do not start from models of one training"):
        await play(hetero_lr, {**bench.quiet, "max_iter": 3}, ports)


async def test_inputs_that_mean_different_stages_are_told(
    play: Any, bench: Any, trained: Any
) -> None:
    ports = bench.drawn(34, [2, 3]).ports("test_data")
    ports[bench.guest] |= {"model": trained[bench.guest].model}
    ports[bench.hosts[0]] = bench.drawn(34, [2, 3]).ports()[bench.hosts[0]]
    with pytest.raises(DataProblem, match="inputs mean predict and this host's mean fit"):
        await play(hetero_lr, bench.quiet, ports)


async def test_rows_are_not_scored_at_the_end_where_nobody_reads_it(play: Any, bench: Any) -> None:
    conf = {**bench.quiet, "max_iter": 1}
    ports = bench.drawn(34, [2, 3]).ports()
    played = await play(hetero_lr, conf, ports, facts={"outputs": ()})
    assert played[bench.guest].data == ()
    assert played[bench.guest].model is not None
    assert "scores" not in {row.tag for row in played.ledger}
