"""Every story of `examples/` gives what it says, through real processes of one coordinator."""

import pytest

from coordinator.client import FlowClient
from examples.running import Standalone
from examples.stories import Story, run, stories, upload


@pytest.fixture(scope="module")
def stage(running: Standalone) -> FlowClient:
    """A coordinator that has the tables of all stories."""
    client = FlowClient(running.url)
    upload(client, stories())
    return client


@pytest.mark.parametrize("story", stories(), ids=lambda story: story.name)
def test_a_story_gives_what_it_says(stage: FlowClient, story: Story) -> None:
    assert run(stage, story) == []
