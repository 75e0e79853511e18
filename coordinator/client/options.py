"""Options that verbs share, under FATE's names, and where the coordinator's address comes from.

Order of the address: `--url`, then the environment's TRIPACT_URL, then `flow-client init`'s file,
then this machine's standalone.
"""

import os
import tomllib
from pathlib import Path
from typing import Annotated

import typer

from coordinator.client.transport import Transport

DEFAULT_URL = "http://127.0.0.1:9380"

Url = Annotated[
    str | None,
    typer.Option("--url", envvar="TRIPACT_URL", help="The coordinator's address."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the server's JSON and nothing else.")]
JobId = Annotated[str, typer.Option("-j", "--job-id", help="Job id.")]
MaybeJobId = Annotated[str | None, typer.Option("-j", "--job-id", help="Job id.")]
MaybeRole = Annotated[
    str | None, typer.Option("-r", "--role", help="guest, host, arbiter or local.")
]
MaybeParty = Annotated[str | None, typer.Option("-p", "--party-id", help="Party id.")]
Component = Annotated[
    str, typer.Option("-cpn", "--component-name", help="Component, as the DSL names it.")
]
MaybeComponent = Annotated[
    str | None,
    typer.Option("-cpn", "--component-name", help="Component, as the DSL names it."),
]
Conf = Annotated[Path, typer.Option("-c", "--conf-path", help="JSON file with the conf.")]
Output = Annotated[
    Path | None, typer.Option("-o", "--output-path", help="Folder or file to write to.")
]
Limit = Annotated[int, typer.Option("-l", "--limit", min=0, help="How many; 0 is all.")]


def settings_path() -> Path:
    """Where `flow-client init` keeps the address (XDG base directories)."""
    root = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(root) / "tripact" / "client.toml"


def save_url(url: str) -> Path:
    """Keep an address for later calls; the file it is in."""
    path = settings_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    escaped = url.replace("\\", "\\\\").replace('"', '\\"')
    path.write_text(f'url = "{escaped}"\n')
    return path


def address(given: str | None) -> str:
    """The coordinator's address.

    Raises:
        typer.BadParameter: it is no address, or the settings file is broken.
    """
    url = given or _kept()
    try:
        return Transport(url, timeout_s=1.0).url
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _kept() -> str:
    """The address `flow-client init` kept, or this machine's."""
    path = settings_path()
    if not path.exists():
        return DEFAULT_URL
    try:
        return str(tomllib.loads(path.read_text())["url"])
    except (ValueError, KeyError, OSError) as error:
        raise typer.BadParameter(
            f"{path} is broken ({error}); run `flow-client init` again"
        ) from None
