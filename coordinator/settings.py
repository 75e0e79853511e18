"""Settings of a coordinator: a file, then the environment, then the command line; the last wins.

    coordinator.toml          port = 9380
    environment               TRIPACT_COORDINATOR_PORT=9380
    command line              --port 9380

`conf/coordinator.toml` documents every field with its default and why. A field that does not exist
is refused, with the one that was probably meant.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from federation.program.settings import Sources


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
    require_signature: bool = Field(
        False, description="answer /v1 requests only if an app has signed them"
    )
    access_log: bool = Field(False, description="a log line for each request")
    old_lists: bool = Field(
        False, description="job/list answers bare lists, as FATE-Flow did before 1.8"
    )
    fateboard: str = Field(
        "",
        pattern=r"^(\S+:\d{1,5})?$",
        description="host:port of a FATEBoard that shows the jobs of this coordinator",
    )
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
        return self.database or f"sqlite:///{self.home.absolute() / 'coordinator.db'}"


SOURCES = Sources(Settings, "TRIPACT_COORDINATOR_", "coordinator.toml")


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
    return SOURCES.load(flags, config, environment)
