"""Records and rows whose fields have the same names: from one to the other, by the record's types.

A column holds a status or a role as its word, a tuple as a list, and a reason as a document; all
else as it is. What has another form in its row is given by the caller.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin, get_type_hints

from sqlalchemy.engine import Row

from federation.spec.orders import Reason

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

R = TypeVar("R", bound="DataclassInstance")
Values = dict[str, Any]
Read = Callable[[Any], Any]


def values_of(record: "DataclassInstance", **given: Any) -> Values:
    """Columns of a record; those in `given` have these values instead."""
    read = {name: _written(getattr(record, name)) for name in _names(type(record))}
    return read | given


def record_of(kind: type[R], row: Row[Any], **given: Any) -> R:
    """The record of a row; fields in `given` have these values instead."""
    values = {
        name: getattr(row, name) if read is None else read(getattr(row, name))
        for name, read in _readers(kind).items()
        if name not in given
    }
    return kind(**values, **given)


def reason_of(value: Values | None) -> Reason | None:
    """The reason that was kept."""
    return None if value is None else Reason.model_validate(value)


def _written(value: Any) -> Any:
    match value:
        case StrEnum():
            return value.value
        case tuple():
            return list(value)
        case Reason():
            return value.model_dump()
        case _:
            return value


@cache
def _names(kind: "type[DataclassInstance]") -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


@cache
def _readers(kind: "type[DataclassInstance]") -> Mapping[str, Read | None]:
    hints = get_type_hints(kind)
    return {name: _reader(hints[name]) for name in _names(kind)}


def _reader(hint: Any) -> Read | None:
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return hint
    if get_origin(hint) is tuple:
        return tuple
    return reason_of if Reason in get_args(hint) else None
