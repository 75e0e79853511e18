"""One seat's share of a model version: what it is called, and what is said of it."""

from dataclasses import dataclass
from typing import Any

from coordinator.domain.deployment import Trained
from coordinator.domain.records import OutputModel
from federation.spec.ids import party_model_id
from federation.spec.party import Party


@dataclass(frozen=True, slots=True)
class Share:
    """What one seat has of a version.

    Attributes:
        holder: the party whose agent has the files.
        parts: components with a model, at this seat.
    """

    model: Trained
    seat: Party
    holder: str
    parts: tuple[OutputModel, ...]

    @property
    def name(self) -> str:
        """The seat's name of the version, as FATE names folders of models."""
        return f"{party_model_id(self.seat, self.model.train.model_id)}#{self.model.model_version}"

    def args(self, **more: Any) -> dict[str, Any]:
        """Arguments of the agent's calls about it."""
        parts = [
            {
                "model_id": part.model_id,
                "model_version": part.model_version,
                "component": part.component,
                "output": part.output,
            }
            for part in self.parts
        ]
        return {"role": self.seat.role.value, "parts": parts, **more}

    def about(self) -> dict[str, Any]:
        """What an archive says of the version."""
        train, deployed = self.model.train, self.model.deployed
        return {
            **expected_of(self.seat, train.model_id, self.model.model_version),
            "train": {
                "model_version": train.model_version,
                "dsl": dict(train.dsl),
                "conf": dict(train.conf),
                "description": train.description,
                "created_ms": train.created_ms,
                "ended_ms": train.ended_ms or train.updated_ms,
            },
            "deployed": None
            if deployed is None
            else {"dsl": dict(deployed.dsl), "created_ms": deployed.created_ms},
        }


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which seat's share of which version."""

    model_id: str
    model_version: str
    seat: Party


def expected_of(seat: Party, model: str, version: str) -> dict[str, str]:
    """What an archive must say to be a seat's share of a version."""
    return {
        "model_id": model,
        "model_version": version,
        "role": seat.role.value,
        "party_id": seat.party_id,
        "party_model_id": party_model_id(seat, model),
    }
