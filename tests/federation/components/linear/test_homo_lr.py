"""HomoLR over sealed channels against the same averages in the clear."""

import asyncio
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from federation.channel import Channel
from federation.components.common.columns import NoSuchColumn
from federation.components.common.unfit import UnfitLetter
from federation.components.linear.homo_letters import Hides
from federation.components.linear.homo_lr import homo_lr
from federation.components.linear.params import HomoLogisticParams
from federation.components.statistics.values import validation_metrics
from federation.errors import DataProblem, InvalidParameters
from federation.protocols.lasting_sum import TooFewStayed, join, judge
from federation.protocols.masks import UnfitAddend
from federation.tables import Table

CONF = {
    "init_param": {"init_method": "zeros"},
    "tol": 0.0,
    "learning_rate": 0.5,
    "alpha": 0.1,
    "max_iter": 4,
}
SIZES = (30, 20, 13)
NAMES = ["a", "b", "c"]
TRUTH = np.array([1.5, -1.0, 0.5])


def rows(size: int, seed: int, classes: int = 2) -> tuple[Any, Any]:
    draw = np.random.default_rng(seed)
    X = draw.normal(size=(size, 3))
    s = X @ TRUTH + draw.normal(size=size) / 2
    return X, np.searchsorted(np.linspace(-1, 1, classes + 1)[1:-1], s).astype(float)


def table(X: Any, y: Any, names: Sequence[str] = NAMES) -> Table:
    ids = [f"r{(7 * row + 3) % 997:03d}" for row in range(len(y))]
    return Table.instances(ids, X, list(names), label=y)


def parts(count: int = 3, classes: int = 2) -> list[tuple[Any, Any]]:
    return [rows(size, seed, classes) for seed, size in enumerate(SIZES[:count])]


def ports(bench: Any, given: Sequence[Any], slot: str = "train_data") -> dict[Any, Any]:
    seats = (bench.guest, *bench.hosts)
    bound = {seat: {slot: table(*part)} for seat, part in zip(seats, given, strict=False)}
    return {**bound, bench.arbiter: {}}


def descend(
    X: Any,
    y: Any,
    w: Any,
    *,
    t: int,
    batch: int,
    mu: float = 0.0,
    optimizer: str = "sgd",
    memory: Any = None,
) -> Any:
    """One epoch of one party."""
    start, X = w, np.column_stack([X, np.ones(len(y))])
    for first in range(0, len(y), batch):
        A, b = X[first : first + batch], 2 * y[first : first + batch] - 1
        g = A.T @ (-b / (1 + np.exp(b * (A @ w)))) / len(b) + 0.1 * w * [1, 1, 1, 0]
        g = g + mu * (w - start)
        if optimizer == "rmsprop":
            memory[:] = 0.99 * memory + 0.01 * g * g
            g = g / np.sqrt(memory + 1e-6)
        w = w - 0.5 / np.sqrt(1 + t) * g
    return w


def averaged(given: Sequence[Any], *, epochs: int = 4, every: int = 1, **more: Any) -> Any:
    """FedAvg written down from its definition: the weights and the losses."""
    sizes = np.array([len(y) for _, y in given])
    local = [np.zeros(4) for _ in given]
    batch, losses = more.pop("batch", 1000), []
    memory = [np.zeros(4) for _ in given]
    for t in range(epochs):
        local = [
            descend(X, y, w, t=t, batch=batch, memory=m, **more)
            for (X, y), w, m in zip(given, local, memory, strict=True)
        ]
        if (t + 1) % every == 0 or t + 1 == epochs:
            mean = np.average(local, axis=0, weights=sizes)
            local = [mean for _ in given]
            losses.append(np.average([loss(X, y, mean) for X, y in given], weights=sizes))
    return local[0], losses


def loss(X: Any, y: Any, w: Any) -> float:
    s = np.column_stack([X, np.ones(len(y))]) @ w
    return float(np.mean(np.log1p(np.exp(-(2 * y - 1) * s))) + 0.05 * np.sum(w[:3] ** 2))


def weights(played: Any, seat: Any) -> Any:
    return played[seat].model.state["weights"]


