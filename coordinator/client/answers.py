"""What verbs do with requests and answers: read confs, refuse a no, print data or write it."""

import json
from pathlib import Path
from typing import Any

import typer

from coordinator.client import show
from coordinator.client.refusal import accepted


def told(answer: dict[str, Any], *, as_json: bool) -> None:
    """Print an answer of which the sentence matters.

    Raises:
        FlowError: the server said no.
    """
    if as_json:
        show.as_json(answer)
    checked(answer)
    if not as_json:
        show.OUT.print(str(answer["retmsg"]), markup=False)


def plain(answer: dict[str, Any], *, as_json: bool) -> None:
    """Print an answer, or its data alone.

    Raises:
        FlowError: the server said no.
    """
    if as_json:
        show.as_json(answer)
    data = checked(answer)
    if not as_json:
        show.as_json(data)


def shown(answer: dict[str, Any], *, as_json: bool) -> Any:
    """The data of an answer, for the caller to show; printed as it is with `as_json`.

    Raises:
        FlowError: the server said no.
    """
    if as_json:
        show.as_json(answer)
    return checked(answer)


def checked(answer: dict[str, Any]) -> Any:
    """The data of an answer.

    Raises:
        FlowError: the server said no.
    """
    return accepted(answer).get("data")


def nothing(answer: dict[str, Any]) -> bool:
    """Whether an answer has no data; if so, its sentence is printed."""
    if answer.get("data"):
        return False
    show.OUT.print(str(answer.get("retmsg")), markup=False)
    return True


def write(target: Path, value: Any) -> None:
    """Write a text as it is and anything else as JSON, and say where.

    Raises:
        OSError: it can not be written.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(value if isinstance(value, str) else json.dumps(value, indent=4))
    show.OUT.print(f"written to {target}", markup=False)


def given(**fields: Any) -> dict[str, Any]:
    """The fields that have a value."""
    return {name: value for name, value in fields.items() if value is not None}


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file.

    Raises:
        typer.BadParameter: the file is absent, or no JSON object; it says where.
    """
    try:
        value = json.loads(path.read_text())
    except OSError as error:
        raise typer.BadParameter(f"{path}: {error.strerror}") from None
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise typer.BadParameter(f"{path} is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise typer.BadParameter(f"{path} holds no JSON object")
    return value
