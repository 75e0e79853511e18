"""`flow` of fate-client 1.5.3: what is its own."""

import pytest

from tests.clients.flow import Flow

pytestmark = pytest.mark.parametrize("flow", ["fate-client-1.5.3"], indirect=True)


def test_queue_clean_fails_in_the_client_before_it_asks_the_server(flow: Flow) -> None:
    said = flow("queue", "clean")
    assert said["retcode"] == 100
    assert "multiple values for keyword argument 'json'" in said["retmsg"]