@pytest.fixture(scope="module")
def trained(play: Any, bench: Any) -> Any:
    """One training of three parties that several tests look at."""
    conf = {**CONF, "optimizer": "sgd", "validation_freqs": 2, "batch_size": -1}
    return asyncio.run(play(homo_lr, conf, ports(bench, parts())))


def test_full_batches_are_gradient_descent_on_pooled_rows(trained: Any, bench: Any) -> None:
    pooled = [np.concatenate(each) for each in zip(*parts(), strict=True)]
    expected, losses = averaged([tuple(pooled)])
    np.testing.assert_allclose(weights(trained, bench.guest)[0], expected, atol=1e-6)
    report = trained.reports[bench.arbiter]
    assert report.metrics["train", "loss"] == [
        (epoch, pytest.approx(value, abs=1e-6)) for epoch, value in enumerate(losses)
    ]
    assert report.types["train", "loss"] == "LOSS"


async def test_long_training_ends_at_scikit_learns_optimum_of_the_pooled_rows(
    play: Any, bench: Any
) -> None:
    given = parts()
    X, y = (np.concatenate(each) for each in zip(*given, strict=True))
    conf = {**CONF, "optimizer": "sgd", "learning_rate": 3.0, "decay": 0, "max_iter": 60}
    played = await play(homo_lr, conf, ports(bench, given))
    best = LogisticRegression(C=1 / (0.1 * len(y)), tol=1e-10, max_iter=1000).fit(X, y)
    own = weights(played, bench.hosts[0])[0]
    np.testing.assert_allclose(own, [*best.coef_[0], *best.intercept_], atol=1e-5)


def test_every_party_ends_with_the_same_weights(trained: Any, bench: Any) -> None:
    own = weights(trained, bench.guest)
    for seat in bench.hosts:
        np.testing.assert_array_equal(weights(trained, seat), own)
    assert trained[bench.arbiter].model.param["weight"] == {}


@pytest.mark.parametrize("optimizer", ["sgd", "rmsprop"])
async def test_epochs_between_averages_are_local(play: Any, bench: Any, optimizer: str) -> None:
    given = parts()
    conf = {**CONF, "optimizer": optimizer, "aggregate_iters": 3, "batch_size": 10}
    played = await play(homo_lr, conf, ports(bench, given))
    expected, losses = averaged(given, every=3, batch=10, optimizer=optimizer)
    np.testing.assert_allclose(weights(played, bench.hosts[1])[0], expected, atol=1e-6)
    assert played[bench.arbiter].summary["loss_history"] == pytest.approx(losses, abs=1e-6)
    assert len(losses) == 2


async def test_the_proximal_term_pulls_to_the_average(play: Any, bench: Any) -> None:
    given = parts(2)
    conf = {**CONF, "optimizer": "sgd", "batch_size": 10, "use_proximal": True, "mu": 0.7}
    played = await play(homo_lr, conf, ports(bench, given))
    expected, _ = averaged(given, batch=10, mu=0.7)
    np.testing.assert_allclose(weights(played, bench.guest)[0], expected, atol=1e-6)


async def test_classes_that_one_party_alone_has_are_learned(play: Any, bench: Any) -> None:
    given = parts(2, classes=3)
    given[0] = (given[0][0], np.minimum(given[0][1], 1.0))
    played = await play(homo_lr, {**CONF, "optimizer": "sgd"}, ports(bench, given))
    expected = [averaged([(X, (y == c).astype(float)) for X, y in given])[0] for c in range(3)]
    np.testing.assert_allclose(weights(played, bench.guest), expected, atol=1e-6)
    param = played[bench.guest].model.param
    assert param["oneVsRestResult"]["oneVsRestClasses"] == ["0", "1", "2"]
    report = played.reports[bench.arbiter]
    assert {name for _, name in report.metrics} == {"loss.0", "loss.1", "loss.2"}


async def test_a_warm_start_goes_on_from_the_guests_model(
    play: Any, bench: Any, trained: Any
) -> None:
    bound = ports(bench, parts())
    bound[bench.guest] |= {"model": trained[bench.guest].model}
    played = await play(homo_lr, {**CONF, "optimizer": "sgd", "max_iter": 6}, bound)
    expected, _ = averaged(parts(), epochs=6)
    np.testing.assert_allclose(weights(played, bench.hosts[0])[0], expected, atol=1e-6)
    assert played[bench.hosts[0]].model.param["iters"] == 6


