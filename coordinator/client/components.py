"""`flow-client component ...`: what components of a job made."""

from typing import Annotated, Any

import typer

from coordinator.client import show
from coordinator.client.answers import checked, given, nothing, write
from coordinator.client.archives import fetch
from coordinator.client.client import FlowClient
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

component = typer.Typer(no_args_is_help=True, help="Look at what components made.")
ROUTE = "tracking/component"


@component.command("list")
def components(job_id: JobId, url: Url = None, as_json: AsJson = False) -> None:
    """Name the components of a job."""
    answer = _answer(url, f"{ROUTE}/list", {"job_id": job_id}, as_json=as_json)
    if not as_json:
        show.grid(
            f"job {job_id}", ("component",), ([name] for name in answer["data"]["components"])
        )


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
    answer = _answer(url, f"{ROUTE}/metrics", body, as_json=as_json)
    if not as_json and not nothing(answer):
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
    answer = _answer(url, f"{ROUTE}/metric/all", body, as_json=as_json and output_path is None)
    if output_path is not None:
        write(output_path / "metrics.json", answer["data"])
    elif not as_json and not nothing(answer):
        show.grid(
            component_name,
            ("namespace", "metric", "value"),
            (
                (space, name, _value_of(metric))
                for space, named in answer["data"].items()
                for name, metric in named.items()
            ),
        )


@component.command("output-data")
def output_data(
    job_id: JobId,
    component_name: Component,
    role: MaybeRole = None,
    party_id: MaybeParty = None,
    limit: Annotated[
        int, typer.Option("-l", "--limit", min=-1, help="With -o: how many rows; -1 is all.")
    ] = -1,
    output_path: Output = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Show first rows of a component's outputs; with -o, fetch them as CSV files."""
    body = _body(job_id, component_name, role, party_id)
    if output_path is not None:
        seat = "_".join(part for part in (job_id, component_name, role, party_id) if part)
        folder = output_path / f"job_{seat}_output_data"
        route = f"{ROUTE}/output/data/download"
        fetch(address(url), route, {**body, "limit": limit}, folder)
        show.OUT.print(f"written to {folder}", markup=False)
        return
    answer = _answer(url, f"{ROUTE}/output/data", body, as_json=as_json)
    if as_json or nothing(answer):
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


def _answer(
    url: str | None, route: str, body: dict[str, Any], *, as_json: bool = False
) -> dict[str, Any]:
    answer = FlowClient(address(url)).call(route, body)
    if as_json:
        show.as_json(answer)
    checked(answer)
    return answer


def _value_of(metric: dict[str, Any]) -> str:
    points = metric["data"]
    if metric["meta"].get("metric_type", "").endswith("EVALUATION_SUMMARY"):
        return ", ".join(f"{key} {value}" for key, value in points)
    return f"{len(points)} points"
