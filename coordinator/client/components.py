"""`flow-client component ...`: what components of a job made."""

import json
from pathlib import Path
from typing import Any

import typer

from coordinator.client import show
from coordinator.client.client import FlowClient, FlowError
from coordinator.client.jobs import checked, given
from coordinator.client.options import (
    AsJson,
    Component,
    JobId,
    MaybeParty,
    MaybeRole,
    Output,
    Url,
    address,
)
from coordinator.client.transport import Transport

component = typer.Typer(no_args_is_help=True, help="Look at what components made.")
ROUTE = "tracking/component"


@component.command("list")
def components(job_id: JobId, url: Url = None) -> None:
    """Name the components of a job."""
    show.as_json(_answer(url, f"{ROUTE}/list", {"job_id": job_id}))


@component.command("metrics")
def metrics(
    job_id: JobId,
    component_name: Component,
    role: MaybeRole = None,
    party_id: MaybeParty = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Name a component's metrics."""
    body = _body(job_id, component_name, role, party_id)
    answer = _answer(url, f"{ROUTE}/metrics", body)
    if as_json:
        show.as_json(answer)
    else:
        rows = ((space, ", ".join(names)) for space, names in answer["data"].items())
        show.grid(component_name, ("namespace", "metrics"), rows)


@component.command("metric-all")
def metric_all(
    job_id: JobId,
    component_name: Component,
    role: MaybeRole = None,
    party_id: MaybeParty = None,
    output_path: Output = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Show a component's metrics: single values, and how many points each curve has."""
    body = _body(job_id, component_name, role, party_id)
    answer = _answer(url, f"{ROUTE}/metric/all", body)
    if output_path is not None:
        _write(output_path, "metrics.json", answer["data"])
    elif as_json:
        show.as_json(answer)
    else:
        show.grid(
            component_name,
            ("namespace", "metric", "value"),
            (
                (space, name, _value_of(metric))
                for space, named in answer["data"].items()
                for name, metric in named.items()
            ),
        )


@component.command("parameters")
def parameters(
    job_id: JobId,
    component_name: Component,
    role: MaybeRole = None,
    party_id: MaybeParty = None,
    output_path: Output = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Show a component's parameters, with every default."""
    answer = _answer(url, f"{ROUTE}/parameters", _body(job_id, component_name, role, party_id))
    _print(answer, output_path, "parameters.json", as_json=as_json)


@component.command("output-model")
def output_model(
    job_id: JobId,
    component_name: Component,
    role: MaybeRole = None,
    party_id: MaybeParty = None,
    output_path: Output = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Show what a component learned at one party."""
    answer = _answer(url, f"{ROUTE}/output/model", _body(job_id, component_name, role, party_id))
    _print(answer, output_path, "model.json", as_json=as_json)


@component.command("get-summary")
def get_summary(
    job_id: JobId,
    component_name: Component,
    role: MaybeRole = None,
    party_id: MaybeParty = None,
    output_path: Output = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Show a component's summary."""
    answer = _answer(
        url, f"{ROUTE}/summary/download", _body(job_id, component_name, role, party_id)
    )
    _print(answer, output_path, "summary.json", as_json=as_json)


@component.command("output-data")
def output_data(
    job_id: JobId,
    component_name: Component,
    role: MaybeRole = None,
    party_id: MaybeParty = None,
    output_path: Output = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Show first rows of a component's outputs; with -o, fetch them all as tar.gz."""
    body = _body(job_id, component_name, role, party_id)
    if output_path is not None:
        output_path.mkdir(parents=True, exist_ok=True)
        target = output_path / f"job_{job_id}_{component_name}_output_data.tar.gz"
        refused = Transport(address(url), 600.0).download(
            f"/v1/{ROUTE}/output/data/download", body, target
        )
        if refused is not None:
            raise FlowError(refused)
        show.OUT.print(f"written to {target}", markup=False)
        return
    answer = _answer(url, f"{ROUTE}/output/data", body)
    if as_json:
        show.as_json(answer)
        return
    meta = answer.get("meta") or {}
    outputs = zip(
        meta.get("names", ()), meta.get("header", ()), meta.get("total", ()), answer["data"],
        strict=True,
    )  # fmt: skip
    for name, header, total, rows in outputs:
        show.grid(f"{name}: first {len(rows)} of {total} rows", header, rows)


def _body(
    job_id: str, component_name: str, role: str | None, party_id: str | None
) -> dict[str, Any]:
    seat = given(role=role, party_id=party_id)
    return {"job_id": job_id, "component_name": component_name, **seat}


def _answer(url: str | None, route: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = FlowClient(address(url)).call(route, body)
    checked(answer)
    return answer


def _print(
    answer: dict[str, Any], output_path: Path | None, filename: str, *, as_json: bool
) -> None:
    if output_path is not None:
        _write(output_path, filename, answer["data"])
    else:
        show.as_json(answer if as_json else answer["data"])


def _write(folder: Path, filename: str, value: Any) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / filename
    target.write_text(json.dumps(value, indent=4))
    show.OUT.print(f"written to {target}", markup=False)


def _value_of(metric: dict[str, Any]) -> str:
    points = metric["data"]
    if metric["meta"].get("metric_type", "").endswith("EVALUATION_SUMMARY"):
        return ", ".join(f"{key} {value}" for key, value in points)
    return f"{len(points)} points"
