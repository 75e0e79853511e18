"""Checkpoints of linear models, and trainings that go on from one."""

from typing import Any

import numpy as np
import pytest

from federation.components.component import Model
from federation.components.linear.hetero_lr import hetero_lr
from federation.components.linear.hetero_sshe_lr import hetero_sshe_lr
from federation.components.linear.homo_lr import homo_lr

EVERY_TWO = {"callbacks": ["ModelCheckpoint"], "save_freq": 2}
CONF = {
    "init_param": {"init_method": "zeros"},
    "optimizer": "sgd",
    "learning_rate": 0.15,
    "alpha": 0.1,
    "tol": 0.0,
    "max_iter": 4,
    "callback_param": EVERY_TWO,
}


class Kept:
    def __init__(self) -> None:
        self.models: list[tuple[int, str, Model]] = []

    def __call__(self, step_index: int, step_name: str, model: Model) -> None:
        self.models.append((step_index, step_name, model))

    def of(self, names: list[str]) -> dict[int, Model]:
        return {i: m for i, _, m in self.models if list(m.state["names"]) == names}


async def test_a_training_goes_on_from_a_checkpoint_as_if_it_had_not_stopped(
    play: Any, bench: Any
) -> None:
    kept, split = Kept(), bench.drawn(34, [2, 3])
    whole = await play(hetero_lr, CONF, split.ports(), facts={"checkpoint": kept})
    names = {bench.guest: ["g0", "g1"], bench.hosts[0]: ["h0", "h1", "h2"], bench.arbiter: []}
    assert {step for _, step, _ in kept.models} == {"epoch_1", "epoch_3"}
    assert all(set(kept.of(columns)) == {1, 3} for columns in names.values())
    ports = split.ports()
    for seat in (bench.guest, bench.hosts[0]):
        ports[seat] |= {"model": kept.of(names[seat])[1]}
    again = await play(hetero_lr, CONF, ports)
    np.testing.assert_allclose(bench.weights(again), bench.weights(whole), atol=1e-6)
    last = kept.of(names[bench.guest])[3]
    np.testing.assert_array_equal(last.state["weights"], whole[bench.guest].model.state["weights"])


@pytest.mark.parametrize(("reveals", "steps"), [(True, {1}), (False, set())])
async def test_weights_in_shares_are_kept_only_where_they_are_revealed(
    play: Any, bench: Any, reveals: bool, steps: set[int]
) -> None:
    kept, ports = Kept(), bench.drawn(34, [2, 3]).ports()
    del ports[bench.arbiter]
    conf = {**CONF, "max_iter": 2, "reveal_every_iter": reveals}
    await play(hetero_sshe_lr, conf, ports, facts={"checkpoint": kept})
    assert set(kept.of(["h0", "h1", "h2"])) == steps


async def test_homo_models_are_kept_when_they_are_averaged(play: Any, bench: Any) -> None:
    kept, split = Kept(), bench.drawn(34, [2, 2])
    ports = {seat: {"train_data": split.guest_table()} for seat in (bench.guest, bench.hosts[0])}
    conf = {**CONF, "aggregate_iters": 4, "max_iter": 6}
    await play(homo_lr, conf, {**ports, bench.arbiter: {}}, facts={"checkpoint": kept})
    assert [index for index, _, _ in kept.models] == [3] * 3 + [5] * 3


async def test_classes_trained_in_turn_are_not_kept_half(play: Any, bench: Any) -> None:
    kept = Kept()
    ports = bench.drawn(34, [2, 3], classes=3).ports()
    conf = {**CONF, "max_iter": 2}
    played = await play(hetero_lr, conf, ports, facts={"checkpoint": kept})
    assert kept.models == []
    assert "ModelCheckpoint has no effect" in played.reports[bench.guest].text
