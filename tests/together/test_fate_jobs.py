"""FATE 1.x jobs, unchanged, through real processes."""

import copy
import json
from typing import Any

import numpy as np
import pytest

from coordinator.client import FlowClient
from examples import pooled
from tests.together.parts import BREAST, DEADLINE_S, Job, example

FATE_AUC = 0.975186


def auc_of(client: FlowClient, job: Job) -> tuple[str, float]:
    taken = client.submit(*job)
    status = client.wait(taken, timeout_s=DEADLINE_S)
    why = client.ask("tripact/job/why", {"job_id": taken.job_id})
    assert status == "success", why
    metrics = client.metrics(taken.job_id, "evaluation_0")
    return taken.job_id, float(dict(metrics["train"]["hetero_lr_0"]["data"])["auc"])


@pytest.mark.parametrize("story", ["hetero_lr", "hetero_lr_v1", "hetero_lr_two_hosts"])
def test_a_job_gives_fates_auc(client: FlowClient, story: str) -> None:
    _, auc = auc_of(client, example(story))
    assert auc == pytest.approx(FATE_AUC, abs=1e-4)


def test_federated_weights_are_those_of_the_recurrence_in_the_clear(client: FlowClient) -> None:
    job_id, _ = auc_of(client, example("hetero_lr"))
    guest = client.summary(job_id, "hetero_lr_0", "guest")
    host = client.summary(job_id, "hetero_lr_0", "host")
    features, labels = pooled.read_joined(BREAST / "guest.csv", BREAST / "host.csv")
    clear = pooled.fit(features, labels, epochs=5, learning_rate=0.15, alpha=0.01)
    federated = [*guest["coef"].values(), *host["coef"].values(), guest["intercept"]]
    np.testing.assert_allclose(federated, clear, atol=1e-5)


def as_text(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: as_text(part) for key, part in value.items()}
    if isinstance(value, list):
        return [str(part) if isinstance(part, int) else part for part in value]
    return value


def test_party_ids_may_be_texts(client: FlowClient) -> None:
    dsl, conf = copy.deepcopy(example("hetero_lr"))
    conf["role"] = as_text(conf["role"])
    conf["initiator"]["party_id"] = "9999"
    _, auc = auc_of(client, (dsl, conf))
    assert auc == pytest.approx(FATE_AUC, abs=1e-4)


@pytest.mark.parametrize("method", ["rsa", "raw"])
def test_every_way_to_join_gives_the_same_auc(client: FlowClient, method: str) -> None:
    dsl, conf = copy.deepcopy(example("hetero_lr"))
    conf["component_parameters"]["common"]["intersection_0"] = {"intersect_method": method}
    _, auc = auc_of(client, (dsl, conf))
    assert auc == pytest.approx(FATE_AUC, abs=1e-4)


def test_one_party_may_hold_every_role(client: FlowClient) -> None:
    dsl, conf = copy.deepcopy(example("hetero_lr"))
    conf["role"] = {"guest": [9999], "host": [9999], "arbiter": [9999]}
    _, auc = auc_of(client, (dsl, conf))
    assert auc == pytest.approx(FATE_AUC, abs=1e-4)


def test_the_toy_adds_up(client: FlowClient) -> None:
    taken = client.submit(*example("secure_add"))
    assert client.wait(taken, timeout_s=DEADLINE_S) == "success"


def test_what_a_job_made_can_be_looked_at(client: FlowClient) -> None:
    job_id, _ = auc_of(client, example("hetero_lr"))
    seat = {"job_id": job_id, "role": "guest", "party_id": 9999}
    lr = {**seat, "component_name": "hetero_lr_0"}
    parameters = client.ask("tracking/component/parameters", lr)
    assert parameters["ComponentParam"]["max_iter"] == 5
    model = client.ask("tracking/component/output/model", lr)
    assert len(model["weight"]) == 10
    rows = client.call("tracking/component/output/data", lr)
    assert rows["meta"]["total"] == [569]
    assert rows["meta"]["header"][0][1:] == [
        *("label", "predict_result", "predict_score", "predict_detail", "type")
    ]
    loss = client.metrics(job_id, "hetero_lr_0", "arbiter")["train"]["loss"]["data"]
    assert len(loss) == 5
    summary = client.summary(job_id, "evaluation_0")
    assert summary["hetero_lr_0"]["train"]["auc"] == pytest.approx(FATE_AUC, abs=1e-4)
    join = client.summary(job_id, "intersection_0")
    assert join["intersect_num"] == 569


def test_the_ledger_names_only_what_components_declare(client: FlowClient) -> None:
    job_id, _ = auc_of(client, example("hetero_lr"))
    ledger = client.ledger(job_id)
    assert set(ledger) == {"9999", "10000", "10001"}
    rows = [row for party in ledger.values() for row in party]
    assert {row["component"] for row in rows} == {"intersection_0", "hetero_lr_0"}
    assert "x0" not in json.dumps(rows)
