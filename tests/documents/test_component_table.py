"""The tables of docs/components.md leave no cell empty."""

import re
from pathlib import Path

TEXT = (Path(__file__).parents[2] / "docs" / "components.md").read_text()


def table(first_cell: str) -> list[list[str]]:
    """The lines of the table whose head begins so, cell by cell."""
    lines = TEXT.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(f"| {first_cell} |"))
    ended = next(i for i in range(start, len(lines)) if not lines[i].startswith("|"))
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[start:ended]]


def test_every_module_has_fields_roles_tolerance_and_a_test() -> None:
    head, _, *rows = table("module")
    assert len(rows) > 30
    for row in rows:
        assert len(row) == len(head), row
        assert all(row), row
        assert "](../tests/" in row[-1], row


def test_of_every_module_it_is_told_who_learns_what() -> None:
    learned = TEXT.split("## Who learns what", 1)[1]
    told = dict(re.findall(r"### (\w+)\n\n(.*?)\n\n?(?=### |\Z)", learned, re.DOTALL))
    assert all(len(told[row[0]]) > 10 for row in table("module")[2:])


def test_every_linear_module_shows_each_ability_or_says_why_not() -> None:
    head, _, *rows = table("ability")
    assert len(head) == 7
    for row in rows:
        assert len(row) == len(head), row
        assert all(row), row
