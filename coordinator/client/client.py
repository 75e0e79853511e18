"""A small Python client of a coordinator's FATE-Flow routes.

    client = FlowClient("http://127.0.0.1:9380")
    client.wait(client.upload(Path("guest.csv"), namespace="breast", name="guest", party_id=9999))
    job = client.submit(dsl, conf)
    client.wait(job)
    client.metrics(job.job_id, "evaluation_0")

Every verb returns the `data` of the answer and raises `FlowError` when the server says no. `call`
gives the answer as it is.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from coordinator.client.archives import fetch, save
from coordinator.client.groups import Components, Data, Jobs
from coordinator.client.groups_world import Models, Tags, World
from coordinator.client.refusal import FlowError, accepted
from coordinator.client.signer import Signer
from coordinator.client.transport import Progress, Transport, Unreachable

__all__ = ["FlowClient", "FlowError", "Submitted", "Unreachable", "WaitedTooLong"]

ENDED = frozenset({"success", "failed", "canceled", "timeout"})
PartyId = int | str


class WaitedTooLong(Exception):
    """A job did not end in the time that was given."""


@dataclass(frozen=True, slots=True)
class Submitted:
    """A job the server has taken, and the model it will make."""

    job_id: str
    model_id: str
    model_version: str


@dataclass(frozen=True, slots=True)
class FlowClient:
    """The verbs of FATE's `flow`, over one coordinator.

    Where it asks who comes, a `signer` says so; TRIPACT_APP_KEY and TRIPACT_SECRET_KEY name one.
    Those of every day are methods; all of them are in groups (`jobs`, `data`, `components`,
    `models`, `tags`, `world`).
    """

    url: str = "http://127.0.0.1:9380"
    timeout_s: float = 60.0
    signer: Signer | None = field(default_factory=Signer.of_environment)

    @property
    def jobs(self) -> Jobs:
        """Verbs of jobs, tasks, the queue and resources."""
        return Jobs(self)

    @property
    def data(self) -> Data:
        """Verbs of tables."""
        return Data(self)

    @property
    def components(self) -> Components:
        """Verbs of what components made."""
        return Components(self)

    @property
    def models(self) -> Models:
        """Verbs of models and their checkpoints."""
        return Models(self)

    @property
    def tags(self) -> Tags:
        """Verbs of tags."""
        return Tags(self)

    @property
    def world(self) -> World:
        """Verbs of parties, providers, keys and the server."""
        return World(self)

    def call(self, route: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The answer of `/v1/<route>` as it is.

        Raises:
            Unreachable: nobody answers.
        """
        return self._transport().post_json(f"/v1/{route}", body or {})

    def ask(self, route: str, body: Mapping[str, Any] | None = None) -> Any:
        """The `data` of `/v1/<route>`.

        Raises:
            FlowError: the server said no.
            Unreachable: nobody answers.
        """
        return accepted(self.call(route, body)).get("data")

    def send(self, route: str, fields: Mapping[str, Any], file: Path) -> dict[str, Any]:
        """The answer of `/v1/<route>` to a form with text fields and a file, as it is.

        Raises:
            OSError: the file can not be read.
            Unreachable: nobody answers.
        """
        return self._transport().post_form(f"/v1/{route}", fields, file)

    def send_checked(self, route: str, fields: Mapping[str, Any], file: Path) -> Any:
        """The `data` of `/v1/<route>` for a form with text fields and a file.

        Raises:
            FlowError: the server said no.
            OSError: the file can not be read.
            Unreachable: nobody answers.
        """
        return accepted(self.send(route, fields, file)).get("data")

    def fetch(self, route: str, body: Mapping[str, Any], folder: Path) -> None:
        """Unpack the archive of `/v1/<route>` into a folder.

        Raises:
            FlowError: the server said no.
            OSError: the folder can not be written.
            Unreachable: nobody answers, or what came is no archive.
        """
        fetch(self.url, route, body, folder)

    def save(self, route: str, body: Mapping[str, Any], folder: Path) -> None:
        """Keep the archive of `/v1/<route>` in a folder, under the name the server gives it.

        Raises:
            FlowError: the server said no.
            OSError: the folder can not be written.
            Unreachable: nobody answers, or the download breaks off.
        """
        save(self.url, route, body, folder)

    def send_upload(
        self, file: Path, parameters: Mapping[str, Any], progress: Progress | None = None
    ) -> dict[str, Any]:
        """The answer to an upload with FATE's upload conf, as it is.

        Raises:
            OSError: the file can not be read.
            Unreachable: nobody answers.
        """
        return self._transport().post_file("/v1/data/upload", parameters, file, progress)

    def upload(
        self,
        file: Path,
        *,
        namespace: str,
        name: str,
        party_id: PartyId | None = None,
        head: bool = True,
        partition: int = 4,
        drop: bool = False,
        progress: Progress | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> Submitted:
        """Send a CSV file to a party's store.

        Args:
            file: a file of this machine.
            party_id: whose table it becomes; None is the standalone's `local`.
            head: whether the first line names the columns.
            drop: destroy a table of that name first.
            progress: told the bytes sent and the bytes in all.
            more: other fields of FATE's upload conf.

        Raises:
            FlowError: the server said no, for instance because there is a table of that name.
            OSError: the file can not be read.
            Unreachable: nobody answers.
        """
        parameters = {
            **(more or {}),
            "file": str(file),
            "namespace": namespace,
            "table_name": name,
            "head": int(head),
            "partition": partition,
            "drop": int(drop),
            **({} if party_id is None else {"party_id": party_id}),
        }
        return submitted(self.send_upload(file, parameters, progress))

    def submit(self, dsl: Mapping[str, Any], conf: Mapping[str, Any]) -> Submitted:
        """Post a job.

        Raises:
            FlowError: it can not run; `answer["data"]["problems"]` has every problem.
            Unreachable: nobody answers.
        """
        return submitted(self.call("job/submit", {"job_dsl": dsl, "job_runtime_conf": conf}))

    def job(self, job_id: str) -> dict[str, Any]:
        """The job's row at its initiator.

        Raises:
            FlowError: no such job.
        """
        answer = self.call("job/query", {"job_id": job_id})
        rows = accepted(answer).get("data") or []
        if not rows:
            raise FlowError({**answer, "retmsg": f"no job {job_id}"})
        first: dict[str, Any] = next((row for row in rows if row.get("f_is_initiator")), rows[0])
        return first

    def wait(
        self,
        job: Submitted | str,
        *,
        timeout_s: float | None = None,
        seen: Callable[[dict[str, Any]], None] | None = None,
    ) -> str:
        """Wait until a job has ended; its status.

        Args:
            job: what was submitted, or a job id.
            timeout_s: how long to wait at most; None is for ever.
            seen: told the job's row each time it is asked for.

        Raises:
            WaitedTooLong: it still runs; it goes on running.
        """
        job_id = job if isinstance(job, str) else job.job_id
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        pause_s = 0.02
        while True:
            row = self.job(job_id)
            if seen is not None:
                seen(row)
            status = str(row["f_status"])
            if status in ENDED:
                return status
            if deadline is not None and time.monotonic() > deadline:
                raise WaitedTooLong(f"job {job_id} is still {status} after {timeout_s:g} s")
            time.sleep(pause_s)
            pause_s = min(pause_s * 1.1, 1.0)  # late by a tenth of the job's time at most

    def deploy(
        self,
        model_id: str,
        model_version: str,
        *,
        components: Sequence[str] = (),
        predict_dsl: Mapping[str, Any] | None = None,
    ) -> str:
        """Make a version of a training that predicts; its model version.

        Args:
            model_version: the training's job id.
            components: those to keep; all if none is named.
            predict_dsl: the DSL to predict with, instead.

        Raises:
            FlowError: there is no such model, or the DSL does not fit it.
        """
        body: dict[str, Any] = {"model_id": model_id, "model_version": model_version}
        if components:
            body["cpn_list"] = list(components)
        if predict_dsl is not None:
            body["predict_dsl"] = predict_dsl
        return str(self.ask("model/deploy", body)["model_version"])

    def infer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to an online prediction in FATE-Serving's words, as it is.

        Args:
            request: `head` with a `serviceId`, and a `body` with one row or a `batchDataList`.

        Raises:
            Unreachable: nobody answers.
        """
        body = request.get("body")
        batch = isinstance(body, Mapping) and "batchDataList" in body
        path = "batchInference" if batch else "inference"
        return self._transport().post_json(f"/federation/v1/{path}", request)

    def predict_dsl(self, model_id: str, model_version: str) -> dict[str, Any]:
        """The DSL a deployed version predicts with."""
        body = {"model_id": model_id, "model_version": model_version}
        return dict(self.ask("model/get/predict/dsl", body))

    def predict_conf(self, model_id: str, model_version: str) -> dict[str, Any]:
        """A predict conf of a deployed version, to fill in."""
        body = {"model_id": model_id, "model_version": model_version}
        return dict(self.ask("model/get/predict/conf", body))

    def stop(self, job_id: str) -> None:
        """Cancel a job at every party."""
        self.ask("job/stop", {"job_id": job_id})

    def tasks(self, job_id: str, **filters: Any) -> list[dict[str, Any]]:
        """The job's task rows, one a seat and version."""
        return list(self.ask("job/task/query", {"job_id": job_id, **filters}) or [])

    def metrics(
        self, job_id: str, component: str, role: str = "guest", party_id: PartyId | None = None
    ) -> dict[str, Any]:
        """Every metric of a component: {namespace: {name: {data, meta}}}."""
        body = self._seat(job_id, component, role, party_id)
        return dict(self.ask("tracking/component/metric/all", body) or {})

    def summary(
        self, job_id: str, component: str, role: str = "guest", party_id: PartyId | None = None
    ) -> dict[str, Any]:
        """A component's summary."""
        body = self._seat(job_id, component, role, party_id)
        return dict(self.ask("tracking/component/summary/download", body) or {})

    def table(self, namespace: str, name: str) -> dict[str, Any]:
        """What is known of a table; `exist` is 0 where there is none."""
        return dict(self.ask("table/table_info", {"namespace": namespace, "table_name": name}))

    def ledger(self, job_id: str) -> dict[str, list[dict[str, Any]]]:
        """What left each party during a job: {party id: rows}."""
        return dict(self.ask("tripact/job/ledger", {"job_id": job_id}))

    def _seat(
        self, job_id: str, component: str, role: str, party_id: PartyId | None
    ) -> dict[str, Any]:
        if party_id is None:
            party_id = self.job(job_id)["f_roles"][role][0]
        return {
            "job_id": job_id,
            "component_name": component,
            "role": role,
            "party_id": party_id,
        }

    def _transport(self) -> Transport:
        return Transport(self.url, self.timeout_s, self.signer)


def submitted(answer: Mapping[str, Any]) -> Submitted:
    """The job that an answer says was taken.

    Raises:
        FlowError: it was not.
    """
    data = accepted(answer).get("data") or {}
    model = data.get("model_info") or {}
    return Submitted(
        str(answer.get("jobId") or data.get("job_id")),
        str(model.get("model_id", "")),
        str(model.get("model_version", "")),
    )
