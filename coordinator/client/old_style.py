"""The command line of FATE 1.4 and before: `flow-client -f submit_job -c conf.json -d dsl.json`.

Each function is a verb of today under its old name. The answer is printed as JSON and nothing else
is, a no of the server too, since scripts read both streams as one; a no exits 1.
Source: fate_flow_client.py of FATE 1.2 to 1.4.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import typer

from coordinator.client import show
from coordinator.client.answers import read_json
from coordinator.client.archives import fetch, save
from coordinator.client.client import FlowClient, FlowError
from coordinator.client.options import address

FLAGS = ("-f", "--function")
Typed = argparse.Namespace
Answer = dict[str, Any]
Run = Callable[[FlowClient, Typed, dict[str, Any]], Answer]


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the old client.

    Attributes:
        path: of the route, below `/v1/`.
        run: how it is asked; the usual way posts what was typed as JSON.
        conf: it needs `-c`.
    """

    path: str
    run: Run | None = None
    conf: bool = False


def is_old_style(arguments: Sequence[str]) -> bool:
    """Whether a command line is one of the old client."""
    return any(part in FLAGS or part.startswith("--function=") for part in arguments[:1])


def run_old_style(arguments: Sequence[str]) -> None:
    """Run a command line of the old client.

    Raises:
        SystemExit: 2, it is not one; 1, the server said no.
        Unreachable: nobody answers.
        OSError: a file can not be read or written.
    """
    typed = _PARSER.parse_args(list(arguments))
    function = FUNCTIONS[typed.function]
    try:
        if function.conf and typed.config is None:
            raise typer.BadParameter(f"{typed.function} needs a conf: -c")
        body = _body(typed)
        client = FlowClient(address(typed.url or os.environ.get("TRIPACT_URL")))
        run = function.run or _post(function.path)
        answer = run(client, typed, body)
    except FlowError as error:
        answer = error.answer
    except typer.BadParameter as error:
        _PARSER.error(error.format_message())
    show.as_json(answer)
    if answer.get("retcode") != 0:
        sys.exit(1)


def _body(typed: Typed) -> dict[str, Any]:
    """The request: the conf, over it what was typed, and the seat as `local` too."""
    body = {} if typed.config is None else read_json(Path(typed.config))
    body |= {
        name: value for name, value in vars(typed).items() if name in _FIELDS and value is not None
    }
    local = {name: body[name] for name in ("role", "party_id") if name in vars(typed) and
             getattr(typed, name) is not None}  # fmt: skip
    if body.get("output_path"):
        body["output_path"] = str(Path(str(body["output_path"])).absolute())
    return {**body, **({"local": local} if local else {}), "function": typed.function}


def _post(path: str) -> Run:
    def run(client: FlowClient, _: Typed, body: dict[str, Any]) -> Answer:
        return client.call(path, body)

    return run


def _submit(client: FlowClient, typed: Typed, body: dict[str, Any]) -> Answer:
    dsl = {} if typed.dsl is None else read_json(Path(typed.dsl))
    return client.call("job/submit", {"job_dsl": dsl, "job_runtime_conf": body})


def _upload(client: FlowClient, typed: Typed, body: dict[str, Any]) -> Answer:
    """A file of this machine is sent; with `use_local_data: 0` it is one of the server's."""
    if str(body.get("use_local_data", 1)) == "0":
        return client.call("data/upload", body)
    file = Path(str(body.get("file", "")))
    beside = Path(typed.config).parent / file
    return client.send_upload(beside if beside.is_file() else file, body)


def _import(client: FlowClient, _: Typed, body: dict[str, Any]) -> Answer:
    return client.send("model/import", body, Path(str(body.get("file", ""))))


def _kept(path: str, folder_of: Callable[[Mapping[str, Any]], str]) -> Run:
    def run(client: FlowClient, _: Typed, body: dict[str, Any]) -> Answer:
        folder = Path(_output(body)) / folder_of(body)
        fetch(client.url, path, body, folder)
        return _written(folder)

    return run


def _export(client: FlowClient, _: Typed, body: dict[str, Any]) -> Answer:
    folder = Path(_output(body))
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder, prefix=".export") as fresh:
        save(client.url, "model/export", body, Path(fresh))
        (file,) = Path(fresh).iterdir()
        kept = file.replace(folder / file.name)
    return {**_written(kept), "file": str(kept)}


