"""Deploying trainings, and predicting with what was deployed."""

import copy
from typing import Any

import pytest

from coordinator.domain.deployment import Models, NothingToDeploy, Step
from coordinator.domain.jobs import Jobs
from coordinator.domain.records import Submitted
from coordinator.store import SqlStore
from federation.errors import Conflict, InvalidJob, ModelNotDeployed, ModelNotFound
from federation.spec.orders import RunTask
from federation.spec.party import GUEST
from federation.spec.status import Status

Json = dict[str, Any]


@pytest.fixture
def models(store: SqlStore, agents: Any, clock: Any, jobs: Jobs) -> Models:
    return Models(store, agents, clock, jobs.next_id)


async def train(jobs: Jobs, agents: Any, dsl: Json, conf: Json) -> Submitted:
    submitted = await jobs.submit(dsl, conf)
    await agents.quiet()
    return submitted


def predicting(conf: Json, model_id: str, model_version: str) -> Json:
    common = {"job_type": "predict", "model_id": model_id, "model_version": model_version}
    return {**copy.deepcopy(conf), "job_parameters": {"common": common}}


async def test_a_deployed_version_predicts_with_the_models_of_its_training(
    jobs: Jobs, agents: Any, models: Models, dsl: Json, conf: Json
) -> None:
    trained = await train(jobs, agents, dsl, conf)
    made = await models.deploy(trained.model_id, trained.job_id)
    agents.taken.clear()
    posted = predicting(conf, trained.model_id, made.model_version)
    predicted = await train(jobs, agents, {}, posted)
    job = await jobs.get(predicted.job_id)
    assert (job.kind, job.status) == ("predict", Status.SUCCESS)
    assert predicted.model_version == made.model_version != trained.job_id
    orders = [order for _, order in agents.taken if isinstance(order, RunTask)]
    wanted = {m.model_version for order in orders for m in order.model}
    assert wanted == {trained.job_id}
    assert {o.task.component for o in orders} == {"reader_0", "dataio_0", "hetero_lr_0"}
    assert all("test_data" in o.data for o in orders if o.task.component == "hetero_lr_0")


async def test_what_a_prediction_used_can_be_looked_at(
    jobs: Jobs, agents: Any, models: Models, dsl: Json, conf: Json
) -> None:
    trained = await train(jobs, agents, dsl, conf)
    made = await models.deploy(trained.model_id, trained.job_id)
    found = await models.find(trained.model_id, made.model_version)
    assert [one.train.job_id for one in found] == [trained.job_id]
    parts = await models.parts(found[0])
    assert {p.component for p in parts if p.role == GUEST} == {"dataio_0", "hetero_lr_0"}


async def test_the_training_itself_still_does_not_predict(
    jobs: Jobs, agents: Any, models: Models, dsl: Json, conf: Json
) -> None:
    trained = await train(jobs, agents, dsl, conf)
    await models.deploy(trained.model_id, trained.job_id)
    with pytest.raises(ModelNotDeployed, match="model has not been deployed yet"):
        await jobs.submit({}, predicting(conf, trained.model_id, trained.job_id))
    with pytest.raises(ModelNotDeployed):
        await models.predict_dsl(trained.model_id, trained.job_id)


async def test_only_named_components_are_deployed_and_a_reader_is_added_by_hand(
    jobs: Jobs, agents: Any, models: Models, dsl: Json, conf: Json
) -> None:
    trained = await train(jobs, agents, dsl, conf)
    first = await models.deploy(
        trained.model_id, trained.job_id, components=["dataio_0", "hetero_lr_0"]
    )
    named = await models.predict_dsl(trained.model_id, first.model_version)
    components: Any = copy.deepcopy(named["components"])
    assert set(components) == {"dataio_0", "hetero_lr_0"}
    assert "data" not in components["dataio_0"].get("input", {})
    components["reader_0"] = dsl["components"]["reader_0"]
    components["dataio_0"]["input"]["data"] = {"data": ["reader_0.data"]}
    second = await models.deploy(
        trained.model_id, first.model_version, dsl={"components": components}
    )
    assert second.train.job_id == trained.job_id
    posted = predicting(conf, trained.model_id, second.model_version)
    predicted = await train(jobs, agents, {}, posted)
    assert (await jobs.get(predicted.job_id)).status is Status.SUCCESS


