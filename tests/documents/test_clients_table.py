"""docs/clients.md: every need has a test, and every test it names is one."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "clients.md"
ROWS = [
    line.strip("|").split(" | ")
    for line in DOCUMENT.read_text().splitlines()
    if line.startswith("| ") and not line.startswith("| need |")
]


def functions_in(path: Path) -> set[str]:
    found = ast.walk(ast.parse(path.read_text()))
    return {n.name for n in found if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_there_is_a_row_for_each_of_many_needs() -> None:
    assert len(ROWS) > 60
    assert len({need for need, _ in ROWS}) == len(ROWS)


@pytest.mark.parametrize(("need", "shown"), ROWS, ids=[row[0].strip() for row in ROWS])
def test_a_need_is_shown_by_tests_that_are_there(need: str, shown: str) -> None:
    named = re.findall(r"\[([^]]+)\]\(\.\./(tests/[\w/]+\.py)\)", shown)
    assert named, need
    for words, file in named:
        assert f"test_{words.replace(' ', '_')}" in functions_in(ROOT / file), (words, file)
