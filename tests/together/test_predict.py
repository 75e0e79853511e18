"""A training, deployed, predicts the same scores on the same tables, through real processes."""

import copy
from pathlib import Path
from typing import Any

import pytest

from coordinator.client import FlowClient
from coordinator.client.archives import fetch
from tests.together.parts import DEADLINE_S, example

Scores = dict[str, tuple[float, float]]


def scores_of(client: FlowClient, job_id: str, folder: Path) -> Scores:
    """Result and score by id."""
    body = {"job_id": job_id, "role": "guest", "party_id": 9999, "component_name": "hetero_lr_0"}
    fetch(client.url, "tracking/component/output/data/download", body, folder)
    lines = (folder / "data.csv").read_text().splitlines()[1:]
    cells = [line.split(",") for line in lines]
    return {one[0]: (float(one[2]), float(one[3])) for one in cells}


def done(client: FlowClient, dsl: Any, conf: Any) -> Any:
    taken = client.submit(dsl, conf)
    status = client.wait(taken, timeout_s=DEADLINE_S)
    assert status == "success", client.ask("tripact/job/why", {"job_id": taken.job_id})
    return taken


def predicting(conf: Any, model_id: str, model_version: str) -> Any:
    common = {"job_type": "predict", "model_id": model_id, "model_version": model_version}
    return {**copy.deepcopy(conf), "job_parameters": {"common": common}}


def test_a_deployed_training_predicts_the_scores_it_was_trained_to(
    client: FlowClient, tmp_path: Path
) -> None:
    dsl, conf = example("hetero_lr")
    trained = done(client, dsl, conf)
    kept = ["reader_0", "data_transform_0", "intersection_0", "hetero_lr_0"]
    version = client.deploy(trained.model_id, trained.model_version, components=kept)
    predicted = done(client, {}, predicting(conf, trained.model_id, version))
    before = scores_of(client, trained.job_id, tmp_path / "train")
    after = scores_of(client, predicted.job_id, tmp_path / "predict")
    assert len(before) == 569
    assert after.keys() == before.keys()
    for name, (result, score) in before.items():
        assert after[name][0] == result
        assert after[name][1] == pytest.approx(score, abs=1e-6)
