"""Services of this party: each a name under which a loaded model answers.

A loaded model is a task of a serving job that runs: one process at this party, which keeps the
model in memory and its channel to the hosts open. Bindings are kept in `services.json` of the home;
after a restart they hold as soon as the job's task runs again.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from federation.errors import (
    LinkClosed,
    ModelNotLoaded,
    ServiceNotBound,
    ServingNotReady,
    TooManyRequests,
    Unavailable,
)
from federation.spec.dsl import SERVING
from federation.spec.party import GUEST
from party_agent.attempt import Attempt
from party_agent.home import write_atomically
from party_agent.runner import Runner

MOST_WAITING = 1024
ANSWER_S = 30.0


@dataclass(frozen=True, slots=True)
class Service:
    """What answers under a service id."""

    service_id: str
    model_id: str
    model_version: str


@dataclass(frozen=True, slots=True)
class Asked:
    """One row to predict.

    Attributes:
        id: what the hosts look it up by.
        features: this party's own values by name.
    """

    id: str
    features: Mapping[str, Any]


class ServingDesk:
    """All services of this party."""

    def __init__(self, folder: Path, runner: Runner) -> None:
        self._file = folder / "services.json"
        self._runner = runner
        self._waiting = 0

    def bind(self, service: Service) -> None:
        """Let a loaded model answer under a name, in place of another.

        Raises:
            ModelNotLoaded: it is not loaded here.
        """
        self._loaded(service.model_version)
        said = {name: [s.model_id, s.model_version] for name, s in self._services().items()}
        said[service.service_id] = [service.model_id, service.model_version]
        write_atomically(self._file, json.dumps(said, indent=1, sort_keys=True).encode() + b"\n")

    def get(self, service_id: str) -> Service:
        """The service of that name.

        Raises:
            ServiceNotBound: there is none.
        """
        service = self._services().get(service_id)
        if service is None:
            raise ServiceNotBound(service_id)
        return service

    async def ready(self, model_version: str, timeout_s: float) -> None:
        """Wait until a model that is being loaded can answer.

        Raises:
            ModelNotLoaded, Unavailable: it is not, ended meanwhile, or took too long.
        """
        attempt = self._loaded(model_version)
        try:
            await attempt.ask({"rows": []}, timeout_s)
        except (LinkClosed, TimeoutError):
            raise ServingNotReady(model_version, attempt.state) from None

    async def predict(self, service: Service, rows: Sequence[Asked]) -> list[dict[str, Any]]:
        """An answer for each row: `code`, and a score or a `message`.

        Raises:
            ModelNotLoaded, ServingNotReady, TooManyRequests: nothing can be answered.
        """
        attempt = self._loaded(service.model_version)
        if self._waiting >= MOST_WAITING:
            raise TooManyRequests(MOST_WAITING)
        question = {"rows": [{"id": row.id, "features": dict(row.features)} for row in rows]}
        self._waiting += 1
        try:
            told = await attempt.ask(question, ANSWER_S)
        except LinkClosed:
            raise ServingNotReady(service.model_version, attempt.state) from None
        except TimeoutError:
            raise Unavailable(f"no answer within {ANSWER_S:g} s") from None
        finally:
            self._waiting -= 1
        return list(told["rows"])

    def _loaded(self, model_version: str) -> Attempt:
        """The newest task that serves a version."""
        for attempt in reversed(self._runner.attempts):
            order = attempt.order
            serves = order.task.module == SERVING and order.task.role is GUEST
            if serves and order.model_version == model_version and attempt.stopped is None:
                return attempt
        raise ModelNotLoaded(model_version)

    def _services(self) -> dict[str, Service]:
        try:
            said = json.loads(self._file.read_text())
            return {name: Service(name, *map(str, model)) for name, model in said.items()}
        except FileNotFoundError:
            return {}
        except (ValueError, TypeError, AttributeError):
            raise Unavailable(f"{self._file} is damaged; bind the services again") from None
