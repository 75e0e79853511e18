"""The command `coordinator`.

Exit codes: 0 well, 1 failed, 2 wrong usage or settings, 69 the address is taken, 75 the home is.
"""

import asyncio
import json
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer

from coordinator.app import (
    VERSION,
    Address,
    Coordinator,
    identity_of,
    last_url,
    now_ms,
    open_database,
)
from coordinator.domain.access import Apps
from coordinator.domain.parties import Parties
from coordinator.settings import Settings, load
from federation.errors import AddressTaken, HomeInUse, InvalidSettings, TripactError
from federation.program.logs import set_up_logs
from federation.program.loop import run_loop
from federation.spec.party import party_id_of
from federation.wire.identity import fingerprint

cli = typer.Typer(
    name="coordinator",
    help="Plan and supervise federated jobs; hold no rows.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app_cli = typer.Typer(help="Keys with which a party's users sign.", no_args_is_help=True)
cli.add_typer(app_cli, name="app")

EXIT_CODES: dict[type[TripactError], int] = {InvalidSettings: 2, AddressTaken: 69, HomeInUse: 75}
UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}
T = TypeVar("T")

Home = Annotated[Path | None, typer.Option(help="Folder of the coordinator [.tripact]")]
Config = Annotated[Path | None, typer.Option(help="Settings file [<home>/coordinator.toml]")]
Host = Annotated[str | None, typer.Option(help="Address to listen on [127.0.0.1]")]
Port = Annotated[int | None, typer.Option(help="Port to listen on, 0 takes a free one [9380]")]
Database = Annotated[str | None, typer.Option(help="Database URL [SQLite in the home]")]
PublicUrl = Annotated[str | None, typer.Option(help="Where agents reach this coordinator")]
Json = Annotated[bool, typer.Option("--json", help="Answer in JSON")]


@cli.command()
def standalone(
    home: Home = None,
    host: Host = None,
    port: Port = None,
    public_url: PublicUrl = None,
    config: Config = None,
) -> None:
    """Coordinator and all parties on this machine: agents start when a job needs them."""
    settings = _settings(config, home=home, host=host, port=port, public_url=public_url)
    _serve(settings, standalone_mode=True)


@cli.command()
def serve(
    home: Home = None,
    database: Database = None,
    host: Host = None,
    port: Port = None,
    public_url: PublicUrl = None,
    config: Config = None,
) -> None:
    """Coordinator of parties on machines of their own, which join by invitation."""
    settings = _settings(
        config, home=home, database=database, host=host, port=port, public_url=public_url
    )
    _serve(settings, standalone_mode=False)


@cli.command()
def invite(
    party: Annotated[str, typer.Option(help="Id of the party to invite")],
    valid: Annotated[str, typer.Option(help="How long the code is good: 30m, 24h, 7d")] = "24h",
    replace: Annotated[bool, typer.Option(help="Give a party that joined a new key")] = False,
    home: Home = None,
    database: Database = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Print a one-time code with which a party joins; a running coordinator need not stop."""
    settings = _settings(config, home=home, database=database)
    valid_s = _seconds(valid)
    public = identity_of(settings.home).public

    async def make(parties: Parties) -> str:
        return await parties.invite(_party(party), valid_s, replace=replace)

    code = _run(_with_parties(settings, public, make))
    url = settings.public_url or last_url(settings.home) or "http://COORDINATOR:9380"
    facts = {
        "party_id": _party(party),
        "code": code,
        "url": url,
        "fingerprint": fingerprint(public),
    }
    if as_json:
        _print_json({**facts, "valid_s": valid_s})
        return
    typer.echo(f"One-time code for party {facts['party_id']}, good for {valid}:\n\n    {code}\n")
    typer.echo("On the party's machine:\n")
    typer.echo(f"    party-agent join {code} --coordinator {url} --home DIR")
    typer.echo("    party-agent run --home DIR\n")
    typer.echo(
        f"It will show this coordinator's fingerprint, compare:\n\n    {fingerprint(public)}"
    )


@cli.command(name="parties")
def list_parties(
    home: Home = None, database: Database = None, config: Config = None, as_json: Json = False
) -> None:
    """List the parties that joined."""
    settings = _settings(config, home=home, database=database)
    public = identity_of(settings.home).public
    linked = _linked(settings.home)

    async def find(parties: Parties) -> list[dict[str, Any]]:
        return [
            {
                "party_id": party.party_id,
                "fingerprint": fingerprint(party.public_key),
                "joined": datetime.fromtimestamp(party.joined_ms / 1000, UTC).isoformat(
                    "T", "seconds"
                ),
                "connected": party.party_id in linked,
            }
            for party in await parties.find()
        ]

    found = _run(_with_parties(settings, public, find))
    if as_json:
        _print_json(found)
    elif not found:
        typer.echo("no party has joined; invite one: coordinator invite --party ID")
    for row in found if not as_json else ():
        state = "connected" if row["connected"] else "away"
        typer.echo(
            f"{row['party_id']:<12} {state:<10} {row['fingerprint']}  joined {row['joined']}"
        )


@app_cli.command(name="add")
def app_add(
    party: Annotated[str, typer.Option(help="Id of the party for whose users it signs")],
    home: Home = None,
    database: Database = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Make a key with which the users of a party sign their requests; the secret is shown once."""
    settings = _settings(config, home=home, database=database)
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    app = _run(_with_apps(settings, lambda apps: apps.add(_party(party))))
    if as_json:
        _print_json({"app_key": app.app_key, "secret_key": app.secret, "party_id": app.party_id})
        return
    typer.echo(f"App of party {app.party_id}:\n")
    typer.echo(f"    key      {app.app_key}\n    secret   {app.secret}\n")
    typer.echo(f"flow init --ip HOST --port PORT --app-key {app.app_key} --secret-key SECRET")
    if not settings.require_signature:
        typer.echo("Requests that nobody signs are answered too: see require_signature.")


@app_cli.command(name="list")
def app_list(home: Home = None, database: Database = None, config: Config = None) -> None:
    """List the apps, without their secrets."""
    settings = _settings(config, home=home, database=database)
    for app in _run(_with_apps(settings, lambda apps: apps.all())):
        typer.echo(f"{app.app_key}  party {app.party_id}")


@app_cli.command(name="drop")
def app_drop(
    app_key: Annotated[str, typer.Argument(help="Key of the app")],
    home: Home = None,
    database: Database = None,
    config: Config = None,
) -> None:
    """Let an app sign no more."""
    settings = _settings(config, home=home, database=database)
    _run(_with_apps(settings, lambda apps: apps.drop(app_key)))
    typer.echo(f"{app_key} signs no more")


@cli.command(name="fingerprint")
def show_fingerprint(home: Home = None, config: Config = None) -> None:
    """Print the fingerprint of this coordinator's key, for parties to compare."""
    typer.echo(fingerprint(identity_of(_settings(config, home=home).home).public))


@cli.command()
def migrate(home: Home = None, database: Database = None, config: Config = None) -> None:
    """Bring the database to this version; a starting coordinator does so by itself."""
    settings = _settings(config, home=home, database=database)
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)

    async def upgrade() -> None:
        store = await open_database(settings)
        await store.close()

    _run(upgrade())
    typer.echo("the database is up to date")


