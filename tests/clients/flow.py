"""FATE's `flow` as tests use it: run a command, read the envelope it printed."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.clients.recipes import Box

Envelope = dict[str, Any]
GUEST_SEAT = ("-r", "guest", "-p", 9999)


@dataclass(frozen=True, slots=True)
class Trained:
    """A training that ended well."""

    job_id: str
    model_id: str
    model_version: str


def of(trained: Trained, component: str) -> tuple[object, ...]:
    """Options that name a component of a training at the guest."""
    return ("-j", trained.job_id, *GUEST_SEAT, "-cpn", component)


def model(trained: Trained) -> tuple[object, ...]:
    """Options that name the model of a training."""
    return ("--model-id", trained.model_id, "--model-version", trained.model_version)


@dataclass(frozen=True, slots=True)
class Flow:
    """The `flow` of one installed client, told where the server is."""

    box: Box

    def __call__(self, *arguments: object, limit_s: float = 300.0) -> Envelope:
        """Run a command; the envelope it printed.

        It fails if the client printed a traceback, as it does for answers it can not read.
        """
        said = self.box.run("flow", *map(str, arguments), limit_s=limit_s)
        assert not said.startswith("Traceback") and "\nTraceback" not in said, said
        start = said.find("\n{\n") + 1 or said.find("{\n")
        assert start >= 0, said
        envelope, _ = json.JSONDecoder().raw_decode(said[start:])
        assert isinstance(envelope, dict), said
        return envelope

    def done(self, *arguments: object) -> Envelope:
        """Run a command that must go well."""
        said = self(*arguments)
        assert said["retcode"] == 0, said
        return said

    def refused(self, *arguments: object) -> str:
        """Run a command that must be refused; the sentence that the client printed."""
        said = self(*arguments)
        assert isinstance(said["retcode"], int), said
        assert said["retcode"] != 0, said
        assert said["retmsg"], said
        return str(said["retmsg"])

    def document(self, name: str, value: Any) -> str:
        """Write a JSON file for a command to read; its path."""
        path = Path(self.box.work) / name
        path.write_text(json.dumps(value))
        return str(path)
