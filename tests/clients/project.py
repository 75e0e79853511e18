"""A folder as fate_test 1.6.1 expects it: its config, data, a suite of jobs, a flow test."""

import copy
import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.clients.jobs import ARBITER, GUEST, HOST, training
from tests.together.parts import BREAST, Job, example

ROOT = Path(__file__).parents[2]
SCRIPTS = Path(__file__).parent / "scripts"
NAMESPACE = "suite"
BENCHMARK = {"max_iter": 3, "learning_rate": 0.15, "alpha": 0.01}
TABLES = {"guest_0": "suite_guest", "host_0": "suite_host"}


@dataclass(frozen=True, slots=True)
class Project:
    """Where fate_test finds things.

    Attributes:
        folder: base of all paths.
        config: fate_test's own config file.
        suite: the test suite.
        benchmark: the suite that compares a pooled training with a federated one.
    """

    folder: Path
    config: Path
    suite: Path
    benchmark: Path


def project(folder: Path, address: str, *, rounds: int, auc: float) -> Project:
    """Write the files of a project.

    Args:
        folder: an empty folder.
        address: `host:port` of the server.
        rounds: of the flow test's training.
        auc: that the flow test expects of it.
    """
    config, suite, benchmark = (
        folder / name
        for name in ("fate_test_config.yaml", "lr_testsuite.json", "lr_benchmark.json")
    )
    made = Project(folder, config, suite, benchmark)
    for name in ("guest", "host"):
        shutil.copy(BREAST / f"{name}.csv", folder)
    (folder / "cache").mkdir()
    made.config.write_text(
        f"""\
work_mode: 0
backend: 0
data_base_dir: {folder}
cache_directory: cache/
performance_template_directory: performance/
flow_test_config_directory: flow_test_config.yaml
clean_data: true
parties:
  guest: [{GUEST}]
  host: [{HOST}]
  arbiter: [{ARBITER}]
services:
  - flow_services:
      - {{address: {address}, parties: [{GUEST}, {HOST}]}}
    serving_setting:
      address: {address}
"""
    )
    (folder / "flow_test_config.yaml").write_text(
        f"""\
flow_test_template:
  train_conf_path: /train_conf.json
  train_dsl_path: /train_dsl.json
  predict_conf_path: /flow_predict_conf.json
  predict_dsl_path: /train_dsl.json
  upload_conf_path: /upload_conf.json
api_version: v1
train_auc: {auc}
component_name: hetero_lr_0
metric_output_path: {folder}/out/{{}}_metric.json
model_output_path: {folder}/out/{{}}_model.json
"""
    )
    _write_suite(made)
    _write_performance(folder / "performance" / "hetero_lr")
    _write_benchmark(made)
    _write_flow_test(folder, rounds)
    _write_old_client(folder, address)
    return made


def _write(path: Path, document: Any) -> None:
    path.write_text(json.dumps(document))


def named(job: Job, tables: dict[str, str]) -> Job:
    """A job that reads a suite's tables."""
    dsl, conf = job
    for seat, table in tables.items():
        role, index = seat.split("_")
        reader = conf["component_parameters"]["role"][role][index]["reader_0"]
        reader["table"] = {"name": table, "namespace": NAMESPACE}
    return dsl, conf


def predict_dsl(dsl: dict[str, Any]) -> dict[str, Any]:
    """What a suite of FATE's gives as the DSL of a prediction in version 2."""
    components = copy.deepcopy(dsl["components"])
    for name, slot in (("data_transform_0", "data"), ("hetero_lr_0", "test_data")):
        data = components[name]["input"]["data"].popitem()[1]
        components[name]["input"] = {"data": {slot: data}, "model": [f"pipeline.{name}.model"]}
        components[name]["output"] = {"data": ["data"]}
    return {"components": components}


def _write_suite(made: Project) -> None:
    folder = made.folder
    dsl, conf = named(training(), TABLES)
    _write(folder / "lr_dsl.json", dsl)
    _write(folder / "lr_conf.json", conf)
    _write(folder / "predict_dsl.json", predict_dsl(dsl))
    _write(folder / "predict_conf.json", predict_conf(conf))
    _write(folder / "on_output_dsl.json", on_output_dsl(dsl))
    _write_v1(folder)
    reading = {seat: {"reader_0": "intersection_0"} for seat in TABLES}
    tasks = {
        "train": {"conf": "lr_conf.json", "dsl": "lr_dsl.json"},
        "predict": {
            "conf": "predict_conf.json",
            "dsl": "predict_dsl.json",
            "model_deps": "train",
        },
        "on-output": {
            "conf": "lr_conf.json",
            "dsl": "on_output_dsl.json",
            "data_deps": {"train": reading},
        },
        "train-v1": {"conf": "lr_v1_conf.json", "dsl": "lr_v1_dsl.json"},
        "predict-v1": {"conf": "predict_v1_conf.json", "model_deps": "train-v1"},
    }
    _write(made.suite, {"data": _data(folder), "tasks": tasks})


