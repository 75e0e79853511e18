"""A training, deployed, predicts the same scores on the same tables, through real processes."""

from pathlib import Path

import pytest

from coordinator.client import FlowClient
from tests.together.parts import PREDICTING, done, example, predicting, predictions


def test_a_deployed_training_predicts_the_scores_it_was_trained_to(
    client: FlowClient, tmp_path: Path
) -> None:
    dsl, conf = example("hetero_lr")
    trained = done(client, dsl, conf)
    version = client.deploy(trained.model_id, trained.model_version, components=PREDICTING)
    predicted = done(client, {}, predicting(conf, trained.model_id, version))
    before = predictions(client, trained.job_id, tmp_path / "train")
    after = predictions(client, predicted.job_id, tmp_path / "predict")
    assert len(before) == 569
    assert after.keys() == before.keys()
    for name, row in before.items():
        assert float(after[name]["predict_result"]) == float(row["predict_result"])
        score = pytest.approx(float(row["predict_score"]), abs=1e-6)
        assert float(after[name]["predict_score"]) == score