@cli.command(name="version")
def show_version() -> None:
    """Print the version."""
    typer.echo(f"tripact {VERSION}")


def main() -> None:
    """Entry point of the command."""
    cli()


# --- serving -------------------------------------------------------------------------------------


def _serve(settings: Settings, *, standalone_mode: bool) -> None:
    set_up_logs(settings.log_level, settings.log_format)
    _run(_until_told(settings, standalone_mode=standalone_mode))


async def _until_told(settings: Settings, *, standalone_mode: bool) -> None:
    """Serve until SIGINT or SIGTERM."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told.set)
    coordinator = Coordinator(settings, standalone=standalone_mode)
    address = await coordinator.start()
    try:
        typer.echo(_banner(address, settings, standalone_mode=standalone_mode))
        sys.stdout.flush()
        await told.wait()
    finally:
        await coordinator.stop()


def _banner(address: Address, settings: Settings, *, standalone_mode: bool) -> str:
    url = settings.public_url or address.url
    mode = "standalone: agents start when a job needs them" if standalone_mode else "cluster"
    next_commands = (
        [
            f"flow-client job submit -d DSL.json -c CONF.json --url {url}",
            f"curl {url}/healthz",
        ]
        if standalone_mode
        else [
            f"coordinator invite --party 9999 --home {address.home}",
            f"party-agent join CODE --coordinator {url} --home DIR",
        ]
    )
    return "\n".join(
        [
            f"Tripact coordinator {VERSION} ({mode})",
            f"  address      {address.url}",
            f"  fingerprint  {address.fingerprint}",
            f"  home         {address.home}",
            "Next, in another terminal:",
            *(f"  {command}" for command in next_commands),
            "Ctrl-C stops it.",
        ]
    )


# --- what commands share -------------------------------------------------------------------------


def _settings(config: Path | None, **flags: Any) -> Settings:
    try:
        return load(flags, config)
    except TripactError as error:
        _fail(error)


def _run(work: Coroutine[Any, Any, T]) -> T:
    try:
        return run_loop(work)
    except TripactError as error:
        _fail(error)


def _fail(error: TripactError) -> NoReturn:
    typer.echo(f"error: {error.message}", err=True)
    raise typer.Exit(EXIT_CODES.get(type(error), 1))


async def _with_parties(settings: Settings, public: bytes, work: Any) -> Any:
    store = await open_database(settings)
    try:
        return await work(Parties(store, public, now_ms))
    finally:
        await store.close()


async def _with_apps(settings: Settings, work: Callable[[Apps], Awaitable[T]]) -> T:
    store = await open_database(settings)
    try:
        return await work(Apps(store, now_ms))
    finally:
        await store.close()


def _party(text: str) -> str:
    try:
        return party_id_of(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _seconds(text: str) -> int:
    """`30m`, `24h`, `7d` or a number of seconds."""
    number, unit = (text[:-1], text[-1]) if text[-1:] in UNIT_S else (text, "s")
    if not (number.isascii() and number.isdigit() and int(number) > 0):
        raise typer.BadParameter(f"{text!r} is not a time like 30m, 24h or 7d")
    return int(number) * UNIT_S[unit]


def _linked(home: Path) -> frozenset[str]:
    """Parties whose agents are linked to the coordinator that runs on this home."""
    url = last_url(home)
    if url is None:
        return frozenset()
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=2.0) as answer:  # noqa: S310 - ours
            return frozenset(json.load(answer)["agents"])
    except (OSError, ValueError, KeyError):
        return frozenset()


def _print_json(value: object) -> None:
    typer.echo(json.dumps(value, indent=2))


if __name__ == "__main__":
    main()
