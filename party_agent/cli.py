"""The command `party-agent`.

Exit codes: 0 well, 1 failed, 2 wrong usage or settings, 75 another agent runs on this home.
"""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn, get_args

import structlog
import typer

from federation.errors import BadRequest, HomeInUse, InvalidSettings, TripactError
from federation.program.logs import set_up_logs
from federation.spec.party import party_id_of
from federation.wire.identity import fingerprint
from party_agent.audit import Audit, verify
from party_agent.gateway.users import Users
from party_agent.home import Home, Joined
from party_agent.journal import Journal
from party_agent.peers import Peers
from party_agent.policy import Ask, Rule, Rules, What, append_grant
from party_agent.settings import Settings, load

log = structlog.get_logger(__name__)

cli = typer.Typer(
    name="party-agent",
    help="One party's machine: owns its data and its say.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
policy_cli = typer.Typer(help="Look at what this party allows.", no_args_is_help=True)
cli.add_typer(policy_cli, name="policy")
user_cli = typer.Typer(help="Who may come through this party's gateway.", no_args_is_help=True)
cli.add_typer(user_cli, name="user")
audit_cli = typer.Typer(help="Look at what left this party.", no_args_is_help=True)
cli.add_typer(audit_cli, name="audit")

CODE_VARIABLE = "TRIPACT_JOIN_CODE"
"""Where a code can be given so that no list of processes shows it."""

EXIT_CODES: dict[type[TripactError], int] = {InvalidSettings: 2, HomeInUse: 75}

HomeOption = Annotated[Path | None, typer.Option("--home", help="Folder of the agent")]
Config = Annotated[Path | None, typer.Option(help="Settings file [<home>/party_agent.toml]")]
Url = Annotated[str | None, typer.Option(help="URL of the coordinator")]
Json = Annotated[bool, typer.Option("--json", help="Answer in JSON")]
Components = Annotated[list[str] | None, typer.Option("--component", help="Module, as HeteroLR")]
RoleNames = Annotated[list[str] | None, typer.Option("--role", help="guest, host, arbiter, local")]
TableNames = Annotated[list[str] | None, typer.Option("--table", help="namespace/name, * fits all")]
ModelNames = Annotated[list[str] | None, typer.Option("--model", help="model id/version")]
PartyIds = Annotated[list[str] | None, typer.Option("--party", help="Other parties of the job")]
WhatOption = Annotated[str, typer.Option("--what", help=", ".join(get_args(What)))]


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
    settings = _settings(
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
        _fail(error)


@cli.command()
def join(
    code: Annotated[str, typer.Argument(help="One-time code, from: coordinator invite")],
    coordinator: Annotated[str, typer.Option(help="URL of the coordinator")],
    home: HomeOption = None,
    as_json: Json = False,
) -> None:
    """Join a coordinator, so that both know each other's key from then on."""
    try:
        kept = Home(_settings(None, home=home).home)
        joined = _join(kept, coordinator, code)
    except TripactError as error:
        _fail(error)
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
        kept = Home(_settings(None, home=home).home)
        journal = Journal(kept.database)
        rules = Rules(kept.policy, kept.root, standalone=False)
        pin = Peers(journal, rules, kept).trust(_party(party), key)
        journal.close()
    except TripactError as error:
        _fail(error)
    typer.echo(f"party {pin.party_id} is trusted with key {pin.fingerprint}")


@cli.command()
def grant(
    component: Components = None,
    role: RoleNames = None,
    table: TableNames = None,
    party: PartyIds = None,
    model: ModelNames = None,
    what: WhatOption = "job",
    home: HomeOption = None,
) -> None:
    """Allow something: adds a rule to the policy; a running agent follows it at once."""
    try:
        kept = Home(_settings(None, home=home).home)
        rule = Rule(
            what=_what(what),
            components=tuple(component) if component else None,
            roles=tuple(role) if role else None,
            tables=tuple(table) if table else None,
            parties=tuple(map(_party, party)) if party else None,
            models=tuple(model) if model else None,
        )
        added = append_grant(kept.policy, rule)
    except TripactError as error:
        _fail(error)
    typer.echo(f"{kept.policy} has a new rule:\n\n{added}", nl=False)


@cli.command(name="fingerprint")
def show_fingerprint(home: HomeOption = None, as_json: Json = False) -> None:
    """Show this party's key and those it trusts, to be compared over another way."""
    try:
        kept = Home(_settings(None, home=home).home)
        mine, joined = fingerprint(kept.identity().public), kept.find_joined()
        journal = Journal(kept.database)
        pins = {pin.party_id: pin.fingerprint for pin in journal.pins()}
        journal.close()
    except TripactError as error:
        _fail(error)
    theirs = fingerprint(joined.coordinator_key) if joined else None
    if as_json:
        typer.echo(json.dumps({"fingerprint": mine, "coordinator": theirs, "peers": pins}))
        return
    typer.echo(f"this party     {mine}")
    if theirs:
        typer.echo(f"coordinator    {theirs}")
    for party_id, pinned in pins.items():
        typer.echo(f"party {party_id:<8} {pinned}")


@policy_cli.command(name="check")
def policy_check(
    component: Components = None,
    role: RoleNames = None,
    table: TableNames = None,
    party: PartyIds = None,
    model: ModelNames = None,
    what: WhatOption = "job",
    standalone: Annotated[bool, typer.Option("--standalone", help="As a local party")] = False,
    home: HomeOption = None,
) -> None:
    """Read the policy, and say whether something is allowed: exit code 0 if it is, else 1."""
    try:
        kept = Home(_settings(None, home=home).home)
        rules = Rules(kept.policy, kept.root, standalone=standalone)
        policy = rules.policy
        if not (component or role or table or party or model or what != "job"):
            default = policy.default or ("allow" if standalone else "refuse")
            typer.echo(
                f"{kept.policy}: default {default}, {len(policy.allow)} allow and "
                f"{len(policy.refuse)} refuse rules, tables of {policy.least_rows} rows or more"
            )
            return
        for name in component or [""]:
            for held in role or [""]:
                ask = Ask(
                    what=_what(what),
                    component=name,
                    role=held,
                    parties=tuple(party or ()),
                    tables=tuple(table or ()),
                    models=tuple(model or ()),
                )
                rules.check(ask)
                typer.echo(f"allowed: {ask}")
    except TripactError as error:
        _fail(error)


@user_cli.command(name="add")
def user_add(
    name: Annotated[str, typer.Argument(help="Name of the user")],
    home: HomeOption = None,
    as_json: Json = False,
) -> None:
    """Name a user of the gateway; the secret is shown once."""
    try:
        secret = Users(Home(_settings(None, home=home).home).root).add(name)
    except TripactError as error:
        _fail(error)
    if as_json:
        typer.echo(json.dumps({"name": name, "secret": secret}))
        return
    typer.echo(
        f"{name} may come through the gateway from now on, with this secret:\n\n  {secret}\n"
    )
    typer.echo("Send it as Authorization: Bearer SECRET; or with FATE's client, which signs:")
    typer.echo(f"flow init --ip HOST --port PORT --app-key {name} --secret-key SECRET")


@user_cli.command(name="drop")
def user_drop(
    name: Annotated[str, typer.Argument(help="Name of the user")], home: HomeOption = None
) -> None:
    """Let a user come no more."""
    try:
        Users(Home(_settings(None, home=home).home).root).drop(name)
    except TripactError as error:
        _fail(error)
    typer.echo(f"{name} may come no more")


@user_cli.command(name="list")
def user_list(home: HomeOption = None) -> None:
    """Names of all users of the gateway."""
    try:
        for name in sorted(Users(Home(_settings(None, home=home).home).root).secrets()):
            typer.echo(name)
    except TripactError as error:
        _fail(error)


@audit_cli.command(name="verify")
def audit_verify(
    job: Annotated[str, typer.Argument(help="Id of the job")], home: HomeOption = None
) -> None:
    """Check that a job's audit was not changed: exit code 0 if it was not, else 1."""
    kept = Home(_settings(None, home=home).home)
    path = Audit(kept.audit).path(job)
    if not path.exists():
        _fail(BadRequest(f"no letter of job {job} left this party"))
    journal = Journal(kept.database)
    verdict = verify(path, journal.find_audit_head(job))
    journal.close()
    if verdict.flaw:
        typer.echo(f"{path}: {verdict.rows} lines hold, then {verdict.flaw}", err=True)
        raise typer.Exit(1)
    typer.echo(f"{path}: {verdict.rows} lines, all in their place; last hash {verdict.head}")


@cli.command()
def doctor(home: HomeOption = None, coordinator: Url = None, as_json: Json = False) -> None:
    """Look whether everything an agent needs is there and works."""
    from party_agent.doctor import examine

    findings = list(examine(_settings(None, home=home).home, coordinator))
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

    asyncio.run(serve())


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

    joined = asyncio.run(join(url, Code.parse(code), home.identity()))
    home.keep_joined(joined)
    log.info("joined", url=joined.url, party_id=joined.party_id)
    return joined


def _settings(config: Path | None, **flags: Any) -> Settings:
    try:
        return load(flags, config)
    except TripactError as error:
        _fail(error)


def _party(text: str) -> str:
    try:
        return party_id_of(text)
    except ValueError as error:
        raise BadRequest(str(error)) from None


def _what(text: str) -> What:
    match text:
        case "job" | "upload" | "read" | "model" | "log" | "infer" | "import":
            return text
    raise BadRequest(f"--what is one of {', '.join(get_args(What))}, not {text!r}")


def _fail(error: TripactError) -> NoReturn:
    print(f"party-agent: {error.message}", file=sys.stderr)
    raise typer.Exit(EXIT_CODES.get(type(error), 1))
