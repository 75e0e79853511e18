"""Jobs that shape their rows on the way, through real processes."""

import copy
from typing import Any

from coordinator.client import FlowClient
from tests.together.parts import DEADLINE_S, Job, example

STEPS: dict[str, dict[str, Any]] = {
    "sample_weight_0": {"class_weight": "balanced"},
    "feature_scale_0": {"method": "min_max_scale", "scale_col_indexes": -1, "area": "all"},
    "data_statistics_0": {"statistics": "summary"},
    "hetero_data_split_0": {"test_size": 0.3, "stratified": True, "random_state": 1},
}
MODULES = ("SampleWeight", "FeatureScale", "DataStatistics", "HeteroDataSplit")


def shaped() -> Job:
    """The breast story with four further steps between the join and the fit."""
    dsl, conf = copy.deepcopy(example("hetero_lr"))
    before = "intersection_0"
    for (name, rules), module in zip(STEPS.items(), MODULES, strict=True):
        output = {"data": ["data"], "model": ["model"]}
        if module == "HeteroDataSplit":
            output = {"data": ["train_data", "validate_data", "test_data"]}
        dsl["components"][name] = {
            "module": module,
            "input": {"data": {"data": [f"{before}.data"]}},
            "output": output,
        }
        conf["component_parameters"]["common"][name] = rules
        before = name
    fit = dsl["components"]["hetero_lr_0"]
    fit["input"]["data"] = {
        "train_data": [f"{before}.train_data"],
        "validate_data": [f"{before}.test_data"],
    }
    return dsl, conf


def test_rows_are_weighed_scaled_described_and_split_before_the_fit(client: FlowClient) -> None:
    taken = client.submit(*shaped())
    status = client.wait(taken, timeout_s=DEADLINE_S)
    assert status == "success", client.ask("tripact/job/why", {"job_id": taken.job_id})
    split = client.summary(taken.job_id, "hetero_data_split_0", "host")
    assert split["data_split_count_info"] == {
        "original_count": 569,
        "train_count": 398,
        "validate_count": 0,
        "test_count": 171,
    }
    scaled = client.summary(taken.job_id, "feature_scale_0", "guest")
    described = client.summary(taken.job_id, "data_statistics_0", "guest")
    assert scaled.keys() == described.keys()
    assert all((column["min"], column["max"]) == (0, 1) for column in described.values())
    measured = client.metrics(taken.job_id, "evaluation_0")
    assert dict(measured["validate"]["hetero_lr_0"]["data"])["auc"] > 0.95
