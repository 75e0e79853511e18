"""The ledger: a row for every letter that leaves a seat; its kind and size, not its words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from federation.channel.link import LEDGER
from federation.errors import MalformedMessage
from federation.wire.seal import Scope


class Entry(NamedTuple):
    """What a letter's row has beside the header of the letter's first part."""

    component: str
    type: str
    shape: str
    bytes: int


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

    def as_dict(self) -> dict[str, Any]:
        """The row, name by name."""
        return {name: getattr(self, name) for name in LedgerRow.__slots__}

    @classmethod
    def of(cls, header: Mapping[str, Any]) -> "LedgerRow":
        """The row of a letter, from the header of its first part with the entry under `LEDGER`.

        Raises:
            MalformedMessage: it does not tell of a letter.
        """
        try:
            component, kind, shape, size = header[LEDGER]
            return cls(
                header["job"],
                header["task"],
                header["version"],
                component,
                header["from"],
                header["to"],
                tuple(header["scope"]),
                header["tag"],
                kind,
                shape,
                size,
            )
        except (KeyError, TypeError, ValueError):
            raise MalformedMessage("a letter brings no row for the ledger") from None
