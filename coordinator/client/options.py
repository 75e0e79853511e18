"""Options that verbs share, under FATE's names, and where the coordinator's address comes from.

Order of the address: `--url`, then the environment's TRIPACT_URL, then `flow-client init`'s file,
then this machine's standalone.
"""

import json
import os
import tomllib
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from coordinator.client.signer import APP_KEY, SECRET_KEY
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


class OfJob(TyperCommand):
    """A verb about one job: `job why JOB` is `job why -j JOB`."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """The usage, with the short form."""
        return ["[JOB]", *super().collect_usage_pieces(ctx)]

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take a leading word for the job."""
        named = args[:1] and not args[0].startswith("-")
        return super().parse_args(ctx, ["-j", *args] if named else args)


def settings_path() -> Path:
    """Where `flow-client init` keeps the address (XDG base directories)."""
    root = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(root) / "tripact" / "client.toml"


def save_url(url: str, app_key: str = "", secret_key: str = "") -> Path:
    """Keep an address, and an app that signs, for later calls; the file they are in."""
    path = settings_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = {"url": url}
    if app_key and secret_key:
        kept |= {"app_key": app_key, "secret_key": secret_key}
    path.touch(mode=0o600)
    path.chmod(0o600)
    # A JSON text in ASCII is a text of TOML.
    path.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in kept.items()))
    return path


def use_kept_app() -> None:
    """Sign as `flow-client init` was told, unless the environment says as whom."""
    try:
        kept = tomllib.loads(settings_path().read_text())
    except (ValueError, OSError):
        return  # told where the address is needed
    if kept.get("app_key") and kept.get("secret_key") and APP_KEY not in os.environ:
        os.environ[APP_KEY] = str(kept["app_key"])
        os.environ[SECRET_KEY] = str(kept["secret_key"])


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