def _job_config(client: FlowClient, _: Typed, body: dict[str, Any]) -> Answer:
    answer = client.call("job/config", body)
    if answer.get("retcode") != 0:
        raise FlowError(answer)
    folder = Path(_output(body)) / f"job_{body.get('job_id')}_config"
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in answer["data"].items():
        (folder / f"{name}.json").write_text(json.dumps(value, indent=4))
    return _written(folder)


def _output(body: Mapping[str, Any]) -> str:
    if not body.get("output_path"):
        raise typer.BadParameter(f"{body['function']} needs a folder: -o")
    return str(body["output_path"])


def _written(place: Path) -> Answer:
    return {"retcode": 0, "retmsg": f"written to {place}", "directory": str(place), "data": {}}


def _log_folder(body: Mapping[str, Any]) -> str:
    return f"job_{body.get('job_id')}_log"


def _data_folder(body: Mapping[str, Any]) -> str:
    seat = ("job_id", "component_name", "role", "party_id")
    return f"job_{'_'.join(str(body[name]) for name in seat if name in body)}_output_data"


_OUTPUT = "tracking/component/output"
FUNCTIONS = {
    "submit_job": Function("job/submit", _submit, conf=True),
    "stop_job": Function("job/stop"),
    "query_job": Function("job/query"),
    "job_config": Function("job/config", _job_config),
    "job_log": Function("job/log", _kept("job/log", _log_folder)),
    "data_view_query": Function("job/data/view/query"),
    "query_task": Function("job/task/query"),
    "clean_job": Function("job/clean"),
    "clean_queue": Function("job/clean/queue"),
    "component_parameters": Function("tracking/component/parameters"),
    "component_metric_all": Function("tracking/component/metric/all"),
    "component_metrics": Function("tracking/component/metrics"),
    "component_metric_delete": Function("tracking/component/metric/delete"),
    "component_output_model": Function(f"{_OUTPUT}/model"),
    "component_output_data": Function(
        f"{_OUTPUT}/data/download", _kept(f"{_OUTPUT}/data/download", _data_folder)
    ),
    "component_output_data_table": Function(f"{_OUTPUT}/data/table"),
    "upload": Function("data/upload", _upload, conf=True),
    "download": Function("data/download", conf=True),
    "upload_history": Function("data/upload/history"),
    "table_info": Function("table/table_info"),
    "table_delete": Function("table/delete"),
    "load": Function("model/load", conf=True),
    "bind": Function("model/bind", conf=True),
    "store": Function("model/store", conf=True),
    "restore": Function("model/restore", conf=True),
    "export": Function("model/export", _export, conf=True),
    "import": Function("model/import", _import, conf=True),
    "version": Function("model/version"),
    "grant_privilege": Function("permission/grant/privilege"),
    "query_privilege": Function("permission/query/privilege"),
    "delete_privilege": Function("permission/delete/privilege"),
}
"""Name of a function -> what it does now."""

_OPTIONS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("-j", "--job_id"), "job_id"),
    (("-p", "--party_id"), "party_id"),
    (("-r", "--role"), "role"),
    (("-cpn", "--component_name"), "component_name"),
    (("-s", "--status"), "status"),
    (("-n", "--namespace"), "namespace"),
    (("-t", "--table_name"), "table_name"),
    (("-w", "--work_mode"), "work_mode"),
    (("-i", "--file"), "file"),
    (("-o", "--output_path"), "output_path"),
    (("-m", "--model"), "model"),
    (("-drop", "--drop"), "drop"),
    (("-limit", "--limit"), "limit"),
    (("-src_party_id", "--src_party_id"), "src_party_id"),
    (("-src_role", "--src_role"), "src_role"),
    (("-privilege_role", "--privilege_role"), "privilege_role"),
    (("-privilege_command", "--privilege_command"), "privilege_command"),
    (("-privilege_component", "--privilege_component"), "privilege_component"),
)
_FIELDS = frozenset(name for _, name in _OPTIONS)
_NUMBERS = frozenset({"limit", "drop", "work_mode"})


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("flow-client", description=__doc__.partition("\n")[0])
    parser.add_argument(*FLAGS, dest="function", choices=sorted(FUNCTIONS), required=True)
    parser.add_argument("-c", "--config")
    parser.add_argument("-d", "--dsl")
    parser.add_argument("--url")
    for flags, name in _OPTIONS:
        parser.add_argument(*flags, dest=name, type=int if name in _NUMBERS else str)
    return parser


_PARSER = _parser()
