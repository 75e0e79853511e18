"""Parameters against a module's published JSON Schema, in words for people.

Every problem is named, each with its path; an unknown field comes with the closest known one.
Fields of older FATE versions are let through: the component knows what becomes of them. A schema
lists them in `legacy_fields` of its declaration, or in `x-legacy` of a nested object.
Source: JSON Schema, draft 2020-12.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend
from referencing import Registry
from referencing.jsonschema import SchemaRegistry

from federation.spec.catalogue import ModuleDecl
from federation.spec.documents import JsonObject
from federation.spec.findings import Path, did_you_mean, listed, shown

_LEGACY = "x-legacy"
_CHOICES = "x-choices"
_KINDS = {
    "integer": "a whole number",
    "number": "a number",
    "string": "a text",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}
_BOUNDS = {
    "minimum": "at least",
    "maximum": "at most",
    "exclusiveMinimum": "more than",
    "exclusiveMaximum": "less than",
}
_NO_FETCHING: SchemaRegistry = Registry()


def validator_of(declaration: ModuleDecl) -> Validator:
    """The validator of a module's parameters; it never fetches a schema from elsewhere."""
    schema = {**declaration.params_schema, _LEGACY: sorted(declaration.legacy_fields)}
    validator: Validator = _ParametersValidator(schema, registry=_NO_FETCHING)
    return validator


def schema_problems(validator: Validator, values: JsonObject) -> Iterator[tuple[Path, str]]:
    """What is wrong with `values`: paths within them, and what to say."""
    try:
        errors = list(validator.iter_errors(values))
    except RecursionError:
        yield (), "are nested too deep"
        return
    for error in errors:
        for leaf in _leaves(error):
            yield tuple(leaf.absolute_path), _words(leaf)


def _unknown_fields(
    validator: Any, allowed: Any, instance: Any, schema: Mapping[str, Any]
) -> Iterator[ValidationError]:
    """`additionalProperties`: one error per field, at the field."""
    if not isinstance(instance, Mapping):
        return
    known = schema.get("properties", {})
    extras = [k for k in instance if k not in known and k not in schema.get(_LEGACY, ())]
    for name in extras:
        if allowed is False:
            hint = did_you_mean(name, known) or f"; it has {listed(known)}"
            yield ValidationError(f"is not a parameter{hint}", path=(name,))
        elif isinstance(allowed, Mapping):
            yield from validator.descend(instance[name], allowed, path=name)


_ParametersValidator: Any = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator, {"additionalProperties": _unknown_fields}
)


def _leaves(error: ValidationError) -> Iterator[ValidationError]:
    """The errors a person can act on: of alternatives, those of the one that was meant."""
    if error.validator not in ("anyOf", "oneOf") or not error.context:
        yield error
        return
    alternatives: Any = error.validator_value
    branches: dict[int, list[ValidationError]] = {}
    for inner in error.context:
        place = inner.relative_schema_path[0]
        if isinstance(place, int) and alternatives[place] != {"type": "null"}:
            branches.setdefault(place, []).append(inner)
    meant = [b for b in branches.values() if not any(_is_of_another_kind(e) for e in b)]
    if len(branches) == 1:
        meant = list(branches.values())
    if len(meant) != 1:
        yield error
        return
    for inner in meant[0]:
        yield from _leaves(inner)


def _is_of_another_kind(error: ValidationError) -> bool:
    return error.validator in ("type", "anyOf") and not error.relative_path


def _words(error: ValidationError) -> str:
    value: Any = error.instance
    rule: Any = error.validator_value
    schema: Any = error.schema
    match error.validator:
        case "additionalProperties":
            return error.message
        case "type":
            return f"is {shown(value)}, must be {_either(_kinds(schema))}"
        case "anyOf" | "oneOf":
            kinds = [kind for part in rule for kind in _kinds(part)]
            return f"is {shown(value)}, must be {_either(kinds) or 'of another form'}"
        case "enum":
            return f"is {shown(value)}, must be one of {_choices(rule, value)}"
        case "const":
            return f"is {shown(value)}, must be {shown(rule)}"
        case "pattern" if isinstance(schema, Mapping) and _CHOICES in schema:
            return f"is {shown(value)}, must be one of {_choices(schema[_CHOICES], value)}"
        case str() as keyword if keyword in _BOUNDS:
            return f"is {shown(value)}, must be {_BOUNDS[keyword]} {rule}"
        case "minItems" | "maxItems":
            bound = "at least" if error.validator == "minItems" else "at most"
            return f"has {len(value)} entries, must have {bound} {rule}"
        case _:
            return error.message if len(error.message) < 200 else f"breaks {error.validator}"


def _kinds(schema: Any) -> list[str]:
    """The kinds of value a schema takes, in words; nothing where it does not say."""
    if not isinstance(schema, Mapping):
        return []
    if "$ref" in schema:
        return ["an object"]
    if "anyOf" in schema:
        return [kind for part in schema["anyOf"] for kind in _kinds(part)]
    if _CHOICES in schema:
        return [f"one of {', '.join(map(str, schema[_CHOICES]))}"]
    types = schema.get("type", [])
    return [_KINDS[t] for t in ([types] if isinstance(types, str) else types) if t in _KINDS]


def _either(words: Iterable[str]) -> str:
    distinct = list(dict.fromkeys(words))
    if len(distinct) < 2:
        return "".join(distinct)
    return f"{', '.join(distinct[:-1])} or {distinct[-1]}"


def _choices(choices: Iterable[Any], value: Any) -> str:
    words = [choice if isinstance(choice, str) else shown(choice) for choice in choices]
    return ", ".join(words) + (did_you_mean(value, words) if isinstance(value, str) else "")
