"""What a letter may hold: a closed set of types, checked where it leaves and where it arrives.

A declared type is compiled once into a Form, which turns a value into types the codec has and back.
Ciphertexts are refreshed on the way out and matched with a known public key on the way in. A form
never looks at a class name from a peer: the declaration alone says what is built.
"""

import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Protocol, Union, get_args, get_origin

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from federation.crypto.scheme import Encrypted, KeyRing, PublicKey
from federation.wire.codec import BigIntVector, StringVector


class Payload(BaseModel):
    """Base of structured letters; fields are types of this module's table, or Payloads.

    Field constraints of pydantic hold at the sender, where the payload is made, and at the
    receiver, where it is made again.
    """

    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", arbitrary_types_allowed=True
    )


class Mismatch(Exception):
    """A value is not of its declared form; tells where and why, never the value."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(f"{where} {why}")
        self.where = where
        self.why = why


class Form(Protocol):
    """How values of one declared type travel."""

    def dump(self, value: Any, where: str) -> Any:
        """The value in the codec's types.

        Raises:
            Mismatch: it is not of this form.
        """

    def load(self, wire: Any, ring: KeyRing, where: str) -> Any:
        """The value of what arrived.

        Raises:
            Mismatch: it is not of this form.
            PeerMisbehaved: a ciphertext or key in it is refused by the crypto layer.
        """

    def describe(self, value: Any) -> str:
        """Type and size of a value for the ledger; never what it says."""


@dataclass(frozen=True, slots=True)
class _Plain:
    """A type that the codec carries as it is."""

    kind: type

    def dump(self, value: Any, where: str) -> Any:
        return self._checked(value, where)

    def load(self, wire: Any, ring: KeyRing, where: str) -> Any:
        return self._checked(wire, where)

    def describe(self, value: Any) -> str:
        return self.kind.__name__

    def _checked(self, value: Any, where: str) -> Any:
        if type(value) is self.kind:
            return value
        if self.kind is float and isinstance(value, float | int) and not isinstance(value, bool):
            return float(value)
        if self.kind is str and isinstance(value, str):
            return str.__str__(value)
        raise _wrong(where, self.kind.__name__, value)


@dataclass(frozen=True, slots=True)
class _Column:
    """A vector that the codec carries as one blob."""

    kind: type

    def dump(self, value: Any, where: str) -> Any:
        if not isinstance(value, self.kind):
            raise _wrong(where, self.kind.__name__, value)
        return value

    def load(self, wire: Any, ring: KeyRing, where: str) -> Any:
        return self.dump(wire, where)

    def describe(self, value: Any) -> str:
        return f"{len(value)} {self.kind.__name__}"


@dataclass(frozen=True, slots=True)
class _Array:
    """A numpy array, of one kind of number where the declaration names it."""

    scalar: type = np.generic

    def dump(self, value: Any, where: str) -> Any:
        if not isinstance(value, np.ndarray):
            raise _wrong(where, "an array", value)
        if not np.issubdtype(value.dtype, self.scalar):
            raise Mismatch(where, f"is an array of {value.dtype}, not of {self.scalar.__name__}")
        return np.asarray(value)

    def load(self, wire: Any, ring: KeyRing, where: str) -> Any:
        return self.dump(wire, where)

    def describe(self, value: Any) -> str:
        return f"{_extents(value.shape)} {value.dtype}"


class _Ciphertexts:
    """Ciphertexts: new randomness as they leave, a known key as they arrive."""

    def dump(self, value: Any, where: str) -> Any:
        if not isinstance(value, Encrypted):
            raise _wrong(where, "Encrypted", value)
        return (value if value.fresh else value.refreshed()).to_wire()

    def load(self, wire: Any, ring: KeyRing, where: str) -> Any:
        if not isinstance(wire, dict):
            raise _wrong(where, "Encrypted", wire)
        return ring.read(wire)

    def describe(self, value: Any) -> str:
        return f"{_extents(value.shape)} encrypted"


class _Key:
    """A public key."""

    def dump(self, value: Any, where: str) -> Any:
        if not isinstance(value, PublicKey):
            raise _wrong(where, "PublicKey", value)
        return value.to_wire()

    def load(self, wire: Any, ring: KeyRing, where: str) -> Any:
        if not isinstance(wire, dict):
            raise _wrong(where, "PublicKey", wire)
        return PublicKey.from_wire(wire)

    def describe(self, value: Any) -> str:
        return f"public key of {value.bits} bits"


@dataclass(frozen=True, slots=True)
class _Choice:
    """One of a few declared words or numbers."""

    choices: tuple[Any, ...]

    def dump(self, value: Any, where: str) -> Any:
        if not any(type(value) is type(choice) and value == choice for choice in self.choices):
            raise Mismatch(where, "is none of the declared choices")
        return value

    def load(self, wire: Any, ring: KeyRing, where: str) -> Any:
        return self.dump(wire, where)

    def describe(self, value: Any) -> str:
        return f"one of {len(self.choices)}"


@dataclass(frozen=True, slots=True)
class _Optional:
    """A value, or none."""

    inner: Form

    def dump(self, value: Any, where: str) -> Any:
        return None if value is None else self.inner.dump(value, where)

    def load(self, wire: Any, ring: KeyRing, where: str) -> Any:
        return None if wire is None else self.inner.load(wire, ring, where)

    def describe(self, value: Any) -> str:
        return "none" if value is None else self.inner.describe(value)


@dataclass(frozen=True, slots=True)
class _Sequence:
    """Values of one form, in order."""

    kind: Callable[..., Any]
    inner: Form

    def dump(self, value: Any, where: str) -> Any:
        if type(value) is not self.kind:
            raise _wrong(where, self.kind.__name__, value)
        return [self.inner.dump(item, f"{where}[{i}]") for i, item in enumerate(value)]

    def load(self, wire: Any, ring: KeyRing, where: str) -> Any:
        if not isinstance(wire, list):
            raise _wrong(where, "a list", wire)
        return self.kind(
            self.inner.load(item, ring, f"{where}[{i}]") for i, item in enumerate(wire)
        )

    def describe(self, value: Any) -> str:
        return _several(value, self.inner)


@dataclass(frozen=True, slots=True)
class _Mapping:
    """Values of one form, by name."""

    inner: Form

    def dump(self, value: Any, where: str) -> Any:
        if type(value) is not dict or not all(isinstance(key, str) for key in value):
            raise _wrong(where, "a dict with str keys", value)
        return {key: self.inner.dump(item, f"{where}[...]") for key, item in value.items()}

    def load(self, wire: Any, ring: KeyRing, where: str) -> Any:
        if not isinstance(wire, dict):
            raise _wrong(where, "a dict", wire)
        return {key: self.inner.load(item, ring, f"{where}[...]") for key, item in wire.items()}

    def describe(self, value: Any) -> str:
        return _several(list(value.values()), self.inner)


@dataclass(frozen=True, slots=True)
class _Structure:
    """A Payload, field by field."""

    kind: type[Payload]
    fields: Mapping[str, Form]

    def dump(self, value: Any, where: str) -> Any:
        if type(value) is not self.kind:
            raise _wrong(where, self.kind.__name__, value)
        return {
            name: form.dump(getattr(value, name), f"{where}.{name}")
            for name, form in self.fields.items()
        }

    def load(self, wire: Any, ring: KeyRing, where: str) -> Any:
        if not isinstance(wire, dict) or set(wire) != set(self.fields):
            raise Mismatch(where, f"has not the fields of {self.kind.__name__}")
        values = {
            name: form.load(wire[name], ring, f"{where}.{name}")
            for name, form in self.fields.items()
        }
        try:
            return self.kind(**values)
        except ValidationError as error:
            first = error.errors(include_input=False, include_context=False, include_url=False)[0]
            raise Mismatch(".".join([where, *map(str, first["loc"])]), first["type"]) from None

    def describe(self, value: Any) -> str:
        return ", ".join(
            f"{name} {form.describe(getattr(value, name))}" for name, form in self.fields.items()
        )


_PLAIN = (type(None), bool, int, float, str, bytes)
_COLUMNS = (BigIntVector, StringVector)


def form_of(declared: Any) -> Form:
    """The form of a declared type.

    Raises:
        TypeError: a type that letters can not hold.
    """
    origin, args = get_origin(declared), get_args(declared)
    if origin is Annotated:
        return form_of(args[0])
    if origin is np.ndarray or declared is np.ndarray:
        return _Array(_scalar_of(args))
    if origin in (Union, types.UnionType):
        inner = [arg for arg in args if arg is not type(None)]
        if len(inner) == 1:
            return _Optional(form_of(inner[0]))
    elif origin is Literal:
        return _Choice(args)
    elif origin is list:
        return _Sequence(list, form_of(args[0]))
    elif origin is tuple and len(args) == 2 and args[1] is Ellipsis:
        return _Sequence(tuple, form_of(args[0]))
    elif origin is dict and args[0] is str:
        return _Mapping(form_of(args[1]))
    elif isinstance(declared, type):
        return _form_of_class(declared)
    raise TypeError(f"a letter can not hold {declared!r}")


def _form_of_class(declared: type) -> Form:
    if declared in _PLAIN:
        return _Plain(declared)
    if declared in _COLUMNS:
        return _Column(declared)
    if issubclass(declared, Encrypted):
        return _Ciphertexts()
    if issubclass(declared, PublicKey):
        return _Key()
    if issubclass(declared, Payload):
        fields = declared.model_fields
        return _Structure(declared, {name: form_of(f.annotation) for name, f in fields.items()})
    raise TypeError(f"a letter can not hold {declared.__name__}")


def _scalar_of(args: tuple[Any, ...]) -> type:
    """The kind of number in NDArray[kind]; any where it names none."""
    kinds = get_args(args[1]) if len(args) == 2 else ()
    if kinds and isinstance(kinds[0], type) and issubclass(kinds[0], np.generic):
        return kinds[0]
    return np.generic


def _wrong(where: str, declared: str, value: Any) -> Mismatch:
    return Mismatch(where, f"is {type(value).__name__}, not {declared}")


def _extents(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "1"


def _several(values: Any, inner: Form) -> str:
    if not len(values):
        return "0 items"
    described = list(dict.fromkeys(inner.describe(value) for value in values))
    more = ", ..." if len(described) > 3 else ""
    return f"{len(values)} items ({', '.join(described[:3])}{more})"
