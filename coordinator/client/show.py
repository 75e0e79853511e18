"""How answers look on a terminal: JSON for programs, tables and sentences for people."""

import json
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from coordinator.client.client import FlowClient, FlowError, WaitedTooLong

OUT = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 200)
ERR = Console(stderr=True, highlight=False, soft_wrap=True)
MARKS = {"success": "green", "failed": "red", "timeout": "red", "canceled": "yellow"}


def as_json(answer: Mapping[str, Any]) -> None:
    """Print an answer as JSON, indented on a terminal."""
    OUT.out(json.dumps(answer, indent=4 if OUT.is_terminal else None, ensure_ascii=False))


def status_text(status: str) -> str:
    """A status in its colour."""
    return f"[{MARKS.get(status, 'cyan')}]{escape(status)}[/]"


def grid(title: str, headings: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Print a table."""
    table = Table(title=Text(title), title_justify="left")
    for heading in headings:
        table.add_column(Text(heading), overflow="fold")
    for row in rows:
        # Text: what a server or a file says may hold brackets, and is no markup.
        table.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    OUT.print(table)


def follow(client: FlowClient, job_id: str, timeout_s: float | None, *, quiet: bool) -> str:
    """Show a job's progress until it ends; its status.

    Raises:
        WaitedTooLong: it still runs.
    """
    if quiet:
        return client.wait(job_id, timeout_s=timeout_s)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=ERR, transient=True) as bar:
        line = bar.add_task(f"job {job_id}", total=100)

        def seen(row: dict[str, Any]) -> None:
            bar.update(
                line,
                completed=row["f_progress"],
                description=f"job {job_id} {row['f_status']}",
            )

        try:
            return client.wait(job_id, timeout_s=timeout_s, seen=seen)
        except WaitedTooLong:
            explain(client, job_id)
            raise


def explain(client: FlowClient, job_id: str) -> None:
    """Print why a job waits or did not end well: party, component, reason, what to do."""
    why = client.ask("tripact/job/why", {"job_id": job_id})
    ERR.print(f"job {escape(job_id)} is {status_text(why['status'])}")
    reason = why.get("reason")
    if reason:
        where = f"{reason['path']}: " if reason.get("path") else ""
        ERR.print(f"  reason: {where}{reason['message']} ({reason['code']})", markup=False)
    for task in why.get("failed", ()):
        seat = f"{task['component']} at {task['role']} {task['party_id']}"
        ERR.print(f"  {seat}: {task['reason']}", markup=False)
    for waiting in why.get("waiting_for", ()):
        whom = f"party {waiting['party_id']}: " if waiting["party_id"] else ""
        ERR.print(f"  waits: {whom}{waiting['what']}", markup=False)
    if why["status"] in ("failed", "timeout"):
        again = _AGAIN.get(why.get("kind"), f"`flow-client job rerun -j {job_id}`")
        ERR.print(f"  to do: mend it, then {again}", markup=False)


_AGAIN = {
    "upload": "upload it again (with --drop if a table of that name is there)",
    "serve": "load the model again (`flow-client model load`)",
}
"""What to do again where a job came of something else than `job submit`, by its kind."""


def refusal(error: FlowError) -> None:
    """Print a no of the server: each problem on a line of its own."""
    ERR.print(f"the coordinator says no (retcode {error.retcode})", style="red")
    data = error.answer.get("data")
    problems = data.get("problems") if isinstance(data, dict) else None
    if not problems:
        ERR.print(f"  {error}", markup=False)
        return
    for problem in problems:
        path = f"{problem['path']}: " if problem.get("path") else ""
        ERR.print(f"  {path}{problem['message']}", markup=False)
