"""Joins beyond the plain one, over real processes: a cache of one job serves another."""

import copy
from typing import Any

from coordinator.client import FlowClient
from tests.together.parts import DEADLINE_S, Job, example

JOIN = "intersection_0"


def join_job(params: dict[str, Any]) -> Job:
    """The breast tables, read, transformed and joined."""
    dsl, conf = copy.deepcopy(example("hetero_lr"))
    kept = ("reader_0", "data_transform_0", JOIN)
    dsl["components"] = {name: dsl["components"][name] for name in kept}
    parameters = conf["component_parameters"]
    parameters["common"] = {JOIN: params}
    for seats in parameters["role"].values():
        for seat in seats.values():
            for name in set(seat) - set(kept):
                del seat[name]
    return dsl, conf


def ran(client: FlowClient, job: Job) -> str:
    taken = client.submit(*job)
    status = client.wait(taken, timeout_s=DEADLINE_S)
    assert status == "success", client.ask("tripact/job/why", {"job_id": taken.job_id})
    return taken.job_id


def auc_of(client: FlowClient, job_id: str) -> float:
    told = client.metrics(job_id, "evaluation_0")
    values = (dict(one.get("data") or {}) for named in told.values() for one in named.values())
    return next(float(value["auc"]) for value in values if "auc" in value)


def test_a_cache_of_an_earlier_job_serves_a_later_one(client: FlowClient) -> None:
    dsl, conf = join_job({"intersect_method": "ecdh", "run_cache": True})
    dsl["components"][JOIN]["output"]["cache"] = ["cache"]
    maker = ran(client, (dsl, conf))
    dsl, conf = join_job({"intersect_method": "ecdh"})
    dsl["components"][JOIN]["input"]["cache"] = ["cache_loader_0.cache"]
    dsl["components"]["cache_loader_0"] = {
        "module": "CacheLoader",
        "output": {"cache": ["cache"]},
    }
    named = {"job_id": maker, "component_name": JOIN, "cache_name": "cache"}
    conf["component_parameters"]["common"]["cache_loader_0"] = named
    user = ran(client, (dsl, conf))
    for role in ("guest", "host"):
        assert client.summary(user, JOIN, role)["intersect_num"] == 569
    tags = {row["tag"] for rows in client.ledger(user).values() for row in rows}
    assert "psi.ecdh.twice" in tags
    assert "psi.ecdh.tokens" not in tags


def test_a_loaded_model_scores_as_the_one_that_was_trained(client: FlowClient) -> None:
    dsl, conf = copy.deepcopy(example("hetero_lr"))
    trained = client.submit(dsl, conf)
    assert client.wait(trained, timeout_s=DEADLINE_S) == "success"
    dsl, conf = copy.deepcopy(example("hetero_lr"))
    fit = dsl["components"]["hetero_lr_0"]
    fit["input"] = {
        "data": {"test_data": fit["input"]["data"]["train_data"]},
        "model": ["model_loader_0.model"],
    }
    fit["output"].pop("model", None)
    dsl["components"]["model_loader_0"] = {
        "module": "ModelLoader",
        "output": {"model": ["model"]},
    }
    conf["component_parameters"]["common"]["model_loader_0"] = {
        "model_id": trained.model_id,
        "model_version": trained.model_version,
        "component_name": "hetero_lr_0",
    }
    loaded = client.submit(dsl, conf)
    status = client.wait(loaded, timeout_s=DEADLINE_S)
    assert status == "success", client.ask("tripact/job/why", {"job_id": loaded.job_id})
    assert auc_of(client, loaded.job_id) == auc_of(client, trained.job_id)
