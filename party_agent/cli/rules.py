"""`party-agent grant` and `party-agent policy ...`: what this party allows."""

from typing import Annotated, get_args

import typer

from federation.errors import BadRequest, TripactError
from party_agent.cli.options import HomeOption, fail, home_of, party_of
from party_agent.policy import Ask, Rule, Rules, What, append_grant

policy = typer.Typer(help="Look at what this party allows.", no_args_is_help=True)

Components = Annotated[list[str] | None, typer.Option("--component", help="Module, as HeteroLR")]
RoleNames = Annotated[list[str] | None, typer.Option("--role", help="guest, host, arbiter, local")]
TableNames = Annotated[list[str] | None, typer.Option("--table", help="namespace/name, * fits all")]
ModelNames = Annotated[list[str] | None, typer.Option("--model", help="model id/version")]
PartyIds = Annotated[list[str] | None, typer.Option("--party", help="Other parties of the job")]
WhatOption = Annotated[str, typer.Option("--what", help=", ".join(get_args(What)))]


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
        kept = home_of(home)
        rule = Rule(
            what=_what(what),
            components=tuple(component) if component else None,
            roles=tuple(role) if role else None,
            tables=tuple(table) if table else None,
            parties=tuple(map(party_of, party)) if party else None,
            models=tuple(model) if model else None,
        )
        added = append_grant(kept.policy, rule)
    except TripactError as error:
        fail(error)
    typer.echo(f"{kept.policy} has a new rule:\n\n{added}", nl=False)


@policy.command(name="check")
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
        kept = home_of(home)
        rules = Rules(kept.policy, kept.root, standalone=standalone)
        allowed = rules.policy
        if not (component or role or table or party or model or what != "job"):
            default = allowed.default or ("allow" if standalone else "refuse")
            typer.echo(
                f"{kept.policy}: default {default}, {len(allowed.allow)} allow and "
                f"{len(allowed.refuse)} refuse rules, tables of {allowed.least_rows} rows or more, "
                f"bins of {allowed.least_bin_rows} or more"
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
        fail(error)


def _what(text: str) -> What:
    match text:
        case "job" | "upload" | "read" | "model" | "log" | "infer" | "import":
            return text
    raise BadRequest(f"--what is one of {', '.join(get_args(What))}, not {text!r}")
