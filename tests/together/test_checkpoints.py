"""A training keeps its steps, and any of them can be deployed."""

import base64
import copy
from pathlib import Path
from typing import Any

import pytest

from coordinator.client import FlowClient
from federation.wire.codec import decode
from tests.together.parts import PREDICTING, done, example, predicted, scores_of

EPOCHS, CHOSEN = 3, 1


def trained(client: FlowClient, epochs: int, **more: Any) -> Any:
    dsl, conf = copy.deepcopy(example("hetero_lr"))
    common = conf["component_parameters"]["common"]
    common["hetero_lr_0"] = {**common["hetero_lr_0"], "max_iter": epochs, **more}
    return conf, done(client, dsl, conf)


def test_a_deployed_step_predicts_as_a_training_that_ended_there(
    client: FlowClient, tmp_path: Path
) -> None:
    conf, whole = trained(client, EPOCHS, callback_param={"callbacks": ["ModelCheckpoint"]})
    names = {"model_id": whole.model_id, "model_version": whole.model_version}
    seat = {**names, "role": "guest", "party_id": 9999, "component_name": "hetero_lr_0"}
    steps = client.ask("checkpoint/list", seat)
    assert [step["step_index"] for step in steps] == list(range(EPOCHS))

    got = client.ask("checkpoint/get", {**seat, "step_index": CHOSEN})
    (content,) = got["models"].values()
    assert decode(base64.b64decode(content))["step_index"] == CHOSEN
    assert client.call("checkpoint/get", {**seat, "step_index": 99})["retcode"] == 404

    chosen = {"hetero_lr_0": {"step_index": CHOSEN}}
    body = {**names, "cpn_list": PREDICTING, "components_checkpoint": chosen}
    version = client.ask("model/deploy", body)["model_version"]
    deployed = predicted(client, conf, whole.model_id, version, tmp_path / "deployed")
    _, short = trained(client, CHOSEN + 1)
    ended_there = scores_of(client, short.job_id, tmp_path / "short")
    assert deployed.keys() == ended_there.keys()
    for name, score in ended_there.items():
        assert deployed[name] == pytest.approx(score, abs=1e-6)

    wrong = {**body, "components_checkpoint": {"reader_0": {"step_index": 1}}}
    assert "reader_0" in client.call("model/deploy", wrong)["retmsg"]
    none = {**body, "components_checkpoint": {"hetero_lr_0": {"step_name": "epoch_99"}}}
    assert "epoch_99" in client.call("model/deploy", none)["retmsg"]
