"""FATE's real clients as black boxes, against one standalone coordinator of ours."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from coordinator.client import FlowClient
from examples.running import Standalone, standalone
from tests.clients.fate_test_runs import Runs, counting_coordinator, in_background
from tests.clients.flow import Flow, Trained
from tests.clients.jobs import WAIT_S, training
from tests.clients.recipes import FATE_CLIENT_1_5, FATE_CLIENT_1_11, FATE_TEST_1_6, boxed
from tests.clients.recipes import installed as install
from tests.together.parts import upload_breast

FLOWS = {recipe.name: recipe for recipe in (FATE_CLIENT_1_11, FATE_CLIENT_1_5)}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.clients)
    # What runs in the background is looked at last.
    items.sort(key=_in_background)


def _in_background(item: pytest.Item) -> bool:
    here = Path(__file__).parent in item.path.parents
    return here and "runs" in getattr(item, "fixturenames", ())


@pytest.fixture(scope="session", autouse=True)
def _begun_early(request: pytest.FixtureRequest) -> None:
    if any(map(_in_background, request.session.items)):
        request.getfixturevalue("runs")


@pytest.fixture(scope="session")
def counting() -> Iterator[FlowClient]:
    """The coordinator that fate_test has for itself."""
    with counting_coordinator() as running:
        yield FlowClient(running.url)


@pytest.fixture(scope="session")
def runs(
    installing: dict[str, Future[Path]],
    counting: FlowClient,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Runs]:
    """Runs of fate_test, going on in the background."""
    work = tmp_path_factory.mktemp(FATE_TEST_1_6.name)
    with in_background(work, counting, installing) as begun:
        yield begun


@pytest.fixture(scope="session")
def installing() -> Iterator[dict[str, Future[Path]]]:
    """All clients, installed side by side."""
    recipes = (FATE_TEST_1_6, FATE_CLIENT_1_11, FATE_CLIENT_1_5)
    with ThreadPoolExecutor(len(recipes)) as pool:
        yield {recipe.name: pool.submit(install, recipe) for recipe in recipes}


@pytest.fixture(scope="session")
def running(installing: dict[str, Future[Path]]) -> Iterator[Standalone]:
    """A coordinator that the tests share; none of them may harm it."""
    with standalone() as shared:
        upload_breast(FlowClient(shared.url))
        yield shared


@pytest.fixture(scope="session")
def server(running: Standalone) -> FlowClient:
    """Our own client, to look at what FATE's did."""
    return FlowClient(running.url)


@pytest.fixture(scope="session", params=sorted(FLOWS))
def flow(
    request: pytest.FixtureRequest,
    installing: dict[str, Future[Path]],
    running: Standalone,
    tmp_path_factory: pytest.TempPathFactory,
) -> Flow:
    """`flow` of each fate-client, told where the server is."""
    installing[request.param].result()
    flow = Flow(boxed(FLOWS[request.param], tmp_path_factory.mktemp(request.param)))
    flow.done("init", "--ip", "127.0.0.1", "--port", running.port)
    return flow


@pytest.fixture(scope="session")
def trained(flow: Flow, server: FlowClient) -> Trained:
    """A training that `flow job submit` started, shared by tests that only read it."""
    dsl, conf = training()
    taken = flow.done(
        *("job", "submit", "-c", flow.document("conf.json", conf)),
        *("-d", flow.document("dsl.json", dsl)),
    )
    assert server.wait(taken["jobId"], timeout_s=WAIT_S) == "success"
    model = taken["data"]["model_info"]
    return Trained(taken["jobId"], model["model_id"], model["model_version"])