async def test_weight_diff_compares_one_average_with_the_next(play: Any, bench: Any) -> None:
    conf = {**CONF, "early_stop": "weight_diff", "tol": 10.0}
    played = await play(homo_lr, conf, ports(bench, parts()))
    assert played[bench.guest].model.param["iters"] == 2
    assert played[bench.hosts[0]].summary["is_converged"] is True
    assert played[bench.arbiter].summary["is_converged"] is True


async def test_the_guests_metrics_stop_everyone_at_the_best_average(play: Any, bench: Any) -> None:
    given = parts(2)
    bound = ports(bench, given)
    X, y = rows(25, 9)
    bound[bench.guest]["validate_data"] = table(X, 1 - y)
    conf = {**CONF, "optimizer": "sgd", "max_iter": 9, "validation_freqs": 1}
    played = await play(homo_lr, {**conf, "early_stopping_rounds": 2, "metrics": ["auc"]}, bound)
    measured = played[bench.guest].summary["validation_metrics"]["validate"]["auc"]
    best = int(np.argmax(measured))
    assert len(measured) == best + 3 < 9
    expected, losses = averaged(given, epochs=best + 1)
    np.testing.assert_allclose(weights(played, bench.hosts[0])[0], expected, atol=1e-6)
    summary = played[bench.arbiter].summary
    assert summary["best_iteration"] == best
    assert summary["best_iter_loss"] == pytest.approx(losses[best], abs=1e-6)


def test_each_party_predicts_and_measures_its_own_rows(trained: Any, bench: Any) -> None:
    for seat, (X, y) in zip((bench.guest, *bench.hosts), parts(), strict=True):
        given = trained[seat].data[0]
        s = np.column_stack([X, np.ones(len(y))]) @ weights(trained, bench.guest)[0]
        np.testing.assert_allclose(given.numbers("predict_score"), 1 / (1 + np.exp(-s)), atol=1e-9)
        np.testing.assert_array_equal(given.label, y)
        last = validation_metrics(y, given.numbers("predict_score"), ["auc", "ks"])
        assert dict(trained.reports[seat].metrics["train", "iteration_3"]) == last


async def test_a_party_predicts_without_a_letter(play: Any, bench: Any, trained: Any) -> None:
    given = [rows(11, 5), rows(12, 6)]
    bound = ports(bench, given, "test_data")
    del bound[bench.arbiter]
    for seat in bound:
        bound[seat] |= {"model": trained[seat].model}
    played = await play(homo_lr, {"predict_param": {"threshold": 0.4}}, bound)
    assert played.ledger == []
    later = played[bench.hosts[0]].data[0]
    assert later.rows == 12
    assert later.frame["type"].unique().to_pylist() == ["predict"]
    np.testing.assert_array_equal(
        later.numbers("predict_result"), later.numbers("predict_score") > 0.4
    )


async def test_an_arbiter_of_a_prediction_has_nothing_to_do(
    play: Any, bench: Any, trained: Any
) -> None:
    bound = ports(bench, [rows(11, 5), rows(12, 6)], "eval_data")
    for seat in (bench.guest, bench.hosts[0]):
        bound[seat] |= {"model": trained[seat].model}
    assert (await play(homo_lr, {}, bound))[bench.arbiter].data == ()


def test_model_and_summaries_show_fates_fields(trained: Any, bench: Any) -> None:
    model = trained[bench.hosts[0]].model
    assert model.param["header"] == NAMES
    assert set(model.param["weight"]) == set(NAMES)
    assert model.meta["module"] == "HomoLR"
    assert model.meta["predictParam"] == {"threshold": 0.5}
    assert set(trained[bench.guest].summary) == {
        "coef",
        "intercept",
        "is_converged",
        "best_iteration",
        "one_vs_rest",
        "validation_metrics",
    }
    assert len(trained[bench.arbiter].summary["loss_history"]) == 4


