"""Small jobs that the clients run."""

import copy
from typing import Any

from tests.together.parts import Job, example

GUEST, HOST, ARBITER = 9999, 10000, 10000
KEY_BITS = 1024
WAIT_S = 300.0
COMPONENTS = ("reader_0", "data_transform_0", "intersection_0", "hetero_lr_0", "evaluation_0")


def training(max_iter: int = 3, key_bits: int = KEY_BITS) -> Job:
    """HeteroLR over two parties in DSL version 2, the host being the arbiter too."""
    dsl, conf = copy.deepcopy(example("hetero_lr"))
    conf["role"] = {"guest": [GUEST], "host": [HOST], "arbiter": [ARBITER]}
    common = conf["component_parameters"]["common"]
    common["hetero_lr_0"] |= {"max_iter": max_iter, "encrypt_param": {"key_length": key_bits}}
    return dsl, conf


def predicting(model_id: str, model_version: str) -> dict[str, Any]:
    """The conf of a prediction over the training's own tables."""
    _, conf = training()
    common = {"job_type": "predict", "model_id": model_id, "model_version": model_version}
    parameters = {"role": conf["component_parameters"]["role"]}
    return {**conf, "job_parameters": {"common": common}, "component_parameters": parameters}
