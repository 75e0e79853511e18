"""flow-client: FATE's `flow` for a Tripact coordinator.

Exit codes: 0 done; 1 the server said no, or the job did not succeed; 2 wrong usage; 3 no
coordinator answers; 4 the job still runs after --timeout; 130 interrupted.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from coordinator.client import show
from coordinator.client.answers import plain, read_json
from coordinator.client.client import FlowClient, FlowError, Unreachable, WaitedTooLong
from coordinator.client.components import component
from coordinator.client.flow_verbs import VERBS
from coordinator.client.jobs import end, job, task
from coordinator.client.models import model
from coordinator.client.old_style import is_old_style, run_old_style
from coordinator.client.options import AsJson, Conf, Url, address, save_url, use_kept_app
from coordinator.client.verbs import complete
from coordinator.client.world import provider, test

UPLOAD_S = 600.0
SAID_NO, UNREACHABLE, STILL_RUNS, INTERRUPTED = 1, 3, 4, 130

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)
data = typer.Typer(no_args_is_help=True, help="Move tables to their owners.")
table = typer.Typer(no_args_is_help=True, help="Look at tables.")


def _group(help_text: str) -> typer.Typer:
    return typer.Typer(no_args_is_help=True, help=help_text)


GROUPS = {
    "data": data,
    "job": job,
    "task": task,
    "component": component,
    "tracking": component,
    "table": table,
    "model": model,
    "checkpoint": _group("Look at what long trainings kept on their way."),
    "tag": _group("Put words on models."),
    "queue": _group("Look at jobs that wait."),
    "resource": _group("See what is in use."),
    "privilege": _group("Say what parties may do."),
    "provider": provider,
    "server": _group("Look at the server."),
    "service": _group("Look at services."),
    "key": _group("Look at parties' keys."),
    "template": _group("Get example documents."),
    "test": test,
}


@app.command("init")
def init(
    ip: Annotated[str, typer.Option("--ip", help="Host of the coordinator.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65535)] = 9380,
    app_key: Annotated[str, typer.Option("--app-key", help="Key of an app that signs.")] = "",
    secret_key: Annotated[str, typer.Option("--secret-key", help="Its secret.")] = "",
) -> None:
    """Remember the coordinator's address, and who signs, for later calls."""
    path = save_url(f"http://{ip}:{port}", app_key, secret_key)
    show.OUT.print(f"http://{ip}:{port} kept in {path}", markup=False)


@app.command("version")
def version(url: Url = None, as_json: AsJson = False) -> None:
    """Show the versions the coordinator serves."""
    plain(FlowClient(address(url)).call("version/get", {}), as_json=as_json)


@data.command("upload")
def upload(
    conf_path: Conf,
    drop: Annotated[bool, typer.Option("--drop", help="Replace a table of that name.")] = False,
    _verbose: Annotated[
        bool, typer.Option("--verbose", help="Taken as FATE's; progress is shown anyway.")
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Follow until the table is stored.")
    ] = True,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Send a CSV file to its owner's store.

    The conf is FATE's: file, namespace, table_name, head, partition, and here party_id for whose
    store it is. A relative file is looked for beside the conf, then in the working directory.
    """
    conf = read_json(conf_path)
    conf.setdefault("table_name", conf.get("name"))
    missing = [name for name in ("file", "namespace", "table_name") if not conf.get(name)]
    if missing:
        raise typer.BadParameter(f"{conf_path} lacks {', '.join(missing)}")
    file = _find(Path(str(conf["file"])), conf_path.parent)
    client = FlowClient(address(url), timeout_s=UPLOAD_S)
    with _bytes_bar(file.name, quiet=as_json) as tell:
        taken = client.upload(
            file,
            namespace=str(conf["namespace"]),
            name=str(conf["table_name"]),
            party_id=conf.get("party_id"),
            head=_number(conf, "head", 1) == 1,
            partition=_number(conf, "partition", 4),
            drop=drop or _number(conf, "drop", 0) == 1,
            progress=tell,
            more=conf,
        )
    if as_json:
        model = {"model_id": taken.model_id, "model_version": taken.model_version}
        show.as_json(
            {
                "retcode": 0,
                "retmsg": "success",
                "jobId": taken.job_id,
                "data": {"job_id": taken.job_id, "model_info": model},
            }
        )
    if wait:
        end(client, taken.job_id, None, quiet=as_json)


@table.command("info")
def info(
    namespace: Annotated[str, typer.Option("-n", "--namespace")],
    table_name: Annotated[str, typer.Option("-t", "--table-name", "--name")],
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Show what is known of a table: owner, rows, columns."""
    body = {"namespace": namespace, "table_name": table_name}
    plain(FlowClient(address(url)).call("table/table_info", body), as_json=as_json)


# Last: what is written by hand wins over the table.
complete(GROUPS, VERBS)
for _name, _commands in GROUPS.items():
    app.add_typer(_commands, name=_name)


def main() -> None:
    """Run the command line; failures become exit codes."""
    use_kept_app()
    try:
        if is_old_style(sys.argv[1:]):
            run_old_style(sys.argv[1:])
        else:
            app()
    except FlowError as error:
        show.refusal(error)
        sys.exit(SAID_NO)
    except Unreachable as error:
        show.ERR.print(str(error), markup=False)
        sys.exit(UNREACHABLE)
    except WaitedTooLong as error:
        show.ERR.print(str(error), markup=False)
        sys.exit(STILL_RUNS)
    except OSError as error:
        show.ERR.print(f"{error.filename or ''}: {error.strerror or error}", markup=False)
        sys.exit(SAID_NO)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _number(conf: dict[str, Any], name: str, default: int) -> int:
    """A number of a conf; texts of digits and flags count.

    Raises:
        typer.BadParameter: it is none.
    """
    value = conf.get(name)
    try:
        return default if value is None else int(value)
    except (TypeError, ValueError):
        raise typer.BadParameter(f"{name} is a number, not {value!r}") from None


def _find(file: Path, beside: Path) -> Path:
    """The file itself, or the one of that name beside the conf.

    Raises:
        typer.BadParameter: neither is there.
    """
    for candidate in (beside / file, file):
        if candidate.is_file():
            return candidate
    raise typer.BadParameter(f"there is no file {file} (looked in {beside} too)")


@contextmanager
def _bytes_bar(name: str, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """A progress bar over the bytes of an upload; nothing when quiet."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    with Progress(*columns, console=show.ERR, transient=True, disable=quiet) as bar:
        line = bar.add_task(f"sending {name}", total=None)
        yield lambda sent, total: bar.update(line, completed=sent, total=total)
