"""`flow-client provider`, `test`, and a job's prediction DSL: verbs that need more than a row."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from coordinator.client import show
from coordinator.client.answers import checked, plain, read_json, write
from coordinator.client.archives import fetch
from coordinator.client.client import FlowClient
from coordinator.client.jobs import end, job
from coordinator.client.options import AsJson, Output, Url, address

provider = typer.Typer(no_args_is_help=True, help="Look at where components come from.")
test = typer.Typer(no_args_is_help=True, help="Try out whether all is well.")

TOY = "secure_add_example_0"
TOY_MARK = "secure_add_guest"
TOY_S = 300.0


@provider.command("list")
def list_providers(
    name: Annotated[str | None, typer.Option("-n", "--provider-name", help="One of them.")] = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Show who brings components, and which."""
    route = "provider/get" if name is None else f"provider/{name}/get"
    body = {} if name is None else {"provider_name": name}
    plain(FlowClient(address(url)).call(route, body), as_json=as_json)


@job.command("dsl")
def predict_dsl(
    train_dsl: Annotated[
        Path, typer.Option("--train-dsl-path", help="JSON file with the DSL of a training.")
    ],
    components: Annotated[
        str | None, typer.Option("--cpn-list", help="Components to keep, with commas.")
    ] = None,
    components_path: Annotated[
        Path | None, typer.Option("--cpn-path", help="File that names them, with commas or lines.")
    ] = None,
    version: Annotated[str, typer.Option("--version", help="DSL version, 1 or 2.")] = "2",
    output_path: Output = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Make the DSL that predicts with a training's components."""
    if (components is None) == (components_path is None):
        raise typer.BadParameter("name the components: --cpn-list or --cpn-path, one of them")
    named = components if components_path is None else components_path.read_text()
    body = {
        "cpn_str": ",".join((named or "").replace("\n", ",").split(",")).strip(","),
        "train_dsl": json.dumps(read_json(train_dsl)),
        "version": version,
    }
    answer = FlowClient(address(url)).call("job/dsl/generate", body)
    if output_path is None:
        plain(answer, as_json=as_json)
    else:
        write(output_path / "predict_dsl.json", checked(answer))


@test.command("toy")
def toy(
    guest: Annotated[str, typer.Option("-gid", "--guest-party-id", help="Guest.")],
    host: Annotated[str, typer.Option("-hid", "--host-party-id", help="Host.")],
    timeout: Annotated[float, typer.Option("-t", "--timeout", help="Seconds at most.")] = TOY_S,
    task_cores: Annotated[int, typer.Option("--task-cores", help="Cores of a task.")] = 2,
    url: Url = None,
) -> None:
    """Add numbers of two parties in secret, and show what the guest says of it."""
    client = FlowClient(address(url))
    dsl, conf = toy_job(guest, host, task_cores)
    taken = client.submit(dsl, conf)
    show.OUT.print(f"job {taken.job_id} submitted", markup=False)
    end(client, taken.job_id, timeout, quiet=True)
    for line in _toy_lines(client.url, taken.job_id, guest):
        show.OUT.print(line, markup=False)


def toy_job(guest: str, host: str, task_cores: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """DSL and conf of FATE's toy example."""
    dsl = {"components": {TOY: {"module": "SecureAddExample"}}}
    conf = {
        "dsl_version": 2,
        "initiator": {"role": "guest", "party_id": guest},
        "job_parameters": {"common": {"task_cores": task_cores}},
        "role": {"guest": [guest], "host": [host]},
        "component_parameters": {
            "role": {"guest": {"0": {TOY: {"seed": 123}}}, "host": {"0": {TOY: {"seed": 321}}}},
            "common": {TOY: {"partition": 4, "data_num": 1000}},
        },
    }
    return dsl, conf


def _toy_lines(url: str, job_id: str, guest: str) -> list[str]:
    """What the guest's log says of the sum."""
    with TemporaryDirectory() as scratch:
        folder = Path(scratch) / "log"
        fetch(url, "job/log/download", {"job_id": job_id}, folder)
        log = folder / "guest" / guest / "INFO.log"
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return [line for line in lines if TOY_MARK in line]
