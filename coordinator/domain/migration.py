"""Other party ids for a trained model: what its documents say then. Pure.

Lists of parties are matched by position. What a conf says by index stays, since no party moves.
Source: FATE-Flow 1.4 and later, model migrate.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from coordinator.domain.records import Job
from federation.errors import BadRequest
from federation.spec.documents import JsonObject, JsonValue
from federation.spec.party import Party, Role, shown_party_id


class NothingToMigrate(BadRequest):
    """A migration names the parties that are there."""

    code = "nothing_to_migrate"

    def __init__(self) -> None:
        super().__init__("migrate_role names the parties that the model has already")


@dataclass(frozen=True, slots=True)
class Migration:
    """Other ids for the parties of a model.

    Attributes:
        roles: whom it is now, and `new_roles` whom it is to be, in the same order.
        execute: which of the old seats do it; all if empty.
        version: name of the new version, if it is to have a certain one.
    """

    model_id: str
    model_version: str
    roles: Mapping[Role, tuple[str, ...]]
    new_roles: Mapping[Role, tuple[str, ...]]
    initiator: Party
    execute: frozenset[Party] = frozenset()
    version: str = ""


@dataclass(frozen=True, slots=True)
class Migrated:
    """What became of a migration.

    Attributes:
        told: by old seat, what went wrong there; nothing where it went well.
    """

    model_id: str
    model_version: str
    told: Mapping[Party, str]


def renamed_seats(asked: Migration, train: Job) -> dict[Party, Party]:
    """New seats by old ones.

    Raises:
        NothingToMigrate: nothing changes.
        BadRequest: lists differ in length, or a party was not in the training.
    """
    renamed: dict[Party, Party] = {}
    for role, ids in asked.roles.items():
        new = asked.new_roles.get(role, ())
        if len(new) != len(ids):
            raise BadRequest(f"migrate_role.{role} must name a party for each of role.{role}")
        for old, changed in zip(ids, new, strict=True):
            if Party(role, old) not in train.seats:
                raise BadRequest(f"party {old} was no {role} of the training")
            renamed[Party(role, old)] = Party(role, changed)
    if not renamed or all(old == new for old, new in renamed.items()):
        raise NothingToMigrate
    return renamed


def ids_of(ids: Sequence[str], role: Role, renamed: Mapping[Party, Party]) -> tuple[str, ...]:
    seats = [Party(role, party_id) for party_id in ids]
    return tuple(renamed.get(seat, seat).party_id for seat in seats)


def conf_with(
    conf: Mapping[str, Any], renamed: Mapping[Party, Party], initiator: Party
) -> JsonObject:
    """The conf of a training with other party ids; what it says by index stays."""
    new = cast(JsonObject, dict(conf))
    roles: dict[str, JsonValue] = {}
    for role, ids in conf["role"].items():
        listed = ids_of([str(each) for each in ids], Role(role), renamed)
        roles[role] = cast(JsonValue, [shown_party_id(each) for each in listed])
    new["role"] = roles
    new["initiator"] = {
        "role": initiator.role.value,
        "party_id": shown_party_id(initiator.party_id),
    }
    return new
