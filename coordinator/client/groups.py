"""FATE's groups of verbs for Python: `client.tags.create("best")` is `flow tag create -t best`.

Each verb is its route with typed arguments; it returns the `data` of the answer. All raise
`FlowError` when the server says no and `Unreachable` when nobody answers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

Json = dict[str, Any]
Rows = list[Json]
PartyId = int | str


class Asks(Protocol):
    """What the groups need of a client."""

    def ask(self, route: str, body: Mapping[str, Any] | None = None) -> Any:
        """The `data` of `/v1/<route>`."""

    def send_checked(self, route: str, fields: Mapping[str, Any], file: Path) -> Any:
        """The `data` of `/v1/<route>` for a form with a file."""

    def fetch(self, route: str, body: Mapping[str, Any], folder: Path) -> None:
        """Unpack the archive of `/v1/<route>`."""

    def save(self, route: str, body: Mapping[str, Any], folder: Path) -> None:
        """Keep the archive of `/v1/<route>`."""


@dataclass(frozen=True, slots=True)
class Seat:
    """Where to look in a job; what is not said is the initiator's."""

    job_id: str
    component_name: str | None = None
    role: str | None = None
    party_id: PartyId | None = None

    @property
    def body(self) -> Json:
        """As a request has it."""
        names = ("job_id", "component_name", "role", "party_id")
        return given(**{name: getattr(self, name) for name in names})


@dataclass(frozen=True, slots=True)
class Stored:
    """A model of a component at a party."""

    model_id: str
    model_version: str
    role: str
    party_id: PartyId
    component_name: str | None = None

    @property
    def body(self) -> Json:
        """As a request has it."""
        names = ("model_id", "model_version", "role", "party_id", "component_name")
        return given(**{name: getattr(self, name) for name in names})


@dataclass(frozen=True, slots=True)
class Group:
    """Verbs over one client."""

    flow: Asks

    def _ask(self, route: str, **fields: Any) -> Any:
        return self.flow.ask(route, given(**fields))


class Jobs(Group):
    """`flow job`, `flow task`, `flow queue`, `flow resource`."""

    __slots__ = ()

    def query(self, **filters: Any) -> Rows:
        """Rows of jobs, one a seat: job_id, role, party_id, status, ..."""
        return list(self._ask("job/query", **filters))

    def list(self, limit: int = 10, page: int | None = None, **filters: Any) -> Json:
        """The newest jobs, and how many there are."""
        return dict(self._ask("job/list/job", limit=limit, page=page, **filters))

    def list_tasks(self, limit: int = 10, page: int | None = None, **filters: Any) -> Json:
        """The newest tasks, and how many there are."""
        return dict(self._ask("job/list/task", limit=limit, page=page, **filters))

    def rerun(self, job_id: str, components: Sequence[str] = (), *, force: bool = False) -> None:
        """Run an ended job again; `force` also what succeeded."""
        named = list(components) or None
        self._ask("job/rerun", job_id=job_id, component_name=named, force=force)

    def update_parameters(
        self,
        job_id: str,
        component_parameters: Mapping[str, Any] | None = None,
        job_parameters: Mapping[str, Any] | None = None,
    ) -> Sequence[str]:
        """Other parameters for an ended job; the components that they change."""
        data = self._ask(
            "job/parameter/update",
            job_id=job_id,
            component_parameters=component_parameters,
            job_parameters=job_parameters,
        )
        return [str(name) for name in data["components"]]

    def describe(self, job_id: str, role: str, party_id: PartyId, notes: str) -> None:
        """Set a job's notes."""
        self._ask("job/update", job_id=job_id, role=role, party_id=party_id, notes=notes)

    def config(self, job_id: str, role: str | None = None, party_id: PartyId | None = None) -> Json:
        """DSL and conf of a job."""
        return dict(self._ask("job/config", job_id=job_id, role=role, party_id=party_id))

    def view(self, seat: Seat) -> Rows:
        """Output tables of a job."""
        return list(self.flow.ask("job/data/view/query", seat.body))

    def clean(self, seat: Seat) -> None:
        """Delete output tables of a job."""
        self.flow.ask("job/clean", seat.body)

    def log(self, job_id: str, folder: Path) -> None:
        """Fetch the logs of a job from all its parties."""
        self.flow.fetch("job/log/download", {"job_id": job_id}, folder)

    def predict_dsl(
        self, train_dsl: Mapping[str, Any], components: Sequence[str], version: int = 2
    ) -> Json:
        """The DSL that predicts with these components of a training."""
        named = list(components)
        body = {"cpn_str": named, "train_dsl": dict(train_dsl), "version": str(version)}
        return dict(self.flow.ask("job/dsl/generate", body))

    def queue(self) -> Rows:
        """Jobs that wait, in their order, and what for."""
        return list(self._ask("tripact/queue/query")["jobs"])

    def clean_queue(self) -> Sequence[str]:
        """Cancel every job that waits; their ids."""
        return list(self._ask("job/clean/queue"))

    def resources(self) -> Json:
        """What is in use, and what is left."""
        return dict(self._ask("resource/query"))

    def return_resources(self, job_id: str) -> Rows:
        """See that an ended job has given back what it held."""
        return list(self._ask("resource/return", job_id=job_id))


