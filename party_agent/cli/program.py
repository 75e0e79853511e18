"""The command `party-agent`.

Exit codes: 0 well, 1 failed, 2 wrong usage or settings, 75 another agent runs on this home.
"""

import json
import os
from pathlib import Path
from typing import Annotated

import structlog
import typer

from federation.errors import BadRequest, TripactError
from federation.program.logs import set_up_logs
from federation.program.loop import run_loop
from federation.wire.identity import fingerprint
from party_agent.cli.audit import audit
from party_agent.cli.options import (
    Config,
    HomeOption,
    Json,
    Url,
    fail,
    home_of,
    party_of,
    settings_of,
)
from party_agent.cli.rules import grant, policy
from party_agent.cli.users import users
from party_agent.home import Home, Joined
from party_agent.journal import Journal
from party_agent.peers import Peers
from party_agent.policy import Rules
from party_agent.settings import Settings

log = structlog.get_logger(__name__)

cli = typer.Typer(
    name="party-agent",
    help="One party's machine: owns its data and its say.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
cli.command()(grant)
cli.add_typer(policy, name="policy")
cli.add_typer(users, name="user")
cli.add_typer(audit, name="audit")

CODE_VARIABLE = "TRIPACT_JOIN_CODE"
"""Where a code can be given so that no list of processes shows it."""


@cli.command()
def run(
    home: HomeOption = None,
    coordinator: Url = None,
    join: Annotated[str | None, typer.Option(help="One-time code, to join first")] = None,
    tables: Annotated[Path | None, typer.Option(help="Folder of the tables")] = None,
    standalone: Annotated[
        bool | None, typer.Option("--standalone", help="A local party: allow all")
    ] = None,
    orphan_timeout: Annotated[
        float | None, typer.Option(help="Standalone: seconds to outlive the coordinator")
    ] = None,
    gateway: Annotated[
        str | None, typer.Option(help="host:port of a door for this party's own users")
    ] = None,
    config: Config = None,
) -> None:
    """Dial the coordinator and serve, until stopped."""
    settings = settings_of(
        config,
        home=home,
        tables=tables,
        standalone=standalone,
        orphan_timeout_s=orphan_timeout,
        gateway=gateway,
    )
    set_up_logs(settings.log_level, settings.log_format)
    try:
        kept = Home(settings.home, settings.tables)
        with kept.locked():
            joined = _joined(kept, coordinator, join or os.environ.pop(CODE_VARIABLE, None))
            _serve(settings, kept, joined)
    except TripactError as error:
        fail(error)


@cli.command()
def join(
    code: Annotated[str, typer.Argument(help="One-time code, from: coordinator invite")],
    coordinator: Annotated[str, typer.Option(help="URL of the coordinator")],
    home: HomeOption = None,
    as_json: Json = False,
) -> None:
    """Join a coordinator, so that both know each other's key from then on."""
    try:
        kept = home_of(home)
        joined = _join(kept, coordinator, code)
    except TripactError as error:
        fail(error)
    facts = {
        "party_id": joined.party_id,
        "coordinator": joined.url,
        "coordinator_fingerprint": fingerprint(joined.coordinator_key),
        "fingerprint": fingerprint(kept.identity().public),
    }
    if as_json:
        typer.echo(json.dumps(facts))
        return
    typer.echo(f"Joined {joined.url} as party {joined.party_id}.\n")
    typer.echo(f"  the coordinator's key   {facts['coordinator_fingerprint']}")
    typer.echo(f"  this party's key        {facts['fingerprint']}\n")
    typer.echo("Compare both with what the other side shows; give this party's to its peers.")
    typer.echo(f"Next: party-agent run --home {kept.root}")


@cli.command()
def trust(
    party: Annotated[str, typer.Argument(help="Id of the peer")],
    key: Annotated[str, typer.Argument(help="Fingerprint of its key, as it told you itself")],
    home: HomeOption = None,
) -> None:
    """Pin a peer's key: jobs with that party are possible from then on."""
    try:
        kept = home_of(home)
        journal = Journal(kept.database)
        rules = Rules(kept.policy, kept.root, standalone=False)
        pin = Peers(journal, rules, kept).trust(party_of(party), key)
        journal.close()
    except TripactError as error:
        fail(error)
    typer.echo(f"party {pin.party_id} is trusted with key {pin.fingerprint}")


@cli.command(name="fingerprint")
def show_fingerprint(home: HomeOption = None, as_json: Json = False) -> None:
    """Show this party's key and those it trusts, to be compared over another way."""
    try:
        kept = home_of(home)
        mine, joined = fingerprint(kept.identity().public), kept.find_joined()
        journal = Journal(kept.database)
        pins = {pin.party_id: pin.fingerprint for pin in journal.pins()}
        journal.close()
    except TripactError as error:
        fail(error)
    theirs = fingerprint(joined.coordinator_key) if joined else None
    if as_json:
        typer.echo(json.dumps({"fingerprint": mine, "coordinator": theirs, "peers": pins}))
        return
    typer.echo(f"this party     {mine}")
    if theirs:
        typer.echo(f"coordinator    {theirs}")
    for party_id, pinned in pins.items():
        typer.echo(f"party {party_id:<8} {pinned}")


@cli.command()
def doctor(home: HomeOption = None, coordinator: Url = None, as_json: Json = False) -> None:
    """Look whether everything an agent needs is there and works."""
    from party_agent.doctor import examine

    findings = list(examine(settings_of(None, home=home).home, coordinator))
    if as_json:
        typer.echo(
            json.dumps([{"subject": f.subject, "good": f.good, "told": f.told} for f in findings])
        )
    else:
        for finding in findings:
            typer.echo(f"{'ok  ' if finding.good else 'FAIL'}  {finding.subject}: {finding.told}")
    if not all(finding.good for finding in findings):
        raise typer.Exit(1)


def main() -> None:
    """The command."""
    cli()


def _serve(settings: Settings, home: Home, joined: Joined) -> None:
    # Everything a task needs is imported here, and only for `run`.
    from party_agent.daemon import Daemon

    async def serve() -> None:
        await Daemon(settings, home, joined).run()

    run_loop(serve())


def _joined(home: Home, url: str | None, code: str | None) -> Joined:
    """The coordinator to serve: joined now if there is a code, else before.

    Raises:
        BadRequest: none was ever joined.
    """
    known = home.find_joined()
    if code:
        address = url or (known.url if known else None)
        if address is None:
            raise BadRequest("a code needs the URL of its coordinator: --coordinator URL")
        try:
            return _join(home, address, code)
        except TripactError as error:
            if known is None:
                raise
            log.warning("the code was not taken, going on as joined before", why=error.message)
    known = home.get_joined()
    return Joined((url or known.url).rstrip("/"), known.party_id, known.coordinator_key)


def _join(home: Home, url: str, code: str) -> Joined:
    from party_agent.joining import Code, join

    joined = run_loop(join(url, Code.parse(code), home.identity()))
    home.keep_joined(joined)
    log.info("joined", url=joined.url, party_id=joined.party_id)
    return joined
