"""Rows that were written sparsely are learned like any others."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from federation.components.features.data_transform import data_transform
from federation.components.linear.hetero_lr import hetero_lr
from federation.components.linear.hetero_sshe_lr import hetero_sshe_lr
from federation.tables import Schema, Table

CONF = {"optimizer": "sgd", "learning_rate": 0.15, "alpha": 0.1, "max_iter": 1}


@pytest.mark.parametrize("component", [hetero_lr, hetero_sshe_lr])
async def test_svmlight_rows_of_a_host_are_learned_like_dense_ones(
    play: Any, bench: Any, component: Any
) -> None:
    split = bench.drawn(34, [2, 3])
    split.hosts[0] = np.where(split.hosts[0] > 0, split.hosts[0], 0.0)
    lines = [
        " ".join(f"{i}:{value!r}" for i, value in enumerate(row) if value)
        for row in split.hosts[0].tolist()
    ]
    frame = pa.table({"id": split.ids(), "value": lines})
    raw = Table(Schema("id", ("value",), headed=False), frame)
    host = bench.hosts[0]
    read = await play(data_transform, {"input_format": "sparse"}, {host: {"data": raw}})
    ports = split.ports()
    ports[host] = {"train_data": read[host].data[0]}
    if component is hetero_sshe_lr:
        del ports[bench.arbiter]
    played = await play(component, {**bench.quiet, **CONF}, ports)
    clear = bench.clear(split, epochs=1, optimizer="sgd")
    np.testing.assert_allclose(bench.weights(played)[0], clear.weights, atol=1e-6)
