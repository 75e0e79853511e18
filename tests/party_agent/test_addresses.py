import pytest

from federation.errors import AddressTaken, InvalidSettings, MalformedMessage
from party_agent.addresses import Address
from party_agent.settings import load


@pytest.mark.parametrize("text", ["10.0.0.5:9381", "agent.example:0", "[::1]:65535"])
def test_an_address_is_read_as_it_is_written(text: str) -> None:
    assert str(Address.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    ["", ":1", "host", "host:", "host:x", "host:65536", "::1:80", "host:-1", "h" * 300 + ":1"],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(MalformedMessage):
        Address.parse(text)


def test_settings_name_the_address_that_is_none() -> None:
    with pytest.raises(InvalidSettings, match="direct_listen"):
        load({"direct_listen": "somewhere"}, environment={})


def test_a_port_that_is_taken_is_refused_by_name() -> None:
    with Address("127.0.0.1", 0).bind() as server:
        taken = Address("127.0.0.1", server.getsockname()[1])
        with pytest.raises(AddressTaken):
            taken.bind()
