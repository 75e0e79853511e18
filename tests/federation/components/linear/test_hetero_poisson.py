"""HeteroPoisson over sealed channels against the same recurrence on pooled rows."""

import asyncio
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import PoissonRegressor

from federation.channel import Channel
from federation.components.common.columns import NoSuchColumn
from federation.components.linear.hetero_fit import OneHostOnly
from federation.components.linear.hetero_poisson import hetero_poisson
from federation.components.linear.letters import Forward
from federation.components.linear.link import Diverged
from federation.components.linear.params import PoissonParams
from federation.errors import ComputationProblem, DataProblem, InvalidParameters
from federation.tables import Table

CONF = {"learning_rate": 0.15, "alpha": 0.1, "max_iter": 2}


def counts(bench: Any, seed: int = 1, widths: tuple[int, ...] = (2, 3)) -> tuple[Any, Any]:
    """Rows whose label is a count, and how long each was exposed."""
    split = bench.drawn(34, widths, seed=seed)
    draw = np.random.default_rng(seed)
    exposure = draw.uniform(0.5, 3.0, size=34)
    split.label = draw.poisson(exposure * np.exp(split.pooled.sum(axis=1) / 4)).astype(float)
    return split, exposure


def ports_of(bench: Any, split: Any, exposure: Any, slot: str = "train_data") -> Any:
    """The split's ports, with the exposures as a column of the guest."""
    ports = split.ports(slot)
    table = ports[bench.guest][slot]
    matrix = np.column_stack([exposure, table.features])
    names = ["exposed", *table.feature_names]
    ports[bench.guest] = {slot: Table.instances(table.ids, matrix, names, label=table.label)}
    return ports


@pytest.fixture(scope="module")
def trained(play: Any, bench: Any) -> Any:
    """One training with exposures that several tests look at."""
    conf = {**bench.quiet, **CONF, "exposure_colname": "exposed", "validation_freqs": 1}
    return asyncio.run(play(hetero_poisson, conf, ports_of(bench, *counts(bench))))


def test_weights_and_losses_are_those_of_the_pooled_rows(trained: Any, bench: Any) -> None:
    split, exposure = counts(bench)
    clear = bench.clear(split, epochs=2, kind="poisson", exposure=exposure)
    np.testing.assert_allclose(bench.weights(trained)[0], clear.weights, atol=1e-6)
    assert trained[bench.arbiter].summary["loss_history"] == pytest.approx(clear.losses, abs=1e-6)


async def test_long_training_ends_at_scikit_learns_optimum_of_the_pooled_rows(
    play: Any, bench: Any
) -> None:
    split = bench.drawn(15, [1, 1])
    split.label = np.random.default_rng(4).poisson(np.exp(split.pooled.sum(axis=1) / 4))
    split.label = split.label.astype(float)
    conf = {**bench.quiet, "optimizer": "sgd", "learning_rate": 0.6, "decay": 0, "max_iter": 20}
    played = await play(hetero_poisson, {**conf, "alpha": 0.5}, split.ports())
    columns = np.delete(split.pooled, 1, axis=1)
    best = PoissonRegressor(alpha=0.5, tol=1e-9).fit(columns, split.label)
    own = bench.weights(played)[0]
    np.testing.assert_allclose(own, [best.coef_[0], best.intercept_, best.coef_[1]], atol=1e-3)


async def test_without_exposures_every_row_counts_as_one(play: Any, bench: Any) -> None:
    split, _ = counts(bench)
    conf = {**bench.quiet, **CONF, "optimizer": "adam", "penalty": "L1"}
    played = await play(hetero_poisson, conf, split.ports())
    clear = bench.clear(split, epochs=2, kind="poisson", optimizer="adam", penalty="L1")
    np.testing.assert_allclose(bench.weights(played)[0], clear.weights, atol=1e-6)


