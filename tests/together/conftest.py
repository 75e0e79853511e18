"""Real processes: a standalone coordinator whose agents start when a job names them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from coordinator.client import FlowClient
from examples.running import Standalone, standalone
from tests.together.parts import upload_breast


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.together)


@pytest.fixture(scope="session")
def running() -> Iterator[Standalone]:
    """A coordinator that tests share; none of them may harm it."""
    with standalone() as shared:
        upload_breast(FlowClient(shared.url))
        yield shared


@pytest.fixture
def client(running: Standalone) -> FlowClient:
    return FlowClient(running.url)
