"""Writes docs/components.md: what is there of each of FATE's modules, read from the code itself.

    python docs/components.py [--check]

Fields that FATE 1.11 has are facts, kept in `fate_fields.json`; what is accepted is asked of the
parameter classes; who learns what and how exact it is stands in the header of each module.
"""

import ast
import inspect
import json
import re
import sys
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from federation.components.component import Component  # noqa: E402 - found by the line above
from federation.components.params import Params  # noqa: E402
from federation.components.registry import components  # noqa: E402

DOCUMENT = ROOT / "docs" / "components.md"
FACTS = json.loads((ROOT / "docs" / "fate_fields.json").read_text())
ABILITIES = ROOT / "docs" / "linear_abilities.json"
"""By ability and module `file::test` below tests/federation/components/linear, or `- why not`."""

ROLES = {"guest": "g", "host": "h", "arbiter": "a", "local": "l"}
HEAD = """# Components

Written by `python docs/components.py`; a test fails when it is out of date.

Fields: how many of the fields that FATE 1.11 has for the module, those of nested objects included,
are accepted here. Roles: g guest, h host, a arbiter, l local.

| module | fields | roles | how exact | tests |
|---|---|---|---|---|
"""


def main() -> int:
    """Write the document, or say whether it is up to date."""
    text = document()
    if "--check" in sys.argv[1:]:
        return 0 if DOCUMENT.exists() and DOCUMENT.read_text() == text else 1
    DOCUMENT.write_text(text)
    return 0


def document() -> str:
    """The whole document."""
    offered = {c.module: c for c in components().values()}
    rows = [row(component) for _, component in sorted(offered.items())]
    learned = [f"### {name}\n\n{learns(c)}\n" for name, c in sorted(offered.items())]
    missing = sorted(set(FACTS["modules"]) - set(components()))
    absent = f"\nNot yet: {', '.join(missing)}.\n" if missing else ""
    return (
        HEAD
        + "\n".join(rows)
        + "\n"
        + absent
        + "\n## What linear models can\n\n"
        + "\n".join(abilities())
        + "\n\n## Who learns what\n\n"
        + "\n".join(learned)
    )


def abilities() -> Iterator[str]:
    """Lines of the table of linear modules and what each can, with the test that shows it."""
    told = json.loads(ABILITIES.read_text())
    modules = list(next(iter(told.values())))
    yield f"| ability | {' | '.join(modules)} |"
    yield "|---" * (1 + len(modules)) + "|"
    for ability, cells in told.items():
        shown = [shown_by(cells[module]) for module in modules]
        yield f"| {ability} | {' | '.join(shown)} |"


def shown_by(cell: str) -> str:
    """A link to the test of a cell, or why there is none.

    Raises:
        LookupError: there is no such test.
    """
    if cell.startswith("- "):
        return cell.removeprefix("- ")
    file, _, name = cell.partition("::")
    path = ROOT / "tests" / "federation" / "components" / "linear" / f"{file}.py"
    if not re.search(rf"^(async )?def {name}\b", path.read_text(), re.MULTILINE):
        raise LookupError(f"there is no test {cell}")
    return f"[{name.removeprefix('test_').replace('_', ' ')}](../{path.relative_to(ROOT)})"


def row(component: Component) -> str:
    """One line of the table."""
    fields, refused = coverage(component)
    accepted = f"{len(fields) - len(refused)} / {len(fields)}" if fields else "own"
    if refused:
        accepted += f" (not: {', '.join(refused)})"
    roles = " ".join(ROLES[role.value] for role in sorted(component.roles, key=list(ROLES).index))
    tests = ", ".join(f"[{path.name}](../{path.relative_to(ROOT)})" for path in tests_of(component))
    return f"| {component.module} | {accepted} | {roles} | {tolerance(component)} | {tests} |"


def coverage(component: Component) -> tuple[list[str], list[str]]:
    """Fields that FATE has for the module, with those of nested objects, and the refused ones."""
    owner = FACTS["modules"].get(component.module)
    if owner is None:
        return [], []
    fields = list(_fields(FACTS["classes"][owner], component.params, ""))
    return [name for name, _ in fields], [name for name, accepted in fields if not accepted]


def _fields(
    facts: dict[str, str | None], params: type[Params] | None, path: str
) -> Iterator[tuple[str, bool]]:
    for name, nested in facts.items():
        legacy = params is not None and name in params.LEGACY
        field = _field(params, name)
        yield path + name, legacy or field is not None
        if nested and not legacy:
            inner = _params_in(field.annotation) if field is not None else None
            yield from _fields(FACTS["classes"][nested], inner, f"{path}{name}.")


def _field(params: type[Params] | None, name: str) -> Any:
    if params is None:
        return None
    for own, field in params.model_fields.items():
        if name in (own, field.alias):
            return field
    return None


def _params_in(annotation: Any) -> type[Params] | None:
    """The parameter class an annotation names, perhaps among others."""
    if inspect.isclass(annotation):
        return annotation if issubclass(annotation, Params) else None
    if typing.get_origin(annotation) in (typing.Union, types.UnionType, typing.Annotated):
        found = (_params_in(each) for each in typing.get_args(annotation))
        return next((each for each in found if each is not None), None)
    return None


def source_of(component: Component) -> Path:
    """The file that defines a component, as the registry imports it."""
    registry = ROOT / "federation" / "components" / "registry.py"
    for node in ast.walk(ast.parse(registry.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            module = sys.modules.get(node.module)
            for alias in node.names:
                if getattr(module, alias.name, None) is component:
                    return Path(str(getattr(module, "__file__", "")))
    raise LookupError(component.module)


def header(component: Component) -> str:
    """The header of a module's file."""
    return ast.get_docstring(ast.parse(source_of(component).read_text())) or ""


def learns(component: Component) -> str:
    """What the header says of who learns what."""
    found = re.search(
        r"Learns[:,]\s*(.*?)(?=\s*\b(?:Tolerance|Exact|Sources?)\b|\n\n|\Z)",
        header(component),
        re.S,
    )
    if found is None:
        raise LookupError(f"the header of {component.module} does not say who learns what")
    return found[1][:1].upper() + found[1][1:]


def tolerance(component: Component) -> str:
    """How close it comes to the plain computation on pooled data, by the header."""
    found = re.search(
        r"(?:Tolerance:?\s+|(?=\bExact\b))(.*?)\.(?=\s|\Z)", header(component), re.DOTALL
    )
    if found is None:
        raise LookupError(f"the header of {component.module} does not state its tolerance")
    return " ".join(found[1].split()).lower()


def tests_of(component: Component) -> list[Path]:
    """Test files that import the component's own module."""
    source = source_of(component)
    module = ".".join(source.relative_to(ROOT).with_suffix("").parts)
    name = next(n for n, value in vars(sys.modules[module]).items() if value is component)
    wanted = re.compile(rf"from {re.escape(module)} import \(?[^)]*?\b{name}\b")
    tests = sorted((ROOT / "tests" / "federation" / "components").rglob("test_*.py"))
    return [path for path in tests if wanted.search(path.read_text())]


if __name__ == "__main__":
    sys.exit(main())
