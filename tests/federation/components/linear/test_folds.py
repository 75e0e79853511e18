"""Cross validation of linear models: each fold is a training of its own."""

import asyncio
from typing import Any

import numpy as np
import pytest
from sklearn.model_selection import KFold

from federation.components.common.cross_validation import held_out
from federation.components.common.row_order import IdsDiffer
from federation.components.common.training import FoldsParam
from federation.components.linear.hetero_linr import hetero_linr
from federation.components.linear.hetero_lr import hetero_lr
from federation.components.statistics.values import validation_metrics
from federation.errors import DataProblem
from federation.tables import Table

CONF: dict[str, Any] = {
    "learning_rate": 0.15,
    "alpha": 0.1,
    "max_iter": 1,
    "optimizer": "sgd",
    "cv_param": {"need_cv": True, "n_splits": 3, "shuffle": True, "random_seed": 7},
}


def parts(split: Any, *, seed: int = 7) -> list[tuple[Any, Any]]:
    """Rows of the split, in the order of its tables, that each fold keeps and leaves out."""
    order = np.argsort(split.ids())
    folds = KFold(3, shuffle=True, random_state=seed).split(order)
    return [(np.sort(order[kept]), np.sort(order[left])) for kept, left in folds]


@pytest.fixture(scope="module")
def validated(play: Any, bench: Any) -> Any:
    conf = {**bench.quiet, **CONF, "validation_freqs": 1}
    return asyncio.run(play(hetero_lr, conf, bench.drawn(24, [2, 3]).ports()))


def test_each_fold_is_trained_on_the_rows_of_the_others(validated: Any, bench: Any) -> None:
    split = bench.drawn(24, [2, 3])
    history = validated[bench.guest].data[0]
    scores = dict(zip(history.ids.to_pylist(), history.numbers("predict_score"), strict=True))
    ids = split.ids()
    assert len(scores) == 3 * 24
    for fold, (kept, left) in enumerate(parts(split)):
        clear = bench.clear(split, epochs=1, optimizer="sgd", batches=[kept])
        chances = 1 / (1 + np.exp(-split.pooled @ clear.weights))
        for rows, stage in ((kept, "train"), (left, "validate")):
            told = [scores[f"{ids[row]}#fold{fold}#{stage}"] for row in rows]
            np.testing.assert_allclose(told, chances[rows], atol=1e-6)


def test_metrics_and_losses_carry_the_number_of_their_fold(validated: Any, bench: Any) -> None:
    history = validated[bench.guest].data[0]
    metrics = validated.reports[bench.guest].metrics
    stages = ("train", "validate")
    assert set(metrics) == {
        *((stage, f"fold_{i}.iteration_0") for i in range(3) for stage in stages),
        *((stage, f"{stage}_fold_{i}") for i in range(3) for stage in stages),
    }
    chosen = [str(name).endswith("#fold1#validate") for name in history.ids.to_pylist()]
    expected = validation_metrics(
        history.label[chosen], history.numbers("predict_score")[chosen], ["auc", "ks"]
    )
    assert dict(metrics["validate", "validate_fold_1"]) == expected
    losses = validated.reports[bench.arbiter].metrics
    assert set(losses) == {("train", f"loss.{i}") for i in range(3)}
    assert validated.reports[bench.guest].steps == [(1, 3), (2, 3), (3, 3)]


def test_summaries_stand_by_fold_and_no_model_is_kept(validated: Any, bench: Any) -> None:
    for seat in (bench.guest, bench.hosts[0], bench.arbiter):
        summary = validated[seat].summary
        assert set(summary) == {"fold_0", "fold_1", "fold_2", "fold_num"}
        assert summary["fold_num"] == 3
        assert validated[seat].model is None
    assert set(validated[bench.guest].summary["fold_0"]["coef"]) == {"g0", "g1"}
    assert len(validated[bench.arbiter].summary["fold_2"]["loss_history"]) == 1


def test_a_host_has_the_number_of_the_fold_for_each_row(validated: Any, bench: Any) -> None:
    history = validated[bench.hosts[0]].data[0]
    assert history.feature_names == ("fold_num",)
    for name, number in zip(history.ids.to_pylist(), history.numbers("fold_num"), strict=True):
        assert f"#fold{int(number)}#" in name
    assert validated[bench.arbiter].data == ()


