"""What every error has: a stable code, a sentence, and facts that are nobody's secret."""

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
