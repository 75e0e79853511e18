"""Settings of a party agent: a file, then the environment, then the command line; the last wins.

    party_agent.toml          cores = 8
    environment               TRIPACT_AGENT_CORES=8
    command line              --cores 8

`conf/party_agent.toml` documents every field with its default and why. A field that does not exist
is refused, with the one that was probably meant.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from federation.errors import MalformedMessage
from federation.program.settings import Sources
from party_agent.addresses import Address


def _an_address(text: str | None) -> str | None:
    if text:
        try:
            Address.parse(text)
        except MalformedMessage as error:
            raise ValueError(error.message) from None
    return text


class GatewaySettings(BaseModel):
    """The party's own door."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    listen: str = Field("", description="host:port; empty: no gateway")
    open: bool = Field(False, description="serve whoever comes, not only this party's users")

    _address = field_validator("listen")(_an_address)


class Settings(BaseModel):
    """Everything the owner of a party's machine may choose."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    home: Path = Field(Path(".tripact-agent"), description="keys, tables, models, logs, audit")
    tables: Path | None = Field(None, description="folder of the tables; None: <home>/tables")
    standalone: bool = Field(False, description="a local party of a standalone coordinator")
    orphan_timeout_s: float = Field(
        30.0, gt=0, description="standalone: how long to outlive the coordinator"
    )
    cores: int = Field(0, ge=0, le=4096, description="cores to lend to jobs; 0: 4 per core")
    gpus: int = Field(-1, ge=-1, le=64, description="GPUs to offer; -1: those that are found")
    tasks: int = Field(0, ge=0, le=4096, description="tasks at a time; 0: the lent cores")
    upload_from: list[Path] | None = Field(
        None, description="folders of which jobs may make tables; None: standalone any, else none"
    )
    download_to: list[Path] | None = Field(
        None, description="folders in which tables may be written; None: standalone any, else none"
    )
    gateway: GatewaySettings = Field(
        default_factory=GatewaySettings, description="the party's own door, for its own users"
    )
    spare_workers: int = Field(2, ge=0, le=64, description="processes that wait for a task")
    backoff_first_s: float = Field(0.05, gt=0, le=60, description="wait before dialing again")
    backoff_most_s: float = Field(2.0, gt=0, le=600, description="the longest such wait")
    heartbeat_s: float = Field(10.0, gt=0, le=3600, description="how often a silent link is asked")
    direct_listen: str | None = Field(
        None, description="host:port for direct links of peers; None: only through the coordinator"
    )
    direct_address: str | None = Field(
        None, description="host:port that peers dial, if it is another than direct_listen"
    )
    metrics_every_ms: int = Field(100, ge=1, le=60_000, description="how often metrics leave")
    keep_spool_h: float = Field(24.0, gt=0, description="how long an unused upload is kept")
    keep_orders_h: float = Field(168.0, gt=0, description="how long ended orders are remembered")
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "json", "text"] = Field(
        "auto", description="auto: text on a terminal, JSON elsewhere"
    )

    _addresses = field_validator("direct_listen", "direct_address")(_an_address)

    @field_validator("gateway", mode="before")
    @classmethod
    def _listen_alone(cls, value: object) -> object:
        """The environment says where to listen, and nothing else of it."""
        return {"listen": value} if isinstance(value, str) else value


SOURCES = Sources(Settings, "TRIPACT_AGENT_", "party_agent.toml")


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
    return SOURCES.load(flags, config, environment)
