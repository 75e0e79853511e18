"""What a resident component is asked by its own party while it runs."""

from typing import Any, Protocol


class Question(Protocol):
    """One question; its asker waits."""

    @property
    def asked(self) -> Any:
        """What is asked, in types the wire codec has."""

    def answer(self, value: Any) -> None:
        """Answer it, once."""


class Questions(Protocol):
    """Questions in the order in which they came."""

    async def take(self) -> list[Question]:
        """Everything that is asked and not taken; waits for the first."""
