"""Names that columns go by at other parties: whose they are and where they stand, not what."""

import re

from federation.spec.party import Party

_NAME = re.compile(r"^(?P<role>[a-z]+)[_.](?P<party>.+)[_.]x?(?P<place>\d+)$")


def anonymous_name(party: Party, place: int) -> str:
    """FATE's name of the feature at that place, `host_10000_x0`."""
    return f"{party.role.value}_{party.party_id}_x{place}"


def find_place(party: Party, name: str) -> int | None:
    """Where the feature of that anonymous name stands at `party`, None if it is not its name.

    FATE before 1.10 wrote `host_10000_0`, and in models `host.10000.0`; both are read.
    """
    found = _NAME.match(name)
    if found is None or (found["role"], found["party"]) != (party.role.value, party.party_id):
        return None
    return int(found["place"])
