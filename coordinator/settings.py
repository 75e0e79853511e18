"""Settings of a coordinator: a file, then the environment, then the command line; the last wins.

    coordinator.toml          port = 9380
    environment               TRIPACT_COORDINATOR_PORT=9380
    command line              --port 9380

`conf/coordinator.toml` documents every field with its default and why. A field that does not exist
is refused, with the one that was probably meant.
"""

import difflib
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from federation.errors import InvalidSettings, Problem

PREFIX = "TRIPACT_COORDINATOR_"
CONFIG_VARIABLE = f"{PREFIX}CONFIG"
CONFIG_FILE = "coordinator.toml"


class Settings(BaseModel):
    """Everything an operator may choose."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    home: Path = Field(Path(".tripact"), description="database, identity, local parties")
    host: str = Field("127.0.0.1", min_length=1, description="address to listen on")
    port: int = Field(9380, ge=0, le=65535, description="port to listen on; 0 takes a free one")
    public_url: str = Field(
        "", pattern=r"^(https?://\S+)?$", description="where agents reach this coordinator"
    )
    database: str = Field(
        "",
        pattern=r"^((sqlite|postgres|postgresql)(\+\w+)?://\S+)?$",
        description="URL of the database (sqlite or postgresql); empty: SQLite in the home",
    )
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "json", "text"] = Field(
        "auto", description="auto: text on a terminal, JSON elsewhere"
    )
    access_log: bool = Field(False, description="a log line for each request")
    agent_grace_s: float = Field(
        3.0, ge=0, le=3600, description="how long an agent may be away before its tasks fail"
    )
    restart_grace_s: float = Field(
        15.0, ge=0, le=3600, description="the same, right after the coordinator has started"
    )
    heartbeat_s: float = Field(
        10.0, gt=0, le=3600, description="how often a silent agent is asked whether it lives"
    )
    lane_mib: int = Field(64, ge=1, le=4096, description="letters that may wait for one agent")
    largest_request_mib: int = Field(
        64, ge=1, le=65536, description="largest JSON request; files of uploads are not bounded"
    )
    keep_orders_h: float = Field(
        72.0, gt=0, description="how long orders are kept after their agent has them"
    )
    agent_start_s: float = Field(
        30.0, gt=0, le=600, description="standalone: how long a local agent may take to link"
    )
    orphan_timeout_s: float = Field(
        30.0, gt=0, description="standalone: how long agents outlive their coordinator"
    )
    most_local_parties: int = Field(
        32, ge=1, le=1024, description="standalone: how many parties this machine may run"
    )

    @property
    def database_url(self) -> str:
        """The database, as SQLAlchemy names it."""
        return self.database or f"sqlite+aiosqlite:///{self.home.absolute() / 'coordinator.db'}"


def load(
    flags: Mapping[str, Any],
    config: Path | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Settings:
    """The settings in effect.

    Args:
        flags: what the command line gives; None means not given.
        config: the file; without one `<home>/coordinator.toml` is read if it exists.

    Raises:
        InvalidSettings: the file can not be read, or a field is unknown or out of range.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    from_environment = _of_environment(environment)
    named = config or _path(environment.get(CONFIG_VARIABLE))
    home = Path(given.get("home") or from_environment.get("home") or Settings().home)
    file = named or home / CONFIG_FILE
    from_file = _of_file(file) if named or file.exists() else {}
    origins = {
        **dict.fromkeys(from_file, str(file)),
        **{name: f"{PREFIX}{name.upper()}" for name in from_environment},
        **{name: f"--{name.replace('_', '-')}" for name in given},
    }
    try:
        return Settings.model_validate({**from_file, **from_environment, **given})
    except ValidationError as error:
        raise InvalidSettings([_problem(e, origins) for e in error.errors()]) from None


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None


def _of_environment(environment: Mapping[str, str]) -> dict[str, str]:
    return {
        name.removeprefix(PREFIX).lower(): value
        for name, value in environment.items()
        if name.startswith(PREFIX) and name != CONFIG_VARIABLE
    }


def _of_file(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        reason = error.strerror or "it can not be read"
        raise InvalidSettings([Problem(str(file), reason)]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidSettings([Problem(str(file), f"not TOML: {error}")]) from None


def _problem(error: Any, origins: Mapping[str, str]) -> Problem:
    name = str(error["loc"][0]) if error["loc"] else ""
    path = f"{origins.get(name, '')} {name}".strip()
    if error["type"] != "extra_forbidden":
        return Problem(path, error["msg"])
    near = difflib.get_close_matches(name, Settings.model_fields, n=1)
    meant = f"did you mean {near[0]}?" if near else f"known are {', '.join(Settings.model_fields)}"
    return Problem(path, f"there is no such setting; {meant}")
