"""HeteroLinR over sealed channels against the same recurrence on pooled rows."""

import asyncio
from typing import Any

import numpy as np
import pytest

from federation.components.linear.hetero_linr import hetero_linr
from federation.components.linear.hetero_lr import hetero_lr
from federation.components.linear.link import Diverged
from federation.components.linear.params import LinearParams
from federation.components.statistics.values import validation_metrics
from federation.errors import DataProblem, InvalidParameters

CONF = {"learning_rate": 0.15, "alpha": 0.1, "max_iter": 2}


def numbers(bench: Any, widths: list[int], seed: int = 1, rows: int = 34) -> Any:
    """Rows whose label is a number: a sum of the columns, and some noise."""
    split = bench.drawn(rows, widths, seed=seed)
    noise = np.random.default_rng(seed).normal(size=rows) / 4
    split.label = split.pooled @ np.linspace(-1, 2, split.pooled.shape[1]) + noise
    return split


@pytest.fixture(scope="module")
def trained(play: Any, bench: Any) -> Any:
    """One training with validation rows that several tests look at."""
    split, other = numbers(bench, [2, 3]), numbers(bench, [2, 3], seed=2)
    ports = split.ports()
    for seat, bound in other.ports("validate_data").items():
        ports[seat] = {**ports[seat], **bound}
    conf = {**bench.quiet, **CONF, "validation_freqs": 2, "metrics": ["auc", "rmse"]}
    return asyncio.run(play(hetero_linr, conf, ports))


def test_weights_and_losses_are_those_of_the_pooled_rows(trained: Any, bench: Any) -> None:
    clear = bench.clear(numbers(bench, [2, 3]), epochs=2, kind="linear", optimizer="sgd")
    np.testing.assert_allclose(bench.weights(trained)[0], clear.weights, atol=1e-6)
    report = trained.reports[bench.arbiter]
    assert report.metrics["train", "loss"] == [
        (epoch, pytest.approx(loss, abs=1e-6)) for epoch, loss in enumerate(clear.losses)
    ]
    assert report.types["train", "loss"] == "LOSS"


async def test_long_training_ends_near_the_least_squares_of_the_pooled_rows(
    play: Any, bench: Any
) -> None:
    split = numbers(bench, [1, 1], rows=15)
    conf = {**bench.quiet, "penalty": None, "learning_rate": 0.9, "decay": 0, "max_iter": 25}
    played = await play(hetero_linr, conf, split.ports())
    best, *_ = np.linalg.lstsq(split.pooled, split.label, rcond=None)
    np.testing.assert_allclose(bench.weights(played)[0], best, atol=1e-3)


async def test_two_hosts_end_at_the_weights_of_the_pooled_rows(play: Any, bench: Any) -> None:
    split = numbers(bench, [2, 3, 1])
    conf = {**bench.quiet, **CONF, "early_stop": "weight_diff", "optimizer": "adam"}
    played = await play(hetero_linr, conf, split.ports())
    clear = bench.clear(split, epochs=2, kind="linear", optimizer="adam")
    np.testing.assert_allclose(bench.weights(played, hosts=2)[0], clear.weights, atol=1e-6)
    assert played[bench.arbiter].summary["loss_history"] == []


async def test_a_warm_start_goes_on_where_the_model_ended(
    play: Any, bench: Any, trained: Any
) -> None:
    split = numbers(bench, [2, 3])
    ports = split.ports()
    for seat in (bench.guest, bench.hosts[0]):
        ports[seat] |= {"model": trained[seat].model}
    played = await play(hetero_linr, {**bench.quiet, **CONF, "max_iter": 3}, ports)
    clear = bench.clear(split, epochs=3, kind="linear", optimizer="sgd")
    np.testing.assert_allclose(bench.weights(played)[0], clear.weights, atol=1e-6)


def test_predictions_are_the_scores_themselves(trained: Any, bench: Any) -> None:
    table = trained[bench.guest].data[0]
    split = numbers(bench, [2, 3])
    values = split.pooled @ bench.weights(trained)[0]
    np.testing.assert_allclose(table.numbers("predict_score")[:34], values, atol=1e-9)
    np.testing.assert_array_equal(table.numbers("predict_result"), table.numbers("predict_score"))
    first = table.numbers("predict_score")[0]
    assert table.frame["predict_detail"][0].as_py() == f"{{'label': {first}}}"
    assert table.frame["type"].unique().to_pylist() == ["train", "validate"]