async def test_a_dsl_that_takes_a_model_nobody_trained_is_refused(
    jobs: Jobs, agents: Any, models: Models, dsl: Json, conf: Json
) -> None:
    trained = await train(jobs, agents, dsl, conf)
    made = await models.deploy(trained.model_id, trained.job_id)
    wrong: Any = copy.deepcopy(await models.predict_dsl(trained.model_id, made.model_version))
    wrong["components"]["hetero_lr_0"]["input"]["model"] = ["pipeline.hetero_lr_7.hetero_lr"]
    with pytest.raises(InvalidJob, match="hetero_lr_7"):
        await models.deploy(trained.model_id, trained.job_id, dsl=wrong)


async def test_a_conf_to_fill_in_names_the_version_and_the_readers(
    jobs: Jobs, agents: Any, models: Models, dsl: Json, conf: Json
) -> None:
    trained = await train(jobs, agents, dsl, conf)
    made = await models.deploy(trained.model_id, trained.job_id, components=["hetero_lr_0"])
    template: Any = await models.predict_conf(trained.model_id, made.model_version)
    common = template["job_parameters"]["common"]
    assert (common["model_version"], common["job_type"]) == (made.model_version, "predict")
    guest = template["component_parameters"]["role"]["guest"]["0"]
    assert guest["reader_0"]["table"]["name"] == "name_to_be_filled_0"


async def test_version_1_has_nothing_to_deploy(
    jobs: Jobs, agents: Any, models: Models, dsl_1: Json, conf_1: Json
) -> None:
    trained = await train(jobs, agents, dsl_1, conf_1)
    with pytest.raises(NothingToDeploy):
        await models.deploy(trained.model_id, trained.job_id)
    assert "components" in await models.predict_dsl(trained.model_id, trained.job_id)


async def test_what_is_no_model_is_not_deployed(
    jobs: Jobs, agents: Any, models: Models, dsl: Json, conf: Json
) -> None:
    trained = await train(jobs, agents, dsl, conf)
    with pytest.raises(ModelNotFound):
        await models.deploy("another#model", trained.job_id)
    with pytest.raises(ModelNotFound):
        await models.deploy(trained.model_id, "1")
    agents.failing["dataio_0"] = 1
    failed = await train(jobs, agents, dsl, conf)
    with pytest.raises(Conflict):
        await models.deploy(trained.model_id, failed.job_id)


async def test_a_version_deployed_with_a_step_has_models_of_its_own(
    jobs: Jobs, agents: Any, models: Models, dsl: Json, conf: Json
) -> None:
    trained = await train(jobs, agents, dsl, conf)
    agents.answers["use_checkpoint"] = {"digest": "c", "size_bytes": 5}
    made = await models.deploy(
        trained.model_id, trained.job_id, steps={"hetero_lr_0": Step(index=2)}
    )
    asked = [args for _, method, args in agents.asked if method == "use_checkpoint"]
    assert {args["role"] for args in asked} == {"guest", "host", "arbiter"}
    assert {(args["step_index"], args["to"][1]) for args in asked} == {(2, made.model_version)}
    agents.taken.clear()
    await train(jobs, agents, {}, predicting(conf, trained.model_id, made.model_version))
    orders = [order for _, order in agents.taken if isinstance(order, RunTask)]
    used = {m.component: m.model_version for order in orders for m in order.model}
    assert used == {"dataio_0": trained.job_id, "hetero_lr_0": made.model_version}


async def test_a_step_of_a_component_without_a_model_is_refused(
    jobs: Jobs, agents: Any, models: Models, dsl: Json, conf: Json
) -> None:
    trained = await train(jobs, agents, dsl, conf)
    with pytest.raises(InvalidJob, match="reader_0"):
        await models.deploy(trained.model_id, trained.job_id, steps={"reader_0": Step(index=1)})
    assert await models.find(trained.model_id, "x") == []
