"""`party-agent audit ...`: what left this party, told from its own files; no daemon need run."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from federation.errors import BadRequest
from federation.spec.ledger import KIND, totals
from party_agent.audit import Audit, verify
from party_agent.cli.options import HomeOption, Json, fail, home_of
from party_agent.home import Home
from party_agent.journal import Journal

audit = typer.Typer(help="Look at what left this party.", no_args_is_help=True)

Job = Annotated[str, typer.Argument(help="Id of the job")]


@audit.command(name="list")
def audit_list(home: HomeOption = None, as_json: Json = False) -> None:
    """List the jobs that letters left for, oldest first."""
    kept = Audit(home_of(home).audit)
    found = [(job, kept.rows(job)) for job in kept.jobs()]
    rows = [
        {
            "job_id": job,
            "letters": len(rows),
            "bytes": sum(row["bytes"] for row in rows),
            "since": _time(rows[0]["time_ms"]) if rows else "",
            "until": _time(rows[-1]["time_ms"]) if rows else "",
        }
        for job, rows in found
    ]
    if as_json:
        typer.echo(json.dumps(rows))
        return
    names = ("job_id", "letters", "bytes", "since", "until")
    _print(names, ([row[name] for name in names] for row in rows))


@audit.command(name="show")
def audit_show(job: Job, home: HomeOption = None, as_json: Json = False) -> None:
    """Show what left for a job, by kind of letter; --json tells every letter."""
    kept = home_of(home)
    _path_of(kept, job)
    rows = Audit(kept.audit).rows(job)
    if as_json:
        typer.echo(json.dumps(rows))
        return
    _print(
        (*KIND, "letters", "bytes", "since", "until"),
        (
            (*one.kind, one.letters, one.bytes, _time(one.since_ms), _time(one.until_ms))
            for one in totals(rows)
        ),
    )


@audit.command(name="verify")
def audit_verify(job: Job, home: HomeOption = None) -> None:
    """Check that a job's audit was not changed: exit code 0 if it was not, else 1."""
    kept = home_of(home)
    path = _path_of(kept, job)
    journal = Journal(kept.database)
    verdict = verify(path, journal.find_audit_head(job))
    journal.close()
    if verdict.flaw:
        typer.echo(f"{path}: {verdict.rows} lines hold, then {verdict.flaw}", err=True)
        raise typer.Exit(1)
    typer.echo(f"{path}: {verdict.rows} lines, all in their place; last hash {verdict.head}")


def _path_of(kept: Home, job: str) -> Path:
    path = Audit(kept.audit).path(job)
    if not path.exists():
        fail(BadRequest(f"no letter of job {job} left this party"))
    return path


def _time(epoch_ms: int) -> str:
    return datetime.fromtimestamp(epoch_ms / 1000, UTC).isoformat(" ", "seconds")


def _print(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    table = Table(*names, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*map(str, row))
    Console(width=200).print(table, markup=False)
