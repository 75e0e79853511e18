"""Verbs of FATE's `flow` that need nothing but their request: one row each, made into commands.

A row names the route and the options under FATE's names; the answer is printed, or written to a
file where the verb gives one. Verbs that show their answer in a better way are written by hand
beside this table and win over it.
Source: FATE's flow 1.5 to 1.11.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from coordinator.client import show
from coordinator.client.answers import checked, nothing, read_json, write
from coordinator.client.archives import fetch, save
from coordinator.client.client import FlowClient
from coordinator.client.options import AsJson, Url, address

Reading = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Option:
    """An option of a verb.

    Attributes:
        field: of the request; a dot leads into an object.
        kind: what typer reads.
        read: from what was typed to what is posted.
    """

    flags: tuple[str, ...]
    field: str
    help: str
    kind: Any = str
    required: bool = False
    read: Reading = lambda typed: typed


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb of `flow`.

    Attributes:
        group, name: `flow <group> <name>`.
        path: of the route, below `/v1/`.
        conf: whether `-c` names a file with the request: `no`, `may` or `must`.
        gives: what `-o` gets: `nothing` (there is no such option), `json` or `text` (the data, in a
            file), `folder` (an archive, unpacked), `file` (an archive as it is).
        filename: what `json` is called in the folder that `-o` names; it names the file without.
        sends: field of the request whose file is sent along.
        turned: an option that leads to another route.
    """

    group: str
    name: str
    path: str
    help: str
    options: tuple[Option, ...] = ()
    conf: str = "no"
    gives: str = "nothing"
    filename: str = ""
    sends: str = ""
    turned: tuple[str, str] | None = None


def commas(typed: str) -> list[str]:
    """What stands between commas."""
    return [part.strip() for part in typed.split(",") if part.strip()]


def json_of(path: Path) -> dict[str, Any]:
    """The JSON object of a file."""
    return read_json(path)


def complete(groups: Mapping[str, typer.Typer], verbs: tuple[Verb, ...]) -> None:
    """Give each group the verbs of the table that it does not have yet."""
    for verb in verbs:
        group = groups[verb.group]
        known = {command.name for command in group.registered_commands}
        if verb.name not in known:
            group.command(verb.name, help=verb.help)(_command(verb))


def ask(client: FlowClient, verb: Verb, body: dict[str, Any]) -> dict[str, Any]:
    """What a verb's route answers, as it is; an archive is kept where `output_path` says.

    Raises:
        FlowError: the server said no.
        Unreachable: nobody answers.
        OSError: a file can not be read or written.
    """
    if verb.sends:
        file = Path(str(body.get(verb.sends, "")))
        return client.send(verb.path, body, file)
    if verb.gives in ("folder", "file"):
        folder = Path(str(body["output_path"]))
        kept = fetch if verb.gives == "folder" else save
        kept(client.url, verb.path, body, folder)
        return {"retcode": 0, "retmsg": f"written to {folder}", "data": None}
    return client.call(verb.path, body)


def _command(verb: Verb) -> Callable[..., None]:
    def run(**typed: Any) -> None:
        used = _turned(verb, typed)
        body = _body(used, typed)
        if used.gives in ("folder", "file") and not body.get("output_path"):
            raise typer.BadParameter("give a folder to write to: -o")
        answer = ask(FlowClient(address(typed["url"])), used, body)
        output = typed.get("output_path")
        if output is not None and used.gives in ("text", "json"):
            write(output / used.filename if used.filename else output, checked(answer))
        else:
            tell(answer, as_json=typed["as_json"])

    parameters = [
        *([_conf_parameter(verb)] if verb.conf != "no" else []),
        *(_parameter(option) for option in verb.options),
        *([_turn_parameter(verb)] if verb.turned else []),
        *([_output_parameter(verb)] if verb.gives != "nothing" else []),
        _named("url", Url, None),
        _named("as_json", AsJson, False),
    ]
    # Typer reads a command from its signature.
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in parameters} | {"return": None}
    return run


def tell(answer: dict[str, Any], *, as_json: bool) -> None:
    """Print an answer: its data, or the sentence where there is none.

    Raises:
        FlowError: the server said no.
    """
    if as_json:
        show.as_json(answer)
        checked(answer)
        return
    data = checked(answer)
    if not nothing(answer):
        show.as_json(data)


def _turned(verb: Verb, typed: Mapping[str, Any]) -> Verb:
    """The verb, or the one an option turns it into."""
    if verb.turned is None or not typed.get("turned"):
        return verb
    return replace(verb, path=verb.turned[1], sends="", gives="nothing", turned=None)


def _body(verb: Verb, typed: Mapping[str, Any]) -> dict[str, Any]:
    """The request: the conf, and over it what was typed."""
    conf = typed.get("conf_path")
    body: dict[str, Any] = {} if conf is None else read_json(conf)
    for option in verb.options:
        value = typed.get(_name(option))
        if value is None or value is False:
            continue
        place, _, name = option.field.rpartition(".")
        home = body.setdefault(place, {}) if place else body
        home[name] = option.read(value)
    if typed.get("output_path") is not None:
        body["output_path"] = str(typed["output_path"])
    return body


def _name(option: Option) -> str:
    return option.flags[-1].lstrip("-").replace("-", "_") + "_"


def _parameter(option: Option) -> inspect.Parameter:
    told = typer.Option(*option.flags, help=option.help)
    if option.required:
        return _named(_name(option), Annotated[option.kind, told], inspect.Parameter.empty)
    if option.kind is bool:
        return _named(_name(option), Annotated[bool, told], False)
    return _named(_name(option), Annotated[option.kind | None, told], None)


def _conf_parameter(verb: Verb) -> inspect.Parameter:
    told = typer.Option("-c", "--conf-path", help="JSON file with the request.")
    if verb.conf == "must":
        return _named("conf_path", Annotated[Path, told], inspect.Parameter.empty)
    return _named("conf_path", Annotated[Path | None, told], None)


def _turn_parameter(verb: Verb) -> inspect.Parameter:
    flag, path = verb.turned or ("", "")
    return _named("turned", Annotated[bool, typer.Option(flag, help=f"Ask {path} instead.")], False)


def _output_parameter(verb: Verb) -> inspect.Parameter:
    what = "Folder" if verb.gives == "folder" or verb.filename else "Folder or file"
    told = typer.Option("-o", "--output-path", help=f"{what} to write to.")
    return _named("output_path", Annotated[Path | None, told], None)


def _named(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, kind, default=default, annotation=annotation)
