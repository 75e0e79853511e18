"""Linear models under a lattice scheme: the pooled recurrence, and what it can not do by name."""

from typing import Any

import numpy as np
import pytest

from federation.components.linear.hetero_linr import hetero_linr
from federation.components.linear.hetero_lr import hetero_lr
from federation.components.linear.hetero_poisson import hetero_poisson
from federation.errors import SchemeLacks

LATTICE = {"encrypt_param": {"method": "CKKS"}}
CONF = {**LATTICE, "learning_rate": 0.15, "alpha": 0.1, "max_iter": 2}


async def test_hetero_lr_ends_at_the_weights_of_the_pooled_rows(play: Any, bench: Any) -> None:
    split = bench.drawn(90, [2, 3])
    played = await play(hetero_lr, {**bench.quiet, **CONF, "batch_size": 45}, split.ports())
    clear = bench.clear(split, epochs=2, batches=[np.arange(0, 45), np.arange(45, 90)])
    np.testing.assert_allclose(bench.weights(played)[0], clear.weights, atol=1e-4)
    losses = played[bench.arbiter].summary["loss_history"]
    np.testing.assert_allclose(losses, clear.losses, atol=1e-4)
    assert "BFV, a lattice scheme" in played.reports[bench.arbiter].text


async def test_two_hosts_end_at_the_weights_of_the_pooled_rows(play: Any, bench: Any) -> None:
    split = bench.drawn(34, [2, 3, 1])
    conf = {**bench.quiet, **CONF, "early_stop": "weight_diff", "penalty": None}
    played = await play(hetero_lr, conf, split.ports())
    clear = bench.clear(split, epochs=2, penalty="NONE")
    np.testing.assert_allclose(bench.weights(played, hosts=2)[0], clear.weights, atol=1e-4)


async def test_hetero_linr_ends_at_the_weights_of_the_pooled_rows(play: Any, bench: Any) -> None:
    split = bench.drawn(40, [2, 2])
    played = await play(hetero_linr, {**bench.quiet, **CONF, "optimizer": "sgd"}, split.ports())
    clear = bench.clear(split, epochs=2, kind="linear", optimizer="sgd")
    np.testing.assert_allclose(bench.weights(played)[0], clear.weights, atol=1e-4)


async def test_a_residual_that_needs_products_row_by_row_is_refused_by_name(
    play: Any, bench: Any
) -> None:
    split = bench.drawn(40, [2, 2])
    with pytest.raises(SchemeLacks, match="number by number"):
        await play(hetero_poisson, {**bench.quiet, **CONF}, split.ports())
