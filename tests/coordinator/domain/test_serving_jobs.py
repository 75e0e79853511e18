"""Models that answer online, as the coordinator sees them: jobs that run until they are stopped."""

import copy
from typing import Any

import pytest

from coordinator.domain.deployment import Models, predict_dsl
from coordinator.domain.jobs import Jobs
from coordinator.domain.online import NothingToServe, served
from coordinator.domain.records import JobFilter
from coordinator.domain.serving import LoadFailed, Serving
from coordinator.domain.submission import Posted
from coordinator.store import SqlStore
from federation.errors import ModelNotDeployed, ModelNotLoaded, ServiceNotBound
from federation.spec.catalogue import ModuleDecl, by_module
from federation.spec.orders import RunTask, TableName
from federation.spec.party import GUEST, HOST, Role
from federation.spec.status import Status

Json = dict[str, Any]


@pytest.fixture
def models(store: SqlStore, agents: Any, clock: Any, jobs: Jobs) -> Models:
    return Models(store, agents, clock, jobs.next_id)


@pytest.fixture
def serving(store: SqlStore, agents: Any, clock: Any, jobs: Jobs, models: Models) -> Serving:
    decl = ModuleDecl("Serving", "ServingParams", frozenset({GUEST, HOST}), isometric_in=True)
    agents.known = {**agents.known, **by_module((decl,))}
    agents.hanging.add("serving_0")
    return Serving(store, agents, clock, jobs, models)


@pytest.fixture
async def version(jobs: Jobs, agents: Any, models: Models, dsl: Json, conf: Json) -> str:
    """A deployed version."""
    trained = await jobs.submit(dsl, conf)
    await agents.quiet()
    return (await models.deploy(trained.model_id, trained.job_id)).model_version


def ran(agents: Any) -> dict[Role, RunTask]:
    orders = [order for _, order in agents.taken if isinstance(order, RunTask)]
    return {o.task.role: o for o in orders if o.task.component == "serving_0"}


async def test_loading_runs_one_task_at_the_guest_and_each_host(
    serving: Serving, agents: Any, version: str
) -> None:
    loaded = await serving.load(None, version)
    orders = ran(agents)
    assert set(orders) == {GUEST, HOST}
    assert (loaded.job.status, loaded.job.model_version) == (Status.RUNNING, version)
    assert ("9999", "serving_ready") in {(party, method) for party, method, _ in agents.asked}


async def test_each_seat_gets_its_own_steps_and_the_trainings_models(
    serving: Serving, agents: Any, models: Models, version: str
) -> None:
    await serving.load(None, version)
    train = (await models.get(None, version)).train
    for order in ran(agents).values():
        steps = order.task.params["steps"]
        assert [s["component"] for s in steps] == ["dataio_0", "hetero_lr_0"]
        assert [s["inputs"] for s in steps] == [{"data": ""}, {"test_data": "dataio_0"}]
        assert steps[1]["params"] == {"max_iter": 3}
        named = {(m.component, m.model_version) for m in order.isometric_model}
        assert named == {(s["model"], train.job_id) for s in steps}


async def test_a_host_looks_features_up_where_its_training_read(
    serving: Serving, agents: Any, version: str
) -> None:
    await serving.load(None, version)
    orders = ran(agents)
    assert orders[HOST].task.tables == (TableName(namespace="breast", name="host"),)
    assert orders[GUEST].task.tables == ()


async def test_who_loads_may_name_another_table(
    serving: Serving, agents: Any, version: str
) -> None:
    table = {"reader_0": {"table": {"namespace": "live", "name": "customers"}}}
    over: Json = {"component_parameters": {"role": {"host": {"0": table}}}}
    await serving.load(None, version, over)
    named = TableName(namespace="live", name="customers")
    assert ran(agents)[HOST].task.tables == (named,)


async def test_a_loaded_model_holds_no_cores_of_the_line(
    serving: Serving, store: SqlStore, version: str
) -> None:
    loaded = await serving.load(None, version)
    async with store.read() as view:
        state = await view.jobs.state(loaded.job.job_id)
    assert state is not None
    assert state.plan.claims == {}


async def test_loading_twice_gives_the_same_job(serving: Serving, version: str) -> None:
    first = await serving.load(None, version)
    assert (await serving.load(None, version)).job.job_id == first.job.job_id
    assert await serving.times_loaded(version) == 1