def test_metrics_of_numbers_alone_are_followed(trained: Any, bench: Any) -> None:
    table, report = trained[bench.guest].data[0], trained.reports[bench.guest]
    held_out = validation_metrics(
        table.label[34:], table.numbers("predict_score")[34:], ["rmse"], eval_type="regression"
    )
    assert dict(report.metrics["validate", "iteration_1"]) == held_out


def test_model_and_summary_show_fates_fields(trained: Any, bench: Any) -> None:
    guest, arbiter = trained[bench.guest], trained[bench.arbiter]
    weights = bench.weights(trained)[0].tolist()
    assert guest.model.param["weight"] == {"g0": weights[0], "g1": weights[1]}
    assert set(guest.model.param) == {
        "iters",
        "lossHistory",
        "isConverged",
        "weight",
        "intercept",
        "header",
        "bestIteration",
        "encryptedWeight",
        "cipher",
    }
    assert guest.model.meta == {
        "penalty": "L2",
        "tol": 0.0,
        "alpha": 0.1,
        "optimizer": "sgd",
        "batchSize": "-1",
        "learningRate": 0.15,
        "maxIter": "2",
        "earlyStop": "diff",
        "fitIntercept": True,
        "revealStrategy": "",
    }
    assert guest.summary["one_vs_rest"] is False
    assert len(arbiter.model.param["lossHistory"]) == 2


async def test_a_prediction_needs_no_arbiter(play: Any, bench: Any, trained: Any) -> None:
    later = numbers(bench, [2, 3], seed=4)
    ports = later.ports("test_data")
    del ports[bench.arbiter]
    for seat in ports:
        ports[seat] |= {"model": trained[seat].model}
    table = (await play(hetero_linr, {}, ports))[bench.guest].data[0]
    np.testing.assert_allclose(
        table.numbers("predict_result"), later.pooled @ bench.weights(trained)[0], atol=1e-9
    )
    assert table.ids.to_pylist() == later.ids()


async def test_a_model_of_another_kind_is_refused(play: Any, bench: Any, trained: Any) -> None:
    ports = bench.drawn(34, [2, 3]).ports("test_data")
    ports[bench.guest] |= {"model": trained[bench.guest].model}
    with pytest.raises(DataProblem, match="is no HeteroLR model"):
        await play(hetero_lr, {}, ports)


def test_what_is_about_rows_reaches_host_and_arbiter_encrypted_alone(
    trained: Any, bench: Any
) -> None:
    clear = {
        (row.tag, row.receiver)
        for row in trained.ledger
        if row.type != "Encrypted" and row.receiver != str(bench.guest)
    }
    host, arbiter = str(bench.hosts[0]), str(bench.arbiter)
    assert clear == {
        ("course", arbiter),
        *((tag, host) for tag in ("course", "ids", "batch", "public_key", "step", "converged")),
    }


def test_the_defaults_are_fates() -> None:
    p = LinearParams.parse({"predict_param": None, "converge_func": "abs"})
    assert (p.optimizer, p.max_iter, p.early_stop) == ("sgd", 20, "abs")
    declared = hetero_linr.declare()
    assert (declared.module, declared.class_name) == ("HeteroLinR", "LinearParam")


def test_every_problem_is_told_at_its_path() -> None:
    wrong = {"exposure_colname": "e", "max_iter": 0, "encrypt_param": {"method": "RSA"}}
    with pytest.raises(InvalidParameters) as refused:
        LinearParams.parse(wrong)
    paths = {problem.path for problem in refused.value.problems}
    assert paths == {"exposure_colname", "max_iter", "encrypt_param.method"}


async def test_steps_that_grow_beyond_all_bounds_end_by_name(play: Any, bench: Any) -> None:
    split = bench.drawn(34, [2, 3])
    conf = {**bench.quiet, "optimizer": "sgd", "learning_rate": 5000.0, "max_iter": 9}
    with pytest.raises(Diverged, match="smaller learning_rate"):
        await play(hetero_linr, conf, split.ports())
