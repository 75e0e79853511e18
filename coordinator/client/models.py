"""`flow-client model ...`: deploy trainings, and look at models."""

from pathlib import Path
from typing import Annotated, Any

import typer

from coordinator.client import show
from coordinator.client.answers import checked, given, read_json
from coordinator.client.client import FlowClient
from coordinator.client.options import AsJson, MaybeParty, MaybeRole, Url, address

model = typer.Typer(no_args_is_help=True, help="Deploy trainings, and look at models.")

ModelId = Annotated[str, typer.Option("--model-id", help="Model id.")]
ModelVersion = Annotated[
    str, typer.Option("--model-version", help="A training's job id, or what deploying it gave.")
]
MaybeModelId = Annotated[str | None, typer.Option("--model-id", help="Model id.")]
MaybeModelVersion = Annotated[str | None, typer.Option("--model-version", help="Model version.")]


@model.command("deploy")
def deploy(
    model_id: ModelId,
    model_version: ModelVersion,
    cpn_list: Annotated[
        str | None, typer.Option("--cpn-list", help="Components to keep, with commas.")
    ] = None,
    dsl_path: Annotated[
        Path | None, typer.Option("--dsl-path", help="JSON file with the prediction DSL.")
    ] = None,
    step_index: Annotated[
        list[str] | None,
        typer.Option("--cpn-step-index", help="component:number of a checkpoint to use."),
    ] = None,
    step_name: Annotated[
        list[str] | None,
        typer.Option("--cpn-step-name", help="component:name of a checkpoint to use."),
    ] = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Make a version of a training that predicts."""
    body: dict[str, Any] = {"model_id": model_id, "model_version": model_version}
    steps: dict[str, dict[str, Any]] = {}
    for field, read, named in (("step_index", int, step_index), ("step_name", str, step_name)):
        for component, step in map(_step, named or ()):
            steps.setdefault(component, {})[field] = read(step)
    if steps:
        body["components_checkpoint"] = steps
    if cpn_list:
        body["cpn_list"] = [name.strip() for name in cpn_list.split(",")]
    if dsl_path is not None:
        body["predict_dsl"] = read_json(dsl_path)
    answer = FlowClient(address(url)).call("model/deploy", body)
    if as_json:
        show.as_json(answer)
    made = checked(answer)
    if not as_json:
        show.OUT.print(f"model version {made['model_version']} can predict", markup=False)


@model.command("query")
def query(
    model_id: MaybeModelId = None,
    model_version: MaybeModelVersion = None,
    role: MaybeRole = None,
    party_id: MaybeParty = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Show versions of models, one line a seat."""
    filters = given(model_id=model_id, model_version=model_version, role=role, party_id=party_id)
    answer = FlowClient(address(url)).call("model/query", filters)
    if as_json:
        show.as_json(answer)
    rows = checked(answer)
    if not as_json:
        names = ("model_version", "role", "party_id", "parent", "size", "create_date")
        show.grid("models", names, ([row[f"f_{name}"] for name in names] for row in rows))


@model.command("infer")
def infer(
    request: Annotated[
        Path,
        typer.Option("--conf-path", "-c", help="JSON file: head.serviceId, and a body of rows."),
    ],
    url: Url = None,
) -> None:
    """Ask a bound model for predictions; the address may be that of the party's own gateway."""
    answer = FlowClient(address(url)).infer(read_json(request))
    show.as_json(answer)
    if answer.get("retcode") != 0:
        raise typer.Exit(1)


def _step(text: str) -> tuple[str, str]:
    """A component and its checkpoint.

    Raises:
        typer.BadParameter: it is not written as `component:step`.
    """
    component, colon, step = text.rpartition(":")
    if not (component and colon and step):
        raise typer.BadParameter(f"{text!r} is not written as component:step")
    return component, step