async def test_an_emptied_queue_leaves_a_model_that_is_being_loaded(
    serving: Serving, agents: Any, jobs: Jobs, models: Models, version: str
) -> None:
    model = await models.get(None, version)
    made = served(model, predict_dsl(model, agents), {}, agents.known)
    agents.away = {"10000"}
    posted = Posted(made.dsl, made.conf, "serve", model)
    loading = await jobs.submit_posted(posted, wait_s=0.01)
    assert await jobs.clean_queue() == []
    assert (await jobs.get(loading.job_id)).status is Status.WAITING
    assert await jobs.find(JobFilter(ends=True, status=(Status.WAITING,))) == []


async def test_the_first_failure_is_told_and_the_job_is_stopped(
    serving: Serving, agents: Any, jobs: Jobs, version: str
) -> None:
    agents.hanging.clear()
    agents.failing["serving_0"] = 1000
    with pytest.raises(LoadFailed, match="label has a NaN") as caught:
        await serving.load(None, version)
    job = await jobs.get(caught.value.facts["job_id"])
    assert job.status is Status.CANCELED


async def test_a_training_is_not_served_before_it_is_deployed(
    serving: Serving, models: Models, version: str
) -> None:
    train = (await models.get(None, version)).train
    with pytest.raises(ModelNotDeployed):
        await serving.load(None, train.job_id)


async def test_a_service_is_bound_at_the_guests_agent(
    serving: Serving, agents: Any, version: str
) -> None:
    await serving.load(None, version)
    service = await serving.bind("s", None, version)
    bound = [args for party, method, args in agents.asked if method == "serving_bind"]
    assert (service.party_id, len(bound)) == ("9999", 1)
    assert (bound[0]["service_id"], bound[0]["model_version"]) == ("s", version)


async def test_what_is_not_loaded_can_not_be_bound(serving: Serving, version: str) -> None:
    with pytest.raises(ModelNotLoaded):
        await serving.bind("s", None, version)


async def test_a_version_that_lost_its_last_service_is_unloaded(
    serving: Serving, models: Models, version: str
) -> None:
    newer = (await models.get(None, version)).train
    second = (await models.deploy(newer.model_id, version)).model_version
    for each in (version, second):
        await serving.load(None, each)
    await serving.bind("s", None, version)
    await serving.bind("s", None, second)
    assert await serving.find_loaded(version) is None
    assert await serving.find_loaded(second) is not None


async def test_a_version_with_another_service_stays_loaded(
    serving: Serving, models: Models, version: str
) -> None:
    train = (await models.get(None, version)).train
    second = (await models.deploy(train.model_id, version)).model_version
    for each in (version, second):
        await serving.load(None, each)
    await serving.bind("s", None, version)
    await serving.bind("t", None, version)
    await serving.bind("s", None, second)
    assert await serving.find_loaded(version) is not None


async def test_questions_go_to_the_party_that_answers(
    serving: Serving, agents: Any, version: str
) -> None:
    await serving.load(None, version)
    await serving.bind("s", None, version)
    agents.answers["infer"] = {"retcode": 0}
    assert await serving.infer("s", {"head": {}}, batch=False) == {"retcode": 0}
    assert agents.asked[-1] == ("9999", "infer", {"body": {"head": {}}, "batch": False})


async def test_a_service_that_nobody_bound_is_not_found(serving: Serving) -> None:
    with pytest.raises(ServiceNotBound):
        await serving.infer("s", {}, batch=False)


async def test_a_horizontal_model_answers_at_the_guest_alone(
    serving: Serving, models: Models, agents: Any, version: str
) -> None:
    found = await models.get(None, version)
    dsl = copy.deepcopy(dict(await models.predict_dsl(found.train.model_id, version)))
    dsl["components"]["hetero_lr_0"]["module"] = "HomoLR"  # type: ignore[call-overload, index]
    homo = {**agents.known, "HomoLR": agents.known["HeteroLR"]}
    documents = served(found, dsl, {}, homo)
    assert documents.conf["role"] == {"guest": ["9999"]}


async def test_two_models_side_by_side_are_not_served_as_one(
    serving: Serving, models: Models, agents: Any, version: str
) -> None:
    found = await models.get(None, version)
    dsl = copy.deepcopy(dict(await models.predict_dsl(found.train.model_id, version)))
    components: Any = dsl["components"]
    components["hetero_lr_1"] = components["hetero_lr_0"]
    with pytest.raises(NothingToServe, match="hetero_lr_0, hetero_lr_1"):
        served(found, dsl, {}, agents.known)
