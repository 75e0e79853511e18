"""The ledger: a row for every letter that leaves a seat; its kind and size, not its words."""

from dataclasses import dataclass
from typing import Any

from federation.wire.seal import Scope


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One letter that left.

    Attributes:
        sender, receiver: seats, as `role:id`.
        type: name of the declared type.
        shape: sizes and number types of what is inside.
        bytes: as it left, seals included; parts that are sent again are not counted again.

    Who writes it down adds the time.
    """

    job_id: str
    task_id: str
    version: int
    component: str
    sender: str
    receiver: str
    scope: Scope
    tag: str
    type: str
    shape: str
    bytes: int

    def to_wire(self) -> dict[str, Any]:
        """The row in the codec's types."""
        return {name: getattr(self, name) for name in LedgerRow.__slots__}

    @classmethod
    def from_wire(cls, wire: dict[str, Any]) -> "LedgerRow":
        """The row that a task's first part brought along.

        Raises:
            TypeError: fields are missing or unknown.
        """
        return cls(**{**wire, "scope": tuple(wire.get("scope", ()))})
