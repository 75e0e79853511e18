"""Parameters of one component at one seat, and where in the conf each of them was written.

A conf gives parameters in sections: common ones first, then those of a role. Later sections win,
nested objects are merged field by field. In DSL version 1 a role's section holds, at every leaf, a
list with one value per party of that role.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from federation.spec.documents import JsonObject, JsonValue
from federation.spec.findings import Findings, Path, kind_of


@dataclass(frozen=True, slots=True)
class Section:
    """One place of a conf that gives parameters.

    Attributes:
        path: where it stands.
        values: what it says.
        index: in version 1's lists per party, the place of this seat; None elsewhere.
        inside: the parameter that the whole section is the value of, if it is not all of them.
    """

    path: Path
    values: Mapping[str, object]
    index: int | None = None
    inside: str = ""

    def plain(self) -> JsonObject:
        """Its values at this seat."""
        values = self.values if self.index is None else _picked(self.values, self.index)
        plain = cast(JsonObject, values)
        return {self.inside: plain} if self.inside else plain

    def locate(self, wanted: Path) -> Path:
        """As much of `wanted`, a path within the parameters, as this section has."""
        if self.inside:
            if wanted[:1] != (self.inside,):
                return ()
            wanted = wanted[1:]
        found: list[str | int] = []
        at: object = self.values
        index = self.index
        for key in wanted:
            if index is not None and isinstance(at, list):
                found.append(index)
                at, index = at[index], None
            match at, key:
                case Mapping(), str() if key in at:
                    at = at[key]
                case list(), int() if key < len(at):
                    at = at[key]
                case _:
                    return tuple(found)
            found.append(key)
        if index is not None and isinstance(at, list) and found:
            found.append(index)
        return tuple(found)


@dataclass(frozen=True, slots=True)
class ComponentParameters:
    """The parameters of a component at a seat.

    Attributes:
        home: where a person would write them.
        sections: where they were written, the strongest last.
    """

    home: Path
    sections: tuple[Section, ...] = ()
    values: JsonObject = field(default_factory=dict)

    def path_of(self, wanted: Path) -> Path:
        """Where in the conf `wanted`, a path within `values`, was written."""
        best, length = (self.sections[-1].path if self.sections else self.home), 0
        for section in self.sections:
            found = section.locate(wanted)
            if len(found) >= max(length, 1):
                best, length = (*section.path, *found), len(found)
        return best


def combined(home: Path, sections: tuple[Section, ...]) -> ComponentParameters:
    """Parameters from sections, the strongest last."""
    values: JsonObject = {}
    for section in sections:
        values = merged(values, section.plain())
    return ComponentParameters(home, sections, values)


def merged(under: JsonObject, over: JsonObject) -> JsonObject:
    """`under` overlaid with `over`: objects field by field, anything else replaced."""
    result = dict(under)
    for key, value in over.items():
        old = result.get(key)
        both = isinstance(old, dict) and isinstance(value, dict)
        result[key] = merged(old, value) if both else value  # type: ignore[arg-type]
    return result


def seats_of_key(key: str, count: int) -> tuple[int, ...]:
    """Places among `count` parties that a role's index key names: `0`, `0|1` or `all`."""
    if key == "all":
        return tuple(range(count))
    parts = [part.strip() for part in key.split("|")]
    places = [int(p) for p in parts if p.isascii() and p.isdigit() and len(p) <= 6]
    return tuple(dict.fromkeys(place for place in places if place < count))


def check_lists(findings: Findings, values: object, path: Path, count: int) -> bool:
    """Whether every leaf of a version 1 section is a list with one value per party."""
    if isinstance(values, Mapping):
        checked = [check_lists(findings, v, (*path, key), count) for key, v in values.items()]
        return all(checked)
    if not isinstance(values, list):
        message = f"is {kind_of(values)}, must be a list with one value per party ({count})"
        findings.problem(path, message)
        return False
    if len(values) != count:
        parties = "1 party" if count == 1 else f"{count} parties"
        findings.problem(path, f"has a list of {len(values)}, the role has {parties}")
    return len(values) == count


def _picked(values: object, index: int) -> JsonValue:
    if isinstance(values, Mapping):
        return {str(key): _picked(value, index) for key, value in values.items()}
    return cast("list[JsonValue]", values)[index]
