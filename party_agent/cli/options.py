"""Options that verbs of `party-agent` share, and how a no ends the program."""

import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from federation.errors import BadRequest, HomeInUse, InvalidSettings, TripactError
from federation.spec.party import party_id_of
from party_agent.home import Home
from party_agent.settings import Settings, load

EXIT_CODES: dict[type[TripactError], int] = {InvalidSettings: 2, HomeInUse: 75}

HomeOption = Annotated[Path | None, typer.Option("--home", help="Folder of the agent")]
Config = Annotated[Path | None, typer.Option(help="Settings file [<home>/party_agent.toml]")]
Url = Annotated[str | None, typer.Option(help="URL of the coordinator")]
Json = Annotated[bool, typer.Option("--json", help="Answer in JSON")]


def settings_of(config: Path | None, **flags: Any) -> Settings:
    """The settings in effect; the program ends where they are wrong."""
    try:
        return load(flags, config)
    except TripactError as error:
        fail(error)


def home_of(home: Path | None) -> Home:
    """The folder of this party.

    Raises:
        TripactError: it is none of an agent, or others may read it.
    """
    return Home(settings_of(None, home=home).home)


def party_of(text: str) -> str:
    """A party id as it is kept.

    Raises:
        BadRequest: it is none.
    """
    try:
        return party_id_of(text)
    except ValueError as error:
        raise BadRequest(str(error)) from None


def fail(error: TripactError) -> NoReturn:
    """Say what is wrong, and end the program."""
    print(f"party-agent: {error.message}", file=sys.stderr)
    raise typer.Exit(EXIT_CODES.get(type(error), 1))
