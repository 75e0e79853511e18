"""Declared letters: what a component may say, from which role to which, and of which type.

What is declared is all that can leave, and all that is taken.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from federation.channel.payload import Form, Mismatch, form_of
from federation.crypto.scheme import KeyRing
from federation.errors import UndeclaredLetter, WrongLetterType
from federation.spec.party import Party, Role


@dataclass(frozen=True, slots=True)
class Message:
    """One kind of letter.

    Attributes:
        tag: its name among the letters of the component.
        route: the sender's role and the receiver's.
        payload: a Payload class, or one of the types a payload's field may have.
        doc: what it holds, in one line.

    Raises:
        TypeError: letters can not hold that type.
    """

    tag: str
    route: tuple[Role, Role]
    payload: type[Any]
    doc: str
    form: Form = field(init=False, repr=False, compare=False)
    type_name: str = field(init=False, repr=False, compare=False)
    """The declared type, for people."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "form", form_of(self.payload))
        name = getattr(self.payload, "__name__", None) or str(self.payload)
        object.__setattr__(self, "type_name", name)

    def dump(self, value: Any, sender: Party) -> Any:
        """The value in the codec's types, ciphertexts refreshed.

        Raises:
            WrongLetterType: it is not of the declared type.
        """
        try:
            return self.form.dump(value, "it")
        except Mismatch as mismatch:
            raise self._wrong(sender, mismatch) from None

    def load(self, wire: Any, ring: KeyRing, sender: Party) -> Any:
        """The value of what arrived.

        Raises:
            WrongLetterType: it is not of the declared type.
            PeerMisbehaved: it holds a key or a ciphertext that is refused.
        """
        try:
            return self.form.load(wire, ring, "it")
        except Mismatch as mismatch:
            raise self._wrong(sender, mismatch) from None

    def _wrong(self, sender: Party, mismatch: Mismatch) -> WrongLetterType:
        return WrongLetterType(self.tag, str(sender), mismatch.where, mismatch.why)


class Declarations:
    """The letters of one component, by tag and route."""

    def __init__(self, messages: Iterable[Message]) -> None:
        self._messages = {(message.tag, *message.route): message for message in messages}
        self._routes = {frozenset((sender, receiver)) for _, sender, receiver in self._messages}

    def connect(self, one: Party, other: Party) -> bool:
        """Whether any letter goes between these seats."""
        return frozenset((one.role, other.role)) in self._routes

    def get(self, tag: str, sender: Party, receiver: Party) -> Message:
        """The declaration of a letter.

        Raises:
            UndeclaredLetter: there is none for this tag and these roles.
        """
        message = self._messages.get((tag, sender.role, receiver.role))
        if message is None:
            raise UndeclaredLetter(tag, str(sender), str(receiver))
        return message