def test_nothing_but_masked_numbers_goes_to_the_arbiter(trained: Any, bench: Any) -> None:
    to_arbiter = [row for row in trained.ledger if row.receiver == str(bench.arbiter)]
    assert {(row.tag, row.shape) for row in to_arbiter if row.tag != "rounds"} == {
        ("hides", "hides bool, batches int, every int, opens int"),
        ("pair_key", "bytes"),
        ("masked", "5 uint64"),
        ("masked", "2 uint64"),
        ("unmasking", "own 3 items (1 BigIntVector), keys 0 items"),
    }
    between = {
        row.tag for row in trained.ledger if str(bench.arbiter) not in (row.sender, row.receiver)
    }
    assert between == {"classes", "rounds", "start", "pair_key", "shares"}


async def test_a_curious_arbiter_gets_noise_from_each_party(play: Any, bench: Any) -> None:
    """The same rows twice give letters that agree in nothing."""
    seen: list[Any] = []

    async def curious(ch: Channel) -> None:
        await ch.guest.receive("rounds")
        await judge(ch)
        there = ch.scope("model", 0, "epoch", 0, "weights")
        seen.append([await peer.receive("masked") for peer in (there.guest, *there.hosts)])
        raise InterruptedError

    for _ in range(2):
        with pytest.raises(InterruptedError):
            await play(homo_lr, CONF, ports(bench, parts()), {bench.arbiter: curious})
    first, second = seen
    assert all(not np.any(a == b) for a, b in zip(first, second, strict=True))
    assert np.stack(first).sum(axis=0, dtype=np.uint64)[-1] != sum(SIZES) << 30


async def test_training_goes_on_without_a_host_that_leaves(play: Any, bench: Any) -> None:
    given = parts()

    async def leaving(ch: Channel) -> None:
        _, y = given[2]
        await ch.guest.send("classes", np.unique(y))
        await ch.guest.receive("rounds")
        await ch.guest.receive("start")
        await ch.arbiter.send("hides", Hides(hides=False))
        await join(ch, 8)

    conf = {**CONF, "optimizer": "sgd"}
    played = await play(homo_lr, conf, ports(bench, given), {bench.hosts[1]: leaving})
    expected, losses = averaged(given[:2])
    np.testing.assert_allclose(weights(played, bench.guest)[0], expected, atol=1e-6)
    assert played[bench.arbiter].summary["loss_history"] == pytest.approx(losses, abs=1e-6)


async def test_a_sum_of_one_party_is_never_shown(play: Any, bench: Any) -> None:
    async def leaving(ch: Channel) -> None:
        await ch.guest.send("classes", np.array([0.0, 1.0]))
        await ch.guest.receive("rounds")
        await ch.guest.receive("start")
        await ch.arbiter.send("hides", Hides(hides=False))
        await join(ch, 8)

    with pytest.raises(TooFewStayed, match="host:10000 ended"):
        await play(homo_lr, CONF, ports(bench, parts(2)), {bench.hosts[0]: leaving})


async def test_an_average_of_another_size_is_refused(play: Any, bench: Any) -> None:
    async def careless(ch: Channel) -> None:
        await ch.guest.receive("rounds")
        there = ch.scope("model", 0, "epoch", 0)
        summing = there.scope("weights")
        for peer in (summing.guest, *summing.hosts):
            await peer.send("stayed", ["guest:9999", "host:10000"])
        for peer in (there.guest, *there.hosts):
            await peer.send("average", np.zeros(7))
        await there.guest.receive("verdict")

    with pytest.raises(UnfitLetter, match="arbiter:10002 sent average"):
        await play(homo_lr, CONF, ports(bench, parts(2)), {bench.arbiter: careless})


async def test_a_host_that_adds_another_number_of_weights_is_refused(play: Any, bench: Any) -> None:
    async def lazy(ch: Channel) -> None:
        await ch.guest.send("classes", np.array([0.0, 1.0]))
        await ch.guest.receive("rounds")
        await ch.guest.receive("start")
        await ch.arbiter.send("hides", Hides(hides=False))
        await join(ch, 8)
        there = ch.scope("model", 0, "epoch", 0)
        await there.scope("weights").arbiter.send("masked", np.zeros(4, dtype=np.uint64))
        await there.arbiter.receive("average")

    with pytest.raises(UnfitAddend, match="host:10000 sent masked"):
        await play(homo_lr, CONF, ports(bench, parts(2)), {bench.hosts[0]: lazy})


