"""Settings of a party agent: a file, then the environment, then the command line; the last wins.

    party_agent.toml          cores = 8
    environment               TRIPACT_AGENT_CORES=8
    command line              --cores 8

`conf/party_agent.toml` documents every field with its default and why. A field that does not exist
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

PREFIX = "TRIPACT_AGENT_"
CONFIG_VARIABLE = f"{PREFIX}CONFIG"
CONFIG_FILE = "party_agent.toml"


class Settings(BaseModel):
    """Everything the owner of a party's machine may choose."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    home: Path = Field(Path(".tripact-agent"), description="keys, tables, models, logs, audit")
    tables: Path | None = Field(None, description="folder of the tables; None: <home>/tables")
    standalone: bool = Field(False, description="a local party of a standalone coordinator")
    orphan_timeout_s: float = Field(
        30.0, gt=0, description="standalone: how long to outlive the coordinator"
    )
    cores: int = Field(0, ge=0, le=4096, description="cores to offer; 0: all of this machine")
    gpus: int = Field(-1, ge=-1, le=64, description="GPUs to offer; -1: those that are found")
    tasks: int = Field(0, ge=0, le=4096, description="tasks at a time; 0: from the cores")
    upload_from: list[Path] | None = Field(
        None, description="folders of which jobs may make tables; None: standalone any, else none"
    )
    spare_workers: int = Field(2, ge=0, le=64, description="processes that wait for a task")
    backoff_first_s: float = Field(0.05, gt=0, le=60, description="wait before dialing again")
    backoff_most_s: float = Field(2.0, gt=0, le=600, description="the longest such wait")
    heartbeat_s: float = Field(10.0, gt=0, le=3600, description="how often a silent link is asked")
    metrics_every_ms: int = Field(100, ge=1, le=60_000, description="how often metrics leave")
    keep_spool_h: float = Field(24.0, gt=0, description="how long an unused upload is kept")
    keep_orders_h: float = Field(168.0, gt=0, description="how long ended orders are remembered")
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "json", "text"] = Field(
        "auto", description="auto: text on a terminal, JSON elsewhere"
    )


def load(
    flags: Mapping[str, Any],
    config: Path | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Settings:
    """The settings in effect.

    Args:
        flags: what the command line gives; None means not given.
        config: the file; without one `<home>/party_agent.toml` is read if it exists.

    Raises:
        InvalidSettings: the file can not be read, or a field is unknown or out of range.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    from_environment = {
        name.removeprefix(PREFIX).lower(): value
        for name, value in environment.items()
        if name.startswith(PREFIX) and name != CONFIG_VARIABLE
    }
    named = config or (
        Path(environment[CONFIG_VARIABLE]) if CONFIG_VARIABLE in environment else None
    )
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
