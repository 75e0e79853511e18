"""Documents say what is true: commands exist, links lead somewhere, examples are sound jobs."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from coordinator.cli import cli as coordinator_app
from coordinator.client.cli import app as flow_app
from federation.components.registry import catalogue
from federation.spec.catalogue import by_module
from federation.spec.check import check
from federation.spec.job import read_job
from party_agent.cli import cli as agent_app

ROOT = Path(__file__).parents[2]
DOCUMENTS = (
    "README.md",
    "ARCHITECTURE.md",
    "SECURITY.md",
    "docs/clients.md",
    "docs/components.md",
    "docs/data_owners.md",
    "docs/from_fate.md",
    "docs/operations.md",
    "examples/README.md",
)
STORIES = sorted(path.parent for path in (ROOT / "examples").glob("*/dsl.json"))
APPS = {"flow-client": flow_app, "coordinator": coordinator_app, "party-agent": agent_app}


def shell_blocks(document: str) -> list[str]:
    text = (ROOT / document).read_text()
    blocks = re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL)
    return [line.split("#")[0].strip() for block in blocks for line in block.splitlines()]


def commands() -> list[list[str]]:
    lines = [line for document in DOCUMENTS for line in shell_blocks(document)]
    text = "\n".join((ROOT / document).read_text() for document in DOCUMENTS)
    inline = re.findall(r"`((?:flow-client|party-agent|coordinator) [^`]+)`", text)
    parsed = [shlex.split(line) for line in (*lines, *inline) if line]
    return [words for words in parsed if words[0] in APPS]


def readme() -> str:
    return (ROOT / "README.md").read_text()


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_a_documented_command_has_these_options(words: list[str]) -> None:
    command: Any = typer.main.get_command(APPS[words[0]])
    rest = words[1:]
    while rest and hasattr(command, "commands"):
        assert rest[0] in command.commands, f"{words[0]} has no {rest[0]}"
        command = command.commands[rest.pop(0)]
    known = {option for parameter in command.params for option in parameter.opts}
    known |= {option for parameter in command.params for option in parameter.secondary_opts}
    given = {word for word in rest if word.startswith("-")}
    assert given <= known | {"--help"}


def test_the_two_commands_of_the_readme_are_targets_of_the_makefile() -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    named = re.findall(r"`?make ([a-z]+)`?", readme())
    assert {"demo", "test"} <= set(named) <= set(targets)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_between_documents_lead_somewhere(document: str) -> None:
    text = (ROOT / document).read_text()
    targets = re.findall(r"\]\(([^)#:]+)\)", text)
    assert [
        target for target in targets if not (ROOT / document).parent.joinpath(target).exists()
    ] == []


def test_the_rooms_that_architecture_names_exist() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    named = re.findall(r"`((?:federation|coordinator|party_agent)/[a-z_/.]+)`", text)
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("story", STORIES, ids=lambda path: path.name)
def test_an_example_is_a_sound_job(story: Path) -> None:
    dsl, conf = (json.loads((story / f"{name}.json").read_text()) for name in ("dsl", "conf"))
    assert check(read_job(dsl, conf), by_module(catalogue())) == []


@pytest.mark.parametrize("story", STORIES, ids=lambda path: path.name)
def test_an_example_has_a_readme_that_says_what_to_expect(story: Path) -> None:
    text = (story / "README.md").read_text()
    assert "flow-client job submit" in text
    assert "Expect" in text


def test_the_benchmarks_can_be_listed() -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "benchmarks", "list"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "job-overhead" in answer.stdout


def test_the_table_of_components_is_what_the_code_says_and_lacks_no_field_of_fate() -> None:
    written = ROOT / "docs" / "components.md"
    words = [sys.executable, str(ROOT / "docs" / "components.py"), "--check"]
    made = subprocess.run(words, timeout=60, check=False)
    assert made.returncode == 0, "write it again: python docs/components.py"
    assert "(not:" not in written.read_text()
