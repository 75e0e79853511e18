"""Run the stories of this folder and compare what comes of them: python -m examples.stories [NAME].

A story is a folder with what is posted, `dsl.json` and `conf.json`, and `expected.json`, what is to
come of it. Tables that the conf names, {namespace, name}, are uploaded from
`data/<namespace>/<name>.csv` first. A story that predicts has `predict_conf.json` too; its model is
deployed with the components of `deploy.json` where there is one, and `model_id` and `model_version`
are filled in.

`expected.json` has, for the training and under "predict" for the prediction:

    "metrics": {"<role>/<component>/<namespace>/<metric>/<key>": {"value": 0.97, "tolerance": 1e-4}}
    "summaries": {"<role>/<component>/<key>/<key>...": {"value": ...}}
    "rows": {"<role>/<component>": 569}

Without a tolerance a value must be met exactly. `<role>` may be `host.1` for the second host.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from coordinator.client import FlowClient, Submitted
from examples.running import standalone

HERE = Path(__file__).parent
DEADLINE_S = 300.0

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Story:
    """A folder of this one."""

    folder: Path

    @property
    def name(self) -> str:
        """The folder's."""
        return self.folder.name

    def read(self, name: str) -> dict[str, Any]:
        """One of its files; empty where there is none."""
        path = self.folder / f"{name}.json"
        found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        return found

    def tables(self) -> Iterator[tuple[str, str, int | str]]:
        """Namespace, name and owner of each table that its confs name."""
        for conf in (self.read("conf"), self.read("predict_conf")):
            for role, party_ids in conf.get("role", {}).items():
                for namespace, name in _tables_in(conf, role):
                    yield namespace, name, party_ids[0]


def stories(folder: Path = HERE) -> list[Story]:
    """All that say what to expect, by name."""
    return [Story(path.parent) for path in sorted(folder.glob("*/expected.json"))]


def upload(client: FlowClient, chosen: list[Story]) -> None:
    """Upload what the stories read and is not there yet, each table once.

    Raises:
        RuntimeError: an upload did not succeed.
    """
    owners = {(space, name): owner for s in chosen for space, name, owner in s.tables()}
    for (namespace, name), owner in sorted(owners.items()):
        if client.table(namespace, name).get("exist"):
            continue
        file = HERE / "data" / namespace / f"{name}.csv"
        job = client.upload(file, namespace=namespace, name=name, party_id=owner, drop=True)
        if client.wait(job, timeout_s=DEADLINE_S) != "success":
            raise RuntimeError(f"{file} could not be uploaded")


def run(client: FlowClient, story: Story) -> list[str]:
    """Run a story whose tables are there; what differs from what is expected, line by line."""
    expected = story.read("expected")
    trained = client.submit(story.read("dsl"), story.read("conf"))
    differences = _compared(client, trained, expected)
    conf = story.read("predict_conf")
    if conf and not differences:
        version = trained.model_version
        deploy = story.read("deploy")
        if deploy:
            version = client.deploy(trained.model_id, version, components=deploy["cpn_list"])
        conf["job_parameters"].setdefault("common", {})
        conf["job_parameters"]["common"] |= {
            "model_id": trained.model_id,
            "model_version": version,
        }
        predicted = client.submit(story.read("predict_dsl"), conf)
        differences = _compared(client, predicted, expected["predict"])
    return differences


def main() -> int:
    """Run the stories that are named, or all; 0 when all give what is expected."""
    console, wanted = Console(highlight=False), sys.argv[1:]
    chosen = [story for story in stories() if not wanted or story.name in wanted]
    with standalone() as running:
        client = FlowClient(running.url)
        upload(client, chosen)
        failed = 0
        for story in chosen:
            differences = run(client, story)
            failed += bool(differences)
            console.print(f"{story.name:32} " + ("; ".join(differences) or "as expected"))
    return int(failed > 0 or not chosen)


def _compared(client: FlowClient, job: Submitted, expected: Json) -> list[str]:
    """Wait for a job, and say where it differs."""
    status = client.wait(job, timeout_s=DEADLINE_S)
    if status != expected.get("status", "success"):
        why = client.ask("tripact/job/why", {"job_id": job.job_id})
        return [f"the job ended in {status}: {json.dumps(why)}"]
    parties = client.job(job.job_id)["f_roles"]
    found: list[tuple[str, Any, Json]] = []
    for path, wanted in expected.get("metrics", {}).items():
        role, component, namespace, name, key = path.split("/", 4)
        metrics = client.metrics(job.job_id, component, *_seat(role, parties))
        points = metrics.get(namespace, {}).get(name, {}).get("data", [])
        found.append((path, {str(k): v for k, v in points}.get(key), wanted))
    for path, wanted in expected.get("summaries", {}).items():
        role, component, *keys = path.split("/")
        value: Any = client.summary(job.job_id, component, *_seat(role, parties))
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        found.append((path, value, wanted))
    for path, rows in expected.get("rows", {}).items():
        role, component = path.split("/")
        found.append((path, _rows(client, job, component, *_seat(role, parties)), {"value": rows}))
    return [f"{path} is {value}" for path, value, wanted in found if not _met(value, wanted)]


def _seat(role: str, parties: Mapping[str, list[Any]]) -> tuple[str, Any]:
    name, _, index = role.partition(".")
    return name, parties[name][int(index or 0)]


def _rows(client: FlowClient, job: Submitted, component: str, role: str, party: Any) -> Any:
    body = {"job_id": job.job_id, "component_name": component, "role": role, "party_id": party}
    answer = client.call("tracking/component/output/data", body)
    return (answer.get("meta", {}).get("total") or [None])[0]


def _met(value: Any, wanted: Json) -> bool:
    if "tolerance" not in wanted:
        return bool(value == wanted["value"])
    if not isinstance(value, int | float):
        return False
    return bool(abs(value - wanted["value"]) <= wanted["tolerance"])


def _tables_in(conf: Json, role: str) -> Iterator[tuple[str, str]]:
    """Namespaces and names of tables in the parts of a conf that are for a role."""
    second = conf.get("component_parameters", {}).get("role", {}).get(role, {})
    first = conf.get("role_parameters", {}).get(role, {})
    yield from _names_in(second)
    yield from _names_in(first)


def _names_in(part: Any) -> Iterator[tuple[str, str]]:
    if isinstance(part, list):
        for each in part:
            yield from _names_in(each)
    elif isinstance(part, dict):
        if {"namespace", "name"} <= part.keys():
            yield str(part["namespace"]), str(part["name"])
        for each in part.values():
            yield from _names_in(each)


if __name__ == "__main__":
    sys.exit(main())
