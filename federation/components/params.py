"""Parameters of a component: one frozen model with FATE's field names.

A JSON object given for a nested parameter class updates single fields, the others keep their
defaults. `null` means the default wherever the field itself may not be null. Unknown fields are
refused with the closest known name, except those some FATE version had: `LEGACY` names them, with
what becomes of them.
"""

import difflib
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetJsonSchemaHandler,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import CoreSchema, ErrorDetails

from federation.errors import InvalidParameters, Problem


class Params(BaseModel):
    """Base of all parameter classes."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    LEGACY: ClassVar[Mapping[str, str]] = {}
    """Fields of other FATE versions that are accepted: name -> what becomes of it."""

    @model_validator(mode="before")
    @classmethod
    def _leave_out_legacy_and_null(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        return {
            name: given
            for name, given in value.items()
            if name not in cls.LEGACY and not (given is None and cls._null_means_default(name))
        }

    @classmethod
    def _null_means_default(cls, name: str) -> bool:
        field = cls.model_fields.get(name)
        return field is not None and not _admits_none(field.annotation)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """The schema, with `LEGACY` where the coordinator looks for it."""
        schema = handler.resolve_ref_schema(handler(core_schema))
        if cls.LEGACY:
            schema["x-legacy"] = sorted(cls.LEGACY)
        return schema

    @classmethod
    def parse(cls, value: Mapping[str, Any]) -> Self:
        """Parameters from JSON.

        Raises:
            InvalidParameters: every problem, each with its path.
        """
        try:
            return cls.model_validate(value)
        except ValidationError as error:
            raise InvalidParameters([_problem(cls, e) for e in error.errors()]) from None

    @classmethod
    def schema_for_catalogue(cls) -> dict[str, Any]:
        """JSON Schema (2020-12) in which every field may also be null."""
        schema = cls.model_json_schema()
        for part in (schema, *schema.get("$defs", {}).values()):
            properties = part.get("properties", {})
            for name, rule in properties.items():
                properties[name] = _or_null(rule)
            part.pop("required", None)
        return schema


def choice(*words: str, aliases: Mapping[str, str] | None = None) -> Any:
    """A text that must be one of `words` in any case; `aliases` are older spellings.

    The catalogue's schema says the same as the validator, so that a coordinator refuses what an
    agent would.
    """
    known = {word.lower(): word for word in words}
    known |= {old.lower(): new for old, new in (aliases or {}).items()}

    def canonical(value: Any) -> Any:
        if not isinstance(value, str):
            raise ValueError(f"is one of {', '.join(words)}")
        if value.lower() not in known:
            near = difflib.get_close_matches(value.lower(), known, n=1)
            hint = f"; did you mean {known[near[0]]!r}?" if near else ""
            raise ValueError(f"is one of {', '.join(words)}, not {value!r}{hint}")
        return known[value.lower()]

    pattern = "|".join(sorted(known))
    schema = {"type": "string", "pattern": f"(?i)^({pattern})$", "x-choices": list(words)}
    return Annotated[str, BeforeValidator(canonical), WithJsonSchema(schema)]


def nearest(name: str, known: typing.Iterable[str]) -> str:
    """`; did you mean ...?` for the closest of `known`, or nothing."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _admits_none(annotation: Any) -> bool:
    if annotation is None or annotation is type(None) or annotation is Any:
        return True
    origin = typing.get_origin(annotation)
    if origin is Annotated:
        return _admits_none(typing.get_args(annotation)[0])
    if origin in (typing.Union, types.UnionType):
        return any(_admits_none(part) for part in typing.get_args(annotation))
    return False


def _or_null(rule: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {
        key: rule.pop(key) for key in ("title", "description", "default") if key in rule
    }
    return {"anyOf": [rule, {"type": "null"}], **kept}


def _problem(cls: type[Params], error: ErrorDetails) -> Problem:
    path = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        owner = _owner(cls, error["loc"])
        known = list(owner.model_fields) if owner else []
        return Problem(path, f"is not a parameter{nearest(str(error['loc'][-1]), known)}")
    return Problem(path, error["msg"].removeprefix("Value error, "))


def _owner(cls: type[Params], location: tuple[int | str, ...]) -> type[BaseModel] | None:
    """The parameter class in which the last name of `location` was given."""
    owner: type[BaseModel] | None = cls
    for name in location[:-1]:
        field = owner.model_fields.get(str(name)) if owner else None
        owner = next(_models_in(field.annotation), None) if field else None
    return owner


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in typing.get_args(annotation):
        yield from _models_in(part)