async def test_the_loss_of_a_drawn_batch_leaves_out_its_cover(
    play: Any, bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    split, _ = counts(bench)
    ports = split.ports()
    monkeypatch.setattr(np.random, "default_rng", lambda: np.random.Generator(np.random.PCG64(5)))
    taken = np.random.default_rng().permutation(34)[:24]
    conf = {"batch_strategy": "random", "batch_size": 12, "masked_rate": 1, "optimizer": "sgd"}
    played = await play(hetero_poisson, {**bench.quiet, **CONF, **conf, "max_iter": 1}, ports)
    batch = np.argsort(split.ids())[taken[:12]]
    clear = bench.clear(split, epochs=1, kind="poisson", optimizer="sgd", batches=[batch])
    np.testing.assert_allclose(bench.weights(played)[0], clear.weights, atol=1e-6)
    assert played[bench.arbiter].summary["loss_history"] == pytest.approx(clear.losses, abs=1e-6)


def test_predictions_grow_with_the_exposure(trained: Any, bench: Any) -> None:
    split, exposure = counts(bench)
    table = trained[bench.guest].data[0]
    values = exposure * np.exp(split.pooled @ bench.weights(trained)[0])
    np.testing.assert_allclose(table.numbers("predict_result"), values, rtol=1e-9)
    measured = trained[bench.guest].summary["validation_metrics"]["train"]
    rmse = np.sqrt(np.mean((values - split.label) ** 2))
    assert measured["root_mean_squared_error"][-1] == pytest.approx(rmse, abs=1e-6)


async def test_a_prediction_takes_the_exposures_of_its_own_rows(
    play: Any, bench: Any, trained: Any
) -> None:
    split, exposure = counts(bench, seed=3)
    ports = ports_of(bench, split, exposure, "test_data")
    for seat in (bench.guest, bench.hosts[0]):
        ports[seat] |= {"model": trained[seat].model}
    conf = {"exposure_colname": "exposed"}
    table = (await play(hetero_poisson, conf, ports))[bench.guest].data[0]
    values = exposure * np.exp(split.pooled @ bench.weights(trained)[0])
    np.testing.assert_allclose(table.numbers("predict_score"), values, rtol=1e-9)


def test_model_and_meta_show_fates_fields(trained: Any, bench: Any) -> None:
    model = trained[bench.guest].model
    assert model.param["header"] == ["g0", "g1"]
    assert set(model.param) == {
        "iters",
        "lossHistory",
        "isConverged",
        "weight",
        "intercept",
        "header",
        "bestIteration",
    }
    assert model.meta["exposureColname"] == "exposed"
    assert set(model.meta) == {
        "penalty",
        "tol",
        "alpha",
        "optimizer",
        "batchSize",
        "learningRate",
        "maxIter",
        "earlyStop",
        "fitIntercept",
        "exposureColname",
    }


def test_the_exposures_never_leave_the_guest(trained: Any, bench: Any) -> None:
    sent = {row.tag for row in trained.ledger if row.sender == str(bench.guest)}
    assert sent == {"course", "ids", "batch", "residual", "gradient", "loss"}
    assert {r.type for r in trained.ledger if r.tag in ("residual", "gradient", "loss")} == {
        "Encrypted"
    }


async def test_a_host_can_not_divide_its_share_out_of_the_residual(play: Any, bench: Any) -> None:
    """Where the label is 0, d = e exp(s_g) u: a host that knew the factor would know the label."""
    split, _ = counts(bench)
    split.guest[:] = 0.0
    split.label[:] = 0.0
    found: list[bool] = []

    async def curious(ch: Channel) -> None:
        await ch.guest.send("width", 3)
        await ch.guest.receive("course")
        await ch.scope("train").guest.receive("ids")
        await ch.scope("batches", 0).guest.receive("batch")
        key = await ch.arbiter.receive("public_key")
        ch.keyring.add(key)
        here = ch.scope("model", 0).scope("epoch", 0).scope("batch", 0)
        share = key.encrypt(np.ones(34), precision=23).refreshed()
        await here.guest.send("forward", Forward(share=share, loss=key.encrypt(np.zeros(35))))
        residual = await here.guest.receive("residual")
        own = (share * np.ones(34)).to_wire()["cells"].to_ints()
        theirs = residual.to_wire()["cells"].to_ints()
        found.extend(mine == other for mine, other in zip(own, theirs, strict=True))
        raise InterruptedError

    with pytest.raises(InterruptedError):
        await play(hetero_poisson, bench.quiet, split.ports(), {bench.hosts[0]: curious})
    assert found == [False] * 34


async def test_a_host_that_sums_up_its_part_of_the_loss_is_refused(play: Any, bench: Any) -> None:
    async def short(ch: Channel) -> None:
        await ch.guest.send("width", 3)
        key = await ch.arbiter.receive("public_key")
        here = ch.scope("model", 0).scope("epoch", 0).scope("batch", 0)
        share = key.encrypt(np.ones(34))
        await here.guest.send("forward", Forward(share=share, loss=key.encrypt([0.0])))
        await ch.guest.receive("course")
        await here.arbiter.receive("step")

    with pytest.raises(ComputationProblem, match="no part of the loss"):
        ports = counts(bench)[0].ports()
        await play(hetero_poisson, bench.quiet, ports, {bench.hosts[0]: short})


async def test_a_second_host_is_refused(play: Any, bench: Any) -> None:
    split, _ = counts(bench, widths=(2, 3, 1))
    with pytest.raises(OneHostOnly, match="HeteroPoisson works with one host only"):
        await play(hetero_poisson, {**bench.quiet, "early_stop": "weight_diff"}, split.ports())


async def test_labels_and_exposures_must_be_possible(play: Any, bench: Any) -> None:
    split, exposure = counts(bench)
    exposure[:3] = 0.0
    conf = {**bench.quiet, "exposure_colname": "exposed"}
    with pytest.raises(DataProblem, match="3 rows have an exposure in column exposed"):
        await play(hetero_poisson, conf, ports_of(bench, split, exposure))
    with pytest.raises(NoSuchColumn, match="exposed"):
        await play(hetero_poisson, conf, split.ports())
    split.label[0] = -1
    with pytest.raises(DataProblem, match="a label is below 0"):
        await play(hetero_poisson, bench.quiet, split.ports())


async def test_scores_that_grow_beyond_all_bounds_are_told(play: Any, bench: Any) -> None:
    split, _ = counts(bench)
    split.hosts[0][0, 0] = 1e4
    conf = {**bench.quiet, "init_param": {"init_method": "ones"}}
    with pytest.raises(Diverged, match="smaller learning_rate"):
        await play(hetero_poisson, conf, split.ports())


def test_fates_fields_are_read_and_others_told() -> None:
    p = PoissonParams.parse({"exposure_colname": "exposed", "penalty": None, "max_iter": None})
    assert (p.optimizer, p.max_iter, p.penalty, p.exposure) == ("rmsprop", 20, "NONE", "exposed")
    with pytest.raises(InvalidParameters) as refused:
        PoissonParams.parse({"exposure_colnam": "e", "optimizer": "newton"})
    told = {problem.path: problem.message for problem in refused.value.problems}
    assert set(told) == {"exposure_colnam", "optimizer"}
    assert told["exposure_colnam"].endswith("did you mean 'exposure_colname'?")