async def test_parties_with_other_columns_are_told(play: Any, bench: Any) -> None:
    bound = ports(bench, parts(2))
    X, y = parts(2)[1]
    bound[bench.hosts[0]] = {"train_data": table(X, y, ["a", "b", "z"])}
    with pytest.raises(NoSuchColumn, match="c"):
        await play(homo_lr, CONF, bound)
    wider = table(np.column_stack([X, y]), y, [*NAMES, "more"])
    bound[bench.hosts[0]] = {"train_data": wider}
    with pytest.raises(DataProblem, match=r"1 columns are not in the guest's table.*more"):
        await play(homo_lr, CONF, bound)


async def test_the_order_of_a_hosts_columns_does_not_matter(play: Any, bench: Any) -> None:
    given = parts(2)
    bound = ports(bench, given)
    X, y = given[1]
    bound[bench.hosts[0]] = {"train_data": table(X[:, [2, 0, 1]], y, ["c", "a", "b"])}
    played = await play(homo_lr, {**CONF, "optimizer": "sgd"}, bound)
    np.testing.assert_allclose(weights(played, bench.hosts[0])[0], averaged(given)[0], atol=1e-6)


async def test_one_class_at_all_parties_is_nothing_to_learn(play: Any, bench: Any) -> None:
    given = [(X, np.ones(len(y))) for X, y in parts(2)]
    with pytest.raises(DataProblem, match="all rows have the same label"):
        await play(homo_lr, CONF, ports(bench, given))


async def test_a_prediction_without_a_model_is_refused(play: Any, bench: Any) -> None:
    with pytest.raises(DataProblem, match="bind the model of a trained HomoLR"):
        await play(homo_lr, {}, ports(bench, parts(2), "test_data"))


async def test_every_party_parts_its_own_rows_into_folds(play: Any, bench: Any) -> None:
    given = parts(2)
    cv = {"need_cv": True, "n_splits": 2, "shuffle": False, "mode": "homo"}
    conf = {**CONF, "optimizer": "sgd", "cv_param": cv}
    played = await play(homo_lr, conf, ports(bench, given))
    kept = [(X[len(y) // 2 :], y[len(y) // 2 :]) for X, y in given]
    expected, losses = averaged(kept)
    summary = played[bench.hosts[0]].summary
    assert [*summary["fold_0"]["coef"].values()] == pytest.approx(expected[:3], abs=1e-6)
    assert played[bench.arbiter].summary["fold_0"]["loss_history"] == pytest.approx(losses)
    for seat, (X, y) in zip((bench.guest, bench.hosts[0]), given, strict=True):
        history = played[seat].data[0]
        assert history.rows == 2 * len(y)
        half = len(y) // 2
        s = np.column_stack([X, np.ones(len(y))])[:half] @ expected
        left_out = history.numbers("predict_score")[len(y) - half : len(y)]
        np.testing.assert_allclose(left_out, 1 / (1 + np.exp(-s)), atol=1e-6)
        names = history.ids.to_pylist()[len(y) - half : len(y)]
        assert all(name.endswith("#fold0#validate") for name in names)
    assert played[bench.guest].model is None


def test_fields_of_vertical_models_are_read_without_effect() -> None:
    given = {"batch_strategy": "random", "masked_rate": 2, "floating_point_precision": 10}
    p = HomoLogisticParams.parse({**given, "aggregate_iters": 3})
    assert (p.batch_strategy, p.aggregate_iters) == ("full", 3)
    legacy = homo_lr.declare().legacy_fields
    assert legacy["masked_rate"] == "accepted, no effect: batches stay at home"


def test_every_problem_is_told_at_its_path() -> None:
    wrong = {"aggregate_iters": 0, "agregate_iters": 1, "mu": -1, "optimizer": "newton"}
    with pytest.raises(InvalidParameters) as refused:
        HomoLogisticParams.parse(wrong)
    told = {problem.path: problem.message for problem in refused.value.problems}
    assert set(told) == set(wrong)
    assert told["agregate_iters"].endswith("did you mean 'aggregate_iters'?")
