"""What agents publish about the components they can run.

The coordinator imports no component: it checks jobs against these declarations, which every agent
sends as JSON when it registers.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from federation.spec.party import Role


@dataclass(frozen=True, slots=True)
class Slot:
    """A data input of a module; `many` slots take a list of tables."""

    name: str
    many: bool = False


@dataclass(frozen=True, slots=True)
class MessageDecl:
    """A declared letter: who may send what to whom."""

    tag: str
    sender: Role
    receiver: Role
    payload: str
    doc: str


@dataclass(frozen=True, slots=True)
class ModuleDecl:
    """One DSL module: its names, roles, ports, parameters and messages.

    Attributes:
        class_name: FATE's parameter class, shown in `component/parameters`.
        roles: roles at which the module has something to run.
        needs: roles without which a job can not run it.
        data_slots: data inputs it knows; which of them are given decides the stage.
        data_out: the most data outputs it can make.
        params_schema: JSON Schema (2020-12) of its parameters.
        legacy_fields: fields of older FATE versions that are accepted, with what becomes of them.
        need_deploy: whether DSL v1 deploys it without being asked.
    """

    module: str
    class_name: str
    roles: frozenset[Role]
    needs: frozenset[Role] = frozenset()
    aliases: tuple[str, ...] = ()
    data_slots: tuple[Slot, ...] = ()
    model_in: bool = False
    isometric_in: bool = False
    cache_in: bool = False
    data_out: int = 0
    model_out: bool = False
    cache_out: bool = False
    params_schema: Mapping[str, Any] = field(default_factory=dict)
    legacy_fields: Mapping[str, str] = field(default_factory=dict)
    need_deploy: bool = True
    messages: tuple[MessageDecl, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The declaration as plain JSON."""
        return {
            "module": self.module,
            "class_name": self.class_name,
            "roles": sorted(self.roles),
            "needs": sorted(self.needs),
            "aliases": list(self.aliases),
            "data_slots": [[slot.name, slot.many] for slot in self.data_slots],
            "model_in": self.model_in,
            "isometric_in": self.isometric_in,
            "cache_in": self.cache_in,
            "data_out": self.data_out,
            "model_out": self.model_out,
            "cache_out": self.cache_out,
            "params_schema": dict(self.params_schema),
            "legacy_fields": dict(self.legacy_fields),
            "need_deploy": self.need_deploy,
            "messages": [
                [m.tag, m.sender.value, m.receiver.value, m.payload, m.doc] for m in self.messages
            ],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "ModuleDecl":
        """The declaration an agent sent.

        Raises:
            KeyError, TypeError, ValueError: not of the published shape.
        """
        return cls(
            module=str(value["module"]),
            class_name=str(value["class_name"]),
            roles=frozenset(Role(role) for role in value["roles"]),
            needs=frozenset(Role(role) for role in value["needs"]),
            aliases=tuple(str(alias) for alias in value["aliases"]),
            data_slots=tuple(Slot(str(name), bool(many)) for name, many in value["data_slots"]),
            model_in=bool(value["model_in"]),
            isometric_in=bool(value["isometric_in"]),
            cache_in=bool(value["cache_in"]),
            data_out=int(value["data_out"]),
            model_out=bool(value["model_out"]),
            cache_out=bool(value["cache_out"]),
            params_schema=dict(value["params_schema"]),
            legacy_fields={str(k): str(v) for k, v in value["legacy_fields"].items()},
            need_deploy=bool(value["need_deploy"]),
            messages=tuple(
                MessageDecl(str(tag), Role(sender), Role(receiver), str(payload), str(doc))
                for tag, sender, receiver, payload, doc in value["messages"]
            ),
        )


Catalogue = Mapping[str, ModuleDecl]


def by_module(declarations: tuple[ModuleDecl, ...]) -> Catalogue:
    """Declarations by module name, aliases included."""
    return {
        name: declaration
        for declaration in declarations
        for name in (declaration.module, *declaration.aliases)
    }
