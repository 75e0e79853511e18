"""A schema with other names or another meaning, as `table/schema/update` gives them. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from federation.errors import BadRequest
from federation.tables import Schema


def described(schema: Schema, said: Mapping[str, Any]) -> Schema:
    """The schema with what was said of it: `sid`, `header`, `label_name`, `match_id_name`, `meta`.

    Raises:
        BadRequest: the columns would be others in number, or a name is missing, doubled or unknown.
    """
    columns = _columns(schema, said.get("header", said.get("columns")))
    label = _moved(schema, columns, schema.label)
    match_id = _moved(schema, columns, schema.match_id)
    id_name = str(said.get("sid", said.get("id_name")) or schema.id_name)
    if len({id_name, *columns}) < len(columns) + 1:
        raise BadRequest("every column has a name of its own, and the id has another one")
    meta = said.get("meta")
    return replace(
        schema.with_columns(columns),
        id_name=id_name,
        label=_one_of(columns, said, ("label_name", "label"), label),
        match_id=_one_of(columns, said, ("match_id_name", "match_id"), match_id),
        meta={**schema.meta, **meta} if isinstance(meta, Mapping) else schema.meta,
    )


def _columns(schema: Schema, given: Any) -> tuple[str, ...]:
    if given in (None, ""):
        return schema.columns
    names = given.split(",") if isinstance(given, str) else given
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise BadRequest("header is the names of the columns: a list, or a text with commas")
    columns = tuple(name.strip() for name in names)
    if len(columns) != len(schema.columns) or not all(columns):
        raise BadRequest(f"the table has {len(schema.columns)} columns beside its id: name each")
    return columns


def _moved(schema: Schema, columns: tuple[str, ...], name: str | None) -> str | None:
    """What a column is called now."""
    return None if name is None else columns[schema.columns.index(name)]


def _one_of(
    columns: tuple[str, ...], said: Mapping[str, Any], words: tuple[str, ...], default: str | None
) -> str | None:
    given = next((said[word] for word in words if said.get(word)), None)
    if given is None:
        return default
    if given not in columns:
        raise BadRequest(f"{words[0]} is one of the columns, not {given!r}")
    return str(given)
