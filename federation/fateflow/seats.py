"""Roles and parties as requests name them."""

from collections.abc import Mapping
from typing import Any

from federation.fateflow.reading import WrongArgument
from federation.spec.party import Role, party_id_of


def role_of(body: Mapping[str, Any], name: str = "role") -> Role | None:
    """A role, if one is given.

    Raises:
        WrongArgument: no such role.
    """
    value = body.get(name)
    if value in (None, ""):
        return None
    try:
        return Role(str(value))
    except ValueError:
        raise WrongArgument(f"{name} is one of {', '.join(Role)}") from None


def party_of(body: Mapping[str, Any], name: str = "party_id") -> str | None:
    """A party id, if one is given; int and text are the same.

    Raises:
        WrongArgument: neither.
    """
    value = body.get(name)
    if value in (None, ""):
        return None
    try:
        return party_id_of(value)
    except ValueError as error:
        raise WrongArgument(f"{name}: {error}") from None
