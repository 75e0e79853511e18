"""Horizontal models as files for scikit-learn and PyTorch."""

import json
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from federation.components.common.conversion import (
    SKLEARN,
    TORCH,
    Files,
    NotConvertible,
    convert,
    safetensors,
)
from federation.components.component import Model
from federation.components.linear.link import sigmoid

RANDOM = np.random.default_rng(7)
ROWS = RANDOM.normal(size=(20, 3))


def homo_lr(models: int, *, intercept: bool = True) -> Model:
    classes = [0.0, 1.0] if models == 1 else [0.0, 1.0, 2.0]
    state = {
        "names": ["a", "b", "c"],
        "intercept": intercept,
        "classes": classes,
        "weights": RANDOM.normal(size=(models, 3 + intercept)),
        "iters": [5] * models,
    }
    return Model("HomoLR", {}, {}, state, "lr_0")


def chances(model: Model) -> Any:
    weights = model.state["weights"]
    bias = weights[:, 3] if model.state["intercept"] else 0
    return sigmoid(ROWS @ weights[:, :3].T + bias)


def loaded(files: Files, folder: Path) -> Any:
    """What the loader among the files makes of them."""
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return runpy.run_path(str(folder / "load.py"))["load"](folder)


@pytest.mark.parametrize("intercept", [True, False])
def test_scikit_learn_predicts_what_the_model_does(tmp_path: Path, intercept: bool) -> None:
    model = homo_lr(1, intercept=intercept)
    estimator = loaded(convert(model, SKLEARN), tmp_path)
    predicted = estimator.predict_proba(ROWS)[:, 1]
    np.testing.assert_allclose(predicted, chances(model)[:, 0], rtol=1e-12)
    assert list(estimator.predict(ROWS)) == [float(c > 0.5) for c in chances(model)[:, 0]]


def test_of_many_classes_there_is_one_estimator_for_each(tmp_path: Path) -> None:
    model = homo_lr(3)
    estimators = loaded(convert(model, SKLEARN), tmp_path)
    assert list(estimators) == [0.0, 1.0, 2.0]
    for column, estimator in enumerate(estimators.values()):
        predicted = estimator.predict_proba(ROWS)[:, 1]
        np.testing.assert_allclose(predicted, chances(model)[:, column], rtol=1e-12)


def read_safetensors(content: bytes) -> dict[str, Any]:
    """A reader of the format's description, not of our writer."""
    length = int.from_bytes(content[:8], "little")
    header, data = json.loads(content[8 : 8 + length]), content[8 + length :]
    return {
        name: np.frombuffer(data[slice(*said["data_offsets"])], "<f8").reshape(said["shape"])
        for name, said in header.items()
    }


def test_tensors_for_torch_are_the_weights_and_the_bias() -> None:
    model = homo_lr(3)
    tensors = read_safetensors(convert(model, TORCH)["model.safetensors"])
    np.testing.assert_array_equal(tensors["weight"], model.state["weights"][:, :3])
    np.testing.assert_array_equal(tensors["bias"], model.state["weights"][:, 3])


def test_data_of_safetensors_begin_at_a_multiple_of_eight() -> None:
    for width in range(1, 12):
        content = safetensors({"x" * width: np.zeros((2, 2))})
        assert int.from_bytes(content[:8], "little") % 8 == 0


@pytest.mark.parametrize("framework", [SKLEARN, TORCH])
def test_nothing_that_is_written_is_a_pickle(framework: str) -> None:
    for content in convert(homo_lr(1), framework).values():
        assert not content.startswith(b"\x80")


def test_what_can_not_be_converted_is_named() -> None:
    vertical = Model("HeteroLR", {}, {}, {}, "lr_0")
    with pytest.raises(NotConvertible, match=r"lr_0 \(HeteroLR\)"):
        convert(vertical, SKLEARN)
    with pytest.raises(NotConvertible, match="keras"):
        convert(homo_lr(1), "keras")
