"""Who takes part: a role and a party id.

Party ids are text inside ("9999"); FATE's clients send them as int or as text, and the same party
may hold several roles of one job.
"""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a party does in a job."""

    GUEST = "guest"
    HOST = "host"
    ARBITER = "arbiter"
    LOCAL = "local"


GUEST, HOST, ARBITER, LOCAL = Role.GUEST, Role.HOST, Role.ARBITER, Role.LOCAL


@dataclass(frozen=True, order=True, slots=True)
class Party:
    """One seat of a job: party `party_id` in role `role`."""

    role: Role
    party_id: str

    def __str__(self) -> str:
        """The seat as `role:id`."""
        return f"{self.role.value}:{self.party_id}"

    @classmethod
    def parse(cls, text: str) -> "Party":
        """The seat written as `role:id`.

        Raises:
            ValueError: no such role, or no id.
        """
        role, _, party_id = text.partition(":")
        if not party_id:
            raise ValueError(f"{text!r} is not of the form role:id")
        return cls(Role(role), party_id)


def party_id_of(value: object) -> str:
    """A party id as text, from the int or text a client sent.

    Raises:
        ValueError: neither an int nor a non-empty text.
    """
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(f"a party id is a number or a text, not {type(value).__name__}")
    text = str(value).strip()
    if not text:
        raise ValueError("a party id is not empty")
    return str(int(text)) if text.isascii() and text.isdigit() else text


def shown_party_id(party_id: str) -> int | str:
    """A party id as FATE's answers write it: an int where it is numeric."""
    return int(party_id) if party_id.isascii() and party_id.isdigit() else party_id