def _data(folder: Path) -> list[dict[str, Any]]:
    """The files that a suite wants uploaded."""
    return [
        {
            "file": str(folder / f"{seat.removesuffix('_0')}.csv"),
            "head": 1,
            "partition": 4,
            "table_name": table,
            "namespace": NAMESPACE,
            "role": seat,
        }
        for seat, table in TABLES.items()
    ]


def _write_performance(template: Path) -> None:
    """What `fate_test performance -t hetero_lr` takes unless it is told otherwise."""
    template.mkdir(parents=True)
    dsl, conf = named(training(), TABLES)
    _write(template / "dsl.json", dsl)
    _write(template / "conf.json", conf)
    tasks = {"measured": {"conf": "conf.json", "dsl": "dsl.json"}}
    _write(template / "lr_testsuite.json", {"data": _data(template.parents[1]), "tasks": tasks})


def _write_benchmark(made: Project) -> None:
    folder = made.folder
    param = {
        "root": str(ROOT),
        "guest": str(folder / "guest.csv"),
        "host": str(folder / "host.csv"),
        "namespace": NAMESPACE,
        "tables": {seat.removesuffix("_0"): table for seat, table in TABLES.items()},
        **BENCHMARK,
    }
    _write(folder / "benchmark_param.json", param)
    jobs = {"local": "benchmark_pooled.py", "FATE": "benchmark_federated.py"}
    pair: dict[str, Any] = {
        name: {"script": str(SCRIPTS / script), "conf": "benchmark_param.json"}
        for name, script in jobs.items()
    }
    pair["compare_setting"] = {"relative_tol": 0.01}
    _write(made.benchmark, {"data": _data(folder), "hetero_lr-breast": pair})


def predict_conf(conf: dict[str, Any]) -> dict[str, Any]:
    """The conf of a prediction over the tables of a training; fate_test fills the model in."""
    made = copy.deepcopy(conf)
    made["job_parameters"] = {"common": {"job_type": "predict"}}
    del made["component_parameters"]["common"]["hetero_lr_0"]
    return made


def on_output_dsl(dsl: dict[str, Any]) -> dict[str, Any]:
    """A training that reads what an earlier job's intersection gave."""
    components = copy.deepcopy(dsl["components"])
    del components["data_transform_0"], components["intersection_0"]
    components["hetero_lr_0"]["input"]["data"] = {"train_data": ["reader_0.data"]}
    return {"components": components}


def _write_v1(folder: Path) -> None:
    dsl, conf = copy.deepcopy(example("hetero_lr_v1"))
    for role in ("guest", "host"):
        table = {"name": TABLES[f"{role}_0"], "namespace": NAMESPACE}
        conf["role_parameters"][role]["args"]["data"]["train_data"] = [table]
    conf["algorithm_parameters"]["hetero_lr_0"]["max_iter"] = 2
    _write(folder / "lr_v1_dsl.json", dsl)
    _write(folder / "lr_v1_conf.json", conf)
    del conf["algorithm_parameters"]
    for role in ("guest", "host"):
        data = conf["role_parameters"][role]["args"]["data"]
        conf["role_parameters"][role] = {"args": {"data": {"eval_data": data["train_data"]}}}
    conf["job_parameters"]["job_type"] = "predict"
    _write(folder / "predict_v1_conf.json", conf)


def _write_old_client(folder: Path, address: str) -> None:
    """A `fate_flow_client.py` where FATE's source tree has one: it is our flow-client."""
    path = folder / "python" / "fate_flow" / "fate_flow_client.py"
    path.parent.mkdir(parents=True)
    path.write_text(
        f"""\
import os, sys
os.environ.update(TRIPACT_URL="http://{address}", PYTHONPATH={str(ROOT)!r})
command = [{sys.executable!r}, "-c", "from coordinator.client.cli import main; main()"]
os.execv(command[0], command + sys.argv[1:])
"""
    )


def _write_flow_test(folder: Path, rounds: int) -> None:
    dsl, conf = training(max_iter=rounds)
    conf["component_parameters"]["common"]["hetero_lr_0"]["tol"] = 0
    _write(folder / "train_dsl.json", dsl)
    _write(folder / "train_conf.json", conf)
    _write(folder / "flow_predict_conf.json", predict_conf(conf))
    upload = {"file": str(folder / "guest.csv"), "head": 1, "partition": 2, "work_mode": 0}
    names = {"namespace": "flow_test", "table_name": "flow_test_guest"}
    _write(folder / "upload_conf.json", {**upload, **names})