class Data(Group):
    """`flow data`, `flow table`."""

    __slots__ = ()

    def upload_history(self, limit: int | None = None, job_id: str | None = None) -> Rows:
        """The latest uploads."""
        return list(self._ask("data/upload/history", limit=limit, job_id=job_id))

    def download(self, conf: Mapping[str, Any]) -> Json:
        """Write a table to a file of the server."""
        return dict(self.flow.ask("data/download", conf))

    def writer(self, conf: Mapping[str, Any]) -> Json:
        """Copy a table to another storage."""
        return dict(self.flow.ask("data/writer", conf))

    def table(self, namespace: str, name: str) -> Json:
        """What is known of a table."""
        return dict(self._ask("table/table_info", namespace=namespace, table_name=name))

    def delete(self, namespace: str, name: str) -> None:
        """Delete a table at its owner."""
        self._ask("table/delete", namespace=namespace, table_name=name)

    def delete_outputs(self, seat: Seat) -> None:
        """Delete the output tables of a component."""
        self.flow.ask("table/delete", seat.body)

    def add(self, conf: Mapping[str, Any]) -> Json:
        """Name data that is at a party."""
        return dict(self.flow.ask("table/add", conf))

    def bind(self, conf: Mapping[str, Any], *, drop: bool = False) -> Json:
        """Name data that is at a party; with `drop` in place of what has the name."""
        return dict(self.flow.ask("table/bind", {**conf, **({"drop": True} if drop else {})}))

    def disable(self, namespace: str, name: str) -> Any:
        """Let no job use a table."""
        return self._ask("table/disable", namespace=namespace, table_name=name)

    def enable(self, namespace: str, name: str) -> Any:
        """Let jobs use a table again."""
        return self._ask("table/enable", namespace=namespace, table_name=name)

    def delete_disabled(self) -> Any:
        """Delete disabled tables."""
        return self._ask("table/disable/delete")

    def create_connector(self, name: str, engine: str, info: Mapping[str, Any]) -> Json:
        """Keep a connection to a storage."""
        body = {"connector_name": name, "engine": engine, "connector_info": info}
        return dict(self.flow.ask("table/connector/create", body))

    def connector(self, name: str) -> Json:
        """A connection to a storage."""
        return dict(self._ask("table/connector/query", connector_name=name))

    def sources(self, namespace: str, name: str) -> Rows:
        """What a table was made from."""
        return list(self._ask("table/tracking/source", namespace=namespace, table_name=name))

    def users(self, namespace: str, name: str) -> Json:
        """Which jobs used a table."""
        return dict(self._ask("table/tracking/job", namespace=namespace, table_name=name))


class Components(Group):
    """`flow component`, `flow tracking`."""

    __slots__ = ()

    def list(self, job_id: str) -> Sequence[str]:
        """Names of a job's components."""
        return list(self._ask("tracking/component/list", job_id=job_id)["components"])

    def metrics(self, seat: Seat) -> dict[str, Sequence[str]]:
        """Names of metrics by namespace."""
        return dict(self.flow.ask("tracking/component/metrics", seat.body) or {})

    def all_metrics(self, seat: Seat) -> Json:
        """{namespace: {name: {data, meta}}}."""
        return dict(self.flow.ask("tracking/component/metric/all", seat.body) or {})

    def delete_metrics(self, seat: Seat) -> Any:
        """Forget metrics."""
        return self.flow.ask("tracking/component/metric/delete", seat.body)

    def parameters(self, seat: Seat) -> Json:
        """Parameters, with every default."""
        return dict(self.flow.ask("tracking/component/parameters", seat.body))

    def summary(self, seat: Seat) -> Json:
        """The summary."""
        return dict(self.flow.ask("tracking/component/summary/download", seat.body) or {})

    def output_model(self, seat: Seat) -> Json:
        """What it learned."""
        return dict(self.flow.ask("tracking/component/output/model", seat.body) or {})

    def output_tables(self, seat: Seat) -> Rows:
        """Names of its output tables."""
        return list(self.flow.ask("tracking/component/output/data/table", seat.body))

    def output_data(self, seat: Seat, folder: Path, limit: int = -1) -> None:
        """Fetch its output tables as CSV files; `limit` -1 is all rows."""
        route = "tracking/component/output/data/download"
        self.flow.fetch(route, {**seat.body, "limit": limit}, folder)

    def merge_models(self, conf: Mapping[str, Any]) -> Any:
        """One model of the parts that the parties have, as text."""
        return self.flow.ask("component/hetero/merge", conf)

    def extract_woe(self, model: Stored) -> Json:
        """Weights of evidence of a guest's binning."""
        return dict(self.flow.ask("component/woe_array/extract", model.body))

    def merge_woe(self, model: Stored, woe_array: Mapping[str, Any]) -> Json:
        """Put weights of evidence into a host's binning."""
        body = {**model.body, "woe_array": woe_array}
        return dict(self.flow.ask("component/woe_array/merge", body))


def given(**fields: Any) -> Json:
    """The fields that have a value."""
    return {name: value for name, value in fields.items() if value is not None}
