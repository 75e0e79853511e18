"""Horizontal models as files of scikit-learn and PyTorch: numbers and a loader, never a pickle.

A pickle runs what its maker put into it, and a model changes hands: from the party that exports it
to whoever uses it. So the weights are written as JSON (scikit-learn) or safetensors (PyTorch), each
beside a short script that makes the estimator or module of them. Horizontal models are the same at
all parties of the training, so nothing is told that they do not share.

Source: FATE-Flow 1.7, model homo convert; safetensors, format of version 0.4.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from federation.components.component import Model
from federation.errors import BadRequest

Files = Mapping[str, bytes]

SKLEARN, TORCH = "sklearn", "pytorch"

_SKLEARN_LOADER = '''"""Makes scikit-learn's LogisticRegression of model.json."""

import json
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression


def load(folder=Path(__file__).parent):
    """The estimator; of more than two classes one for each, against the rest, in a dict."""
    made = {}
    for said in json.loads((Path(folder) / "model.json").read_text())["estimators"]:
        estimator = LogisticRegression()
        estimator.coef_ = np.array([said["coef_"]])
        estimator.intercept_ = np.array([said["intercept_"]])
        estimator.classes_ = np.array(said["classes_"])
        estimator.feature_names_in_ = np.array(said["feature_names_in_"], dtype=object)
        estimator.n_features_in_ = len(said["coef_"])
        estimator.n_iter_ = np.array([said["n_iter_"]])
        made[said["against_rest"]] = estimator
    return next(iter(made.values())) if len(made) == 1 else made
'''

_TORCH_LOADER = '''"""Makes a torch.nn.Linear of model.safetensors; needs torch and safetensors.

Probabilities are `torch.sigmoid(module(x))`, one column a model; `names.json` has the order of the
features and the classes.
"""

from pathlib import Path

import torch
from safetensors.torch import load_file


def load(folder=Path(__file__).parent):
    """The module."""
    tensors = load_file(Path(folder) / "model.safetensors")
    out_features, in_features = tensors["weight"].shape
    module = torch.nn.Linear(in_features, out_features, dtype=torch.float64)
    module.load_state_dict(tensors)
    return module
'''


class NotConvertible(BadRequest):
    """There is no file of that framework for a model."""

    code = "not_convertible"

    def __init__(self, component: str, module: str, framework: str) -> None:
        super().__init__(
            f"{component} ({module}) can not be converted for {framework}; HomoLR can, for "
            f"{SKLEARN} and {TORCH}",
            component=component,
            module=module,
            framework=framework,
        )


def convert(model: Model, framework: str) -> Files:
    """A model as files by name.

    Raises:
        NotConvertible: not this module, or not for that framework.
    """
    making = _MAKERS.get((model.module, framework))
    if making is None:
        raise NotConvertible(model.component or model.module, model.module, framework)
    return making(model.state)


def is_convertible(module: str) -> bool:
    """Whether there is any framework for models of that module."""
    return any(module == known for known, _ in _MAKERS)


def safetensors(tensors: Mapping[str, np.ndarray[Any, np.dtype[np.float64]]]) -> bytes:
    """Tensors of 64-bit floats in the safetensors format."""
    header: dict[str, Any] = {}
    blobs = []
    start = 0
    for name, tensor in tensors.items():
        blob = np.ascontiguousarray(tensor, dtype="<f8").tobytes()
        offsets = [start, start + len(blob)]
        header[name] = {"dtype": "F64", "shape": list(tensor.shape), "data_offsets": offsets}
        blobs.append(blob)
        start += len(blob)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + b"".join(blobs)


def _split(state: Mapping[str, Any]) -> tuple[Any, Any]:
    """Coefficients, shape (models, d), and intercepts, shape (models,)."""
    weights = np.asarray(state["weights"], dtype=np.float64)
    if state["intercept"]:
        return weights[:, :-1], weights[:, -1]
    return weights, np.zeros(len(weights))


def _sklearn(state: Mapping[str, Any]) -> Files:
    coefficients, intercepts = _split(state)
    classes = [float(label) for label in state["classes"]]
    estimators = [
        {
            "against_rest": classes[-1] if len(coefficients) == 1 else classes[number],
            "classes_": classes if len(coefficients) == 1 else [0.0, 1.0],
            "coef_": coefficients[number].tolist(),
            "intercept_": float(intercepts[number]),
            "n_iter_": int(state["iters"][number]),
            "feature_names_in_": list(state["names"]),
        }
        for number in range(len(coefficients))
    ]
    said = {"class": "sklearn.linear_model.LogisticRegression", "estimators": estimators}
    return {"model.json": json.dumps(said, indent=1).encode(), "load.py": _SKLEARN_LOADER.encode()}


def _torch(state: Mapping[str, Any]) -> Files:
    coefficients, intercepts = _split(state)
    names = {"features": list(state["names"]), "classes": list(state["classes"])}
    return {
        "model.safetensors": safetensors({"weight": coefficients, "bias": intercepts}),
        "names.json": json.dumps(names, indent=1).encode(),
        "load.py": _TORCH_LOADER.encode(),
    }


_MAKERS: Mapping[tuple[str, str], Callable[[Mapping[str, Any]], Files]] = {
    ("HomoLR", SKLEARN): _sklearn,
    ("HomoLR", TORCH): _torch,
}