def test_a_host_learns_which_rows_a_fold_leaves_out_and_nothing_new_else(
    validated: Any, bench: Any
) -> None:
    to_host = {row.tag for row in validated.ledger if row.receiver == str(bench.hosts[0])}
    assert to_host == {
        "course",
        "fold",
        "ids",
        "public_key",
        "batch",
        "residual",
        "step",
        "converged",
    }


async def test_instances_are_given_instead_of_scores_where_asked(play: Any, bench: Any) -> None:
    cv = {**CONF["cv_param"], "history_value_type": "instance", "n_splits": 2, "shuffle": False}
    split = bench.drawn(24, [2, 3])
    ports = split.ports()
    played = await play(hetero_linr, {**bench.quiet, **CONF, "cv_param": cv}, ports)
    history = played[bench.guest].data[0]
    assert history.schema.columns == ("y", "g0", "g1")
    assert history.rows == 48
    names = {name for _, name in played.reports[bench.guest].metrics}
    assert names == {"train_fold_0", "train_fold_1", "validate_fold_0", "validate_fold_1"}
    measured = played.reports[bench.guest].metrics["validate", "validate_fold_0"]
    assert [name for name, _ in measured] == ["root_mean_squared_error", "mean_absolute_error"]


async def test_no_history_is_given_where_none_is_asked(play: Any, bench: Any) -> None:
    cv = {**CONF["cv_param"], "output_fold_history": False, "n_splits": 2}
    conf = {**bench.quiet, **CONF, "cv_param": cv}
    played = await play(hetero_lr, conf, bench.drawn(24, [2, 3]).ports())
    assert played[bench.guest].data == ()
    assert played[bench.hosts[0]].data == ()


async def test_parties_with_another_cv_param_are_told(play: Any, bench: Any) -> None:
    ports = bench.drawn(24, [2, 3]).ports()
    conf = {**bench.quiet, **CONF}
    other = {bench.hosts[0]: {"cv_param": {"need_cv": False}}}
    with pytest.raises(DataProblem, match="do not have the same cv_param"):
        await play(hetero_lr, conf, ports, None, other)
    alone = {bench.guest: {"cv_param": {"need_cv": False}}}
    with pytest.raises(DataProblem, match="do not have the same cv_param"):
        await play(hetero_lr, conf, ports, None, alone)


async def test_parties_with_other_ids_are_told_to_intersect_before_the_folds(
    play: Any, bench: Any
) -> None:
    ports = bench.drawn(24, [2, 3]).ports()
    ports[bench.hosts[0]] = bench.drawn(29, [2, 3]).ports()[bench.hosts[0]]
    with pytest.raises(IdsDiffer, match="put an Intersection before"):
        await play(hetero_lr, {**bench.quiet, **CONF}, ports)


def test_the_folds_leave_every_row_out_once() -> None:
    left_out = list(held_out(10, FoldsParam.parse({"n_splits": 4, "random_seed": 3})))
    assert sorted(np.concatenate(left_out).tolist()) == list(range(10))
    in_order = list(held_out(10, FoldsParam.parse({"n_splits": 2, "shuffle": False})))
    assert [part.tolist() for part in in_order] == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]
    with pytest.raises(DataProblem, match="fewer rows than that"):
        list(held_out(3, FoldsParam.parse({"n_splits": 4})))


async def test_many_classes_are_measured_as_such(play: Any, bench: Any) -> None:
    cv = {**CONF["cv_param"], "n_splits": 2}
    conf = {**bench.quiet, **CONF, "cv_param": cv}
    played = await play(hetero_lr, conf, bench.drawn(24, [1, 1], classes=3).ports())
    measured = played.reports[bench.guest].metrics["train", "train_fold_1"]
    assert [name for name, _ in measured] == ["accuracy", "precision", "recall"]
    assert isinstance(played[bench.guest].data[0], Table)
    losses = played.reports[bench.arbiter].metrics
    assert ("train", "loss.2.1") in losses
