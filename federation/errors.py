"""The whole error tree, placed by who can act on it.

Every error has a stable `code` (what programs compare), a sentence for people, and `facts`
(names, never rows, keys or numbers that are a party's to tell). A dialect translates them at its
edge; a party sends them as `code`, `message`, `facts` and nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with an input: where, and what to do about it."""

    path: str
    message: str

    def __str__(self) -> str:
        """The problem as a line of text."""
        return f"{self.path}: {self.message}" if self.path else self.message


class TripactError(Exception):
    """Root of all errors Tripact raises on purpose."""

    code: ClassVar[str] = "error"

    def __init__(self, message: str, **facts: object) -> None:
        super().__init__(message)
        self.message = message
        self.facts = facts


# --- the one who asked can act -------------------------------------------------------------------


class BadRequest(TripactError):
    """The request itself is wrong; asking again changes nothing."""

    code = "bad_request"


class InvalidInput(BadRequest):
    """One or more parts of an input are wrong; all of them are named at once."""

    code = "invalid_input"
    subject: ClassVar[str] = "the input"

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        lines = "; ".join(str(problem) for problem in self.problems)
        super().__init__(f"{self.subject} has {_count(len(self.problems))}: {lines}")


class InvalidJob(InvalidInput):
    """A job's DSL or conf can not be run."""

    code = "invalid_job"
    subject = "the job"


class InvalidParameters(InvalidInput):
    """Parameters of a component break a rule that spans fields."""

    code = "invalid_parameters"
    subject = "the parameters"


class NotFound(TripactError):
    """What was asked for does not exist."""

    code = "not_found"


class TableNotFound(NotFound):
    """A party has no table of that name."""

    code = "table_not_found"

    def __init__(self, namespace: str, name: str) -> None:
        super().__init__(
            f"table {namespace}.{name} does not exist; upload it, or correct its name",
            namespace=namespace,
            name=name,
        )


class Conflict(TripactError):
    """The thing exists already, or is in a state that does not allow this."""

    code = "conflict"


class IllegalTransition(Conflict):
    """A status change that the table of legal changes does not have."""

    code = "illegal_transition"


# --- a data owner can act ------------------------------------------------------------------------


class PartyRefused(TripactError):
    """A party's policy says no."""

    code = "party_refused"


class DataProblem(TripactError):
    """Rows of one party are not as the component needs them."""

    code = "data_problem"


class ComputationProblem(TripactError):
    """The numbers left the range in which the computation is defined."""

    code = "computation_problem"


# --- a platform engineer can act -----------------------------------------------------------------


class Unavailable(TripactError):
    """Something that should be there is not there now."""

    code = "unavailable"


# --- nobody should trust this peer ---------------------------------------------------------------


class PeerMisbehaved(TripactError):
    """A letter or an order breaks the protocol."""

    code = "peer_misbehaved"


def _count(problems: int) -> str:
    return "one problem" if problems == 1 else f"{problems} problems"
