"""`flow-client job ...` and `flow-client task ...`."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from coordinator.client import show
from coordinator.client.answers import checked, given, read_json, told
from coordinator.client.archives import fetch
from coordinator.client.client import FlowClient, submitted
from coordinator.client.options import (
    AsJson,
    Conf,
    JobId,
    Limit,
    MaybeComponent,
    MaybeJobId,
    MaybeParty,
    MaybeRole,
    OfJob,
    Output,
    Url,
    address,
)
from federation.spec.ledger import KIND, totals

job = typer.Typer(no_args_is_help=True, help="Post jobs and follow them.")
task = typer.Typer(no_args_is_help=True, help="Look at the tasks of jobs.")

Wait = Annotated[bool, typer.Option("--wait", help="Follow the job until it has ended.")]
WaitLimit = Annotated[
    float | None, typer.Option("--timeout", min=0, help="Seconds to wait at most.")
]


@job.command("submit")
def submit(
    conf_path: Conf,
    dsl_path: Annotated[
        Path | None, typer.Option("-d", "--dsl-path", help="JSON file with the DSL.")
    ] = None,
    wait: Wait = False,
    timeout: WaitLimit = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Post a job; with --wait, exit 0 only if it succeeds."""
    client = FlowClient(address(url))
    body = {
        "job_runtime_conf": read_json(conf_path),
        "job_dsl": {} if dsl_path is None else read_json(dsl_path),
    }
    answer = client.call("job/submit", body)
    if as_json:
        show.as_json(answer)
    taken = submitted(answer)
    if not as_json:
        show.OUT.print(f"job {taken.job_id} submitted; model {taken.model_id}", markup=False)
    if wait:
        end(client, taken.job_id, timeout, quiet=as_json)


