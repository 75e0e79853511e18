"""What every linear module can, where the file of the module does not show it.

One training of each module looks at weights of rows, batches, lasso, callbacks and checkpoints of
rows that were read sparsely at once; docs/components.md says which test shows which ability.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from federation.components.component import Model
from federation.components.features.data_transform import data_transform
from federation.components.linear.batches import BatchTooSmall, drawn_batch
from federation.components.linear.hetero_linr import hetero_linr
from federation.components.linear.hetero_lr import hetero_lr
from federation.components.linear.hetero_poisson import hetero_poisson
from federation.components.linear.hetero_sshe_linr import hetero_sshe_linr
from federation.components.linear.hetero_sshe_lr import hetero_sshe_lr
from federation.components.linear.homo_lr import homo_lr
from federation.components.linear.params import LinearParams
from federation.errors import InvalidParameters
from federation.spec.party import ARBITER
from federation.tables import Schema, Table

ROWS, BATCH = 32, 16
COUNTS = np.where(np.arange(ROWS) % 2, 0.0, 2.0)
HALVES = [np.arange(0, BATCH, 2), np.arange(BATCH, ROWS, 2)]
"""The rows of each batch that count, twice as much: as if the others were not there."""

CONF: dict[str, Any] = {
    "init_param": {"init_method": "zeros"},
    "optimizer": "sgd",
    "learning_rate": 0.15,
    "alpha": 0.1,
    "penalty": "L1",
    "tol": 0.0,
    "shuffle": False,
    "batch_size": BATCH,
    "max_iter": 4,
}
FOLLOWED: dict[str, Any] = {
    "callback_param": {
        "callbacks": ["EarlyStopping", "PerformanceEvaluate", "ModelCheckpoint"],
        "validation_freqs": 1,
        "early_stopping_rounds": 1,
        "metrics": ["root_mean_squared_error"],
    }
}


@dataclass
class Kept:
    models: list[tuple[int, Model]] = field(default_factory=list)

    def __call__(self, step_index: int, step_name: str, model: Model) -> None:
        self.models.append((step_index, model))

    def of(self, first_name: str, step: int) -> Model:
        return next(m for s, m in self.models if s == step and first_name in m.state["names"])


def sparse(table: Table, features: Any, play: Any, seat: Any, label: Any = None) -> Table:
    """Rows as another table has them, read from svmlight."""
    lines = [
        " ".join(f"{i}:{value!r}" for i, value in enumerate(row) if value)
        for row in features.tolist()
    ]
    if label is not None:
        lines = [f"{y} {line}" for y, line in zip(label.tolist(), lines, strict=True)]
    frame = pa.table({"id": table.ids.to_pylist(), "value": lines})
    raw = Table(Schema("id", ("value",), headed=False), frame)
    conf = {"input_format": "sparse", "with_label": label is not None, "label_type": "float"}
    return asyncio.run(play(data_transform, conf, {seat: {"data": raw}}))[seat].data[0]


def weighted(table: Table) -> Table:
    columns, names = np.column_stack([table.features, COUNTS]), [*table.feature_names, "w"]
    meta = {"sample_weight": "w"}
    return Table.instances(table.ids, columns, names, label=table.label, meta=meta)


@dataclass(frozen=True)
class Kind:
    component: Any
    kind: str
    conf: dict[str, Any] = field(default_factory=dict)
    mean: Callable[[Any], Any] = lambda s: s

    @property
    def has_arbiter(self) -> bool:
        return ARBITER in self.component.roles

    def ports(self, split: Any, slot: str = "train_data") -> Any:
        return {s: p for s, p in split.ports(slot).items() if self.has_arbiter or s.role != ARBITER}


KINDS = {
    "HeteroLinR": Kind(hetero_linr, "linear"),
    "HeteroPoisson": Kind(hetero_poisson, "poisson", mean=np.exp),
    "HeteroSSHELinR": Kind(hetero_sshe_linr, "linear", {"reveal_every_iter": True}),
}


def labelled(bench: Any, kind: Kind, rows: int, seed: int = 1) -> Any:
    """A split whose labels are counts, or numbers."""
    split = bench.drawn(rows, [1, 2], seed=seed)
    split.hosts[0] = np.where(split.hosts[0] > -0.5, split.hosts[0], 0.0)
    score = split.pooled.sum(axis=1) / 4
    draw = np.random.default_rng(seed)
    split.label = draw.poisson(np.exp(score)).astype(float) if kind.kind == "poisson" else score
    return split


@dataclass(frozen=True)
class Able:
    kind: Kind
    played: Any
    again: Any
    kept: Kept
    clear: Callable[[int], Any]


@pytest.fixture(scope="module", params=KINDS)
def able(request: pytest.FixtureRequest, play: Any, bench: Any) -> Able:
    """A training that is followed and stopped, and one that goes on from its first checkpoint."""
    kind, kept = KINDS[request.param], Kept()
    split, other = labelled(bench, kind, ROWS), labelled(bench, kind, ROWS, seed=2)
    ports = kind.ports(split)
    guest, host = bench.guest, bench.hosts[0]
    ports[guest] = {"train_data": weighted(ports[guest]["train_data"])}
    given = split.guest_table()
    ports[host] = {"train_data": sparse(given, split.hosts[0], play, host)}
    later = {seat: dict(bound) for seat, bound in ports.items()}
    # What is learned makes these worse from epoch to epoch.
    other.label = other.label.max() - 8.0 * other.label
    for seat, bound in kind.ports(other, "validate_data").items():
        ports[seat] |= bound
    names = ports[host]["train_data"].feature_names
    held_out = other.host_table(0)
    ports[host] |= {"validate_data": Table.instances(held_out.ids, held_out.features, names)}
    ports[guest]["validate_data"] = weighted(ports[guest]["validate_data"])
    conf = {**CONF, **kind.conf}
    played = asyncio.run(
        play(kind.component, {**conf, **FOLLOWED}, ports, facts={"checkpoint": kept})
    )
    for seat, name in ((guest, "g0"), (host, names[0])):
        later[seat] |= {"model": kept.of(name, 0)}
    again = asyncio.run(play(kind.component, {**conf, "max_iter": 2}, later))

    def clear(epochs: int) -> Any:
        more = {"optimizer": "sgd", "penalty": "L1", "batches": HALVES, "kind": kind.kind}
        return bench.clear(split, epochs=epochs, **more).weights

    return Able(kind, played, again, kept, clear)


def test_batches_of_weighed_sparse_rows_are_learned_with_lasso(able: Able, bench: Any) -> None:
    best = able.played[bench.guest].summary["best_iteration"]
    weights = bench.weights(able.played)[0]
    np.testing.assert_allclose(weights, able.clear(best + 1), atol=1e-6)


def test_the_guests_metric_stops_everyone_at_the_best_epoch(able: Able, bench: Any) -> None:
    summaries = [able.played[seat].summary for seat in (bench.guest, bench.hosts[0])]
    measured = summaries[0]["validation_metrics"]["validate"]["root_mean_squared_error"]
    best = int(np.argmin(measured))
    assert [summary["best_iteration"] for summary in summaries] == [best, best]
    assert len(measured) == best + 2 < 4
    told = able.played.reports[bench.guest].metrics["validate", "iteration_0"]
    assert told == [("root_mean_squared_error", measured[0])]


def test_each_epoch_is_kept_at_every_party(able: Able, bench: Any) -> None:
    host = able.played[bench.hosts[0]].model.state["names"][0]
    for step in range(2):
        parts = [able.kept.of(name, step).state["weights"] for name in ("g0", host)]
        np.testing.assert_allclose(np.hstack(parts)[0], able.clear(step + 1), atol=1e-6)


def test_a_training_goes_on_from_the_first_checkpoint(able: Able, bench: Any) -> None:
    np.testing.assert_allclose(bench.weights(able.again)[0], able.clear(2), atol=1e-6)


@pytest.mark.parametrize("name", ["HeteroPoisson", "HeteroSSHELinR"])
async def test_folds_are_trained_on_the_rows_of_the_others(
    play: Any, bench: Any, name: str
) -> None:
    kind, cv = KINDS[name], {"need_cv": True, "n_splits": 2, "shuffle": False}
    split = labelled(bench, kind, 24)
    conf = {**CONF, "penalty": None, "batch_size": -1, "max_iter": 1, "cv_param": cv}
    played = await play(kind.component, conf, kind.ports(split))
    history = played[bench.guest].data[0]
    scores = dict(zip(history.ids.to_pylist(), history.numbers("predict_score"), strict=True))
    order = np.argsort(split.ids())
    for fold, left in enumerate((order[:12], order[12:])):
        kept = np.setdiff1d(order, left)
        more = {"optimizer": "sgd", "penalty": "NONE", "batches": [kept], "kind": kind.kind}
        expected = kind.mean(split.pooled @ bench.clear(split, epochs=1, **more).weights)
        told = [scores[f"{split.ids()[row]}#fold{fold}#validate"] for row in left]
        np.testing.assert_allclose(told, expected[left], atol=1e-5)


async def test_a_drawn_batch_of_numbers_counts_only_its_own_rows(
    play: Any, bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    split = labelled(bench, KINDS["HeteroLinR"], ROWS)
    ports = split.ports()
    monkeypatch.setattr(np.random, "default_rng", lambda: np.random.Generator(np.random.PCG64(5)))
    more = {"batch_strategy": "random", "batch_size": 12, "masked_rate": 1, "max_iter": 1}
    conf = {**CONF, **more, "penalty": "L2"}
    drawn = drawn_batch(ROWS, LinearParams.parse(conf), np.random.default_rng())
    played = await play(hetero_linr, conf, ports)
    counted = np.argsort(split.ids())[drawn.rows[drawn.real]]
    clear = bench.clear(split, epochs=1, batches=[counted], optimizer="sgd", kind="linear")
    np.testing.assert_allclose(bench.weights(played)[0], clear.weights, atol=1e-6)


async def test_horizontal_rows_are_weighed_read_sparsely_and_learned_with_lasso(
    play: Any, bench: Any
) -> None:
    """Two parties with the same rows learn as one that has them."""
    split = bench.drawn(ROWS, [3])
    matrix = np.where(split.guest > -0.5, split.guest, 0.0)
    read = await asyncio.to_thread(
        sparse, split.guest_table(), matrix, play, bench.guest, split.label
    )
    bound = {seat: {"train_data": weighted(read)} for seat in (bench.guest, bench.hosts[0])}
    conf = {**CONF, "max_iter": 2}
    played = await play(homo_lr, conf, {**bound, bench.arbiter: {}})
    w, X = np.zeros(4), np.column_stack([matrix, np.ones(ROWS)])
    for t in range(2):
        for batch in HALVES:
            y = 2 * split.label[batch] - 1
            g = X[batch].T @ (-y / (1 + np.exp(y * (X[batch] @ w)))) / len(batch)
            w = w - 0.15 / np.sqrt(1 + t) * g
            pulled = np.sign(w) * np.maximum(0, np.abs(w) - 0.1 * 0.15 / np.sqrt(t + 1))
            w = np.append(pulled[:3], w[3])
    np.testing.assert_allclose(bench.weights(played, hosts=0)[0], w, atol=1e-6)


@pytest.mark.parametrize(
    ("component", "rule", "tol", "epochs"),
    [
        (hetero_lr, "abs", 10.0, 1),
        (hetero_linr, "diff", 10.0, 2),
        (hetero_poisson, "weight_diff", 10.0, 1),
        (hetero_sshe_lr, "diff", 10.0, 2),
        (hetero_sshe_linr, "abs", 1e3, 1),
        (homo_lr, "abs", 10.0, 1),
    ],
)
async def test_training_stops_once_it_has_come_to_rest(
    play: Any, bench: Any, component: Any, rule: str, tol: float, epochs: int
) -> None:
    split = bench.drawn(12, [1, 1])
    ports = split.ports()
    if ARBITER not in component.roles:
        del ports[bench.arbiter]
    if component is homo_lr:
        ports[bench.hosts[0]] = ports[bench.guest]
    conf = {**CONF, "batch_size": -1, "penalty": None, "early_stop": rule, "tol": tol}
    played = await play(component, conf, ports)
    assert played[bench.guest].summary["is_converged"] is True
    assert played[bench.guest].model.state["iters"] == [epochs]


@pytest.mark.parametrize("name", KINDS)
async def test_small_batches_are_refused_by_every_vertical_module(
    play: Any, bench: Any, name: str
) -> None:
    kind, split = KINDS[name], bench.drawn(ROWS, [1, 10])
    with pytest.raises(BatchTooSmall, match="host:10000"):
        await play(kind.component, {**CONF, **kind.conf, "batch_size": 10}, kind.ports(split))


async def test_early_stopping_in_shares_keeps_the_best_epoch(play: Any, bench: Any) -> None:
    split, other = bench.drawn(ROWS, [1, 2]), bench.drawn(ROWS, [1, 2], seed=2)
    other.label = 1 - other.label
    ports = {seat: dict(bound) for seat, bound in split.ports().items() if seat != bench.arbiter}
    for seat in ports:
        ports[seat] |= other.ports("validate_data")[seat]
    conf = {**CONF, "penalty": "L2", "batch_size": -1, "validation_freqs": 1}
    conf |= {"early_stopping_rounds": 1, "metrics": ["auc"], "max_iter": 3}
    played = await play(hetero_sshe_lr, conf, ports)
    summary = played[bench.guest].summary
    measured, best = summary["validation_metrics"]["validate"]["auc"], summary["best_iteration"]
    assert best == int(np.argmax(measured))
    assert len(measured) == best + 2 <= 3
    clear = bench.clear(split, epochs=best + 1, optimizer="sgd")
    np.testing.assert_allclose(bench.weights(played)[0], clear.weights, atol=1e-6)


def test_every_problem_is_told_at_its_path() -> None:
    wrong = {"tol": -1, "optimizer": "newton", "reveal_strategy": "never", "sqn_param": {"M": 1}}
    with pytest.raises(InvalidParameters) as refused:
        hetero_sshe_linr.params.parse(wrong)
    paths = {problem.path for problem in refused.value.problems}
    assert paths == {"tol", "optimizer", "reveal_strategy", "sqn_param.M"}
