"""What tests of real processes share: example jobs and data."""

import copy
import csv
import json
from pathlib import Path
from typing import Any

from coordinator.client import FlowClient, Submitted
from coordinator.client.archives import fetch

EXAMPLES = Path(__file__).parents[2] / "examples"
BREAST = EXAMPLES / "data" / "breast"
DEADLINE_S = 120.0
PREDICTING = ["reader_0", "data_transform_0", "intersection_0", "hetero_lr_0"]
"""Components of the example hetero_lr that a prediction needs."""

Job = tuple[dict[str, Any], dict[str, Any]]


def example(story: str) -> Job:
    folder = EXAMPLES / story
    dsl, conf = (json.loads((folder / f"{name}.json").read_text()) for name in ("dsl", "conf"))
    return dsl, conf


def upload_breast(client: FlowClient) -> None:
    owners = {"guest": 9999, "host": 10000, "host_left": 10000, "host_right": 10002}
    for name, party in owners.items():
        job = client.upload(
            BREAST / f"{name}.csv", namespace="breast", name=name, party_id=party, drop=True
        )
        assert client.wait(job, timeout_s=DEADLINE_S) == "success"


def done(client: FlowClient, dsl: Any, conf: Any) -> Submitted:
    """A job that was submitted and has succeeded."""
    taken = client.submit(dsl, conf)
    status = client.wait(taken, timeout_s=DEADLINE_S)
    assert status == "success", client.ask("tripact/job/why", {"job_id": taken.job_id})
    return taken


def predicting(conf: Any, model_id: str, model_version: str) -> dict[str, Any]:
    """The conf of a prediction with a version of a model."""
    common = {"job_type": "predict", "model_id": model_id, "model_version": model_version}
    return {**copy.deepcopy(conf), "job_parameters": {"common": common}}


def predictions(client: FlowClient, job_id: str, folder: Path) -> dict[str, dict[str, str]]:
    """Prediction rows of hetero_lr_0 at the guest, by id."""
    body = {"job_id": job_id, "role": "guest", "party_id": 9999, "component_name": "hetero_lr_0"}
    fetch(client.url, "tracking/component/output/data/download", body, folder)
    with (folder / "data.csv").open() as lines:
        return {row["id"]: row for row in csv.DictReader(lines)}


def scores_of(client: FlowClient, job_id: str, folder: Path) -> dict[str, float]:
    """Scores of hetero_lr_0 at the guest, by id."""
    rows = predictions(client, job_id, folder)
    return {name: float(row["predict_score"]) for name, row in rows.items()}


def predicted(
    client: FlowClient, conf: Any, model_id: str, model_version: str, folder: Path
) -> dict[str, float]:
    """Scores of a predict job, by id."""
    job = done(client, {}, predicting(conf, model_id, model_version))
    return scores_of(client, job.job_id, folder)
