"""What can happen to a job."""

from dataclasses import dataclass

from coordinator.domain.records import Waiting
from federation.spec.orders import Reason, Report
from federation.spec.status import Status


@dataclass(frozen=True, slots=True)
class Told:
    """An agent reported."""

    party_id: str
    report: Report


@dataclass(frozen=True, slots=True)
class AgentUp:
    """An agent was linked; `restarted` if it is another process than the one last seen."""

    party_id: str
    restarted: bool = False


@dataclass(frozen=True, slots=True)
class AgentLost:
    """An agent stayed away longer than the grace."""

    party_id: str


@dataclass(frozen=True, slots=True)
class Admitted:
    """There is room for the job at all its parties."""


@dataclass(frozen=True, slots=True)
class Held:
    """There is no room for the job yet: what it waits for."""

    lacks: tuple[Waiting, ...]


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


@dataclass(frozen=True, slots=True)
class StopAsked:
    """Somebody wants the job to end with `status`."""

    status: Status
    reason: Reason


@dataclass(frozen=True, slots=True)
class RerunAsked:
    """Somebody wants an ended job to run again.

    Attributes:
        components: these and what depends on them; empty means all.
        force: also those that succeeded.
        lost: components whose output tables were deleted; run again where something needs them.
    """

    components: tuple[str, ...] = ()
    force: bool = False
    lost: frozenset[str] = frozenset()


Event = Told | AgentUp | AgentLost | Admitted | Held | Tick | StopAsked | RerunAsked
