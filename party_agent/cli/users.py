"""`party-agent user ...`: who may come through this party's gateway."""

import json
from typing import Annotated

import typer

from federation.errors import TripactError
from party_agent.cli.options import HomeOption, Json, fail, home_of
from party_agent.gateway.users import Users

users = typer.Typer(help="Who may come through this party's gateway.", no_args_is_help=True)


@users.command(name="add")
def user_add(
    name: Annotated[str, typer.Argument(help="Name of the user")],
    home: HomeOption = None,
    as_json: Json = False,
) -> None:
    """Name a user of the gateway; the secret is shown once."""
    try:
        secret = Users(home_of(home).root).add(name)
    except TripactError as error:
        fail(error)
    if as_json:
        typer.echo(json.dumps({"name": name, "secret": secret}))
        return
    typer.echo(
        f"{name} may come through the gateway from now on, with this secret:\n\n  {secret}\n"
    )
    typer.echo("Send it as Authorization: Bearer SECRET; or with FATE's client, which signs:")
    typer.echo(f"flow init --ip HOST --port PORT --app-key {name} --secret-key SECRET")


@users.command(name="drop")
def user_drop(
    name: Annotated[str, typer.Argument(help="Name of the user")], home: HomeOption = None
) -> None:
    """Let a user come no more."""
    try:
        Users(home_of(home).root).drop(name)
    except TripactError as error:
        fail(error)
    typer.echo(f"{name} may come no more")


@users.command(name="list")
def user_list(home: HomeOption = None) -> None:
    """Names of all users of the gateway."""
    try:
        for name in sorted(Users(home_of(home).root).secrets()):
            typer.echo(name)
    except TripactError as error:
        fail(error)