@job.command("query", cls=OfJob)
def query(
    job_id: MaybeJobId = None,
    role: MaybeRole = None,
    party_id: MaybeParty = None,
    status: Annotated[str | None, typer.Option("-s", "--status", help="Job status.")] = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Show jobs, one line a seat."""
    client = FlowClient(address(url))
    filters = given(job_id=job_id, role=role, party_id=party_id, status=status)
    answer = client.call("job/query", filters)
    if as_json:
        for row in answer["data"] if answer.get("retcode") == 0 else ():
            # As FATE's flow does: these two are for `job config`.
            del row["f_dsl"], row["f_runtime_conf"]
        show.as_json(answer)
    rows = checked(answer)
    if as_json:
        return
    if not rows:
        show.OUT.print("no job could be found")
    else:
        _job_grid(rows)
    if job_id and rows and rows[0]["f_status"] not in ("success", "running"):
        show.explain(client, job_id)


@job.command("list")
def list_jobs(limit: Limit = 10, url: Url = None, as_json: AsJson = False) -> None:
    """Show the newest jobs."""
    answer = FlowClient(address(url)).call("job/list/job", {"limit": limit})
    if as_json:
        show.as_json(answer)
    found = checked(answer)
    if not as_json:
        _job_grid([{f"f_{key}": value for key, value in row.items()} for row in found["jobs"]])
        show.OUT.print(f"{len(found['jobs'])} of {found['count']}")


@job.command("stop", cls=OfJob)
def stop(job_id: JobId, url: Url = None, as_json: AsJson = False) -> None:
    """Cancel a job at every party."""
    told(FlowClient(address(url)).call("job/stop", {"job_id": job_id}), as_json=as_json)


@job.command("rerun", cls=OfJob)
def rerun(
    job_id: JobId,
    component_name: MaybeComponent = None,
    force: Annotated[bool, typer.Option("--force", help="Also what succeeded.")] = False,
    wait: Wait = False,
    timeout: WaitLimit = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Run an ended job again, as new attempts."""
    client = FlowClient(address(url))
    body = {"job_id": job_id, "force": force, **given(component_name=component_name)}
    told(client.call("job/rerun", body), as_json=as_json)
    if wait:
        end(client, job_id, timeout, quiet=as_json)


@job.command("parameter-update", cls=OfJob)
def parameter_update(
    job_id: JobId, conf_path: Conf, url: Url = None, as_json: AsJson = False
) -> None:
    """Give an ended job other parameters; `job rerun` runs it with them.

    The conf has `component_parameters`, `job_parameters` or both, as a job's conf does.
    """
    body = {**read_json(conf_path), "job_id": job_id}
    answer = FlowClient(address(url)).call("job/parameter/update", body)
    if as_json:
        show.as_json(answer)
    changed = checked(answer)["components"]
    if not as_json:
        show.OUT.print(f"changed: {', '.join(changed) or 'nothing'}", markup=False)


@job.command("config", cls=OfJob)
def config(
    job_id: JobId,
    role: MaybeRole = None,
    party_id: MaybeParty = None,
    output_path: Output = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Show a job's DSL and conf; with -o, write one JSON file each to a folder."""
    body = {"job_id": job_id, **given(role=role, party_id=party_id)}
    answer = FlowClient(address(url)).call("job/config", body)
    if as_json and output_path is None:
        show.as_json(answer)
    data = checked(answer)
    if output_path is None:
        if not as_json:
            show.as_json(data)
        return
    folder = output_path / f"job_{job_id}_config"
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in data.items():
        (folder / f"{name}.json").write_text(json.dumps(value, indent=4))
    show.OUT.print(f"written to {folder}", markup=False)


@job.command("log", cls=OfJob)
def log(
    job_id: JobId,
    output_path: Annotated[Path, typer.Option("-o", "--output-path", help="Folder to write to.")],
    url: Url = None,
) -> None:
    """Fetch the logs of a job from all its parties."""
    folder = output_path / f"job_{job_id}_log"
    fetch(address(url), "job/log/download", {"job_id": job_id}, folder)
    show.OUT.print(f"written to {folder}", markup=False)


@job.command("why", cls=OfJob)
def why(job_id: JobId, url: Url = None, as_json: AsJson = False) -> None:
    """Say why a job waits or did not end well, and what to do."""
    client = FlowClient(address(url))
    if as_json:
        told(client.call("tripact/job/why", {"job_id": job_id}), as_json=True)
    else:
        show.explain(client, job_id)


@job.command("ledger", cls=OfJob)
def ledger(job_id: JobId, url: Url = None, as_json: AsJson = False) -> None:
    """Show what left each party during a job, by kind of letter; --json tells every letter."""
    answer = FlowClient(address(url)).call("tripact/job/ledger", {"job_id": job_id})
    if as_json:
        show.as_json(answer)
    found = checked(answer)
    if as_json:
        return
    for party, rows in sorted(found.items()):
        cells = ((*one.kind, one.letters, one.bytes) for one in totals(rows))
        show.grid(f"party {party}", (*KIND, "letters", "bytes"), cells)


@task.command("query")
def query_tasks(
    job_id: MaybeJobId = None,
    role: MaybeRole = None,
    party_id: MaybeParty = None,
    component_name: MaybeComponent = None,
    status: Annotated[str | None, typer.Option("-s", "--status", help="Task status.")] = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Show tasks, one line a seat and version."""
    filters = given(
        job_id=job_id,
        role=role,
        party_id=party_id,
        component_name=component_name,
        status=status,
    )
    answer = FlowClient(address(url)).call("job/task/query", filters)
    if as_json:
        show.as_json(answer)
    rows = checked(answer)
    if not as_json:
        names = ("component_name", "role", "party_id", "task_version", "party_status")
        cells = ([row[f"f_{name}"] for name in names] + _took(row) for row in rows)
        show.grid("tasks", (*names, "ms", "error"), cells)


def end(client: FlowClient, job_id: str, timeout_s: float | None, *, quiet: bool) -> None:
    """Follow a job to its end.

    Raises:
        typer.Exit: 1, it did not succeed.
    """
    status = show.follow(client, job_id, timeout_s, quiet=quiet)
    if status != "success":
        show.explain(client, job_id)
        raise typer.Exit(1)
    if not quiet:
        show.OUT.print(f"job {job_id} {show.status_text(status)}")


def _job_grid(rows: list[dict[str, Any]]) -> None:
    names = ("job_id", "role", "party_id", "status", "progress", "create_date", "description")
    show.grid("jobs", names, ([row.get(f"f_{name}") for name in names] for row in rows))


def _took(row: dict[str, Any]) -> list[Any]:
    return [row["f_elapsed"], row["f_error_report"]]
