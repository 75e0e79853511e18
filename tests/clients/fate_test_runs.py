"""Runs of fate_test in the background, one after another."""

import math
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from coordinator.client import FlowClient
from examples.running import Standalone
from tests.clients.jobs import WAIT_S, training
from tests.clients.project import NAMESPACE, TABLES, Project, project
from tests.clients.recipes import FATE_CLIENT_1_11, FATE_TEST_1_6, Box, boxed
from tests.together.parts import upload_breast

LIMIT_S = 900.0
SAMPLED_ROUNDS = 10
LONG_S = {"rest": 25.0, "sdk": 25.0, "cli": 30.0}
PERFORMANCE = ("--max-iter", "2", "--task-cores", "3", "--timeout", "900")
AUC = 0.975186
"""Of five rounds of FATE's template on the breast rows."""


@dataclass(slots=True)
class Runs:
    """What fate_test printed, by command.

    Attributes:
        counted: rows of the suite's tables after `data upload`.
    """

    said: dict[str, Future[str]] = field(default_factory=dict)
    counted: list[int] = field(default_factory=list)

    def __call__(self, command: str) -> str:
        """What a command printed, once it has ended."""
        return self.said[command].result()


@contextmanager
def counting_coordinator() -> Iterator[Standalone]:
    """A coordinator that answers lists as FATE-Flow did before 1.8."""
    with TemporaryDirectory(prefix="tripact-") as folder:
        home = Path(folder)
        (home / "coordinator.toml").write_text("old_lists = true\n")
        running = Standalone(home)
        running.start()
        try:
            yield running
        finally:
            running.stop()


@contextmanager
def in_background(
    work: Path, server: FlowClient, installing: Mapping[str, Future[Path]]
) -> Iterator[Runs]:
    """All runs, begun; each is there when it is asked for."""
    runs, pool = Runs(), ThreadPoolExecutor(1)
    clients = (installing[recipe.name] for recipe in (FATE_TEST_1_6, FATE_CLIENT_1_11))
    made = _Runs(work, server, *clients, runs)
    commands: dict[str, Callable[[], str]] = {
        "flow-test cli": lambda: made.flow_test("cli"),
        "config check": made.check,
        "flow-test process": made.process,
        "data upload": made.upload,
        "data delete": made.delete,
        "suite": made.suite,
        "benchmark-quality": made.benchmark,
        "performance": made.performance,
        "flow-test rest": lambda: made.flow_test("rest"),
        "flow-test sdk": lambda: made.flow_test("sdk"),
    }
    for name, command in commands.items():
        runs.said[name] = pool.submit(command)
    try:
        yield runs
    finally:
        pool.shutdown(cancel_futures=True)


@dataclass(slots=True)
class _Runs:
    work: Path
    server: FlowClient
    installed: Future[Path]
    pipeline: Future[Path]
    runs: Runs
    box: Box | None = None

    def check(self) -> str:
        return self._run("config", "check", project=self._project("check", rounds=1))

    def process(self) -> str:
        return self._run("flow-test", "process", project=self._project("process", rounds=5))

    def upload(self) -> str:
        suite = self._project("suite", rounds=1)
        said = self._run("data", "upload", *_of(suite.suite), project=suite)
        for table in TABLES.values():
            body = {"namespace": NAMESPACE, "name": table}
            self.runs.counted.append(self.server.ask("table/table_info", body)["count"])
        return said

    def delete(self) -> str:
        suite = self._project("delete", rounds=1)
        return self._run("data", "delete", *_of(suite.suite), project=suite)

    def suite(self) -> str:
        made = self._project("jobs", rounds=1)
        return self._run("suite", "-i", str(made.suite), project=made)

    def benchmark(self) -> str:
        """With the SDKs of 1.11.3, once data is uploaded: its pipeline needs no TensorFlow 1.15."""
        made = self._project("benchmark", rounds=1)
        self._run("data", "upload", *_of(made.benchmark, "benchmark"), project=made)
        self.pipeline.result()
        sdk = boxed(FATE_CLIENT_1_11, made.folder)
        host, port = self.server.url.split("//")[1].split(":")
        sdk.run("pipeline", "init", "--ip", host, "--port", port, "-d", str(made.folder / "logs"))
        suite = ("-i", str(made.benchmark), "-c", str(made.config), "-y", "--skip-data")
        box = self._boxed().preferring(sdk)
        return box.run("fate_test", "benchmark-quality", *suite, limit_s=LIMIT_S)

    def performance(self) -> str:
        made = self._project("performance", rounds=1)
        return self._run("performance", "-t", "hetero_lr", *PERFORMANCE, project=made)

    def flow_test(self, form: str) -> str:
        said = self._run("flow-test", form, project=self._project(form, self._rounds(form)))
        for status in ("running", "waiting"):
            for row in self.server.ask("job/query", {"status": status, "role": "guest"}):
                self.server.call("job/stop", {"job_id": row["f_job_id"]})
        return said

    def _rounds(self, form: str) -> int:
        """So many that a training still runs when it is stopped, five seconds after its submit.

        Five times as many as that: the machine may be busier now than when it is stopped.
        """
        upload_breast(self.server)
        return math.ceil(SAMPLED_ROUNDS * LONG_S[form] / min(self._sample_s(), self._sample_s()))

    def _sample_s(self) -> float:
        """How long a few rounds take here and now."""
        dsl, conf = training(SAMPLED_ROUNDS)
        conf["component_parameters"]["common"]["hetero_lr_0"]["tol"] = 0
        job = self.server.submit(dsl, conf)
        assert self.server.wait(job, timeout_s=WAIT_S) == "success"
        body = {"job_id": job.job_id, "component_name": "hetero_lr_0", "role": "guest"}
        (task,) = self.server.ask("job/task/query", body)
        return float(task["f_elapsed"]) / 1000

    def _project(self, name: str, rounds: int) -> Project:
        folder = self.work / name
        folder.mkdir()
        return project(folder, self.server.url.split("//")[1], rounds=rounds, auc=AUC)

    def _run(self, *arguments: str, project: Project) -> str:
        options = ("--config", str(project.config), "-y")
        return self._boxed().run("fate_test", *arguments, *options, limit_s=LIMIT_S)

    def _boxed(self) -> Box:
        if self.box is None:
            self.installed.result()
            self.box = boxed(FATE_TEST_1_6, self.work)
        return self.box


def _of(suite: Path, kind: str = "testsuite") -> tuple[str, ...]:
    return ("-i", str(suite), "--suite-type", kind)
