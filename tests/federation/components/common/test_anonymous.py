"""Names of columns for other parties."""

import pytest

from federation.components.common.anonymous import anonymous_name, find_place
from federation.spec.party import GUEST, HOST, Party

H = Party(HOST, "10000")


def test_a_name_leads_back_to_its_place_at_its_party_alone() -> None:
    assert find_place(H, anonymous_name(H, 7)) == 7
    assert find_place(Party(HOST, "10001"), anonymous_name(H, 7)) is None
    assert find_place(Party(GUEST, "10000"), anonymous_name(H, 7)) is None


@pytest.mark.parametrize("name", ["host_10000_x3", "host_10000_3", "host.10000.3"])
def test_names_of_every_fate_version_are_read(name: str) -> None:
    assert find_place(H, name) == 3


@pytest.mark.parametrize("name", ["x3", "host_10000", "host_10000_xx", "host_100001_3", ""])
def test_what_is_no_such_name_has_no_place(name: str) -> None:
    assert find_place(H, name) is None


def test_party_ids_may_hold_what_parts_a_name() -> None:
    party = Party(HOST, "site_a.1")
    assert find_place(party, anonymous_name(party, 2)) == 2
